"""What catching up takes: 10,000 groups of a node after a lost link, 200 MB of history for one
client."""

import re
import threading
import time

import setup_path  # noqa: F401
from support.case import Case, main
from support.light_client import Fleet, connect_many
from support.wait import seconds_until

GROUPS, GROUPS_EACH = 10000, 100
ATTEMPTS = 4  # the machine may have had other things to do, but not each time

PAYLOAD = 60 * 1024
MESSAGES = 200 * 1024 * 1024 // PAYLOAD + 1
NO_FILES = ["--appendonly", "no", "--save", ""]


def slowness():
    """How many times as long as its CPU time something takes on this machine now."""
    started, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.2:
        pass
    return (time.monotonic() - started) / 0.2


class ManyGroups(Case):

    def setUp(self):
        self.redis = self.own_redis()
        self.node = self.own_node(self.redis)
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)

    def all_live(self):
        metrics = self.node.metrics()
        return (metrics.value("chanway_node_groups") == GROUPS
                and metrics.value("chanway_node_groups_behind") == 0)

    def catch_up(self):
        """How long after it lost its subscriptions the node was up to date in all groups."""
        lost = self.node.metric("chanway_redis_links_lost_total")
        self.assertGreaterEqual(self.redis.call("CLIENT", "KILL", "TYPE", "pubsub"), 1)
        return seconds_until(
            lambda: self.node.metric("chanway_redis_links_lost_total") > lost and self.all_live(),
            "all groups are live again", 30)

    def test_ten_thousand_groups_in_which_nothing_was_missed_are_live_again_within_two_seconds(self):
        names = [f"g{number}" for number in range(GROUPS)]
        queries = ["groups=" + ",".join(names[at:at + GROUPS_EACH])
                   for at in range(0, GROUPS, GROUPS_EACH)]
        clients = self.fleet.run(connect_many(self.node.address, queries))
        seconds_until(self.all_live, "all groups are joined", 30)
        with self.redis.client() as redis:
            pipeline = redis.pipeline(transaction=False)
            for name in names:
                pipeline.execute_command("FCALL", "cw_publish", 1, "cw:{g:%s}" % name, "text", "1")
            pipeline.execute()
        seconds_until(lambda: self.node.metric("chanway_group_messages_total") == GROUPS,
                      "each has a message", 30)
        seen = []
        while not seen or seen[-1][0] >= 2.0 * seen[-1][1] and len(seen) < ATTEMPTS:
            factor = slowness()
            seen.append((self.catch_up(), factor))
        self.assertLess(seen[-1][0], 2.0 * seen[-1][1], seen)
        self.assertEqual(self.node.metric("chanway_group_gaps_total"), 0)
        self.assertEqual(self.node.metric("chanway_group_messages_total"), GROUPS)
        reply = self.fleet.run(clients[0].request("publish", group="g7777", text="2"))
        self.assertEqual((reply["op"], reply["offset"]), ("ok", 2))


class Reader(threading.Thread):
    """Runs `function` and keeps what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function = function
        self.args = args
        self.error = None

    def run(self):
        try:
            self.function(*self.args)
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error


def least(seen):
    """Of each kind the shortest: what is stalled by what we do is stalled each time."""
    return {name: min(one[name] for one in seen) for name in seen[0]}


class LargeHistory(Case):

    def setUp(self):
        self.redis = self.own_redis(options=NO_FILES)
        self.node = self.own_node(self.redis, **{"history_size.large": 100000,
                                                 "history_bytes.large": "1GiB"})
        self.store()

    def store(self):
        body = b"x" * PAYLOAD
        limits = "100000 300000 1073741824 100000"
        with self.redis.client() as redis:
            for at in range(0, MESSAGES, 16):
                count = min(16, MESSAGES - at)
                redis.execute_command("FCALL", "cw_node_publish_many", 1, "cw:{g:large}", limits,
                                      *([1, 0, "shop", body] * count))

    def memory(self, name):
        """VmRSS or VmHWM, its highest since clear_refs, in bytes; None: it says nothing here."""
        with open(f"/proc/{self.node.process.pid}/maps", encoding="ascii") as file:
            if "libasan" in file.read():
                return None
        with open(f"/proc/{self.node.process.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"{name}:\s+(\d+) kB", file.read()).group(1)) * 1024

    def forget_highest(self):
        with open(f"/proc/{self.node.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def read_all(self, client):
        """Offsets are looked for and not parsed: it has to be quick."""
        client.send({"op": "join", "id": "j", "group": "large",
                     "since": {"epoch": "0", "offset": 0}})
        for number in range(1, MESSAGES + 1):
            _, payload = client.socket.receive(20)
            found = re.search(rb'"offset":(\d+)', payload[:300])
            self.assertEqual(int(found.group(1)), number)
        reply = client.reply_to("j", 20)
        self.assertEqual((reply["offset"], reply["recovered"]), (MESSAGES, True))

    def longest(self):
        """Reads it all; how long others waited meanwhile at most: for a pong, a publish, Redis."""
        worst = {"ping": 0.0, "publish": 0.0, "Redis": 0.0}
        reader = Reader(self.read_all, self.own_client(self.node))

        def measure(name, call):
            started = time.monotonic()
            call()
            worst[name] = max(worst[name], time.monotonic() - started)
        with self.redis.client() as redis:
            reader.start()
            while reader.is_alive():
                measure("ping", lambda: self.probe.request("ping"))
                measure("publish", lambda: self.probe.publish("probe", data=1))
                measure("Redis", redis.ping)
        if reader.error:
            raise reader.error
        self.probe.inbox.clear()
        return worst

    def test_a_client_that_asks_for_all_of_it_costs_little_memory_and_stalls_nobody(self):
        self.probe = self.own_client(self.node)
        self.probe.join("probe")
        before = self.memory("VmRSS")
        self.forget_highest()
        replays = self.node.metric("chanway_client_replayed_messages_total")
        seen, allowed = [], 0
        while not seen or max(least(seen).values()) > allowed and len(seen) < ATTEMPTS:
            allowed = max(allowed, 0.05 * slowness())
            seen.append(self.longest())
        self.assertLessEqual(max(least(seen).values()), allowed, seen)
        if before is not None:
            self.assertLess(self.memory("VmHWM") - before, 16 << 20)
        self.assertEqual(self.node.metric("chanway_client_replayed_messages_total") - replays,
                         MESSAGES * len(seen))


if __name__ == "__main__":
    main(limit=110)
