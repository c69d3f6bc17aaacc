"""scripts/chanway: every verb, for the eye and as JSON, in pipes, and how it ends."""

import base64
import json
import os
import signal
import subprocess
import uuid

from functions_case import DEFAULTS, INBOX, group_key
from script_case import SCRIPT, ScriptCase
from support.case import main
from support.process import children_of, is_alive
from support.wait import until

ALICE, BOB = str(uuid.UUID(int=10)), str(uuid.UUID(int=11))


class Script(ScriptCase):
    def populate(self):
        for name, user in ((ALICE, "alice"), (BOB, 'bob "x"')):
            self.call("cw_node_attach", "cw:{c:%s}" % name, "n.1", "", INBOX, "type", "json", "user", user,
                      "created", 1700000000000, "expires", 0, "address", "10.0.0.7:5")
            self.call("cw_node_mark", "cw:{c:%s}" % name, "n.1", "add", "room", "b")
            self.join((name, user))
        self.call("cw_node_list", "cw:nodes", "n.1", 15000, 2)

    # --- looking

    def test_nodes_channels_groups_members(self):
        self.populate()
        self.publish()
        (node,) = self.json("nodes")
        self.assertEqual((node["id"], node["channels"]), ("n.1", 2))
        self.assertTrue(0 < node["lease_ms"] <= 15000)
        self.assertEqual(self.ok("nodes").split()[:4], [b"id", b"lease_ms", b"channels", b"n.1"])
        channels = self.json("channels")
        self.assertEqual([channel["uuid"] for channel in channels], [ALICE, BOB])
        self.assertEqual(channels[1], {
            "uuid": BOB, "node": "n.1", "type": "json", "created": 1700000000000, "expires": 0,
            "user": 'bob "x"', "address": "10.0.0.7:5", "groups": "b,room", "queued": 0,
            "state": "connected"})
        self.assertEqual(self.json("channel", BOB), channels[1])
        self.assertIn(b'user       bob "x"\n', self.ok("channel", BOB))
        self.assertIn(ALICE.encode(), self.ok("channels"))
        epoch = self.read()[0][0]
        self.assertEqual(self.json("groups"), [
            {"group": "room", "members": 2, "epoch": str(epoch), "offset": 1, "history": 1}])
        self.assertEqual(self.ok("groups").split()[5:], b"room 2 1 %d 1".replace(b"%d", b"%d" % epoch).split())
        self.assertEqual(sorted(self.json("members", "room"), key=lambda row: row["uuid"]),
                         [{"uuid": ALICE, "node": "n.1"}, {"uuid": BOB, "node": "n.1"}])

    def test_an_empty_cluster_is_empty_lists(self):
        for verb in ("nodes", "channels", "groups"):
            self.assertEqual(self.json(verb), [])
            self.assertEqual(self.ok(verb).count(b"\n"), 1)  # the head of the table

    def test_large_groups_come_whole(self):
        everybody = [str(uuid.UUID(int=n)) for n in range(2500)]
        self.join(*everybody)
        self.assertEqual(sorted(row["uuid"] for row in self.json("members", "room")), everybody)

    # --- publishing and reading

    def test_publish_prints_the_id(self):
        identity = self.ok("publish", "room", '{"hello":"all"}').strip()
        self.assertEqual(self.json("publish", "room", "2", "--from", "shop", "--key", "k"),
                         {"id": identity.decode()[:-1] + "2"})
        self.assertEqual(self.ok("publish", "room", "2", "--key", "k").strip(), identity[:-1] + b"2")
        self.ok("publish", "room", "-", "--type", "bytes", "--from", "cron", stdin=b"\x00\xff\n\n")
        self.ok("publish", "room", "grüße", "--type", "text")
        self.assertEqual(self.read_only("cw_history", self.k)[1:], [
            b"json", b"server", b'{"hello":"all"}', identity[:-1] + b"2", b"json", b"shop", b"2",
            identity[:-1] + b"3", b"bytes", b"cron", b"\x00\xff\n\n",
            identity[:-1] + b"4", b"text", b"server", "grüße".encode()])

    def test_history_shows_every_kind_of_payload(self):
        values = ['"', "\\", '\\"', "\n\t\r\b\f", "\x01\x1f\x7f", "日本語", "", '","', "\\n", "\\u0041", "[1", "a" * 70000]
        for value in values:
            self.call("cw_node_publish", self.k, 1, 0, "", value, DEFAULTS, "")
            self.call("cw_node_publish", self.k, 0, 0, "me", json.dumps(value) + "\n", DEFAULTS, "")
            self.call("cw_node_publish", self.k, 2, 0, "", value.encode() + b"\x00\xff", DEFAULTS, "")
        rows = self.json("history", "room")
        self.assertEqual([row["text"] for row in rows[::3]], values)
        self.assertEqual([row["data"] for row in rows[1::3]], values)
        self.assertEqual([base64.b64decode(row["bytes"]) for row in rows[2::3]],
                         [value.encode() + b"\x00\xff" for value in values])
        self.assertEqual({row["from"] for row in rows[1::3]}, {"me"})
        lines = self.ok("history", "room").split(b"\n")
        self.assertEqual(len(lines), 3 * len(values) + 1)  # one a message, whatever is in it
        self.assertEqual(self.json("history", "room", "4"), rows[-4:])
        self.assertEqual(self.json("history", "room", "1000"), rows)

    def test_long_histories_come_whole(self):
        for n in range(731):
            self.publish(str(n), cfg="1000 300000 8388608 9")
        self.assertEqual([row["text"] for row in self.json("history", "room")],
                         [str(n) for n in range(731)])

    # --- tail

    def wait_until_it_listens(self):
        until(lambda: self.r.pubsub_shardchannels("*") if hasattr(self.r, "pubsub_shardchannels")
              else self.r.execute_command("PUBSUB", "SHARDCHANNELS"), "tail listens", 20)

    def test_tail_follows_from_now_on(self):
        self.publish("before")
        tail = self.start_script("tail", "room")
        self.wait_until_it_listens()
        ids = [self.publish("%d" % n)[0].decode() for n in range(100)]
        until(lambda: len(self.lines()) == 100, "all of them are printed", 20)
        self.assertEqual(self.lines(), ["%s  server  %d" % (ids[n], n) for n in range(100)])
        self.assertTrue(tail.is_running())

    def test_tail_from_a_position_and_as_json(self):
        ids = [self.publish("%d" % n)[0].decode() for n in range(3)]
        self.start_script("--json", "tail", "room", "--since", ids[0])
        until(lambda: len(self.lines()) == 2, "what is kept", 20)
        self.publish("3")
        until(lambda: len(self.lines()) == 3, "and what comes", 20)
        self.assertEqual([json.loads(line)["text"] for line in self.lines()], ["1", "2", "3"])

    def test_tail_goes_on_after_redis_was_away_and_tells_what_is_gone(self):
        server = self.own_redis(options=["--appendfsync", "always"])
        old = self.redis, self.r
        type(self).redis, type(self).r = server, server.client()
        self.addCleanup(lambda: (setattr(type(self), "redis", old[0]), setattr(type(self), "r", old[1])))
        self.load()
        tail = self.start_script("tail", "room")
        self.wait_until_it_listens()
        server.kill()
        tail.wait_for_log("trying again")
        server.start()
        self.publish("after")
        until(lambda: len(self.lines()) == 1, "the message after the restart", 20)
        for n in range(3):
            self.call("cw_node_publish", group_key("short"), 1, 0, "", n, "1 300000 1 9", "")
        tail = self.start_script("tail", "short", "--since", self.read_first("short"))
        tail.wait_for_log("1 messages are gone")

    def read_first(self, group):
        epoch = self.read_only("cw_group", group_key(group))[3].decode()
        return epoch + "-1"

    def test_tail_ends_at_a_signal_with_all_it_started(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            tail = self.start_script("tail", "room")
            self.wait_until_it_listens()
            children = children_of(tail.pid)
            self.assertGreater(len(children), 1)
            tail.signal(number)
            self.assertEqual(tail.wait(), 128 + number)
            self.assertEqual(tail.log(), "")
            until(lambda: not any(is_alive(child) for child in children), "its children have ended", 20)
            until(lambda: not self.r.execute_command("PUBSUB", "SHARDCHANNELS"), "it listens no more", 20)

    def test_tail_ends_when_nobody_reads_it(self):
        for n in range(3):
            self.publish("%d" % n)
        reading, writing = os.pipe()
        tail = self.start_script("tail", "room", "--since", "0-0", stdout=writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            self.assertIn(b"server  0", pipe.readline())
            children = children_of(tail.pid)
        self.assertEqual(tail.wait(), 0)
        until(lambda: not any(is_alive(child) for child in children), "its children have ended", 20)

    # --- what is wrong

    def test_unknown_names_are_told(self):
        self.assertFails("there is no group 'nobody'", "members", "nobody")
        self.assertFails("there is no group 'nobody'", "history", "nobody")
        self.assertFails("there is no channel", "channel", ALICE)
        self.assertFails("no channel id", "channel", "x")
        self.assertFails("is no group", "members", "a b")
        self.assertFails("no verb 'frobnicate'", "frobnicate")
        self.assertFails("arguments", "members")
        self.assertFails("arguments", "nodes", "x")
        self.assertFails("BADREQUEST", "publish", "room", "{")
        self.assertFails("BADREQUEST", "publish", "room", "1", "--type", "xml")
        self.assertFails("--frm", "publish", "room", "1", "--frm", "x")
        self.assertFails("no number", "history", "room", "x")
        self.assertFails("--prefix", "nodes", "--prefix", "a b")
        self.assertFails("--redis", "nodes", "--redis", "foo:1")
        self.assertFails("onnect", "nodes", "--redis", "unix:/nowhere/redis.sock")
        self.assertEqual(self.r.keys("*"), [])

    def test_the_library_is_loaded_when_it_is_missing_or_older(self):
        self.r.execute_command("FUNCTION", "FLUSH")
        self.assertFails("chanway load", "nodes")
        self.assertIn(b"loaded", self.ok("load"))
        self.assertIn(b"already", self.ok("load"))
        older = b"#!lua name=chanway\nredis.register_function{function_name='cw_version', " \
                b"callback=function() return 0 end, flags={'no-writes'}}"
        self.r.execute_command("FUNCTION", "LOAD", "REPLACE", older)
        self.ok("load")
        self.assertEqual(self.json("nodes"), [])

    def test_help_and_no_verb(self):
        self.assertIn(b"Examples:", self.ok("--help"))
        ended = self.run_script()
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.assertIn(b"Examples:", ended.stderr)

    def test_addresses_prefixes_and_pipes(self):
        self.assertEqual(self.json("groups", "--prefix", "other"), [])
        self.ok("publish", "room", "1", CHANWAY_REDIS_PREFIX="other")
        self.assertEqual([row["group"] for row in self.json("groups", "--prefix=other")], ["room"])
        self.assertEqual(self.json("groups", "--redis", self.redis.url), [])
        everybody = [str(uuid.UUID(int=n)) for n in range(2500)]
        self.join(*everybody)
        ended = subprocess.run("%s members room --redis %s | head -n 1" % (SCRIPT, self.redis.url),
                               shell=True, capture_output=True, timeout=30, check=False)
        self.assertEqual((ended.stdout.count(b"\n"), ended.stderr), (1, b""))


if __name__ == "__main__":
    main(limit=110)
