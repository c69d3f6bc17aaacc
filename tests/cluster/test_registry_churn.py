"""Nodes and Redis are killed while channels come, go, join and leave: then the registry is exact.

What is right is what the clients were told: an op that was answered ok is done, one that was refused
with `unavailable` is not, and one of unknown outcome is asked again at the end until it is
acknowledged, or its channel is closed. test_registry_churn_cluster.py does the same on a Redis Cluster.
"""

import asyncio
import contextlib
import os
import random
import time

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.light_client import Fleet, LightClient, Lost
from support.registry_view import Expected, RegistryView, current_id, shown
from support.wait import Deadline, until

LONG = bool(os.environ.get("CHANWAY_TEST_LONG"))
CHANNELS, SECONDS = (2000, 60) if LONG else (500, 20)
GROUPS = 200
NODES = 5
OPS_PER_SECOND = 400
KILL_EVERY = 5.0
SETTLED_WITHIN = 20.0
NEVER_DONE = "unavailable"
MAYBE_DONE = ("timeout",)


class Tally:
    """What happened, for the summary and for the faults found on the way."""

    def __init__(self):
        self.ops = self.acknowledged = self.unavailable = self.unknown = 0
        self.connects = self.losses = self.closes = self.aborts = self.settled = 0
        self.faults = []
        self.stories = []  # (uuid, index of its node, what it was told) of every channel


class Talker:
    """One client: a channel, and another one whenever that ends."""

    def __init__(self, number, addresses, tally, seed):
        self.number = number
        self.addresses = addresses
        self.tally = tally
        self.rng = random.Random(f"{seed}.{number}")
        self.client = None
        self.target = None   # the index of its node
        self.groups = set()  # what was acknowledged
        self.unknown = {}    # group -> the op whose outcome is unknown
        self.told = []       # (time, op, group, answer) of this channel, for a report
        self.pause = CHANNELS / OPS_PER_SECOND

    # --- one channel

    def is_connected(self):
        return self.client is not None and not self.client.is_lost

    async def connect(self):
        self.groups, self.unknown, self.told, awaited = set(), {}, [], {}

        def on_event(frame):
            future = awaited.get(frame.get("group"))
            if future is not None and not future.done():
                future.set_result(frame)
        loop = asyncio.get_running_loop()
        names = self.rng.sample(range(GROUPS), self.rng.choice((0, 0, 1, 3)))
        for name in names:
            awaited[f"g.{name}"] = loop.create_future()
        query = "groups=" + ",".join(awaited) if awaited else ""
        self.target = self.rng.randrange(len(self.addresses))
        self.client = None
        self.client = await LightClient.connect(self.addresses[self.target], query, on_event)
        self.tally.connects += 1
        self.tally.stories.append((self.client.uuid, self.target, self.told))
        for group, future in awaited.items():
            self.tally.ops += 1
            waits = [future, self.client.ended]
            await asyncio.wait(waits, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            if self.client.is_lost:
                raise Lost("while it joined")
            if not future.done():
                self.tally.faults.append(f"{self.client.uuid}: nothing was said of {group} in the URL")
                self.unknown[group] = "join"
                continue
            self.take_answer("join", group, future.result())

    def note(self, op, group="", answer=""):
        self.told.append((time.monotonic(), op, group, answer))

    def take_answer(self, op, group, answer):
        self.note(op, group, answer.get("code", answer["op"]))
        if answer["op"] in ("ok", "joined"):
            self.tally.acknowledged += 1
            if op != "publish":
                self.unknown.pop(group, None)
            if op == "join":
                self.groups.add(group)
            elif op == "leave":
                self.groups.discard(group)
        elif answer.get("code") == NEVER_DONE:
            self.tally.unavailable += 1
        elif answer.get("code") in MAYBE_DONE:
            self.tally.unknown += 1
            if op != "publish":
                self.unknown[group] = op
        else:
            self.tally.faults.append(f"{self.client.uuid}: {op} {group}: {answer}")

    async def do(self, *ops):
        """Several at once, answered in order."""
        asked = []
        for op, group in ops:
            self.tally.ops += 1
            fields = {"text": "x" * 40} if op == "publish" else {}
            asked.append((op, group, self.client.ask(op, group=group, **fields)))
        for op, group, future in asked:
            try:
                self.take_answer(op, group, await asyncio.wait_for(future, 20))
            except asyncio.TimeoutError:
                self.tally.faults.append(f"{self.client.uuid}: no answer to {op} {group}")
                self.unknown[group] = op

    async def act(self):
        """Something at random."""
        group = f"g.{self.rng.randrange(GROUPS)}"
        joined = sorted(self.groups)
        dice = self.rng.random()
        if dice < 0.03:
            self.tally.closes += 1
            self.note("close")
            await self.client.close()
        elif dice < 0.06:
            self.tally.aborts += 1
            self.note("abort")
            self.client.abort()
            await self.client.ended
        elif dice < 0.16:
            await self.do(("publish", group))
        elif dice < 0.22:
            await self.do(("join", group), ("leave", group))
        elif dice < 0.28 and joined:
            again = self.rng.choice(joined)
            await self.do(("leave", again), ("join", group), ("join", again))
        elif joined and (dice < 0.60 or len(joined) > 8):
            await self.do(("leave", self.rng.choice(joined)))
        else:
            await self.do(("join", group))

    async def live(self, is_over):
        """Until `is_over`, whatever is killed."""
        while not is_over.is_set():
            try:
                if not self.is_connected():
                    await self.connect()
                await self.act()
            except Lost:
                self.tally.losses += 1
                self.note("lost")
            try:
                await asyncio.wait_for(is_over.wait(), self.rng.uniform(0, 2 * self.pause))
            except asyncio.TimeoutError:
                pass  # the next op is due

    # --- the end

    async def settle(self):
        """Nothing of unknown outcome is left: acknowledged, or the channel is closed."""
        deadline = Deadline(SETTLED_WITHIN)
        try:
            if not self.is_connected():
                return
            if self.unknown and self.rng.random() < 0.3:
                self.note("close")
                await self.client.close()
                return
            while self.unknown:
                group, op = next(iter(self.unknown.items()))
                await self.do((op, group))
                if group not in self.unknown:
                    self.tally.settled += 1
                elif deadline.passed():
                    self.tally.faults.append(f"{self.client.uuid}: {op} {group} can't be settled")
                    return
                else:
                    await asyncio.sleep(0.2)
        except Lost:
            self.tally.losses += 1


class RegistryChurn(ClusterCase):
    node_count = NODES
    exact_within = SETTLED_WITHIN

    def own_store(self):
        return self.own_redis()

    def start(self):
        self.redis = self.own_store()
        self.nodes = [self.own_node(self.redis, wait=False, name=f"node{number}")
                      for number in range(NODES)]
        for node in self.nodes:
            node.wait_until_ready()
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)
        self.tally = Tally()
        self.troubles = []
        seed = os.environ.get("CHANWAY_TEST_SEED") or f"{time.time_ns()}"
        print(f"CHANWAY_TEST_SEED={seed}", flush=True)
        self.rng = random.Random(seed)
        self.talkers = [Talker(number, [node.address for node in self.nodes], self.tally, seed)
                        for number in range(CHANNELS)]

    async def churn(self):
        self.is_over = asyncio.Event()
        await asyncio.gather(*(talker.live(self.is_over) for talker in self.talkers))
        await asyncio.gather(*(talker.settle() for talker in self.talkers))

    def end_churn(self, churning):
        self.fleet.loop.call_soon_threadsafe(self.is_over.set)
        churning.result(90)

    def wait_until_churned(self):
        """All are connected or have been, and most of them are in groups."""
        until(lambda: self.tally.connects >= CHANNELS and self.tally.acknowledged >= 2 * CHANNELS,
              "it churns", 40)

    # --- faults

    def kill_redis(self, number):
        """The first or the second time."""
        self.kill_server(self.redis)
        self.redis.start(wait=False)

    def kill_server(self, server, kill=None):
        """In the midst of ops: some of those under way are done and some are not. It stays away
        until the clients have noticed."""
        asked, refused = self.tally.ops, self.tally.unavailable
        server.freeze()
        until(lambda: self.tally.ops > asked + 40, "ops are under way")
        server.thaw()
        (kill or server.kill)()
        self.troubles.append((time.monotonic(), f"{server.name} is killed"))
        until(lambda: self.tally.unavailable > refused + 40, "the clients notice")

    def make_trouble(self):
        """A node every five seconds, Redis at one third and at two thirds; how many kills."""
        started, kills, redis_kills = time.monotonic(), 0, 0
        victim = None
        while time.monotonic() - started < SECONDS:
            passed = time.monotonic() - started
            if passed >= (redis_kills + 1) * SECONDS / 3 and redis_kills < 2:
                redis_kills += 1
                self.kill_redis(redis_kills)
            if passed >= (kills + 1) * KILL_EVERY:
                if victim is not None:
                    victim.start(wait=False)
                victim = self.rng.choice([node for node in self.nodes if node is not victim])
                victim.kill()
                self.troubles.append((time.monotonic(), f"{victim.name} is killed"))
                kills += 1
            before = self.tally.ops
            until(lambda: self.tally.ops > before + OPS_PER_SECOND // 20
                  or time.monotonic() - started >= SECONDS, "it goes on", 30)
        victim.start(wait=False)
        return kills, redis_kills

    # --- the end

    def expected(self):
        ids = [current_id(node) for node in self.nodes]
        expected = Expected(ids)
        for talker in self.talkers:
            if talker.is_connected():
                expected.add(talker.client.uuid, ids[talker.target], talker.groups)
        return expected

    def view(self):
        with contextlib.ExitStack() as stack:
            return RegistryView(*(stack.enter_context(server.client())
                                  for server in self.redis.data_servers()))

    def assertExactWithin(self, seconds):
        """How long it took. Exact is still exact after one more renewal of every lease."""
        deadline, started = Deadline(seconds), time.monotonic()
        while True:
            expected, view = self.expected(), self.view()
            problems = view.problems(expected)
            if not problems:
                break
            if deadline.passed():
                self.fail(f"{len(problems)} problems {seconds} s after the end:\n"
                          f"{shown(problems)}\n{self.story_of(problems)}")
        took = time.monotonic() - started
        until(lambda: all(expiry > view.nodes[node][0] for node, (expiry, _)
                          in self.view().nodes.items()), "all leases are renewed", 15, 0.2)
        after = self.view().problems(self.expected())
        self.assertEqual(after, [], "it was exact, and is not any more")
        self.compare_answers(expected)
        self.key_count = view.key_count
        return took

    def story_of(self, problems):
        """What was told to the channels that the first problems name, gone ones too."""
        lines = []
        for uuid, target, told in self.tally.stories:
            if len(lines) < 100 and any(uuid in problem for problem in problems[:5]):
                story = sorted([(at, f"{op} {group}: {answer}") for at, op, group, answer in told]
                               + self.troubles)
                lines += [f"{uuid} at node{target}:"]
                lines += [f"  {at:.3f} {text}" for at, text in story]
        return "\n".join(lines)

    def call(self, function, key, *words):
        (server, _), = self.redis.servers_of([key])
        return server.call("FCALL_RO", function, 1, key, *words)

    def compare_answers(self, expected):
        """What the public functions say of some groups."""
        for group in self.rng.sample(range(GROUPS), 20):
            name = f"g.{group}"
            key, cursor, found = f"cw:{{g:{name}}}", "0", {}
            while True:
                cursor, *page = self.call("cw_members", key, "CURSOR", cursor, "COUNT", 50)
                found.update(zip(map(bytes.decode, page[::2]), map(bytes.decode, page[1::2])))
                if cursor == b"0":
                    break
            self.assertEqual(found, expected.groups.get(name, {}), name)
            facts = self.call("cw_group", key)
            self.assertEqual(facts[1], len(found), name)
        listed = self.call("cw_nodes", "cw:nodes")
        self.assertEqual({node.decode() for node in listed[::3]}, expected.nodes)

    def summary(self, kills, redis_kills, took):
        tally = self.tally
        print(f"\nchurn: {CHANNELS} clients, {tally.connects} channels, {tally.ops} ops, "
              f"{tally.acknowledged} acknowledged, {tally.unavailable} unavailable, "
              f"{tally.unknown} unknown, {tally.settled} settled, {tally.losses} lost, "
              f"{tally.closes} closed, {tally.aborts} aborted, {kills} nodes and Redis "
              f"{redis_kills} times killed, exact {took:.1f} s after the end, {self.key_count} keys",
              flush=True)

    def test_the_registry_is_exact_after_nodes_and_redis_were_killed(self):
        self.start()
        churning = self.fleet.start(self.churn())
        self.wait_until_churned()
        kills, redis_kills = self.make_trouble()
        for node in self.nodes:
            node.wait_until_ready()
        self.end_churn(churning)
        took = self.assertExactWithin(self.exact_within)
        self.assertEqual(self.tally.faults, [])
        self.summary(kills, redis_kills, took)


if __name__ == "__main__":
    main(190 if LONG else 110)
