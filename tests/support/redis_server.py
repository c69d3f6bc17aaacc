"""A real redis-server in a folder of its own, on a unix socket."""

import os
import shutil
import signal
import tempfile

import redis

from .paths import source_path
from .process import Process, folders_outside
from .wait import until


MEMORY = "/dev/shm"


class RedisServer:
    """Configured as scripts/up does it; killed and started again on the same data.

    `in_memory`: its files are in memory, where the machine has room. With `appendfsync everysec`
    a Redis whose disk is slow answers before it has written, and a kill then loses what it has
    acknowledged. There fsync takes no time, so that only what nodes do about a kill is tested.
    `own_config`: a copy of the configuration; Sentinel has the servers that it watches rewrite it.
    """

    def __init__(self, folder, name="redis", options=(), in_memory=False, own_config=False):
        self.name = name
        self.folder = os.path.join(str(folder), name)
        os.mkdir(self.folder)
        self.data = self.folder
        if in_memory and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 32 << 20:
            self.data = tempfile.mkdtemp(prefix="chanway-test-", dir=MEMORY)
            folders_outside.append(self.data)
        self.config = source_path("scripts/redis/redis.conf")
        if own_config:
            self.config = shutil.copy(self.config, self.folder)
        self.socket = os.path.join(self.folder, "redis.sock")
        self.url = "unix:" + self.socket
        self.options = list(options)
        self.process = None

    def start(self, wait=True):
        program = shutil.which("redis-server") or "/usr/bin/redis-server"
        self.process = Process(
            self.name, [program, self.config, "--dir", self.data,
                        "--unixsocket", self.socket, "--unixsocketperm", "700", "--port", "0",
                        "--daemonize", "no", *self.options], self.folder)
        if wait:
            until(self.answers, "redis-server answers", 15)
        return self

    def client(self):
        return redis.Redis(unix_socket_path=self.socket, socket_timeout=10)

    def servers_of(self, keys):
        """[(server, those of the keys that it has)]; of a deployment that may have several."""
        return [(self, keys)]

    def data_servers(self):
        """Those that have the data, a part each."""
        return [self]

    def answers(self):
        try:
            with self.client() as client:
                return client.ping()
        except redis.RedisError:
            if not self.process.is_running():
                raise AssertionError("redis-server has ended:\n" + self.process.log()) from None
            return False

    def call(self, *words):
        """One command; the answer as redis-py gives it."""
        with self.client() as client:
            return client.execute_command(*words)

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()

    def stop(self):
        if self.process:
            self.process.stop()
        if self.data != self.folder:
            shutil.rmtree(self.data, ignore_errors=True)
