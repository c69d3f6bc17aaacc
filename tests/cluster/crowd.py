"""Clients that come back: each resumes its session wherever the balancer sends it, when it was advised.

Guests listen to one group each; a speaker publishes numbers to a group, each until it is acknowledged.
All of them live on a loop of their own, in a thread.
"""

import asyncio
import json
import random
import threading
import time

from support.light_client import LightClient, Lost

END = "END"
CONNECT_LIMIT = 10.0


class Link(LightClient):
    """A connection that hands over every frame as it comes, also a `bye` in place of a welcome."""

    def __init__(self, query, take):
        super().__init__(query)
        self.take = take

    def on_text(self, frame):
        if self.welcome is None:
            super().on_text(frame)
        self.take(frame)


class Returner:
    """Whoever has a connection, and makes another one when it has ended."""

    def __init__(self, crowd, name):
        self.crowd = crowd
        self.name = name
        self.link = None
        self.retry_ms = None
        self.was_here = False
        self.complaints = []

    def query(self):
        return ""

    def take(self, frame):
        if frame["op"] == "bye":
            self.retry_ms = frame["retry_ms"]
            if frame["code"] != 1001:
                self.complaints.append(f"{self.name}: {frame}")

    async def connect(self):
        """A link with its welcome; each try is an arrival."""
        while True:
            if self.retry_ms is not None:
                await asyncio.sleep(self.retry_ms / 1000)
            elif self.was_here:
                await asyncio.sleep(random.uniform(0.0, 0.5))
            self.retry_ms = None
            if self.was_here:
                self.crowd.arrivals.append(time.monotonic())
            self.was_here = True
            link = Link(self.query(), self.take)
            try:
                await asyncio.wait_for(asyncio.get_running_loop().create_connection(
                    lambda made=link: made, *self.crowd.address), CONNECT_LIMIT)
                await asyncio.wait_for(asyncio.shield(link.opened), CONNECT_LIMIT)
                self.link = link
                return link
            except (OSError, asyncio.TimeoutError, Lost):
                link.abort()


class Guest(Returner):
    """`says_since`: it names what it saw last; else the node knows what it was sent."""

    def __init__(self, crowd, name, group, says_since):
        super().__init__(crowd, name)
        self.group = group
        self.says_since = says_since
        self.session = None
        self.last = None
        self.got = []
        self.is_in = False

    def query(self):
        if self.session is None:
            return f"groups={self.group}"
        if not self.says_since or self.last is None:
            return f"session={self.session}"
        return f"session={self.session}&since=0-0,{self.group}@{self.last}"

    def take(self, frame):
        super().take(frame)
        if frame["op"] == "welcome":
            if self.session is not None and not frame["resumed"]:
                self.complaints.append(f"{self.name} was not resumed")
            self.session = frame["session"]
        elif frame["op"] == "joined":
            self.is_in = True
        elif frame["op"] == "message":
            self.last = f"{frame['epoch']}-{frame['offset']}"
            self.got.append(frame["text"])
        elif frame["op"] != "bye":
            self.complaints.append(f"{self.name}: {frame}")

    async def run(self):
        while True:
            link = await self.connect()
            await link.ended

    def is_done(self):
        return self.got[-1:] == [END]


class Speaker(Returner):
    """One message after the other, said again with its key until it is acknowledged."""

    def __init__(self, crowd, group, rate):
        super().__init__(crowd, "speaker of " + group)
        self.group = group
        self.interval = 1 / rate
        self.said = []

    async def say(self, text):
        while True:
            if self.link is None or self.link.is_lost:
                await self.connect()
            self.link.take = self.take
            try:
                reply = await self.link.request("publish", group=self.group, text=text,
                                                key=f"{self.group}.{text}")
            except (Lost, asyncio.TimeoutError):
                self.link.abort()
                continue
            if reply["op"] == "ok":
                self.said.append(text)
                return
            if not reply["temporary"]:
                self.complaints.append(f"{self.name}: {reply}")
            await asyncio.sleep(0.1)

    def take(self, frame):
        super().take(frame)
        future = self.link.replies.pop(frame.get("id"), None) if self.link else None
        if future is not None and not future.done():
            future.set_result(frame)

    async def run(self):
        while not self.crowd.is_ending:
            await self.say(str(len(self.said)))
            await asyncio.sleep(self.interval)
        await self.say(END)


class Crowd(threading.Thread):
    """`arrivals`: when somebody came back, or tried to."""

    def __init__(self, address, groups, guests, rate):
        super().__init__(daemon=True)
        self.address = address
        self.arrivals = []
        self.is_ending = False
        self.error = None
        self.guests = [Guest(self, f"guest {number}", groups[number % len(groups)],
                             number // len(groups) % 2 == 0) for number in range(guests)]
        self.speakers = [Speaker(self, group, rate) for group in groups]

    def run(self):
        try:
            asyncio.run(self.live())
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    async def live(self):
        tasks = [asyncio.ensure_future(guest.run()) for guest in self.guests]
        while not all(guest.is_in for guest in self.guests):
            await self.look_at(tasks, 0.05)
        speaking = [asyncio.ensure_future(speaker.run()) for speaker in self.speakers]
        while not (all(task.done() for task in speaking)
                   and all(guest.is_done() for guest in self.guests)):
            await self.look_at(tasks + speaking, 0.05)

    async def look_at(self, tasks, seconds):
        """One that has failed ends it all."""
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(seconds)

    def are_in(self):
        if self.error:
            raise self.error
        return all(guest.is_in for guest in self.guests) and all(one.said for one in self.speakers)

    def is_over(self):
        if self.error:
            raise self.error
        return not self.is_alive()

    def problems(self):
        found = [what for one in [*self.guests, *self.speakers] for what in one.complaints]
        said = {speaker.group: speaker.said for speaker in self.speakers}
        for guest in self.guests:
            if guest.got == said[guest.group]:
                continue
            lost = len(set(said[guest.group]) - set(guest.got))
            twice = len(guest.got) - len(set(guest.got))
            found.append(f"{guest.name}: {lost} lost, {twice} twice, of {len(said[guest.group])}; "
                         f"the last: {json.dumps(guest.got[-5:])}")
        return found

    def herd(self, since, until):
        """The most arrivals in one second of that time, and their number in all."""
        times = sorted(at for at in list(self.arrivals) if since <= at <= until)
        most = start = 0
        for end, at in enumerate(times):
            while at - times[start] >= 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most, len(times)
