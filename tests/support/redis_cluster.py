"""Many Redis servers that are one: a Redis Cluster, and servers that know nothing of each other."""

import collections
import itertools
import logging
import shutil

import redis
from redis.cluster import ClusterNode
from redis.cluster import RedisCluster as ClusterClient
from redis.crc import key_slot

from .ports import free_port
from .process import Process
from .replica import Primary
from .wait import until

SLOTS = 16384

# redis-py logs every MOVED with a stack.
logging.getLogger("redis").setLevel(logging.CRITICAL + 1)

# A server of a cluster as itself or another one sees it: `slots` are those it serves, `moving` those
# that are on their way, with the state and the other's id.
View = collections.namedtuple("View", "id port flags master epoch slots moving")


def slot_of(key):
    return key_slot(key if isinstance(key, bytes) else key.encode())


def _parse_view(line):
    identity, address, flags, master, _, _, epoch, _, *ranges = line.split(" ")
    slots, moving = set(), []
    for text in ranges:
        if text.startswith("["):
            sign = "->-" if "->-" in text else "-<-"
            slot, other = text[1:-1].split(sign)
            moving.append((int(slot), "migrating" if sign == "->-" else "importing", other))
        else:
            first, _, last = text.partition("-")
            slots.update(range(int(first), int(last or first) + 1))
    return View(identity, int(address.split("@")[0].rpartition(":")[2]), flags.split(","), master,
                int(epoch), slots, moving)


def _by_owner(owners, keys):
    """[(owner, its keys)], each owner once."""
    found = {}
    for owner, key in zip(owners, keys):
        found.setdefault(owner.name, (owner, []))[1].append(key)
    return list(found.values())


class Server(Primary):
    """One server of a cluster; nodes reach it by its port, tests by its unix socket as well."""

    def __init__(self, folder, name, node_timeout_ms, options=(), **more):
        self.bus_port = free_port()
        self.id = None
        super().__init__(folder, name, [
            "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
            "--cluster-port", str(self.bus_port), "--cluster-node-timeout", str(node_timeout_ms),
            # Replicas stay with the masters that the test has given them.
            "--cluster-allow-replica-migration", "no", *options], **more)

    def start(self, wait=True):
        super().start(wait)
        if self.id is None and wait:
            self.id = self.call("CLUSTER", "MYID").decode("ascii")
        return self

    def ask(self, *words):
        """None: it does not run, or says nothing in a second."""
        if not self.process.is_running():
            return None
        try:
            with redis.Redis(unix_socket_path=self.socket, socket_timeout=1) as client:
                return client.execute_command(*words)
        except redis.RedisError:
            return None

    def views(self):
        """Of all the servers it knows; nothing: it does not answer."""
        answer = self.ask("CLUSTER", "NODES") or b""
        return [_parse_view(line) for line in answer.decode("ascii").splitlines()]

    def own_view(self):
        return next((view for view in self.views() if "myself" in view.flags), None)

    def is_replica(self):
        view = self.own_view()
        return view is not None and "slave" in view.flags

    def is_ok(self):
        return b"cluster_state:ok" in (self.ask("CLUSTER", "INFO") or b"")

    def cpu(self):
        return self.process.cpu_seconds()


class _Client(ClusterClient):
    def execute_command(self, *words, **more):
        if words[:2] != ("CLIENT", "KILL"):
            return super().execute_command(*words, **more)
        killed = super().execute_command(*words, target_nodes=self.PRIMARIES, **more)
        return sum(killed.values()) if isinstance(killed, dict) else killed


class RedisCluster:
    """Is used like a RedisServer: `url`, `start`, `client`, `call`, `stop`.

    `servers` are the masters, each with its part of the slots in a row, then their replicas. Who is
    a master now is what they say themselves. A server has `kill`, `start`, `freeze` and `thaw`.
    """

    # A busy machine may let a Redis wait for a second, a busy disk for longer. Tests of failover may
    # want less.
    def __init__(self, folder, masters=3, replicas=1, node_timeout_ms=3000, options=(),
                 in_memory=True, **more):
        self.name = "cluster"
        self.process = None
        self.folder = str(folder)
        self._numbers = itertools.count(1)
        more["in_memory"] = in_memory
        self._client = None
        self._slots = {}
        self.first_masters = [
            Server(folder, f"master{number + 1}", node_timeout_ms, options, **more)
            for number in range(masters)]
        # Without a file of its own: it could not be ended while it writes its copy there.
        self.first_replicas = [
            Server(folder, f"replica{number + 1}", node_timeout_ms,
                   ["--appendonly", "no", *options], **more)
            for number in range(masters * replicas)]
        self.servers = self.first_masters + self.first_replicas

    @property
    def url(self):
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}"
                                             for server in self.first_masters)

    # --- beginning

    def start(self, wait=True):
        """Makes it; once it is made: starts those that don't run."""
        is_made = self.servers[0].id is not None
        for server in self.servers:
            if server.process is None or not server.process.is_running():
                server.start(wait=False)
        if is_made and not wait:
            return self
        for server in self.servers:
            until(server.answers, f"{server.name} answers", 15)
            server.id = server.call("CLUSTER", "MYID").decode("ascii")
        if is_made:
            self.wait_until_ok(45)
            return self
        count = len(self.first_masters)
        for number, master in enumerate(self.first_masters):
            first, last = number * SLOTS // count, (number + 1) * SLOTS // count - 1
            master.call("CLUSTER", "ADDSLOTSRANGE", first, last)
        for number, server in enumerate(self.servers):
            server.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for one, other in itertools.combinations(self.servers, 2):
            one.call("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        until(self.knows_all, "all servers know each other", 30)
        for number, replica in enumerate(self.first_replicas):
            replica.call("CLUSTER", "REPLICATE", self.first_masters[number % count].id)
        self.wait_until_ok(45)
        return self

    def knows_all(self):
        """Everybody has shaken hands with everybody."""
        wanted = {server.id for server in self.servers}
        return all({view.id for view in server.views() if "handshake" not in view.flags} == wanted
                   for server in self.servers)

    def wait_until_ok(self, timeout=30):
        """Until all that run say so, agree about the slots and their epochs (where they don't, a slot
        that moves again may be lost), and replicas have their copies."""
        until(self.is_ok, "the cluster is ok", timeout, every=0.05)

    def is_ok(self):
        running = [server for server in self.servers if server.process.is_running()]
        seen = set()
        for server in running:
            views = server.views()
            own = next((view for view in views if "myself" in view.flags), None)
            if own is None or not server.is_ok():
                return False
            if "slave" in own.flags and server.ask("ROLE")[3] != b"connected":
                return False
            seen.add(frozenset((view.id, view.epoch, frozenset(view.slots)) for view in views
                               if view.slots))
        return len(seen) == 1 and sum(len(slots) for _, _, slots in next(iter(seen))) == SLOTS

    # --- who is what

    def server_with_id(self, identity):
        return next(server for server in self.servers if server.id == identity)

    def _own_views(self):
        found = [(server, server.own_view()) for server in self.servers]
        return [(server, view) for server, view in found if view]

    def masters(self):
        """Those that serve slots, by what they themselves say."""
        return [server for server, view in self._own_views()
                if "master" in view.flags and view.slots]

    def owner_of(self, slot):
        """Of those that say so the one that was promoted last."""
        owners = [(view.epoch, number, server)
                  for number, (server, view) in enumerate(self._own_views())
                  if "master" in view.flags and slot in view.slots]
        return max(owners)[2] if owners else None

    def master_of(self, key):
        return self.owner_of(slot_of(key))

    def data_servers(self):
        return self.masters()

    def servers_of(self, keys):
        """[(master, its keys)], as the masters say now."""
        views = [(view.epoch, number, server, view.slots)
                 for number, (server, view) in enumerate(self._own_views()) if "master" in view.flags]
        slots = [slot_of(key) for key in keys]
        return _by_owner([max(view for view in views if slot in view[3])[2] for slot in slots], keys)

    def replicas_of(self, master):
        return [server for server, view in self._own_views() if view.master == master.id]

    # --- troubles and movements

    def _note_slot(self, master):
        """Which one to look at to see who has its place."""
        view = master.own_view()
        self._slots[master.name] = min(view.slots) if view and view.slots else None

    # Without a server: all of them.

    def kill(self, master=None):
        if master is not None:
            self._note_slot(master)
        for server in self.servers if master is None else [master]:
            server.kill()

    def freeze(self, master=None):
        if master is not None:
            self._note_slot(master)
        for server in self.servers if master is None else [master]:
            server.freeze()

    def thaw(self, server=None):
        for one in self.servers if server is None else [server]:
            one.thaw()

    def restart(self, server):
        server.start()

    def wait_promoted(self, old, timeout=45):
        """After `kill` or `freeze`: until another server has its slots; that one."""
        slot = self._slots[old.name]

        def promoted():
            owner = self.owner_of(slot)
            return owner if owner is not old else None
        return until(promoted, f"a replica of {old.name} is promoted", timeout, every=0.05)

    def reshard(self, slots, source, target):
        """Begins to move so many slots as an operator does; the process, whose `wait` says 0 at the
        end."""
        program = shutil.which("redis-cli") or "/usr/bin/redis-cli"
        return Process(f"reshard{next(self._numbers)}", [
            program, "--cluster", "reshard", f"127.0.0.1:{source.port}", "--cluster-yes",
            "--cluster-from", source.id, "--cluster-to", target.id, "--cluster-slots", slots],
            self.folder)

    # --- use

    def client(self):
        """Follows MOVED and ASK, tries again where it is told to. Its `close` is the caller's."""
        return _Client(startup_nodes=[ClusterNode("127.0.0.1", server.port)
                                      for server in self.servers
                                      if server.process.is_running()],
                       socket_timeout=10)

    def call(self, *words):
        """One command, where it belongs; one without a key: at all masters, as redis-py does it."""
        if self._client is None:
            self._client = self.client()
        return self._client.execute_command(*words)

    def load(self, library):
        for master in self.masters():
            master.call("FUNCTION", "LOAD", "REPLACE", library)

    def cpu(self):
        """Seconds that each server that runs has used."""
        return {server.name: server.cpu() for server in self.servers
                if server.process.is_running()}

    def stop(self):
        if self._client is not None:
            self._client.close()
            self._client = None
        for server in reversed(self.servers):
            server.stop()


class Shard(Primary):
    """A plain server: by TCP, as others on other machines are."""

    def cpu(self):
        return self.process.cpu_seconds()


class ShardsPipeline:
    """One pipeline a server; the answers come in the order of the commands."""

    def __init__(self, clients, name_of):
        self._pipes = {name: client.pipeline(transaction=False) for name, client in clients.items()}
        self._name_of = name_of
        self._order = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pipe in self._pipes.values():
            pipe.reset()

    def execute(self):
        answers = {name: iter(pipe.execute()) for name, pipe in self._pipes.items()}
        order, self._order = self._order, []
        return [next(answers[name]) for name in order]

    def __getattr__(self, command):
        def call(key, *args, **more):
            name = self._name_of(key)
            self._order.append(name)
            getattr(self._pipes[name], command)(key, *args, **more)
            return self
        return call


class ShardsClient:
    """As much of a redis-py client as tests use: a command goes to the server that has its key, one
    about all keys to all servers."""

    def __init__(self, shards):
        self._shards = shards
        self._clients = {server.name: server.client() for server in shards.servers}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for client in self._clients.values():
            client.close()

    def keys(self, pattern="*"):
        return [key for client in self._clients.values() for key in client.keys(pattern)]

    def scan_iter(self, *args, **more):
        for client in self._clients.values():
            yield from client.scan_iter(*args, **more)

    def flushall(self):
        for client in self._clients.values():
            client.flushall()

    def publish(self, topic, message):
        """Nodes listen everywhere."""
        return next(iter(self._clients.values())).publish(topic, message)

    def time(self):
        """One machine."""
        return next(iter(self._clients.values())).time()

    def execute_command(self, *words):
        return self._shards.call(*words)

    def pipeline(self, transaction=False):
        assert not transaction
        return ShardsPipeline(self._clients, lambda key: self._shards.server_of(key).name)

    def fcall(self, function, count, key, *args):
        return self._client_of(key).fcall(function, count, key, *args)

    def _client_of(self, key):
        return self._clients[self._shards.server_of(key).name]

    def __getattr__(self, name):
        def call(key, *args, **more):
            return getattr(self._client_of(key), name)(key, *args, **more)
        return call


class RedisShards:
    """Is used like a RedisServer: `url`, `start`, `client`, `call`, `kill`, `freeze`, `thaw`, `stop`.

    Independent servers with a fixed split: of n the one with index i has the slots from
    i * 16384 / n up to (i + 1) * 16384 / n, rounded down."""

    def __init__(self, folder, count=3, options=(), **more):
        self.name = "shards"
        self.process = None
        self.servers = [Shard(folder, f"shard{number + 1}", options=options, **more)
                        for number in range(count)]

    @property
    def url(self):
        return "redis-shards://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def start(self, wait=True):
        for server in self.servers:
            if server.process is None or not server.process.is_running():
                server.start(wait=False)
        for server in self.servers if wait else []:
            until(server.answers, f"{server.name} answers", 15)
        return self

    def kill(self):
        for server in self.servers:
            server.kill()

    def freeze(self):
        for server in self.servers:
            server.freeze()

    def thaw(self):
        for server in self.servers:
            server.thaw()

    def client(self):
        """Its `close` is the caller's."""
        return ShardsClient(self)

    def server_of(self, key):
        slot, count = slot_of(key), len(self.servers)
        return next(server for number, server in enumerate(self.servers)
                    if slot < (number + 1) * SLOTS // count)

    def data_servers(self):
        return self.servers

    def servers_of(self, keys):
        return _by_owner([self.server_of(key) for key in keys], keys)

    def call(self, *words):
        """One command with a key, where it belongs; one about all keys: at all of them."""
        if len(words) == 1 or words[0].upper() in ("KEYS", "FUNCTION", "CLIENT"):
            answers = [server.call(*words) for server in self.servers]
            if isinstance(answers[0], bool):
                return answers[0]
            return sum(answers, []) if isinstance(answers[0], list) else sum(answers)
        is_function = words[0].upper() in ("FCALL", "FCALL_RO")
        return self.server_of(words[3 if is_function else 1]).call(*words)

    def load(self, library):
        for server in self.servers:
            server.call("FUNCTION", "LOAD", "REPLACE", library)

    def cpu(self):
        return {server.name: server.cpu() for server in self.servers
                if server.process.is_running()}

    def stop(self):
        for server in self.servers:
            server.stop()
