"""Bans hold on every node at once, for those that are there and those that come, and while Redis is away."""

import json

import setup_path  # noqa: F401
from bans_case import BYE, BansCase
from support.case import main
from support.tokens import SECRET, token
from support.wait import until


class Addresses(BansCase):
    def test_all_that_are_there_and_all_that_come(self):
        there = [self.welcome(node, "127.0.0.2")[0] for node in self.nodes * 3]
        raw = self.own_raw(self.nodes[1], source="127.0.0.2")
        others = [self.welcome(node, "127.0.0.3")[0] for node in self.nodes]
        closed, refused = self.total("chanway_bans_closed_total"), self.total("chanway_bans_refused_total")
        self.ban("address:127.0.0.2", 600, "too loud")
        for socket in there:
            self.assertThrownOut(socket, "too loud")
        self.assertEqual(raw.wait_for_close(), 4004)
        for node in self.nodes:
            self.assertEqual(self.refused(node, 4004, "127.0.0.2"), {**BYE, "reason": "too loud"})
        for socket in others:
            socket.ping()
        self.assertEqual(self.total("chanway_bans_closed_total"), closed + 10)
        self.assertEqual(self.total("chanway_bans_refused_total"), refused + 3)
        for node in self.nodes:
            self.assertGreaterEqual(node.metric("chanway_bans_active"), 1)
        self.unban("address:127.0.0.2")
        for node in self.nodes:
            self.welcome(node, "127.0.0.2")

    def test_a_network(self):
        inside = [self.welcome(node, "127.7.0.%d" % (9 + number))[0] for number, node in enumerate(self.nodes)]
        outside = self.welcome(self.nodes[0], "127.8.0.1")[0]
        self.ban("address:127.7.0.0/16")
        for socket in inside:
            self.assertThrownOut(socket)
        self.refused(self.nodes[2], 4004, "127.7.255.255")
        outside.ping()

    def test_it_ends_by_itself(self):
        self.ban("address:127.0.0.4")
        self.refused(self.nodes[0], 4004, "127.0.0.4")
        self.ban("address:127.0.0.4", 1)
        for node in self.nodes:
            until(lambda: self.connect(node, "127.0.0.4")[1]["op"] == "welcome", "it is over")

    def test_many_channels_go_in_slices(self):
        for _ in range(20):
            self.at_once(50, "127.0.0.5")
        before = self.total("chanway_bans_closed_total")
        self.ban("address:127.0.0.0/29")
        until(lambda: self.total("chanway_bans_closed_total") == before + 1000, "all are closed", 20)


class Channels(BansCase):
    def test_it_does_not_come_back_by_its_session(self):
        socket, welcome = self.welcome(self.nodes[0])
        lost, away = self.welcome(self.nodes[1])
        lost.drop()
        for uuid in (welcome["channel"], away["channel"]):
            self.ban("channel:" + uuid, 600, "")
        self.assertThrownOut(socket)
        for node in self.nodes:
            self.refused(node, 4004, query="session=" + away["session"])
        self.welcome(self.nodes[0])


class Users(BansCase):
    settings = {"token_secret": SECRET}

    def test_a_user_wherever_it_is(self):
        ends = [self.come_with("alice b", node) for node in self.nodes]
        bob, _ = self.come_with("bob", self.nodes[0])
        self.ban("user:alice=20b", 600, "bye, alice")
        for socket, frame in ends:
            self.assertEqual(frame["op"], "welcome")
            self.assertThrownOut(socket, "bye, alice")
        for node in self.nodes:
            socket, frame = self.come_with("alice b", node)
            self.assertEqual((frame["op"], frame["code"]), ("bye", 4004))
            self.assertEqual(socket.wait_for_close(), 4004)
        bob.ping()

    def test_one_that_shows_its_token_late(self):
        self.ban("user:carol")
        socket, frame = self.connect(self.nodes[1])
        self.assertEqual(frame["op"], "welcome")
        socket.send_text(json.dumps({"op": "auth", "id": 1, "token": token("carol")}))
        self.assertEqual(socket.wait_for_close(), 4004)


class Optional(BansCase):
    settings = {"token_secret": SECRET, "require_token": "off"}
    node_count = 1

    def test_one_that_is_in_and_shows_its_token_then(self):
        self.ban("user:carol")
        socket, _ = self.welcome(self.nodes[0])
        socket.send_text(json.dumps({"op": "auth", "id": 1, "token": token("carol")}))
        self.assertEqual(socket.wait_for_close(), 4004)


if __name__ == "__main__":
    main()
