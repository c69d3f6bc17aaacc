"""A WebSocket client that can also do what it must not: malformed handshakes and frames."""

import base64
import hashlib
import os
import struct

from .http_client import read_response
from .wait import Deadline, TimedOut
from .wire import Closed, Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
JSON = "chanway.v1.json"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def mask(data, key):
    if not data:
        return b""
    pad = (key * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(data), "big")


def encode_frame(opcode, payload=b"", fin=True, masked=True, rsv=0, length=None):
    """`length`: what the header says, where that is not the truth."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + mask(payload, key)


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


def handshake(path="/ws", method="GET", version="HTTP/1.1", headers=None, without=()):
    """An upgrade request and the key it holds. `headers` replace or add, `without` takes out."""
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    fields = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}
    extra = []
    for name, value in (headers.items() if isinstance(headers, dict) else headers or ()):
        if name in fields:
            fields[name] = value
        else:
            extra.append((name, value))
    for name in without:
        del fields[name]
    lines = [f"{method} {path} {version}"]
    lines += [f"{name}: {value}" for name, value in [*fields.items(), *extra]]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n", fields.get("Sec-WebSocket-Key")


def accept_value(key):
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID).digest()).decode("ascii")


class Refused(AssertionError):
    """The handshake was answered with something else than 101."""

    def __init__(self, response):
        super().__init__(f"the handshake was answered with {response!r}")
        self.response = response


class Ended(AssertionError):
    """The server has closed the WebSocket."""

    def __init__(self, code, reason=""):
        super().__init__(f"the server has closed with {code} {reason}")
        self.code = code
        self.reason = reason


class WebSocket:
    """One connection. Pings are answered unless `answers_pings` is false; they are counted.
    `headers`: a dict, or pairs."""

    def __init__(self, address, path="/ws", protocol=None, headers=None, answers_pings=True,
                 receive_buffer=None, timeout=10.0, source=None):
        self.wire = Wire(address, timeout, receive_buffer, source)
        self.answers_pings = answers_pings
        self.pings = 0
        self.close_code = None
        fields = list(headers.items() if isinstance(headers, dict) else headers or ())
        if protocol:
            fields.append(("Sec-WebSocket-Protocol", protocol))
        request, key = handshake(path, headers=fields)
        try:
            self.wire.send(request)
            self.response = read_response(self.wire, timeout=timeout)
            if self.response.status != 101:
                raise Refused(self.response)
            if self.response.header("sec-websocket-accept") != accept_value(key):
                raise AssertionError(f"a wrong Sec-WebSocket-Accept: {self.response!r}")
        except BaseException:
            self.wire.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    def drop(self):
        self.wire.close()

    # --- sending

    def send_frame(self, opcode, payload=b"", **how):
        self.wire.send(encode_frame(opcode, payload, **how))

    def send_bytes(self, data):
        """Bytes as they are, framed by the caller."""
        self.wire.send(data)

    def send_text(self, text):
        self.send_frame(TEXT, text.encode("utf-8") if isinstance(text, str) else text)

    def send_binary(self, data):
        self.send_frame(BINARY, data)

    # --- receiving

    def read_frame(self, timeout=10.0):
        """(opcode, payload) of the next frame, control frames included."""
        deadline = Deadline(timeout)
        first, second = self.wire.read_exactly(2, deadline.left())
        if first & 0x70:
            raise AssertionError(f"the server sets reserved bits: {first:#x}")
        if second & 0x80:
            raise AssertionError("the server masks its frames")
        if not first & 0x80:
            raise AssertionError("the server fragments its messages")
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack(">H", self.wire.read_exactly(2, deadline.left()))
        elif size == 127:
            size, = struct.unpack(">Q", self.wire.read_exactly(8, deadline.left()))
        return first & 0x0F, self.wire.read_exactly(size, deadline.left())

    def receive(self, timeout=10.0):
        """(opcode, payload) of the next TEXT or BINARY message; Ended when the server closes."""
        deadline = Deadline(timeout)
        while True:
            opcode, payload = self.read_frame(deadline.left())
            if opcode == PING:
                self.pings += 1
                if self.answers_pings:
                    self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                self._on_close(payload)
            elif opcode != PONG:
                return opcode, payload

    def _on_close(self, payload):
        self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
        reason = payload[2:].decode("utf-8")
        try:
            self.send_frame(CLOSE, payload[:2])
        except OSError:
            pass  # it does not wait for our answer
        raise Ended(self.close_code, reason)

    def receive_text(self, timeout=10.0):
        opcode, payload = self.receive(timeout)
        if opcode != TEXT:
            raise AssertionError(f"a binary frame: {payload[:100]!r}")
        return payload.decode("utf-8")

    def receive_binary(self, timeout=10.0):
        opcode, payload = self.receive(timeout)
        if opcode != BINARY:
            raise AssertionError(f"a text frame: {payload[:100]!r}")
        return payload

    def ping(self, payload=b"are you there", timeout=10.0):
        """Sends a ping and reads to its pong; the messages that came before it."""
        self.send_frame(PING, payload)
        deadline = Deadline(timeout)
        before = []
        while True:
            opcode, got = self.read_frame(deadline.left())
            if opcode == PONG and got == payload:
                return before
            if opcode == CLOSE:
                self._on_close(got)
            if opcode in (TEXT, BINARY):
                before.append((opcode, got))

    def wait_for_close(self, timeout=10.0):
        """Reads to the end; the close code, 1006 if there was none. Data after it is an error."""
        deadline = Deadline(timeout)
        messages = []
        try:
            while True:
                messages.append(self.receive(deadline.left()))
        except Closed:
            self.close_code = 1006
            self.last_messages = messages
            return 1006
        except Ended as ended:
            self.last_messages = messages
            rest = self.wire.read_to_end(max(deadline.left(), 0.1))
            if rest:
                raise AssertionError(f"data after the close frame: {rest[:200]!r}") from None
            return ended.code

    def close(self, code=1000, timeout=10.0):
        """The closing handshake from our side; the code that the server answers."""
        self.send_frame(CLOSE, close_payload(code))
        return self.wait_for_close(timeout)


__all__ = ["BINARY", "CLOSE", "CONTINUATION", "Closed", "Ended", "JSON", "PING", "PONG", "Refused",
           "TEXT", "TimedOut", "WebSocket", "accept_value", "close_payload", "encode_frame",
           "handshake"]
