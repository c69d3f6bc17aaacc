"""The base of the tests of sessions: two nodes, and what Redis says of a channel."""

import redis

import setup_path  # noqa: F401
from support.cluster import ClusterCase
from support.wait import until
from support.websocket import Ended
from support.wire import Closed


def where(reply):
    return f"{reply['epoch']}-{reply['offset']}"


def since(reply):
    return {"epoch": reply["epoch"], "offset": reply["offset"]}


class SessionCase(ClusterCase):

    settings = {}

    def setUp(self):
        self.redis = self.own_deployment()
        self.r = self.redis.client()
        self.addCleanup(self.r.close)
        self.nodes = [self.own_node(self.redis, name=name, **self.settings) for name in ("a", "b")]
        self.a, self.b = self.nodes

    def key(self, client):
        return "cw:{c:%s}" % client.uuid

    def state(self, client):
        try:
            fields = self.r.execute_command("FCALL_RO", "cw_channel", 1, self.key(client))
        except redis.ResponseError as error:
            self.assertIn("NOCHANNEL", str(error))
            return "gone"
        return dict(zip(fields[::2], fields[1::2]))[b"state"].decode()

    def wait_until(self, client, state):
        until(lambda: self.state(client) == state, f"{client.uuid} is {state}")

    def send(self, client, text):
        return self.r.execute_command("FCALL", "cw_send", 1, self.key(client), "text", text).decode()

    def lose(self, client):
        """Its connection breaks, and its node has seen that."""
        client.drop()
        self.wait_until(client, "away")

    def resume(self, client, node, query="", **options):
        token = client.welcome["session"]
        return self.own_client(node, f"session={token}" + ("&" + query if query else ""), **options)

    def assertResumed(self, back, client):
        self.assertIs(back.welcome["resumed"], True, back.welcome)
        self.assertEqual(back.uuid, client.uuid)
        self.assertNotEqual(back.welcome["session"], client.welcome["session"])

    def assertNew(self, back, client):
        self.assertIs(back.welcome["resumed"], False, back.welcome)
        self.assertEqual(back.welcome["groups"], [])
        self.assertNotEqual(back.uuid, client.uuid)

    def assertClosed(self, client, code):
        with self.assertRaises((Closed, Ended)) as caught:
            while True:
                client.receive()
        self.assertEqual(caught.exception.code, code, client.inbox)
