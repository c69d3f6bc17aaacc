"""connect-rate, max-per-address: counted in the whole cluster, to the last connection."""

import json
import time

import setup_path  # noqa: F401
from limits_case import LimitsCase, seats
from support.case import main
from support.tokens import SECRET, token
from support.wait import until


class Rate(LimitsCase):
    settings = {"connect_rate": "20/60s"}

    def test_twenty_of_sixty_at_once_whatever_nodes_they_hit(self):
        refused_before = sum(node.metric("chanway_limits_refused_rate_total") for node in self.nodes)
        frames = [frame for _, frame in self.at_once(60, "127.0.0.2")]
        self.assertEqual(sorted(frame["op"] for frame in frames), ["bye"] * 40 + ["welcome"] * 20)
        for frame in frames:
            if frame["op"] == "bye":
                self.assertEqual((frame["code"], frame["reason"]), (4002, "connecting too often"))
                self.assertTrue(0 < frame["retry_ms"] <= 60000, frame)
        refused = sum(node.metric("chanway_limits_refused_rate_total") for node in self.nodes)
        self.assertEqual(refused - refused_before, 40)

    def test_those_that_are_gone_count_as_well(self):
        for number in range(20):
            socket, _ = self.welcome(self.nodes[number % 3], "127.0.0.3")
            socket.close()
        first = self.refused(self.nodes[0], 4002, "127.0.0.3")["retry_ms"]
        second = self.refused(self.nodes[1], 4002, "127.0.0.3")["retry_ms"]
        self.assertLessEqual(second, first) # being refused makes it no longer

    def test_another_address_is_another_window(self):
        for number in range(20):
            self.welcome(self.nodes[0], "127.0.0.4")
        self.refused(self.nodes[0], 4002, "127.0.0.4")
        self.welcome(self.nodes[0], "127.0.0.5")

    def test_a_resume_is_a_connection(self):
        socket, welcome = self.welcome(self.nodes[0], "127.0.0.6")
        for number in range(18):
            socket.drop()
            socket, welcome = self.welcome(self.nodes[number % 3], "127.0.0.6",
                                           query="session=" + welcome["session"])
            self.assertTrue(welcome["resumed"])
        self.welcome(self.nodes[0], "127.0.0.6")
        socket.drop()
        self.refused(self.nodes[1], 4002, "127.0.0.6", query="session=" + welcome["session"])

    def test_raw_channels_get_the_code_alone(self):
        for number in range(20):
            self.welcome(self.nodes[0], "127.0.0.7")
        raw = self.own_raw(self.nodes[1], source="127.0.0.7")
        self.assertEqual(raw.wait_for_close(), 4002)
        self.assertEqual(raw.last_messages, [])


class Retry(LimitsCase):
    settings = {"connect_rate": "2/2s"}

    def test_after_retry_ms_one_is_let_in(self):
        for number in range(2):
            self.welcome(self.nodes[number], "127.0.0.2")
        started = time.monotonic()
        wait_ms = self.refused(self.nodes[2], 4002, "127.0.0.2")["retry_ms"]
        self.assertLessEqual(wait_ms, 2000)
        time.sleep(max(0, started + wait_ms / 1000 - time.monotonic()) + 0.01)
        self.welcome(self.nodes[2], "127.0.0.2")


class Address(LimitsCase):
    settings = {"max_per_address": "10"}

    def test_ten_at_once_and_one_for_each_that_goes(self):
        ends = self.at_once(30, "127.0.0.2")
        sockets = [socket for socket, frame in ends if frame["op"] == "welcome"]
        byes = [frame for _, frame in ends if frame["op"] == "bye"]
        self.assertEqual((len(sockets), len(byes)), (10, 20))
        self.assertEqual({(bye["code"], bye["reason"]) for bye in byes},
                         {(4002, "too many connections of this address")})
        self.assertTrue(all(bye["retry_ms"] >= 1000 for bye in byes))
        sockets[0].close()
        sockets[1].drop()
        until(lambda: seats(self.redis, "127.0.0.2") == 8, "two seats are free")
        again = self.at_once(5, "127.0.0.2")
        self.assertEqual(sorted(frame["op"] for _, frame in again), ["bye"] * 3 + ["welcome"] * 2)
        self.assertEqual(sum(node.metric("chanway_limits_seats") for node in self.nodes),
                         sum(seats(self.redis, a) for a in ("127.0.0.2", "127.0.0.3")))
        for socket in sockets + [socket for socket, _ in again]:
            socket.drop()
        until(lambda: seats(self.redis, "127.0.0.2") == 0, "all are free")

    def test_a_resume_keeps_its_seat(self):
        ends = [self.welcome(self.nodes[0], "127.0.0.3") for _ in range(10)]
        session = ends[0][1]["session"]
        for number in range(6): # the connections before are still there
            socket, welcome = self.welcome(self.nodes[number % 3], "127.0.0.3", query="session=" + session)
            self.assertTrue(welcome["resumed"])
            session = welcome["session"]
            self.addCleanup(socket.drop)
        self.assertEqual(seats(self.redis, "127.0.0.3"), 10)
        self.refused(self.nodes[1], 4002, "127.0.0.3")
        until(lambda: seats(self.redis, "127.0.0.3") == 10, "its seat stays when the old ones are closed")
        for other, _ in ends[1:]:
            other.drop()
        until(lambda: seats(self.redis, "127.0.0.3") == 1, "the others' seats are free")


class UserCase(LimitsCase):
    settings = {"token_secret": SECRET, "max_per_user": "3"}

    def come(self, user, number=0, **options):
        return self.connect(self.nodes[number % len(self.nodes)],
                            headers={"Authorization": "Bearer " + token(user)}, **options)

    def refused_user(self, user, number=0):
        socket, frame = self.come(user, number)
        self.assertEqual((frame["op"], frame["code"], frame["reason"]),
                         ("bye", 4002, "too many connections of this user"))
        self.assertGreaterEqual(frame["retry_ms"], 1000)
        self.assertEqual(socket.wait_for_close(), 4002)

    def seats(self, name):
        return self.redis.call("ZCARD", "cw:{l:u:%s}" % name)


class User(UserCase):
    def test_three_of_a_user_on_all_nodes(self):
        before = sum(node.metric("chanway_limits_refused_user_total") for node in self.nodes)
        ends = [self.come("al ice", number) for number in range(3)]
        self.assertEqual([frame["op"] for _, frame in ends], ["welcome"] * 3)
        for number in range(3):
            self.refused_user("al ice", number)
        self.assertEqual(sum(node.metric("chanway_limits_refused_user_total") for node in self.nodes), before + 3)
        self.assertEqual(self.seats("al=20ice"), 3)
        self.assertEqual(self.come("bob")[1]["op"], "welcome")
        ends[0][0].close()
        until(lambda: self.seats("al=20ice") == 2, "a seat is free")
        self.assertEqual(self.come("al ice", 2)[1]["op"], "welcome")
        self.refused_user("al ice")

    def test_one_that_shows_its_token_late(self):
        for number in range(3):
            self.come("carol", number)
        socket, frame = self.connect(self.nodes[1])
        self.assertEqual(frame["op"], "welcome")
        socket.send_text(json.dumps({"op": "auth", "id": 1, "token": token("carol")}))
        self.assertEqual(socket.wait_for_close(), 4002)
        until(lambda: self.seats("carol") == 3, "it took none")

    def test_a_fresh_token_takes_no_other_seat(self):
        sockets = [self.come("dora", number)[0] for number in range(3)]
        sockets[0].send_text(json.dumps({"op": "auth", "id": 1, "token": token("dora", ttl=7200)}))
        self.assertEqual(json.loads(sockets[0].receive_text())["op"], "ok")
        self.assertEqual(self.seats("dora"), 3)

    def test_a_resume_keeps_its_seat(self):
        ends = [self.come("emil", number) for number in range(3)]
        socket, welcome = self.come("emil", 2, query="session=" + ends[0][1]["session"])
        self.assertTrue(welcome["resumed"])
        self.assertEqual(self.seats("emil"), 3)


class OptionalUser(UserCase):
    settings = {**UserCase.settings, "require_token": "off"}
    node_count = 1

    def test_one_that_is_in_and_shows_its_token_then(self):
        for _ in range(3):
            self.come("finn")
        socket, frame = self.connect(self.nodes[0])
        self.assertEqual(frame["op"], "welcome")
        socket.send_text(json.dumps({"op": "auth", "id": 1, "token": token("finn")}))
        self.assertEqual(socket.wait_for_close(), 4002)
        until(lambda: self.seats("finn") == 3, "it took none")
        other, _ = self.connect(self.nodes[0])
        other.send_text(json.dumps({"op": "auth", "id": 1, "token": token("gus")}))
        self.assertEqual(json.loads(other.receive_text())["op"], "ok")
        until(lambda: self.seats("gus") == 1, "it has a seat")


if __name__ == "__main__":
    main()
