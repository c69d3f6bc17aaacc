"""The base of the tests of every verb of scripts/chanway: the same words of any deployment."""

import json
import uuid

from functions_case import DEFAULTS, INBOX, group_key
from script_case import Runner
from support.redis_cluster import slot_of
from support.wait import until

# Enough that every server has some of each.
GROUPS = [f"room{n}" for n in range(9)]
UUIDS = [str(uuid.UUID(int=n)) for n in range(1, 10)]


def one_each(names, kind):
    """Of the names one for each third of the slots: each of three servers has one."""
    found = {slot_of("cw:{%s:%s}" % (kind, name)) * 3 // 16384: name for name in reversed(names)}
    assert len(found) == 3
    return [found[third] for third in range(3)]


class VerbsCase(Runner):
    """What they say is the same everywhere; mixed in with a Case whose `redis` is started."""

    def setUp(self):
        for server in self.masters():
            server.call("FLUSHALL")

    def seed(self):
        """Channel n is of alice, in group n; every server has some of both."""
        for name, group in zip(UUIDS, GROUPS):
            key = "cw:{c:%s}" % name
            self.call("cw_node_attach", key, "n.1", "", INBOX, "type", "json", "user", "alice", "address", "10.0.0.7:5")
            self.call("cw_node_mark", key, "n.1", "add", group)
            for joined in (group, "user:alice"):
                self.call("cw_node_join", group_key(joined), DEFAULTS, "n.1", 0, name, "alice")
        self.call("cw_node_list", "cw:nodes", "n.1", 60000, 9)

    def call(self, function, key, *words):
        return self.owner(key).call("FCALL", function, 1, key, *words)

    def listening(self, key):
        return self.owner(key).call("PUBSUB", "SHARDNUMSUB", key)[1] == 1

    def test_looking(self):
        for verb in ("nodes", "channels", "groups", "bans"):
            self.assertEqual(self.json(verb), [])
            self.assertEqual(self.ok(verb).count(b"\n"), 1)
        self.seed()
        said = one_each(GROUPS, "g")
        for group in said:
            self.assertRegex(self.ok("publish", group, '"%s"' % group), rb"^\d+-1\n$")
        (node,) = self.json("nodes")
        self.assertEqual((node["id"], node["channels"]), ("n.1", 9))
        channels = self.json("channels")
        self.assertEqual([(channel["uuid"], channel["groups"]) for channel in channels], list(zip(UUIDS, GROUPS)))
        self.assertEqual(self.ok("channels").decode().split()[5::5], UUIDS)
        groups = self.json("groups")
        self.assertEqual([(group["group"], group["members"], group["history"]) for group in groups],
                         [(group, 1, int(group in said)) for group in GROUPS] + [("user:alice", 9, 0)])
        for group in said:
            name = UUIDS[GROUPS.index(group)]
            self.assertEqual(self.json("members", group), [{"uuid": name, "node": "n.1"}])
            self.assertEqual([row["data"] for row in self.json("history", group)], [group])
        for name in one_each(UUIDS, "c"):
            self.assertEqual(self.json("channel", name)["groups"], GROUPS[UUIDS.index(name)])
        self.assertEqual({row["uuid"] for row in self.json("members", "user:alice")}, set(UUIDS))
        self.assertFails("there is no group 'nobody'", "members", "nobody")

    def test_numbers(self):
        self.seed()
        for name in one_each(UUIDS, "c"):
            self.ok("send", name, "1")
        for group in one_each(GROUPS, "g"):
            self.ok("publish", group, "1", "--key", "k")
        self.ok("ban", "user:x")
        self.owner("cw:{events}").call("XADD", "cw:{events}", "*", "event", "connect")
        stats = self.json("stats")
        count = len(self.masters())
        self.assertEqual(stats.pop("servers", 1), count)
        self.assertGreater(stats.pop("memory"), count << 19)
        self.assertGreaterEqual(stats.pop("clients"), count)
        self.assertIsInstance(stats.pop("ops_per_s"), int)
        self.assertEqual(stats.pop("redis"), self.masters()[0].client().info()["redis_version"])
        self.assertEqual(stats, {
            "nodes": 1, "connected": 9, "channels": 9, "groups": 10, "messages": 3, "direct": 3, "events": 1,
            "keys": sum(server.call("DBSIZE") for server in self.masters())})

    def test_telling_channels(self):
        self.seed()
        for name in one_each(UUIDS, "c"):
            self.assertEqual(self.ok("send", name, '{"n":1}', "--from", "shop", "--key", "k"), b"delivered\n")
            self.assertEqual(self.ok("send", name, "-", "--type", "bytes", stdin=b"\x00\xff\n"), b"delivered\n")
            self.assertEqual(self.json("channel", name)["queued"], 2)
            self.ok("add", name, "other")
            self.ok("remove", name, "other")
            self.ok("close", name, "4000", "enough")
            self.assertEqual(self.requests(name), 3)
        self.assertFails("there is no channel", "send", str(uuid.UUID(int=99)), "1")

    def requests(self, name):
        key = "cw:{c:%s}" % name
        return self.owner(key).call("FCALL_RO", "cw_node_inbox", 1, key, "n.1", 0, 0, 0, 100, 100000)[3]

    def test_a_user_is_closed_and_banned(self):
        self.seed()
        self.assertEqual(self.json("close-user", "alice", "4000", "enough"), {"closed": 9})
        self.assertEqual([self.requests(name) for name in UUIDS], [1] * 9)
        self.ok("ban", "user:alice", "--for", "1h", "--reason", "enough")
        self.ok("ban", "10.0.0.7")
        self.ok("unban", "10.0.0.7")
        (ban,) = self.json("bans")
        self.assertEqual((ban["subject"], ban["reason"]), ("user:alice", "enough"))

    def test_tail_and_events_follow(self):
        for group in one_each(GROUPS, "g"):
            self.ok("publish", group, "0")
            tail = self.start_script("--json", "tail", group, "--since", "0-0")
            until(lambda: self.listening(group_key(group)), "tail listens", 20)
            for n in range(1, 4):
                self.ok("publish", group, str(n))
            until(lambda: len(self.lines()) == 4, "all are printed", 20)
            self.assertEqual([json.loads(line)["data"] for line in self.lines()], list(range(4)))
            self.assertEqual((tail.is_running(), tail.log()), (True, ""))
            tail.stop()
        owner = self.owner("cw:{events}")
        self.start_script("events", "--since", "0")
        for n in range(3):
            owner.call("XADD", "cw:{events}", "*", "event", "join", "channel", n)
            until(lambda: len(self.lines()) == n + 1, "it is printed", 20)

    def test_load(self):
        masters = self.masters()
        for server in masters[1:] or masters:
            server.call("FUNCTION", "FLUSH")
        said = self.ok("load").decode().splitlines()
        self.assertEqual([line.endswith("loaded") for line in said],
                         [server in (masters[1:] or masters) for server in masters])
        if len(masters) > 1:
            self.assertEqual([line.split(": ")[0] for line in said],
                             [f"127.0.0.1:{server.port}" for server in masters])
        self.assertEqual(self.ok("load").count(b"already"), len(masters))
        self.assertEqual(self.json("groups"), [])
