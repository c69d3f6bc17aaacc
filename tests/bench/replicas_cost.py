#!/usr/bin/python3
"""What waiting for replicas costs a publisher, and the machine.

    CHANWAYD=build/release/chanwayd tests/bench/replicas_cost.py [--seconds N] [--passes N]

One client publishes payloads of 128 bytes with ids to a group that nobody is in: each a moment after
the one before was answered ("1 on the way"), at a rate, or up to 64 at a time. Time counts from the
sending to the ok. CPU is that of node, primary and replica together, which share the first CPU; the
client has the second. The table has the median of the passes.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time
from statistics import median

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.client import Client  # noqa: E402
from support.node import Node  # noqa: E402
from support.replica import Primary, Replica  # noqa: E402
from support.wait import TimedOut  # noqa: E402

TEXT = "x" * 128
LOADS = [("1 on the way", 1, None), ("500 a second", 1000, 500), ("64 on the way", 64, None)]
CASES = [("0, no replica", 0, 0), ("0, one replica", 0, 1), ("1, one replica", 1, 1)]


def cpu_us(process):
    with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1000


class Load:
    """Publishes for a while; how long each took, in microseconds."""

    def __init__(self, client, window, rate):
        self.client, self.window, self.rate = client, window, rate
        self.sent, self.took, self.number = {}, [], 0

    def run(self, seconds):
        start = due = time.monotonic()
        while time.monotonic() < start + seconds:
            if len(self.sent) >= self.window:
                self.answer(10)
            elif time.monotonic() < due:
                self.answer(due - time.monotonic())
            else:
                self.send()
                due += 1 / self.rate if self.rate else 0
        while self.sent:
            self.answer(10)
        return self.took

    def send(self):
        self.number += 1
        self.sent[self.number] = time.perf_counter()
        self.client.send('{"op":"publish","id":%d,"group":"g","text":"%s"}' % (self.number, TEXT))

    def answer(self, timeout):
        try:
            reply = self.client.receive(timeout)
        except TimedOut:
            return
        if reply["op"] != "ok":
            raise RuntimeError(f"not acknowledged: {reply}")
        self.took.append((time.perf_counter() - self.sent.pop(reply["id"])) * 1e6)


def measure(needed, replicas, window, rate, seconds):
    """p50, p99 (us), messages a second, CPU of each message (us)."""
    with tempfile.TemporaryDirectory(prefix="chanway-bench-") as folder:
        started = []
        try:
            primary = Primary(folder)
            started.append(primary.start())
            if replicas:
                started.append(Replica(folder, primary).follow())
            started.append(Node(folder, redis=primary, wait_replicas=needed).start())
            for server in started:
                os.sched_setaffinity(server.process.pid, {0})
            with Client(started[-1]) as client:
                Load(client, window, rate).run(1)
                before = sum(cpu_us(server.process) for server in started)
                took = sorted(Load(client, window, rate).run(seconds))
            cpu = sum(cpu_us(server.process) for server in started) - before
            count = len(took)
            return took[count // 2], took[count * 99 // 100], count / seconds, cpu / count
        finally:
            for server in reversed(started):
                server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    print("| load | wait-replicas | p50 (us) | p99 (us) | a second | CPU (us a message) |\n"
          "|---|---|---|---|---|---|")
    for load, window, rate in LOADS:
        found = {case: [] for case, _, _ in CASES}
        for _ in range(options.passes):
            for case, needed, replicas in CASES:
                found[case].append(measure(needed, replicas, window, rate, options.seconds))
        for case, passes in found.items():
            p50, p99, rate_seen, cpu = [median(column) for column in zip(*passes)]
            print(f"| {load} | {case} | {p50:.0f} | {p99:.0f} | {rate_seen:.0f} | {cpu:.1f} |",
                  flush=True)


if __name__ == "__main__":
    main()
