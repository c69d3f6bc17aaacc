"""Setting `workers`: several nodes on one port, and the parent that watches them."""

import os
import re
import signal
import socket
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.http_client import get
from support.node import READY, Node, clean_environment
from support.paths import chanwayd
from support.ports import free_port, free_ports
from support.process import children_of, is_alive
from support.wait import until

WORKERS = 2
WORKER_READY = r"worker (\d+) is ready: node=(\S+) pid=(\d+)"


class WorkersCase(Case):

    def start_workers(self, redis, wait=True, **settings):
        node = Node(self.own_folder(), name="multi", redis=redis, workers=WORKERS,
                    drain_time="1s", **settings)
        if "admin_listen" not in settings:
            node.admin_port = free_ports(WORKERS)
            node.admin = ("127.0.0.1", node.admin_port)
            node.settings["admin-listen"] = f"127.0.0.1:{node.admin_port}"
        self._keep(node, self.addCleanup)
        return node.start(wait)

    def started(self, node):
        """[(number, node id, pid)] of all that have become ready, in time's order."""
        found = re.findall(WORKER_READY, node.process.log())
        return [(int(number), name, int(pid)) for number, name, pid in found]

    def latest(self, node):
        """number -> (node id, pid)"""
        return {number: (name, pid) for number, name, pid in self.started(node)}

    def a_client_of_each(self, node, query=""):
        """node id -> client: connects until every worker has one."""
        clients = {}

        def connect():
            client = self.own_client(node, query)
            name = client.welcome["node"]
            if name in clients:
                client.close()
            else:
                clients[name] = client
            return len(clients) == WORKERS
        # The kernel chooses by a hash of both ends: each new connection is a new throw.
        until(connect, "each worker has a client", 30)
        return clients


class Serving(WorkersCase):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_one_ready_line_names_all_of_them(self):
        node = self.start_workers(self.redis)
        lines = re.findall(READY, node.process.log(), re.MULTILINE)
        self.assertEqual(len(lines), 1, node.process.log())
        names = lines[0][0].split(",")
        self.assertEqual(int(lines[0][4]), node.process.pid)
        self.assertRegex(names[0], r"^multi-1\.[0-9a-z]+$")
        self.assertRegex(names[1], r"^multi-2\.[0-9a-z]+$")
        self.assertEqual(sorted(names), sorted(name for _, name, _ in self.started(node)))
        # All of them were ready before it.
        self.assertLess(max(m.start() for m in re.finditer(WORKER_READY, node.process.log())),
                        node.process.find_in_log(READY).start())

    def test_all_serve_the_port_and_reach_each_other(self):
        node = self.start_workers(self.redis)
        clients = list(self.a_client_of_each(node, "groups=all").values())
        for client in clients:
            client.next_op("joined")
        for i, sender in enumerate(clients):
            sender.publish("all", text=f"from {i}")
            for client in clients:
                self.assertReceives(client, "all", text=f"from {i}")

    def test_each_has_an_admin_port_of_its_own(self):
        node = self.start_workers(self.redis)
        for i in range(WORKERS):
            answer = get(("127.0.0.1", node.admin_port + i), "/readyz")
            self.assertEqual(answer.status, 200)

    def test_sighup_reaches_all_and_those_that_come_later(self):
        path = os.path.join(self.own_folder(), "node.conf")

        def write(most):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"max-groups = {most}\n")
        write(1)
        node = self.start_workers(self.redis, config=path)
        for client in self.a_client_of_each(node).values():
            client.join("one")
            client.refuse("join", group="two")
        write(2)
        node.process.signal(signal.SIGHUP)
        until(lambda: node.process.log().count("settings reloaded") == WORKERS, "all have read them")
        os.kill(self.latest(node)[1][1], signal.SIGKILL)
        until(lambda: len(self.started(node)) == WORKERS + 1, "it is started again", 30)
        for client in self.a_client_of_each(node).values():
            client.join("one")
            client.join("two")
            client.refuse("join", group="three")


class Dying(WorkersCase):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_sessions_of_a_killed_worker_go_on_at_another(self):
        node = self.start_workers(self.redis)
        clients = self.a_client_of_each(node, "groups=survivors")
        for client in clients.values():
            client.next_op("joined")
        victim, pid = self.latest(node)[1]
        client = clients.pop(victim)
        other = next(iter(clients.values()))
        other.publish("survivors", text="1")
        first = self.assertReceives(client, "survivors", text="1")
        self.assertReceives(other, "survivors", text="1")
        os.kill(pid, signal.SIGKILL)
        node.process.wait_for_log(r"worker 1 \(node=\S+\) ended with signal 9")
        other.publish("survivors", text="2")
        back = self.own_client(node, f"session={client.welcome['session']}&since=0-0,"
                                     f"survivors@{first['epoch']}-{first['offset']}")
        self.assertIs(back.welcome["resumed"], True, back.welcome)
        self.assertEqual(back.uuid, client.uuid)
        self.assertReceives(back, "survivors", text="2")
        until(lambda: len(self.started(node)) == WORKERS + 1, "it is started again", 30)
        number, name, _ = self.started(node)[-1]
        self.assertEqual(number, 1)
        self.assertNotEqual(name, victim)
        self.assertIn(name, self.a_client_of_each(node))
        self.assertEqual(len(re.findall(READY, node.process.log(), re.MULTILINE)), 1)

    def test_one_that_dies_again_and_again_is_started_ever_more_slowly(self):
        node = self.start_workers(self.redis)
        for times in range(1, 4):
            os.kill(self.latest(node)[2][1], signal.SIGKILL)
            until(lambda: len(self.started(node)) == WORKERS + times, "it is started again", 30)  # noqa: B023
        waits = [int(ms) for ms in re.findall(r"starting it in (\d+) ms", node.process.log())]
        self.assertEqual(len(waits), 3)
        self.assertEqual(waits[0], 500)
        for wait in waits:
            self.assertIn(wait, (500, 1000, 2000))  # after a long life it is the first again

    def test_sigterm_ends_all_gently(self):
        node = self.start_workers(self.redis)
        clients = self.a_client_of_each(node)
        pids = children_of(node.process.pid)
        self.assertEqual(len(pids), WORKERS)
        # As a service manager does, which knows of all of them.
        for pid in [node.process.pid, *pids]:
            os.kill(pid, signal.SIGTERM)
        for client in clients.values():
            self.assertEqual(client.next_op("bye")["code"], 1001)
        self.assertEqual(node.process.wait(30), 0)
        self.assertFalse(any(map(is_alive, pids)))

    def test_they_end_with_their_parent(self):
        node = self.start_workers(self.redis)
        pids = children_of(node.process.pid)
        node.kill()
        until(lambda: not any(map(is_alive, pids)), "all have ended", 30)

    def test_they_share_an_embedded_redis(self):
        folder = self.own_folder()
        node = self.start_workers(None, data_dir=folder)
        clients = list(self.a_client_of_each(node, "groups=all").values())
        for client in clients:
            client.next_op("joined")
        clients[0].publish("all", text="hi")
        for client in clients:
            self.assertReceives(client, "all", text="hi")
        node.terminate()
        self.assertEqual(node.process.wait(30), 0)


class Refusing(WorkersCase):

    def run_with(self, **settings):
        words = [chanwayd(), "--workers", "2", "--redis", "unix:/nowhere/redis.sock"]
        for key, value in settings.items():
            words += ["--" + key.replace("_", "-"), value]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60,
                              cwd=self.folder, env=clean_environment())

    def test_settings_that_are_no_good_end_it_with_2(self):
        port = free_ports(WORKERS)
        good = {"listen": f"127.0.0.1:{free_port()}", "admin_listen": f"127.0.0.1:{port}"}
        for bad in ({"workers": "many"}, {"workers": "-1"}, {"listen": "unix:w.sock"},
                    {"listen": "127.0.0.1:0"}, {"admin_listen": "127.0.0.1:65535"},
                    {"module": "/nowhere/module.so"}, {"schema.a": "/nowhere/schema.json"}):
            done = self.run_with(**{**good, **bad})
            self.assertEqual(done.returncode, 2, (bad, done.stderr))
            self.assertNotRegex(done.stderr, re.compile(READY, re.MULTILINE))

    def test_a_taken_port_ends_it_with_1(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.run_with(listen=f"127.0.0.1:{port}", admin_listen="")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(str(port), done.stderr)


if __name__ == "__main__":
    main()
