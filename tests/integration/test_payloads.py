"""Payloads arrive as they were sent, between all kinds of channels (PROTOCOL: payload)."""

import base64
import json

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.packed_client import PackedClient, packed_value, unpack_pairs
from support.websocket import BINARY, TEXT

TEXTS = ["", "plain", "ünï→😀", "line\nfeed\ttab", 'quote " back \\ slash /',
         "\u0000\u0001\u001f\u007f",
         "\u2028\u2029\ufeff", "x" * 125, "x" * 126, "x" * 127, "é" * 8000, "</script>"]
BYTES = [b"", b"\x00", b"ab", b"abc", bytes(range(256)), b"\xff\xfe\xfd" * 15000,
         b"x" * 125, b"x" * 126]
# As JSON text: what must come back digit by digit.
DATA = ["null", "true", "false", "0", "-0", "1.0", "-0.0", "1e400", "-1E-400", "1e+5", "1E5",
        "18446744073709551616", "9007199254740993", "-9223372036854775809",
        "0.1000000000000000000001", "123456789012345678901234567890", '""', '"text"', '"\\u0000"',
        '"\\ud83d\\ude00"', '"😀"', "[]",
        "{}", "[1,[2,[3,[]]],{}]", '{"b":1,"a":2,"c":{"z":1,"y":[1.0,1.00]}}', '{"":0}',
        '{"op":"leave","group":"x","id":1}', '{"n":1.50,"e":1e2,"s":"\\/"}',
        ' { "spaced" : [ 1 , 2 ] } ']
# What a MessagePack client says, and the JSON text that it is for everybody else.
PACKED = [(None, "null"), (True, "true"), (0, "0"), (127, "127"), (-33, "-33"), (1.0, "1.0"),
          (-0.0, "-0.0"), (0.1, "0.1"), (1e300, "1e300"), (5e-324, "5e-324"),
          (2**64 - 1, "18446744073709551615"), (-2**63, "-9223372036854775808"),
          (2**53 + 1, "9007199254740993"), ("", '""'),
          ('q " \\ /\x00\n\x7fé😀\u2028', '"q \\" \\\\ /\\u0000\\n\x7fé😀\u2028"'),
          ([], "[]"), ({}, "{}"), ([1, [2, [3, []]], {}], "[1,[2,[3,[]]],{}]"),
          ({"b": 1, "a": 2, "c": {"z": 1, "y": [1.5]}}, '{"b":1,"a":2,"c":{"z":1,"y":[1.5]}}'),
          ({"": {"": []}}, '{"":{"":[]}}'), (list(range(-5000, 7000)), None),
          ({str(number): number for number in range(20)}, None)]
PACKED = [(value, text or json.dumps(value)) for value, text in PACKED]


def exact(text):
    """JSON with its numbers as written and its keys in order."""
    return json.loads(text, parse_int=lambda digits: ("number", digits),
                      parse_float=lambda digits: ("number", digits), object_pairs_hook=tuple)


def nested(depth, inner="0"):
    return "[" * depth + inner + "]" * depth


class Matrix(NodeCase):
    """Every kind of publisher to every kind of subscriber."""

    @classmethod
    def set_up(cls):
        super().set_up()
        cls.group = "matrix"
        cls.enveloped = []
        cls.packed = []
        cls.raw_ones = []
        for kind in ("json", "text", "bytes"):
            client = cls.node.client(f"type={kind}&groups={cls.group}")
            cls.addClassCleanup(client.drop)
            client.next_op("joined")
            cls.enveloped.append(client)
            client = PackedClient(cls.node, f"type={kind}&groups={cls.group}")
            cls.addClassCleanup(client.drop)
            client.next_op("joined")
            cls.packed.append(client)
            socket = cls.node.raw_member(cls.group, kind)
            cls.addClassCleanup(socket.drop)
            cls.raw_ones.append(socket)

    def check(self, field, value, sender):
        """All subscribers get the payload: `value` is JSON text, text or bytes."""
        for client in self.enveloped:
            opcode, frame = client.socket.receive()
            self.assertEqual(opcode, TEXT)
            message = json.loads(frame)
            self.assertEqual(message["op"], "message")
            self.assertEqual(message["from"], sender)
            self.assertEqual({"data", "text", "bytes"} & set(message), {field})
            if field == "data":
                fields = dict(exact(frame.decode("utf-8")))
                self.assertEqual(fields["data"], exact(value))
            elif field == "text":
                self.assertEqual(message["text"], value)
            else:
                self.assertEqual(base64.b64decode(message["bytes"], validate=True), value)
        self.check_packed(field, value, sender)
        for socket in self.raw_ones:
            opcode, frame = socket.receive()
            self.assertEqual(opcode, BINARY if field == "bytes" else TEXT)
            if field == "data":
                self.assertEqual(exact(frame.decode("utf-8")), exact(value))
            else:
                self.assertEqual(frame, value.encode("utf-8") if field == "text" else value)

    def check_packed(self, field, value, sender):
        for client in self.packed:
            opcode, frame = client.socket.receive()
            self.assertEqual(opcode, BINARY)
            fields = unpack_pairs(frame)
            self.assertEqual([key for key, _ in fields],
                             ["op", "group", "from", "epoch", "offset", field])
            fields = dict(fields)
            self.assertEqual((fields["op"], fields["from"]), ("message", sender))
            expected = packed_value(value) if field == "data" else value
            # repr: 1 is not 1.0, and bytes are no text
            self.assertEqual(repr(fields[field]), repr(expected))

    def test_from_enveloped_publishers_of_every_type(self):
        for kind in ("json", "text", "bytes"):
            sender = self.client("type=" + kind)
            for value in TEXTS:
                sender.publish(self.group, text=value)
                self.check("text", value, sender.uuid)
            for value in BYTES:
                sender.publish(self.group, bytes=base64.b64encode(value).decode("ascii"))
                self.check("bytes", value, sender.uuid)
            for value in DATA:
                sender.send('{"op":"publish","group":"%s","data":%s}' % (self.group, value))
                self.check("data", value, sender.uuid)
            self.assertEqual(sender.settle(), [])

    def test_from_publishers_that_speak_messagepack(self):
        for kind in ("json", "text", "bytes"):
            sender = PackedClient(self.node, "type=" + kind)
            self.addCleanup(sender.drop)
            for value in TEXTS:
                sender.publish(self.group, text=value)
                self.check("text", value, sender.uuid)
            for value in BYTES:
                sender.publish(self.group, bytes=value)
                self.check("bytes", value, sender.uuid)
            for value, text in PACKED:
                sender.publish(self.group, data=value)
                self.check("data", text, sender.uuid)
            self.assertEqual(sender.settle(), [])

    def test_from_raw_publishers_of_type_text(self):
        sender = self.raw("type=text&publish=" + self.group)
        uuid = sender.response.header("chanway-channel")
        for value in [*TEXTS, "{}", "1"]:
            sender.send_text(value)
            self.check("text", value, uuid)

    def test_from_raw_publishers_of_type_json(self):
        sender = self.raw("publish=" + self.group)
        uuid = sender.response.header("chanway-channel")
        for value in DATA:
            sender.send_text(value)
            self.check("data", value, uuid)

    def test_from_raw_publishers_of_type_bytes(self):
        sender = self.raw("type=bytes&publish=" + self.group)
        uuid = sender.response.header("chanway-channel")
        for value in BYTES:
            sender.send_binary(value)
            self.check("bytes", value, uuid)
        sender.send_text("ä text frame, as bytes")
        self.check("bytes", "ä text frame, as bytes".encode("utf-8"), uuid)

    def test_escapes_of_every_form_become_the_same_text(self):
        sender = self.client()
        text = r"\u0041\u00e9\ud83d\ude00\b\f\n\r\t\"\\\/"
        sender.send('{"op":"publish","group":"%s","text":"%s"}' % (self.group, text))
        self.check("text", 'Aé😀\b\f\n\r\t"\\/', sender.uuid)


class Json(NodeCase):

    def test_numbers_and_keys_are_kept_to_the_letter_for_raw_subscribers(self):
        group = self.new_group()
        socket = self.raw_member(group, "json")
        client = self.client()
        value = '{"z":1.0,"a":1e400,"m":18446744073709551616,"b":[1.10,-0,0.0e-0]}'
        client.send('{"op":"publish","group":"%s","data":%s}' % (group, value))
        self.assertEqual(socket.receive_text(), value)

    def test_64_levels_are_taken_and_65_are_not(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        raw = self.raw("publish=" + group)
        objects = '{"a":' * 64 + "1" + "}" * 64
        for value in (nested(64), objects):
            client.send('{"op":"publish","group":"%s","data":%s}' % (group, value))
            self.assertReceives(client, group, data=json.loads(value))
            raw.send_text(value)
            self.assertReceives(client, group, data=json.loads(value))
        for value in (nested(65), '{"a":%s}' % objects, nested(1000), nested(30000)):
            with self.subTest(length=len(value)):
                client.send('{"op":"publish","id":1,"group":"%s","data":%s}' % (group, value))
                reply = client.next_op("error")
                self.assertEqual(reply["code"], "bad_payload", reply)
                raw.send_text(value)
                self.assertRawError(raw)
        self.assertEqual(client.settle(), [])

    def test_bad_json_from_a_raw_channel_is_answered_and_not_published(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        raw = self.raw("publish=" + group)
        for value in ("", " ", "{", "nul", "01", "1.", "NaN", "'x'", '"\n"', '"\\ud800"', "[1,]",
                      '{"a":1,}', "1 2", '{"a" 1}', "\ufeff1", "[1]]", '"unterminated', "-", "+1",
                      '{1:2}', "\x00", "0x10", "Infinity"):
            with self.subTest(value=value):
                raw.send_text(value)
                self.assertRawError(raw)
        raw.send_text("[1]")
        self.assertReceives(client, group, data=[1])


class RawChannels(NodeCase):

    def test_binary_frames_on_json_and_text_are_answered_and_the_channel_stays(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        for kind in ("json", "text"):
            raw = self.raw(f"type={kind}&publish={group}")
            for value in (b"1", b"", b'"x"'):
                raw.send_binary(value)
                self.assertRawError(raw)
            raw.send_text('"ok"')
            self.assertReceives(client, group, **({"data": "ok"} if kind == "json"
                                                  else {"text": '"ok"'}))

    def test_a_raw_channel_without_publish_is_heard_by_the_application_alone(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        raw = self.raw("type=json&groups=" + group)
        raw.send_text('{"op":"publish","group":"%s","text":"no op on raw"}' % group)
        raw.send_text("not json")
        self.assertRawError(raw)
        client.publish(group, text="marker")
        self.assertReceives(client, group, text="marker")
        self.assertEqual(raw.receive_text(), "marker")

    def test_a_raw_channel_may_publish_where_it_does_not_listen(self):
        here, there = self.new_group(), self.new_group()
        client = self.client("groups=" + there)
        client.next_op("joined")
        raw = self.raw(f"type=text&groups={here}&publish={there}")
        raw.send_text("over there")
        self.assertReceives(client, there, text="over there")
        client.publish(here, text="over here")
        self.assertEqual(raw.receive_text(), "over here")

    def test_frames_of_a_raw_channel_keep_their_order(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        raw = self.raw(f"type=text&groups={group}&publish={group}")
        for number in range(2000):
            raw.send_text(str(number))
        for number in range(2000):
            self.assertReceives(client, group, text=str(number))
        self.assertEqual([raw.receive_text() for _ in range(2000)],
                         [str(number) for number in range(2000)])


class Sizes(NodeCase):
    settings = {"max_message": "4MiB", "send_queue_max": "64KiB"}

    def test_payloads_up_to_1_mib_are_delivered_through_an_empty_queue(self):
        group = self.new_group()
        client = self.client()
        client.join(group)
        listener = self.raw_member(group)
        big = "t" * (1 << 20)
        client.publish(group, text=big)
        self.assertReceives(client, group, text=big)
        self.assertEqual(listener.receive_text(), big)
        raw = base64.b64encode(b"\xfe" * (1 << 20)).decode("ascii")
        client.publish(group, bytes=raw)
        self.assertReceives(client, group, bytes=raw)
        self.assertEqual(listener.receive_binary(), b"\xfe" * (1 << 20))

    def test_one_byte_more_is_too_large_and_closes_nothing(self):
        group = self.new_group()
        client = self.client()
        client.join(group)
        size = (1 << 20) + 1
        for payload in ({"text": "t" * size}, {"data": "d" * (size - 2)},
                        {"bytes": base64.b64encode(bytes(size)).decode("ascii")},
                        {"text": "ü" * (1 << 19) + "x"}):
            with self.subTest(payload=list(payload)):
                self.assertEqual(client.refuse("publish", group=group, **payload), "too_large")
        client.publish(group, text="still here")
        self.assertReceives(client, group, text="still here")

    def test_a_raw_payload_over_1_mib_is_not_published(self):
        group = self.new_group()
        client = self.client()
        client.join(group)
        raw = self.raw("type=text&publish=" + group)
        errors = self.node.metric("chanway_raw_errors_total")
        raw.send_text("r" * ((1 << 20) + 1))
        raw.send_text("small")
        self.assertReceives(client, group, text="small")
        self.assertEqual(raw.ping(), [])
        self.assertGreater(self.node.metric("chanway_raw_errors_total"), errors)


if __name__ == "__main__":
    main()
