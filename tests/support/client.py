"""A client of the subprotocol chanway.v1.json."""

import itertools
import json
from collections import deque

from .wait import Deadline
from .websocket import JSON, TEXT, WebSocket


class ErrorReply(AssertionError):
    """An op was answered with an error."""

    def __init__(self, reply):
        super().__init__(f"error: {reply}")
        self.reply = reply
        self.code = reply["code"]


class Client:
    """Ops and what comes for them; events wait in `inbox` until they are asked for."""

    protocol = JSON

    def __init__(self, target, query="", **options):
        address = getattr(target, "address", target)
        self.socket = WebSocket(address, "/ws" + ("?" + query if query else ""),
                                protocol=self.protocol, **options)
        self.ids = itertools.count(1)
        self.inbox = deque()
        self.welcome = self.receive()
        if self.welcome.get("op") != "welcome":
            raise AssertionError(f"the first frame is no welcome: {self.welcome}")
        self.uuid = self.welcome["channel"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    def drop(self):
        self.socket.drop()

    def close(self, code=1000):
        return self.socket.close(code)

    def send(self, frame):
        """A dict, or a string as it is."""
        self.socket.send_text(frame if isinstance(frame, str) else json.dumps(frame))

    def receive(self, timeout=10.0):
        """The next frame from the wire."""
        frame = self.decode(*self.socket.receive(timeout))
        if not isinstance(frame, dict) or "op" not in frame:
            raise AssertionError(f"a frame without op: {frame}")
        return frame

    def decode(self, opcode, payload):
        if opcode != TEXT:
            raise AssertionError(f"a binary frame on {self.protocol}")
        return json.loads(payload)

    def next(self, timeout=10.0):
        """The oldest frame that nobody has asked for."""
        return self.inbox.popleft() if self.inbox else self.receive(timeout)

    def next_op(self, op, timeout=10.0):
        """The next frame, which must be an `op`."""
        frame = self.next(timeout)
        if frame["op"] != op:
            raise AssertionError(f"{op} expected, not {frame}")
        return frame

    def request(self, op, timeout=10.0, **fields):
        """Sends an op with an id of its own; its reply, ok or not. Events go to the inbox."""
        number = next(self.ids)
        self.send({"op": op, "id": number, **fields})
        return self.reply_to(number, timeout)

    def reply_to(self, number, timeout=10.0):
        deadline = Deadline(timeout)
        while True:
            frame = self.receive(deadline.left())
            if frame["op"] in ("ok", "error", "pong") and frame.get("id") == number:
                return frame
            self.inbox.append(frame)

    def call(self, op, timeout=10.0, **fields):
        """Sends an op; its ok. ErrorReply if it was refused."""
        reply = self.request(op, timeout, **fields)
        if reply["op"] == "error":
            raise ErrorReply(reply)
        return reply

    def refuse(self, op, **fields):
        """Sends an op that must fail; the error's code."""
        reply = self.request(op, **fields)
        if reply["op"] != "error":
            raise AssertionError(f"{op} {fields} was not refused: {reply}")
        check_error(reply)
        return reply["code"]

    def join(self, group, **fields):
        return self.call("join", group=group, **fields)

    def leave(self, group):
        return self.call("leave", group=group)

    def publish(self, group, **payload):
        return self.call("publish", group=group, **payload)

    def members(self, group, **fields):
        return self.call("members", group=group, **fields)

    def message(self, timeout=10.0):
        """The next frame, which must be a message."""
        return self.next_op("message", timeout)

    def settle(self):
        """All that came until now: what waits, and what is written before the answer to a ping."""
        self.request("ping")
        frames = list(self.inbox)
        self.inbox.clear()
        return frames


def check_error(reply):
    """The fields that PROTOCOL gives every error."""
    if not (isinstance(reply.get("code"), str) and isinstance(reply.get("message"), str)
            and reply["message"] and isinstance(reply.get("temporary"), bool)):
        raise AssertionError(f"an error without its fields: {reply}")
