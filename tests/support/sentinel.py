"""A primary, two replicas, and three Sentinels that watch them."""

import os
import shutil

import redis

from .ports import free_port
from .process import Process
from .replica import Primary, Replica
from .wait import until

NAME = "main"


class Sentinel:
    def __init__(self, folder, number, primary_port, down_after_ms, lines=()):
        self.name = f"sentinel{number}"
        self.folder = os.path.join(str(folder), self.name)
        os.mkdir(self.folder)
        self.port = free_port()
        self.process = None
        self.config = os.path.join(self.folder, "sentinel.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write("\n".join([
                f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}",
                f"sentinel monitor {NAME} 127.0.0.1 {primary_port} 2",
                f"sentinel down-after-milliseconds {NAME} {down_after_ms}",
                f"sentinel failover-timeout {NAME} 3000", *lines, ""]))

    def start_only(self):
        program = shutil.which("redis-server") or "/usr/bin/redis-server"
        self.process = Process(self.name, [program, self.config, "--sentinel"], self.folder)

    def start(self):
        self.start_only()
        until(self.primary_port, f"{self.name} answers", 15)
        return self

    def ask(self, *words):
        with redis.Redis(port=self.port, socket_timeout=10) as client:
            return client.execute_command(*words)

    def primary_port(self):
        """Of the one that it names; None: it does not answer."""
        try:
            with redis.Redis(port=self.port, socket_timeout=10) as client:
                answer = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        except redis.RedisError:
            return None
        return int(answer[1]) if answer else None

    def knows_all(self):
        with redis.Redis(port=self.port, socket_timeout=10, decode_responses=True) as client:
            facts = client.execute_command("SENTINEL", "MASTER", NAME)
        if not isinstance(facts, dict):
            facts = dict(zip(facts[::2], facts[1::2]))
        return (str(facts["num-slaves"]), str(facts["num-other-sentinels"])) == ("2", "2")

    def stop(self):
        if self.process:
            self.process.stop()


class SentinelGroup:
    """Is used like a RedisServer: what it is told the primary is told."""

    # A busy machine may let a Redis wait for a second; that is no reason for a failover.
    def __init__(self, folder, options=(), down_after_ms=3000):
        self.name = "sentinels"
        self.process = None
        primary = Primary(folder, "one", options=options, own_config=True)
        self.servers = [primary]
        for name in ("two", "three"):
            self.servers.append(Replica(folder, primary, name, options=options,
                                        own_config=True))
        self.sentinels = [Sentinel(folder, number, primary.port, down_after_ms)
                          for number in range(3)]

    @property
    def url(self):
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}"

    def start(self):
        self.servers[0].start()
        for replica in self.servers[1:]:
            replica.follow()
        for sentinel in self.sentinels:
            sentinel.start()
        for sentinel in self.sentinels:
            until(sentinel.knows_all, f"{sentinel.name} knows the others", 30)
        return self

    def primary(self):
        """As most of the Sentinels say."""
        return until(self.agreed, "the Sentinels agree", 20)

    def agreed(self):
        said = [sentinel.primary_port() for sentinel in self.sentinels]
        return next((server for server in self.servers if said.count(server.port) >= 2), None)

    def is_another(self, old):
        """All that run name another primary than `old`, and that one is it."""
        said = {sentinel.primary_port() for sentinel in self.sentinels}
        if len(said) != 1 or said == {old.port} or None in said:
            return False
        return self.is_server(self.primary(), "master")

    def is_server(self, server, role):
        """A Sentinel that gives a server a role closes its connections, this one too."""
        try:
            return server.role() == role
        except redis.RedisError:
            return False

    def servers_of(self, keys):
        return [(self.primary(), keys)]

    def client(self):
        return self.primary().client()

    def call(self, *words):
        return self.primary().call(*words)

    def stop(self):
        for thing in [*self.sentinels, *self.servers]:
            thing.stop()
