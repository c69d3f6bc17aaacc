"""A node with thousands of channels dies: the others take them away, and nobody else notices.

Control measurements: a second Redis that has nothing to do is pinged in turn with the first one, and a
second cluster of one node carries messages in turn with the first. Of each latency it is known how long the
processes in question were ready to run and had no processor (schedstat): that time is the machine's.
"""

import json
import os
import subprocess
import sys
import time

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.light_client import Fleet, LightClient, connect_many
from support.paths import source_path
from support.process import Process
from support.redis_server import RedisServer
from support.registry_view import Expected, RegistryView, current_id, shown
from support.wait import Deadline, until

LONG = bool(os.environ.get("CHANWAY_TEST_LONG"))
CHANNELS = 10000 if LONG else 3000
GROUPS = 100
SURVIVORS = 40        # on each of the other nodes
REAPED_WITHIN = 20.0  # after the last renewal
LEASE_MS = 15000
PING_MAX = 0.010
COMMAND_MAX = 0.005
CALM = 0.003          # a control ping above it: the machine was not itself
SLOWER = 3.0          # p99 of other nodes' clients, at most so many times the normal one


class Probe:
    """latency_probe.py as a process."""

    def __init__(self, folder, kind, interval, target, control):
        self.name = kind
        self.report = os.path.join(folder, kind + ".json")
        config = os.path.join(folder, kind + ".config")
        with open(config, "w", encoding="ascii") as file:
            json.dump({"kind": kind, "interval": interval, "report": self.report, "target": target,
                       "control": control}, file)
        self.process = Process(kind, [sys.executable, "-B",
                                      source_path("tests/cluster/latency_probe.py"), config],
                               folder, stdin=subprocess.PIPE)

    def results(self):
        self.process.child.stdin.write(b"report\n")
        self.process.child.stdin.flush()
        if self.process.wait(20) != 0:
            raise AssertionError(f"the probe has failed:\n{self.process.log()[-2000:]}")
        with open(self.report, encoding="ascii") as file:
            return json.load(file)

    def stop(self):
        self.process.stop()


def p99(values):
    return sorted(values)[max(0, len(values) * 99 // 100 - 1)]


def latencies(samples, number, since, until_time):
    """Of one column, without what was waited for a processor."""
    return [sample[number] - sample[number + 1] for sample in samples
            if since <= sample[0] <= until_time]


class Watcher:
    """A member of the group that asked for presence."""

    def __init__(self):
        self.client = None
        self.events = []

    async def join(self, address, group):
        self.client = await LightClient.connect(address, on_event=self.events.append)
        reply = await self.client.request("join", group=group, presence=True)
        assert reply["op"] == "ok", reply

    def left(self):
        return [event["channel"] for event in self.events
                if event["op"] == "presence" and event["event"] == "leave"]


class Reaping(ClusterCase):

    def start(self):
        # The disk is left out: what is measured is the reaper's work.
        options = ["--appendonly", "no", "--slowlog-log-slower-than", str(int(COMMAND_MAX * 1e6))]
        self.redis = self.own_redis(options=options)
        self.nodes = [self.own_node(self.redis, name=name) for name in ("dying", "other", "third")]
        self.control_redis = self._keep(RedisServer(self.own_folder(), options=options),
                                        self.addCleanup).start()
        self.control_node = self.own_node(self.control_redis, name="control")
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)

    def populate(self):
        """Clients of all nodes in the hall and in small groups; what is left when one has died."""
        dying, *others = self.nodes
        queries = [f"groups=hall,g.{number % GROUPS}" for number in range(CHANNELS)]
        self.doomed = {client.uuid for client
                       in self.fleet.run(connect_many(dying.address, queries), 120)}
        self.living = Expected([current_id(node) for node in others])
        for node in others:
            for number, client in enumerate(self.fleet.run(
                    connect_many(node.address, queries[:SURVIVORS]))):
                self.living.add(client.uuid, current_id(node), ["hall", f"g.{number % GROUPS}"])
        self.watchers = [Watcher(), Watcher()]
        for watcher, node in zip(self.watchers, others):
            self.fleet.run(watcher.join(node.address, "hall"))
            self.living.add(watcher.client.uuid, current_id(node), ["hall"])
        with self.redis.client() as client:
            until(lambda: client.hlen("cw:{g:hall}:m") == CHANNELS + 2 * SURVIVORS + 2,
                  "all are in the hall", 30)

    def start_probes(self):
        def ping(redis):
            return {"socket": redis.socket, "pid": redis.process.pid}

        def trip(node, redis):
            return {"address": node.address, "pids": [node.process.pid, redis.process.pid]}
        folder = self.own_folder()
        other = self.nodes[1]
        self.pings = self._keep(Probe(folder, "ping", 0.001, ping(self.redis),
                                      ping(self.control_redis)), self.addCleanup)
        self.trips = self._keep(Probe(folder, "trip", 0.002, trip(other, self.redis),
                                      trip(self.control_node, self.control_redis)), self.addCleanup)
        for probe in (self.pings, self.trips):
            probe.process.wait_for_log("^started$")

    def watch_for(self, seconds):
        """Normal life, so that there is something to compare with."""
        started = time.monotonic()
        with self.redis.client() as client:
            until(lambda: client.ping() and time.monotonic() - started > seconds, "normal life",
                  seconds + 5, every=0.1)
        return started

    # --- the death of a node

    def kill_and_wait(self):
        """Times by time.monotonic(): the kill, the first channel gone, all gone; and the seconds
        from the last renewal to the end, by Redis' clock."""
        dying, dying_id = self.nodes[0], current_id(self.nodes[0])
        with self.redis.client() as client:
            client.slowlog_reset()
            dying.kill()
            killed = time.monotonic()
            expiry = int(client.hget("cw:nodes", dying_id).split()[0])
            channels = f"cw:{{n:{dying_id}}}:c"

            def seconds_since_renewal():
                now, micros = client.time()
                return now + micros / 1e6 - (expiry - LEASE_MS) / 1e3
            until(lambda: client.scard(channels) < CHANNELS
                  or seconds_since_renewal() > REAPED_WITHIN, "the reapers begin", 30)
            first = time.monotonic()
            until(lambda: not client.exists(channels, f"cw:{{n:{dying_id}}}")
                  and not client.hexists("cw:nodes", dying_id)
                  or seconds_since_renewal() > REAPED_WITHIN, "the reapers end", 30)
            return killed, first, time.monotonic(), seconds_since_renewal()

    # --- checks

    def assertMembersAreTheLiving(self):
        for node in self.nodes[1:]:
            with node.client() as client:
                found, cursor = [], {}
                while cursor is not None:
                    page = client.members("hall", count=1000, **cursor)
                    found += [(member["channel"], member["node"]) for member in page["members"]]
                    cursor = {"cursor": page["next"]} if "next" in page else None
            self.assertEqual(sorted(found), sorted(self.living.groups["hall"].items()))

    def assertRegistryIsExact(self):
        deadline = Deadline(10)
        with self.redis.client() as client:
            while (problems := RegistryView(client).problems(self.living)):
                self.assertFalse(deadline.passed(), shown(problems))

    def assertLeavesAreTold(self):
        for watcher in self.watchers:
            until(lambda: len(watcher.left()) >= CHANNELS,  # pylint: disable=cell-var-from-loop
                  "all leaves are told")
            self.assertEqual(sorted(watcher.left()), sorted(self.doomed))
            others = {event["channel"] for event in watcher.events} - self.doomed
            self.assertLessEqual(others, {self.watchers[1].client.uuid}, "nothing else is told")

    def assertRedisWasNeverLongBusy(self, pings, since, until_time):
        """No ping over 10 ms, less what it waited for a processor; unless the control was no better."""
        samples = [one for one in pings["samples"] if since <= one[0] <= until_time]
        self.assertGreater(len(samples), 1000)
        slow = []
        for at, took, waited, *_ in samples:
            if took - waited <= PING_MAX:
                continue
            near = [one[3] - one[4] for one in samples if abs(one[0] - at) < 0.1]
            if max(near) < CALM:
                slow.append((at - since, took, waited))
        self.assertEqual(slow, [], "pings of over 10 ms: (when, seconds, of them waited)")
        return (max(one[1] for one in samples), max(one[1] - one[2] for one in samples),
                max(one[3] for one in samples), max(one[3] - one[4] for one in samples))

    def assertNoSlowCommand(self, pings, entries):
        """A command that took long because Redis had no processor is not slow."""
        offset = time.time() - time.monotonic()
        waits = [(sample[0] + offset, total - before) for sample, before, total
                 in zip(pings["samples"][1:], pings["totals"], pings["totals"][1:])]
        slow = []
        for entry in entries:
            excess = entry["duration"] / 1e6 - COMMAND_MAX
            near = [waited for at, waited in waits if abs(at - entry["start_time"]) <= 2]
            if max(near, default=0) < excess:
                slow.append((entry["duration"], entry["command"][:60]))
        self.assertEqual(slow, [], "commands of over 5 ms")
        return len(entries)

    def assertOthersAreNotSlower(self, trips, normal, reaping):
        samples = trips["samples"]
        found = [p99(latencies(samples, number, *when)) for when in (normal, reaping)
                 for number in (1, 3)]
        was, control_was, now, control_now = found
        noise = max(1.0, control_now / control_was)
        self.assertLessEqual(now, SLOWER * noise * was,
                             f"p99 was {was * 1e3:.2f} ms; the control: {control_was * 1e3:.2f} "
                             f"to {control_now * 1e3:.2f} ms")
        return was * 1e3, now * 1e3, control_was * 1e3, control_now * 1e3

    def test_a_dead_nodes_channels_go_and_nobody_else_notices(self):
        self.start()
        self.populate()
        self.start_probes()
        began = self.watch_for(5)
        killed, first, ended, seconds = self.kill_and_wait()
        with self.redis.client() as client:
            entries = client.slowlog_get(128)
        self.watch_for(0.2)
        pings, trips = self.pings.results(), self.trips.results()
        self.assertLessEqual(seconds, REAPED_WITHIN, "seconds since the last renewal")
        self.assertLeavesAreTold()
        self.assertMembersAreTheLiving()
        longest = self.assertRedisWasNeverLongBusy(pings, killed, ended + 0.1)
        slow = self.assertNoSlowCommand(pings, entries)
        trip = self.assertOthersAreNotSlower(trips, (began, killed), (first - 0.1, ended + 0.1))
        self.assertRegistryIsExact()
        reaped = [node.metric("chanway_registry_reaped_total") for node in self.nodes[1:]]
        print("\nreaping: %d channels gone %.1f s after the last renewal, in %.2f s by %s; longest "
              "ping %.1f ms (%.1f without waits; control %.1f, %.1f), %d slow commands, all for want "
              "of a processor; p99 of a message %.2f, then %.2f ms (control %.2f, %.2f)"
              % (CHANNELS, seconds, ended - first, reaped, *(1e3 * one for one in longest), slow,
                 *trip), flush=True)


if __name__ == "__main__":
    main(170 if LONG else 90)
