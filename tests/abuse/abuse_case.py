"""A node that is abused: what must hold during it and after it."""

import os
import threading
import time

from support.case import NodeCase
from support.wait import until
from support.websocket import WebSocket

MIB = 1 << 20


def resident(pid):
    """Bytes of memory that a process holds."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Watch:
    """Looks every 20 ms how big the node is, and lets a new client in every 200 ms."""

    def __init__(self, node):
        self.node = node
        self.peak = 0
        self.worst_s = 0.0
        self.served = 0
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()

    def _run(self):
        next_client = 0
        while not self.stopping.wait(0.02):
            try:
                self.peak = max(self.peak, resident(self.node.process.pid))
                if time.monotonic() >= next_client:
                    self.worst_s = max(self.worst_s, seconds_to_be_served(self.node))
                    self.served += 1
                    next_client = time.monotonic() + 0.2
            except (OSError, AssertionError) as error:
                self.failure = error
                return


def seconds_to_be_served(node, timeout=10.0):
    """From connecting to the pong of a new client."""
    started = time.monotonic()
    client = WebSocket(node.address, timeout=timeout)
    client.ping(b"am I served", timeout)
    taken = time.monotonic() - started
    client.close(timeout=timeout)
    return taken


class AbuseCase(NodeCase):
    """After each test the node is as it was before the first, and serves."""

    settings = {"heartbeat_interval": "1s", "heartbeat_timeout": "3s"}
    growth_max = 64 * MIB  # while it lasts
    kept_max = 8 * MIB  # of that, when all tests of a class are over
    served_within_s = 1.0  # a new client, when it is over
    served_meanwhile_s = 5.0

    @classmethod
    def set_up(cls):
        super().set_up()
        cls.warm_up()
        cls.files_before = open_files(cls.node.process.pid)
        cls.size_before = resident(cls.node.process.pid)

    @classmethod
    def warm_up(cls):
        """What the node takes once and keeps (its table of descriptors, ...) is no growth."""
        sockets = [WebSocket(cls.node.address) for _ in range(200)]
        for one in sockets:
            one.drop()
        until(lambda: cls.node.metric("chanway_node_connections") == 0, "the first are gone")

    def setUp(self):
        super().setUp()
        self.pid = self.node.process.pid
        self.watch = Watch(self.node)
        self.addCleanup(self.watch.stop)

    def assertServes(self, tries=5):
        """A new client at once; that the machine is busy with others may spoil a try."""
        taken = []
        while not taken or taken[-1] > self.served_within_s:
            self.assertLess(len(taken), tries, f"seconds until served: {taken}")
            taken.append(seconds_to_be_served(self.node))

    def assertUnharmed(self, seconds=15.0):
        """When the abuse is over: all of it is gone, and nothing is left of it."""
        self.watch.stop()
        self.assertTrue(self.node.process.is_running(), "the node has ended")
        self.assertIsNone(self.watch.failure, "a new client was not served meanwhile")
        self.assertServes()
        self.assertLessEqual(self.watch.worst_s, self.served_meanwhile_s,
                             f"of {self.watch.served} clients meanwhile")
        self.assertLessEqual(self.watch.peak - self.size_before, self.growth_max)
        until(lambda: open_files(self.pid) <= self.files_before, "no descriptor is left", seconds)
        for gauge in ("chanway_node_connections", "chanway_node_groups",
                      "chanway_node_queue_bytes"):
            until(lambda name=gauge: self.node.metric(name) == 0, f"{gauge} is 0", seconds)
        until(lambda: resident(self.pid) - self.size_before <= self.kept_max,
              "memory is given back", seconds)
        print(f"{self.id().rpartition('.')[2]}: at most {self.watch.worst_s * 1e3:.0f} ms for "
              f"{self.watch.served} new clients, "
              f"{(self.watch.peak - self.size_before) / MIB:.1f} MiB more, "
              f"{(resident(self.pid) - self.size_before) / MIB:.1f} MiB kept")
