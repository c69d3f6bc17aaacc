"""A node that stands still longer than its lease comes back as another one, with its clients.

One is stopped (SIGSTOP) for 20 s: its lease of 15 s ends, its channels are taken away. Another one is
stopped for 10 s, longer than it may write without a renewal and shorter than its lease: nothing is
taken from it.
"""

import signal
import time

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.light_client import Fleet, LightClient
from support.registry_view import Expected, RegistryView, current_id, shown
from support.wait import Deadline, until

CLIENTS = 60
GROUPS = 6
LONG_STOP, SHORT_STOP = 20.0, 10.0
EXACT_WITHIN = 10.0


class Member:
    """A client with all it was sent."""

    def __init__(self, node, groups):
        self.node = node
        self.groups = groups
        self.frames = []
        self.client = None

    async def connect(self):
        query = "groups=" + ",".join(self.groups)
        self.client = await LightClient.connect(self.node.address, query, self.frames.append,
                                                timeout=60)

    async def connect_and_join(self):
        """Where the node says that it can't join now, it is asked again."""
        await self.connect()
        for group in self.groups:
            reply = {}
            while reply.get("op") != "ok":
                reply = await self.client.request("join", group=group)
                assert reply["op"] == "ok" or reply["code"] == "unavailable", reply

    def numbers(self, group):
        return [int(frame["text"]) for frame in self.frames
                if frame["op"] == "message" and frame.get("group") == group]

    def directs(self):
        return [int(frame["text"]) for frame in self.frames
                if frame["op"] == "message" and "group" not in frame]

    def direct_gaps(self):
        return [frame for frame in self.frames if frame["op"] == "gap" and "group" not in frame]

    def others(self):
        return [frame for frame in self.frames if frame["op"] not in ("message", "joined")
                and frame not in self.direct_gaps()]


class Zombie(ClusterCase):

    def setUp(self):
        self.redis = self.own_deployment()
        self.zombie, self.sleeper, self.other = self.nodes = [
            self.own_node(self.redis, name=name) for name in ("zombie", "sleeper", "other")]
        self.ids = {node.name: current_id(node) for node in self.nodes}
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)
        self.published = {f"z.{number}": 0 for number in range(GROUPS)}
        self.members = []
        for node in self.nodes:
            for number in range(CLIENTS):
                groups = [f"z.{number % GROUPS}", f"z.{(number + 1) % GROUPS}"]
                member = Member(node, groups)
                self.fleet.run(member.connect())
                self.members.append(member)
        self.publisher = self.own_client(self.other)
        self.direct = 0
        self.watch = []
        self.watcher = self.fleet.run(self.connect_watcher())

    async def connect_watcher(self):
        client = await LightClient.connect(self.other.address, on_event=self.watch.append)
        reply = await client.request("join", group="z.0", presence=True)
        self.assertEqual(reply["op"], "ok", reply)
        return client

    def of(self, node):
        return [member for member in self.members if member.node is node]

    def publish_all(self):
        """One more message to every group."""
        for group, number in self.published.items():
            self.publisher.publish(group, text=str(number))
            self.published[group] = number + 1

    def listed(self, group):
        """Channels and their nodes, as a member elsewhere is told."""
        page = self.publisher.members(group, count=1000)
        return {member["channel"]: member["node"] for member in page["members"]}

    def wait_until_all_got_all(self, members, what):
        until(lambda: all(len(member.numbers(group)) >= self.published[group] for member in members
                          for group in member.groups), what, 20)

    def assertOnceAndInOrder(self, members):
        for member in members:
            self.assertEqual(member.others(), [])
            for group in member.groups:
                self.assertEqual(member.numbers(group), list(range(self.published[group])), group)

    def expected(self):
        ids = {node.name: current_id(node) for node in self.nodes}
        expected = Expected(ids.values())
        for member in self.members:
            if not member.client.is_lost:
                expected.add(member.client.uuid, ids[member.node.name], member.groups)
        expected.add(self.publisher.uuid, ids["other"])
        expected.add(self.watcher.uuid, ids["other"], ["z.0"])
        return expected

    def assertExactWithin(self, seconds):
        deadline, started = Deadline(seconds), time.monotonic()
        with self.redis.client() as client:
            while (problems := RegistryView(client).problems(self.expected())):
                self.assertFalse(deadline.passed(), shown(problems))
        return time.monotonic() - started

    def send_direct(self, member):
        """The answer to one more direct message."""
        self.direct += 1
        return self.publisher.request("send", to=member.client.uuid, text=str(self.direct))

    def stop_both(self):
        """Returns when both have stood still as long as they should, and the zombie's channels are
        gone; the sleeper goes on earlier. Messages are published all the time."""
        started = time.monotonic()
        taken_after, sleeper_goes_on = None, False
        self.zombie.process.signal(signal.SIGSTOP)
        self.sleeper.process.signal(signal.SIGSTOP)

        def is_over():
            nonlocal taken_after, sleeper_goes_on
            passed = time.monotonic() - started
            self.publish_all()
            if passed >= SHORT_STOP and not sleeper_goes_on:
                self.sleeper.process.signal(signal.SIGCONT)
                sleeper_goes_on = True
            owners = {node for group in self.published for node in self.listed(group).values()}
            if taken_after is None and self.ids["zombie"] not in owners:
                taken_after = passed
            return passed >= LONG_STOP and taken_after is not None
        until(is_over, "the zombie's channels are taken away", LONG_STOP + 10, every=0.25)
        return taken_after

    def test_a_stopped_node_comes_back_as_another_one_with_its_clients(self):
        self.publish_all()
        self.wait_until_all_got_all(self.members, "all get the first messages")
        gone = self.of(self.zombie)[0]
        self.assertEqual(self.send_direct(self.of(self.zombie)[1])["status"], "delivered")

        # One of its clients goes while nobody notices, and one comes.
        self.zombie.process.signal(signal.SIGSTOP)
        gone.client.abort()
        early = [self.send_direct(self.of(self.zombie)[1]) for _ in range(3)]
        self.assertEqual([reply["op"] for reply in early], ["ok"] * 3)
        late = Member(self.zombie, ["z.0", "z.1"])
        connecting = self.fleet.start(late.connect_and_join())
        taken_after = self.stop_both()

        # Its channels are away for everybody, and the sleeper's are there.
        self.assertEqual(self.send_direct(self.of(self.zombie)[1])["status"], "queued")
        listed = self.listed("z.0")
        for member in self.of(self.sleeper) + self.of(self.other):
            self.assertEqual(member.client.uuid in listed, "z.0" in member.groups)
        self.assertEqual({node for node in listed.values()},
                         {self.ids["sleeper"], self.ids["other"]})
        told = [event["channel"] for event in self.watch if event.get("event") == "leave"]
        self.assertEqual(sorted(told), sorted(member.client.uuid for member in self.of(self.zombie)
                                              if "z.0" in member.groups))
        still = [member for member in self.members if member.node is not self.zombie]
        self.wait_until_all_got_all(still, "the others got all")

        self.zombie.process.signal(signal.SIGCONT)
        connecting.result(20)
        back = [member for member in self.of(self.zombie) if member is not gone]
        self.members.append(late)
        took = self.assertExactWithin(EXACT_WITHIN)
        self.assertNotEqual(current_id(self.zombie), self.ids["zombie"])
        self.assertEqual(current_id(self.sleeper), self.ids["sleeper"])
        self.assertEqual(self.zombie.metric("chanway_lease_losses_total"), 1)
        self.assertEqual(self.sleeper.metric("chanway_lease_losses_total"), 0)

        # What was published meanwhile is there, and all goes on.
        self.publish_all()
        self.wait_until_all_got_all(back + still, "all got all")
        self.assertOnceAndInOrder(back + still)
        self.assertEqual(self.send_direct(back[0])["status"], "delivered")
        until(lambda: self.direct in back[0].directs(), "a direct message")
        # What was sent to it was kept with its session.
        self.assertEqual(back[0].directs(), list(range(1, self.direct + 1)))
        self.assertEqual(sum(len(member.direct_gaps()) for member in self.members), 0)
        joined = [event["channel"] for event in self.watch if event.get("event") == "join"]
        self.assertEqual(sorted(joined), sorted(member.client.uuid for member in back + [late]
                                                if "z.0" in member.groups))
        print(f"\nzombie: {len(back)} channels taken away {taken_after:.1f} s after the stop, exact "
              f"{took:.1f} s after it went on, {sum(self.published.values())} messages once and in "
              "order", flush=True)


if __name__ == "__main__":
    main()
