"""Direct messages of the load: pairs of a sender and a channel, which stays the same one by its session."""

import asyncio
import random
import time

from support.light_client import LightClient, Lost as ConnectionLost

CONNECT_LIMIT = 3.0
ANSWER_LIMIT = 20.0


class Pair:
    """One message after the other, each with its key until its ok has come: they are to be read once
    and in their order."""

    def __init__(self, number, home, pause, load):
        self.number = number
        self.nodes = {"receiver": home, "sender": home + 1}
        self.pause = pause
        self.load = load
        self.receiver = None
        self.uuid = None
        self.token = None
        self.cursor = (0, 0)
        self.sent = 0      # the last number that was tried, and
        self.acked = 0     # the last one whose ok has come
        self.is_open = False
        self.tries = 0
        self.read = []     # numbers, in the order in which they came
        self.wrong = []    # (when, what)

    def complain(self, what):
        self.wrong.append((time.monotonic(), str(what)[:300]))

    async def _connect(self, who, query, on_event=None):
        """A client whose welcome has come, on this node or a later one."""
        while True:
            address = self.load.addresses[self.nodes[who] % len(self.load.addresses)]
            try:
                return await asyncio.wait_for(LightClient.connect(address, query, on_event),
                                              CONNECT_LIMIT)
            except (ConnectionLost, asyncio.TimeoutError):
                self.nodes[who] += 1
                await asyncio.sleep(random.uniform(0.05, 0.15))

    # --- the channel

    def _on_event(self, frame):
        if frame["op"] == "message" and "group" not in frame:
            at = int(frame["epoch"]), frame["offset"]
            if at <= self.cursor:
                self.complain(f"{at} after {self.cursor}")
            self.cursor = at
            self.read.append(frame["data"]["n"])
        elif frame["op"] != "bye":
            self.complain(frame)

    async def receive(self):
        query = ""
        while True:
            client = await self._connect("receiver", query, self._on_event)
            if self.uuid not in (None, client.uuid):
                self.complain(f"its session is gone, {client.uuid} instead of {self.uuid}")
            self.uuid, self.token = client.uuid, client.welcome["session"]
            await client.ended
            epoch, offset = self.cursor
            query = f"session={self.token}&since={epoch}-{offset}"

    # --- the sender

    async def send(self):
        while self.uuid is None:
            await asyncio.sleep(0.01)
        while True:
            client = await self._connect("sender", "")
            try:
                while True:
                    await self._send_next(client)
            except (ConnectionLost, asyncio.TimeoutError):
                client.abort()
                self.nodes["sender"] += 1

    async def _send_next(self, client):
        if not self.is_open:
            await asyncio.sleep(self.pause * random.uniform(0.5, 1.5))
            if not self.load.is_on:
                return
            self.sent += 1
            self.is_open = True
        self.tries += 1
        reply = await asyncio.wait_for(client.ask(
            "send", to=self.uuid, data={"n": self.sent}, key=f"{self.number}.{self.sent}"), ANSWER_LIMIT)
        if reply["op"] == "ok":
            self.acked = self.sent
            self.is_open = False
            return
        if reply["code"] not in ("unavailable", "timeout"):
            self.complain(reply)
        await asyncio.sleep(0.15)

    # --- the end

    def has_all(self):
        return not self.is_open and len(self.read) >= self.acked

    def record(self):
        return {"number": self.number, "uuid": self.uuid, "acked": self.acked, "tries": self.tries,
                "read": self.read, "wrong": self.wrong}
