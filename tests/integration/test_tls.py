"""Clients over TLS: all that goes without goes with it."""

import asyncio
import json
import shutil
import subprocess

import setup_path  # noqa: F401
import websockets
from support.case import main
from support.http_client import read_response, request
from support.paths import source_path
from support.wait import until
from support.websocket import JSON, TEXT, Ended, encode_frame, handshake
from support.wire import Wire
from tls_case import TlsCase


class Clients(TlsCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.node = cls.secured(cls.class_node, max_message="2MiB", payload_max="1MiB")

    def echo(self, client, group, text):
        client.publish(group, text=text)
        self.assertReceives(client, group, text=text)

    def test_a_library_of_python(self):
        async def talk():
            async with websockets.connect(f"wss://localhost:{self.node.port}/ws?groups=py",
                                          ssl=self.authority.context(), subprotocols=[JSON],
                                          max_size=1 << 22) as socket:
                self.assertEqual(json.loads(await socket.recv())["op"], "welcome")
                self.assertEqual(json.loads(await socket.recv())["op"], "joined")
                for size in (0, 1, 125, 126, 16383, 16384, 16385, 65536, 1000000):
                    text = "x" * size
                    await socket.send(json.dumps({"op": "publish", "group": "py", "text": text}))
                    frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
                    self.assertEqual((frame["op"], frame["text"] == text), ("message", True))
            self.assertEqual(socket.close_code, 1000)
        asyncio.run(asyncio.wait_for(talk(), 50))

    def test_a_library_of_node(self):
        program = shutil.which("node")
        done = subprocess.run([program, source_path("tests/integration/secure_client.js"),
                               f"wss://localhost:{self.node.port}/ws", self.authority.cert, "npm",
                               "1000000"], capture_output=True, timeout=50)
        self.assertEqual(done.stdout.decode().split("\n")[:2], ["came back", "closed 1000"], done)

    def test_a_chat_and_its_end(self):
        one = self.own_client(self.node, "groups=chat")
        two = self.own_client(self.node, "groups=chat")
        one.next_op("joined")
        two.next_op("joined")
        for number in range(50):
            one.publish("chat", data=number)
        for client in (one, two):
            for number in range(50):
                self.assertReceives(client, "chat", data=number)
        before = self.node.metric("chanway_closes_total", code="1000")
        self.assertEqual(one.close(), 1000)
        until(lambda: self.node.metric("chanway_closes_total", code="1000") == before + 1,
              "it is gone at once, whether the client hangs up or not", 5)

    def test_the_end_is_told_by_tls_as_well(self):
        """So that a client can tell it from a connection that was cut."""
        context = self.authority.context()
        wire = Wire(tuple(self.node.address))
        self.addCleanup(wire.close)
        wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost",
                                          suppress_ragged_eofs=False)
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        self.assertEqual(read_response(wire).status, 200)
        self.assertEqual(wire.read_to_end(), b"")

    def test_a_megabyte_each_way_by_raw_frames(self):
        socket = self.own_raw(self.node, "type=bytes&groups=big&publish=big")
        data = bytes(range(256)) * 4096
        for _ in range(3):
            socket.send_binary(data[:1 << 20])
            self.assertEqual(socket.receive_binary(20), data[:1 << 20])

    def test_many_ops_in_one_record_are_done_in_order(self):
        """More than may wait at a time: reading pauses in the middle of what TLS has decrypted."""
        client = self.own_client(self.node, "groups=ops")
        client.next_op("joined")
        frames = [encode_frame(TEXT, json.dumps({"op": "publish", "id": i, "group": "ops",
                                                 "data": i}).encode("ascii")) for i in range(2000)]
        before = self.node.metric("chanway_client_input_paused_total")
        client.socket.send_bytes(b"".join(frames))
        done, came = [], []
        while len(done) < 2000 or len(came) < 2000:
            frame = client.receive()
            if frame["op"] == "ok":
                done.append(frame["id"])
            else:
                came.append(frame["data"])
        self.assertEqual(done, list(range(2000)))
        self.assertEqual(came, list(range(2000)))
        self.assertGreater(self.node.metric("chanway_client_input_paused_total"), before)

    def test_a_head_in_many_records(self):
        head, _ = handshake()
        wire = self.handshake(self.node)
        for i in range(0, len(head), 7):
            wire.send(head[i:i + 7])
        self.assertEqual(read_response(wire).status, 101)

    def test_heads_are_checked_as_ever(self):
        for head, status in ((b"GET /ws HTTP/1.1\r\nHost: h\r\n\r\n", 426),
                             (b"nonsense\r\n\r\n", 400),
                             (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
                             (b"POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 405)):
            with self.subTest(status=status):
                wire = self.handshake(self.node)
                wire.send(head)
                self.assertEqual(read_response(wire).status, status)
        wire = self.handshake(self.node)
        for _ in range(10):
            wire.send(b"GET /" + b"x" * 1000)
        self.assertEqual(read_response(wire).status, 431)

    def test_requests_share_a_connection(self):
        wire = self.handshake(self.node)
        for _ in range(3):
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(read_response(wire).status, 200)
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 200)  # 8 KB and more in one record
        for _ in range(200):
            self.assertEqual(read_response(wire).status, 200)

    def test_browsers_are_told_to_stay_with_it(self):
        for path in ("/healthz", "/ws", "/nowhere"):
            answer = request(self.node.address, path)
            self.assertEqual(answer.header("strict-transport-security"), "max-age=31536000", answer)
        answer = self.node.get("/healthz", admin=True)
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.header("strict-transport-security"))

    def test_a_lost_channel_is_resumed(self):
        client = self.own_client(self.node, "groups=lost")
        client.next_op("joined")
        client.drop()
        other = self.own_client(self.node)
        other.publish("lost", text="meanwhile")
        back = self.own_client(self.node, "session=" + client.welcome["session"])
        self.assertEqual((back.uuid, back.welcome["resumed"]), (client.uuid, True))

    def test_a_resume_waits_for_redis(self):
        """The request has been decrypted when Redis is asked: it is not lost, nor read twice."""
        client = self.own_client(self.node, "groups=slow")
        client.next_op("joined")
        client.drop()
        before = self.node.metric("chanway_session_lookups_total")
        head, _ = handshake("/ws?session=" + client.welcome["session"])
        wire = self.handshake(self.node)
        self.redis.freeze()
        try:
            wire.send(head)
            until(lambda: self.node.metric("chanway_session_lookups_total") > before,
                  "Redis is asked")
        finally:
            self.redis.thaw()
        answer = read_response(wire, timeout=20)
        self.assertEqual((answer.status, answer.header("chanway-channel")), (101, client.uuid))

    def test_a_slow_reader_is_closed_and_delays_nobody(self):
        node = self.secured(self.own_node, send_queue_max="256KiB")
        slow = self.own_client(node, "groups=flood", receive_buffer=4096)
        fast = self.own_client(node, "groups=flood")
        fast.next_op("joined")
        writer = self.own_client(node)
        before = node.metric("chanway_closes_total", code="4005")
        for number in range(500):
            writer.publish("flood", data=[number, "x" * 20000])
            self.assertEqual(fast.message(20)["data"][0], number)
            if number % 50 == 0:
                self.assertLess(node.metric("chanway_node_queue_bytes"), 400000)
        until(lambda: node.metric("chanway_closes_total", code="4005") == before + 1,
              "it is closed")
        # What had been encrypted for it before is whole.
        numbers = []
        try:
            while True:
                frame = slow.receive(20)
                if frame["op"] == "message":
                    numbers.append(frame["data"][0])
        except (Ended, OSError):
            pass
        self.assertEqual(numbers, list(range(len(numbers))))

    def test_a_slow_reader_that_reads_on_gets_all(self):
        node = self.secured(self.own_node, send_queue_max="16MiB")
        slow = self.own_client(node, "groups=later", receive_buffer=4096)
        slow.next_op("joined")
        writer = self.own_client(node)
        for number in range(400):
            writer.publish("later", data=[number, "x" * (number * 37 % 20000)])
        until(lambda: node.metric("chanway_client_writes_blocked_total") > 0, "its socket is full")
        for number in range(400):
            frame = slow.message(20)
            self.assertEqual((frame["data"][0], len(frame["data"][1])),
                             (number, number * 37 % 20000))


if __name__ == "__main__":
    main()
