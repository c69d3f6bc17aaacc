"""How a node starts and ends."""

import json
import os
import re
import socket
import time

import setup_path  # noqa: F401
from support.case import Case, main
from support.http_client import get
from support.node import READY, Node
from support.wait import until
from support.websocket import WebSocket
from support.client import Client


class Start(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_one_line_on_stderr_says_that_it_is_ready(self):
        node = self.own_node(self.redis, name="alpha")
        lines = re.findall(READY, node.process.log(), re.MULTILINE)
        self.assertEqual(len(lines), 1, node.process.log())
        name, listen, admin, redis, pid = lines[0]
        self.assertRegex(name, r"^alpha\.[A-Za-z0-9]+$")
        self.assertEqual(listen, f"127.0.0.1:{node.port}")
        self.assertEqual(admin, f"127.0.0.1:{node.admin_port}")
        self.assertIn(self.redis.socket, redis)
        self.assertEqual(int(pid), node.process.pid)

    def test_a_node_id_is_new_at_every_start(self):
        node = self.own_node(self.redis, name="beta")
        first = node.id()
        node.stop()
        node.start()
        self.assertNotEqual(node.id(), first)
        self.assertTrue(node.id().startswith("beta."))

    def test_the_name_is_the_hosts_by_default(self):
        node = self._keep(Node(self.own_folder(), redis=self.redis), self.addCleanup)
        del node.settings["node"]
        node.start()
        self.assertIn(socket.gethostname()[:50].lower(), node.id().lower())

    def test_a_taken_port_is_a_failure_that_names_it(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for setting in ("listen", "admin_listen"):
                node = self.own_node(self.redis, wait=False, **{setting: f"127.0.0.1:{port}"})
                self.assertEqual(node.process.wait(), 1)
                self.assertIn(str(port), node.process.log())
                self.assertNotIn("ready node=", node.process.log())

    def test_it_listens_on_a_unix_socket(self):
        path = os.path.join(self.own_folder(), "clients.sock")
        node = self.own_node(self.redis, wait=False, listen="unix:" + path)
        node.process.wait_for_log(READY)
        until(lambda: get(path, "/readyz").status == 200, "it is ready")
        with Client(path, "groups=unix") as client:
            client.next_op("joined")
            client.publish("unix", text="hi")
            self.assertReceives(client, "unix", text="hi")
        node.terminate()
        self.assertEqual(node.process.wait(), 0)
        # A second start finds its way past the file of the first.
        node.kill()
        node.start(wait=False)
        node.process.wait_for_log(READY)

    def test_it_listens_on_ipv6(self):
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("no IPv6 here")
        node = self._keep(Node(self.own_folder(), redis=self.redis), self.addCleanup)
        node.settings["listen"] = f"[::1]:{node.port}"
        node.start(wait=False)
        node.process.wait_for_log(READY)
        address = ("::1", node.port)
        until(lambda: get(address, "/readyz").status == 200, "it is ready")
        with Client(address, "groups=six") as client:
            client.next_op("joined")
            client.publish("six", text="hi")
            self.assertReceives(client, "six", text="hi")

    def test_a_socket_left_by_a_killed_node_is_no_obstacle(self):
        path = os.path.join(self.own_folder(), "killed.sock")
        node = self.own_node(self.redis, wait=False, listen="unix:" + path)
        node.process.wait_for_log(READY)
        node.kill()
        node.start(wait=False)
        node.process.wait_for_log(READY)
        self.assertEqual(get(path, "/healthz").status, 200)

    def test_logs_as_json_are_one_object_per_line(self):
        node = self.own_node(self.redis, log_format="json", log_level="debug", wait=False)
        until(node.is_ready, "ready")
        with node.client() as client:
            client.close()
        node.terminate()
        self.assertEqual(node.process.wait(), 0)
        lines = [line for line in node.process.log().splitlines()
                 if not re.match(READY, line)]
        self.assertGreater(len(lines), 0)
        for line in lines:
            self.assertIsInstance(json.loads(line), dict, line)


class Stop(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def node_with_clients(self, count=20, **settings):
        node = self.own_node(self.redis, **settings)
        clients = [self.own_client(node, "groups=farewell") for _ in range(count)]
        for client in clients:
            client.next_op("joined")
        return node, clients, self.own_raw(node, "type=text&groups=farewell")

    def test_sigterm_says_bye_closes_with_1001_and_exits_0(self):
        node, clients, raw = self.node_with_clients()
        node.terminate()
        for client in clients:
            frame = client.next_op("bye")
            self.assertEqual(frame["code"], 1001)
            self.assertTrue(frame["reason"])
            self.assertIsInstance(frame["retry_ms"], int)
            self.assertEqual(client.socket.wait_for_close(), 1001)
            self.assertEqual(client.socket.last_messages, [])
        self.assertEqual(raw.wait_for_close(), 1001)
        self.assertEqual(raw.last_messages, [])
        self.assertEqual(node.process.wait(10), 0)

    def test_a_stopped_node_leaves_nothing_in_redis(self):
        node, clients, _ = self.node_with_clients()
        uuid = clients[0].uuid
        self.assertEqual(self.redis.call("EXISTS", "cw:{c:%s}" % uuid), 1)
        self.assertEqual(len(self.redis.call("FCALL_RO", "cw_nodes", 1, "cw:nodes")) > 0, True)
        node.terminate()
        self.assertEqual(node.process.wait(10), 0)
        listed = b" ".join(map(lambda item: b"%s" % (item if isinstance(item, bytes) else b""),
                               self.redis.call("FCALL_RO", "cw_nodes", 1, "cw:nodes")))
        self.assertNotIn(node.id().encode("ascii"), listed)
        members = self.redis.call("FCALL_RO", "cw_members", 1, "cw:{g:farewell}")
        self.assertEqual(members[1:], [])

    def test_a_node_without_clients_stops_at_once(self):
        node = self.own_node(self.redis)
        started = time.monotonic()
        node.terminate()
        self.assertEqual(node.process.wait(10), 0)
        self.assertLess(time.monotonic() - started, 3)

    def test_clients_that_do_not_answer_the_close_do_not_hold_it_up(self):
        node, clients, _ = self.node_with_clients(count=5)
        deaf = WebSocket(node.address, "/ws?groups=farewell", receive_buffer=4096)
        self.addCleanup(deaf.drop)
        node.terminate()
        self.assertEqual(node.process.wait(15), 0)
        del clients

    def test_signals_while_it_stops_leave_the_exit_code(self):
        for _ in range(3):
            node = self.own_node(self.redis, name="hurried")
            until(lambda: node.terminate() or not node.process.is_running(), "its end", every=.001)
            self.assertEqual(node.process.wait(), 0)

    def test_it_stops_while_redis_is_away(self):
        redis = self.own_redis()
        node = self.own_node(redis)
        client = self.own_client(node, "groups=lonely")
        client.next_op("joined")
        redis.freeze()
        until(lambda: node.get("/readyz").status == 503, "it is not ready")
        node.terminate()
        self.assertEqual(client.next_op("bye")["code"], 1001)
        self.assertEqual(client.socket.wait_for_close(), 1001)
        self.assertEqual(node.process.wait(20), 0)

    def test_it_stops_while_it_waits_for_redis(self):
        node = self.own_node("unix:/nonexistent/redis.sock", wait=False)
        until(lambda: node.get("/healthz").status == 200, "it is alive")
        node.terminate()
        self.assertEqual(node.process.wait(10), 0)

    def test_acknowledged_messages_reach_other_nodes_though_the_publishers_node_stops(self):
        node, clients, _ = self.node_with_clients(count=1)
        other = self.own_node(self.redis, name="other")
        listener = self.own_client(other, "groups=farewell")
        listener.next_op("joined")
        clients[0].send({"op": "publish", "id": "last", "group": "farewell", "text": "last"})
        node.terminate()
        acknowledged = False
        while True:
            frame = clients[0].next()
            if frame.get("id") == "last":
                acknowledged = frame["op"] == "ok"
            if frame["op"] == "bye":
                break
        if acknowledged:
            self.assertReceives(listener, "farewell", text="last")


if __name__ == "__main__":
    main()
