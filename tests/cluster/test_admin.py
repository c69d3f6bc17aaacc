"""scripts/chanway against a running cluster."""

import json
import subprocess

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.node import clean_environment
from support.paths import source_path
from support.process import Process
from support.wait import until


class Admin(ClusterCase):

    def setUp(self):
        self.start_cluster()
        self.clients = [self.own_client(node, "groups=hall") for node in self.nodes]
        for client in self.clients:
            client.next_op("joined")

    def run_it(self, *words):
        return subprocess.run([source_path("scripts/chanway"), "--redis", self.redis.url, *words],
                              capture_output=True, text=True, timeout=20, check=False,
                              cwd=self.folder, env=clean_environment(), stdin=subprocess.DEVNULL)

    def ask(self, *words):
        done = self.run_it(*words)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_nodes_lists_all_nodes_with_their_channels(self):
        until(lambda: all(node.id() in self.ask("nodes") for node in self.nodes), "all three")
        self.assertIsNotNone(json.loads(self.ask("--json", "nodes")))

    def test_channels_and_one_channel(self):
        listed = self.ask("channels")
        for client in self.clients:
            self.assertIn(client.uuid, listed)
        one = self.ask("channel", self.clients[0].uuid)
        self.assertIn(self.nodes[0].id(), one)
        self.assertIn("hall", one)

    def test_groups_and_members(self):
        self.assertIn("hall", self.ask("groups").split())
        listed = self.ask("members", "hall")
        for client, node in zip(self.clients, self.nodes):
            self.assertIn(client.uuid, listed)
            self.assertIn(node.id(), listed)
        self.assertIn(self.clients[0].uuid, json.dumps(json.loads(
            self.ask("--json", "members", "hall"))))

    def test_publish_reaches_every_node(self):
        self.ask("publish", "hall", '{"from the": "shell", "n": 1.0}')
        for client in self.clients:
            frame = self.assertReceives(client, "hall", data={"from the": "shell", "n": 1.0})
            self.assertIn("from", frame)

    def test_bad_json_is_refused_and_not_published(self):
        done = self.run_it("publish", "hall", "{no json")
        self.assertEqual(done.returncode, 1, done)
        self.assertTrue(done.stderr)
        self.ask("publish", "hall", '"marker"')
        self.assertReceives(self.clients[0], "hall", data="marker")

    def test_tail_shows_what_comes(self):
        tail = Process("tail", [source_path("scripts/chanway"), "--redis", self.redis.url, "tail",
                                "hall"], self.own_folder(), env=clean_environment())
        self.addCleanup(tail.stop)
        publisher = self.clients[0]

        def shown(text):
            publisher.publish("hall", text=text)
            return text in tail.log()
        until(lambda: shown("to be seen"), "tail shows a message", 15, every=0.2)
        publisher.publish("hall", data={"deep": ["value"]})
        tail.wait_for_log("value")
        publisher.publish("hall", text="two words")
        tail.wait_for_log("two words")
        self.assertTrue(tail.is_running())

    def test_unknown_names_say_so_and_exit_1(self):
        for words in (["nonsense"], ["channel", "00000000-0000-7000-8000-000000000000"]):
            with self.subTest(words=words):
                done = self.run_it(*words)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(words[-1], done.stderr + done.stdout)

    def test_a_redis_that_is_not_there_is_an_error(self):
        done = subprocess.run([source_path("scripts/chanway"), "--redis", "unix:/nonexistent.sock",
                               "nodes"], capture_output=True, text=True, timeout=20, check=False,
                              stdin=subprocess.DEVNULL, env=clean_environment())
        self.assertEqual(done.returncode, 1, done)
        self.assertTrue(done.stderr)

    def test_load_puts_the_functions_there(self):
        self.redis.call("FUNCTION", "FLUSH")
        self.ask("load")
        self.assertIn("hall", self.ask("groups").split())
        self.ask("publish", "hall", '"again"')
        self.assertReceives(self.clients[0], "hall", data="again")


if __name__ == "__main__":
    main()
