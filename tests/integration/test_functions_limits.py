"""The functions that count connections of an address or a user, and how fast they come."""

import threading
import time
import uuid

import setup_path  # noqa: F401
from functions_case import FunctionsCase
from support.case import main
from support.wait import until

KEY = "cw:{l:a:10.0.0.7}"


def uuids(count, first=1):
    return [str(uuid.UUID(int=number)) for number in range(first, first + count)]


class Limits(FunctionsCase):
    def admit(self, who, ttl=15000, most=0, rate=0, window=0, key=KEY):
        """'admitted' and the stamp, or why not and when."""
        word, more = self.call("cw_node_admit", key, who, ttl, most, rate, window)
        return word.decode(), more.decode() if word == b"admitted" else int(more)

    def seats(self):
        return {member.decode() for member in self.r.zrange(KEY, 0, -1)}

    # --- the number

    def test_as_many_as_there_are_seats(self):
        first, second, third = uuids(3)
        self.assertEqual(self.admit(first, most=2), ("admitted", ""))
        self.assertEqual(self.admit(second, most=2), ("admitted", ""))
        word, wait = self.admit(third, most=2)
        self.assertEqual(word, "full")
        self.assertTrue(14000 < wait <= 15000, wait)
        self.assertEqual(self.seats(), {first, second})
        self.assertEqual(self.call("cw_node_unseat", KEY, "", first), 1)
        self.assertEqual(self.call("cw_node_unseat", KEY, "", first), 0)
        self.assertEqual(self.admit(third, most=2), ("admitted", ""))
        self.assertNoKeyWithoutEnd()

    def test_a_channel_that_comes_again_keeps_its_seat(self):
        first, second = uuids(2)
        self.admit(first, most=1)
        self.assertEqual(self.admit(first, most=1)[0], "admitted")
        self.assertEqual(self.admit(second, most=1)[0], "full")

    def test_a_seat_that_is_not_renewed_ends(self):
        dead, alive, late = uuids(3)
        self.admit(dead, ttl=400, most=2)
        self.admit(alive, ttl=400, most=2)
        word, wait = self.admit(late, ttl=400, most=2)
        self.assertTrue(word == "full" and 0 < wait <= 400)
        self.assertEqual(self.call("cw_node_seats", KEY, 60000, alive), 1)
        until(lambda: self.admit(late, most=2)[0] == "admitted", "the dead one's seat is free")
        self.assertEqual(self.seats(), {alive, late})
        self.assertNoKeyWithoutEnd()

    def test_a_renewal_brings_back_what_was_lost(self):
        many = uuids(120)
        self.assertEqual(self.call("cw_node_seats", KEY, 15000, *many), 1)
        self.assertEqual(self.seats(), set(many))
        self.assertEqual(self.admit(uuids(1, 500)[0], most=120)[0], "full")
        self.assertNoKeyWithoutEnd()

    def test_nothing_is_left_when_all_is_over(self):
        self.admit(uuids(1)[0], ttl=50, most=1, rate=1, window=100)
        until(lambda: self.r.keys("*") == [], "every key ends")

    # --- the rate

    def test_a_window_slides(self):
        one, *others = uuids(30)
        started = time.monotonic()
        for who in others[:3]:
            self.assertEqual(self.admit(who, rate=3, window=600)[0], "admitted")
            time.sleep(0.1) # by which the window's end is known
        word, wait = self.admit(one, rate=3, window=600)
        self.assertEqual(word, "rate")
        self.assertLessEqual(wait, 600 - 100 * 2)
        time.sleep(wait / 1000)
        self.assertEqual(self.admit(one, rate=3, window=600)[0], "admitted")
        self.assertEqual(self.admit(one, rate=3, window=600)[0], "rate")
        self.assertGreaterEqual(time.monotonic() - started, 0.6)

    def test_refused_ones_do_not_count_and_are_not_kept(self):
        for who in uuids(2):
            self.admit(who, rate=2, window=60000)
        before = self.r.lrange(KEY + ":r", 0, -1)
        waits = [self.admit(who, rate=2, window=60000)[1] for who in uuids(50, 10)]
        self.assertEqual(self.r.lrange(KEY + ":r", 0, -1), before)
        self.assertEqual(waits, sorted(waits, reverse=True)) # it only comes nearer
        self.assertEqual(self.r.keys("*"), [(KEY + ":r").encode()])

    def test_exactly_as_many_whoever_comes_at_once(self):
        admitted = []

        def come(first):
            with self.redis.client() as client:
                for who in uuids(20, first):
                    answer = client.execute_command("FCALL", "cw_node_admit", 1, KEY, who, 15000, 0, 20, 60000)
                    if answer[0] == b"admitted":
                        admitted.append(who)

        threads = [threading.Thread(target=come, args=(100 * n,)) for n in range(1, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(admitted), 20)

    def test_another_rate_holds_at_once(self):
        for who in uuids(5):
            self.admit(who, rate=5, window=60000)
        self.assertEqual(self.admit(uuids(1)[0], rate=3, window=60000)[0], "rate")
        self.assertEqual(self.admit(uuids(1)[0], rate=6, window=60000)[0], "admitted")
        self.assertEqual(self.r.llen(KEY + ":r"), 6)

    def test_a_clock_that_was_put_back_locks_nobody_out(self):
        future = int(time.time() * 1e6) + 10 ** 9
        self.r.rpush(KEY + ":r", *[future + number for number in range(3)])
        self.assertEqual(self.admit(uuids(1)[0], rate=3, window=1000)[0], "admitted")
        self.assertEqual(self.r.llen(KEY + ":r"), 1)

    # --- both

    def test_who_is_refused_by_one_uses_nothing_of_the_other(self):
        first, second, third = uuids(3)
        self.admit(first, most=1, rate=5, window=60000)
        self.assertEqual(self.admit(second, most=1, rate=5, window=60000)[0], "full")
        self.assertEqual(self.r.llen(KEY + ":r"), 1)
        self.assertEqual(self.admit(third, most=9, rate=1, window=60000)[0], "rate")
        self.assertEqual(self.seats(), {first})

    def test_one_that_something_else_refused_is_taken_back(self):
        first, second = uuids(2)
        _, stamp = self.admit(first, most=5, rate=1, window=60000)
        self.assertEqual(self.admit(second, most=5, rate=1, window=60000)[0], "rate")
        self.assertEqual(self.call("cw_node_unseat", KEY, stamp, first), 1)
        self.assertEqual(self.admit(second, most=5, rate=1, window=60000)[0], "admitted")
        self.assertEqual(self.seats(), {second})

    def test_users_and_ipv6(self):
        for key in ("cw:{l:u:ann=20b=C3=A4}", "cw:{l:a:2001:db8::/64}"):
            self.assertEqual(self.admit(uuids(1)[0], most=1, key=key)[0], "admitted")
        self.assertBad("FCALL", "cw_node_admit", 1, "cw:{l:x:y}", "u", 1, 1, 0, 0)


if __name__ == "__main__":
    main()
