"""One of three independent Redis servers is away under load: the groups of the others go on undisturbed,
its own lose nothing."""

import time

import setup_path  # noqa: F401
from fault_case import IS_LONG, FaultCase
from measures import failures, waits
from support.case import main
from support.redis_cluster import RedisShards

AWAY_S = 5.0
# Undisturbed is milliseconds; what waited for the server that is away would wait for seconds. Between:
# what a busy machine may do.
SLOW_S = 2.0


class ShardFaults(FaultCase):

    def own_store(self, options):
        return self._keep(RedisShards(self.own_folder(), options=options, in_memory=True),
                          self.addCleanup).start()

    def take_away(self, take, give_back):
        """The seconds in which it was away."""
        with self.outage(30):
            begin = time.monotonic()
            take()
            time.sleep(AWAY_S)
            end = time.monotonic()
            give_back()
        return begin, end

    def assertUndisturbed(self, groups, begin, end):
        self.assertEqual(failures(self.records, groups, begin, end), [])
        before = waits(self.records, groups, begin - 2.0, begin - 0.5)
        during = waits(self.records, groups, begin, end)
        self.assertGreater(len(during), 100)
        print("; ".join(f"{when}: {len(some)} published, median {1000 * some[len(some) // 2]:.1f} ms, "
                        f"longest {1000 * some[-1]:.0f} ms"
                        for when, some in (("before", before), ("meanwhile", during))), flush=True)
        self.assertLess(during[-1], max(SLOW_S, 2 * before[-1]))

    def run_without(self, title, take, give_back, **options):
        """`take` and `give_back` get the server that has the list of nodes."""
        self.start(title, direct=30, **options)
        victim = self.redis.server_of("cw:nodes")
        own = self.groups_of(victim)
        others = sorted(set(self.groups()) - set(own))
        self.assertTrue(own and others)
        self.load_for(2.5, 7.0)
        begin, end = self.take_away(lambda: take(victim), lambda: give_back(victim))
        self.load_for(2.5, 7.0)
        self.finish()
        self.assertGreater(len(failures(self.records, own, begin, end)), 10)
        self.assertUndisturbed(others, begin, end)

    def test_shard_killed(self):
        # A gap: as where the only server is killed, in test_faults.py.
        self.run_without("Shards: one of three kill -9, back after 5 s", lambda victim: victim.kill(),
                         lambda victim: victim.start(), may_gap=True,
                         redis_options=["--appendfsync", "always"])

    def test_shard_stopped(self):
        self.run_without("Shards: one of three SIGSTOP 5 s", lambda victim: victim.freeze(),
                         lambda victim: victim.thaw())


if __name__ == "__main__":
    main(280 if IS_LONG else 110)
