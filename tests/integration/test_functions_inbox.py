"""The library's direct messages to a channel: ids, bounds, pages, resumes, idempotency."""

import msgpack

from channels_case import DIRECT, TAKEN, ChannelsCase
from functions_case import position
from support.case import main


class Direct(ChannelsCase):
    def test_a_message_is_kept_and_pushed_to_the_channels_node(self):
        node, other = self.listen("n.1"), self.listen("n.2")
        status, first, is_duplicate = self.send("one", kind=0, flags=1)
        self.assertEqual((status, is_duplicate), ("delivered", False))
        identity, prev, body = self.heard_direct(node)
        self.assertEqual((identity, prev, body), (first, b"", [0, 1, b"me", b"one"]))
        second = self.send("two", kind=2, sender="")[1]
        self.assertEqual(self.heard_direct(node), [second, None, [2, 0, b"", b"two"]])
        self.assertEqual(position(second), (position(first)[0], 2))
        tip, more, requests, messages = self.inbox()
        self.assertEqual((tip, more, requests), (position(second), False, []))
        self.assertEqual([message[:2] for message in messages], [(first, b""), (second, None)])
        self.assertEqual([msgpack.unpackb(body, raw=True) for _, _, body in messages],
                         [[0, 1, b"me", b"one"], [2, 0, b"", b"two"]])
        self.assertNothingHeard(other)

    def test_any_bytes_come_back_as_they_were(self):
        payloads = [b"", b" ", b"<1-1 ", b"\x00\xff\r\n" * 50, "grüße".encode(), b"9-9 9", b"x" * 70000]
        for payload in payloads:
            self.send(payload, kind=2)
        self.assertEqual(self.payloads(), payloads)

    def test_one_that_is_away_gets_it_queued_and_no_push(self):
        node = self.listen("n.1")
        self.detach()
        self.assertEqual(self.send("one")[0], "queued")
        self.assertNothingHeard(node)
        self.attach("n.2", "1")
        self.assertEqual(self.payloads(node="n.2"), [b"one"])

    def test_there_has_to_be_a_channel(self):
        self.detach(seconds=0)
        self.assertEqual(self.everything(), {})
        for words in (("cw_node_send", 1, self.c, 1, 0, "", "x", ""),
                      ("cw_send", 1, self.c, "text", "x")):
            self.assertWritesNothing("NOCHANNEL", "FCALL", *words)

    def test_the_oldest_go_when_there_are_too_many(self):
        self.attach("n.1", "1", "3 1048576")
        ids = [self.send(str(n))[1] for n in range(10)]
        self.assertEqual([message[0] for message in self.inbox()[3]], ids[-3:])
        self.assertEqual(self.r.llen(self.c + ":q"), 3)
        self.attach("n.1", "2", "1 1048576")
        self.send("last")
        self.assertEqual(self.payloads(), [b"last"])

    def test_the_oldest_go_when_they_have_too_many_bytes(self):
        self.attach("n.1", "1", "100 1000")
        for n in range(20):
            self.send(b"%02d" % n + b"x" * 148, kind=2)
        self.assertEqual([payload[:2] for payload in self.payloads()], [b"15", b"16", b"17", b"18", b"19"])
        self.assertQnIsExact()
        self.send("x" * 5000)
        self.assertEqual(len(self.payloads()), 1)
        self.send("y")
        self.assertEqual(self.payloads(), [b"y"])
        self.assertQnIsExact()

    def assertQnIsExact(self):
        self.assertEqual(int(self.r.hget(self.c, "qn")),
                         sum(len(entry) for entry in self.r.lrange(self.c + ":q", 0, -1)))

    def test_the_defaults_hold_where_a_node_said_nothing(self):
        for n in range(105):
            self.send(str(n))
        self.assertEqual([int(payload) for payload in self.payloads()], list(range(5, 105)))
        self.assertEqual(self.r.hmget(self.c, "qmax", "qbytes"), [None, None])

    def test_limits_are_remembered_when_they_are_new(self):
        self.attach("n.1", "1", "7 9000 2000000")
        self.assertEqual(self.r.hmget(self.c, "qmax", "qbytes", "qpay"), [b"7", b"9000", b"2000000"])
        self.attach("n.1", "2")
        self.assertEqual(self.r.hmget(self.c, "qmax", "qbytes", "qpay"), [b"100", b"1048576", b"65536"])

    # --- epochs

    def test_another_lua_state_opens_an_epoch_that_names_its_predecessor(self):
        first = self.send("one")[1]
        self.load()
        node = self.listen()
        second = self.send("two")[1]
        self.assertEqual(position(second)[1], 1)
        self.assertGreater(position(second)[0], position(first)[0])
        self.assertEqual(self.heard_direct(node)[:2], [second, first])
        third = self.send("three")[1]
        self.assertEqual([message[:2] for message in self.inbox()[3]],
                         [(first, b""), (second, first), (third, None)])

    def test_epochs_only_grow_whatever_the_clock_says(self):
        self.send("one")
        ahead = str(int(self.r.hget(self.c, "qe")) + 10 ** 15)
        self.r.hset(self.c, "qe", ahead)
        self.load()
        self.assertEqual(position(self.send("two")[1]), (int(ahead) + 1, 1))

    # --- pages

    def test_reading_goes_on_after_a_position(self):
        ids = [self.send(str(n))[1] for n in range(50)]
        for at in (0, 1, 17, 48, 49):
            with self.subTest(at=at):
                self.assertEqual([message[0] for message in self.inbox(since=position(ids[at]))[3]],
                                 ids[at + 1:])
        epoch = position(ids[0])[0]
        self.assertEqual(self.inbox(since=(epoch, 50))[1:], (False, [], []))
        self.assertEqual(self.inbox(since=(epoch, 10 ** 18))[3], [])
        self.assertEqual(self.inbox(since=(epoch + 1, 0))[3], [])
        self.assertEqual(self.inbox(since=(2 ** 64 - 1, 2 ** 64 - 1))[3], [])
        self.assertEqual(len(self.inbox(since=(epoch - 1, 99))[3]), 50)

    def test_reading_goes_on_after_positions_of_older_epochs(self):
        ids = []
        for epoch in range(4):
            ids += [self.send(str(n))[1] for n in range(7)]
            self.load()
        for at in range(len(ids)):
            self.assertEqual([message[0] for message in self.inbox(since=position(ids[at]))[3]], ids[at + 1:])

    def test_reading_goes_on_where_the_oldest_are_gone(self):
        self.attach("n.1", "1", "10 1048576")
        ids = [self.send(str(n))[1] for n in range(30)]
        for at in (0, 18, 19, 20, 25):
            self.assertEqual([message[0] for message in self.inbox(since=position(ids[at]))[3]],
                             ids[max(at + 1, 20):])

    def test_pages_end_after_so_many_messages_or_bytes(self):
        ids = [self.send("x" * 100)[1] for _ in range(60)]
        for options, expected in (({"count": 1}, 1), ({"count": 16}, 16), ({"count": 17}, 17), ({"count": 59}, 59),
                                  ({"max_bytes": 1}, 1), ({"max_bytes": 0}, 1), ({"max_bytes": 110}, 2),
                                  ({"max_bytes": 1050}, 10), ({"count": 0}, 1)):
            with self.subTest(options):
                tip, more, _, messages = self.inbox(**options)
                self.assertEqual((tip, more), (position(ids[-1]), True))
                self.assertEqual([message[0] for message in messages], ids[:expected])
        for options in ({"count": 60}, {"count": 1000}):
            self.assertEqual((self.inbox(**options)[1], len(self.inbox(**options)[3])), (False, 60))

    def test_page_by_page_everything_comes_once(self):
        ids = [self.send("x" * (n % 40))[1] for n in range(100)]
        found, since = [], (0, 0)
        while True:
            _, more, _, messages = self.inbox(since=since, count=7, max_bytes=150)
            found += [message[0] for message in messages]
            since = position(found[-1])
            if not more:
                break
        self.assertEqual(found, ids)

    def test_an_inbox_that_was_never_used_is_empty(self):
        self.assertEqual(self.inbox(), ((0, 0), False, [], []))

    def test_only_the_owner_reads(self):
        self.send()
        self.assertRefused("NOTOWNER", "FCALL_RO", "cw_node_inbox", 1, self.c, "n.2", 0, 0, 0, 10, 10)
        self.detach()
        self.assertRefused("NOTOWNER", "FCALL_RO", "cw_node_inbox", 1, self.c, "n.1", 0, 0, 0, 10, 10)
        self.detach()
        self.assertRefused("NOTOWNER", "FCALL_RO", "cw_node_inbox", 1, self.c[:-2] + "}", "n.1", 0, 0, 0, 9, 9)

    # --- trim

    def test_what_the_client_has_is_dropped(self):
        ids = [self.send(str(n))[1] for n in range(40)]
        self.load()
        ids += [self.send(str(n))[1] for n in range(40, 50)]

        def trim(at):
            return self.call("cw_node_trim", self.c, ids[at])
        self.assertEqual((trim(0), trim(0), trim(30), trim(41), trim(41)), (1, 0, 30, 11, 0))
        self.assertEqual([message[0] for message in self.inbox()[3]], ids[42:])
        self.assertQnIsExact()
        self.assertEqual(trim(49), 8)
        self.assertEqual((self.r.exists(self.c + ":q"), self.r.hget(self.c, "qn")), (0, b"0"))
        self.assertEqual(position(self.send("x")[1]), (position(ids[-1])[0], 11))

    def test_trimming_makes_no_channel(self):
        self.assertEqual(self.call("cw_node_trim", "cw:{c:1-2}", "1-1"), 0)
        self.assertEqual(self.call("cw_node_trim", self.c, "1-1"), 0)
        self.assertEqual(self.r.keys("*"), [self.c.encode()])

    # --- resumes

    def test_attach_tells_where_the_messages_are(self):
        self.assertEqual(self.attach("n.1", "1")[3:], [b"0", 0])
        self.send()
        identity = position(self.send()[1])
        self.detach()
        _, _, _, epoch, offset = self.attach("n.2", "2")
        self.assertEqual((int(epoch), offset), identity)
        self.assertEqual(len(self.inbox(node="n.2")[3]), 2)

    def test_all_of_a_lost_channel_ends_together(self):
        self.send("one", key="k")
        self.call("cw_group_add", self.c, "room")
        self.detach(seconds=60)
        self.send("two", key="l")
        self.call("cw_group_add", self.c, "room")
        keys = {self.c.encode() + part for part in (b"", b":q", b":r", b":k0")}
        self.assertEqual(set(self.r.keys("*")), keys)
        self.assertEqual(len({self.r.pexpiretime(key) for key in keys}), 1)
        self.assertTrue(59000 < self.r.pttl(self.c) <= 60000)

    def test_what_came_first_while_it_was_away_ends_with_it(self):
        self.detach(seconds=60)
        self.send("one", key="k")
        self.call("cw_group_add", self.c, "room")
        self.assertEqual(len(self.r.keys("*")), 4)
        self.assertEqual(len({self.r.pexpiretime(key) for key in self.r.keys("*")}), 1)

    def test_a_resumed_channel_and_its_lists_stay(self):
        self.send("one", key="k")
        self.call("cw_group_add", self.c, "room")
        self.detach()
        self.attach("n.2", "1")
        self.assertEqual([self.r.pttl(self.c + part) for part in ("", ":q", ":r")], [-1, -1, -1])
        self.assertEqual(self.payloads(node="n.2"), [b"one"])
        self.assertEqual(len(self.inbox(node="n.2")[2]), 1)

    def test_a_channel_that_is_closed_leaves_nothing(self):
        self.send("one", key="k")
        self.call("cw_group_add", self.c, "room")
        self.detach(seconds=0)
        self.assertEqual(self.r.keys("*"), [])

    def test_a_channel_that_is_gone_is_made_anew(self):
        self.send("one")
        self.r.delete(self.c)
        self.assertEqual(self.attach("n.2", "5", "100 1048576", "type", "json"), [6, b"", [], b"0", 0])
        self.assertEqual(self.r.hgetall(self.c), {b"node": b"n.2", b"gen": b"6", b"type": b"json"})
        self.assertEqual(self.inbox(node="n.2"), ((0, 0), False, [], []))

    def test_generations_only_grow(self):
        self.assertEqual(self.attach("n.2")[0], 2)
        self.assertEqual(self.attach("n.1", "1"), [0, b"n.2", [], b"0", 0])
        self.detach("n.2", 0)
        self.assertEqual(self.attach("n.1", "2")[0], 3)
        self.assertEqual(self.attach("n.2", "2"), [0, b"n.1", [], b"0", 0])
        self.assertEqual(self.attach("n.2", "3")[0], 4)

    def test_the_node_before_is_told(self):
        node, other = self.listen("n.1"), self.listen("n.2")
        self.attach("n.1", "1")
        self.attach("n.2", "2")
        self.assertEqual(self.heard(node), (TAKEN, self.uuid.encode(), b"3"))
        self.assertNothingHeard(node)
        self.detach("n.2")
        self.attach("n.1", "3")
        self.assertNothingHeard(other)

    def test_the_next_message_goes_to_the_new_node(self):
        self.send("one")
        self.attach("n.2")
        node = self.listen("n.2")
        self.send("two")
        kind, name, _ = self.heard(node)
        self.assertEqual((kind, name), (DIRECT, self.uuid.encode()))


class Idempotency(ChannelsCase):
    def test_a_key_is_used_once(self):
        node = self.listen()
        status, identity, is_duplicate = self.send("one", key="k")
        self.assertFalse(is_duplicate)
        self.heard_direct(node)
        self.assertEqual(self.send("two", key="k"), (status, identity, True))
        self.assertNothingHeard(node)
        self.assertEqual(self.payloads(), [b"one"])
        self.assertFalse(self.send("two", key="l")[2])

    def test_a_retry_is_known_after_a_resume_and_says_how_things_are_now(self):
        identity = self.send("one", key="k")[1]
        self.detach()
        self.assertEqual(self.send("one", key="k"), ("queued", identity, True))
        self.attach("n.2", "1")
        self.assertEqual(self.send("one", key="k"), ("delivered", identity, True))

    def test_being_away_for_a_moment_forgets_no_key_early(self):
        self.send("one", key="k")
        ends = self.r.pexpiretime(self.c + ":k0")
        self.detach(seconds=10)
        self.assertLess(self.r.pexpiretime(self.c + ":k0"), ends)
        for key in ("l", "m"):
            self.send("two", key=key)
            self.assertEqual(self.r.pexpiretime(self.c + ":k0"), self.r.pexpiretime(self.c))
        self.attach("n.1", "1")
        self.assertEqual(self.r.pexpiretime(self.c + ":k0"), ends)
        self.assertIsNone(self.r.hget(self.c, "ke"))
        self.assertEqual(set(self.r.hkeys(self.c + ":k0")), {b"k", b"l", b"m"})

    def test_both_generations_come_back(self):
        self.send("one", key="k")
        self.r.pexpire(self.c + ":k0", 100000)
        elder = self.r.pexpiretime(self.c + ":k0")
        self.send("two", key="l")
        young = self.r.pexpiretime(self.c + ":k0")
        self.assertEqual(self.r.pexpiretime(self.c + ":k1"), elder)
        self.detach(seconds=10)
        self.send("three", key="m")
        self.attach("n.1", "1")
        self.assertEqual((self.r.pexpiretime(self.c + ":k1"), self.r.pexpiretime(self.c + ":k0")), (elder, young))
        self.assertTrue(all(self.send("again", key=key)[2] for key in "klm"))

    def test_a_short_life_keeps_keys_as_long_as_they_would_be_kept(self):
        self.send("one", key="k")
        ends = self.r.pexpiretime(self.c + ":k0")
        self.detach(seconds=100000)
        self.assertEqual(self.r.pexpiretime(self.c + ":k0"), ends)

    def test_keys_are_bounded_and_none_is_forgotten_early(self):
        names = ["key%d" % n for n in range(100000)]
        for at in range(0, len(names), 10000):
            self.r.hset(self.c + ":k0", mapping={name: "1-1" for name in names[at:at + 10000]})
        self.r.pexpire(self.c + ":k0", 200000)
        words = ("FCALL", "cw_node_send", 1, self.c, 1, 0, "", "x", "one more")
        self.assertWritesNothing("RATELIMITED", *words)
        self.assertTrue(self.send("x", key="key7")[2])
        self.r.hdel(self.c + ":k0", "key8")
        self.assertEqual(self.r.execute_command(*words)[0], b"delivered")
        self.assertFalse(self.send("x")[2])


if __name__ == "__main__":
    main(110)
