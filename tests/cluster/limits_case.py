"""The base of the tests of limits and bans: three nodes, and clients that may be refused."""

import json
from concurrent.futures import ThreadPoolExecutor

from support.case import Case
from support.websocket import JSON, WebSocket


def seats(redis, address):
    """Connections of an address that Redis counts."""
    return redis.call("ZCARD", "cw:{l:a:%s}" % address)


class LimitsCase(Case):
    settings = {}
    redis_options = {}
    node_count = 3

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis(**cls.redis_options)
        cls.nodes = [cls.class_node(cls.redis, wait=False, name=f"n{number + 1}", **cls.settings)
                     for number in range(cls.node_count)]
        for node in cls.nodes:
            node.wait_until_ready()

    def connect(self, node, source="127.0.0.1", query="", timeout=10.0, **options):
        """(the socket, its first frame): a welcome or a bye."""
        socket = WebSocket(node.address, "/ws" + ("?" + query if query else ""), protocol=JSON, source=source,
                           **options)
        self.addCleanup(socket.drop)
        return socket, json.loads(socket.receive_text(timeout))

    def welcome(self, node, *words, **options):
        socket, frame = self.connect(node, *words, **options)
        self.assertEqual(frame["op"], "welcome", frame)
        return socket, frame

    def refused(self, node, code, *words, **options):
        """The bye of a connection that is closed at once, with nothing else said."""
        socket, frame = self.connect(node, *words, **options)
        self.assertEqual((frame["op"], frame.get("code")), ("bye", code), frame)
        self.assertEqual(socket.wait_for_close(), code)
        return frame

    def at_once(self, count, source):
        """So many connections at the same time, over all nodes; their first frames."""
        with ThreadPoolExecutor(count) as pool:
            ends = [pool.submit(self.connect, self.nodes[number % len(self.nodes)], source, timeout=20)
                    for number in range(count)]
            return [end.result() for end in ends]
