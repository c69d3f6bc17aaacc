"""What back ends and nodes ask of one channel: close it, add it to a group, send to it; and presence."""

import msgpack

from channels_case import ADD, CLOSE, REMOVE, ChannelsCase
from functions_case import DEFAULTS, FunctionsCase, flat_map, unpack_push
from support.case import main


class Requests(ChannelsCase):
    def test_a_request_is_kept_and_pushed_until_it_is_done(self):
        node, other = self.listen("n.1"), self.listen("n.2")
        self.assertEqual(self.call("cw_group_add", self.c, "room"), 1)
        self.assertEqual(self.call("cw_group_remove", self.c, "a@b=c/d-e.f_g:h"), 1)
        self.assertEqual(self.call("cw_close", self.c), 1)
        self.assertEqual(self.call("cw_close", self.c, 1000), 1)
        self.assertEqual(self.call("cw_close", self.c, 4999, "bye – now"), 1)
        expected = [(1, ADD, b"room"), (2, REMOVE, b"a@b=c/d-e.f_g:h"), (3, CLOSE, b"4004 "),
                    (4, CLOSE, b"1000 "), (5, CLOSE, "4999 bye – now".encode())]
        self.assertEqual([self.heard_request(node) for _ in expected], expected)
        self.assertEqual(self.requests(), expected)
        self.assertEqual(self.requests(since_request=3), expected[3:])
        self.assertEqual(self.requests(since_request=5), [])
        self.assertNothingHeard(other)

    def test_what_is_done_is_dropped_by_the_owner_alone(self):
        for _ in range(6):
            self.call("cw_group_add", self.c, "room")
        ack = self.acker()
        self.assertEqual((ack("n.2", 6), ack("n.1", 0), ack("n.1", 2), ack("n.1", 2)), (0, 0, 2, 0))
        self.assertEqual([request[0] for request in self.requests()], [3, 4, 5, 6])
        self.assertEqual((ack("n.1", 10 ** 9), ack("n.1", 10 ** 9)), (4, 0))
        self.assertFalse(self.r.exists(self.c + ":r"))
        self.call("cw_group_add", self.c, "room")
        self.assertEqual([request[0] for request in self.requests()], [7])

    def acker(self):
        return lambda node, number: self.call("cw_node_ack", self.c, node, number)

    def test_numbers_go_on_after_a_resume(self):
        self.call("cw_group_add", self.c, "room")
        self.acker()("n.1", 1)
        self.detach()
        self.call("cw_group_add", self.c, "later")
        self.attach("n.2", "1")
        self.assertEqual(self.requests(node="n.2"), [(2, ADD, b"later")])

    def test_a_hundred_may_wait(self):
        for _ in range(100):
            self.call("cw_group_add", self.c, "room")
        for words in (("cw_group_add", 1, self.c, "room"), ("cw_group_remove", 1, self.c, "room"),
                      ("cw_close", 1, self.c)):
            self.assertWritesNothing("BUSY", "FCALL", *words)
        self.acker()("n.1", 1)
        self.assertEqual(self.call("cw_close", self.c), 1)
        self.assertEqual(self.requests()[-1], (101, CLOSE, b"4004 "))
        self.assertEqual(len(self.requests()), 100)

    def test_requests_come_whole_beside_a_page_of_messages(self):
        for n in range(20):
            self.send(str(n))
            self.call("cw_group_add", self.c, "room")
        _, more, requests, messages = self.inbox(count=3)
        self.assertEqual((more, len(requests), len(messages)), (True, 20, 3))

    def test_closing_one_that_is_away_ends_it_at_once(self):
        self.send("one", key="k")
        self.call("cw_group_add", self.c, "room")
        self.call("cw_node_mark", self.c, "n.1", "add", "room")
        node = self.listen()
        self.detach()
        self.assertEqual(self.call("cw_close", self.c, 4000), 1)
        self.assertEqual(self.r.keys("*"), [])
        self.assertNothingHeard(node)
        self.assertWritesNothing("NOCHANNEL", "FCALL", "cw_close", 1, self.c)

    def test_there_has_to_be_a_channel(self):
        self.detach(seconds=0)
        for words in (("cw_close",), ("cw_group_add", "room"), ("cw_group_remove", "room")):
            self.assertWritesNothing("NOCHANNEL", "FCALL", words[0], 1, self.c, *words[1:])


class ForBackEnds(ChannelsCase):
    def public_send(self, *words):
        return self.call("cw_send", self.c, *words)

    def test_send_says_where_the_channel_is(self):
        node = self.listen()
        self.assertEqual(self.public_send("json", '{"b":1.0}'), b"delivered")
        self.assertEqual(self.heard_direct(node)[2], [0, 0, b"", b'{"b":1.0}'])
        self.assertEqual(self.public_send("text", "grüße", "FROM", "billing"), b"delivered")
        self.assertEqual(self.heard_direct(node)[2], [1, 0, b"billing", "grüße".encode()])
        self.detach()
        self.assertEqual(self.public_send("bytes", b"\x00\xff", "key", "k"), b"queued")
        self.assertEqual(self.public_send("bytes", b"\x00\xff", "KEY", "k"), b"queued")
        self.attach("n.1", "1")
        self.assertEqual(len(self.payloads()), 3)
        self.assertNothingHeard(node)

    def test_a_payload_has_the_bound_that_a_node_handed_along(self):
        self.assertWritesNothing("BADREQUEST", "FCALL", "cw_send", 1, self.c, "text", "x" * 65537)
        self.assertEqual(self.public_send("text", "x" * 65536), b"delivered")
        self.attach("n.1", "1", "100 1048576 70000")
        self.assertEqual(self.public_send("text", "x" * 70000), b"delivered")
        self.assertWritesNothing("BADREQUEST", "FCALL", "cw_send", 1, self.c, "text", "x" * 70001)

    def test_a_channel_tells_what_is_kept_for_it(self):
        self.send("one")
        self.send("two")
        seen = flat_map(self.read_only("cw_channel", self.c))
        self.assertEqual((seen["queued"], seen["state"], seen["node"]), (2, b"connected", b"n.1"))
        self.detach()
        self.send("three")
        seen = flat_map(self.read_only("cw_channel", self.c))
        self.assertEqual((seen["queued"], seen["state"], seen["node"]), (3, b"away", b""))

    def test_dead_nodes_are_no_longer_shown(self):
        for name, left in (("n.1", 15000), ("n.2", 0), ("n.3", 0), ("n.4", 90000)):
            self.call("cw_node_list", "cw:nodes", name, left, 3)
        self.r.hset("cw:nodes", "n.5", "what?")
        self.assertEqual(sorted(self.read_only("cw_node_dead", "cw:nodes")), [b"n.2", b"n.3", b"n.5"])
        self.assertEqual(sorted(self.read_only("cw_nodes", "cw:nodes")[::3]), [b"n.1", b"n.4"])
        self.call("cw_node_list", "cw:nodes", "n.2", 15000, 3)
        self.assertEqual(sorted(self.read_only("cw_node_dead", "cw:nodes")), [b"n.3", b"n.5"])
        self.assertEqual(self.read_only("cw_node_dead", "other:nodes"), [])


class Taking(ChannelsCase):
    """What a channel's hash says until a node that lost the channel has left its groups."""

    def setUp(self):
        super().setUp()
        self.call("cw_node_mark", self.c, "n.1", "add", "a", "b")

    def groups(self):
        return flat_map(self.read_only("cw_channel", self.c))["groups"]

    def test_a_reaper_takes_then_leaves_then_finishes(self):
        self.assertEqual(self.detach("n.1", 60, "reap"), [1, [b"a", b"b"], b"", 1])
        self.assertEqual((self.r.hget(self.c, "node"), self.r.pttl(self.c)), (b"", -1))
        self.assertEqual(self.detach("n.1", 60, "reap")[:2], [0, [b"a", b"b"]], "another reaper")
        self.assertEqual(self.detach("n.1", 60)[:2], [0, [b"a", b"b"]])
        self.assertTrue(59000 < self.r.pttl(self.c) <= 60000)
        self.assertEqual(self.r.hget(self.c, "from"), None)
        self.assertEqual(self.attach("n.2", "1")[:3], [2, b"", [b"a", b"b"]])

    def test_a_reaped_channel_without_a_resume_is_gone_when_its_groups_are_left(self):
        self.detach("n.1", 0, "reap")
        self.assertEqual(self.detach("n.1", 0, "reap")[1], [b"a", b"b"])
        self.detach("n.1", 0)
        self.assertEqual(self.r.keys("*"), [])

    def test_a_node_that_has_left_all_groups_asks_for_no_answer(self):
        self.send("x", key="k")
        self.call("cw_group_add", self.c, "room")
        self.assertEqual(self.detach("n.2", 60, "left"), [0, [], b"", 0])
        self.assertEqual(self.detach("n.1", 60, "left"), [1, [], b"", 0])
        self.assertEqual(len({self.r.pexpiretime(key) for key in self.r.keys("*")}), 1)
        self.attach("n.2", "1")
        self.assertEqual(self.detach("n.2", 0, "left"), [1, [], b"", 0])
        self.assertEqual(self.r.keys("*"), [])
        self.assertEqual(self.detach("n.2", 0, "left"), [0, [], b"", 0])

    def test_a_node_that_is_told_no_lists_either(self):
        self.send("x", key="k")
        self.assertEqual(self.detach("n.2", 60, "gone", 1), 0)
        self.assertEqual(self.detach("n.1", 60, "gone", 2), 0)
        self.assertEqual(self.r.hget(self.c, "node"), b"n.1")
        self.assertEqual(self.detach("n.1", 60, "gone", 1, "0-0"), 1)
        self.assertEqual(self.r.hmget(self.c, "node", "qw"), [b"", b"0-0"])
        self.attach("n.2", "1")
        self.assertEqual(self.detach("n.2", 0, "gone", 2), 1)
        self.assertEqual(self.r.keys("*"), [])
        self.assertEqual(self.detach("n.2", 0, "gone", 2), 0)

    def test_leaving_is_finishing(self):
        self.attach("n.2", "1")
        self.assertEqual(self.detach("n.2", 0, "left"), [1, [], b"", 0])
        self.assertEqual(self.detach("n.1", 0, "reap")[1], [b"a", b"b"])
        self.assertEqual(self.detach("n.1", 0, "left"), [0, [], b"", 0])
        self.assertEqual(self.r.keys("*"), [])

    def test_a_channel_resumed_while_it_is_reaped_is_left_alone(self):
        self.detach("n.1", 0, "reap")
        self.attach("n.2", "1")
        self.detach("n.1", 0)
        self.assertEqual(self.r.hgetall(self.c), {b"node": b"n.2", b"gen": b"2", b"g:a": b"", b"g:b": b""})
        self.assertEqual(self.r.pttl(self.c), -1)

    def test_what_is_left_stays_a_mark_until_the_node_before_has_finished(self):
        self.attach("n.2", "1")
        self.call("cw_node_mark", self.c, "n.2", "del", "a")
        self.assertEqual(self.groups(), b"b")
        self.assertEqual(self.detach("n.1", 60, "reap")[1], [b"a", b"b"], "its reaper has to leave both")
        self.detach("n.1", 60)
        self.assertEqual(self.detach("n.1", 60)[1], [b"b"])
        self.call("cw_node_mark", self.c, "n.2", "del", "b")
        self.assertEqual(self.r.hgetall(self.c), {b"node": b"n.2", b"gen": b"2"})

    def test_a_mark_is_a_group_again_when_it_is_joined_again(self):
        self.attach("n.2", "1")
        self.call("cw_node_mark", self.c, "n.2", "del", "a", "b")
        self.call("cw_node_mark", self.c, "n.2", "add", "a")
        self.assertEqual(self.groups(), b"a")
        self.detach("n.1")
        self.assertEqual(self.attach("n.3", "2")[2], [b"a"])

    def test_several_may_have_to_finish(self):
        self.attach("n.2", "1")
        self.attach("n.3", "2")
        self.assertEqual(self.r.hget(self.c, "from"), b"n.1 n.2")
        self.attach("n.1", "3")
        self.assertEqual(self.r.hget(self.c, "from"), b"n.2 n.3")
        self.detach("n.2")
        self.assertEqual(self.r.hget(self.c, "from"), b"n.3")
        self.detach("n.9")
        self.detach("n.3")
        self.assertIsNone(self.r.hget(self.c, "from"))

    def test_a_channel_that_ends_meanwhile_is_a_grave_to_detach_alone(self):
        self.send("x", key="k")
        self.attach("n.2", "1")
        self.detach("n.2", 0)
        self.assertEqual(self.r.keys("*"), [self.c.encode()])
        self.assertTrue(0 < self.r.pttl(self.c) <= 60000)
        for words in (("cw_channel",), ("cw_close",), ("cw_send", "text", "x"), ("cw_group_add", "a")):
            self.assertWritesNothing("NOCHANNEL", "FCALL", words[0], 1, self.c, *words[1:])
        self.assertEqual(self.call("cw_node_mark", self.c, "n.2", "add", "c"), 0)
        self.assertEqual(self.detach("n.1", 60, "reap")[:2], [0, [b"a", b"b"]])
        self.detach("n.1", 60)
        self.assertEqual(self.r.keys("*"), [])

    def test_one_that_is_away_and_closed_while_it_is_reaped_is_a_grave_too(self):
        self.detach("n.1", 60, "reap")
        self.assertEqual(self.call("cw_close", self.c), 1)
        self.assertWritesNothing("NOCHANNEL", "FCALL_RO", "cw_channel", 1, self.c)
        self.assertEqual(self.detach("n.1", 60, "reap")[1], [b"a", b"b"])
        self.detach("n.1", 60)
        self.assertEqual(self.r.keys("*"), [])

    def test_a_grave_that_is_attached_is_a_channel_without_groups(self):
        self.attach("n.2", "1")
        self.detach("n.2", 0)
        self.assertEqual(self.attach("n.3", "2"), [3, b"", [], b"0", 0])
        self.assertEqual(self.r.pttl(self.c), -1)
        self.detach("n.1")
        self.assertEqual(self.r.hgetall(self.c), {b"node": b"n.3", b"gen": b"3"})


class Presence(FunctionsCase):
    def setUp(self):
        super().setUp()
        self.listener = self.r.pubsub(ignore_subscribe_messages=True)
        self.listener.execute_command("SSUBSCRIBE", self.k)
        self.listener.connection.read_response()
        self.addCleanup(self.listener.close)

    def events(self):
        """[(flags, [(uuid, user), ...])] since the last time."""
        self.r.execute_command("SPUBLISH", self.k, "end")
        found = []
        while True:
            kind, _, data = self.listener.connection.read_response()
            self.assertEqual(kind, b"smessage")
            if data == b"end":
                return found
            identity, prev, (kind, flags, sender, payload) = unpack_push(data)
            self.assertEqual((identity, prev, kind, sender), (b"", None, 3, b""))
            unpacker = msgpack.Unpacker(raw=True)
            unpacker.feed(payload)
            words = [word.decode() for word in unpacker]
            found.append((flags, list(zip(words[::2], words[1::2]))))

    def test_nobody_asked_and_nothing_is_told(self):
        self.join("u", ("v", "bob"))
        self.leave("u", "v")
        self.assertEqual(self.events(), [])

    def test_joins_and_leaves_are_told_while_somebody_asked(self):
        self.join("a")
        self.join(("b", "bob smith"), "c", watch=1)
        self.assertEqual(self.events(), [(1, [("b", "bob smith"), ("c", "")])])
        self.join(("d", "dan"))
        self.leave("a", "b", "x")
        self.assertEqual(self.events(), [(1, [("d", "dan")]), (0, [("a", ""), ("b", "bob smith")])])

    def test_who_is_there_already_is_no_event(self):
        self.join(("a", "al"), "b", watch=1)
        self.events()
        self.join(("a", "al"), "b")
        self.join(("a", "al"), "b", node="n.2")
        self.assertEqual(self.leave("a", "b", node="n.1"), 0)
        self.assertEqual(self.events(), [])
        self.join("c", "a")
        self.assertEqual(self.events(), [(1, [("c", "")])])

    def test_it_ends_with_the_last_member(self):
        self.join("a", "b", watch=1, cfg="7 300000 8388608 100000")
        self.leave("a")
        self.assertEqual(self.r.hmget(self.k, "m", "w"), [b"1", b"1"])
        self.leave("b")
        self.assertEqual(self.r.hmget(self.k, "m", "w"), [None, None])
        self.assertNoKeyWithoutEnd()
        self.assertEqual([flags for flags, _ in self.events()], [1, 0, 0])
        self.join("a")
        self.assertEqual(self.events(), [])

    def test_a_group_without_anything_else_stays_while_it_is_watched(self):
        self.join("a", watch=1)
        self.assertEqual((self.r.hgetall(self.k), self.r.pttl(self.k)), ({b"m": b"1", b"w": b"1"}, -1))
        self.publish()
        self.assertEqual(self.r.pttl(self.k), -1)
        self.leave("a")
        self.assertNoKeyWithoutEnd()

    def test_a_message_has_so_many_members_at_most(self):
        everybody = ["u%04d" % n for n in range(1000)]
        self.join("watcher", watch=1)
        self.events()
        self.join(*everybody)
        joined = self.events()
        self.assertEqual([len(who) for _, who in joined], [128] * 7 + [104])
        self.assertEqual([uuid for _, who in joined for uuid, _ in who], everybody)
        self.leave(*everybody)
        left = self.events()
        self.assertEqual([(flags, len(who)) for flags, who in left], [(0, 128)] * 7 + [(0, 104)])

    def test_generations_do_not_show(self):
        self.join(("a 3", "al"), watch=1)
        self.assertEqual(self.events(), [(1, [("a", "al")])])
        self.assertEqual(self.r.hget(self.k + ":m", "a"), b"n.1;3 al")
        self.assertEqual(self.read_only("cw_node_members", self.k, 0, 10), [b"0", b"a", b"n.1", b"al"])
        self.assertEqual(self.read_only("cw_members", self.k), [b"0", b"a", b"n.1"])
        self.leave("a")
        self.assertEqual(self.events(), [(0, [("a", "al")])])

    def test_without_being_watched_presence_costs_no_call(self):
        def calls(function, *words):
            self.r.config_resetstat()
            self.call(function, self.k, *words)
            stats = self.r.info("commandstats")
            return sum(row["calls"] for name, row in stats.items()
                       if name not in ("cmdstat_fcall", "cmdstat_config|resetstat", "cmdstat_info"))
        self.join("first")
        self.assertEqual(calls("cw_node_join", DEFAULTS, "n.1", 0, "u", "al"), 3)  # state, members twice
        self.assertEqual(calls("cw_node_leave", "n.1", "u"), 4)  # members twice, w, are there any


class Generations(FunctionsCase):
    def member(self, uuid="u"):
        return self.r.hget(self.k + ":m", uuid)

    def test_the_later_generation_wins_whoever_comes_last(self):
        self.join("u 2", node="n.2")
        self.join("u 1", ("v 1", "vi"), node="n.1")
        self.assertEqual((self.member(), self.member("v")), (b"n.2;2", b"n.1 vi"))
        self.join("u 2", node="n.2")
        self.join(("u 3", "uma"), node="n.1")
        self.assertEqual(self.member(), b"n.1;3 uma")
        self.join("u 10", node="n.2")
        self.join("u 9", node="n.1")
        self.assertEqual(self.member(), b"n.2;10")

    def test_only_the_nodes_own_entry_is_left(self):
        self.join("u 2", "v 2", "w", node="n.2")
        self.assertEqual(self.leave("u", "v", "w", node="n.1"), 0)
        self.assertEqual(self.leave("u", "v", "w", node="n"), 0)
        self.assertEqual(self.leave("u", "v", "w", node="n.2"), 3)

    def test_without_a_generation_it_is_the_first(self):
        self.join("u", node="n.1")
        self.join("u 1", node="n.2")
        self.assertEqual(self.member(), b"n.2")
        self.join("u 2", node="n.3")
        self.join("u", ("v", "vi"), node="n.1")
        self.assertEqual((self.member(), self.member("v")), (b"n.3;2", b"n.1 vi"))


if __name__ == "__main__":
    main(110)
