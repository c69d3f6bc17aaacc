"""scripts/chanway on a Cluster whose slots are moved."""

import json

from functions_case import DEFAULTS, group_key, library
from script_case import Runner
from support.case import Case, main
from support.redis_cluster import RedisCluster, slot_of
from support.wait import until

GROUPS = sorted(f"room{n}" for n in range(150))
UUID = "00000000-0000-7000-8000-000000000001"


class Slots(Runner, Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls._keep(RedisCluster(cls.folder, replicas=0), cls.addClassCleanup).start()
        cls.redis.load(library())

    def listens(self, server, key):
        return server.call("PUBSUB", "SHARDNUMSUB", key)[1] == 1

    def shown(self, field):
        return [json.loads(line)[field] for line in self.lines()]

    def test_lists_are_whole_while_slots_move(self):
        source, target = self.redis.first_masters[:2]
        for group in GROUPS:
            key = group_key(group)
            self.redis.master_of(key).call("FCALL", "cw_node_join", 1, key, DEFAULTS, "n.1", 0, UUID, "")
        moving = self.redis.reshard(1500, source, target)
        looks = 0
        while moving.is_running() or looks == 0:
            listed = self.json("groups")
            self.assertEqual([(row["group"], row["members"]) for row in listed], [(group, 1) for group in GROUPS])
            looks += 1
        self.assertEqual(moving.wait(), 0, moving.log()[-2000:])

    def test_tail_and_publish_follow_a_slot(self):
        group = next(group for group in GROUPS if slot_of(group_key(group)) // 5461 == 2)
        key = group_key(group)
        source, target = self.redis.first_masters[2], self.redis.first_masters[1]
        self.ok("publish", group, "0")
        tail = self.start_script("--json", "tail", group, "--since", "0-0")
        until(lambda: self.listens(source, key), "it listens", 20)
        self.move(key, source, target)
        until(lambda: self.listens(target, key), "it listens to the other", 20)
        self.ok("publish", group, "1")
        until(lambda: len(self.lines()) == 2, "both are shown", 20)
        self.assertEqual(self.shown("data"), [0, 1])
        self.assertEqual(tail.log(), "")

    def test_events_follow_their_slot(self):
        key = "cw:{events}"
        source = self.redis.master_of(key)
        target = next(server for server in self.redis.first_masters if server is not source)
        self.start_script("--json", "events", "--since", "0")
        source.call("XADD", key, "*", "event", "join")
        until(lambda: len(self.lines()) == 1, "the first is shown", 20)
        self.move(key, source, target)
        target.call("XADD", key, "*", "event", "leave")
        until(lambda: len(self.lines()) == 2, "the second is shown", 20)
        self.assertEqual(self.shown("event"), ["join", "leave"])

    def move(self, key, source, target):
        slot = slot_of(key)
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        keys = source.call("CLUSTER", "GETKEYSINSLOT", slot, 100)
        source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 10000, "KEYS", *keys)
        for server in (target, source, *self.redis.first_masters):
            server.call("CLUSTER", "SETSLOT", slot, "NODE", target.id)


if __name__ == "__main__":
    main(limit=110)
