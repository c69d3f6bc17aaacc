"""The library's log of a group: ids, epochs, bounds, idempotency, envelopes (no node takes part)."""

import msgpack
import redis as redis_py

from functions_case import DEFAULTS, INBOX, FunctionsCase, group_key, library, position, unpack_push
from support.case import main
from support.paths import source_path
from support.wait import until

OFF = "0 300000 8388608 100000"


class Log(FunctionsCase):
    def test_offsets_count_from_one_without_a_hole(self):
        ids = [position(self.publish(str(n))[0]) for n in range(250)]
        self.assertEqual([offset for _, offset in ids], list(range(1, 251)))
        self.assertEqual(len({epoch for epoch, _ in ids}), 1)

    def test_a_push_is_id_predecessor_and_body(self):
        listener = self.redis.client()
        self.addCleanup(listener.close)
        listener.connection_pool.connection_kwargs["socket_timeout"] = 10
        connection = listener.connection_pool.get_connection("SSUBSCRIBE")
        self.addCleanup(connection.disconnect)
        connection.send_command("SSUBSCRIBE", self.k)
        connection.read_response()
        first = self.publish("größe", sender="alice")[0]
        second = self.publish(b"\x00\xff", kind=2, flags=1)[0]
        off = self.publish("{}", kind=0, cfg=OFF)[0]
        pushes = [unpack_push(connection.read_response()[2]) for _ in range(3)]
        self.assertEqual(pushes, [
            [first, b"", [1, 0, b"alice", "größe".encode()]],
            [second, None, [2, 1, b"", b"\x00\xff"]],
            [b"", None, [0, 0, b"", b"{}"]]])
        self.assertEqual(off, b"")

    def test_what_is_stored_is_the_same_body_for_every_length(self):
        sizes = (0, 1, 31, 32, 255, 256, 65535, 65536, 300001, 1048576)
        for size in sizes:
            self.publish("p" * size, sender="s" * (size % 129))
        _, _, entries = self.read()
        self.assertEqual([msgpack.unpackb(body, raw=True) for _, _, body in entries],
                         [[1, 0, b"s" * (size % 129), b"p" * size] for size in sizes])

    def test_only_the_first_of_an_epoch_has_a_predecessor(self):
        self.publish("a")
        self.publish("b")
        _, _, entries = self.read()
        self.assertEqual([previous for _, previous, _ in entries], [b"", None])

    def test_many_in_one_call_follow_each_other(self):
        before = self.publish("0")[0]
        words = [word for n in range(1, 300) for word in (1, 0, "me", str(n))]
        last = self.call("cw_node_publish_many", self.k, DEFAULTS.replace("100 ", "1000 "), *words)
        self.assertEqual(position(last), (position(before)[0], 300))
        self.assertEqual(self.payloads(), [str(n).encode() for n in range(300)])
        self.assertEqual(self.call("cw_node_publish_many", group_key("new"), OFF, 1, 0, "", "x"), b"")
        fresh = self.call("cw_node_publish_many", group_key("fresh"), DEFAULTS, *words[:8])
        self.assertEqual(position(fresh)[1], 2)
        self.assertBad("FCALL", "cw_node_publish_many", 1, self.k, DEFAULTS, 1, 0, "me")

    def append(self, *bodies, group=None, cfg=DEFAULTS):
        return self.call("cw_node_append", group or self.k, cfg, *[msgpack.packb(body) for body in bodies])

    def test_packed_bodies_are_appended_as_they_are(self):
        before = self.publish("0")[0]
        bodies = [[n % 3, n % 2, "me", "x" * n] for n in range(1, 300)]
        last = self.append(*bodies, cfg=DEFAULTS.replace("100 ", "1000 "))
        self.assertEqual(position(last), (position(before)[0], 300))
        entries = [(position(identity), msgpack.unpackb(body)) for identity, _, body in self.read()[2]]
        self.assertEqual(entries[1:], [((position(before)[0], 2 + n), body) for n, body in enumerate(bodies)])
        self.assertEqual(self.append([1, 0, "", "x"], group=group_key("new"), cfg=OFF), b"")
        self.assertEqual(position(self.append(*bodies[:2], group=group_key("fresh")))[1], 2)

    def test_what_is_known_of_a_group_is_what_was_written_last(self):
        one = [1, 0, "", "x"]
        first = position(self.append(one))
        self.assertGreater(self.r.pttl(self.k), 0)
        for n in range(2, 6, 2):
            self.join("u")
            self.assertEqual(position(self.append(one)), (first[0], n))
            self.assertEqual(self.r.pttl(self.k), -1, "there are members")
            self.leave("u")
            self.r.pexpire(self.k, 5000)
            self.assertEqual(position(self.append(one)), (first[0], n + 1))
            self.assertGreater(self.r.pttl(self.k), 5000, "there are none")
        self.join("u", cfg="2 300000 8388608 9")
        for _ in range(300):
            self.append(one, cfg="2 300000 8388608 9")
        self.assertLess(self.r.xlen(self.k + ":h"), 150)
        self.assertEqual(self.r.hget(self.k, "o"), b"305")
        self.r.hset(self.k, "b", "another")  # by a Lua state elsewhere: a slot of a Redis Cluster came back
        self.assertGreater(position(self.append(one))[0], first[0])
        self.r.hset(self.k, "m", "1")  # so, too
        self.r.persist(self.k)
        self.append(one)
        self.assertEqual(self.r.pttl(self.k), -1)

    def test_more_groups_than_are_known(self):
        keys = [group_key(str(n)) for n in range(10050)]
        epochs = []
        for offset in (1, 2, 3):
            pipe = self.r.pipeline(transaction=False)
            for key in keys:
                pipe.execute_command("FCALL", "cw_node_append", 1, key, DEFAULTS, b"\x94\x01\x00\xa0\xa1x")
            found = [position(identity) for identity in pipe.execute()]
            self.assertEqual({found_offset for _, found_offset in found}, {offset})
            epochs.append([epoch for epoch, _ in found])
        self.assertEqual(epochs[0], epochs[1])
        self.assertEqual(epochs[0], epochs[2])

    def test_a_bad_cfg_is_refused_before_anything_is_written(self):
        for cfg in ("", "100", "100 300000 8388608", "a b c d", "-1 1 1 1", "1 2 3 4 5 6", " 1 2 3 4"):
            with self.subTest(cfg=cfg):
                self.assertBad("FCALL", "cw_node_publish", 1, self.k, 1, 0, "", "x", cfg, "")
                self.assertBad("FCALL", "cw_node_join", 1, self.k, cfg, "n.1", 0, "u", "")
        self.assertEqual(self.r.keys("*"), [])

    # --- reading

    def test_reading_begins_after_since_and_tells_the_tip(self):
        ids = [position(self.publish(str(n))[0]) for n in range(10)]
        tip, more, entries = self.read(ids[6])
        self.assertEqual((tip, more), (ids[9], False))
        self.assertEqual([position(identity) for identity, _, _ in entries], ids[7:])
        self.assertEqual(self.read(ids[9]), (ids[9], False, []))
        self.assertEqual(self.read((ids[9][0] + 1, 0)), (ids[9], False, []))
        self.assertEqual(self.read((2 ** 64 - 1, 2 ** 64 - 1)), (ids[9], False, []))

    def test_reading_pages_by_count_and_by_bytes(self):
        ids = [position(self.publish("x" * 1000, cfg="1000 300000 8388608 9")[0]) for _ in range(500)]
        for count, max_bytes, expected in ((1, 10 ** 8, 1), (499, 10 ** 8, 499), (500, 10 ** 8, 500),
                                           (501, 10 ** 8, 500), (500, 1, 4), (500, 100000, 100)):
            with self.subTest(count=count, max_bytes=max_bytes):
                _, more, entries = self.read((0, 0), count, max_bytes)
                self.assertEqual(more, len(entries) < 500)
                self.assertTrue(expected <= len(entries) <= expected + 4, len(entries))
                self.assertLessEqual(len(entries), count)
        seen, since, more = [], (0, 0), True
        while more:
            _, more, entries = self.read(since, 200, 40000)
            seen += [position(identity) for identity, _, _ in entries]
            since = seen[-1]
        self.assertEqual(seen, ids)

    def test_reading_an_unknown_group_gives_nothing(self):
        self.assertEqual(self.read(), ((0, 0), False, []))

    # --- epochs

    def assertNewEpoch(self, before, previous):
        """The next message opens a later epoch that names `previous` as its predecessor."""
        now = position(self.publish("after")[0])
        self.assertGreater(now[0], before[0])
        self.assertEqual(now[1], 1)
        self.assertEqual(self.read((now[0], 0))[2][0][1], previous)
        return now

    def test_loading_the_library_again_opens_an_epoch(self):
        first = self.publish()[0]
        self.load()
        self.assertNewEpoch(position(first), first)

    def test_a_restart_of_redis_opens_an_epoch_and_keeps_the_log(self):
        server = self.own_redis(options=["--appendfsync", "always"])
        old, type(self).r = self.r, server.client()
        self.addCleanup(setattr, type(self), "r", old)
        self.load()
        first, second = self.publish("one")[0], self.publish("two", key="k")[0]
        server.kill()
        server.start()
        self.assertGreater(self.r.execute_command("FCALL_RO", "cw_version", 0), 0)
        self.assertEqual(self.publish("two", key="k"), (second, True))
        self.assertNewEpoch(position(first), second)
        self.assertEqual(self.payloads(), [b"one", b"two", b"after"])

    def test_lost_data_opens_an_epoch_without_a_predecessor(self):
        first = self.publish()[0]
        self.r.flushall()
        self.assertNewEpoch(position(first), b"")

    def test_an_epoch_is_later_than_a_clock_that_went_back(self):
        late = 9 * 10 ** 15
        self.publish()
        self.r.hset(self.k, mapping={"e": late, "b": "other", "o": 7})
        self.assertNewEpoch((late, 7), b"%d-7" % late)

    def test_a_lost_hash_is_found_again_by_the_stream(self):
        self.publish("a")
        second = self.publish("b")[0]
        self.r.delete(self.k)
        self.assertEqual(self.read()[0], position(second))
        self.assertNewEpoch(position(second), second)
        late = (8 * 10 ** 15, 3)
        self.r.delete(self.k)
        self.r.xadd(self.k + ":h", {"d": b"?"}, id="%d-%d" % late)
        self.assertNewEpoch(late, b"%d-%d" % late)

    def test_an_entry_that_should_not_be_there_opens_an_epoch(self):
        first = position(self.publish()[0])
        late = (first[0], 50)
        self.r.xadd(self.k + ":h", {"d": b"?"}, id="%d-%d" % late)
        self.assertNewEpoch(late, b"%d-%d" % late)

    def test_the_last_id_outlives_the_stream(self):
        first = position(self.publish()[0])
        for end in (lambda: self.r.delete(self.k + ":h"), lambda: self.r.pexpire(self.k + ":h", 1)):
            before = position(self.publish()[0])
            end()
            until(lambda: not self.r.exists(self.k + ":h"), "the stream is gone", 5)
            self.assertEqual(self.read((0, 0)), (before, False, []))
            self.assertEqual(self.join("u"), before)
            after = position(self.publish()[0])
            self.assertEqual(after, (first[0], before[1] + 1))

    # --- bounds

    def test_at_least_size_messages_are_kept_and_not_many_more(self):
        for size in (1, 2, 100, 1000):
            with self.subTest(size=size):
                self.k = group_key("s%d" % size)
                cfg = "%d 300000 8388608 9" % size
                for published in (size, size + 1, 3 * size + 150):
                    while position(self.publish("m", cfg=cfg)[0])[1] < published:
                        pass
                    self.assertTrue(size <= self.r.xlen(self.k + ":h") <= size + 100)

    def kept_bytes(self):
        return sum(len(body) for _, _, body in self.read()[2])

    def test_bytes_are_a_bound_and_the_oldest_go_first(self):
        # A body is 1 + 1 + 1 + 1 + payload + its own header of 2: 100 bytes here.
        cfg = "1000 300000 1000 9"
        for n in range(10):
            self.publish("%02d" % n + "x" * 92, cfg=cfg)
        self.assertEqual((len(self.payloads()), self.kept_bytes()), (10, 1000))
        self.publish("10" + "x" * 92, cfg=cfg)
        self.assertEqual([payload[:2] for payload in self.payloads()],
                         [b"%02d" % n for n in range(1, 11)])
        self.publish("", cfg=cfg)  # 5 bytes push out 100
        self.assertEqual((len(self.payloads()), self.kept_bytes()), (10, 905))
        self.publish("y" * 2000, cfg=cfg)  # larger than all: alone, but kept
        self.assertEqual(self.payloads(), [b"y" * 2000])
        self.publish("z", cfg=cfg)
        self.assertEqual(self.payloads(), [b"z"])

    def test_bytes_are_kept_to_whatever_size_and_epochs_do(self):
        cfg = "20 300000 20000 9"
        sizes = [(n * 7919) % 3000 for n in range(400)]
        for n, size in enumerate(sizes):
            if n == 150:
                self.load()
            if n == 200:
                self.r.delete(self.k)
            if n == 250:
                self.r.delete(self.k + ":h")
            if n == 300:
                cfg = "1000 300000 5000 9"
            self.publish("p" * size, cfg=cfg)
            kept = self.payloads()
            bound = int(cfg.split()[2])
            self.assertTrue(self.kept_bytes() <= bound or len(kept) == 1, (n, self.kept_bytes()))
            newest = [b"p" * size for size in sizes[n + 1 - len(kept):n + 1]]
            self.assertEqual(kept, newest)
            if n >= 350:  # as many as fit: one more would be too much
                more = self.kept_bytes() + sizes[n - len(kept)]
                self.assertGreater(more + 10, bound)

    def test_the_stream_ends_by_its_ttl_and_the_hash_later(self):
        self.publish(cfg="100 5000 8388608 9")
        self.assertTrue(0 < self.r.pttl(self.k + ":h") <= 5000)
        self.assertTrue(86400000 < self.r.pttl(self.k) <= 86405000)
        self.r.pexpire(self.k + ":h", 100)
        self.r.pexpire(self.k, 100)
        self.publish(cfg="100 5000 8388608 9")
        self.assertGreater(self.r.pttl(self.k + ":h"), 1000)
        self.assertGreater(self.r.pttl(self.k), 86400000)

    # --- no history

    def test_without_history_nothing_is_stored(self):
        self.assertEqual(self.publish(cfg=OFF), (b"", False))
        self.assertEqual(self.r.hgetall(self.k), {b"cfg": OFF.encode()})
        self.assertEqual(self.r.keys("*"), [self.k.encode()])
        self.assertGreater(self.r.pttl(self.k), 0)
        self.assertEqual(self.join("u", cfg=OFF), (0, 0))

    def test_history_switched_off_and_on_is_told_as_a_gap(self):
        first = position(self.publish()[0])
        self.publish(cfg=OFF)
        self.assertEqual(self.read(), ((0, 0), False, []))
        self.assertFalse(self.r.exists(self.k + ":h"))
        self.publish(cfg=OFF)
        self.assertNewEpoch(first, b"")

    def test_what_a_node_said_last_of_a_group_holds_for_back_ends(self):
        self.publish(cfg="3 300000 8388608 9")
        self.r.fcall("cw_publish", 1, self.k, "text", "y")
        self.assertEqual(self.r.hget(self.k, "cfg"), b"3 300000 8388608 9")
        self.join("u", cfg=OFF)
        self.assertEqual(self.r.fcall("cw_publish", 1, self.k, "text", "y"), b"")
        self.publish(cfg=DEFAULTS)
        self.assertEqual(self.r.hget(self.k, "cfg"), DEFAULTS.encode())

    # --- idempotency

    def test_a_key_gives_the_first_id_again(self):
        first = self.publish("a", key="order-7")
        self.assertFalse(first[1])
        self.publish("b")
        self.assertEqual(self.publish("a", key="order-7"), (first[0], True))
        self.assertEqual(self.publish("a", key="order-8")[1], False)
        self.assertEqual(self.payloads(), [b"a", b"b", b"a"])
        self.assertEqual(self.publish("a", cfg=OFF, key="k"), (b"", False))
        self.assertEqual(self.publish("a", cfg=OFF, key="k"), (b"", True))

    def test_keys_are_remembered_two_to_four_minutes(self):
        young, elder = self.k + ":k0", self.k + ":k1"
        self.publish(key="a")
        self.assertTrue(220000 < self.r.pttl(young) <= 240000)
        self.r.pexpire(young, 180000)  # a minute later
        self.publish(key="b")
        self.assertEqual(sorted(self.r.hkeys(young)), [b"a", b"b"])
        self.assertLessEqual(self.r.pttl(young), 180000)
        self.r.pexpire(young, 120000)  # 120 s: b is remembered for another 120
        self.publish(key="c")
        self.assertEqual((self.r.hkeys(young), sorted(self.r.hkeys(elder))), ([b"c"], [b"a", b"b"]))
        self.assertTrue(100000 < self.r.pttl(elder) <= 120000)
        self.assertTrue(220000 < self.r.pttl(young) <= 240000)
        for key in "abc":
            self.assertTrue(self.publish(key=key)[1], key)
        self.r.pexpire(elder, 1)
        until(lambda: not self.r.exists(elder), "the elder keys are gone", 5)
        self.assertEqual([self.publish(key=key)[1] for key in "abc"], [False, False, True])
        self.assertNoKeyWithoutEnd()

    def test_keys_are_bounded_and_never_forgotten_early(self):
        cfg = "100 300000 8388608 3"
        ids = [self.publish(cfg=cfg, key=key)[0] for key in ("a", "b")]
        self.r.pexpire(self.k + ":k0", 100000)
        ids.append(self.publish(cfg=cfg, key="c")[0])
        before = self.r.hgetall(self.k), self.r.xlen(self.k + ":h")
        words = ("FCALL", "cw_node_publish", 1, self.k, 1, 0, "", "x", cfg, "d")
        self.assertRefused("RATELIMITED ", *words)
        self.assertRefused("RATELIMITED ", "FCALL", "cw_publish", 1, self.k, "text", "x", "KEY", "d")
        self.assertEqual((self.r.hgetall(self.k), self.r.xlen(self.k + ":h")), before)
        self.assertFalse(self.publish(cfg=cfg)[1])  # without a key there is room
        for key, identity in zip("abc", ids):
            self.assertEqual(self.publish(cfg=cfg, key=key), (identity, True))
        self.r.delete(self.k + ":k1")
        self.assertFalse(self.publish(cfg=cfg, key="d")[1])


class OneNodeCluster(FunctionsCase):
    """Every function touches one slot only: a server in cluster mode refuses anything else."""

    redis_options = {"options": ["--cluster-enabled", "yes"]}

    @classmethod
    def set_up(cls):
        super().set_up()
        cls.r.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until(lambda: b"cluster_state:ok" in cls.r.execute_command("CLUSTER", "INFO", NEVER_DECODE=True),
              "the cluster is up")

    def test_all_keys_of_an_entity_lie_in_its_slot(self):
        first = self.publish(key="k")[0]
        self.join(("u", "bob"))
        self.assertTrue(self.publish(key="k")[1])
        self.r.pexpire(self.k + ":k0", 1000)
        self.publish(key="l")
        self.load()
        self.publish()
        self.assertEqual(self.read()[2][0][0], first)
        self.assertEqual(self.leave("u"), 1)
        self.call("cw_node_attach", "cw:{c:u}", "n.1", "", INBOX, "type", "json")
        self.call("cw_node_mark", "cw:{c:u}", "n.1", "add", "room")
        self.call("cw_node_attach", "cw:{c:u}", "n.2", "", INBOX)
        self.call("cw_node_detach", "cw:{c:u}", "n.2", 5)
        self.publish(cfg=OFF)

    def test_all_keys_of_a_channel_lie_in_its_slot(self):
        c = "cw:{c:01234567-89ab-7def-8123-456789abcdef}"
        self.call("cw_node_attach", c, "n.1", "", INBOX)
        for words in (("cw_send", "text", "x", "KEY", "k"), ("cw_group_add", "room"), ("cw_close",),
                      ("cw_node_detach", "n.1", 60), ("cw_send", "text", "x", "KEY", "l"), ("cw_group_add", "room"),
                      ("cw_node_attach", "n.2", "1", INBOX), ("cw_node_inbox", "n.2", 0, 0, 0, 10, 10),
                      ("cw_node_ack", "n.2", 9), ("cw_node_trim", "1-1"), ("cw_node_attach", "n.1", "2", INBOX),
                      ("cw_node_detach", "n.1", 60, "reap"), ("cw_close",), ("cw_node_detach", "n.1", 60, "left"),
                      ("cw_node_detach", "n.2", 60)):
            self.call(words[0], c, *words[1:])
        self.assertEqual(self.r.keys("*"), [])
        self.join("u", watch=1)
        self.leave("u")


class OutOfMemory(FunctionsCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.r.config_set, "maxmemory", 0)

    def test_what_writes_is_refused_whole_and_what_frees_is_not(self):
        self.publish("kept")
        self.join("u")
        self.call("cw_node_attach", "cw:{c:u}", "n.1", "", INBOX, "type", "json")
        before = {key: self.r.dump(key) for key in self.r.keys("*")}
        self.r.config_set("maxmemory", 1)
        for words in ((self.k, "cw_node_publish", 1, 0, "", "x", DEFAULTS, ""),
                      (self.k, "cw_publish", "text", "x"),
                      (self.k, "cw_node_join", DEFAULTS, "n.1", 0, "v", ""),
                      ("cw:{c:v}", "cw_node_attach", "n.1", "", INBOX, "type", "json"),
                      ("cw:{c:u}", "cw_node_send", 1, 0, "", "x", "")):
            self.assertRefused("OOM", "FCALL", words[1], 1, words[0], *words[2:])
        self.assertEqual({key: self.r.dump(key) for key in self.r.keys("*")}, before)
        self.assertEqual(self.payloads(), [b"kept"])
        self.assertEqual(self.call("cw_node_renew", "cw:{n:n.1}", 15000, "new"), 1)
        self.assertEqual(self.leave("u"), 1)
        self.assertEqual(self.call("cw_node_mark", "cw:{c:u}", "n.1", "del", "room"), 1)
        self.assertEqual(self.call("cw_node_detach", "cw:{c:u}", "n.1", 0), [1, [], b"", 1])


class Permissions(FunctionsCase):
    def back_end(self, *rules):
        """A connection of a user who may do no more than that."""
        self.r.execute_command("ACL", "SETUSER", "shop", "reset", "on", "nopass", "~cw:*", "&cw:*", *rules)
        self.addCleanup(self.r.execute_command, "ACL", "DELUSER", "shop")
        client = redis_py.Redis(unix_socket_path=self.redis.socket, username="shop", password="x")
        self.addCleanup(client.close)
        return client

    def test_the_commands_named_in_the_readme_are_enough_for_a_back_end(self):
        readme = open(source_path("cluster/README.md"), encoding="utf-8").read()
        rules = readme.split("ACL SETUSER shop ")[1].split("`")[0].split()
        self.assertEqual(rules[:4], ["on", ">secret", "~cw:*", "&cw:*"])
        shop = self.back_end(*rules[4:])
        first = shop.fcall("cw_publish", 1, self.k, "text", "x", "KEY", "k")
        self.assertEqual(shop.fcall("cw_publish", 1, self.k, "text", "x", "KEY", "k"), first)
        self.r.pexpire(self.k + ":k0", 1000)
        shop.fcall("cw_publish", 1, self.k, "text", "x", "KEY", "l")
        self.load()
        shop.fcall("cw_publish", 1, self.k, "text", "x")
        self.join("u", cfg="9 300000 10 9")
        shop.fcall("cw_publish", 1, self.k, "text", "larger than its bytes")
        self.assertEqual(shop.fcall_ro("cw_group", 1, self.k)[1], 1)
        self.assertEqual(len(shop.fcall_ro("cw_members", 1, self.k)), 3)
        self.assertEqual(len(shop.fcall_ro("cw_history", 1, self.k)), 4)
        c = "cw:{c:01234567-89ab-7def-8123-456789abcdef}"
        self.call("cw_node_attach", c, "n.1", "", "1 1048576")
        for function, words in (("cw_send", ("text", "x", "KEY", "k")), ("cw_send", ("text", "y", "KEY", "l")),
                                ("cw_group_add", ("room",)), ("cw_group_remove", ("room",)), ("cw_close", ())):
            shop.fcall(function, 1, c, *words)
        self.assertEqual(shop.fcall_ro("cw_channel", 1, c)[1].decode(), c[6:-1])
        self.assertEqual(shop.fcall_ro("cw_nodes", 1, "cw:nodes"), [])
        self.call("cw_node_attach", c, "n.2", "", "1 1048576")
        self.call("cw_node_detach", c, "n.2", 60)
        shop.fcall("cw_send", 1, c, "text", "x", "KEY", "m")
        self.r.pexpire(c + ":k0", 1000)
        shop.fcall("cw_send", 1, c, "text", "x", "KEY", "n")
        self.assertEqual(shop.fcall("cw_close", 1, c), 1)
        for words in (("GET", "x"), ("FCALL", "cw_publish", 1, "other:{g:room}", "text", "x"),
                      ("SET", self.k, "x"), ("FLUSHALL",), ("FUNCTION", "FLUSH")):
            with self.assertRaises(redis_py.RedisError):
                shop.execute_command(*words)


class Library(FunctionsCase):
    def test_the_version_is_the_one_in_the_source(self):
        source = library().decode()
        self.assertEqual(self.r.execute_command("FCALL_RO", "cw_version", 0),
                         int(source.split("local VERSION = ")[1].split()[0]))
        self.assertTrue(source.startswith("#!lua name=chanway\n"))

    def test_functions_that_do_not_write_say_so(self):
        reading = {"cw_version", "cw_bans", "cw_channel", "cw_group", "cw_history", "cw_members", "cw_nodes",
                   "cw_node_bans", "cw_node_channels", "cw_node_dead", "cw_node_inbox", "cw_node_members",
                   "cw_node_read", "cw_node_session"}
        (listed,) = self.r.function_list("chanway")
        for function in listed[5]:
            name, flags = function[1].decode(), function[5]
            self.assertEqual(b"no-writes" in flags, name in reading, name)


if __name__ == "__main__":
    main()
