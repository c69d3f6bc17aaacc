"""A node whose `redis` says another kind of deployment than is there says so."""

import setup_path  # noqa: F401
from support.case import Case, main
from support.redis_cluster import RedisCluster
from support.replica import Primary
from support.wait import until


class Kinds(Case):

    def assertSays(self, url, words):
        node = self.own_node(url, wait=False)
        node.process.wait_for_log("listen=", 15)

        def says():
            answer = node.get("/readyz")
            return answer.status == 503 and words.encode() in answer.body
        until(says, f"/readyz says {words!r} of {url}", 15)

    def test_one_server_of_a_cluster(self):
        cluster = self._keep(RedisCluster(self.own_folder(), replicas=0), self.addCleanup).start()
        for master in cluster.masters():
            self.assertSays(f"redis://127.0.0.1:{master.port}", "redis+cluster://")

    def test_a_server_that_is_no_cluster(self):
        redis = self._keep(Primary(self.own_folder()), self.addCleanup).start()
        self.assertSays(f"redis+cluster://127.0.0.1:{redis.port}", "cluster support")


if __name__ == "__main__":
    main()
