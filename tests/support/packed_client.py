"""A client of the subprotocol chanway.v1.msgpack, by python3-msgpack."""

import json
import sys

import msgpack

from .client import Client
from .websocket import BINARY

MSGPACK = "chanway.v1.msgpack"
BEYOND_DOUBLE = sys.float_info.max


class PackedClient(Client):
    """The same as Client: payloads of `bytes` are bytes."""

    protocol = MSGPACK

    def send(self, frame):
        """A dict, or bytes as they are."""
        self.socket.send_binary(frame if isinstance(frame, bytes) else msgpack.packb(frame))

    def decode(self, opcode, payload):
        if opcode != BINARY:
            raise AssertionError(f"a text frame on {self.protocol}")
        return msgpack.unpackb(payload)


def _double(number):
    """The nearest finite one of digits or an integer."""
    try:
        number = float(number)
    except OverflowError:
        return BEYOND_DOUBLE if number > 0 else -BEYOND_DOUBLE
    return max(-BEYOND_DOUBLE, min(BEYOND_DOUBLE, number))


def _integer(digits):
    number = int(digits)
    return number if -2**63 <= number < 2**64 else _double(number)


def packed_value(text):
    """What a MessagePack client gets for this JSON text: maps are tuples of pairs, in order."""
    return json.loads(text, parse_int=_integer, parse_float=_double, object_pairs_hook=tuple)


def unpack_pairs(payload):
    """A frame of which every map is a tuple of pairs, in order."""
    return msgpack.unpackb(payload, object_pairs_hook=tuple)
