"""The base of all tests: one Redis, one node and a temporary folder for each class."""

import faulthandler
import json
import os
import shutil
import sys
import tempfile
import threading
import unittest

from .client import Client
from .haproxy import Haproxy
from .node import Node
from .process import kill_what_is_left
from .redis_cluster import RedisCluster, RedisShards
from .redis_server import RedisServer


def deployment(folder, **options):
    """One server; CHANWAY_TEST_REDIS says cluster or shards: as many as that takes."""
    kind = os.environ.get("CHANWAY_TEST_REDIS")
    if kind == "cluster":
        return RedisCluster(folder, replicas=0, **options)
    if kind == "shards":
        return RedisShards(folder, **options)
    return RedisServer(folder, **options)


class Case(unittest.TestCase):
    """What a class starts in setUpClass lives as long as the class, what a test starts as long as
    the test; both end in reverse order, whatever happened."""

    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="chanway-test-")
        _folders.append(cls.folder)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.processes = []
        try:
            cls.set_up()
        except BaseException:
            cls.show_logs(cls.__name__)
            raise

    @classmethod
    def set_up(cls):
        """Overridden: starts what all tests of the class share."""

    # --- starting

    @classmethod
    def _keep(cls, thing, cleanup):
        cls.processes.append(thing)
        cleanup(thing.stop)
        return thing

    @classmethod
    def class_redis(cls, **options):
        return cls._keep(deployment(cls.folder, **options), cls.addClassCleanup).start()

    @classmethod
    def class_node(cls, redis, wait=True, **settings):
        node = cls._keep(Node(cls.folder, redis=redis, **settings), cls.addClassCleanup)
        return node.start(wait)

    def own_folder(self):
        folder = tempfile.mkdtemp(prefix=self.id().rpartition(".")[2][:40] + "-", dir=self.folder)
        return folder

    def own_redis(self, wait=True, **options):
        redis = self._keep(RedisServer(self.own_folder(), **options), self.addCleanup)
        return redis.start(wait)

    def own_deployment(self, **options):
        return self._keep(deployment(self.own_folder(), **options), self.addCleanup).start()

    def own_node(self, redis, wait=True, **settings):
        node = self._keep(Node(self.own_folder(), redis=redis, **settings), self.addCleanup)
        return node.start(wait)

    def own_balancer(self, nodes, **options):
        return self._keep(Haproxy(self.own_folder(), nodes, **options), self.addCleanup).start()

    def own_client(self, node, query="", **options):
        client = Client(node, query, **options)
        self.addCleanup(client.drop)
        return client

    def own_raw(self, node, query="", **options):
        socket = node.raw(query, **options)
        self.addCleanup(socket.drop)
        return socket

    # --- checking

    def assertReceives(self, client, group, timeout=10.0, **payload):
        """The next frame is a message of `group` with this payload."""
        frame = client.message(timeout)
        self.assertEqual(frame.get("group"), group, frame)
        for field in ("data", "text", "bytes"):
            self.assertEqual(field in frame, field in payload, frame)
            if field in payload:
                self.assertEqual(frame[field], payload[field])
        return frame

    def assertRawError(self, socket):
        """The one frame of the node's own that a raw channel gets."""
        frame = json.loads(socket.receive_text())
        self.assertEqual(frame["op"], "error")
        self.assertEqual(frame["code"], "bad_payload")
        self.assertIs(frame["temporary"], False)
        self.assertTrue(frame["message"])
        self.assertNotIn("id", frame)

    # --- showing logs of what failed

    def run(self, result=None):
        before = _failures(result)
        returned = super().run(result)
        if _failures(result) > before:
            self.show_logs(self.id())
        return returned

    @classmethod
    def show_logs(cls, where):
        for thing in cls.processes:
            if thing.process:
                sys.stderr.write(f"--- the end of {thing.name}'s log ({where}):\n"
                                 f"{thing.process.log()[-2500:]}\n---\n")


def _failures(result):
    return len(result.failures) + len(result.errors) if result else 0


class NodeCase(Case):
    """With `redis` and `node` for the whole class; `settings` are the node's."""

    settings = {}
    redis_options = {}

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis(**cls.redis_options)
        cls.node = cls.class_node(cls.redis, **cls.settings)

    def client(self, query="", **options):
        return self.own_client(self.node, query, **options)

    def raw(self, query="", **options):
        return self.own_raw(self.node, query, **options)

    def raw_member(self, group, kind="text", **options):
        socket = self.node.raw_member(group, kind, **options)
        self.addCleanup(socket.drop)
        return socket

    def connected(self):
        """Keys of channels that Redis shows on a node; those that are away are not among them."""
        return [key for key in self.redis.call("KEYS", "cw:{c:*}")
                if self.redis.call("HGET", key, "node")]

    def new_group(self):
        """A group of this test alone."""
        counter = getattr(type(self), "_groups", 0) + 1
        type(self)._groups = counter
        return f"{self.id().rpartition('.')[2][5:65]}.{counter}"


_folders = []


def _end_what_hangs(limit):
    sys.stderr.write(f"\nnot done after {limit} s; where it hangs:\n")
    sys.stderr.flush()
    faulthandler.dump_traceback(all_threads=True)
    kill_what_is_left()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main(limit=55):
    """Runs the file's tests; one that hangs is ended with its stack shown, its children with it.
    Several servers have their time to begin as well."""
    if os.environ.get("CHANWAY_TEST_REDIS"):
        limit = max(limit, 160)
    watchdog = threading.Timer(limit, _end_what_hangs, [limit])
    watchdog.daemon = True
    watchdog.start()
    unittest.main(verbosity=2, warnings="ignore")
