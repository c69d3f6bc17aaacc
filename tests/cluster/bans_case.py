"""The base of the tests of bans."""

import json
import time

import setup_path  # noqa: F401
from limits_case import LimitsCase
from support.tokens import token

BYE = {"op": "bye", "code": 4004, "retry_ms": None}


class BansCase(LimitsCase):
    def ban(self, subject, seconds=600, *reason):
        self.assertEqual(self.redis.call("FCALL", "cw_ban", 1, "cw:bans", subject, seconds, *reason), 1)
        self.addCleanup(self.lift, subject)

    def unban(self, subject):
        self.assertEqual(self.redis.call("FCALL", "cw_unban", 1, "cw:bans", subject), 1)

    def lift(self, subject):
        self.redis.call("HDEL", "cw:bans", subject)
        self.redis.call("HSET", "cw:bans", "v", "%d 0" % (time.time() * 1e6))

    def assertThrownOut(self, socket, reason="banned"):
        """It is told once, with nothing before it that is left to read."""
        self.assertEqual(json.loads(socket.receive_text()), {**BYE, "reason": reason})
        self.assertEqual(socket.wait_for_close(), 4004)

    def total(self, name):
        return sum(node.metric(name) for node in self.nodes)

    def come_with(self, user, node, **options):
        return self.connect(node, headers={"Authorization": "Bearer " + token(user)}, **options)
