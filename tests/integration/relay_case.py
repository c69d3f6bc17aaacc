"""A node behind a relay, a client that publishes and one that listens."""

from support.case import Case
from support.relay import Relay
from support.wait import Deadline


class RelayCase(Case):

    def setUp(self):
        self.redis = self.own_redis()
        self.relay = self._keep(Relay(self.own_folder(), self.redis.socket), self.addCleanup)
        self.node = self.own_node(self.relay, op_timeout="2s")
        self.client = self.own_client(self.node)
        self.listener = self.own_client(self.node, "groups=g")
        self.listener.next_op("joined")
        self.offsets = []

    def status(self):
        return self.node.get("/readyz").status

    def publish_until_ok(self, text):
        deadline = Deadline(15)
        while True:
            reply = self.client.request("publish", group="g", text=text)
            if reply["op"] == "ok":
                return reply
            self.assertIn(reply["code"], ("unavailable", "timeout"))
            self.assertFalse(deadline.passed(), "publishing does not work again")

    def wait_for(self, text):
        """Everything up to the message with this text, without a hole."""
        while True:
            frame = self.listener.message()
            self.offsets.append(frame["offset"])
            if frame["text"] == text:
                self.assertEqual(self.offsets, list(range(1, len(self.offsets) + 1)))
                return
