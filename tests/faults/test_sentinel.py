"""Failover by Sentinel under load: nothing lost in silence, nothing twice, nothing out of order."""

import time

import setup_path  # noqa: F401
from fault_case import IS_LONG, FaultCase
from support.case import main
from support.sentinel import SentinelGroup
from support.wait import until

# Of the nodes, after the Sentinels have agreed: about 0.1 s where the machine is idle.
AFTER_S = 10.0


class SentinelFaults(FaultCase):

    def own_store(self, options):
        return self._keep(SentinelGroup(
            self.own_folder(), options, down_after_ms=1000 if IS_LONG else 3000), self.addCleanup).start()

    def fail_over(self, take_away):
        old = self.redis.primary()
        with self.outage(30):
            take_away(old)
            until(lambda: self.redis.is_another(old), "the Sentinels have another primary", 40)
            agreed = time.monotonic()
            until(self.are_ready, "all nodes are ready again", AFTER_S)
            print(f"ready {time.monotonic() - agreed:.2f} s after the Sentinels agreed", flush=True)
        return old

    def test_sentinel_primary_killed(self):
        # A replica may lack what was acknowledged last: then a gap is told.
        self.start("Sentinel: primary kill -9", may_gap=True, may_lose_data=True)
        self.load_for(2.5, 8.0)
        self.fail_over(lambda old: old.kill())
        self.load_for(2.5, 8.0)
        self.finish()

    def test_sentinel_primary_stopped(self):
        self.start("Sentinel: primary SIGSTOP, back as a replica", may_gap=True, may_lose_data=True)
        self.load_for(2.5, 8.0)
        old = self.fail_over(lambda old: old.freeze())
        self.load_for(1.5, 8.0)
        old.thaw()
        until(lambda: self.redis.is_server(old, "slave"), "the old primary is a replica", 20)
        self.load_for(1.5, 8.0)
        self.finish()


if __name__ == "__main__":
    main(280)
