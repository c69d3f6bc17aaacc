"""Limits of connections when Redis is away or forgets, and when a node stops."""

import time

import setup_path  # noqa: F401
from limits_case import LimitsCase, seats
from support.case import main
from support.wait import until


class Lost(LimitsCase):
    settings = {"max_per_address": "4"}
    node_count = 2

    def test_a_redis_that_forgets_is_told_again(self):
        for number in range(4):
            self.welcome(self.nodes[number % 2], "127.0.0.2")
        self.redis.call("DEL", "cw:{l:a:127.0.0.2}")
        until(lambda: seats(self.redis, "127.0.0.2") == 4, "all four are there again", 15)
        self.refused(self.nodes[0], 4002, "127.0.0.2")

    def test_nothing_is_left_of_a_node_that_stops(self):
        node = self.own_node(self.redis, **self.settings)
        for _ in range(3):
            self.welcome(node, "127.0.0.3")
        self.assertEqual(seats(self.redis, "127.0.0.3"), 3)
        node.stop()
        self.assertEqual(seats(self.redis, "127.0.0.3"), 0)


class RedisAway(LimitsCase):
    """limits-fail: one node lets in, one does not."""

    node_count = 1
    settings = {"max_per_address": "2", "connect_rate": "100/60s"}

    def setUp(self):
        self.open = self.nodes[0]
        self.closed = self.own_node(self.redis, name="closed", limits_fail="closed", **self.settings)

    def test_a_stopped_redis_is_waited_for_a_while(self):
        before = self.open.metric("chanway_limits_unavailable_total")
        self.redis.freeze()
        try:
            started = time.monotonic()
            bye = self.refused(self.closed, 1013, "127.0.0.2")
            self.assertTrue(1000 <= bye["retry_ms"] <= 2000)
            ends = [self.connect(self.open, "127.0.0.2") for _ in range(3)]
            self.assertEqual([frame["op"] for _, frame in ends], ["welcome"] * 3)
            self.assertLess(time.monotonic() - started, 15)
            self.assertEqual(self.open.metric("chanway_limits_unavailable_total"), before + 3)
        finally:
            self.redis.thaw()
        # Nobody is thrown out; those who come now see that it is full.
        until(lambda: seats(self.redis, "127.0.0.2") == 3, "all three are counted", 20)
        self.open.wait_until_ready()
        self.closed.wait_until_ready()
        self.refused(self.open, 4002, "127.0.0.2")
        self.refused(self.closed, 4002, "127.0.0.2")


if __name__ == "__main__":
    main()
