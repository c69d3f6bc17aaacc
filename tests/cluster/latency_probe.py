"""A program that measures latencies beside a test, with a control measurement in turn with each.

    latency_probe.py CONFIG     pings two Redis servers, or sends messages round two clusters; `report`
                                on stdin: it writes down what it has measured, and ends

A sample is [time, target, its wait, control, its wait], in seconds; time is time.monotonic(). `wait` is
what of a latency the machine is to blame for: how long the processes in question were ready to run
meanwhile and had no processor.
"""

import json
import os
import selectors
import socket
import sys
import time

import setup_path  # noqa: F401
from support.client import Client


class Waits:
    """How long processes have waited for a processor since they were started."""

    def __init__(self, pids):
        self.files = [os.open(f"/proc/{pid}/schedstat", os.O_RDONLY) for pid in pids]

    def total(self):
        return sum(int(os.pread(file, 100, 0).split()[1]) for file in self.files) / 1e9


class Pinger:
    """PING to a Redis on a unix socket."""

    def __init__(self, options):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(options["socket"])
        self.waits = Waits([options["pid"], os.getpid()])

    def go(self):
        self.socket.sendall(b"PING\r\n")
        if self.socket.recv(100) != b"+PONG\r\n":
            raise AssertionError("no PONG")


class Tripper:
    """A message to a group, until it comes back."""

    def __init__(self, options):
        self.client = Client(tuple(options["address"]))
        self.client.join("trip")
        self.waits = Waits([*options["pids"], os.getpid()])

    def go(self):
        self.client.send('{"op":"publish","group":"trip","text":"round"}')
        frame = self.client.receive()
        if frame.get("text") != "round":
            raise AssertionError(f"no message: {frame}")


def measure(one):
    """(seconds, of them waited)"""
    before = one.waits.total()
    started = time.perf_counter()
    one.go()
    took = time.perf_counter() - started
    return took, one.waits.total() - before


def run():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    kind = Pinger if config["kind"] == "ping" else Tripper
    target, control = kind(config["target"]), kind(config["control"])
    commands = selectors.DefaultSelector()
    commands.register(sys.stdin, selectors.EVENT_READ)
    samples, totals = [], []
    due = time.monotonic()
    print("started", flush=True)
    # The selector waits for the next turn, or for the command.
    while not commands.select(max(0.0, due - time.monotonic())):
        now = time.monotonic()
        samples.append([now, *measure(target), *measure(control)])
        totals.append(target.waits.total())
        due = max(due + config["interval"], now)
    with open(config["report"], "w", encoding="utf-8") as file:
        json.dump({"samples": samples, "totals": totals}, file)
    print("done", flush=True)


if __name__ == "__main__":
    run()
