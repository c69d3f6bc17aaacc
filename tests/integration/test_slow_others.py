"""One client that does not read among a hundred: what the others notice of it, by the clock."""

import asyncio
import socket
import time

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.light_client import Fleet, LightClient, connect_many

READERS = 99
SIZE = 4096
MESSAGES = 60
ROUNDS = 3


class Round:
    """A group, its readers, and how long each message took to each of them."""

    def __init__(self, node, group):
        self.node, self.group = node, group
        self.sent_at = {}
        self.seconds = []
        self.joined = 0
        self.readers, self.stalled, self.publisher = [], None, None

    async def open(self, is_full):
        """With one that does not read until `is_full`; None: without."""
        self.publisher = await LightClient.connect(self.node.address)
        if is_full:
            self.stalled = await LightClient.connect(self.node.address)
            await self.stalled.request("join", group=self.group)
            self.stalled.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            self.stalled.transport.pause_reading()
            await self.fill(is_full)
        query = "groups=" + self.group
        self.readers = await connect_many(self.node.address, [query] * READERS,
                                          on_event=self.note)
        while self.joined < READERS:
            await asyncio.sleep(0.01)

    def note(self, frame):
        self.joined += frame["op"] == "joined"
        if frame["op"] == "message" and (number := int(frame["text"].split()[0])):
            self.seconds.append(time.perf_counter() - self.sent_at[number])

    async def say(self, number):
        self.sent_at[number] = time.perf_counter()
        reply = await self.publisher.request("publish", group=self.group,
                                             text=f"{number} ".ljust(SIZE, "s"))
        if reply["op"] != "ok":
            raise AssertionError(reply)

    async def fill(self, is_full):
        for number in range(4000):
            await self.say(0)
            if number % 20 == 0 and await asyncio.to_thread(is_full):
                return
        raise AssertionError("its queue is never full")

    async def measure(self):
        self.seconds.clear()
        for number in range(1, MESSAGES + 1):
            await self.say(number)
            while len(self.seconds) < number * READERS:
                await asyncio.sleep(0)
        return sorted(self.seconds)[len(self.seconds) * 99 // 100]

    async def close(self):
        for client in [*self.readers, self.stalled, self.publisher]:
            if client:
                client.abort()


class SlowOthers(NodeCase):
    settings = {"send-queue-max": "64KiB", "slow-policy.old.*": "drop-oldest",
                "slow-policy.live.*": "latest"}

    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)

    def dropped(self):
        return self.node.metric("chanway_client_messages_dropped_total")

    def p99(self, prefix, number, has_stalled):
        one = Round(self.node, f"{prefix}.{number}.{has_stalled}")
        before = self.dropped()
        self.fleet.run(one.open((lambda: self.dropped() > before) if has_stalled else None))
        before = self.dropped()
        p99 = self.fleet.run(one.measure())
        if has_stalled:
            self.assertGreaterEqual(self.dropped(), before + MESSAGES - 1)
        self.fleet.run(one.close())
        return p99

    def test_the_others_are_as_fast_as_without_it(self):
        for prefix in ("old", "live"):
            without, with_it = [], []
            for number in range(ROUNDS):
                without.append(self.p99(prefix, number, False))
                with_it.append(self.p99(prefix, number, True))
            print(f"{prefix}: p99 of {READERS} readers {min(without) * 1e3:.1f} ms, beside one that "
                  f"does not read {min(with_it) * 1e3:.1f} ms")
            # The machine may be busy at any time, but hardly each time for one of them alone.
            self.assertLess(min(with_it), 2 * min(without) + 0.02)


if __name__ == "__main__":
    main()
