"""permessage-deflate (RFC 7692): what is agreed upon, what goes over the wire, what closes for it."""

import json
import os
import zlib

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.http_client import read_response
from support.wait import Deadline, until
from support.websocket import (BINARY, CLOSE, CONTINUATION, JSON, PING, PONG, TEXT, Ended,
                               WebSocket, encode_frame, handshake)
from support.wire import Wire

TAIL = b"\0\0\xff\xff"
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
LONG = json.dumps({"words": ["compressible"] * 100})


def pack(data, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert packed.endswith(TAIL)
    return packed[:-4]


def unpack(packed):
    return zlib.decompressobj(-15).decompress(packed + TAIL)


class Deflating(WebSocket):
    """Counts and inflates what comes compressed, each message by itself."""

    def __init__(self, address, path="/ws", offers="permessage-deflate", **options):
        self.packed = 0
        self.plain = 0
        super().__init__(address, path, headers=[("Sec-WebSocket-Extensions", offers)], **options)
        self.agreed = self.response.header("sec-websocket-extensions")

    def read_frame(self, timeout=10.0):
        deadline = Deadline(timeout)
        first = self.wire.read_exactly(1, deadline.left())
        self.wire.buffer[:0] = bytes([first[0] & ~0x40])
        opcode, payload = super().read_frame(deadline.left())
        if first[0] & 0x40:
            if opcode not in (TEXT, BINARY):
                raise AssertionError("a control frame is marked as compressed")
            self.packed += 1
            return opcode, unpack(payload)
        self.plain += opcode in (TEXT, BINARY)
        return opcode, payload

    def close_code_that_comes(self):
        """Without waiting for the end of the connection."""
        try:
            self.receive()
        except Ended as ended:
            return ended.code
        raise AssertionError("a message came")

    def send_packed(self, data, opcode=TEXT, level=6):
        self.send_frame(opcode, pack(data, level), rsv=4)


class CompressionCase(NodeCase):
    settings = {"max_message": "64KiB"}

    def deflating(self, query="", **options):
        socket = Deflating(self.node.address, "/ws" + ("?" + query if query else ""), **options)
        self.addCleanup(socket.drop)
        return socket

    def member(self, group, kind="text", **options):
        """A raw channel that is in `group` for sure: what it says to itself has come back."""
        probe = self.new_group()
        socket = self.deflating(f"type={kind}&groups={group},{probe}&publish={probe}", **options)
        socket.send_text('"in"')
        socket.receive_text()
        return socket

    def chat(self, kind="text", **options):
        """A raw channel that hears what it says."""
        group = self.new_group()
        return self.deflating(f"type={kind}&groups={group}&publish={group}", **options)


class Agreement(CompressionCase):

    def assertAgrees(self, offers, agreed=AGREED):
        socket = self.chat(offers=offers)
        self.assertEqual(socket.agreed, agreed, offers)
        socket.send_text(LONG)
        self.assertEqual(socket.receive_text(), LONG)
        self.assertEqual(socket.packed, 0 if agreed is None else 1, offers)

    def test_offers_that_can_be_kept(self):
        for offers in ("permessage-deflate", "permessage-deflate; client_max_window_bits",
                       "permessage-deflate;client_max_window_bits=9",
                       'permessage-deflate; client_max_window_bits="10"',
                       "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                       "x-other; a=b, permessage-deflate; client_max_window_bits, x-more",
                       "permessage-deflate; server_max_window_bits=10, permessage-deflate; "
                       "client_max_window_bits"):
            with self.subTest(offers=offers):
                self.assertAgrees(offers)
        self.assertAgrees("permessage-deflate; server_max_window_bits=15",
                          AGREED + "; server_max_window_bits=15")

    def test_offers_that_are_declined(self):
        for offers in ("x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=14",
                       "permessage-deflate; server_max_window_bits",
                       "permessage-deflate; server_max_window_bits=7",
                       "permessage-deflate; client_max_window_bits=16",
                       "permessage-deflate; client_max_window_bits=08",
                       "permessage-deflate; client_max_window_bits=x",
                       "permessage-deflate; server_no_context_takeover=1",
                       "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                       "permessage-deflate; unknown", "permessage-deflate-more",
                       "permessage-deflate, permessage-deflate"):
            with self.subTest(offers=offers):
                self.assertAgrees(offers, None)

    def test_who_does_not_offer_gets_plain_frames(self):
        group = self.new_group()
        plain = self.raw_member(group)
        self.assertIsNone(plain.response.header("sec-websocket-extensions"))
        packed = self.deflating(f"type=text&groups={group}&publish={group}")
        packed.send_text(LONG)
        self.assertEqual(plain.receive_text(), LONG)
        self.assertEqual(packed.receive_text(), LONG)
        self.assertEqual(packed.packed, 1)

    def test_the_answer_has_all_other_headers(self):
        socket = self.deflating(protocol=None)
        for name in ("chanway-channel", "chanway-node", "chanway-session", "sec-websocket-accept"):
            self.assertTrue(socket.response.header(name), name)

    def test_a_refusal_before_the_upgrade_names_no_extension(self):
        request, _ = handshake("/ws?type=bad",
                               headers=[("Sec-WebSocket-Extensions", "permessage-deflate")])
        with Wire(self.node.address) as wire:
            wire.send(request)
            response = read_response(wire)
        self.assertEqual(response.status, 400)
        self.assertIsNone(response.header("sec-websocket-extensions"))


class Off(CompressionCase):
    settings = {"compression": "off"}

    def test_nothing_is_agreed_upon(self):
        socket = self.chat()
        self.assertIsNone(socket.agreed)
        socket.send_text(LONG)
        self.assertEqual(socket.receive_text(), LONG)
        self.assertEqual(socket.packed, 0)
        socket.send_packed(b"marked all the same")
        self.assertEqual(socket.close_code_that_comes(), 1002)


class Outgoing(CompressionCase):

    def test_a_message_is_compressed_once_for_all(self):
        group = self.new_group()
        sockets = [self.member(group) for _ in range(10)]
        publisher = self.client()
        compressed = self.node.metric("chanway_client_messages_compressed_total")
        for _ in range(5):
            publisher.publish(group, text=LONG)
            for socket in sockets:
                self.assertEqual(socket.receive_text(), LONG)
        self.assertEqual([socket.packed for socket in sockets], [5] * 10)
        self.assertEqual(self.node.metric("chanway_client_messages_compressed_total"),
                         compressed + 5)

    def test_short_and_incompressible_messages_are_sent_as_they_are(self):
        socket = self.chat("bytes")
        noise = os.urandom(5000)
        for data, packed in ((b"x" * 511, 0), (b"x" * 512, 1), (noise, 1), (b"", 1)):
            socket.send_binary(data)
            self.assertEqual(socket.receive_binary(), data)
            self.assertEqual(socket.packed, packed)

    def test_large_messages(self):
        socket = self.chat()
        for size in (1000, 20000, 65535, 65536):
            text = ("abcdefghij" * (size // 10 + 1))[:size]
            socket.send_packed(text.encode("ascii"))
            self.assertEqual(socket.receive_text(), text)
        self.assertEqual(socket.packed, 4)

    def test_replayed_and_direct_messages_are_compressed_too(self):
        group = self.new_group()
        publisher = self.client()
        publisher.publish(group, text=LONG)
        position = publisher.publish(group, text=LONG)
        reader = self.deflating(f"groups={group}&since={group}@{position['epoch']}-"
                                f"{position['offset'] - 1}", protocol=JSON)
        frames = [json.loads(reader.receive_text()) for _ in range(3)]
        self.assertEqual(sorted(frame["op"] for frame in frames), ["joined", "message", "welcome"])
        self.assertEqual(reader.packed, 1)
        publisher.call("send", to=reader.response.header("chanway-channel"), text=LONG)
        self.assertEqual(json.loads(reader.receive_text())["text"], LONG)
        self.assertEqual(reader.packed, 2)

    def test_pings_pongs_and_closes_are_never_marked(self):
        socket = self.chat()
        self.assertEqual(socket.ping(b"p" * 125), [])
        socket.send_text(LONG)
        self.assertEqual(socket.receive_text(), LONG)
        self.assertEqual(socket.close(), 1000)


class Incoming(CompressionCase):

    def test_compressed_and_plain_messages_may_take_turns(self):
        socket = self.chat()
        for data in (b"one", b"two" * 1000, b"", b"three"):
            for level in (0, 1, 9):
                socket.send_packed(data, level=level)
                self.assertEqual(socket.receive_text().encode("ascii"), data)
            socket.send_text(data)
            self.assertEqual(socket.receive_text().encode("ascii"), data)

    def test_fragments_of_any_size(self):
        socket = self.chat()
        packed = pack(LONG.encode("ascii"))
        for size in (1, 7, len(packed)):
            pieces = [packed[at:at + size] for at in range(0, len(packed), size)]
            frames = encode_frame(TEXT, b"", fin=False, rsv=4)
            for piece in pieces:
                frames += encode_frame(CONTINUATION, piece, fin=False)
                frames += encode_frame(PONG, b"between")
            socket.send_bytes(frames + encode_frame(CONTINUATION, b""))
            self.assertEqual(socket.receive_text(), LONG)

    def test_byte_by_byte_is_the_same(self):
        socket = self.chat()
        frame = encode_frame(TEXT, pack(LONG.encode("ascii")), rsv=4)
        for index in range(len(frame)):
            socket.send_bytes(frame[index:index + 1])
        self.assertEqual(socket.receive_text(), LONG)

    def test_blocks_of_every_kind(self):
        """RFC 7692 section 7.2.3: an end in the middle, an empty one, a last block."""
        socket = self.chat()
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        parts = b"".join(packer.compress(b"Hello") + packer.flush(zlib.Z_FULL_FLUSH)
                         for _ in range(3))[:-4]
        for packed, text in ((b"\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"), (b"\x00", ""), (b"", ""),
                             (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"),
                             (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
                             (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
                             (parts, "HelloHelloHello")):
            socket.send_frame(TEXT, packed, rsv=4)
            self.assertEqual(socket.receive_text(), text)

    def test_what_is_no_compressed_data_closes_with_1007(self):
        for packed in (b"\xff" * 20, b"\x07", b"\x00\x05\x00\x00\x00hello",
                       pack(LONG.encode("ascii"))[:-1] + b"\x07" + b"x" * 20):
            socket = self.chat()
            socket.send_frame(TEXT, packed, rsv=4)
            self.assertEqual(socket.wait_for_close(), 1007, packed)

    def test_a_reference_to_an_earlier_message_closes_with_1007(self):
        """The client was told to begin anew with each."""
        socket = self.chat()
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        for number in range(2):
            packed = packer.compress(LONG.encode("ascii")) + packer.flush(zlib.Z_SYNC_FLUSH)
            socket.send_frame(TEXT, packed[:-4], rsv=4)
            if number == 0:
                self.assertEqual(socket.receive_text(), LONG)
        self.assertEqual(socket.wait_for_close(), 1007)

    def test_text_that_is_no_utf8_once_inflated_closes_with_1007(self):
        socket = self.chat()
        socket.send_packed(b"ok \xff")
        self.assertEqual(socket.wait_for_close(), 1007)

    def test_the_mark_on_other_frames_closes_with_1002(self):
        for frames in (encode_frame(TEXT, b"x", fin=False) + encode_frame(CONTINUATION, b"", rsv=4),
                       encode_frame(PING, b"", rsv=4), encode_frame(PONG, b"", rsv=4),
                       encode_frame(CLOSE, b"", rsv=4), encode_frame(TEXT, b"", rsv=2),
                       encode_frame(TEXT, b"", rsv=5)):
            socket = self.chat()
            socket.send_bytes(frames)
            self.assertEqual(socket.close_code_that_comes(), 1002, frames)

    def test_max_message_counts_what_it_inflates_to(self):
        socket = self.chat("bytes")
        for data in (b"\0" * 65536, os.urandom(65536)):
            for level in (0, 9):
                socket.send_packed(data, BINARY, level)
                self.assertEqual(socket.receive_binary(), data)
        socket.send_packed(b"\0" * 65537, BINARY)
        self.assertEqual(socket.wait_for_close(), 1009)

    def test_a_bomb_closes_with_1009(self):
        packed = pack(b"\0" * 60_000_000)
        for frames in ([encode_frame(BINARY, packed[:60_000], rsv=4)],
                       [encode_frame(BINARY, packed[:30_000], fin=False, rsv=4),
                        encode_frame(CONTINUATION, packed[30_000:60_000])],
                       [encode_frame(BINARY, packed[:100], rsv=4)]):
            socket = self.chat("bytes")
            socket.send_bytes(b"".join(frames))
            self.assertEqual(socket.wait_for_close(), 1009)
        self.assertEqual(self.chat().ping(), [])

    def test_more_than_a_message_can_be_closes_before_its_end(self):
        socket = self.chat("bytes")
        try:
            for _ in range(10):
                socket.send_frame(BINARY if _ == 0 else CONTINUATION, b"\0" * 8192, fin=False,
                                  rsv=4 if _ == 0 else 0)
        except OSError:
            pass  # closed already
        self.assertEqual(socket.wait_for_close(), 1009)

    def test_messages_of_clients_are_counted(self):
        before = self.node.metric("chanway_client_messages_inflated_total")
        socket = self.chat()
        for _ in range(3):
            socket.send_packed(b"x")
            socket.receive_text()
        until(lambda: self.node.metric("chanway_client_messages_inflated_total") == before + 3,
              "they are counted")


if __name__ == "__main__":
    main()
