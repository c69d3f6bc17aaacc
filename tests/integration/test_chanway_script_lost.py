"""scripts/chanway: one of several servers is gone or stands still. The others are shown, it is named."""

import json
import subprocess
import uuid

from functions_case import DEFAULTS, INBOX, group_key, library
from script_case import Runner
from support.case import Case, main
from support.paths import source_path
from support.redis_cluster import RedisCluster, RedisShards
from support.wait import until

SOURCED = source_path("scripts/chanway_redis.sh")
GROUPS = [f"room{n}" for n in range(9)]


class LostCase(Runner, Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls._keep(cls.make(), cls.addClassCleanup).start()
        cls.redis.load(library())
        for group in GROUPS:
            cls.join(group, str(uuid.UUID(int=1)))

    @classmethod
    def join(cls, group, *uuids):
        key = group_key(group)
        words = [word for name in uuids for word in (name, "alice")]
        cls.owner(key).call("FCALL", "cw_node_join", 1, key, DEFAULTS, "n.1", 0, *words)

    def half(self, *words, code=1):
        """What is shown, what is said."""
        ended = self.run_script(*words)
        self.assertEqual(ended.returncode, code, ended)
        return ended.stdout.decode(), ended.stderr.decode()

    def assertNames(self, said, *servers):
        for server in self.redis.servers:
            self.assertEqual(f"127.0.0.1:{server.port}" in said, server in servers, said)


class Shards(LostCase):
    @classmethod
    def make(cls):
        return RedisShards(cls.folder)

    @classmethod
    def owner(cls, key):
        return cls.redis.server_of(key)

    def setUp(self):
        self.gone = self.redis.servers[1]
        self.rest = [group for group in GROUPS if self.owner(group_key(group)) is not self.gone]
        self.assertTrue(2 < len(self.rest) < len(GROUPS))

    def tearDown(self):
        for server in self.redis.servers:
            server.thaw()
            if not server.process.is_running():
                server.start()

    def lose(self):
        self.gone.kill()

    def test_lists_are_of_the_others(self):
        self.lose()
        shown, said = self.half("--json", "groups")
        self.assertEqual([row["group"] for row in json.loads(shown)], self.rest)
        self.assertNames(said, self.gone)
        self.assertIn("missing here", said)
        shown, said = self.half("groups")
        self.assertEqual(shown.split()[5::5], self.rest)
        self.assertNames(said, self.gone)
        shown, said = self.half("channels")
        self.assertTrue(shown.startswith("uuid"), shown)
        self.assertNames(said, self.gone)

    def test_numbers_are_of_the_others(self):
        self.lose()
        shown, said = self.half("--json", "stats")
        stats = json.loads(shown)
        self.assertEqual((stats["groups"], stats["servers"]), (len(self.rest), 3))
        knows = self.owner("cw:nodes") is not self.gone
        self.assertEqual(("nodes" in stats, "connected" in stats), (knows, knows))
        self.assertNames(said, self.gone)

    def test_load_goes_on(self):
        for server in self.redis.servers:
            server.call("FUNCTION", "FLUSH")
        self.lose()
        shown, said = self.half("load")
        self.assertEqual(shown.count(" loaded\n"), 2)
        self.assertNames(shown, *(server for server in self.redis.servers if server is not self.gone))
        self.assertNames(said, self.gone)
        self.gone.start()
        self.gone.call("FUNCTION", "FLUSH")
        self.assertIn(f"127.0.0.1:{self.gone.port}: the function library is not loaded", self.told_without_library())
        self.redis.load(library())

    def told_without_library(self):
        return self.half("publish", next(group for group in GROUPS if group not in self.rest), "1")[1]

    def test_the_groups_of_others_go_on(self):
        self.lose()
        for group in GROUPS:
            if group in self.rest:
                self.ok("publish", group, "1")
                self.ok("members", group)
            else:
                shown, said = self.half("publish", group, "1")
                self.assertEqual(shown, "")
                self.assertNames(said, self.gone)

    def test_one_that_stands_still(self):
        self.gone.freeze()
        shown, said = self.half("--json", "groups")
        self.assertEqual([row["group"] for row in json.loads(shown)], self.rest)
        self.assertIn("no answer from", said)
        self.assertNames(said, self.gone)

    def test_all_of_a_user_that_can_be_closed_are(self):
        uuids = [str(uuid.UUID(int=n)) for n in range(10, 19)]
        user = next(name for name in map("user{}".format, range(99))
                    if self.owner(group_key("user:" + name)) is self.redis.servers[0])
        for name in uuids:
            key = "cw:{c:%s}" % name
            self.owner(key).call("FCALL", "cw_node_attach", 1, key, "n.1", "", INBOX, "type", 0)
        self.join("user:" + user, *uuids)
        self.addCleanup(self.redis.call, "DEL", group_key("user:" + user) + ":m")
        lost = [name for name in uuids if self.owner("cw:{c:%s}" % name) is self.gone]
        self.assertTrue(lost)
        self.lose()
        shown, said = self.half("--json", "close-user", user)
        self.assertEqual(json.loads(shown), {"closed": len(uuids) - len(lost)})
        for name in uuids:
            self.assertEqual(name in said, name in lost, said)
        self.assertNames(said, self.gone)

    def test_none_answers(self):
        for server in self.redis.servers:
            server.kill()
        for verb in ("groups", "stats", "load", "nodes"):
            shown, said = self.half(verb)
            self.assertEqual(shown, "")
            self.assertIn("onnect", said)


class Cluster(LostCase):
    @classmethod
    def make(cls):
        return RedisCluster(cls.folder, replicas=0, node_timeout_ms=1000)

    @classmethod
    def owner(cls, key):
        return cls.redis.master_of(key)

    def test_a_cluster_that_is_down_for_one_of_them(self):
        gone = self.redis.first_masters[1]
        gone.kill()
        rest = [server for server in self.redis.servers if server is not gone]
        until(lambda: all(b"cluster_state:fail" in server.call("CLUSTER", "INFO") for server in rest),
              "the others have noticed", 30)
        for words in (["groups"], ["--json", "groups"], ["stats"]):
            shown, said = self.half(*words)
            self.assertNotIn("room", shown)
            self.assertIn(f"127.0.0.1:{gone.port}", said)
            self.assertEqual("CLUSTERDOWN" in said, "groups" in words, said)
        for group in GROUPS:
            shown, said = self.half("publish", group, "1")
            self.assertEqual(shown, "")
            self.assertIn(f"127.0.0.1:{gone.port}", said)
        for server in rest:
            server.kill()
        shown, said = self.half("groups")
        self.assertEqual(shown, "")
        self.assertIn("none of the Cluster's servers answers", said)


class Wrong(Runner, Case):
    """What the address is not."""

    @classmethod
    def set_up(cls):
        cls.redis = cls._keep(RedisShards(cls.folder, count=1), cls.addClassCleanup).start()
        cls.redis.load(library())

    def test_addresses(self):
        here = f"127.0.0.1:{self.redis.servers[0].port}"
        for url, says in (
                (f"redis+cluster://{here}", "cluster support disabled"),
                (f"redis+cluster://{here}/1", "no database '1'"),
                ("redis+cluster://", "host is missing"),
                (f"redis-shards://{here},h:x", "'h:x' is not host[:port]"),
                (f"redis-shards://{here}/x", "'x' is no database"),
                (f"redis-shards://{here},{here}", "named twice"),
                (f"redis://{here},{here}", "redis-shards://"),
                (f"redis+sentinel://{here}", "/NAME"),
                (f"http://{here}", "use redis://host:port")):
            with self.subTest(url=url):
                self.assertFails(says, "groups", "--redis", url)
        for url in (f"redis-shards://{here}", f"redis-shards://{here}/", f"redis-shards://{here}/0"):
            self.ok("groups", "--redis", url)

    def test_slots_are_those_of_redis(self):
        program = '. "$1"; for word in "${@:2}"; do slot_of "$word"; echo "$slot"; done'
        server = RedisCluster(self.own_folder(), masters=1, replicas=0).servers[0]
        self._keep(server, self.addCleanup).start()
        keys = ["cw:nodes", "cw:bans", "cw:{events}", "cw:{g:room}:m", "{}{x}", "a{b", "a}b{c}d", "{{x}}", "123456789",
                "cw:{g:%s}" % ("A_z.9:@=/-" * 12)]
        done = subprocess.run(["bash", "-c", program, "bash", SOURCED, *keys], capture_output=True, check=True, text=True)
        self.assertEqual([int(line) for line in done.stdout.split()],
                         [server.call("CLUSTER", "KEYSLOT", key) for key in keys])


if __name__ == "__main__":
    main(limit=110)
