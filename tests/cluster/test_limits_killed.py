"""Limits of connections when a node dies."""

import time

import setup_path  # noqa: F401
from limits_case import LimitsCase, seats
from support.case import main
from support.wait import until


class Killed(LimitsCase):
    settings = {"max_per_address": "6"}

    def test_a_killed_nodes_connections_count_no_more_within_20_s(self):
        for number in range(6):
            self.welcome(self.nodes[number % 3], "127.0.0.2")
        bye = self.refused(self.nodes[0], 4002, "127.0.0.2")
        self.assertEqual(bye["reason"], "too many connections of this address")
        self.nodes[2].kill()
        started = time.monotonic()

        def is_let_in():
            _, frame = self.connect(self.nodes[0], "127.0.0.2")
            return frame["op"] == "welcome"

        until(is_let_in, "there is room for one", 20, every=0.25)
        self.assertLess(time.monotonic() - started, 20)
        self.welcome(self.nodes[1], "127.0.0.2")
        self.refused(self.nodes[1], 4002, "127.0.0.2") # the others' four seats were renewed meanwhile
        self.assertEqual(seats(self.redis, "127.0.0.2"), 6)

    def tearDown(self):
        self.nodes[2].start()


if __name__ == "__main__":
    main()
