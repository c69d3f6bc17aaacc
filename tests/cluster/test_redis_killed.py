"""kill -9 of Redis under load, started again on its append-only file."""

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.wait import until

GROUP = "durable"


class RedisKilled(ClusterCase):
    # Room for what is published during an outage on a slow machine.
    settings = {"history_size": "10000", "op_timeout": "2s"}

    def kill_under_load(self, **options):
        self.start_cluster()
        self.assertEqual(self.redis.call("CONFIG", "GET", "appendonly"), [b"appendonly", b"yes"])
        programs = [self.subscribe("js", self.javascript(), GROUP, 8),
                    self.subscribe("py", self.python(), GROUP, 4)]
        for program in programs:
            program.wait_until_joined()
        ledger, publishers = self.load(GROUP, [*self.nodes, self.balancer], rate=80)
        for _ in range(3):
            self.wait_for_more(ledger, 250)
            self.redis.kill()
            until(lambda: all(not node.is_ready() for node in self.nodes), "the nodes notice")
            self.redis.start()
            until(lambda: all(node.is_ready() for node in self.nodes), "all are ready again", 15)
        self.wait_for_more(ledger, 250)
        with self.nodes[0].client() as client:
            until(lambda: len(client.members(GROUP, count=1000)["members"]) == 36,
                  "members are exact again", 20, every=0.1)
        publishers.stop()
        self.publish_end(GROUP, self.nodes[2])
        self.assertAllDelivered(ledger, programs, **options)
        self.assertGreater(len(ledger.refused) + len(ledger.unknown), 0, "the load did not notice")

    def test_nothing_acknowledged_is_missing_and_nothing_comes_twice(self):
        self.redis_options = {"in_memory": True}
        # Redis may lose the tail of its file, which every subscriber has: that can't be known.
        self.kill_under_load(may_gap=True)

    def test_with_every_write_on_disk_there_is_not_even_a_gap(self):
        self.redis_options = {"options": ["--appendfsync", "always"]}
        self.kill_under_load(may_be_unwritten=True)


if __name__ == "__main__":
    main()
