"""The base of the tests of bans."""

import json
import time

import setup_path  # noqa: F401
from limits_case import LimitsCase
from support.tokens import token
from support.wait import until

BYE = {"op": "bye", "code": 4004, "retry_ms": None}


class BansCase(LimitsCase):
    def ban(self, subject, seconds=600, *reason):
        """Every node knows of it."""
        self.assertEqual(self.redis.call("FCALL", "cw_ban", 1, "cw:bans", subject, seconds, *reason), 1)
        self.addCleanup(self.lift, subject)
        self.wait_until_known()

    def lift(self, subject):
        """Whether it is still there or not; nodes read it with the next change."""
        self.redis.call("HDEL", "cw:bans", subject)
        self.redis.call("HSET", "cw:bans", "v", "%d 0" % (time.time() * 1e6))

    def unban(self, subject):
        self.assertEqual(self.redis.call("FCALL", "cw_unban", 1, "cw:bans", subject), 1)
        self.wait_until_known()

    def wait_until_known(self):
        version = int(self.redis.call("HGET", "cw:bans", "v").split()[0])
        until(lambda: all(node.metric("chanway_bans_version") == version for node in self.nodes), "all know", 20)

    def assertThrownOut(self, socket, reason="banned"):
        """It is told once, with nothing before it that is left to read."""
        self.assertEqual(json.loads(socket.receive_text()), {**BYE, "reason": reason})
        self.assertEqual(socket.wait_for_close(), 4004)

    def total(self, name):
        return sum(node.metric(name) for node in self.nodes)

    def come_with(self, user, node, **options):
        return self.connect(node, headers={"Authorization": "Bearer " + token(user)}, **options)
