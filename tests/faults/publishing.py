"""Publishers of the load: so many messages a second, whatever happens, and what became of each."""

import asyncio
import random
import time
from collections import deque

from records import ACKED, CONNECTED, LOST, REFUSED, SENT, SKIPPED, UNKNOWN, position_of
from support.light_client import LightClient, Lost as ConnectionLost

WINDOW = 64        # messages without an answer
RETRY_S = 0.15
CONNECT_LIMIT = 3.0


class Link(LightClient):
    """A connection that hands every frame to its publisher at once."""

    owner = None

    def on_text(self, frame):
        if self.welcome is None:
            super().on_text(frame)
        else:
            self.owner.on_frame(self, frame)


class Publisher:
    """One of two per group. `keyed`: it sends what was refused, or has no answer, again with the key
    it had the first time; else a message that failed is given up."""

    def __init__(self, number, group, home, keyed, load):
        self.number = number
        self.group = group
        self.node = home
        self.keyed = keyed
        self.load = load
        self.events = []
        self.link = None
        self.next = 0
        self.asked = deque()  # (id, n), in the order of the replies
        self.again = deque()  # (when, n)
        self.ids = 0
        self.due = 0.0

    def open_count(self):
        """Messages that may yet be acknowledged."""
        return len(self.asked) + len(self.again)

    # --- the connection

    async def run(self):
        while True:
            try:
                link = await Link.connect(self.load.addresses[self.node], timeout=CONNECT_LIMIT)
            except ConnectionLost:
                self._move()
                await asyncio.sleep(random.uniform(0.05, 0.15))
                continue
            link.owner = self
            self.link = link
            self.events.append((CONNECTED, time.monotonic(), self.node))
            await link.ended
            self._on_lost(link)

    def _move(self):
        self.node = (self.node + 1) % len(self.load.addresses)

    def _on_lost(self, link):
        now = time.monotonic()
        self.link = None
        self.events.append((LOST, now, link.close_code))
        for _, n in self.asked:
            self.events.append((UNKNOWN, now, n, "lost"))
            if self.keyed:
                self.again.append((now, n))
        self.asked.clear()
        self._move()

    # --- sending

    def tick(self, now, is_on, interval):
        """What is due by now: first what is to be tried again."""
        while self.again and self.again[0][0] <= now and self.link:
            self._send(self.again.popleft()[1])
        while is_on and self.due <= now:
            self.due += interval
            if self.link is None or self.open_count() >= WINDOW:
                self.events.append((SKIPPED, now))
            else:
                self._send(self.next)
                self.next += 1

    def _send(self, n):
        frame = {"op": "publish", "id": self.ids, "group": self.group,
                 "data": {"p": self.number, "n": n, "f": self.load.fillings[n % 16]}}
        if self.keyed:
            frame["key"] = f"{self.number}.{n}"
        self.events.append((SENT, time.monotonic(), n))
        self.asked.append((self.ids, n))
        self.ids += 1
        self.link.send(frame)

    # --- answers

    def on_frame(self, link, frame):
        if link is not self.link or frame["op"] == "bye":
            return
        number, n = self.asked.popleft() if self.asked else (None, None)
        if frame.get("id") != number or number is None:
            raise AssertionError(f"publisher {self.number}: not the answer to {number}: {frame}")
        now = time.monotonic()
        if frame["op"] == "ok":
            at = position_of(frame)
            self.events.append((ACKED, now, n, at, frame.get("duplicate", False)))
            self.load.saw(self.group, at, self.number, n, now)
            return
        code = frame["code"]
        self.events.append((UNKNOWN if code == "timeout" else REFUSED, now, n, code))
        if self.keyed:
            self.again.append((now + RETRY_S, n))
