"""The Redis Cluster and the shards that other tests use: what they say of themselves is so."""

import unittest

import setup_path  # noqa: F401
from support.case import Case, main
from support.redis_cluster import RedisCluster, RedisShards, slot_of
from support.wait import until


class Cluster(Case):
    def start(self, **options):
        return self._keep(RedisCluster(self.own_folder(), **options), self.addCleanup).start()

    def test_a_master_is_killed_and_comes_back(self):
        cluster = self.start(node_timeout_ms=2000)
        masters = cluster.masters()
        self.assertEqual(masters, cluster.first_masters)
        for number in range(20):
            cluster.call("SET", f"key{number}", number)
            self.assertEqual(cluster.master_of(f"key{number}").call("GET", f"key{number}"),
                             str(number).encode())
        old = cluster.master_of("key1")
        replica, = cluster.replicas_of(old)
        # What a replica lacks when its master dies is lost: that is not what this is about.
        until(old.followers, "the replica has all", 15)
        cluster.kill(old)
        self.assertIs(cluster.wait_promoted(old), replica)
        until(lambda: replica.is_ok(), "the cluster works again", 30)
        self.assertEqual(replica.call("GET", "key1"), b"1")
        self.assertEqual(cluster.call("GET", "key1"), b"1")
        cluster.restart(old)
        until(lambda: old in cluster.replicas_of(replica), "the old one is a replica", 30)
        cluster.wait_until_ok()
        self.assertEqual(set(cluster.masters()), {replica, *masters} - {old})

    def test_slots_are_moved(self):
        cluster = self.start(replicas=0)
        source, target = cluster.masters()[:2]
        moved = [f"key{number}" for number in range(2000) if slot_of(f"key{number}") < 50]
        self.assertTrue(moved)
        for key in moved:
            cluster.call("SET", key, key)
        process = cluster.reshard(50, source, target)
        self.assertEqual(process.wait(40), 0, process.log()[-2000:])
        cluster.wait_until_ok()
        for key in moved:
            self.assertIs(cluster.master_of(key), target)
            self.assertEqual(cluster.call("GET", key), key.encode())
        self.assertEqual(set(cluster.cpu()), {server.name for server in cluster.servers})
        self.assertRegex(cluster.url, r"^redis\+cluster://127.0.0.1:\d+(,127.0.0.1:\d+){2}$")


class Shards(unittest.TestCase):
    def test_the_split(self):
        shards = RedisShards.__new__(RedisShards)
        for count in (1, 2, 3, 7):
            shards.servers = list(range(count))
            for number in range(500):
                slot = slot_of(f"cw:{{g:{number}}}:h")
                self.assertEqual(slot, slot_of(f"cw:{{g:{number}}}"))
                index = shards.server_of(f"cw:{{g:{number}}}")
                self.assertGreaterEqual(slot, index * 16384 // count)
                self.assertLess(slot, (index + 1) * 16384 // count)


class ThreeShards(Case):
    def test_each_has_its_own_keys(self):
        shards = self._keep(RedisShards(self.folder), self.addCleanup).start()
        for number in range(20):
            shards.call("SET", f"key{number}", number)
        self.assertEqual(sum(server.call("DBSIZE") for server in shards.servers), 20)
        self.assertTrue(all(server.call("DBSIZE") > 0 for server in shards.servers))


if __name__ == "__main__":
    main(100)
