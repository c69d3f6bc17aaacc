#!/usr/bin/python3
"""What each function costs Redis: microseconds of its main thread's CPU time a call.

    tests/bench/functions_cost.py [--calls N] [--passes N] [ROW...]
    tests/bench/functions_cost.py --channels 100000 [--passes N]

64 calls are pipelined, payloads have 200 bytes, one subscriber listens to the group. Each row is the
best of five runs; the table shows the lowest and the highest of the passes. PING and PUBLISH stand in
the same table: compare with them, not with another day's numbers.

--channels: what so many channels cost, each with a user, an address and one group: time for a whole
life (connect, join, leave, disconnect) with the commands and batches of a node, and memory.
"""

import argparse
import os
import pathlib
import random
import socket
import sys
import tempfile
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.redis_server import RedisServer  # noqa: E402

DEPTH = 64
BATCH = 128  # as a node does it: functions.h
SLICE = 8  # batches that are measured together
CFG = "100 300000 8388608 100000"
INBOX = "100 1048576"
PAYLOAD = '{"text":"' + "x" * 189 + '"}'
BODY = b"\x94\x00\x00\xd9\x24" + b"0" * 36 + b"\xd9\xc8" + PAYLOAD.encode()
GROUP, MEMBERS, CHANNEL = "cw:{g:room}", "cw:{g:full}", "cw:{c:%s}"
INBOX_CHANNEL = CHANNEL % uuid.UUID(int=2)

LARGE = [("text", '"' + "x" * 65000 + '"'),
         ("objects", "[%s]" % ",".join('{"id":%d,"name":"n%d","on":true}' % (n, n) for n in range(1750))),
         ("brackets", "[%s]" % ",".join(["[" * 60 + "]" * 60] * 530))]


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def fcall(function, key, *words):
    return ("FCALL", function, 1, key, *words)


class Link:
    """Sends commands in batches and waits for the end of each batch."""

    END = b"end of a batch"

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def run(self, batch):
        self.socket.sendall(batch + encode(("ECHO", self.END)))
        tail, errors = b"", 0
        while not tail.endswith(self.END + b"\r\n"):
            data = self.socket.recv(1 << 20)
            if not data:
                raise ConnectionError("redis closed the connection")
            errors += data.count(b"\r\n-")
            tail = (tail + data)[-64:]
        if errors:
            raise RuntimeError(f"a call failed: {data[:300]!r}")


class Names:
    """Fresh uuids, batches of them, and the same again."""

    def __init__(self):
        self.made = random.Random(1)

    def new(self):
        return str(uuid.UUID(int=self.made.getrandbits(128)))


def rows(names):
    """name, how many operations a call stands for, a function giving the call's words."""
    everybody = [names.new() for _ in range(128)]
    pairs = [word for name in everybody for word in (name + " 1", "")]
    known = [names.new() for _ in range(512)]
    idle = known[256:]
    fields = ("type", "json", "created", 1700000000000, "expires", 0, "user", "alice",
              "address", "10.0.0.7:51514")

    def known_channel():
        return CHANNEL % names.made.choice(known)

    many = [word for _ in range(10) for word in (0, 0, everybody[0], PAYLOAD)]
    return [
        ("PING", 1, lambda: ("PING",)),
        ("PUBLISH, 1 subscriber", 1, lambda: ("PUBLISH", "plain", PAYLOAD)),
        ("SPUBLISH, 1 subscriber", 1, lambda: ("SPUBLISH", GROUP, PAYLOAD)),
        ("XADD MAXLEN ~ 100", 1, lambda: ("XADD", "plain:h", "MAXLEN", "~", 100, "*", "d", PAYLOAD)),
        ("cw_version (a call that does nothing)", 1, lambda: ("FCALL_RO", "cw_version", 0)),
        ("cw_node_publish", 1,
         lambda: fcall("cw_node_publish", GROUP, 0, 0, everybody[0], PAYLOAD, CFG, "")),
        ("cw_node_append", 1, lambda: fcall("cw_node_append", GROUP, CFG, BODY)),
        ("cw_node_append, each of 10", 10, lambda: fcall("cw_node_append", GROUP, CFG, *[BODY] * 10)),
        ("cw_node_publish, no member", 1,
         lambda: fcall("cw_node_publish", "cw:{g:alone}", 0, 0, everybody[0], PAYLOAD, CFG, "")),
        ("cw_node_publish, no history", 1,
         lambda: fcall("cw_node_publish", "cw:{g:off}", 0, 0, everybody[0], PAYLOAD, "0" + CFG[3:], "")),
        ("cw_node_publish with a key", 1,
         lambda: fcall("cw_node_publish", GROUP, 0, 0, "", PAYLOAD, "100 300000 8388608 100000000",
                       names.new())),
        ("cw_node_publish at its bytes", 1,
         lambda: fcall("cw_node_publish", "cw:{g:bytes}", 0, 0, "", PAYLOAD, "1000 300000 20000 9", "")),
        ("cw_node_publish_many, each of 10", 10,
         lambda: fcall("cw_node_publish_many", GROUP, CFG, *many)),
        ("cw_publish json", 1, lambda: fcall("cw_publish", GROUP, "json", PAYLOAD)),
        *[("cw_publish json, 64 KiB of " + what, 1,
           lambda document=document: fcall("cw_publish", "cw:{g:large}", "json", document))
          for what, document in LARGE],
        ("cw_publish text FROM", 1, lambda: fcall("cw_publish", GROUP, "text", PAYLOAD, "FROM", "shop")),
        ("cw_node_join", 1, lambda: fcall("cw_node_join", GROUP, CFG, "n.1", 0, names.new(), "alice")),
        ("cw_node_join, presence asked for", 1,
         lambda: fcall("cw_node_join", "cw:{g:seen}", CFG, "n.1", 1, names.new(), "alice")),
        ("cw_node_leave", 1, lambda: fcall("cw_node_leave", GROUP, "n.1", names.new())),
        ("cw_node_join, each of 128", 128, lambda: fcall("cw_node_join", MEMBERS, CFG, "n.1", 0, *pairs)),
        ("cw_node_leave, each of 128 (absent)", 128,
         lambda: fcall("cw_node_leave", MEMBERS, "n.2", *everybody)),
        ("cw_node_attach, new", 1,
         lambda: fcall("cw_node_attach", CHANNEL % names.new(), "n.1", "", INBOX, *fields)),
        ("cw_node_attach, once more", 1, lambda: fcall("cw_node_attach", known_channel(), "n.1", "", INBOX)),
        ("cw_node_attach, another's", 1,
         lambda: fcall("cw_node_attach", known_channel(), names.made.choice("abcd"), "", INBOX)),
        ("cw_node_mark add", 1, lambda: fcall("cw_node_mark", known_channel(), "n.1", "add", "room")),
        ("cw_node_detach, another's", 1, lambda: fcall("cw_node_detach", known_channel(), "n.9", 60)),
        ("cw_node_send", 1,
         lambda: fcall("cw_node_send", CHANNEL % known[0], 0, 0, everybody[0], PAYLOAD, "")),
        ("cw_node_send with a key", 1,
         lambda: fcall("cw_node_send", CHANNEL % known[1], 0, 0, "", PAYLOAD, names.new())),
        ("cw_node_inbox, nothing new", 1,
         lambda: ("FCALL_RO", "cw_node_inbox", 1, INBOX_CHANNEL, "n.7", 2 ** 60, 0, 0, 100, 262144)),
        ("cw_node_inbox, each of 100", 100,
         lambda: ("FCALL_RO", "cw_node_inbox", 1, INBOX_CHANNEL, "n.7", 0, 0, 0, 100, 262144)),
        ("cw_group_add", 1, lambda: fcall("cw_group_add", CHANNEL % names.made.choice(idle), "room")),
        ("cw_node_renew", 1, lambda: fcall("cw_node_renew", "cw:{n:n.1}", 15000, "new")),
        ("cw_node_read, nothing new", 1,
         lambda: ("FCALL_RO", "cw_node_read", 1, GROUP, 2 ** 63, 0, 200, 262144)),
        ("cw_node_read, each of 50", 50,
         lambda: ("FCALL_RO", "cw_node_read", 1, "cw:{g:history}", 0, 0, 50, 262144)),
        ("cw_node_members, each of 100", 100,
         lambda: ("FCALL_RO", "cw_node_members", 1, MEMBERS, 0, 100)),
        ("cw_channel", 1, lambda: ("FCALL_RO", "cw_channel", 1, known_channel())),
    ], known, fields


def main_thread_us(client):
    cpu = client.info("cpu")
    return 1e6 * (cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"])


def load(client):
    parts = sorted((ROOT / "cluster/functions").glob("chanway*.lua"))
    client.execute_command("FUNCTION", "LOAD", "REPLACE", b"".join(p.read_bytes() for p in parts))


def prepare(client, known, fields):
    client.flushall()
    load(client)
    client.execute_command(*fcall("cw_node_join", GROUP, CFG, "n.1", 0, str(uuid.UUID(int=1)), ""))
    client.execute_command(*fcall("cw_node_attach", INBOX_CHANNEL, "n.7", "", INBOX))
    for _ in range(100):
        client.execute_command(*fcall("cw_send", INBOX_CHANNEL, "json", PAYLOAD))
    for _ in range(60):
        client.execute_command(*fcall("cw_publish", "cw:{g:history}", "json", PAYLOAD))
    for name in known:
        client.execute_command(*fcall("cw_node_attach", CHANNEL % name, "n.1", "", INBOX, *fields))
    for at in range(0, 512, 128):
        words = [word for name in known[at:at + 128] for word in (name, "")]
        client.execute_command(*fcall("cw_node_join", MEMBERS, CFG, "n.1", 0, *words))


def measure(client, link, words, calls):
    """Microseconds a call, the best of five."""
    best = float("inf")
    for _ in range(5):
        batches = [b"".join(encode(words()) for _ in range(DEPTH)) for _ in range(max(1, calls // DEPTH))]
        before = main_thread_us(client)
        for batch in batches:
            link.run(batch)
        best = min(best, (main_thread_us(client) - before) / (len(batches) * DEPTH))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=3200)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--channels", type=int, help="whole lives of so many channels")
    parser.add_argument("rows", nargs="*", help="rows whose names contain one of these words")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and os.cpu_count() > 1:
        os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory(prefix="chanway-bench-") as folder:
        server = RedisServer(folder, options=["--appendonly", "no"]).start()
        os.sched_setaffinity(server.process.pid, {0})
        try:
            (run_channels if options.channels else run)(server, options)
        finally:
            server.stop()


def run(server, options):
    table, known, fields = rows(Names())
    table = [row for row in table if not options.rows or any(word in row[0] for word in options.rows)]
    client, link = server.client(), Link(server.socket)
    plain, sharded = Link(server.socket), Link(server.socket)
    plain.socket.sendall(encode(("SUBSCRIBE", "plain")))
    sharded.socket.sendall(encode(("SSUBSCRIBE", GROUP)))
    for listener in (plain, sharded):
        drain(listener.socket)
    found = {name: [] for name, _, _ in table}
    for _ in range(options.passes):
        prepare(client, known, fields)
        for name, share, words in table:
            size = 1 + len(encode(words())) // 5000  # fewer of what is large
            found[name].append(measure(client, link, words, options.calls // share // size) / share)
    print("| call | us |\n|---|---|")
    for name, values in found.items():
        print(f"| {name} | {min(values):.1f}..{max(values):.1f} |")


class Life:
    """The commands of channels with a user, an address and one group, of ten nodes: a batch is what a
    node sends in one turn of its loop, `spread` groups are joined in it. `by_ops`: they join and leave
    by ops; else they name the group when they connect, and leave it by disconnecting."""

    def __init__(self, count, spread, by_ops):
        names = Names()
        self.spread, self.by_ops, self.batches = spread, by_ops, []
        for at in range(0, count, BATCH):
            number = at // BATCH
            uuids = [names.new() for _ in range(min(BATCH, count - at))]
            groups = {"room-%d" % (number * spread + n): uuids[n::spread] for n in range(min(spread, len(uuids)))}
            self.batches.append(("node-%d.1a2b3c4d" % (number % 10), groups, uuids))

    def connect(self, node, groups, uuids):
        marks = {name: () if self.by_ops else ("g:" + group, "")
                 for group, members in groups.items() for name in members}
        yield ("SADD", "cw:{n:%s}:c" % node, *uuids)
        for name in uuids:
            yield ("HSET", CHANNEL % name, "node", node, "gen", 1, "type", "json", "created", 1700000000000,
                   "expires", 0, "address", "203.0.113.77:51514", "user", "user%s" % name[:6], *marks[name])
        for group, members in groups.items():
            for name in members if self.by_ops else ():
                yield fcall("cw_node_mark", CHANNEL % name, node, "add", group)
            words = [word for name in members for word in (name + " 1", "user%s" % name[:6])]
            yield fcall("cw_node_join", "cw:{g:%s}" % group, CFG, node, 0, *words)

    def disconnect(self, node, groups, uuids):
        for group, members in groups.items():
            yield fcall("cw_node_leave", "cw:{g:%s}" % group, node, *members)
            for name in members if self.by_ops else ():
                yield fcall("cw_node_mark", CHANNEL % name, node, "del", group)
        for name in uuids:
            yield fcall("cw_node_detach", CHANNEL % name, node, 0, "left")
        yield ("SREM", "cw:{n:%s}:c" % node, *uuids)


def slices_us(client, link, batches, commands):
    """Microseconds of Redis a channel, of each slice of the batches, from the lowest to the highest."""
    found = []
    for at in range(0, len(batches), SLICE):
        batch = [encode(words) for one in batches[at:at + SLICE] for words in commands(*one)]
        before = main_thread_us(client)
        for first in range(0, len(batch), DEPTH):
            link.run(b"".join(batch[first:first + DEPTH]))
        found.append((main_thread_us(client) - before) / sum(len(one[2]) for one in batches[at:at + SLICE]))
    return sorted(found)


def run_channels(server, options):
    """Medians of all slices; together also the lowest quarter, for what else the machine did."""
    client, link = server.client(), Link(server.socket)
    load(client)
    print("| join and leave | groups of 128 channels | connect, join (us) | leave, disconnect (us) |"
          " together (us) | memory (B) |\n|---|---|---|---|---|---|")
    for by_ops in (False, True):
        for spread in (1, 32, BATCH):
            came, went, memory = [], [], 0
            life = Life(options.channels, spread, by_ops)
            for _ in range(options.passes):
                client.flushall()
                empty = client.info("memory")["used_memory"]
                came += slices_us(client, link, life.batches, life.connect)
                memory = max(memory, client.info("memory")["used_memory"] - empty)
                went += slices_us(client, link, life.batches, life.disconnect)
                if client.dbsize():
                    raise RuntimeError("something is left")
            came, went = sorted(came), sorted(went)
            half, quarter = len(came) // 2, len(came) // 4
            print(f"| {'by ops' if by_ops else 'with the connection'} | {spread} | {came[half]:.1f} |"
                  f" {went[half]:.1f} | {came[quarter] + went[quarter]:.1f}..{came[half] + went[half]:.1f} |"
                  f" {memory / options.channels:.0f} |", flush=True)


def drain(listener):
    """Reads in a process of its own what comes, so that Redis never waits for the listener."""
    if os.fork() == 0:
        try:
            while listener.recv(1 << 20):
                pass
        finally:
            os._exit(0)


if __name__ == "__main__":
    main()
