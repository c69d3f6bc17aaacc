"""scripts/chanway: passwords, TLS, databases and the least rights where there are several servers."""

import json
import os
from pathlib import Path

import setup_path  # noqa: F401
from script_case import Runner
from support.case import Case, main
from support.certificates import Authority
from support.paths import source_path
from support.redis_cluster import RedisCluster, RedisShards
from support.wait import until

GROUPS = [f"room{n}" for n in range(9)]
PASSWORD, ENCODED = "p@ss/w:rd,", "p%40ss%2Fw%3Ard%2C"


class Secured(Runner, Case):
    def start(self, redis):
        """Clients come by TLS, the script as the user `admin` of users.acl; the test itself by the socket."""
        folder = self.own_folder()
        authority = Authority(folder)
        files = authority.issue("localhost", use="serverAuth,clientAuth")  # servers of a cluster are both
        rules = os.path.join(folder, "users.acl")
        lines = Path(source_path("scripts/redis/users.acl")).read_text(encoding="utf-8").splitlines()
        with open(rules, "w", encoding="utf-8") as file:
            file.write("user default on nopass ~* &* +@all\n")
            file.writelines(f"{line} >{PASSWORD}\n" for line in lines if line.startswith("user admin "))
        for server in redis.servers:
            server.options += ["--port", "0", "--tls-port", str(server.port), "--tls-cert-file", files.cert,
                               "--tls-key-file", files.key, "--tls-ca-cert-file", authority.cert,
                               "--tls-auth-clients", "no", "--aclfile", rules]
        self.trusted = authority.cert
        self.redis = self._keep(redis, self.addCleanup).start()
        self.hosts = redis.url.partition("://")[2]

    def by(self, url, *words):
        return self.ok(*words, "--redis", url, CHANWAY_REDIS_CA=self.trusted)

    def assertEveryVerb(self, url):
        self.assertEqual(self.by(url, "load").count(b"loaded"), len(self.redis.servers))
        for group in GROUPS:
            self.by(url, "publish", group, "1", "--key", "k")
        listed = json.loads(self.by(url, "--json", "groups"))
        self.assertEqual([(row["group"], row["history"]) for row in listed], [(group, 1) for group in GROUPS])
        for verb in ("channels", "nodes"):
            self.by(url, verb)
        self.by(url, "members", GROUPS[0])
        self.by(url, "ban", "user:x")
        self.assertIn(b"user:x", self.by(url, "bans"))
        self.by(url, "unban", "user:x")
        stats = json.loads(self.by(url, "--json", "stats"))
        self.assertEqual((stats["groups"], stats["messages"]), (9, 9))
        tail = self.start_script("tail", GROUPS[0], "--since", "0-0", "--redis", url, CHANWAY_REDIS_CA=self.trusted)
        until(lambda: any(server.call("PUBSUB", "SHARDCHANNELS") for server in self.redis.servers), "it listens", 20)
        until(lambda: len(self.lines()) == 1, "what is kept is shown", 20)
        self.assertEqual(tail.log(), "")
        for server in self.redis.servers:
            self.assertEqual(self.refused(server), [])
        wrong = url.replace(ENCODED, "wrong")
        self.assertFails("WRONGPASS", "members", GROUPS[0], "--redis", wrong, CHANWAY_REDIS_CA=self.trusted)

    @staticmethod
    def refused(server):
        """redis-cli asks for its help texts, and does without."""
        entries = [dict(zip(entry[::2], entry[1::2])) for entry in server.call("ACL", "LOG")]
        return [entry for entry in entries if not entry[b"object"].startswith(b"command")]

    def test_shards(self):
        self.start(RedisShards(self.own_folder(), count=2))
        self.assertEveryVerb(f"rediss-shards://admin:{ENCODED}@{self.hosts}/2")
        for server in self.redis.servers:
            self.assertEqual(list(server.client().info("keyspace")), ["db2"])
        done = self.run_script("groups", "--redis", f"rediss-shards://admin:{ENCODED}@{self.hosts}")
        self.assertEqual((done.returncode, done.stdout), (1, b""), "this authority is not trusted")

    def test_cluster(self):
        cluster = RedisCluster(self.own_folder(), masters=2, replicas=0,
                               options=["--tls-cluster", "yes", "--tls-replication", "yes"])
        self.start(cluster)
        self.assertEveryVerb(f"rediss+cluster://admin:{ENCODED}@{self.hosts}")


if __name__ == "__main__":
    main(limit=110)
