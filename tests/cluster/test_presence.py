"""Members who asked for presence see who comes and goes on every node; also when links are lost."""

import asyncio
import collections
import os
import random
import threading
import time

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.light_client import Fleet, LightClient, connect_many
from support.wait import until

CROWD = 1000
COMERS = 60
CHURN_SECONDS = 30.0 if os.environ.get("CHANWAY_TEST_LONG") else 5.0


class Belief:
    """A member who asked for presence, and what it has to believe of the group from what it is told."""

    def __init__(self):
        self.client = None
        self.events = []
        self.members = set()
        self.heard = set()  # whom events have named: they are newer than any page
        self.odd = []       # joins of those who were in, leaves of those who were not
        self.gaps = 0

    def on_event(self, frame):
        if frame["op"] != "presence":
            return
        uuid, is_join = frame["channel"], frame["event"] == "join"
        self.events.append((frame["event"], uuid))
        if uuid in self.heard and is_join == (uuid in self.members):
            self.odd.append((frame["event"], uuid))
        self.heard.add(uuid)
        (self.members.add if is_join else self.members.discard)(uuid)

    async def join(self, node, group):
        self.client = await LightClient.connect(node.address, on_event=self.on_event)
        reply = await self.client.request("join", group=group, presence=True)
        assert reply["op"] == "ok", reply
        await self.read_members(group)
        return self

    async def read_members(self, group):
        """Whoever an event has not named yet is as the pages say."""
        cursor = {}
        while cursor is not None:
            reply = await self.client.request("members", group=group, count=100, **cursor)
            for member in reply["members"]:
                if member["channel"] not in self.heard:
                    self.members.add(member["channel"])
            cursor = {"cursor": reply["next"]} if "next" in reply else None

    def count(self, event):
        return sum(name == event for name, _ in self.events)


class Presence(ClusterCase):

    def setUp(self):
        self.redis = self.own_deployment()
        self.nodes = [self.own_node(self.redis, name=f"node{number}") for number in range(3)]
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)

    def watch(self, node, group="hall"):
        return self.fleet.run(Belief().join(node, group))

    def registry(self, group="hall"):
        """Who is in the group, as a back end is told."""
        with self.redis.client() as client:
            cursor, found = "0", set()
            while True:
                cursor, *page = client.execute_command("FCALL_RO", "cw_members", 1,
                                                       "cw:{g:%s}" % group, "CURSOR", cursor,
                                                       "COUNT", 1000)
                found.update(uuid.decode() for uuid in page[::2])
                if cursor == b"0":
                    return found

    def assertBelievesTheRegistry(self, *beliefs):
        for belief in beliefs:
            until(lambda: belief.members == self.registry(),  # pylint: disable=cell-var-from-loop
                  "what it believes is what the registry says", 20, every=0.1)
            self.assertEqual(belief.odd, [])

    # --- tests

    def test_joins_and_leaves_on_every_node_are_seen_and_ones_own_join_is_not(self):
        first = self.own_client(self.nodes[0])
        plain = self.own_client(self.nodes[0], "groups=hall")
        plain.next_op("joined")
        first.join("hall", presence=True)
        second = self.own_client(self.nodes[1])
        second.join("hall", presence=True)
        self.assertEqual(first.next_op("presence"),
                         {"op": "presence", "group": "hall", "event": "join",
                          "channel": second.uuid, "user": None})
        for node in self.nodes:
            comer = self.own_client(node)
            for number in range(3):
                comer.join("hall")
                for watcher in (first, second):
                    event = watcher.next_op("presence")
                    self.assertEqual((event["event"], event["channel"]), ("join", comer.uuid))
                if number == 0:
                    comer.leave("hall")
                elif number == 1:
                    comer.close()
                    comer = self.own_client(node)
                else:
                    comer.drop()
                for watcher in (first, second):
                    self.assertEqual(watcher.next_op("presence")["event"], "leave")
        second.leave("hall")
        self.assertEqual(first.next_op("presence")["channel"], second.uuid)
        # Who left is told no more, and who never asked was told nothing.
        with self.nodes[2].client("groups=hall") as last:
            last.next_op("joined")
            self.assertEqual(first.next_op("presence")["channel"], last.uuid)
        self.assertEqual(first.next_op("presence")["event"], "leave")
        self.assertEqual(second.settle(), [])
        self.assertEqual(plain.settle(), [])

    def test_presence_is_asked_for_anew_by_each_join(self):
        watcher, comer = self.own_client(self.nodes[0]), self.own_client(self.nodes[1])
        for number in range(100):
            group = f"anew.{number}"
            watcher.join(group, presence=True)
            watcher.leave(group)
            watcher.join(group)
            comer.join(group)
            comer.publish(group, text="mark")
            self.assertReceives(watcher, group, text="mark")
            watcher.leave(group)
            watcher.join(group, presence=True)
            comer.leave(group)
            event = watcher.next_op("presence")
            self.assertEqual((event["event"], event["channel"]), ("leave", comer.uuid))
            comer.join(group)
            event = watcher.next_op("presence")
            self.assertEqual((event["event"], event["channel"]), ("join", comer.uuid))
            comer.leave(group)
            self.assertEqual(watcher.next_op("presence")["event"], "leave")
            watcher.leave(group)

    def test_a_thousand_members_join_at_once(self):
        watchers = [self.watch(node) for node in self.nodes]
        started = time.monotonic()
        connecting = [self.fleet.start(connect_many(node.address, [""] * (CROWD // 3 + 1)))
                      for node in self.nodes]
        crowd = [client for some in connecting for client in some.result(60)][:CROWD]

        async def all_do(op):
            replies = await asyncio.gather(*(client.request(op, group="hall") for client in crowd))
            return collections.Counter(reply["op"] for reply in replies)
        self.assertEqual(self.fleet.run(all_do("join")), {"ok": CROWD})
        uuids = {client.uuid for client in crowd}
        for event, others in (("join", 2), ("leave", 0)):
            if event == "leave":
                for client in crowd[:CROWD // 2]:
                    self.fleet.loop.call_soon_threadsafe(client.abort)
                half = self.fleet.start(self.leave_all(crowd[CROWD // 2:]))
                half.result(60)
            for number, watcher in enumerate(watchers):
                until(lambda: watcher.count(event)  # pylint: disable=cell-var-from-loop
                      >= CROWD + max(0, others - number), f"all see all {event}s", 20)
                told = [uuid for name, uuid in watcher.events if name == event and uuid in uuids]
                self.assertEqual(len(told), CROWD)
                self.assertEqual(set(told), uuids)
        self.assertBelievesTheRegistry(*watchers)
        print(f"\npresence: {CROWD} joins and leaves told to {len(watchers)} members in "
              f"{time.monotonic() - started:.1f} s", flush=True)

    async def leave_all(self, clients):
        await asyncio.gather(*(client.request("leave", group="hall") for client in clients))

    def churn_until(self, is_over):
        """Members come and go on all nodes, until the event; a future."""
        self.comers = {}

        async def come_and_go(number):
            rng = random.Random(number)
            client = None
            while not is_over.is_set():
                if client is None or client.is_lost:
                    client = await LightClient.connect(rng.choice(self.nodes).address)
                    self.comers[number] = client
                dice = rng.random()
                if dice < 0.1:
                    await client.close()
                elif dice < 0.15:
                    client.abort()
                    await client.ended
                else:
                    reply = await client.request(rng.choice(("join", "leave")), group="hall")
                    if reply["op"] != "ok" and reply["code"] not in ("timeout", "unavailable"):
                        raise AssertionError(f"{reply}")
                await asyncio.sleep(rng.uniform(0, 0.1))

        async def all_of_them():
            await asyncio.gather(*(come_and_go(number) for number in range(COMERS)))
        return self.fleet.start(all_of_them())

    def lose_links(self, *kinds):
        """Watchers come early and late; links are lost; in the end all believe the registry."""
        early = [self.watch(node) for node in self.nodes]
        is_over = threading.Event()
        self.addCleanup(is_over.set)
        churning = self.churn_until(is_over)
        late, kills = [], 0
        started = time.monotonic()
        with self.redis.client() as client:
            while time.monotonic() - started < CHURN_SECONDS:
                before = sum(len(belief.events) for belief in early)
                for kind in kinds:
                    kills += client.execute_command("CLIENT", "KILL", "TYPE", kind)
                until(lambda: all(node.is_ready() for node in self.nodes), "links are up", 15)
                until(lambda: sum(len(belief.events) for belief in early)
                      > before + 200,  # pylint: disable=cell-var-from-loop
                      "it goes on", 20)
                if len(late) < 3:
                    late.append(self.watch(self.nodes[len(late)]))
            # The last loss, and nothing after it but what is under way.
            kills += client.execute_command("CLIENT", "KILL", "TYPE", kinds[0])
        is_over.set()
        churning.result(30)
        there = {client.uuid for client in self.comers.values() if not client.is_lost}
        there |= {belief.client.uuid for belief in early + late}
        until(lambda: self.registry() <= there, "the registry has no ghosts", 20, every=0.1)
        self.assertBelievesTheRegistry(*early, *late)
        self.assertGreater(kills, 10)
        print(f"\npresence: {kills} links killed ({', '.join(kinds)}), "
              f"{sum(len(belief.events) for belief in early)} events, "
              f"{len(self.registry())} members in the end", flush=True)

    def test_after_lost_subscriptions_members_believe_what_is_so(self):
        self.lose_links("pubsub")

    def test_after_lost_links_of_both_kinds_members_believe_what_is_so(self):
        self.lose_links("normal", "pubsub")


if __name__ == "__main__":
    main(150)
