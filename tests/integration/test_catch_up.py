"""A node catches up with far more than its clients' queues hold: they get it as they read."""

import setup_path  # noqa: F401
from support.case import Case, main
from support.relay import Relay
from support.wait import until

SIZE = 8000
COUNT = 1000  # of SIZE bytes each: more than queue and sockets hold together
LIMITS = "10000 300000 268435456 100000"  # as in the settings


class CatchUp(Case):
    settings = {"history_size": 10000, "history_bytes": "256MiB", "send_queue_max": "64KiB"}

    def setUp(self):
        self.redis = self.own_redis()
        self.relay = Relay(self.own_folder(), self.redis.socket)
        self.addCleanup(self.relay.stop)
        self.node = self.own_node(self.relay, **self.settings)
        self.published = 0

    def publish(self, count, size=0):
        """Texts of growing numbers, as from another node."""
        with self.redis.client() as redis:
            while count > 0:
                bodies = []
                for _ in range(min(count, 100)):
                    self.published += 1
                    bodies += [1, 0, "shop", str(self.published) + " " + "x" * size]
                redis.execute_command("FCALL", "cw_node_publish_many", 1, "cw:{g:room}",
                                      LIMITS, *bodies)
                count -= len(bodies) // 4

    def publish_unheard(self, count, **more):
        """The same while the node has no link; returns when it has one and has caught up."""
        self.relay.cut()
        until(lambda: not self.node.is_ready(), "the node has no link")
        self.publish(count, **more)
        self.relay.restore()
        until(lambda: self.node.metric("chanway_group_messages_total") == self.published,
              "the node has read all of it", 30)

    def read_numbers(self, client, last):
        """Reads up to number `last`; every one from where it was, once, in order."""
        at = getattr(client, "at", 0)
        while at < last:
            frame = client.message(20)
            at += 1
            self.assertEqual((int(frame["text"].split()[0]), frame["offset"]), (at, at))
        client.at = at

    def member(self, **options):
        client = self.own_client(self.node, **options)
        client.join("room")
        return client

    def catch_ups(self):
        return self.node.metric("chanway_client_catch_ups_total")

    def test_a_client_that_reads_gets_all_of_it_and_stays(self):
        slow, other = self.member(receive_buffer=16384), self.member(receive_buffer=16384)
        self.publish(1)
        self.publish_unheard(COUNT, size=SIZE)
        self.assertEqual(self.catch_ups(), 2)
        self.assertLess(self.node.metric("chanway_node_queue_bytes"), 2 * 64 * 1024 + 2 * SIZE)
        self.publish(10)
        for number in range(100, COUNT + 1, 100):  # slowly: others say something meanwhile
            self.read_numbers(slow, number)
            self.publish(1)
        self.read_numbers(slow, self.published)
        self.read_numbers(other, self.published)
        for client in (slow, other):
            self.assertEqual(client.settle(), [])
        self.publish(1)
        for client in (slow, other):
            self.read_numbers(client, self.published)
        self.assertEqual(self.node.metric("chanway_closes_total", code="4005"), 0)

    def test_a_link_that_is_lost_again_and_again(self):
        slow = self.member(receive_buffer=16384)
        for round_ in range(3):
            self.publish_unheard(COUNT * 3 // 4, size=SIZE)
            self.read_numbers(slow, self.published - COUNT // 4)
            if round_ == 0:
                self.assertEqual(self.catch_ups(), 1)
        self.read_numbers(slow, self.published)
        self.publish(1)
        self.read_numbers(slow, self.published)
        self.assertEqual(slow.settle(), [])

    def test_a_client_that_does_not_read_what_is_live_is_closed(self):
        slow = self.member(receive_buffer=16384)
        self.publish_unheard(1)
        self.publish(COUNT, size=SIZE)
        # Not on the wire, perhaps: who reads too late for the close frame finds the socket closed.
        self.node.process.wait_for_log("closing: slow consumer", 20)
        self.assertEqual(self.catch_ups(), 0)

    def test_a_raw_channel_gets_all_of_it_too(self):
        raw = self.own_raw(self.node, "type=text&groups=room", receive_buffer=16384)
        member = self.member()
        until(lambda: len(member.members("room")["members"]) == 2, "both are in")
        self.publish_unheard(COUNT, size=SIZE)
        self.publish(1)
        for number in range(1, self.published + 1):
            self.assertEqual(int(raw.receive_text(20).split()[0]), number)
        self.read_numbers(member, self.published)


if __name__ == "__main__":
    main()
