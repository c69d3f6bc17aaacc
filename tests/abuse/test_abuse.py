"""What clients do to bring a node down: it lives, serves others, and forgets them."""

import os
import random
import resource
import struct
import zlib

import setup_path  # noqa: F401
from abuse_case import AbuseCase
from support.case import main
from support.wait import until
from support.websocket import BINARY, CONTINUATION, PING, TEXT, WebSocket, encode_frame, handshake
from swarm import Swarm

DEFLATE = [("Sec-WebSocket-Extensions", "permessage-deflate")]
HEAD = handshake("/ws?type=text")[0]


class Handshakes(AbuseCase):

    def test_heads_that_trickle(self):
        with Swarm(self.node.address) as swarm:
            swarm.add(1000, HEAD[:20])
            for _ in range(20):
                swarm.send(b"x")
                swarm.serve(1, lambda: len(swarm) == 0)
            self.assertEqual(len(swarm), 0, "who has not said it all in 10 s is dropped")
        self.assertUnharmed()

    def test_connections_that_say_nothing_or_half_a_head_and_end(self):
        for data in (b"", HEAD[:50]):
            for _ in range(10):
                with Swarm(self.node.address) as swarm:
                    swarm.add(500, data)
        self.assertUnharmed()

    def test_ten_thousand_come_and_go(self):
        for number in range(20):
            with Swarm(self.node.address) as swarm:
                swarm.upgrade(500, "type=text")
                if number % 2:
                    swarm.reset()
        self.assertUnharmed()

    def test_garbage_in_place_of_a_head(self):
        for seed in range(20):
            noise = random.Random(seed)
            with Swarm(self.node.address) as swarm:
                for _ in range(50):
                    swarm.add(1, noise.randbytes(noise.randrange(1, 5000)))
                swarm.shut()
                swarm.serve(5, lambda: len(swarm) == 0)
        self.assertUnharmed()

    def test_tls_for_a_port_that_has_none(self):
        hello = bytes.fromhex("160301020001") + b"\0\x01\xfc\x03\x03" + os.urandom(508)
        with Swarm(self.node.address) as swarm:
            swarm.add(500, hello)
            self.assertTrue(swarm.serve(20, lambda: len(swarm) == 0))
        self.assertUnharmed()

    def test_heads_of_a_megabyte(self):
        line = b"X-Much: " + b"m" * 1000 + b"\r\n"
        with Swarm(self.node.address) as swarm:
            swarm.add(100, HEAD[:-2])
            swarm.pump(line, 1024)
            swarm.serve(5, lambda: len(swarm) == 0)
            self.assertEqual(len(swarm), 0)
            self.assertTrue(all(head.startswith(b"HTTP/1.1 431") for head in swarm.heads.values()))
        self.assertUnharmed()

    def test_a_client_that_ends_its_side_of_half_a_head(self):
        with Swarm(self.node.address) as swarm:
            swarm.add(500, HEAD[:60])
            swarm.shut()
            self.assertTrue(swarm.serve(3, lambda: len(swarm) == 0))
        self.assertUnharmed()


class FewDescriptors(AbuseCase):

    settings = {**AbuseCase.settings, "limits": {resource.RLIMIT_NOFILE: 1000}}

    def test_more_slow_heads_than_there_are_descriptors(self):
        with Swarm(self.node.address) as swarm:
            for _ in range(6):
                swarm.add(500, HEAD[:20])
                swarm.serve(0.3)
            self.assertServes()
        self.assertUnharmed()

    def test_a_full_node_says_so_beside_slow_heads(self):
        self.watch.stop()
        with Swarm(self.node.address) as full, Swarm(self.node.address) as slow:
            full.upgrade(936, "type=text")
            slow.add(500, HEAD[:20])
            slow.serve(0.3)
            self.assertEqual(WebSocket(self.node.address).wait_for_close(5), 1013)
        self.assertUnharmed()


class Frames(AbuseCase):

    def test_garbage_in_place_of_frames(self):
        with Swarm(self.node.address) as swarm:
            swarm.upgrade(200, "type=text")
            noise = random.Random(1)
            for _ in range(50):
                swarm.send(noise.randbytes(noise.randrange(1, 3000)))
                swarm.serve(0)
            self.assertTrue(swarm.serve(5, lambda: len(swarm) == 0))
        self.assertUnharmed()

    def test_fragments_without_end(self):
        """Of a message that grows and of one that does not."""
        for size in (1000, 1, 0):
            with Swarm(self.node.address) as swarm:
                swarm.upgrade(50, "type=text")
                swarm.send(encode_frame(TEXT, b"x", fin=False))
                swarm.pump(encode_frame(CONTINUATION, b"x" * size, fin=False) * 1000, 80, until=2)
        self.assertUnharmed()

    def test_lengths_of_exabytes(self):
        for length in (1 << 62, 1 << 40, 1 << 32, (1 << 31) - 1, (1 << 64) - 1):
            head = bytes([0x82, 0xFF]) + struct.pack(">Q", length) + b"\0\0\0\0"
            with Swarm(self.node.address) as swarm:
                swarm.upgrade(200, "type=bytes")
                swarm.send(head)
                swarm.pump(b"x" * 65536, 4, until=3)
                self.assertTrue(swarm.serve(5, lambda: len(swarm) == 0))
        self.assertUnharmed()

    def test_lengths_that_are_allowed_and_never_come(self):
        """A length is not believed before the bytes are there."""
        with Swarm(self.node.address) as swarm:
            swarm.upgrade(2000, "type=bytes")
            swarm.send(encode_frame(BINARY, b"x", length=65536))
            swarm.serve(1)
        self.assertUnharmed()

    def test_pings_from_clients_that_read(self):
        with Swarm(self.node.address) as swarm:
            swarm.upgrade(50, "type=text")
            swarm.pump(encode_frame(PING, b"p" * 125) * 100, 200, until=3)
        self.assertUnharmed()

    def test_pings_from_clients_that_do_not_read_the_pongs(self):
        with Swarm(self.node.address, reads=False, receive_buffer=4096) as swarm:
            swarm.upgrade(50, "type=text")
            swarm.pump(encode_frame(PING, b"p" * 125) * 100, 1000, until=3)
        self.assertUnharmed()


class Compressed(AbuseCase):

    def test_frames_marked_as_compressed(self):
        """1,000 to 1, whether compression was offered or not."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packer.compress(b"\0" * 60_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
        for headers in (None, DEFLATE):
            for payload in (bomb[:60_000], bomb[:1000], bomb[:125]):
                with Swarm(self.node.address) as swarm:
                    swarm.upgrade(20, "type=bytes", headers=headers)
                    swarm.pump(encode_frame(BINARY, payload, rsv=4), 1, until=3)
                    self.assertTrue(swarm.serve(10, lambda: len(swarm) == 0))
        self.assertUnharmed()

    def test_bombs_that_are_just_allowed(self):
        """Each becomes 64 KiB and is a good message: others have their turn meanwhile."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(b"\0" * 65536) + packer.flush(zlib.Z_SYNC_FLUSH)
        with Swarm(self.node.address) as swarm:
            swarm.upgrade(20, "type=bytes", headers=DEFLATE)
            swarm.pump(encode_frame(BINARY, packed[:-4], rsv=4) * 100, 1, until=5)
        until(lambda: self.node.metric("chanway_node_connections") <= 1, "all are inflated", 30)
        self.assertUnharmed()


class Readers(AbuseCase):
    settings = {**AbuseCase.settings, "max_groups": "1024"}

    def flood(self, group, swarm, messages=200, size=60_000):
        with self.node.client() as publisher:
            for _ in range(messages):
                publisher.publish(group, text="x" * size)
                swarm.serve(0)

    def test_readers_that_never_read(self):
        group = self.new_group()
        with Swarm(self.node.address, reads=False, receive_buffer=4096) as swarm:
            swarm.upgrade(100, f"type=text&groups={group}")
            self.flood(group, swarm)
            until(lambda: self.node.metric("chanway_closes_total", code="4005") >= 100,
                  "all are closed for being slow")
        self.assertUnharmed()

    def test_storms_of_resets(self):
        group = self.new_group()
        for _ in range(5):
            with Swarm(self.node.address) as swarm:
                swarm.upgrade(400, f"type=text&groups={group}")
                self.flood(group, swarm, messages=20, size=2000)
                swarm.reset()
        self.assertUnharmed()

    def test_clients_that_end_their_side(self):
        """Half open: they would read on, but can't answer a ping or a close any more."""
        group = self.new_group()
        with Swarm(self.node.address) as swarm:
            swarm.upgrade(500, f"type=text&groups={group}")
            swarm.shut()
            self.assertTrue(swarm.serve(5, lambda: len(swarm) == 0))
        self.assertUnharmed()

    def test_clients_that_are_no_longer_there(self):
        """Half open: no end of the connection ever comes, and no pong."""
        with Swarm(self.node.address, reads=False) as swarm:
            swarm.upgrade(500, "type=text")
            until(lambda: self.node.metric("chanway_node_connections") <= 1, "they are gone", 10)
        self.assertUnharmed()

    def test_joins_of_thousands_of_groups(self):
        for round_ in range(3):
            with self.node.client() as client:
                for number in range(1000):
                    client.send({"op": "join", "id": number, "group": f"g.{round_}.{number}"})
                for _ in range(1000):
                    self.assertEqual(client.receive()["op"], "ok")
        self.assertUnharmed()


if __name__ == "__main__":
    main(110)
