"""The load as a program: publishers and subscribers of 20 groups on all nodes.

    load.py CONFIG      {"addresses": [[host, port], ...], "groups": .., "rate": .., "size": ..,
                         "away_s": .., "seed": .., "direct": pairs, "records": PATH}

It is told what to do by lines of JSON on stdin, and says on stdout what has become true:

    {"do": "start"}             so many messages a second from now on
    {"do": "rest"}              no more; `resting N`: nothing is without an answer any more
    {"do": "settle", "tips": {group: [epoch, offset]}, "limit": s}
                                `settled N`: every subscriber has come so far; or `unsettled N NAMES`
    {"do": "silence", "node": i}  its clients lose their network, and come back on other nodes
    {"do": "report"}            writes the records down, says `done`, ends

N counts up from 1, over `resting` and `settled` each.
"""

import asyncio
import json
import os
import pickle
import random
import sys
import time

import setup_path  # noqa: F401
from directing import Pair
from publishing import Publisher
from records import fillings
from subscribing import JsonSubscriber, RawSubscriber

TICK_S = 0.005
REST_LIMIT_S = 30.0
DIRECT_PAUSE_S = 0.3  # between two direct messages of a pair


class Load:
    def __init__(self, config):
        self.addresses = [tuple(address) for address in config["addresses"]]
        self.fillings = fillings(config["size"])
        self.away_s = config["away_s"]
        self.records = config["records"]
        self.is_on = False
        self.newest = {}  # group -> (position, p, n, when it was first seen)
        self.on = []      # [from, to] of the times when it was on
        self.counts = {"resting": 0, "settled": 0}
        groups = [f"g{number}" for number in range(config["groups"])]
        nodes = len(self.addresses)
        count = 2 * len(groups)
        self.interval = count / config["rate"]
        self.publishers = [Publisher(number, groups[number % len(groups)],
                                     (number + number // len(groups)) % nodes,
                                     number < len(groups), self) for number in range(count)]
        self.subscribers = []
        for number, group in enumerate(groups):
            self.subscribers += [
                RawSubscriber(f"{group}.raw", group, number % nodes, self),
                JsonSubscriber(f"{group}.stays", group, (number + 1) % nodes, False, self),
                JsonSubscriber(f"{group}.leaves", group, (number + 2) % nodes, True, self)]
        self.pairs = [Pair(number, number % nodes, DIRECT_PAUSE_S, self)
                      for number in range(config["direct"])]

    def saw(self, group, at, p, n, now):
        newest = self.newest.get(group)
        if newest is None or at > newest[0]:
            self.newest[group] = at, p, n, now

    # --- what it is told

    def start(self):
        now = time.monotonic()
        for publisher in self.publishers:
            publisher.due = now + publisher.number * self.interval / len(self.publishers)
        self.is_on = True
        self.on.append([now, None])

    async def rest(self):
        self.is_on = False
        self.on[-1][1] = time.monotonic()
        limit = time.monotonic() + REST_LIMIT_S
        while (left := sum(publisher.open_count() for publisher in self.publishers)
               + sum(pair.is_open for pair in self.pairs)) > 0:
            if time.monotonic() > limit:
                say(f"restless {left} messages have no answer")
                return
            await asyncio.sleep(0.01)
        self.counts["resting"] += 1
        say(f"resting {self.counts['resting']}")

    async def settle(self, tips, limit_s):
        limit = time.monotonic() + limit_s
        self.counts["settled"] += 1
        while late := [*(one.name for one in self.subscribers
                         if not one.has_reached(tuple(tips[one.group]))),
                       *(f"direct.{pair.number}" for pair in self.pairs if not pair.has_all())]:
            if time.monotonic() > limit:
                say(f"unsettled {self.counts['settled']} {' '.join(late)}")
                return
            await asyncio.sleep(0.01)
        say(f"settled {self.counts['settled']}")

    def silence(self, node):
        for one in [*self.publishers, *self.subscribers]:
            if one.link is not None and not one.link.is_lost and one.node == node:
                one.link.go_silent(random.uniform(0.3, 1.0))

    def report(self):
        with open(self.records, "wb") as file:
            pickle.dump({
                "on": self.on, "interval": self.interval,
                "publishers": [(one.number, one.group, one.keyed, one.events)
                               for one in self.publishers],
                "subscribers": [(one.name, one.group, isinstance(one, RawSubscriber), one.events)
                                for one in self.subscribers],
                "direct": [pair.record() for pair in self.pairs]}, file)
        say("done")

    # --- running

    async def tick(self):
        while True:
            now = time.monotonic()
            for publisher in self.publishers:
                publisher.tick(now, self.is_on, self.interval)
            await asyncio.sleep(TICK_S)

    async def say_when_joined(self):
        while not all(one.has_reached((0, 0)) for one in self.subscribers) or not all(
                one.link for one in self.publishers) or not all(pair.uuid for pair in self.pairs):
            await asyncio.sleep(0.01)
        say("joined")

    async def obey(self, orders):
        while True:
            line = await orders.readline()
            if not line:
                return
            order = json.loads(line)
            if order["do"] == "start":
                self.start()
            elif order["do"] == "rest":
                await self.rest()
            elif order["do"] == "settle":
                await self.settle(order["tips"], order["limit"])
            elif order["do"] == "silence":
                self.silence(order["node"])
            elif order["do"] == "report":
                self.report()
                return
            else:
                raise ValueError(order)


def say(words):
    print(words, flush=True)


async def run():
    with open(sys.argv[1], encoding="ascii") as file:
        config = json.load(file)
    random.seed(config["seed"])
    load = Load(config)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    tasks = [asyncio.ensure_future(one.run()) for one in [*load.publishers, *load.subscribers]]
    tasks += [asyncio.ensure_future(work) for pair in load.pairs for work in (pair.receive(), pair.send())]
    tasks += [asyncio.ensure_future(load.tick()), asyncio.ensure_future(load.say_when_joined())]
    obeying = asyncio.ensure_future(load.obey(orders))
    # One that fails ends the program; what it says is in the log.
    while not obeying.done():
        done, _ = await asyncio.wait([obeying, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        tasks = [task for task in tasks if not task.done()]
    os._exit(0)


def main():
    """An exception in a callback of the loop ends the program as well."""
    loop = asyncio.new_event_loop()

    def fail(_, context):
        loop.default_exception_handler(context)
        os._exit(1)
    loop.set_exception_handler(fail)
    loop.run_until_complete(run())


if __name__ == "__main__":
    main()
