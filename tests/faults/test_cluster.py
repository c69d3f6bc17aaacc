"""A Redis Cluster under load: a master dies, slots move. Nothing lost in silence, nothing twice, nothing
out of order."""

import time

import setup_path  # noqa: F401
from fault_case import IS_LONG, FaultCase
from measures import longest_stall
from support.case import main
from support.redis_cluster import RedisCluster
from support.wait import until

# Of the nodes, after another one has the slots: about 0.3 s where the machine is idle.
AFTER_S = 10.0


class ClusterCase(FaultCase):
    # A busy machine may let a Redis wait for a second or two; that is no reason for a failover.
    node_timeout_ms = 1000 if IS_LONG else 3000

    def own_store(self, options):
        return self._keep(RedisCluster(
            self.own_folder(), options=options, node_timeout_ms=self.node_timeout_ms),
            self.addCleanup).start()


class MasterFaults(ClusterCase):
    def fail_over(self, take_away):
        """It has the list of nodes as well; how long its groups had no ok is printed."""
        old = self.redis.master_of("cw:nodes")
        self.victims = self.groups_of(old)
        with self.outage(30):
            self.taken_at = time.monotonic()
            take_away(old)
            self.redis.wait_promoted(old)
            self.promoted_at = time.monotonic()
            until(self.are_ready, "all nodes are ready again", AFTER_S)
        print(f"promoted after {self.promoted_at - self.taken_at:.2f} s, nodes ready "
              f"{time.monotonic() - self.promoted_at:.2f} s later", flush=True)
        return old

    def finish_failover(self):
        end = time.monotonic()
        self.finish()
        begin, promoted = self.taken_at - 1, self.promoted_at - self.taken_at
        others = set(self.groups()) - set(self.victims)
        stall = longest_stall(self.records, self.victims, begin, end - 0.1)
        print(f"no ok for {stall:.2f} s: {stall - promoted:.2f} s beyond the promotion; for groups of "
              f"other masters {longest_stall(self.records, others, begin, end - 0.1):.2f} s", flush=True)
        self.assertLess(stall, promoted + AFTER_S)

    def test_cluster_master_killed(self):
        # A replica may lack what was acknowledged last: then a gap is told.
        self.start("Cluster: master kill -9", may_gap=True, may_lose_data=True)
        self.load_for(2.5, 8.0)
        self.fail_over(self.redis.kill)
        self.load_for(2.5, 8.0)
        self.finish_failover()

    def test_cluster_master_stopped(self):
        self.start("Cluster: master SIGSTOP, back as a replica", may_gap=True, may_lose_data=True)
        self.load_for(2.5, 8.0)
        old = self.fail_over(self.redis.freeze)
        self.load_for(1.5, 8.0)
        old.thaw()
        until(lambda: old.is_replica(), "the old master is a replica", 20)
        self.load_for(1.5, 8.0)
        self.finish_failover()


class SlotFaults(ClusterCase):
    node_timeout_ms = 15000  # nobody dies

    def move(self, count, source, target):
        """As an operator does it; the groups that went along."""
        before = set(self.groups_of(target))
        process = self.redis.reshard(count, source, target)
        self.assertEqual(process.wait(100), 0, process.log()[-2000:])
        self.redis.wait_until_ok()
        return set(self.groups_of(target)) - before

    def test_cluster_reshard(self):
        self.start("Cluster: 2,700 slots moved", direct=30)
        first, second, third = self.redis.masters()
        self.load_for(2.0, 6.0)
        lost, known = self.total("links_lost"), self.total("slots_moved")
        begin = time.monotonic()
        moved = self.move(2000, third, first)
        # The list of nodes is among these.
        moved |= self.move(700, second, third)
        end = time.monotonic()
        self.assertGreaterEqual(len(moved), 3, moved)
        self.load_for(2.0, 6.0)
        self.assertEqual(self.total("links_lost"), lost)
        until(lambda: self.total("slots_moved") - known >= len(self.nodes) * 2700,
              "all nodes know it", 15)
        verdict = self.finish()
        stall = longest_stall(self.records, self.groups(), begin, end)
        print(f"2,700 slots in {end - begin:.1f} s, with {sorted(moved)}; {verdict.refused} refused, "
              f"{verdict.unknown} unknown, the longest time without an ok {stall:.2f} s", flush=True)
        self.assertLess(verdict.refused + verdict.unknown, verdict.acknowledged / 20)
        self.assertGreater(sum(pair["acked"] for pair in self.records["direct"]), 100)


if __name__ == "__main__":
    main(280 if IS_LONG else 110)
