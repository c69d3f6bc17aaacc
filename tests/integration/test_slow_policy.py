"""What slow-policy does to a client that does not read, and to nobody else."""

import socket

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.packed_client import PackedClient
from support.wait import until
from support.wire import Closed

SIZE = 8192


class SlowPolicy(NodeCase):
    settings = {"send-queue-max": "64KiB", "history-size": 5000, "history-bytes": "128MiB",
                "slow-policy": "close", "slow-policy.old.*": "drop-oldest",
                "slow-policy.live.*": "latest"}

    def setUp(self):
        self.publisher = self.client()
        self.closed = self.closes()

    def closes(self):
        return self.node.metric("chanway_closes_total", code="4005")

    def dropped(self):
        return self.node.metric("chanway_client_messages_dropped_total")

    def member(self, group, kind=None, **options):
        if kind is None:
            client = self.client(**options)
        else:
            client = kind(self.node, **options)
            self.addCleanup(client.drop)
        client.join(group)
        return client

    def publish_until_dropped(self, group, witness, count=50):
        """Until so many were dropped since now; how many were published. The witness has them."""
        before = self.dropped()
        for number in range(1, 2001):
            text = f"{number} ".ljust(SIZE, "s")
            self.publisher.publish(group, text=text)
            self.assertReceives(witness, group, text=text)
            if number % 10 == 0 and self.dropped() >= before + count:
                return number
        return self.fail("nothing was dropped")

    def read(self, client, group, end, at=0):
        """Reads the offsets after `at` up to `end`; (messages, gaps)."""
        messages = gaps = 0
        was_gap = False
        while at < end:
            frame = client.next()
            self.assertEqual(frame["group"], group)
            if frame["op"] == "gap":
                self.assertFalse(was_gap, "one gap for one hole")
                self.assertGreater(frame["offset"], at)
                gaps += 1
            else:
                self.assertEqual((frame["op"], frame["offset"]), ("message", at + 1))
                self.assertEqual(int(frame["text"].split()[0]), frame["offset"])
                messages += 1
            was_gap = frame["op"] == "gap"
            at = frame["offset"]
        self.assertFalse(was_gap, "something comes after a gap")
        return messages, gaps

    def test_drop_oldest_loses_the_oldest_and_tells_it(self):
        for kind in (None, PackedClient):
            group = "old." + self.new_group()
            slow = self.member(group, kind, receive_buffer=8192)
            witness = self.member(group)
            dropped = self.dropped()
            count = self.publish_until_dropped(group, witness)
            lost = self.dropped() - dropped
            self.assertLess(self.node.metric("chanway_node_queue_bytes"), 64 * 1024 + 2 * SIZE)
            # What is for it alone is not lost.
            self.publisher.call("send", to=slow.uuid, text="for you")
            messages, gaps = self.read(slow, group, count)
            self.assertEqual(messages, count - lost)
            self.assertLessEqual(gaps, lost)
            self.assertGreaterEqual(gaps, 1)
            self.assertEqual(slow.message()["text"], "for you")
            # As good as new.
            self.publisher.publish(group, text="on")
            self.assertEqual(slow.message()["offset"], count + 1)
        self.assertEqual(self.closes(), self.closed)

    def test_latest_keeps_what_is_newest(self):
        group = "live." + self.new_group()
        slow = self.member(group, receive_buffer=8192)
        witness = self.member(group)
        dropped = self.dropped()
        count = self.publish_until_dropped(group, witness)
        # A write that the socket has not taken all of, and one message.
        self.assertLess(self.node.metric("chanway_node_queue_bytes"), 16 * 1024 + 2 * SIZE)
        lost = self.dropped() - dropped
        messages, _ = self.read(slow, group, count)
        self.assertEqual(messages, count - lost)
        self.assertEqual(self.closes(), self.closed)

    def test_close_is_for_the_other_groups(self):
        group = self.new_group()
        self.member(group, receive_buffer=8192)
        witness = self.member(group)
        dropped = self.dropped()
        for number in range(2000):
            text = f"{number} ".ljust(SIZE, "s")
            self.publisher.publish(group, text=text)
            self.assertReceives(witness, group, text=text)
            if self.node.process.find_in_log("closing: slow consumer"):
                break
        self.assertTrue(self.node.process.find_in_log("closing: slow consumer"))
        self.assertEqual(self.dropped(), dropped)

    def test_a_session_knows_what_it_was_not_sent(self):
        for policy in ("old.", "live."):
            group = policy + self.new_group()
            slow = self.member(group, receive_buffer=8192)
            witness = self.member(group)
            count = self.publish_until_dropped(group, witness)
            slow.socket.wire.socket.shutdown(socket.SHUT_WR)
            until(lambda group=group: len(witness.members(group)["members"]) == 1, "it is away")
            at = 0
            try:
                while True:
                    frame = slow.next()
                    self.assertEqual((frame["op"], frame["offset"]), ("message", at + 1))
                    at = frame["offset"]
            except Closed:
                pass
            self.assertLess(at, count)
            again = self.client("session=" + slow.welcome["session"])
            self.assertTrue(again.welcome["resumed"])
            frame = again.message()  # no gap: the history has what was dropped
            self.assertLessEqual(frame["offset"], at + 1)
            self.assertEqual(self.read(again, group, count, frame["offset"]),
                             (count - frame["offset"], 0))

    def test_raw_channels_lose_without_a_word(self):
        group = "old." + self.new_group()
        slow = self.raw_member(group, receive_buffer=8192)
        witness = self.member(group)
        gaps = self.node.metric("chanway_raw_gaps_total")
        count = self.publish_until_dropped(group, witness)
        numbers = [0]
        while numbers[-1] < count:
            numbers.append(int(slow.receive_text().split()[0]))
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess(len(numbers), count)
        self.assertGreater(self.node.metric("chanway_raw_gaps_total"), gaps)


if __name__ == "__main__":
    main()
