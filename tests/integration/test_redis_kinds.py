"""Ways to a Redis: addresses, passwords, databases, replicas, shared servers, the embedded one."""

import os
import signal

import redis as redis_py

import setup_path  # noqa: F401
from support.case import Case, main
from support.node import READY
from support.ports import free_port
from support.process import children_of, is_alive
from support.wait import until


class RedisCase(Case):

    def assertWorks(self, node, group="works"):
        with node.client("groups=" + group) as client:
            client.next_op("joined")
            ok = client.publish(group, text="hello")
            self.assertReceives(client, group, text="hello")
            return ok


class Addresses(RedisCase):

    @classmethod
    def set_up(cls):
        cls.port = free_port()
        cls.redis = cls.class_redis(options=[
            "--port", str(cls.port), "--bind", "127.0.0.1", "--user",
            "chan", "on", ">p@ss:w/rd", "~*", "&*", "+@all"])
        cls.redis.call("CONFIG", "SET", "requirepass", "secret")

    def client(self, **options):
        return redis_py.Redis(port=self.port, password="secret", **options)

    def test_tcp_with_a_password(self):
        self.assertWorks(self.own_node(f"redis://:secret@127.0.0.1:{self.port}/0"))

    def test_tcp_with_user_and_an_escaped_password(self):
        self.assertWorks(self.own_node(f"redis://chan:p%40ss%3Aw%2Frd@127.0.0.1:{self.port}"))

    def test_a_database_of_its_own(self):
        node = self.own_node(f"redis://:secret@localhost:{self.port}/3", redis_prefix="db")
        self.assertWorks(node, "indb3")
        with self.client(db=3) as three, self.client(db=0) as zero:
            self.assertEqual(three.exists("db:{g:indb3}"), 1)
            self.assertEqual(zero.exists("db:{g:indb3}"), 0)

    def test_a_wrong_password_is_told_and_never_written_down(self):
        node = self.own_node(f"redis://:wr0ngpass@127.0.0.1:{self.port}/0", wait=False)
        node.process.wait_for_log("(?i)password|WRONGPASS|auth")
        self.assertNotIn("wr0ngpass", node.process.log())
        self.assertEqual(node.get("/readyz").status, 503)
        self.assertNotIn(b"wr0ngpass", node.get("/readyz").body)

    def test_the_password_is_in_no_log(self):
        node = self.own_node(f"redis://:secret@127.0.0.1:{self.port}/0", log_level="debug")
        self.assertWorks(node)
        self.assertNotIn("secret", node.process.log())

    def test_what_the_acl_forbids_is_named(self):
        for name, rule in (("nofcall", "-fcall_ro"), ("nosub", "-subscribe"), ("nopub", "-publish"),
                           ("norole", "-role")):
            with self.subTest(rule=rule):
                with self.client() as client:
                    client.execute_command("ACL", "SETUSER", name, "on", ">pw", "~*", "&*",
                                           "+@all", rule)
                node = self.own_node(f"redis://{name}:pw@127.0.0.1:{self.port}/0", wait=False)
                node.process.wait_for_log("NOPERM|no permissions")
                self.assertNotIn("ready node=", node.process.log())
                self.assertNotEqual(node.get("/readyz").status, 200)

    def test_no_password_where_one_is_needed_is_told(self):
        node = self.own_node(f"redis://127.0.0.1:{self.port}/0", wait=False)
        node.process.wait_for_log("(?i)NOAUTH|auth")
        self.assertEqual(node.get("/readyz").status, 503)


class Sharing(RedisCase):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_clusters_with_different_prefixes_do_not_hear_each_other(self):
        one = self.own_node(self.redis, redis_prefix="one", name="one")
        two = self.own_node(self.redis, redis_prefix="two", name="two")
        here = self.own_client(one, "groups=same")
        there = self.own_client(two, "groups=same")
        here.next_op("joined")
        there.next_op("joined")
        here.publish("same", text="of one")
        there.publish("same", text="of two")
        self.assertReceives(here, "same", text="of one")
        self.assertReceives(there, "same", text="of two")
        self.assertEqual((here.settle(), there.settle()), ([], []))
        self.assertEqual(len(here.members("same")["members"]), 1)
        self.assertEqual([key for key in self.redis.call("KEYS", "*")
                          if not key.startswith((b"one:", b"two:"))], [])


class Replica(RedisCase):

    def test_a_replica_is_not_taken_until_it_is_promoted(self):
        port = free_port()
        self.own_redis(name="primary", options=["--port", str(port), "--bind", "127.0.0.1"])
        replica = self.own_redis(name="replica", options=["--replicaof", "127.0.0.1", str(port)])
        node = self.own_node(replica, wait=False)
        node.process.wait_for_log("(?i)replica|slave|master|primary")
        self.assertEqual(node.get("/readyz").status, 503)
        self.assertIsNone(node.process.find_in_log(READY))
        replica.call("REPLICAOF", "NO", "ONE")
        node.wait_until_ready()
        self.assertWorks(node)


class Embedded(RedisCase):

    def node(self, **settings):
        return self.own_node(None, dies_by=signal.SIGTERM,
                             data_dir=os.path.join(self.own_folder(), "data"), **settings)

    def child_of(self, node):
        children = children_of(node.process.pid)
        self.assertEqual(len(children), 1, "one child: redis-server")
        with open(f"/proc/{children[0]}/cmdline", "rb") as file:
            self.assertIn(b"redis-server", file.read())
        return children[0]

    def test_a_node_alone_brings_its_redis_and_takes_it_along(self):
        node = self.node()
        self.assertWorks(node)
        child = self.child_of(node)
        node.terminate()
        self.assertEqual(node.process.wait(10), 0)
        until(lambda: not is_alive(child), "its Redis has ended", 5)

    def test_the_embedded_redis_listens_on_no_port(self):
        node = self.node()
        child = self.child_of(node)
        sockets = set()
        for entry in os.listdir(f"/proc/{child}/fd"):
            target = os.readlink(f"/proc/{child}/fd/{entry}")
            if target.startswith("socket:"):
                sockets.add(target[8:-1])
        with open("/proc/net/tcp", encoding="ascii") as file:
            tcp = {line.split()[9] for line in file.readlines()[1:]}
        self.assertEqual(sockets & tcp, set())

    def test_history_survives_a_restart(self):
        node = self.node()
        first = self.assertWorks(node)
        node.terminate()
        self.assertEqual(node.process.wait(10), 0)
        node.start()
        with node.client() as client:
            joined = client.join("works")
            self.assertEqual((joined["epoch"], joined["offset"]),
                             (first["epoch"], first["offset"]))

    def test_a_killed_node_takes_its_redis_along_and_starts_again(self):
        node = self.node()
        self.assertWorks(node)
        child = self.child_of(node)
        node.kill()
        until(lambda: not is_alive(child), "its Redis has ended too", 10)
        node.start()
        self.assertWorks(node)

    def test_a_killed_embedded_redis_is_started_again(self):
        node = self.node()
        client = self.own_client(node, "groups=stay")
        client.next_op("joined")
        child = self.child_of(node)
        os.kill(child, signal.SIGKILL)
        until(lambda: children_of(node.process.pid) not in ([], [child]), "a new Redis", 15)
        until(node.is_ready, "ready again", 15)
        until(lambda: client.request("publish", group="stay", text="again")["op"] == "ok",
              "publishing works again", 15)
        while client.message().get("text") != "again":
            pass

    def test_a_data_dir_that_can_not_be_is_a_failure_that_names_it(self):
        node = self.own_node(None, wait=False, data_dir="/proc/nowhere")
        self.assertIn(node.process.wait(10), (1, 2))
        self.assertIn("/proc/nowhere", node.process.log())

    def test_two_nodes_share_one_embedded_redis_or_the_second_is_told(self):
        first = self.node(name="first")
        second = self.own_node(None, wait=False, name="second", dies_by=signal.SIGTERM,
                               data_dir=first.settings["data-dir"])
        until(lambda: not second.process.is_running() or second.is_ready(), "it decides", 15)
        if second.process.is_running():
            with second.client("groups=both") as far, first.client("groups=both") as near:
                far.next_op("joined")
                near.next_op("joined")
                far.publish("both", text="across")
                self.assertReceives(near, "both", text="across")
        else:
            self.assertEqual(second.process.wait(), 1)
            self.assertIn(first.settings["data-dir"], second.process.log())
        self.assertWorks(first)


if __name__ == "__main__":
    main()
