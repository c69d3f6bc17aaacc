"""Every node is restarted in its turn, under load: nothing is lost, nothing comes twice, no herd."""

import re
import time

import setup_path  # noqa: F401
from crowd import Crowd
from support.case import main
from support.cluster import ClusterCase
from support.wait import until

DRAIN_S = 6.0
GUESTS = 180
TRIES = 3  # what one second holds is seen by a machine that may have stood still for one


class RollingRestart(ClusterCase):
    redis_options = {"in_memory": True}

    def ups(self, node):
        return len(re.findall(rf"Server gateways/{node.name} is UP", self.balancer.process.log()))

    def restart(self, node):
        """Drained, ended, started again, and taken in by the balancer. The most that came in one second,
        and how many came."""
        ups = self.ups(node)
        started = time.monotonic()
        node.terminate()
        until(lambda: node.get("/readyz").status == 503, "it is not ready")
        self.assertEqual(node.process.wait(30), 0)
        ended = time.monotonic() + 1.0  # retry_ms
        node.start()
        until(lambda: self.ups(node) > ups, f"the balancer has {node.name} again", 15)
        until(lambda: time.monotonic() > ended, "the last are back")
        return self.crowd.herd(started, ended)

    def test_nothing_is_lost_and_nobody_comes_in_a_herd(self):
        self.start_cluster(drain_time=f"{DRAIN_S:g}s")
        self.crowd = Crowd(self.balancer.address, [f"crowd.{number}" for number in range(3)], GUESTS,
                           rate=10)
        self.crowd.start()
        until(self.crowd.are_in, "all are in, and somebody speaks", 30)
        counted = []
        for node in self.nodes:
            for _ in range(TRIES):
                most, count = self.restart(node)
                print(f"{node.name}: {count} came back within {DRAIN_S:g} s, at most {most} in one second",
                      flush=True)
                self.assertGreater(count, GUESTS / 6, "the balancer has spread them over the nodes")
                if most <= 2 * count / DRAIN_S:
                    counted.append((most, count))
                    break
            else:
                self.fail(f"{node.name}: in {TRIES} tries more than twice the average in a second")
        average = sum(count for _, count in counted) / (DRAIN_S * len(counted))
        print(f"on the average {average:.1f} a second, at most {max(counted)[0]}", flush=True)
        self.crowd.is_ending = True
        until(self.crowd.is_over, "everybody has heard the last message", 30)
        problems = self.crowd.problems()
        self.assertEqual(problems[:20], [], f"{len(problems)} problems")


if __name__ == "__main__":
    main(140)
