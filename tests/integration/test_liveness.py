"""A link to Redis that is open and dead: found in each direction of each link, and replaced."""

import os
import socket
import time

import setup_path  # noqa: F401
from relay_case import RelayCase
from support.case import main
from support.wait import seconds_until, until


class HalfOpen(RelayCase):

    def check_stall(self, is_pubsub, is_to_redis, why):
        self.publish_until_ok("before")
        self.wait_for("before")
        reconnects = self.node.metric("chanway_redis_reconnects_total")
        self.assertEqual(self.node.metric("chanway_canary_stalls_total"), 0)
        self.relay.stall(is_pubsub, is_to_redis)
        started = time.monotonic()
        self.assertLess(seconds_until(lambda: self.status() == 503, "not ready"), 3.0)
        self.assertIn(why, self.node.get("/readyz").body.decode("ascii"))
        until(lambda: self.node.metric("chanway_canary_stalls_total") == 1, "a stall is counted", 2)
        if why == "messages do not come back":
            self.assertGreater(self.node.metric("chanway_canary_lag_ms"), 1500)

        until(lambda: self.node.metric("chanway_redis_links_lost_total") == 1, "it is given up")
        self.assertLess(time.monotonic() - started, 6.5)
        self.assertLess(seconds_until(lambda: self.status() == 200, "ready again"), 3)
        self.assertEqual(self.node.metric("chanway_redis_reconnects_total"), reconnects + 1)
        self.node.process.wait_for_log("silent for 6 s: .*" + why)
        self.publish_until_ok("after")
        self.wait_for("after")
        self.client.join("h")
        self.assertLess(self.node.metric("chanway_canary_lag_ms"), 1500)

    def test_commands_do_not_arrive(self):
        self.check_stall(False, True, "messages do not come back")

    def test_answers_do_not_arrive(self):
        """Canaries come back all the time: only their answers are missing."""
        self.check_stall(False, False, "the command link is not answered")

    def test_subscriptions_do_not_arrive(self):
        """Messages of the groups there are go on: only who joins another one would wait for ever."""
        self.check_stall(True, True, "the pub/sub link is not answered")

    def test_messages_do_not_arrive(self):
        self.check_stall(True, False, "messages do not come back")


    def test_a_server_that_accepts_and_never_answers_is_given_up(self):
        with socket.socket(socket.AF_UNIX) as silent:
            path = os.path.join(self.own_folder(), "silent.sock")
            silent.bind(path)
            silent.listen(16)
            self.relay.lead(path)
            self.relay.drop(is_pubsub=True)
            silent.settimeout(10)
            kept = [silent.accept()[0] for _ in range(2)]
            self.relay.lead(self.redis.socket)  # for whoever tries again
            self.node.process.wait_for_log("no answer while connecting", 8)
            self.assertLess(seconds_until(lambda: self.status() == 200, "ready again"), 3)
            for connection in kept:
                connection.close()


if __name__ == "__main__":
    main()
