"""The library's members, channels and nodes; and what back ends ask about them."""

import random
import time
import uuid

from functions_case import DEFAULTS, INBOX, FunctionsCase, chunks, flat_map, group_key
from support.case import main
from support.wait import until


def uuids(count, seed=1):
    made = random.Random(seed)
    return [str(uuid.UUID(int=made.getrandbits(128))) for _ in range(count)]


class Members(FunctionsCase):
    def members(self):
        return {uuid.decode(): value.decode() for uuid, value in self.r.hgetall(self.k + ":m").items()}

    def test_joining_writes_node_and_user_and_gives_the_tip(self):
        self.assertEqual(self.join("u1"), (0, 0))
        self.publish()
        self.publish()
        epoch, offset = self.join("u2", ("u3", "bob smith"))
        self.assertEqual((epoch, offset), self.read()[0])
        self.assertEqual(offset, 2)
        self.assertEqual(self.members(), {"u1": "n.1", "u2": "n.1", "u3": "n.1 bob smith"})

    def test_a_resumed_channel_points_to_its_new_node(self):
        self.join(("u", "bob"))
        self.join(("u", "bob"), node="n.2")
        self.assertEqual(self.leave("u", node="n.1"), 0)
        self.assertEqual(self.members(), {"u": "n.2 bob"})

    def test_leaving_removes_only_what_is_of_the_node(self):
        self.join("a", ("b", "bob"))
        self.join("c", ("d", "n.1"), node="n.11")
        self.join(("e", "n.1"), node="n.1.1")
        self.assertEqual(self.leave("a", "b", "c", "d", "e", "f"), 2)
        self.assertEqual(sorted(self.members()), ["c", "d", "e"])
        self.assertEqual(self.leave("a", "b"), 0)

    def test_thousands_in_one_call(self):
        everybody = uuids(3001)
        self.join(*everybody)
        self.assertEqual(self.r.hlen(self.k + ":m"), 3001)
        self.assertEqual(self.leave(*everybody), 3001)
        self.assertEqual(self.r.keys("*"), [])

    def test_wrong_numbers_of_arguments_are_refused(self):
        for words in ((), (DEFAULTS, "n.1"), (DEFAULTS, "n.1", 0, "u"),
                      (DEFAULTS, "n.1", 0, "u", "", "v"), (DEFAULTS, "n.1", 2, "u", ""),
                      (DEFAULTS, "", 0, "u", "")):
            self.assertBad("FCALL", "cw_node_join", 1, self.k, *words)
        self.assertEqual(self.r.keys("*"), [])

    # --- how long a group's keys stay

    def test_members_alone_need_no_hash_of_the_group(self):
        self.join("u")
        self.assertEqual(self.r.keys("*"), [(self.k + ":m").encode()])
        self.leave("u")
        self.assertEqual(self.r.keys("*"), [])

    def test_a_group_stays_while_there_are_members(self):
        self.publish()
        self.assertGreater(self.r.pttl(self.k), 0)
        self.join("u", "v")
        self.assertEqual(self.r.pttl(self.k), -1)
        self.publish()
        self.leave("u")
        self.assertEqual(self.r.pttl(self.k), -1)
        self.leave("v")
        self.assertNoKeyWithoutEnd()
        self.publish()
        self.assertNoKeyWithoutEnd()

    def test_a_group_with_members_stays_from_its_first_message_on(self):
        self.join("u")
        self.publish()
        self.publish()
        self.assertEqual(self.r.pttl(self.k), -1)
        self.leave("u", node="n.2")
        self.assertEqual(self.r.pttl(self.k), -1)
        self.leave("u")
        self.assertNoKeyWithoutEnd()

    def test_what_a_node_hands_along_stays_with_the_members(self):
        other = "7 300000 8388608 100000"
        self.join("u", cfg=other)
        self.assertEqual((self.r.hget(self.k, "cfg"), self.r.pttl(self.k)), (other.encode(), -1))
        self.leave("u")
        self.assertNoKeyWithoutEnd()

    def test_the_last_leave_gives_every_key_an_end_whatever_came_before(self):
        members, nodes = uuids(4), ["n.1", "n.2"]
        cfgs = (DEFAULTS, "0 300000 8388608 100000", "2 1000 200 100000")
        for seed in range(300):
            rng = random.Random(seed)
            some = lambda: rng.sample(members, rng.randrange(1, 4))  # pylint: disable=W0640
            calls = [
                lambda cfg: self.publish(cfg=cfg, key=rng.choice(["", "a", "b"])),
                lambda cfg: self.call("cw_node_publish_many", self.k, cfg, 1, 0, "", "x"),
                lambda cfg: self.call("cw_publish", self.k, "text", "x", "KEY", rng.choice("abc")),
                lambda cfg: self.join(*some(), node=rng.choice(nodes), cfg=cfg,
                                      watch=rng.randrange(2)),
                lambda cfg: self.leave(*some(), node=rng.choice(nodes)),
                lambda cfg: self.r.delete(self.k + rng.choice(["", ":m", ":h", ":k0"])),
                lambda cfg: self.load() if rng.randrange(4) == 0 else None]
            self.r.flushall()
            for _ in range(rng.randrange(1, 14)):
                rng.choice(calls)(rng.choice(cfgs))
            for node in nodes:
                self.leave(*members, node=node)
            with self.subTest(seed=seed):
                self.assertNoKeyWithoutEnd()

    def test_members_that_an_administrator_deleted_keep_nothing(self):
        self.publish()
        self.join("u")
        self.r.delete(self.k + ":m")
        self.assertEqual(self.leave("u"), 0)
        self.assertNoKeyWithoutEnd()


class Pages(FunctionsCase):
    def pages(self, count, function="cw_members", between=lambda: None):
        """Every page of the members, as lists of tuples."""
        is_public = function == "cw_members"
        cursor, pages = "0", []
        while True:
            words = ["CURSOR", cursor, "COUNT", count] if is_public else [cursor, count]
            cursor, *rest = self.read_only(function, self.k, *words)
            pages.append(chunks(rest, 2 if is_public else 3))
            if cursor == b"0":
                return pages
            self.assertLess(len(pages), 10000, "it goes round")
            between()

    def test_every_member_comes_once_and_pages_are_full(self):
        for size in (0, 1, 99, 100, 101, 512, 513, 5000):
            everybody = uuids(size)
            self.r.flushall()
            for at in range(0, size, 1000):
                self.join(*everybody[at:at + 1000])
            encoding = self.r.object("ENCODING", self.k + ":m") if size else None
            self.assertEqual(encoding, None if not size else b"listpack" if size < 513 else b"hashtable")
            for count in (1, 7, 100, 1000) if size < 5000 else (7, 100, 1000):
                with self.subTest(size=size, count=count):
                    pages = self.pages(count)
                    found = [member for page in pages for member, _ in page]
                    self.assertEqual(sorted(found), sorted(name.encode() for name in everybody))
                    self.assertTrue(all(len(page) == count for page in pages[:-1]))
                    self.assertLessEqual(len(pages[-1]), count)

    def test_nodes_get_the_user_too(self):
        self.join(("a", "bob smith"), "b")
        self.join(("c", "eve"), node="n.2")
        self.assertEqual(sorted(self.pages(2, "cw_node_members")[0] + self.pages(2, "cw_node_members")[1]),
                         [(b"a", b"n.1", b"bob smith"), (b"b", b"n.1", b""), (b"c", b"n.2", b"eve")])
        self.assertEqual(sorted(self.pages(10)[0]), [(b"a", b"n.1"), (b"b", b"n.1"), (b"c", b"n.2")])

    def test_who_stays_is_told_whoever_comes_and_goes_meanwhile(self):
        for size, count in ((300, 7), (3000, 33), (3000, 100)):
            self.r.flushall()
            staying, going, coming = uuids(size), uuids(size * 15, 2), iter(uuids(100000, 3))
            self.join(*staying)
            for at in range(0, len(going), 1500):
                self.join(*going[at:at + 1500])

            def move():
                batch = [going.pop() for _ in range(min(600, len(going)))]
                if batch:
                    self.leave(*batch)
                self.join(*(next(coming) for _ in range(3)))
            with self.subTest(size=size, count=count):
                found = {member.decode() for page in self.pages(count, between=move)
                         for member, _ in page}
                self.assertEqual(set(staying) - found, set())
                self.assertEqual(going, [])

    def test_a_bad_cursor_is_refused(self):
        self.join(*uuids(3))
        for cursor in ("", "x", "-1", "0.", "0-", "0,1", "0.1.", "0.1.X", "0 ", "9" * 30, "0." + "a" * 63):
            with self.subTest(cursor=cursor):
                self.assertBad("FCALL_RO", "cw_members", 1, self.k, "CURSOR", cursor)
        for count in ("0", "1001", "-1", "", "x", "1.5", "1e2"):
            with self.subTest(count=count):
                self.assertBad("FCALL_RO", "cw_members", 1, self.k, "COUNT", count)


class Channels(FunctionsCase):
    def setUp(self):
        super().setUp()
        self.uuid = uuids(1)[0]
        self.c = "cw:{c:%s}" % self.uuid

    def attach(self, node="n.1", expected="", *fields):
        return self.call("cw_node_attach", self.c, node, expected, INBOX, *fields)

    def test_a_new_channel_is_of_generation_one(self):
        self.assertEqual(self.attach("n.1", "", "type", "json", "user", "bob"),
                         [1, b"", [], b"0", 0])
        self.assertEqual(self.r.hgetall(self.c), {b"node": b"n.1", b"gen": b"1", b"type": b"json",
                                                  b"user": b"bob"})
        self.assertEqual(self.r.pttl(self.c), -1)

    def test_a_channel_is_taken_over_with_its_groups(self):
        self.attach("n.1", "", "type", "json")
        self.call("cw_node_mark", self.c, "n.1", "add", "a", "b:c")
        generation, before, groups, *tip = self.attach("n.2", "1", "address", "x")
        self.assertEqual((generation, before, sorted(groups)), (2, b"n.1", [b"a", b"b:c"]))
        self.assertEqual(tip, [b"0", 0])
        self.assertEqual(self.attach("n.3", "1"), [0, b"n.2", [], b"0", 0])
        self.assertEqual(self.r.hget(self.c, "node"), b"n.2")
        self.assertEqual(self.attach("n.3", "2")[:2], [3, b"n.2"])

    def test_a_node_that_takes_its_own_channel_under_a_new_id_is_not_told_so(self):
        """It may still listen under the id before: it would think that the channel is gone."""
        topics = self.r.pubsub(ignore_subscribe_messages=True)
        self.addCleanup(topics.close)
        topics.subscribe("cw:n:n.1", "cw:n:n.2")
        until(lambda: self.r.pubsub_numsub("cw:n:n.2")[0][1] == 1, "subscribed")
        self.attach("n.1")
        self.assertEqual(self.attach("n.2", "1 n.1")[:2], [2, b"n.1"])
        self.assertEqual(self.attach("n.3", "2")[:2], [3, b"n.2"])
        first = until(topics.get_message, "a message", 5)
        self.assertEqual((first["channel"], first["data"]),
                         (b"cw:n:n.2", f"taken {self.uuid} 3".encode()))

    def test_only_the_owner_marks_and_detaches(self):
        self.attach("n.1")
        self.assertEqual(self.call("cw_node_mark", self.c, "n.1", "add", "a", "b"), 1)
        self.assertEqual(self.call("cw_node_mark", self.c, "n.2", "add", "c"), 0)
        self.assertEqual(self.call("cw_node_mark", self.c, "n.1", "del", "a"), 1)
        self.assertEqual(self.call("cw_node_detach", self.c, "n.2", 60), [0, [b"b"], b"", 1])
        self.assertEqual(self.r.hget(self.c, "node"), b"n.1")
        self.assertEqual(self.call("cw_node_mark", "cw:{c:gone}", "n.1", "add", "a"), 0)
        self.assertEqual(self.call("cw_node_detach", "cw:{c:gone}", "n.1", 60), [0, [], b"", 0])
        self.assertFalse(self.r.exists("cw:{c:gone}"))

    def test_a_lost_channel_is_kept_for_a_while_and_comes_back(self):
        self.attach("n.1")
        self.call("cw_node_send", self.c, 1, 0, "", "x", "")
        self.call("cw_node_mark", self.c, "n.1", "add", "a")
        self.assertEqual(self.call("cw_node_detach", self.c, "n.1", 60), [1, [b"a"], b"", 1])
        self.assertEqual(self.r.hget(self.c, "node"), b"")
        self.assertNoKeyWithoutEnd()
        self.assertEqual(self.attach("n.2", "1")[:3], [2, b"", [b"a"]])
        self.assertEqual((self.r.pttl(self.c), self.r.pttl(self.c + ":q")), (-1, -1))
        self.assertEqual(self.call("cw_node_detach", self.c, "n.2", 0), [1, [b"a"], b"", 2])
        self.assertEqual(self.r.keys("*"), [])

    def test_back_ends_see_a_channel_as_a_flat_map(self):
        self.attach("n.1", "", "type", "text", "created", 1700000000123, "expires", 90, "user", "bob",
                    "address", "10.0.0.7:5")
        self.call("cw_node_mark", self.c, "n.1", "add", "b", "a")
        expected = {"uuid": self.uuid.encode(), "node": b"n.1", "type": b"text",
                    "created": 1700000000123, "expires": 90, "user": b"bob",
                    "address": b"10.0.0.7:5", "groups": b"a,b", "queued": 0, "state": b"connected"}
        self.assertEqual(flat_map(self.read_only("cw_channel", self.c)), expected)
        self.r.rpush(self.c + ":q", "x", "y")
        self.call("cw_node_detach", self.c, "n.1", 60)
        expected.update(node=b"", queued=2, state=b"away")
        self.assertEqual(flat_map(self.read_only("cw_channel", self.c)), expected)

    def test_an_unknown_channel_is_told(self):
        self.assertRefused("NOCHANNEL", "FCALL_RO", "cw_channel", 1, self.c)
        for key in ("cw:{c:x}", "cw:{c:%s}" % self.uuid.upper(), "cw:{g:%s}" % self.uuid, self.c + ":q",
                    "{c:%s}" % self.uuid, "cw:{c:%s}\n" % self.uuid, "cw:{c:%s}" % self.uuid[:-1]):
            with self.subTest(key=key):
                self.assertBad("FCALL_RO", "cw_channel", 1, key)
        self.assertBad("FCALL_RO", "cw_channel", 1, self.c, "more")


class Nodes(FunctionsCase):
    def test_a_lease_begins_only_when_asked_to(self):
        key = "cw:{n:n.1}"
        self.assertEqual(self.call("cw_node_renew", key, 15000), 0)
        self.assertFalse(self.r.exists(key))
        self.assertEqual(self.call("cw_node_renew", key, 15000, "new"), 1)
        self.assertTrue(5000 < self.r.pttl(key) <= 15000)
        self.assertEqual(self.call("cw_node_renew", key, 90000), 1)
        self.assertGreater(self.r.pttl(key), 80000)
        self.assertEqual(self.call("cw_node_renew", key, 1), 1)
        until(lambda: not self.r.exists(key), "the lease has ended", 5)
        self.assertEqual(self.call("cw_node_renew", key, 15000), 0)

    def test_a_lease_shows_what_its_node_says_of_itself(self):
        key = "cw:{n:n.1}"
        self.assertEqual(self.call("cw_node_renew", key, 15000, "", "words"), 0)
        self.assertFalse(self.r.exists(key))  # nothing that nobody would remove
        self.assertEqual(self.call("cw_node_renew", key, 15000, "new", '{"a":1}'), 1)
        self.assertEqual(self.r.hget(key, "about"), b'{"a":1}')
        self.assertEqual(self.call("cw_node_renew", key, 15000, "", "other"), 1)
        self.assertEqual(self.call("cw_node_renew", key, 15000), 1)
        self.assertEqual(self.r.hget(key, "about"), b"other")

    def test_the_list_shows_live_nodes(self):
        before = time.time() * 1000
        self.assertEqual(self.call("cw_node_list", "cw:nodes", "n.1", 15000, 7), 1)
        self.call("cw_node_list", "cw:nodes", "n.2", 90000, 0)
        expiry, channels = self.r.hget("cw:nodes", "n.1").split()
        self.assertTrue(before + 14000 < int(expiry) < time.time() * 1000 + 16000)
        self.assertEqual(channels, b"7")
        rows = {row[0]: row[1:] for row in chunks(self.read_only("cw_nodes", "cw:nodes"), 3)}
        self.assertEqual({name: row[1] for name, row in rows.items()}, {b"n.1": 7, b"n.2": 0})
        self.assertTrue(0 < rows[b"n.1"][0] <= 15000)
        self.call("cw_node_list", "cw:nodes", "n.1", 0, 7)
        self.assertEqual([row[0] for row in chunks(self.read_only("cw_nodes", "cw:nodes"), 3)], [b"n.2"])
        self.assertEqual(self.call("cw_node_list", "cw:nodes", "n.1"), 1)
        self.assertEqual(self.call("cw_node_list", "cw:nodes", "n.1"), 0)
        self.assertEqual(self.r.hkeys("cw:nodes"), [b"n.2"])
        for key in ("cw", "nodes", ":nodes", "cw:{nodes}", "cw:nodes "):
            self.assertBad("FCALL_RO", "cw_nodes", 1, key)


class NodePages(FunctionsCase):
    def setUp(self):
        super().setUp()
        self.n = "cw:{n:n.1}"

    def add(self, *names):
        for at in range(0, len(names), 1000):
            self.r.sadd(self.n + ":c", *names[at:at + 1000])

    def pages(self, count, between=lambda: None):
        cursor, pages = "0", []
        while True:
            cursor, *page = self.read_only("cw_node_channels", self.n, cursor, count)
            pages.append([name.decode() for name in page])
            if cursor == b"0":
                return pages
            between()

    def test_every_channel_comes_once_and_pages_are_full(self):
        for size in (0, 1, 100, 129, 3000):
            everybody = uuids(size)
            self.r.flushall()
            self.add(*everybody)
            for count in (1, 7, 1000) if size < 3000 else (7, 1000):
                with self.subTest(size=size, count=count):
                    pages = self.pages(count)
                    self.assertEqual(sorted(sum(pages, [])), sorted(everybody))
                    self.assertTrue(all(len(page) == count for page in pages[:-1]))
                    self.assertLessEqual(len(pages[-1]), count)

    def test_more_in_a_bucket_than_a_cursor_can_name(self):
        """By chance, and often enough: one of some ten of these sets has such a bucket."""
        for seed in range(60):
            everybody = uuids(100, seed)
            self.r.flushall()
            self.add(*everybody)
            pages = self.pages(1)
            self.assertEqual(sorted(sum(pages, [])), sorted(everybody))

    def test_who_stays_is_told_whoever_comes_and_goes_meanwhile(self):
        staying, going, coming = uuids(500), uuids(7500, 2), iter(uuids(100000, 3))
        self.add(*staying, *going)

        def move():
            batch = [going.pop() for _ in range(min(600, len(going)))]
            if batch:
                self.r.srem(self.n + ":c", *batch)
            self.add(*(next(coming) for _ in range(3)))
        found = set(sum(self.pages(17, between=move), []))
        self.assertEqual(set(staying) - found, set())
        self.assertEqual(going, [])


class Prefixes(FunctionsCase):
    def test_clusters_of_one_redis_do_not_meet(self):
        for prefix in ("cw", "a.b:c-d_E", "p" * 32):
            self.call("cw_publish", prefix + ":{g:room}", "text", prefix)
            self.call("cw_node_join", prefix + ":{g:room}", DEFAULTS, "n.1", 0, prefix, "")
        for prefix in ("cw", "a.b:c-d_E", "p" * 32):
            history = self.read_only("cw_history", prefix + ":{g:room}")
            self.assertEqual(history[3::4], [prefix.encode()])
            self.assertEqual(self.read_only("cw_members", prefix + ":{g:room}")[1], prefix.encode())
        for prefix in ("", "p" * 33, "a b", "a{b"):
            self.assertBad("FCALL_RO", "cw_group", 1, prefix + ":{g:room}")
        self.assertEqual(self.read_only("cw_group", group_key("other"))[1], 0)


if __name__ == "__main__":
    main()
