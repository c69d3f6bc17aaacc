"""Subscribers of the load: what each was sent, in the order in which it came.

A json one keeps a cursor, the last position it knows of, over all its connections: it comes back with
`since`. A raw one knows no positions: each of its connections begins anew.
"""

import asyncio
import random
import time

from records import (CONNECTED, GAP, JOINED, JOINING, LEAVING, LEFT, LOST, MESSAGE, NOT_JOINED,
                     NOT_LEFT, RESUMED, WRONG, position_of, text_of)
from support.light_client import LightClient, Lost as ConnectionLost

CONNECT_LIMIT = 3.0
ANSWER_LIMIT = 20.0


class Link(LightClient):
    """A connection that tells its subscriber everything at once."""

    def __init__(self, owner, query):
        super().__init__(query, on_lost=lambda: owner.on_lost(self))
        self.owner = owner

    def connection_made(self, transport):
        super().connection_made(transport)
        self.owner.on_connected(self)

    def on_text(self, frame):
        if self.protocol and self.welcome is None:
            super().on_text(frame)
            if self.welcome:
                self.owner.on_welcome(frame)
        elif not self.is_lost:
            self.owner.on_frame(frame)


class RawLink(Link):
    protocol = None


class Subscriber:
    """What the two kinds share: a connection, made again on the next node when it is lost."""

    link_class = Link

    def __init__(self, name, group, home, load):
        self.name = name
        self.group = group
        self.node = home
        self.load = load
        self.events = []
        self.link = None

    def note(self, what, *more):
        self.events.append((what, time.monotonic(), *more))

    def wrong(self, what):
        self.note(WRONG, str(what)[:300])

    def on_connected(self, link):
        self.link = link
        self.note(CONNECTED, self.node)

    def on_lost(self, link):
        self.note(LOST, link.close_code)
        self.node = (self.node + 1) % len(self.load.addresses)

    async def connect(self):
        """A connection to this node or a later one."""
        while True:
            link = self.link_class(self, self.query())
            try:
                await asyncio.wait_for(asyncio.get_running_loop().create_connection(
                    lambda made=link: made, *self.load.addresses[self.node]), CONNECT_LIMIT)
                await asyncio.wait_for(asyncio.shield(link.opened), CONNECT_LIMIT)
                return
            except (OSError, asyncio.TimeoutError, ConnectionLost):
                if link.transport is None:
                    self.on_lost(link)
                link.abort()
            await asyncio.sleep(random.uniform(0.05, 0.15))

    async def watch(self, seconds=None):
        """Waits so long; False: the connection has ended before."""
        await asyncio.wait({self.link.ended}, timeout=seconds)
        return not self.link.is_lost


class JsonSubscriber(Subscriber):
    """`leaves`: it goes away for a while, again and again, by the op `leave` or by dropping its
    connection. Whoever has lost a connection comes back in one of three ways: by the op `join`, by a URL
    that names group and position, by its session."""

    def __init__(self, name, group, home, leaves, load):
        super().__init__(name, group, home, load)
        self.leaves = leaves
        self.cursor = None
        self.is_in = False
        self.way = "join"   # url, session: how it comes back
        self.session = None  # the token
        self.answer = None  # a future

    # --- from the connection

    def on_connected(self, link):
        super().on_connected(link)
        if self.way != "join":
            self.note(JOINING, self.cursor)
            self._expect_answer()

    def on_welcome(self, welcome):
        self.session = welcome["session"]
        if self.group in welcome["groups"]:
            self.is_in = True
            self.note(RESUMED)

    def on_lost(self, link):
        super().on_lost(link)
        self.is_in = False
        self._answered(None)
        if link.welcome and self.cursor:
            self.way = random.choice(("join", "url", "session"))

    def on_frame(self, frame):
        op = frame["op"]
        if op == "message":
            self._on_message(frame)
        elif op == "gap" and frame.get("group") == self.group:
            self.note(GAP, position_of(frame))
            self._advance(position_of(frame))
        elif op == "joined" or op == "ok" and frame["id"] == "join":
            self.is_in = True
            self.note(JOINED, position_of(frame), frame.get("recovered"))
            self._advance(position_of(frame))
            self._answered(frame)
        elif op == "ok" and frame["id"] == "leave":
            self.is_in = False
            self.note(LEFT)
            self._answered(frame)
        elif op == "error":
            if "id" not in frame:
                self.is_in = False  # a group of the URL, or of the session
            self.note(NOT_LEFT if frame.get("id") == "leave" else NOT_JOINED, frame["code"])
            self._answered(frame)
        elif op != "bye":
            self.wrong(frame)

    def _on_message(self, frame):
        at, data, now = position_of(frame), frame["data"], time.monotonic()
        p, n = data["p"], data["n"]
        self.events.append((MESSAGE, now, at, p, n))
        if frame["group"] != self.group or data["f"] != self.load.fillings[n % 16]:
            self.wrong(f"a damaged message {text_of(at)}")
        self._advance(at)
        self.load.saw(self.group, at, p, n, now)

    def _advance(self, at):
        if self.cursor is None or at > self.cursor:
            self.cursor = at

    def _answered(self, frame):
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(frame)

    # --- asking

    def _expect_answer(self):
        self.answer = asyncio.get_running_loop().create_future()

    async def _wait_for_answer(self):
        """None: the connection has ended."""
        try:
            return await asyncio.wait_for(self.answer, ANSWER_LIMIT)
        except asyncio.TimeoutError:
            self.wrong("an op without an answer")
            self.link.abort()
            return None

    async def _ask(self, op, **fields):
        if self.link.is_lost:
            return None
        self._expect_answer()
        self.link.send({"op": op, "id": op, "group": self.group, **fields})
        return await self._wait_for_answer()

    async def _join(self):
        """In the group, or without a connection."""
        while not self.link.is_lost:
            self.note(JOINING, self.cursor)
            since = {} if self.cursor is None else {
                "since": {"epoch": str(self.cursor[0]), "offset": self.cursor[1]}}
            reply = await self._ask("join", **since)
            if reply is not None and reply["op"] == "ok":
                return
            await asyncio.sleep(0.1)

    # --- its life

    def query(self):
        """What a connection is opened with."""
        if self.way == "join":
            return ""
        since = f"{self.group}@{text_of(self.cursor)}"
        if self.way == "url":
            return f"groups={self.group}&since={since}"
        return f"session={self.session}&since=0-0,{since}"

    async def run(self):
        while True:
            await self.connect()
            if self.way == "url":
                await self._wait_for_answer()
            while not self.link.is_lost:
                if self.is_in:
                    await self._stay_and_go()
                else:
                    await self._join()

    async def _stay_and_go(self):
        if not await self.watch(random.uniform(0.5, 2.0)):
            return
        if not self.leaves or not self.is_in or not self.load.is_on:
            return
        if random.random() < 0.25:
            self.note(LEAVING)
            await self._ask("leave")
            if not self.is_in:
                await self._be_away()
            await self._join()
        else:
            self.link.abort()
            await self.link.ended
            await self._be_away()

    async def _be_away(self):
        """For a while; less when the load comes to rest."""
        until = time.monotonic() + random.uniform(0.1, self.load.away_s)
        while self.load.is_on and time.monotonic() < until:
            await asyncio.sleep(0.05)

    def has_reached(self, tip):
        return self.is_in and self.cursor is not None and self.cursor >= tip


class RawSubscriber(Subscriber):
    """In its group for sure when a frame to a group of its own has come back."""

    link_class = RawLink

    def __init__(self, name, group, home, load):
        super().__init__(name, group, home, load)
        self.probe = f"probe.{name}"
        self.joined = None  # when
        self.last = None    # (p, n)

    def on_lost(self, link):
        super().on_lost(link)
        self.joined = self.last = None

    def on_frame(self, frame):
        if frame == self.probe:
            self.joined = time.monotonic()
            self.note(JOINED, None, None)
        elif isinstance(frame, dict) and "p" in frame:
            self.last = frame["p"], frame["n"]
            self.note(MESSAGE, None, *self.last)
            if frame["f"] != self.load.fillings[frame["n"] % 16]:
                self.wrong(f"a damaged message {self.last}")
        else:
            self.wrong(frame)

    def query(self):
        return f"type=json&groups={self.group},{self.probe}&publish={self.probe}"

    async def run(self):
        while True:
            await self.connect()
            while self.joined is None and not self.link.is_lost:
                self.link.send(self.probe)  # again, where Redis was away
                await self.watch(1.0)
            await self.watch()

    def has_reached(self, tip):
        if self.joined is None:
            return False
        newest, p, n, when = self.load.newest.get(self.group, ((0, 0), 0, 0, 0.0))
        return newest < tip or self.last == (p, n) or self.joined > when
