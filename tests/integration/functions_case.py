"""The base of the tests of the function library: a Redis of their own, no node."""

import pathlib

import msgpack
import redis as redis_py

import setup_path  # noqa: F401
from support.case import Case
from support.paths import source_path

DEFAULTS = "100 300000 8388608 100000"
INBOX = "100 1048576"


def library():
    """The library as nodes load it: its parts in the order of their names."""
    parts = sorted(pathlib.Path(source_path("cluster/functions")).glob("chanway*.lua"))
    return b"".join(part.read_bytes() for part in parts)


def group_key(group):
    return "cw:{g:%s}" % group


def flat_map(items):
    """A flat list of names and values as a dict."""
    return dict(zip((name.decode() for name in items[::2]), items[1::2]))


def chunks(items, width):
    return [tuple(items[at:at + width]) for at in range(0, len(items), width)]


def position(identity):
    epoch, offset = identity.split(b"-")
    return int(epoch), int(offset)


def unpack_push(data):
    """id, prev, body of what came by pub/sub."""
    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(data)
    return list(unpacker)


class FunctionsCase(Case):
    """With one Redis for the class, and the library in it."""

    redis_options = {}

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis(**cls.redis_options)
        cls.r = cls.redis.client()
        cls.addClassCleanup(cls.r.close)
        cls.load()

    @classmethod
    def load(cls):
        cls.r.execute_command("FUNCTION", "LOAD", "REPLACE", library())

    def setUp(self):
        self.r.flushall()
        self.k = group_key("room")

    # --- calls

    def call(self, function, key, *words):
        return self.r.execute_command("FCALL", function, 1, key, *words)

    def read_only(self, function, key, *words):
        return self.r.execute_command("FCALL_RO", function, 1, key, *words)

    def publish(self, payload="x", cfg=DEFAULTS, key="", kind=1, flags=0, sender="", group=None):
        """(id, is_duplicate) as a node's publish gives them."""
        identity, is_duplicate = self.call("cw_node_publish", group or self.k, kind, flags, sender,
                                           payload, cfg, key)
        return identity, is_duplicate == 1

    def join(self, *members, node="n.1", cfg=DEFAULTS, watch=0):
        """`members` are uuids, or pairs of a uuid and a user; the tip."""
        words = []
        for member in members:
            words += member if isinstance(member, tuple) else (member, "")
        epoch, offset = self.call("cw_node_join", self.k, cfg, node, watch, *words)
        return int(epoch), offset

    def leave(self, *uuids, node="n.1"):
        return self.call("cw_node_leave", self.k, node, *uuids)

    def read(self, since=(0, 0), count=1000, max_bytes=10 ** 8):
        """tip, more, [(id, prev, body)]"""
        epoch, offset, more, *rest = self.read_only("cw_node_read", self.k, *since, count, max_bytes)
        return (int(epoch), offset), more == 1, chunks(rest, 3)

    def payloads(self, since=(0, 0)):
        return [msgpack.unpackb(body, raw=True)[3] for _, _, body in self.read(since)[2]]

    # --- checks

    def assertRefused(self, begins, *words):
        with self.assertRaises(redis_py.ResponseError) as caught:
            self.r.execute_command(*words)
        self.assertTrue(str(caught.exception).startswith(begins), caught.exception)

    def assertBad(self, *words):
        self.assertRefused("BADREQUEST", *words)

    def assertNoKeyWithoutEnd(self):
        """Whatever is there ends by itself."""
        for key in self.r.keys("*"):
            self.assertGreater(self.r.pttl(key), 0, key)
