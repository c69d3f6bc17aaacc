"""The base of the tests of what is sent to one channel."""

import uuid

import msgpack

from functions_case import INBOX, FunctionsCase, chunks, unpack_push

DIRECT, REQUEST, TAKEN = b"direct", b"request", b"taken"
CLOSE, ADD, REMOVE = 8, 9, 10


def channel_key(name):
    return "cw:{c:%s}" % name


class ChannelsCase(FunctionsCase):
    """With a channel of node n.1, in `self.c`."""

    def setUp(self):
        super().setUp()
        self.uuid = str(uuid.uuid4())
        self.c = channel_key(self.uuid)
        self.attach()

    # --- calls

    def attach(self, node="n.1", expected="", limits=INBOX, *fields):
        return self.call("cw_node_attach", self.c, node, expected, limits, *fields)

    def detach(self, node="n.1", seconds=60, *more):
        return self.call("cw_node_detach", self.c, node, seconds, *more)

    def send(self, payload="x", key="", kind=1, flags=0, sender="me"):
        """(status, id, is_duplicate)"""
        status, identity, is_duplicate = self.call("cw_node_send", self.c, kind, flags, sender, payload, key)
        return status.decode(), identity, is_duplicate == 1

    def inbox(self, node="n.1", since=(0, 0), since_request=0, count=100, max_bytes=10 ** 8):
        """tip, more, [(n, body)], [(id, prev, body)]"""
        epoch, offset, more, requests, *rest = self.read_only(
            "cw_node_inbox", self.c, node, *since, since_request, count, max_bytes)
        return ((int(epoch), offset), more == 1, chunks(rest[:2 * requests], 2),
                chunks(rest[2 * requests:], 3))

    def payloads(self, **options):
        return [msgpack.unpackb(body, raw=True)[3] for _, _, body in self.inbox(**options)[3]]

    def requests(self, **options):
        """[(n, type, payload)]"""
        return [(n, *self.request_of(body)) for n, body in self.inbox(**options)[2]]

    @staticmethod
    def request_of(body):
        kind, flags, sender, payload = msgpack.unpackb(body, raw=True)
        assert (flags, sender) == (0, b"")
        return kind, payload

    # --- what nodes are told

    def listen(self, node="n.1"):
        listener = self.r.pubsub(ignore_subscribe_messages=True)
        listener.subscribe("cw:n:" + node)
        listener.get_message(timeout=5)
        self.addCleanup(listener.close)
        return listener

    def heard(self, listener):
        """The next push as (kind, uuid, rest)."""
        message = listener.get_message(timeout=5)
        self.assertIsNotNone(message, "nothing was pushed")
        return tuple(message["data"].split(b" ", 2))

    def heard_direct(self, listener):
        """id, prev, body of the next push."""
        kind, name, rest = self.heard(listener)
        self.assertEqual((kind, name), (DIRECT, self.uuid.encode()))
        return unpack_push(rest)

    def heard_request(self, listener):
        """n, type, payload of the next push."""
        kind, name, rest = self.heard(listener)
        self.assertEqual((kind, name), (REQUEST, self.uuid.encode()))
        number, body = rest.split(b" ", 1)
        return (int(number), *self.request_of(body))

    def assertNothingHeard(self, listener):
        self.r.publish("cw:n:n.1", "end")
        self.r.publish("cw:n:n.2", "end")
        self.assertEqual(listener.get_message(timeout=5)["data"], b"end")

    def everything(self):
        """A dump of all keys: what is written shows."""
        return {key: (self.r.dump(key), self.r.pexpiretime(key)) for key in self.r.keys("*")}

    def assertWritesNothing(self, begins, *words):
        before = self.everything()
        self.assertRefused(begins, *words)
        self.assertEqual(self.everything(), before)
