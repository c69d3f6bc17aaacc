"""connect-rate, max-per-address: counted in the whole cluster, to the last connection."""

import time

import setup_path  # noqa: F401
from limits_case import LimitsCase, seats
from support.case import main
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


if __name__ == "__main__":
    main()
