"""scripts/chanway: what it tells channels, the event stream, numbers."""

import json
import os
import signal

from channels_case import ADD, CLOSE, REMOVE, ChannelsCase
from functions_case import group_key
from script_case import ScriptCase
from support.case import main
from support.process import children_of, is_alive
from support.wait import until

NOBODY = "00000000-0000-7000-8000-000000000000"
EVENTS = "cw:{events}"


class Channel(ScriptCase, ChannelsCase):
    def test_send_prints_what_became_of_it(self):
        node = self.listen()
        self.assertEqual(self.ok("send", self.uuid, '{"n":1}'), b"delivered\n")
        self.assertEqual(self.heard_direct(node)[2], [0, 0, b"", b'{"n":1}'])
        self.assertEqual(self.json("send", self.uuid, "grüße", "--type", "text", "--from", "shop",
                                   "--key", "k"), {"status": "delivered"})
        self.assertEqual(self.heard_direct(node)[2], [1, 0, b"shop", "grüße".encode()])
        self.ok("send", self.uuid, "other", "--type", "text", "--key", "k")
        self.assertNothingHeard(node)
        self.ok("send", self.uuid, "-", "--type", "bytes", stdin=b"\x00\xff\n\n")
        self.assertEqual(self.heard_direct(node)[2], [2, 0, b"", b"\x00\xff\n\n"])
        self.detach()
        self.assertEqual(self.ok("send", self.uuid, "5"), b"queued\n")
        self.assertEqual(self.json("channel", self.uuid)["queued"], 4)

    def test_add_remove_close_ask_the_node(self):
        node = self.listen()
        for words, kind, payload in (
                (("add", self.uuid, "room"), ADD, b"room"),
                (("remove", self.uuid, "al@x=1/2"), REMOVE, b"al@x=1/2"),
                (("close", self.uuid), CLOSE, b"4004 "),
                (("close", self.uuid, "3000"), CLOSE, b"3000 "),
                (("close", self.uuid, "4999", "enough of 'you'"), CLOSE, b"4999 enough of 'you'")):
            with self.subTest(words=words):
                self.assertEqual(self.ok(*words), b"ok\n")
                self.assertEqual(self.heard_request(node)[1:], (kind, payload))
        self.assertEqual(self.json("add", self.uuid, "room"), {"ok": True})

    def test_close_ends_one_that_is_away(self):
        self.detach()
        self.ok("send", self.uuid, "1", "--key", "k")
        self.ok("add", self.uuid, "room")
        self.ok("close", self.uuid)
        self.assertEqual(self.r.keys("*"), [])
        self.assertFails("there is no channel '%s'" % self.uuid, "close", self.uuid)

    def test_what_is_wrong_writes_nothing(self):
        before = self.everything()
        for words in (("send", NOBODY, "1"), ("add", NOBODY, "room"), ("remove", NOBODY, "room"),
                      ("close", NOBODY), ("channel", NOBODY)):
            self.assertFails("there is no channel '%s'" % NOBODY, *words)
        for words in (("send", "x", "1"), ("add", "*", "room"), ("close", self.uuid.upper() + "A")):
            self.assertFails("is no channel id", *words)
        self.assertFails("is no group", "add", self.uuid, "a b")
        self.assertFails("is no group", "remove", self.uuid, "")
        self.assertFails("BADREQUEST", "add", self.uuid, "user:x")
        self.assertFails("BADREQUEST", "close", self.uuid, "1001")
        self.assertFails("BADREQUEST", "close", self.uuid, "4000", "x" * 124)
        self.assertFails("BADREQUEST", "send", self.uuid, "{")
        self.assertFails("send: what is '--frm'", "send", self.uuid, "1", "--frm", "x")
        self.assertFails("arguments", "send", self.uuid)
        self.assertFails("arguments", "add", self.uuid)
        self.assertFails("onnect", "close", self.uuid, "--redis", "unix:/nowhere/redis.sock")
        self.assertEqual(self.everything(), before)

    # --- every kind of key

    def populate(self):
        """One of each kind of key: of this channel, one that is away, three groups; of other prefixes."""
        self.ok("send", self.uuid, "1", "--key", "k")
        self.ok("add", self.uuid, "room")
        self.away = NOBODY
        away = "cw:{c:%s}" % self.away
        self.call("cw_node_attach", away, "n.1", "", "100 1048576", "type", 0)
        self.call("cw_node_detach", away, "n.1", 60)
        for n in range(2):
            self.ok("send", self.away, str(n), "--key", str(n))
            self.ok("publish", "said", str(n), "--key", str(n))
        self.join(self.uuid)
        self.ok("publish", "gone", "1", "--key", "k")
        self.r.delete(group_key("gone") + ":h")
        self.call("cw_node_renew", "cw:{n:n.1}", 15000, "new")
        self.call("cw_node_list", "cw:nodes", "n.1", 15000, 1)
        self.r.xadd(EVENTS, {"event": "connect", "channel": self.uuid})
        self.keys = len(self.r.keys("*"))
        for key in ("cw:x:{g:other}:m", "cw:x:nodes", "cwx:nodes", "cw2:{g:other}:m"):
            self.r.hset(key, "n", "1")

    def test_lists_know_every_kind_of_key(self):
        self.populate()
        self.assertEqual([row["uuid"] for row in self.json("channels")], sorted((self.uuid, self.away)))
        self.assertEqual([(row["group"], row["members"], row["history"]) for row in self.json("groups")],
                         [("room", 1, 0), ("said", 0, 2)])

    def test_stats_counts(self):
        self.populate()
        stats = self.json("stats")
        info = self.r.info()
        self.assertEqual(stats.pop("redis"), info["redis_version"])
        for name in ("memory", "clients", "ops_per_s"):
            self.assertIsInstance(stats.pop(name), int)
        self.assertEqual(stats, {"nodes": 1, "connected": 1, "channels": 2, "groups": 2, "messages": 2,
                                 "direct": 3, "events": 1, "keys": self.keys})
        shown = dict(line.split(None, 1) for line in self.ok("stats").decode().splitlines())
        self.assertEqual((shown["messages"], shown["redis"]), ("2", info["redis_version"]))
        self.assertRegex(shown["memory"], r"^[0-9.]+[BKMG]$")

    def test_stats_of_nothing(self):
        self.r.flushall()
        stats = self.json("stats", "--prefix", "a.b")
        self.assertEqual({stats[name] for name in ("nodes", "connected", "channels", "groups", "messages",
                                                   "direct", "events", "keys")}, {0})
        self.assertFails("onnect", "stats", "--redis", "unix:/nowhere/redis.sock")
        self.assertFails("arguments", "stats", "x")


class Events(ScriptCase):
    def setUp(self):
        super().setUp()
        until(lambda: self.r.info("clients")["blocked_clients"] == 0, "that of the test before has gone", 20)

    def add(self, *fields, stream=EVENTS):
        return self.r.execute_command("XADD", stream, "*", *fields).decode()

    def wait_until_it_waits(self):
        until(lambda: self.r.info("clients")["blocked_clients"] == 1, "it waits for events", 20)

    def wait_for_lines(self, count):
        until(lambda: len(self.lines()) == count, "%d lines are printed" % count, 20)
        return self.lines()

    def test_every_kind_of_entry(self):
        common = ("channel", "u1", "node", "n.1", "gen", "1")
        ids = [self.add("event", event, *common, *more) for event, more in (
            ("connect", ("user", 'bob "x"\n', "type", "text")),
            ("message", ("type", "text", "payload", "grüße\n\x1b[1m,\"],[\"")),
            ("message", ("type", "json", "payload", '{"n":\n1.0}')),
            ("message", ("type", "bytes", "payload", b"\x00\xff\r\n")),
            ("message", ("type", "text", "payload", "")),
            ("join", ("group", "room")),
            ("disconnect", ("code", "4000", "reason", "enough of you")))]
        self.start_script("events", "--since", "0")
        self.assertEqual(self.wait_for_lines(7), ["%s  %s" % pair for pair in zip(ids, (
            'connect  u1  node=n.1 gen=1 user=bob "x"  type=text',
            'message  u1  node=n.1 gen=1 type=text  grüße  [1m,"],["',
            'message  u1  node=n.1 gen=1 type=json  {"n": 1.0}',
            'message  u1  node=n.1 gen=1 type=bytes  base64:AP8NCg==',
            'message  u1  node=n.1 gen=1 type=text  ',
            'join  u1  node=n.1 gen=1 group=room',
            'disconnect  u1  node=n.1 gen=1 code=4000 reason=enough of you'))])
        self.start_script("--json", "events", "--since", ids[0])
        rows = [json.loads(line) for line in self.wait_for_lines(6)]
        same = {"channel": "u1", "node": "n.1", "gen": "1"}
        self.assertEqual(rows, [{"id": identity, "event": event, **same, **more}
                                for identity, event, more in zip(
            ids[1:], ["message"] * 4 + ["join", "disconnect"], (
                {"type": "text", "text": "grüße\n\x1b[1m,\"],[\""}, {"type": "json", "data": {"n": 1.0}},
                {"type": "bytes", "bytes": "AP8NCg=="}, {"type": "text", "text": ""},
                {"group": "room"}, {"code": "4000", "reason": "enough of you"}))])

    def test_it_follows_from_now_on(self):
        self.add("event", "join", "channel", "before")
        script = self.start_script("events")
        self.wait_until_it_waits()
        with self.r.pipeline(transaction=False) as pipe:
            for n in range(250):
                pipe.xadd(EVENTS, {"event": "join", "channel": str(n)})
            ids = [identity.decode() for identity in pipe.execute()]
        self.assertEqual(self.wait_for_lines(250), ["%s  join  %d" % (ids[n], n) for n in range(250)])
        self.wait_until_it_waits()
        self.add("event", "leave", "channel", "x")
        self.assertIn("leave  x", self.wait_for_lines(251)[-1])
        self.assertEqual((script.is_running(), script.log()), (True, ""))

    def test_a_stream_that_does_not_exist_is_waited_for(self):
        script = self.start_script("events", "--prefix", "a.b")
        script.wait_for_log("no node has written an event to a.b:{events}")
        self.wait_until_it_waits()
        self.add("event", "join", "channel", "u1", stream="a.b:{events}")
        self.assertIn("join  u1", self.wait_for_lines(1)[0])

    def test_it_goes_on_after_redis_was_away(self):
        server = self.own_redis(options=["--appendfsync", "always"])
        old = self.redis, self.r
        type(self).redis, type(self).r = server, server.client()
        self.addCleanup(lambda: (setattr(type(self), "redis", old[0]), setattr(type(self), "r", old[1])))
        self.add("event", "join", "channel", "before")
        script = self.start_script("events")
        self.wait_until_it_waits()
        server.kill()
        script.wait_for_log("trying again")
        server.start()
        self.add("event", "join", "channel", "after")
        self.assertIn("after", self.wait_for_lines(1)[0])

    def test_it_ends_at_a_signal_with_all_it_started(self):
        self.add("event", "join", "channel", "u1")
        for number in (signal.SIGINT, signal.SIGTERM):
            script = self.start_script("events")
            self.wait_until_it_waits()
            children = children_of(script.pid)
            self.assertGreater(len(children), 1)
            script.signal(number)
            self.assertEqual(script.wait(), 128 + number)
            self.assertEqual(script.log(), "")
            until(lambda: not any(is_alive(child) for child in children), "its children have ended", 20)
            until(lambda: self.r.info("clients")["blocked_clients"] == 0, "it waits no more", 20)

    def test_it_ends_when_nobody_reads_it(self):
        self.add("event", "join", "channel", "u1")
        reading, writing = os.pipe()
        script = self.start_script("events", "--since", "0-0", stdout=writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            self.assertIn(b"join  u1", pipe.readline())
            children = children_of(script.pid)
        self.assertEqual(script.wait(), 0)
        until(lambda: not any(is_alive(child) for child in children), "its children have ended", 20)

    def test_what_is_wrong(self):
        self.assertFails("'yesterday' is no <ms>", "events", "--since", "yesterday")
        self.assertFails("is no <ms>", "events", "--since")
        self.assertFails("what is 'x'", "events", "x")
        self.assertFails("onnect", "events", "--redis", "unix:/nowhere/redis.sock")
        self.r.set(EVENTS, "x")
        self.assertFails("WRONGTYPE", "events")


if __name__ == "__main__":
    main(limit=110)
