"""Bans while Redis is away, after it has lost them, and on nodes that come later."""

import setup_path  # noqa: F401
from bans_case import BansCase
from support.case import main
from support.wait import until


class Away(BansCase):
    node_count = 2

    def setUp(self):
        self.closed = self.own_node(self.redis, name="closed", limits_fail="closed")

    def test_the_copies_hold(self):
        self.ban("address:127.0.0.2", 600, "why")
        every = [*self.nodes, self.closed]
        until(lambda: self.closed.metric("chanway_bans_active") == 1, "it knows")
        self.redis.freeze()
        try:
            for node in every:
                until(lambda: not node.is_ready(), "the link is dead", 20)
                self.refused(node, 4004, "127.0.0.2")
            self.welcome(self.nodes[0], "127.0.0.3", timeout=20)

            def is_refused():
                _, frame = self.connect(self.closed, "127.0.0.3", timeout=20)
                return (frame["op"], frame.get("code")) == ("bye", 1013)

            until(is_refused, "who can't be looked up does not come in where limits-fail = closed", 20)
        finally:
            self.redis.thaw()
        for node in every:
            node.wait_until_ready(30)
        until(lambda: self.connect(self.closed, "127.0.0.3")[1]["op"] == "welcome", "Redis is back", 20)


class Lost(BansCase):
    node_count = 2

    def test_a_redis_that_has_lost_them_gets_them_back(self):
        self.ban("address:127.0.0.2", 600, "a reason")
        self.ban("user:bob", 600)
        before = self.redis.call("HGET", "cw:bans", "v").split()[0]
        self.redis.call("DEL", "cw:bans")
        until(lambda: self.redis.call("HLEN", "cw:bans") >= 3, "all are back", 20)
        self.assertEqual(self.redis.call("HGET", "cw:bans", "v").split()[0], before)
        for node in self.nodes:
            self.assertEqual(self.refused(node, 4004, "127.0.0.2")["reason"], "a reason")
        self.assertGreaterEqual(sum(node.metric("chanway_bans_restored_total") for node in self.nodes), 1)

    def test_a_node_that_comes_later_and_one_that_missed_it(self):
        self.ban("address:127.0.0.4", 600, "late")
        late = self.own_node(self.redis)
        self.refused(late, 4004, "127.0.0.4")
        # Written past the functions, nobody is told: asked for every 5 s.
        socket, _ = self.welcome(late, "127.0.0.5")
        version = int(self.redis.call("HGET", "cw:bans", "v").split()[0])
        self.redis.call("HSET", "cw:bans", "address:127.0.0.5", "99999999999999 missed", "v", "%d 0" % (version + 1))
        self.addCleanup(self.lift, "address:127.0.0.5")
        self.assertThrownOut(socket, "missed")


if __name__ == "__main__":
    main()
