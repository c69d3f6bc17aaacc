"""Through the balancer, as users come: the chat of the README, and nodes that are taken out."""

import setup_path  # noqa: F401
from support.case import main
from support.client import Client
from support.cluster import ClusterCase
from support.relay import Relay
from support.wait import until
from support.websocket import WebSocket

CHAT = "/ws?type=text&groups=chat&publish=chat"


class Balancer(ClusterCase):

    def node_of_a_new_client(self):
        with Client(self.balancer) as client:
            return client.welcome["node"]

    def test_two_terminals_chat_across_nodes(self):
        self.start_cluster()
        talkers = []
        for _ in range(6):
            socket = WebSocket(self.balancer.address, CHAT)
            self.addCleanup(socket.drop)
            talkers.append(socket)
            # One's own first line comes back when one is in the chat.
            socket.send_text(f"{len(talkers)} is here")
            for listener in talkers:
                self.assertEqual(listener.receive_text(), f"{len(talkers)} is here")
        nodes = {socket.response.header("chanway-node") for socket in talkers}
        self.assertEqual(nodes, {node.id() for node in self.nodes}, "all nodes take part")
        for line in ("hello", "ünï→😀", "", "x" * 10000, '{"op":"leave"}'):
            for talker in talkers[:3]:
                talker.send_text(line)
                for listener in talkers:
                    self.assertEqual(listener.receive_text(), line)
        self.assertEqual(talkers[0].close(), 1000)
        talkers[1].send_text("bye")
        self.assertEqual(talkers[2].receive_text(), "bye")

    def test_a_node_that_is_not_ready_gets_no_new_clients_and_keeps_its_own(self):
        self.redis = self.own_redis()
        relay = Relay(self.own_folder(), self.redis.socket)
        self.addCleanup(relay.stop)
        self.nodes = [self.own_node(link, wait=False, name=f"node{number}")
                      for number, link in enumerate([self.redis, self.redis, relay], 1)]
        for node in self.nodes:
            node.wait_until_ready()
        self.balancer = self.own_balancer(self.nodes)
        lonely = self.nodes[2]
        until(lambda: self.node_of_a_new_client() == lonely.id(), "it is balanced to as well")
        kept = self.own_client(lonely, "groups=kept")
        kept.next_op("joined")

        relay.cut()
        until(lambda: not lonely.is_ready(), "it is not ready", 4)
        until(lambda: self.is_taken_out(lonely), "it is taken out", 8)
        for _ in range(30):
            self.assertNotEqual(self.node_of_a_new_client(), lonely.id())
        self.assertEqual(kept.request("ping")["op"], "pong")

        relay.restore()
        until(lonely.is_ready, "it is ready again", 8)
        until(lambda: self.node_of_a_new_client() == lonely.id(), "it is taken in again", 8)
        with Client(self.balancer) as other:
            other.publish("kept", text="welcome back")
        self.assertReceives(kept, "kept", text="welcome back")

    def is_taken_out(self, node):
        name = node.name
        return self.balancer.process.find_in_log(rf"(?i)gateways/{name} .*DOWN")

    def test_clients_of_a_node_that_stops_find_another_one(self):
        self.start_cluster()
        leaving = self.nodes[0]
        clients = [self.own_client(leaving, "groups=exodus") for _ in range(10)]
        for client in clients:
            client.next_op("joined")
        other = self.own_client(self.nodes[1], "groups=exodus")
        other.next_op("joined")
        leaving_id = leaving.id()
        leaving.terminate()
        for client in clients:
            self.assertEqual(client.next_op("bye")["code"], 1001)
            self.assertEqual(client.socket.wait_for_close(), 1001)
            back = until(self.come_back, "the balancer has another node", 10)
            self.assertNotEqual(back.welcome["node"], leaving_id)
            back.next_op("joined")
            other.publish("exodus", text="next")
            self.assertReceives(back, "exodus", text="next")
            self.assertReceives(other, "exodus", text="next")
            back.drop()
        self.assertEqual(leaving.process.wait(10), 0)

    def come_back(self):
        """A client that was let in; None while the balancer still tries the node that stops."""
        try:
            return self.own_client(self.balancer, "groups=exodus")
        except (AssertionError, OSError):
            return None

    def test_the_balancer_passes_large_and_many_messages(self):
        self.start_cluster()
        with Client(self.balancer, "groups=large") as client:
            client.next_op("joined")
            for number in range(100):
                text = chr(97 + number % 26) * (600 * number)
                client.send({"op": "publish", "group": "large", "text": text})
            for number in range(100):
                self.assertReceives(client, "large", text=chr(97 + number % 26) * (600 * number))


if __name__ == "__main__":
    main()
