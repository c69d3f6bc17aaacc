"""SIGTERM: not ready at once, then clients are told to go one after the other (setting drain-time)."""

import signal
import time

import setup_path  # noqa: F401
from support.case import Case, main
from support.client import Client
from support.http_client import get
from support.wait import until
from support.websocket import Ended
from support.wire import Closed


class Drain(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def draining_node(self, clients, **settings):
        """A node that has just been told to go, and its clients."""
        node = self.own_node(self.redis, **settings)
        clients = [self.own_client(node, "groups=farewell") for _ in range(clients)]
        for client in clients:
            client.next_op("joined")
        return node, clients

    def begin(self, node):
        node.terminate()
        until(lambda: node.get("/readyz").status == 503, "it is not ready")

    def read_bye(self, client, timeout=10.0):
        frame = client.next_op("bye", timeout)
        self.assertEqual(frame["code"], 1001)
        self.assertIn(frame["retry_ms"], range(0, 1001))
        self.assertEqual(client.socket.wait_for_close(), 1001)
        self.assertEqual(client.socket.last_messages, [])

    def test_it_is_not_ready_at_once_and_messages_flow_on(self):
        node, (client,) = self.draining_node(1, drain_time="1h")
        self.begin(node)
        for address in (node.address, node.admin):
            answer = get(address, "/readyz")
            self.assertEqual(answer.status, 503)
            self.assertIn(b'"draining":true', answer.body)
            self.assertIn(b'"why":"draining"', answer.body)
            self.assertEqual(get(address, "/healthz").status, 200)
        client.publish("farewell", text="still here")
        self.assertReceives(client, "farewell", text="still here")

    def test_nobody_is_let_in_any_more(self):
        node, (client,) = self.draining_node(1, drain_time="1h")
        self.begin(node)
        late = node.raw(protocol="chanway.v1.json")
        self.addCleanup(late.drop)
        self.assertIn('"op":"bye"', late.receive_text())
        self.assertEqual(late.wait_for_close(), 1001)
        raw = node.raw("type=text")
        self.addCleanup(raw.drop)
        self.assertEqual(raw.wait_for_close(), 1001)
        self.assertEqual(client.request("ping")["op"], "pong")

    def test_they_are_told_evenly(self):
        # It is the node that must not be early; how late a busy machine is does not matter.
        count, time_s = 20, 4.0
        node, clients = self.draining_node(count, drain_time="4s")
        started = time.monotonic()
        node.terminate()
        times = []
        waiting = list(clients)
        while waiting:
            client = waiting.pop()  # the node begins with those that came last
            self.read_bye(client, 30)
            times.append(time.monotonic() - started)
        for number, passed in enumerate(sorted(times), 1):
            self.assertGreaterEqual(passed, time_s / 10 + number * time_s * 0.9 / (count + 1) - 0.01)
        self.assertEqual(node.process.wait(10), 0)

    def test_it_ends_when_nobody_is_left(self):
        node, clients = self.draining_node(3, drain_time="1h")
        self.begin(node)
        for client in clients:
            self.assertTrue(node.process.is_running())
            client.close()
        self.assertEqual(node.process.wait(10), 0)

    def test_a_second_sigterm_ends_it_at_once(self):
        node, clients = self.draining_node(5, drain_time="1h")
        deaf = self.own_raw(node, "groups=farewell", receive_buffer=4096)
        self.begin(node)
        node.terminate()
        for client in clients:
            self.read_bye(client)
        self.assertEqual(node.process.wait(10), 0)
        del deaf
        members = self.redis.call("FCALL_RO", "cw_members", 1, "cw:{g:farewell}")
        self.assertEqual(members[1:], [])

    def test_sigint_does_not_wait(self):
        node, clients = self.draining_node(3, drain_time="1h")
        node.process.signal(signal.SIGINT)
        for client in clients:
            self.read_bye(client)
        self.assertEqual(node.process.wait(10), 0)

    def test_a_session_goes_on_at_another_node(self):
        other = self.own_node(self.redis, name="other")
        speaker = self.own_client(other)
        node, (client, _) = self.draining_node(2, drain_time="1h")
        speaker.publish("farewell", text="before")
        self.assertReceives(client, "farewell", text="before")
        self.begin(node)
        node.terminate()
        self.read_bye(client)
        speaker.publish("farewell", text="meanwhile")
        speaker.call("send", to=client.uuid, text="to you")
        back = self.own_client(other, f"session={client.welcome['session']}")
        self.assertIs(back.welcome["resumed"], True)
        self.assertEqual(back.uuid, client.uuid)
        self.assertEqual(back.welcome["groups"], ["farewell"])
        got = sorted(back.message()["text"] for _ in range(2))
        self.assertEqual(got, ["meanwhile", "to you"])
        speaker.publish("farewell", text="after")
        self.assertReceives(back, "farewell", text="after")
        self.assertEqual(node.process.wait(10), 0)

    def test_a_client_may_be_back_before_the_node_has_seen_it_go(self):
        other = self.own_node(self.redis, name="other")
        speaker = self.own_client(other)
        node, (client, _) = self.draining_node(2, drain_time="1h")
        speaker.publish("farewell", text="before")
        speaker.call("send", to=client.uuid, text="to you, before")
        self.assertEqual([client.message()["text"] for _ in range(2)], ["before", "to you, before"])
        self.begin(node)
        node.terminate()
        client.next_op("bye")  # and its connection stays, without an answer to the close frame
        self.assertEqual(speaker.call("send", to=client.uuid, text="to you")["status"], "queued")
        speaker.publish("farewell", text="meanwhile")
        back = self.own_client(other, f"session={client.welcome['session']}")
        self.assertIs(back.welcome["resumed"], True)
        got = sorted(back.message()["text"] for _ in range(2))
        self.assertEqual(got, ["meanwhile", "to you"])
        speaker.publish("farewell", text="after")
        self.assertReceives(back, "farewell", text="after")

    def test_it_drains_while_redis_is_away(self):
        redis = self.own_redis()
        node = self.own_node(redis, drain_time="2s")
        clients = [self.own_client(node) for _ in range(3)]
        redis.freeze()
        until(lambda: node.get("/readyz").status == 503, "it is not ready")
        node.terminate()
        for client in reversed(clients):
            self.read_bye(client, 20)
        self.assertEqual(node.process.wait(20), 0)

    def test_who_comes_in_the_meantime_is_told_when_to_come_back(self):
        node, _ = self.draining_node(1, drain_time="1h")
        self.begin(node)
        with self.assertRaises((AssertionError, Closed, Ended)) as caught:
            Client(node)
        self.assertIn("'retry_ms': ", str(caught.exception))
        self.assertNotIn("'retry_ms': None", str(caught.exception))


if __name__ == "__main__":
    main()
