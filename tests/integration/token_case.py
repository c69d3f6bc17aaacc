"""The base of the tests of tokens: a node that asks for them, and ways to come to it."""

import json
import urllib.parse

import msgpack

import setup_path  # noqa: F401
from support.case import NodeCase
from support.client import Client
from support.packed_client import MSGPACK, PackedClient
from support.tokens import SECRET
from support.websocket import JSON, TEXT, Ended
from support.wire import Closed

KINDS = {"raw": None, "json": JSON, "msgpack": MSGPACK}


def unpack(opcode, payload):
    return json.loads(payload) if opcode == TEXT else msgpack.unpackb(payload)


def with_token(token, query=""):
    """The query with it."""
    return (query + "&" if query else "") + "token=" + urllib.parse.quote(token)


def bearer(token):
    return {"Authorization": "Bearer " + token}


class TokenCase(NodeCase):
    # Who waits for a token is not hurried by a slow machine.
    settings = {"token_secret": SECRET, "auth_timeout": "10m"}

    def come(self, token=None, query="", node=None, packed=False, **options):
        """An enveloped client that shows `token` in its head."""
        kind = PackedClient if packed else Client
        if token is not None:
            options["headers"] = {**options.get("headers", {}), **bearer(token)}
        client = kind(node or self.node, query, **options)
        self.addCleanup(client.drop)
        return client

    def come_raw(self, token=None, query="", node=None, **options):
        if token is not None:
            options["headers"] = bearer(token)
        return self.own_raw(node or self.node, query, **options)

    def ended(self, socket, timeout=15.0):
        """Reads to the end: the close code, and the frames before it."""
        frames = []
        try:
            while True:
                frames.append(unpack(*socket.receive(timeout)))
        except Ended as ended:
            return ended.code, frames
        except Closed:
            return 1006, frames

    def assertRefused(self, socket, kind):
        """4001, with `bye` alone before it; a raw one is told nothing."""
        code, frames = self.ended(socket)
        self.assertEqual(code, 4001, frames)
        if kind == "raw":
            self.assertEqual(frames, [])
            return None
        self.assertEqual([frame["op"] for frame in frames], ["bye"])
        self.assertEqual(frames[0]["code"], 4001)
        self.assertIsNone(frames[0]["retry_ms"])
        return frames[0]["reason"]

    def members_of(self, group):
        """uuids, as a back end sees them."""
        answer = self.redis.call("FCALL_RO", "cw_members", 1, "cw:{g:%s}" % group)
        return sorted(uuid.decode() for uuid in answer[1::2])

    def group(self, name):
        flat = self.redis.call("FCALL_RO", "cw_group", 1, "cw:{g:%s}" % name)
        return {key.decode(): value for key, value in zip(flat[::2], flat[1::2])}

    def channel(self, client):
        """What the registry says of it, as text."""
        flat = self.redis.call("FCALL_RO", "cw_channel", 1, "cw:{c:%s}" % client.uuid)
        pairs = zip(flat[::2], flat[1::2])
        return {key.decode(): value if isinstance(value, int) else value.decode()
                for key, value in pairs}
