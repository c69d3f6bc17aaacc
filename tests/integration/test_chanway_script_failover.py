"""scripts/chanway: what follows goes on where a replica has taken over."""

import json
import signal

from functions_case import group_key, library
from script_case import Runner
from support.case import Case, main
from support.redis_cluster import RedisCluster
from support.sentinel import SentinelGroup
from support.wait import until


class Failover(Runner, Case):
    def listens(self, server):
        return server.call("PUBSUB", "SHARDCHANNELS") == [group_key("room").encode()]

    def shown(self):
        return [json.loads(line)["data"] for line in self.lines()]

    def test_tail_goes_on_at_a_replica_of_a_cluster(self):
        self.redis = self._keep(RedisCluster(self.own_folder()), self.addCleanup).start()
        self.redis.load(library())
        group = "room"
        old = self.redis.master_of(group_key(group))
        self.ok("publish", group, "0")
        tail = self.start_script("--json", "tail", group, "--since", "0-0")
        until(lambda: len(self.lines()) == 1, "the first is shown", 20)
        until(old.followers, "its replica has all", 20)
        self.redis.kill(old)
        new = self.redis.wait_promoted(old)
        until(lambda: self.run_script("publish", group, "1").returncode == 0, "publishing works again", 30, every=0.2)
        until(lambda: len(self.lines()) == 2, "the second is shown", 30)
        self.assertEqual(self.shown(), [0, 1])
        until(lambda: self.listens(new), "it listens to the replica", 30)
        tail.signal(signal.SIGTERM)
        self.assertEqual(tail.wait(), 143)

    def test_tail_goes_on_where_sentinels_say(self):
        self.redis = self._keep(SentinelGroup(self.own_folder()), self.addCleanup).start()
        old = self.redis.primary()
        old.call("FUNCTION", "LOAD", "REPLACE", library())
        self.ok("publish", "room", "0")
        tail = self.start_script("--json", "tail", "room", "--since", "0-0")
        until(lambda: len(self.lines()) == 1, "the first is shown", 20)
        until(lambda: old.followers() == 2, "the replicas have all", 20)
        old.kill()
        until(lambda: self.redis.is_another(old), "another primary", 40)
        new = self.redis.primary()
        self.ok("publish", "room", "1")
        until(lambda: len(self.lines()) == 2, "the second is shown", 20)
        self.assertEqual(self.shown(), [0, 1])
        until(lambda: self.listens(new), "it listens there", 20)
        self.assertTrue(tail.is_running())


if __name__ == "__main__":
    main(limit=110)
