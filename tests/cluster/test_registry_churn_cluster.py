"""The same churn as in test_registry_churn.py on a Redis Cluster, of which two masters are killed: one comes
back by itself with what it had, of the other one a replica takes the place."""

import setup_path  # noqa: F401
import test_registry_churn as churn
from support.case import main
from support.redis_cluster import RedisCluster
from support.wait import until


class ClusterChurn(churn.RegistryChurn):
    # The lease of the last node that was killed, and a sweep of all masters after its cleaning.
    exact_within = 35.0

    def own_store(self):
        return self._keep(RedisCluster(self.own_folder(), node_timeout_ms=2000),
                          self.addCleanup).start()

    def kill_redis(self, number):
        """First the one with the list of nodes, then another one."""
        first = self.redis.master_of("cw:nodes")
        victim = first if number == 1 else next(
            master for master in self.redis.masters() if master is not first)
        until(victim.followers, f"{victim.name} has a replica", 20)
        self.kill_server(victim, lambda: self.redis.kill(victim))
        if number == 1:
            victim.start(wait=False)
        else:
            self.redis.wait_promoted(victim)
            victim.start(wait=False)


if __name__ == "__main__":
    main(190 if churn.LONG else 110)
