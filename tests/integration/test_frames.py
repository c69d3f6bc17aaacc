"""WebSocket frames, good and bad (RFC 6455), and what closes for them."""

import random
import socket
import struct

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.http_client import read_response
from support.wait import until
from support.websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket,
                               close_payload, encode_frame, handshake)
from support.wire import Wire

HALF_A_LETTER = "é".encode("utf-8")[:1]
BAD_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\xc3",
            b"\x80", b"ok \xc3\x28", b"\xf4\x90\x80\x80", b"\xf0\x80\x80\x80",
            b"a" * 5000 + b"\xe2\x28\xa1"]


class FrameCase(NodeCase):
    settings = {"max_message": "16KiB"}

    def chat(self, **options):
        """A raw channel that hears what it says, and its group."""
        group = self.new_group()
        return self.raw(f"type=text&groups={group}&publish={group}", **options)

    def assertCloses(self, codes, *frames, query=None):
        """These frames, sent at once, close with one of `codes`; the node goes on."""
        channel = self.raw(query) if query else self.chat()
        codes = codes if isinstance(codes, tuple) else (codes,)
        try:
            channel.send_bytes(b"".join(frames))
        except OSError:
            pass  # closed before it had read all
        self.assertIn(channel.wait_for_close(3), codes)
        return channel

    def assertDelivers(self, text, *frames):
        channel = self.chat()
        channel.send_bytes(b"".join(frames))
        self.assertEqual(channel.receive_text(), text)
        return channel


class Malformed(FrameCase):

    def test_unmasked_frames_close_with_1002(self):
        for opcode in (TEXT, BINARY, PING, PONG):
            with self.subTest(opcode=opcode):
                self.assertCloses(1002, encode_frame(opcode, b"x", masked=False))
        self.assertCloses(1002, encode_frame(CLOSE, close_payload(1000), masked=False))
        self.assertCloses(1002, encode_frame(TEXT, b"x", fin=False),
                          encode_frame(CONTINUATION, b"x", masked=False))

    def test_an_unmasked_frame_is_not_published(self):
        group = self.new_group()
        listener = self.client("groups=" + group)
        listener.next_op("joined")
        channel = self.raw("type=text&publish=" + group)
        channel.send_frame(TEXT, b"naked", masked=False)
        self.assertEqual(channel.wait_for_close(3), 1002)
        listener.publish(group, text="marker")
        self.assertReceives(listener, group, text="marker")

    def test_reserved_bits_close_with_1002(self):
        for rsv in (1, 2, 4, 7):
            with self.subTest(rsv=rsv):
                self.assertCloses(1002, encode_frame(TEXT, b"x", rsv=rsv))

    def test_reserved_opcodes_close_with_1002(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            with self.subTest(opcode=opcode):
                self.assertCloses(1002, encode_frame(opcode, b""))

    def test_fragmented_control_frames_close_with_1002(self):
        for opcode in (PING, PONG, CLOSE):
            with self.subTest(opcode=opcode):
                self.assertCloses(1002, encode_frame(opcode, b"", fin=False))

    def test_control_frames_over_125_bytes_end_the_connection(self):
        for opcode in (PING, PONG):
            with self.subTest(opcode=opcode):
                self.assertCloses((1002, 1006), encode_frame(opcode, b"x" * 126))

    def test_a_continuation_of_nothing_closes_with_1002(self):
        self.assertCloses(1002, encode_frame(CONTINUATION, b"x"))
        self.assertCloses(1002, encode_frame(CONTINUATION, b"x", fin=False))

    def test_a_new_message_inside_another_closes_with_1002(self):
        self.assertCloses(1002, encode_frame(TEXT, b"x", fin=False), encode_frame(TEXT, b"y"))

    def test_lengths_that_can_not_be_end_the_connection(self):
        for head in (bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 63),
                     bytes([0x81, 0xFF]) + struct.pack(">Q", (1 << 64) - 1),
                     bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 62),
                     bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 33)):
            with self.subTest(head=head):
                self.assertCloses((1002, 1006, 1009), head + b"\0\0\0\0" + b"x" * 100)

    def test_random_bytes_close_and_harm_nobody(self):
        witness = self.chat()
        for seed in range(60):
            channel = self.chat()
            noise = random.Random(seed).randbytes(2000)
            try:
                channel.send_bytes(noise)
                channel.wire.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # closed already
            channel.wire.read_to_end(10)
        witness.send_text("alive")
        self.assertEqual(witness.receive_text(), "alive")

    def test_random_damage_to_good_frames_harms_nobody(self):
        witness = self.chat()
        for seed in range(100):
            choose = random.Random(seed)
            frames = bytearray(b"".join(
                encode_frame(choose.choice((TEXT, BINARY, PING, PONG)), choose.randbytes(40))
                for _ in range(5)))
            for _ in range(choose.randrange(1, 4)):
                frames[choose.randrange(len(frames))] ^= 1 << choose.randrange(8)
            channel = self.chat()
            channel.send_bytes(bytes(frames))
            channel.wire.socket.shutdown(socket.SHUT_WR)
            channel.wire.read_to_end(10)
        witness.send_text("alive")
        self.assertEqual(witness.receive_text(), "alive")


class Utf8(FrameCase):

    def test_invalid_utf8_closes_with_1007(self):
        for value in BAD_UTF8:
            with self.subTest(value=value[-8:]):
                self.assertCloses(1007, encode_frame(TEXT, value))

    def test_invalid_utf8_closes_channels_of_every_kind_with_1007(self):
        for kind in ("json", "text", "bytes"):
            self.assertCloses(1007, encode_frame(TEXT, b'"\xff"'), query="type=" + kind)
        client = self.client()
        client.socket.send_text(b'{"op":"ping","id":"\xff"}')
        self.assertEqual(client.socket.wait_for_close(), 1007)
        self.assertEqual(client.socket.last_messages, [], "no bye before 1007")

    def test_invalid_utf8_over_fragments_closes_with_1007(self):
        self.assertCloses(1007, encode_frame(TEXT, b"ok", fin=False),
                          encode_frame(CONTINUATION, b"\xff"))
        self.assertCloses(1007, encode_frame(TEXT, HALF_A_LETTER, fin=False),
                          encode_frame(CONTINUATION, b"x"))
        self.assertCloses(1007, encode_frame(TEXT, b"x" + HALF_A_LETTER, fin=False),
                          encode_frame(CONTINUATION, b""))

    def test_a_letter_cut_by_fragments_is_whole_again(self):
        whole = "aé→😀b"
        data = whole.encode("utf-8")
        for cut in range(len(data) + 1):
            self.assertDelivers(whole, encode_frame(TEXT, data[:cut], fin=False),
                                encode_frame(CONTINUATION, data[cut:]))

    def test_binary_frames_may_hold_anything(self):
        group = self.new_group()
        channel = self.raw(f"type=bytes&groups={group}&publish={group}")
        for value in BAD_UTF8:
            channel.send_binary(value)
            self.assertEqual(channel.receive_binary(), value)

    def test_what_is_invalid_is_not_published(self):
        group = self.new_group()
        listener = self.client("groups=" + group)
        listener.next_op("joined")
        for kind in ("text", "bytes"):
            channel = self.raw(f"type={kind}&publish={group}")
            channel.send_frame(TEXT, b"\xff")
            self.assertEqual(channel.wait_for_close(), 1007)
        listener.publish(group, text="marker")
        self.assertReceives(listener, group, text="marker")


class Fragments(FrameCase):

    def test_fragments_become_one_message(self):
        self.assertDelivers("abc", encode_frame(TEXT, b"a", fin=False),
                            encode_frame(CONTINUATION, b"b", fin=False),
                            encode_frame(CONTINUATION, b"c"))
        self.assertDelivers("", encode_frame(TEXT, b"", fin=False), encode_frame(CONTINUATION, b""))
        self.assertDelivers("x" * 1000, encode_frame(TEXT, b"", fin=False),
                            *[encode_frame(CONTINUATION, b"x", fin=False)] * 1000,
                            encode_frame(CONTINUATION, b""))

    def test_control_frames_may_come_between_fragments(self):
        channel = self.chat()
        channel.send_frame(TEXT, b"one ", fin=False)
        self.assertEqual(channel.ping(b"between"), [])
        channel.send_frame(PONG, b"nobody asked")
        channel.send_frame(CONTINUATION, b"message")
        self.assertEqual(channel.receive_text(), "one message")

    def test_byte_by_byte_is_the_same(self):
        channel = self.chat()
        for value in (b"short", b"y" * 126, b""):
            frame = encode_frame(TEXT, value)
            for index in range(len(frame)):
                channel.send_bytes(frame[index:index + 1])
            self.assertEqual(channel.receive_text(), value.decode("ascii"))

    def test_many_frames_in_one_segment_are_many_messages(self):
        channel = self.chat()
        channel.send_bytes(b"".join(encode_frame(TEXT, b"%d" % number) for number in range(500)))
        self.assertEqual([channel.receive_text() for _ in range(500)],
                         [str(number) for number in range(500)])

    def test_frames_of_every_length_form_arrive(self):
        channel = self.chat()
        for size in (0, 1, 124, 125, 126, 127, 255, 256, 4095, 4096, 4097, 16383, 16384):
            channel.send_text("s" * size)
            self.assertEqual(channel.receive_text(), "s" * size)


class MaxMessage(FrameCase):

    def test_a_message_of_max_message_is_taken(self):
        self.assertDelivers("x" * 16384, encode_frame(TEXT, b"x" * 16384))
        self.assertDelivers("x" * 16384, encode_frame(TEXT, b"x" * 16383, fin=False),
                            encode_frame(CONTINUATION, b"x"))

    def test_one_byte_more_closes_with_1009_and_no_bye(self):
        group = self.new_group()
        listener = self.client("groups=" + group)
        listener.next_op("joined")
        for frames in ([encode_frame(TEXT, b"x" * 16385)],
                       [encode_frame(TEXT, b"x" * 16384, fin=False),
                        encode_frame(CONTINUATION, b"x")],
                       [encode_frame(TEXT, b"x" * 1000, fin=False),
                        *[encode_frame(CONTINUATION, b"x" * 1000, fin=False)] * 16]):
            with self.subTest(frames=len(frames)):
                channel = self.assertCloses(1009, *frames, query="type=text&publish=" + group)
                self.assertEqual(channel.last_messages, [])
        client = self.client()
        client.send('{"op":"publish","group":"%s","text":"%s"}' % (group, "x" * 16384))
        self.assertEqual(client.socket.wait_for_close(), 1009)
        self.assertEqual(client.socket.last_messages, [])
        listener.publish(group, text="marker")
        self.assertReceives(listener, group, text="marker")

    def test_a_length_that_is_too_large_closes_with_the_first_byte(self):
        self.assertCloses(1009, encode_frame(TEXT, b"x", length=16385))
        self.assertCloses(1009, encode_frame(BINARY, b"x", length=1 << 40))

    def test_closes_are_counted_by_code(self):
        before = self.node.metric("chanway_closes_total", code="1009")
        self.assertCloses(1009, encode_frame(TEXT, b"x" * 16385))
        self.assertEqual(self.node.metric("chanway_closes_total", code="1009"), before + 1)


class Control(FrameCase):

    def test_pings_are_answered_with_their_payload(self):
        channel = self.chat()
        for payload in (b"", b"x", b"\xff" * 125):
            self.assertEqual(channel.ping(payload), [])

    def test_each_of_many_pings_is_answered_or_the_latest_is(self):
        channel = self.chat()
        channel.send_bytes(b"".join(encode_frame(PING, b"%d" % number) for number in range(20)))
        pongs = []
        while not pongs or pongs[-1] != b"19":
            opcode, payload = channel.read_frame(3)
            self.assertEqual(opcode, PONG)
            pongs.append(payload)
        numbers = [int(payload) for payload in pongs]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_pongs_that_nobody_asked_for_are_ignored(self):
        channel = self.chat()
        for _ in range(10):
            channel.send_frame(PONG, b"hello")
        channel.send_text("on")
        self.assertEqual(channel.receive(), (TEXT, b"on"))

    def test_a_ping_flood_is_answered_in_bounds(self):
        channel = self.chat()
        channel.send_bytes(encode_frame(PING, b"f" * 100) * 5000 + encode_frame(TEXT, b"done"))
        self.assertEqual(channel.receive_text(20), "done")

    def test_the_clients_close_is_echoed(self):
        for code in (1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
            with self.subTest(code=code):
                self.assertEqual(self.chat().close(code), code)

    def test_a_close_without_code_is_answered(self):
        channel = self.chat()
        channel.send_frame(CLOSE)
        self.assertIn(channel.wait_for_close(), (1005, 1000))

    def test_a_close_with_a_reason_is_answered(self):
        channel = self.chat()
        channel.send_frame(CLOSE, close_payload(1000, "tschüß".encode("utf-8")))
        self.assertEqual(channel.wait_for_close(), 1000)

    def test_malformed_closes_are_1002(self):
        for payload in (b"\x03", close_payload(0), close_payload(999), close_payload(1004),
                        close_payload(1005), close_payload(1006), close_payload(1015),
                        close_payload(2999), close_payload(5000), close_payload(65535)):
            with self.subTest(payload=payload):
                self.assertCloses(1002, encode_frame(CLOSE, payload))

    def test_a_close_reason_that_is_no_utf8_is_1002_or_1007(self):
        self.assertCloses((1002, 1007), encode_frame(CLOSE, close_payload(1000, b"\xff")))

    def test_nothing_that_comes_after_a_close_frame_is_done(self):
        for _ in range(10):
            group = self.new_group()
            listener = self.client("groups=" + group)
            listener.next_op("joined")
            channel = self.raw("type=text&publish=" + group)
            channel.send_bytes(encode_frame(TEXT, b"before") +
                               encode_frame(CLOSE, close_payload(1000)) +
                               encode_frame(TEXT, b"after"))
            self.assertEqual(channel.wait_for_close(), 1000)
            self.assertReceives(listener, group, text="before")
            listener.publish(group, text="marker")
            self.assertReceives(listener, group, text="marker")
            listener.drop()

    def test_no_data_follows_the_servers_close_frame(self):
        group = self.new_group()
        publisher = self.client()
        for _ in range(10):
            channel = self.raw_member(group)
            for number in range(100):
                publisher.send({"op": "publish", "group": group, "text": "x" * 100})
                if number == 50:
                    channel.send_frame(CLOSE, close_payload(1000))
            self.assertEqual(channel.wait_for_close(), 1000)

    def test_the_server_ends_the_tcp_connection_after_the_closing_handshake(self):
        channel = self.chat()
        channel.send_frame(CLOSE, close_payload(1000))
        self.assertEqual(channel.read_frame(), (CLOSE, close_payload(1000)))
        self.assertEqual(channel.wire.read_to_end(3), b"")

    def test_a_client_that_never_answers_a_close_is_dropped(self):
        channel = self.raw("type=text")
        channel.send_frame(TEXT, b"\xff")
        self.assertEqual(channel.wire.read_exactly(1)[0], 0x80 | CLOSE)
        channel.wire.read_to_end(8)

    def test_a_close_is_answered_by_a_full_socket_too(self):
        """The frame that is under way is sent to its end, then the close frame."""
        group = self.new_group()
        closes = self.node.metric("chanway_closes_total", code="1000")
        publisher = self.client()
        channel = self.raw(f"type=text&groups={group}", receive_buffer=65536)
        until(lambda: publisher.members(group), "it has joined")
        while self.node.metric("chanway_node_queue_bytes") < 300000:
            for _ in range(20):
                publisher.publish(group, text="x" * 10000)
        channel.send_frame(CLOSE, close_payload(1000, b"enough"))
        opcode, payload = TEXT, b"x" * 10000
        while opcode != CLOSE:
            self.assertEqual(payload, b"x" * 10000)
            opcode, payload = channel.read_frame()
        self.assertEqual(payload[:2], close_payload(1000))
        until(lambda: self.node.metric("chanway_closes_total", code="1000") == closes + 1,
              "it counts as 1000")

    def test_connections_cut_anywhere_leave_no_channel(self):
        request, _ = handshake("/ws?type=text")
        for size in (0, 1, 100, len(request) - 1, len(request)):
            with Wire(self.node.address) as wire:
                wire.send(request[:size])
                if size == len(request):
                    self.assertEqual(read_response(wire).status, 101)
                    wire.send(encode_frame(TEXT, b"half of a")[:5])
        channel = WebSocket(self.node.address)
        channel.wire.reset()
        until(lambda: self.node.metric("chanway_node_connections") == 0, "no channel is left")
        until(lambda: self.connected() == [], "nor in Redis")


if __name__ == "__main__":
    main()
