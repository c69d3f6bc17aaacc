#!/usr/bin/python3
"""What each function costs Redis: microseconds of its main thread's CPU time a call.

    tests/bench/functions_cost.py [--calls N] [--passes N] [ROW...]

64 calls are pipelined, payloads have 200 bytes, one subscriber listens to the group. Each row is the
best of five runs; the table shows the lowest and the highest of the passes. PING and PUBLISH stand in
the same table: compare with them, not with another day's numbers.
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
CFG = "100 300000 8388608 100000"
PAYLOAD = '{"text":"' + "x" * 189 + '"}'
GROUP, MEMBERS, CHANNEL = "cw:{g:room}", "cw:{g:full}", "cw:{c:%s}"

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
            raise RuntimeError("a call failed")


class Names:
    """Fresh uuids, batches of them, and the same again."""

    def __init__(self):
        self.made = random.Random(1)

    def new(self):
        return str(uuid.UUID(int=self.made.getrandbits(128)))


def rows(names):
    """name, how many operations a call stands for, a function giving the call's words."""
    everybody = [names.new() for _ in range(128)]
    pairs = [word for name in everybody for word in (name, "")]
    known = [names.new() for _ in range(512)]
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
        ("cw_node_join", 1, lambda: fcall("cw_node_join", GROUP, CFG, "n.1", names.new(), "alice")),
        ("cw_node_leave", 1, lambda: fcall("cw_node_leave", GROUP, "n.1", names.new())),
        ("cw_node_join, each of 128", 128, lambda: fcall("cw_node_join", MEMBERS, CFG, "n.1", *pairs)),
        ("cw_node_leave, each of 128 (absent)", 128,
         lambda: fcall("cw_node_leave", MEMBERS, "n.2", *everybody)),
        ("cw_node_attach, new", 1,
         lambda: fcall("cw_node_attach", CHANNEL % names.new(), "n.1", "", *fields)),
        ("cw_node_attach, taken over", 1, lambda: fcall("cw_node_attach", known_channel(), "n.1", "")),
        ("cw_node_mark add", 1, lambda: fcall("cw_node_mark", known_channel(), "n.1", "add", "room")),
        ("cw_node_detach, another's", 1, lambda: fcall("cw_node_detach", known_channel(), "n.9", 60)),
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


def prepare(client, known, fields):
    client.flushall()
    parts = sorted((ROOT / "cluster/functions").glob("chanway*.lua"))
    client.execute_command("FUNCTION", "LOAD", "REPLACE", b"".join(p.read_bytes() for p in parts))
    client.execute_command(*fcall("cw_node_join", GROUP, CFG, "n.1", str(uuid.UUID(int=1)), ""))
    for _ in range(60):
        client.execute_command(*fcall("cw_publish", "cw:{g:history}", "json", PAYLOAD))
    for name in known:
        client.execute_command(*fcall("cw_node_attach", CHANNEL % name, "n.1", "", *fields))
    for at in range(0, 512, 128):
        words = [word for name in known[at:at + 128] for word in (name, "")]
        client.execute_command(*fcall("cw_node_join", MEMBERS, CFG, "n.1", *words))


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
    parser.add_argument("rows", nargs="*", help="rows whose names contain one of these words")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and os.cpu_count() > 1:
        os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory(prefix="chanway-bench-") as folder:
        server = RedisServer(folder, options=["--appendonly", "no"]).start()
        os.sched_setaffinity(server.process.pid, {0})
        try:
            run(server, options)
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
