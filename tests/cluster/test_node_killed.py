"""kill -9 of one node under load: the others lose nothing, and newcomers find them."""

import setup_path  # noqa: F401
from support.case import main
from support.client import Client
from support.cluster import ClusterCase

GROUP = "survivors"


class NodeKilled(ClusterCase):
    # Room for what is published during an outage on a slow machine.
    settings = {"history_size": "10000"}

    def test_the_others_lose_nothing(self):
        self.start_cluster()
        programs = [self.subscribe("js", self.javascript(), GROUP, 8),
                    self.subscribe("py", self.python(), GROUP, 4)]
        for program in programs:
            program.wait_until_joined()
        victim = self.nodes[1]
        ledger, publishers = self.load(GROUP, [*self.nodes, *self.nodes], rate=80)
        self.wait_for_more(ledger, 400)
        victim_id = victim.id()
        victim.kill()
        # The balancer sends nobody there any more, and nobody is refused meanwhile.
        for _ in range(20):
            with Client(self.balancer) as through:
                self.assertNotEqual(through.welcome["node"], victim_id)
        self.wait_for_more(ledger, 400)
        publishers.stop()
        self.publish_end(GROUP, self.nodes[0])
        dead = [name for program in programs for name in program.names if ".node2." in name]
        reports = self.assertAllDelivered(ledger, programs, cut_off=dead)
        for report in reports:
            self.assertEqual(report.closed is not None, report.name in dead)
        self.assertGreater(ledger.count(), 800)


if __name__ == "__main__":
    main()
