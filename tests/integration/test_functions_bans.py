"""The functions that keep out users, addresses and channels."""

import time

import setup_path  # noqa: F401
from functions_case import FunctionsCase, chunks
from support.case import main
from support.wait import until

KEY = "cw:bans"
UUID = "018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a"


class Bans(FunctionsCase):
    def setUp(self):
        super().setUp()
        self.r.delete(KEY)
        self.topic = self.r.pubsub(ignore_subscribe_messages=True)
        self.topic.subscribe("cw:all")
        self.addCleanup(self.topic.close)
        until(lambda: self.r.pubsub_numsub("cw:all")[0][1] == 1, "subscribed")

    def ban(self, subject, seconds=60, *reason):
        return self.call("cw_ban", KEY, subject, seconds, *reason)

    def bans(self):
        """subject -> (seconds left, reason)"""
        return {subject.decode(): (left, reason.decode())
                for subject, left, reason in chunks(self.read_only("cw_bans", KEY), 3)}

    def told(self):
        def is_there():
            message = self.topic.get_message(timeout=1)
            return message and message["data"].decode()
        return until(is_there, "the nodes are told")

    def version(self):
        return self.r.hget(KEY, "v").split()[0]

    def lines(self, version=0):
        """The version and the lines of a node's question."""
        now, text = self.read_only("cw_node_bans", KEY, version)
        return now, sorted(text.decode().splitlines())

    # --- back ends

    def test_a_ban_and_its_end(self):
        self.assertEqual(self.ban("user:ann", 60, "spam, again"), 1)
        self.assertEqual(self.ban("channel:" + UUID, 3600), 1)
        self.assertEqual(self.bans(), {"user:ann": (60, "spam, again"), "channel:" + UUID: (3600, "")})
        self.assertEqual(self.call("cw_unban", KEY, "user:ann"), 1)
        self.assertEqual(set(self.bans()), {"channel:" + UUID})
        self.assertRefused("NOBAN", "FCALL", "cw_unban", 1, KEY, "user:ann")

    def test_banned_again_counts_anew(self):
        self.ban("user:ann", 60, "one")
        self.ban("user:ann", 600, "two")
        self.assertEqual(self.bans(), {"user:ann": (600, "two")})

    def test_one_that_has_ended_is_no_more(self):
        self.ban("user:ann", 1)
        self.ban("user:bob", 60)
        until(lambda: set(self.bans()) == {"user:bob"}, "it ends")
        self.assertRefused("NOBAN", "FCALL", "cw_unban", 1, KEY, "user:ann")
        self.assertEqual(len(self.lines()[1]), 1)

    def test_addresses_have_one_form(self):
        for given, stored in (("10.0.0.7", "10.0.0.7"), ("10.0.0.7/32", "10.0.0.7"), ("10.1.2.3/8", "10.0.0.0/8"),
                              ("0.0.0.0/0", "0.0.0.0/0"), ("255.255.255.255", "255.255.255.255"),
                              ("192.168.129.1/17", "192.168.128.0/17"),
                              ("::ffff:10.0.0.7", "10.0.0.7"), ("::FFFF:a00:7", "10.0.0.7"),
                              ("::ffff:10.0.0.7/104", "10.0.0.0/8"), ("::1", "::/64"), ("::1/128", "::1/128"),
                              ("::", "::/64"), ("2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
                              ("2001:db8::9/32", "2001:db8::/32"), ("2001:db8:0:0:1::/80", "2001:db8:0:0:1::/80"),
                              ("1:0:0:2:0:0:0:3/128", "1:0:0:2::3/128"), ("64:ff9b::1.2.3.4/128", "64:ff9b::102:304/128"),
                              ("fe80::1/10", "fe80::/10"), ("1:2:3:4:5:6:7::/128", "1:2:3:4:5:6:7:0/128"),
                              ("::/0", "::/0")):
            with self.subTest(given):
                self.r.delete(KEY)
                self.ban("address:" + given)
                self.assertEqual(set(self.bans()), {"address:" + stored})
                self.assertEqual(self.call("cw_unban", KEY, "address:" + given), 1)

    def test_what_is_no_subject(self):
        for subject in ("", "user", "user:", "ann", ":ann", "user:a b", "user:ä", "user:a=", "user:a=2", "user:a=2f",
                        "user:a=zz", "user:" + "a" * 124, "User:ann", "group:a", "channel:", "channel:x",
                        "channel:" + UUID.upper() + "0", "address:", "address:a", "address:10.0.0", "address:10.0.0.256",
                        "address:10.0.0.07", "address:10.0.0.7/33", "address:10.0.0.7/", "address:10.0.0.7/-1",
                        "address:10.0.0.7/8/8", "address:10.0.0.7:80", "address:1:2:3", "address:::1::", "address::::",
                        "address:1::2::3", "address:1:2:3:4:5:6:7:8:9", "address:12345::", "address:::/129", "address:[::1]",
                        "address:fe80::1%eth0", "address:1:2:3:4:5:6:7:8::", "address:::1.2.3", "address:1.2.3.4.5",
                        "address:" + "1" * 500, "address:10.0.0.7\n", "user:ann\n"):
            with self.subTest(subject):
                self.assertBad("FCALL", "cw_ban", 1, KEY, subject, 60)
                self.assertBad("FCALL", "cw_unban", 1, KEY, subject)
        self.ban("user:" + "a" * 123)
        self.ban("user:a=20b")
        self.assertEqual(len(self.bans()), 2)

    def test_seconds_and_reasons(self):
        for seconds in ("", "0", "-1", "1.5", "1h", "315360001", "9" * 20):
            self.assertBad("FCALL", "cw_ban", 1, KEY, "user:ann", seconds)
        self.ban("user:ann", 315360000, "x" * 123)
        for reason in ("x" * 124, "two\nlines", "\x7f", b"\xff", "\0"):
            self.assertBad("FCALL", "cw_ban", 1, KEY, "user:bob", 60, reason)
        self.ban("user:bob", 60, "nö")
        self.assertEqual(self.bans()["user:bob"], (60, "nö"))

    # --- nodes

    def test_nodes_are_told_of_each_change(self):
        self.ban("address:10.0.0.7", 60, "too loud")
        first = self.version().decode()
        self.assertEqual(self.told(), f"bans 0 {first} 60000 address:10.0.0.7 too loud")
        self.call("cw_unban", KEY, "address:10.0.0.7")
        second = self.version().decode()
        self.assertEqual(self.told(), f"bans {first} {second} 0 address:10.0.0.7 ")
        self.assertGreater(int(second), int(first))

    def test_a_node_asks_for_what_it_does_not_know(self):
        self.assertEqual(self.lines(), (b"0", []))
        self.ban("user:ann", 60, "a b c")
        self.ban("user:bob", 60)
        version, lines = self.lines()
        self.assertEqual(version, self.version())
        self.assertEqual([line.split(" ", 1)[1] for line in lines], ["user:ann a b c", "user:bob "])
        self.assertTrue(all(50000 < int(line.split(" ")[0]) <= 60000 for line in lines))
        self.assertEqual(self.lines(version), (version, []))

    def test_what_redis_lost_a_node_gives_back(self):
        self.ban("user:ann", 60, "why")
        self.ban("user:bob", 60)
        version, text = self.read_only("cw_node_bans", KEY, 0)
        before = self.bans()
        self.r.delete(KEY)
        self.assertEqual(self.call("cw_node_bans_back", KEY, version, text), 1)
        self.assertEqual(self.bans(), before)
        self.assertEqual(self.version(), version)
        self.assertEqual(self.call("cw_node_bans_back", KEY, version, text), 0)
        self.call("cw_unban", KEY, "user:ann")
        self.assertEqual(self.call("cw_node_bans_back", KEY, version, text), 0)
        self.assertEqual(set(self.bans()), {"user:bob"})

    def test_lines_that_are_none(self):
        for text in ("x\n", "1 user:ann\n", "1 nobody why\n", "1 address:10.1.0.0/8 \n", "-1 user:ann x\n",
                     "x user:ann \n"):
            self.assertBad("FCALL", "cw_node_bans_back", 1, KEY, 5, text)
        self.assertEqual(self.r.exists(KEY), 0)

    # --- bounds

    def fill(self, count, ends="99999999999999"):
        pipe = self.r.pipeline(transaction=False)
        for first in range(0, count, 1000):
            pipe.hset(KEY, mapping={f"user:{number}": ends + " " for number in range(first, min(first + 1000, count))})
        pipe.execute()

    def test_ten_thousand_and_no_more(self):
        self.ban("user:first")
        self.fill(9998)
        self.ban("user:last")
        self.assertEqual(len(self.bans()), 10000)
        self.assertRefused("TOOMANYBANS", "FCALL", "cw_ban", 1, KEY, "user:one-more", 60)
        self.ban("user:last", 60, "again")
        version, lines = self.lines()
        self.assertEqual(len(lines), 10000)
        self.call("cw_unban", KEY, "user:first")
        self.ban("user:one-more")
        started = time.monotonic()
        self.read_only("cw_node_bans", KEY, 0)
        self.assertLess(time.monotonic() - started, 1)

    def test_ended_ones_make_room(self):
        self.ban("user:first")
        self.fill(9999, "1")
        self.ban("user:new")
        self.assertEqual(set(self.bans()), {"user:first", "user:new"})
        self.assertEqual(self.r.hlen(KEY), 3)


if __name__ == "__main__":
    main()
