"""A node above its memory-max: whoever reads is not touched."""

import os
import re
import signal

import setup_path  # noqa: F401
from support.case import Case, main
from support.wait import until
from support.websocket import JSON, WebSocket

MIB = 1 << 20
TEXT = "s" * 60000
CLOSED = r"channel=(\S+) .*closing: slow consumer"


def resident(pid):
    """Bytes of memory that a process holds."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class MemoryMax(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def setUp(self):
        self.config = os.path.join(self.own_folder(), "chanway.ini")
        self.write(0)
        self.node = self.own_node(self.redis, config=self.config, send_queue_max="64MiB",
                                  history_size=2, **{"slow-policy.lossy*": "drop-oldest"})
        self.publisher = self.own_client(self.node)
        self.good = [self.own_client(self.node, "groups=good") for _ in range(5)]
        for client in self.good:
            client.next_op("joined")
        self.said = 0

    def write(self, limit):
        with open(self.config, "w", encoding="ascii") as file:
            file.write(f"memory-max = {limit}\n")

    def set_limit(self, limit):
        before = len(self.node.process.log())
        self.write(limit)
        self.node.process.signal(signal.SIGHUP)
        until(lambda: "settings reloaded" in self.node.process.log()[before:], "it has reloaded")

    def resident(self):
        return resident(self.node.process.pid)

    def stalled(self, group):
        client = self.own_client(self.node, receive_buffer=8192)
        client.join(group)
        return client

    def check_good_ones(self):
        """Everybody who reads hears everything."""
        self.said += 1
        self.publisher.publish("good", data=self.said)
        for client in self.good:
            self.assertReceives(client, "good", data=self.said)

    def count(self, name):
        return self.node.metric("chanway_memory_" + name)

    def fill(self, groups, done):
        """Publishes to the groups in turn until `done`; the most that the node held meanwhile."""
        peak = 0
        for number in range(4000):
            self.publisher.publish(groups[number % len(groups)], text=TEXT)
            if number % 10 == 0:
                self.check_good_ones()
                peak = max(peak, self.resident())
                if done():
                    return peak
        return self.fail("it does not come to that")

    def test_the_largest_queues_go_and_the_memory_comes_back(self):
        slow = [self.stalled(f"slow{number}") for number in range(6)]
        limit = self.resident() + 48 * MIB
        self.set_limit(limit)
        groups = ["slow0"] + [f"slow{number}" for number in range(6)]  # the first twice
        peak = self.fill(groups, lambda: self.count("queues_dropped_total") >= 2)
        self.assertLess(peak, limit + 16 * MIB)
        until(lambda: self.resident() <= limit, "it is below again")
        closed = re.findall(CLOSED, self.node.process.log())
        self.assertEqual(closed[0], slow[0].uuid, "the largest queue is the first")
        self.assertLess(len(closed), 6, "no more than it takes")
        self.assertGreater(self.count("dropped_bytes_total"), 2 * MIB)
        until(lambda: self.node.metric("chanway_node_memory_low") == 0, "it is as usual again")
        self.own_client(self.node)
        self.check_good_ones()
        for client in self.good:
            self.assertEqual(client.settle(), [])

    def test_messages_that_may_be_lost_are_lost_before_anybody_is_closed(self):
        slow = self.stalled("lossy")
        limit = self.resident() + 32 * MIB
        self.set_limit(limit)
        self.fill(["lossy"], lambda: self.count("queues_dropped_total") >= 1)
        until(lambda: self.resident() <= limit, "it is below again")
        until(lambda: self.node.metric("chanway_node_memory_low") == 0, "it is as usual again")
        self.assertFalse(self.node.process.find_in_log(CLOSED))
        self.publisher.publish("lossy", text="the last")
        at, gaps = 0, 0
        while True:
            frame = slow.next()
            self.assertIn(frame["op"], ("message", "gap"))
            self.assertGreater(frame["offset"], at)
            gaps += frame["op"] == "gap"
            self.assertTrue(frame["op"] == "gap" or frame["offset"] == at + 1)
            at = frame["offset"]
            if frame.get("text") == "the last":
                break
        self.assertGreater(gaps, 0)
        self.check_good_ones()

    def test_while_there_is_too_little_nobody_new_comes_in(self):
        self.check_good_ones()
        self.set_limit(4 * MIB)  # less than it needs for itself
        until(lambda: self.node.metric("chanway_node_memory_low") == 1, "it is low")
        socket = WebSocket(self.node.address, protocol=JSON)
        self.addCleanup(socket.drop)
        self.assertEqual(socket.wait_for_close(), 1013)
        self.assertIn(b'"bye"', socket.last_messages[0][1])
        self.assertIn(b"memory", socket.last_messages[0][1])
        self.assertEqual(len(socket.last_messages), 1)
        self.assertEqual(self.node.get("/healthz").status, 200)
        self.check_good_ones()
        self.set_limit(0)
        until(lambda: self.node.metric("chanway_node_memory_low") == 0, "it is as usual again")
        self.own_client(self.node)
        self.check_good_ones()
        self.assertEqual(self.count("queues_dropped_total"), 0)


if __name__ == "__main__":
    main()
