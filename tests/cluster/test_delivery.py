"""Many subscribers on every node, publishers on all of them: everything, once, in one order."""

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase

GROUP = "delivery"


class Delivery(ClusterCase):

    def test_every_subscriber_gets_every_message_once_and_in_the_same_order(self):
        self.start_cluster()
        programs = [self.subscribe("js", self.javascript(), GROUP, 70),
                    self.subscribe("py", self.python(), GROUP, 30)]
        for program in programs:
            program.wait_until_joined()
        targets = [*self.nodes, self.nodes[0], self.balancer]
        ledger, publishers = self.load(GROUP, targets, count=200)
        publishers.join()
        self.assertEqual(ledger.count(), 1000, ledger.summary())
        self.publish_end(GROUP, self.nodes[1])
        reports = self.assertAllDelivered(ledger, programs, timeout=35)
        self.assertEqual(len(reports), 300)
        self.assertEqual(sum(report.positions is None for report in reports), 150)
        for report in reports:
            self.assertEqual(len(report.names), 1000, report.name)
        for node in self.nodes:
            metrics = node.metrics()
            self.assertEqual(metrics.value("chanway_group_gaps_total"), 0)
            self.assertEqual(metrics.value("chanway_closes_total", code="4005"), 0)


if __name__ == "__main__":
    main()
