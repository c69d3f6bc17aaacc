"""Links between nodes and Redis that break under load: nothing missing, doubled or out of order."""

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.haproxy import Haproxy
from support.relay import Relay
from support.wait import until

GROUP = "links"


class LinksKilled(ClusterCase):
    # Room for what is published during an outage on a slow machine.
    settings = {"history_size": "10000"}

    def start_load(self):
        self.programs = [self.subscribe("js", self.javascript(), GROUP, 8),
                         self.subscribe("py", self.python(), GROUP, 4)]
        for program in self.programs:
            program.wait_until_joined()
        self.ledger, self.publishers = self.load(GROUP, [*self.nodes, self.balancer], rate=80)

    def finish(self):
        self.publishers.stop()
        self.publish_end(GROUP, self.nodes[0])
        return self.assertAllDelivered(self.ledger, self.programs)

    def total(self, name):
        return sum(node.metric(name) for node in self.nodes)

    def test_killed_subscriptions(self):
        self.start_cluster()
        self.start_load()
        for _ in range(10):
            self.wait_for_more(self.ledger, 60)
            killed = until(lambda: self.redis.call("CLIENT", "KILL", "TYPE", "pubsub"),
                           "somebody is subscribed")
            self.assertGreaterEqual(killed, 1)
        self.wait_for_more(self.ledger, 60)
        self.finish()
        self.assertGreater(self.total("chanway_group_recoveries_total"), 0)

    def test_killed_subscriptions_at_full_speed(self):
        # So many messages that some come while a node reads what it has missed; what it has read
        # comes to the subscribers all at once.
        self.start_cluster(send_queue_max="64MiB")
        self.programs = [self.subscribe("js", self.javascript(), GROUP, 2)]
        self.programs[0].wait_until_joined()
        self.ledger, self.publishers = self.load(GROUP, self.nodes, window=32)
        for _ in range(10):
            self.wait_for_more(self.ledger, 300)
            until(lambda: self.redis.call("CLIENT", "KILL", "TYPE", "pubsub"), "somebody is there")
        self.wait_for_more(self.ledger, 300)
        self.finish()
        self.assertGreater(self.total("chanway_group_duplicates_total"), 0,
                           "no message came twice from Redis: the test is too easy")

    def test_killed_command_connections(self):
        self.start_cluster(op_timeout="2s")
        self.start_load()
        for _ in range(10):
            self.wait_for_more(self.ledger, 60)
            killed = until(lambda: self.redis.call("CLIENT", "KILL", "TYPE", "normal"),
                           "somebody is connected")
            self.assertGreaterEqual(killed, 1)
        self.wait_for_more(self.ledger, 60)
        self.finish()

    def test_one_nodes_link_cut_and_held(self):
        self.redis = self.own_redis()
        relay = Relay(self.own_folder(), self.redis.socket)
        self.addCleanup(relay.stop)
        self.nodes = [self.own_node(link, wait=False, name=f"node{number}", op_timeout="2s",
                                    **self.settings)
                      for number, link in enumerate([self.redis, self.redis, relay], 1)]
        for node in self.nodes:
            node.wait_until_ready()
        # Publishers stay on the nodes whose link is whole.
        self.balancer = self._keep(Haproxy(self.own_folder(), self.nodes[:2]),
                                   self.addCleanup).start()
        self.programs = [self.subscribe("js", self.javascript(), GROUP, 8)]
        self.programs[0].wait_until_joined()
        self.ledger, self.publishers = self.load(GROUP, [*self.nodes[:2], self.balancer], rate=30)
        lonely = self.nodes[2]
        for break_link in (relay.cut, relay.hold):
            self.wait_for_more(self.ledger, 50)
            break_link()
            until(lambda: not lonely.is_ready(), "the node without a link is not ready")
            self.wait_for_more(self.ledger, 50)
            relay.restore()
            until(lonely.is_ready, "it is ready again", 10)
        self.wait_for_more(self.ledger, 50)
        self.finish()
        self.assertEqual(self.ledger.refused | self.ledger.unknown, set())
        self.assertGreater(lonely.metric("chanway_group_recovered_messages_total"), 0)


if __name__ == "__main__":
    main()
