"""A JSON client and a MessagePack client in one group see the same values."""

import json
import os
import random
import struct

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.packed_client import PackedClient, packed_value

COUNT = 10000
BATCH = 200
SEED = int(os.environ.get("CHANWAY_TEST_SEED", "20261126"))
EDGES = [0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, 2**15, 2**16, 2**31, 2**32, -2**31,
         2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -2**63]
BEYOND = [2**64, -2**63 - 1, 10**30, -10**400]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e21, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 2.0**53]
LETTERS = ('abcXYZ 019_.:@=/-"\\\n\t\x00\x1f\x7fäé߿\u0800\u2028\ufeff\ufffd\uffff'
           "😀\U00010000\U0010ffff")
WORDS = ["1E+400", "1.0", "1.50", "-0", "-0.0", "1e5", "0.10", "1e-400", "-1e400",
         "123456789012345678901234567890.5", "0.1000000000000000055511151231257827"]


class Maker:
    """Random values that both formats can say, and JSON text that only JSON can."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        size = self.random.choice((0, 1, 3, 8, 31, 32, 40))
        return "".join(self.random.choices(LETTERS, k=size))

    def integer(self):
        if self.random.random() < 0.5:
            return self.random.choice(EDGES)
        number = self.random.getrandbits(self.random.randint(1, 64))
        return -(number >> 1) if self.random.random() < 0.5 else number

    def double(self):
        if self.random.random() < 0.3:
            return self.random.choice(FLOATS)
        number, = struct.unpack(">d", self.random.randbytes(8))
        return number if number - number == 0 else 0.5  # not NaN, not infinity

    def value(self, depth=4):
        kind = self.random.randrange(10 if depth else 6)
        if kind < 2:
            return self.integer()
        if kind == 2:
            return self.double()
        if kind < 5:
            return self.text()
        if kind == 5:
            return self.random.choice((None, True, False))
        size = self.random.choice((0, 1, 2, 3, 5, 17))
        if kind < 8:
            return [self.value(depth - 1) for _ in range(size)]
        return {self.text(): self.value(depth - 1) for _ in range(size)}

    def json_text(self, value):
        """The value as JSON in one of its forms; numbers now and then beyond 64 bits."""
        if isinstance(value, list):
            return "[" + self.joined([self.json_text(item) for item in value]) + "]"
        if isinstance(value, dict):
            return "{" + self.joined([self.json_text(key) + self.space() + ":" + self.space()
                                      + self.json_text(item) for key, item in value.items()]) + "}"
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=self.random.random() < 0.5)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if self.random.random() < 0.1:
                return self.random.choice(WORDS + [str(number) for number in BEYOND])
        return json.dumps(value)

    def joined(self, items):
        return (self.space() + "," + self.space()).join(items)

    def space(self):
        return self.random.choice(("", "", "", " ", "\n\t"))


def pairs(text):
    """JSON as a JSON client reads it; maps are tuples of pairs, in order."""
    return json.loads(text, object_pairs_hook=tuple)


class Values(NodeCase):
    settings = {"send_queue_max": "64MiB", "max_message": "1MiB"}

    def test_10000_random_values_are_the_same_for_both(self):
        print(f"seed {SEED}", flush=True)
        maker = Maker(SEED)
        group = self.new_group()
        senders = self.client(), PackedClient(self.node)
        json_member = self.client()
        packed_member = PackedClient(self.node)
        for client in (senders[1], packed_member):
            self.addCleanup(client.drop)
        for client in (json_member, packed_member):
            client.join(group)
        for start in range(0, COUNT, BATCH):
            sent = self.send_batch(maker, group, *senders)
            for number, (text, value) in enumerate(sent, start):
                with self.subTest(number=number, text=text):
                    self.check(json_member, packed_member, text, value)

    def send_batch(self, maker, group, json_sender, packed_sender):
        """Half of them by each; (JSON text or None, value) of each in the order of the group."""
        sent = []
        for _ in range(BATCH // 2):
            value = maker.value()
            text = maker.json_text(value)
            json_sender.send('{"op":"publish","group":"%s","data":%s}' % (group, text))
            sent.append((text, None))
        json_sender.request("ping")
        for _ in range(BATCH // 2):
            value = maker.value()
            packed_sender.send({"op": "publish", "group": group, "data": value})
            sent.append((None, value))
        packed_sender.request("ping")
        return sent

    def check(self, json_member, packed_member, text, value):
        got_text = json_member.socket.receive_text()
        got_json = dict(pairs(got_text))["data"]
        got_packed = packed_member.message()["data"]
        # As written by its sender, or the value that its sender packed.
        expected = pairs(text) if text is not None else pairs(json.dumps(value))
        self.assertEqual(repr(got_json), repr(expected))
        # The same value in MessagePack, each number the nearest that it has.
        self.assertEqual(repr(in_pairs(got_packed)),
                         repr(in_pairs(dict(packed_value(got_text))["data"])))


def in_pairs(value):
    """Maps as tuples of pairs, of which the last of each key holds."""
    if isinstance(value, dict):
        return tuple((key, in_pairs(item)) for key, item in value.items())
    if isinstance(value, tuple):
        return in_pairs(dict(value))
    return [in_pairs(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
