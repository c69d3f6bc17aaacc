"""Publishers that write down what they were told of each message."""

import threading
import time

from .checker import name_and_length, payload
from .client import Client
from .wait import TimedOut
from .websocket import Ended
from .wire import Closed


class Publisher(threading.Thread):
    """Publishes `count` messages, or until `stop` is set, at most `window` without an answer.

    `rate` a second at most; none: as fast as they are answered. A lost connection ends it, unless
    there are other `targets` to go on with.
    """

    def __init__(self, name, targets, group, ledger, count=None, stop=None, window=8, rate=None):
        super().__init__(name=name, daemon=True)
        self.targets = list(targets)
        self.group = group
        self.ledger = ledger
        self.count = count
        self.stop = stop or threading.Event()
        self.window = window
        self.interval = 1 / rate if rate else 0
        self.number = 0
        self.waiting = {}
        self.error = None

    def run(self):
        try:
            while self.targets and not self._is_done():
                try:
                    with Client(self.targets[0]) as client:
                        self._publish(client)
                        return
                except (Closed, Ended, OSError):
                    self.targets.pop(0)
                finally:
                    for name in self.waiting.values():
                        self.ledger.miss(name)
                    self.waiting.clear()
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def _is_done(self):
        return self.stop.is_set() or self.count is not None and self.number >= self.count

    def _publish(self, client):
        due = time.monotonic()
        while True:
            if self._is_done():
                if not self.waiting:
                    return
                self._answer(client, 20)
            elif len(self.waiting) >= self.window:
                self._answer(client, 20)
            elif time.monotonic() < due:
                try:
                    self._answer(client, due - time.monotonic())
                except TimedOut:
                    pass  # nothing came, and it is time for the next
            else:
                self._send(client)
                due = max(due + self.interval, time.monotonic() - 0.5)

    def _send(self, client):
        name, length = name_and_length(self.name, self.number)
        self.ledger.send(self.name, name)
        self.waiting[self.number] = name
        client.send({"op": "publish", "id": self.number, "group": self.group,
                     **payload(name, length)})
        self.number += 1

    def _answer(self, client, timeout):
        reply = client.receive(timeout)
        if reply["op"] == "bye":
            return
        if "id" not in reply or reply["id"] != next(iter(self.waiting)):
            raise AssertionError(f"{self.name}: an answer out of order: {reply}")
        name = self.waiting.pop(reply["id"])
        if reply["op"] == "ok":
            self.ledger.acknowledge(name, reply)
        elif reply["code"] == "timeout":
            self.ledger.miss(name)
        elif reply["code"] == "unavailable":
            self.ledger.refuse(name)
        else:
            raise AssertionError(f"{self.name}: {reply}")


class Publishers:
    """Several at once."""

    def __init__(self, threads):
        self.threads = threads

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        for thread in self.threads:
            thread.stop.set()
        self.join()

    def join(self, timeout=45):
        deadline = time.monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise AssertionError(f"publisher {thread.name} does not end; it waits for "
                                     f"{list(thread.waiting.values())[:3]}")
            if thread.error:
                raise thread.error
