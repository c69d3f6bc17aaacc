"""What a node closes by itself: silence, age, slowness, too many (PROTOCOL: close codes)."""

import json
import resource
import threading
import time

import setup_path  # noqa: F401
from support.case import Case, NodeCase, main
from support.wait import Deadline, TimedOut, until
from support.websocket import JSON, PING, PONG, TEXT, Refused, WebSocket, encode_frame
from support.wire import Closed


def check_bye(test, frame, code):
    test.assertEqual(frame["op"], "bye", frame)
    test.assertEqual(frame["code"], code)
    test.assertTrue(frame["reason"])
    test.assertIn("retry_ms", frame)
    if frame["retry_ms"] is not None:
        test.assertIsInstance(frame["retry_ms"], int)
        test.assertGreaterEqual(frame["retry_ms"], 0)


class Heartbeat(NodeCase):
    settings = {"heartbeat_interval": "500ms", "heartbeat_timeout": "1500ms"}

    def test_a_silent_client_is_pinged_then_told_and_closed_with_4000(self):
        client = self.client(answers_pings=False)
        started = time.monotonic()
        check_bye(self, client.receive(), 4000)
        self.assertGreaterEqual(client.socket.pings, 1)
        self.assertEqual(client.socket.wait_for_close(), 4000)
        self.assertGreaterEqual(time.monotonic() - started, 1.4)
        self.assertLess(time.monotonic() - started, 5)

    def test_a_silent_raw_client_is_closed_with_4000_and_no_frame(self):
        socket = self.raw(answers_pings=False)
        self.assertEqual(socket.wait_for_close(), 4000)
        self.assertEqual(socket.last_messages, [])

    def test_a_client_that_answers_pings_stays(self):
        client, raw = self.client(), self.raw()
        deadline = Deadline(20)
        while min(client.socket.pings, raw.pings) < 6:
            self.assertFalse(deadline.passed(), "too few pings")
            for socket in (client.socket, raw):
                try:
                    self.fail(f"a frame: {socket.receive(0.1)}")
                except TimedOut:
                    pass
        self.assertEqual(client.request("ping")["op"], "pong")
        self.assertEqual(raw.ping(), [])

    def test_any_frame_is_a_sign_of_life(self):
        frames = [encode_frame(TEXT, b'{"op":"ping"}'), encode_frame(PONG, b""),
                  encode_frame(PING, b"")]
        clients = [self.client(answers_pings=False) for _ in frames]
        deadline = Deadline(4)
        while not deadline.passed():
            for client, frame in zip(clients, frames):
                client.socket.send_bytes(frame)
                try:
                    self.assertEqual(client.receive(0.1), {"op": "pong"})
                except TimedOut:
                    pass

    def test_a_busy_client_is_not_pinged(self):
        client = self.client()
        deadline = Deadline(2)
        while not deadline.passed():
            self.assertEqual(client.request("ping")["op"], "pong")
        self.assertEqual(client.socket.pings, 0)

    def test_what_it_receives_is_no_sign_of_life(self):
        group = self.new_group()
        client = self.client("groups=" + group, answers_pings=False)
        client.next_op("joined")
        publisher = self.client()
        deadline = Deadline(10)
        while True:
            self.assertFalse(deadline.passed())
            publisher.publish(group, text="for you")
            frame = client.receive()
            if frame["op"] == "bye":
                break
        check_bye(self, frame, 4000)
        self.assertEqual(client.socket.wait_for_close(), 4000)


class Expiry(NodeCase):
    settings = {"channel_ttl": "2s"}

    def seconds_to_close(self, socket, created):
        self.assertEqual(socket.wait_for_close(), 4003)
        return time.time() - created

    def test_a_channel_is_closed_with_4003_when_its_time_is_over(self):
        for query, seconds in (("expires=1", 1), ("", 2)):
            client = self.client(query)
            self.assertEqual(client.welcome["expires"], seconds)
            check_bye(self, client.receive(), 4003)
            took = self.seconds_to_close(client.socket, client.welcome["created"] / 1000)
            self.assertGreater(took, seconds - 0.1)
            self.assertLess(took, seconds + 2)

    def test_activity_does_not_prolong_it(self):
        client = self.client("expires=1")
        deadline = Deadline(5)
        while True:
            self.assertFalse(deadline.passed(), "it lives on")
            client.send({"op": "ping"})
            if client.receive()["op"] == "bye":
                break
        self.assertEqual(client.socket.wait_for_close(), 4003)

    def test_a_raw_channel_is_told_by_the_code_alone(self):
        socket = self.raw("expires=1")
        self.assertEqual(socket.wait_for_close(), 4003)
        self.assertEqual(socket.last_messages, [])

    def test_an_expired_channel_leaves_its_groups(self):
        group = self.new_group()
        client = self.client("expires=1&groups=" + group)
        client.next_op("joined")
        check_bye(self, client.receive(), 4003)
        until(lambda: self.client("expires=30").members(group)["members"] == [], "it has left",
              every=0.05)


class SlowConsumer(NodeCase):
    settings = {"send_queue_max": "128KiB", "max_message": "64KiB"}

    def test_a_client_that_does_not_read_is_closed_and_the_others_are_not_delayed(self):
        group = self.new_group()
        slow = self.own_client(self.node, "groups=" + group, receive_buffer=8192)
        slow.next_op("joined")
        slow_raw = self.raw_member(group, receive_buffer=8192)
        quick = [self.client("groups=" + group) for _ in range(3)]
        for client in quick:
            client.next_op("joined")
        publisher = self.client()
        before = self.node.metric("chanway_closes_total", code="4005")
        number, slowest = 0, 0.0
        while self.node.metric("chanway_closes_total", code="4005") < before + 2:
            self.assertLess(number, 2000, "nobody was closed")
            text = f"{number} ".ljust(16384, "s")
            started = time.monotonic()
            publisher.publish(group, text=text)
            for client in quick:
                self.assertReceives(client, group, text=text)
            slowest = max(slowest, time.monotonic() - started)
            number += 1
        self.assertLess(slowest, 1.5)
        self.assertEqual(len(publisher.members(group)["members"]), 3)
        # What they did get is whole and in order; then the close, if it still found room.
        for socket in (slow.socket, slow_raw):
            self.assertIn(socket.wait_for_close(), (4005, 1006))
            texts = [payload.decode("utf-8") for _, payload in socket.last_messages]
            if socket is slow.socket and '"bye"' in texts[-1]:
                texts.pop()
            for index, text in enumerate(texts):
                self.assertIn(f"{index} s", text[:400])

    def test_a_queue_below_the_bound_closes_nobody(self):
        group = self.new_group()
        patient = self.own_client(self.node, "groups=" + group, receive_buffer=8192)
        patient.next_op("joined")
        publisher = self.client()
        for number in range(100):
            publisher.publish(group, text=f"{number} ".ljust(1000, "p"))
        for number in range(100):
            self.assertReceives(patient, group, text=f"{number} ".ljust(1000, "p"))

    def test_a_client_that_asks_without_reading_is_held_back_or_closed(self):
        rude = self.own_client(self.node, receive_buffer=8192)
        witness = self.client()
        ask = encode_frame(TEXT, b'{"op":"ping","id":"%s"}' % (b"i" * 60)) * 200
        stuck = threading.Event()

        def send():
            try:
                for _ in range(2000):
                    rude.socket.wire.send(ask, 2)
            except OSError:
                pass
            stuck.set()
        sender = threading.Thread(target=send)
        sender.start()
        slowest = 0.0
        while not stuck.is_set():
            started = time.monotonic()
            witness.request("ping")
            slowest = max(slowest, time.monotonic() - started)
            self.assertLess(self.node.metric("chanway_node_queue_bytes"), 4 << 20)
        sender.join()
        self.assertLess(slowest, 2)
        rude.drop()
        self.assertEqual(witness.request("ping")["op"], "pong")


class MaxConnections(NodeCase):
    settings = {"max_connections": "3"}

    def test_a_full_node_says_bye_and_closes_with_1013(self):
        inside = [self.client(), self.client(), self.raw()]
        socket = WebSocket(self.node.address, protocol=JSON)
        self.addCleanup(socket.drop)
        self.assertEqual(socket.wait_for_close(), 1013)
        self.assertEqual(len(socket.last_messages), 1, "bye is the only frame")
        check_bye(self, json.loads(socket.last_messages[0][1]), 1013)
        raw = self.raw()
        self.assertEqual(raw.wait_for_close(), 1013)
        self.assertEqual(raw.last_messages, [])
        self.assertEqual(self.node.get("/healthz").status, 200)
        self.assertEqual(inside[0].request("ping")["op"], "pong")
        inside[1].close()
        until(self.has_room, "there is room again")

    def has_room(self):
        try:
            with self.node.client():
                return True
        except AssertionError:
            return False


class FewDescriptors(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_by_default_a_node_is_full_before_it_has_no_descriptors(self):
        node = self.own_node(self.redis, limits={resource.RLIMIT_NOFILE: 100})
        inside, refused = [], 0
        for _ in range(110):
            try:
                inside.append(self.own_client(node))
            except AssertionError as error:
                refused += 1
                self.assertFalse(isinstance(error, Refused), error)
            except Closed:
                refused += 1
        self.assertGreater(len(inside), 20)
        self.assertGreater(refused, 10)
        self.assertEqual(node.metric("chanway_closes_total", code="1013"), refused)
        self.assertEqual(node.get("/readyz").status, 200)
        self.assertEqual(inside[0].request("ping")["op"], "pong")


if __name__ == "__main__":
    main()
