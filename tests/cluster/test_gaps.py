"""Messages that are lost for good are told, counted or closed for, never passed over in silence."""

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.relay import Relay
from support.wait import until

GROUP = "short"


class Gaps(ClusterCase):

    def setUp(self):
        self.redis = self.own_redis()
        self.relay = Relay(self.own_folder(), self.redis.socket)
        self.addCleanup(self.relay.stop)
        self.whole = self.own_node(self.redis, name="whole", history_size="10")

    def lonely_node(self, **settings):
        return self.own_node(self.relay, name="lonely", history_size="10", **settings)

    def lose_messages(self, lonely, count=1000):
        """Publishes while `lonely` has no link, at last "last"; where that is."""
        publisher = self.own_client(self.whole)
        publisher.publish(GROUP, text="before")
        until(lambda: lonely.metric("chanway_group_messages_total") >= 1, "it has the first")
        self.relay.cut()
        until(lambda: not lonely.is_ready(), "the link is gone")
        for number in range(count):
            publisher.send({"op": "publish", "group": GROUP, "text": f"{number}"})
        last = publisher.publish(GROUP, text="last")
        self.relay.restore()
        until(lonely.is_ready, "the link is back", 10)
        return last

    def test_an_enveloped_channel_is_told_up_to_where_and_goes_on_behind_it(self):
        lonely = self.lonely_node()
        client = self.own_client(lonely, "groups=" + GROUP)
        client.next_op("joined")
        last = self.lose_messages(lonely)
        self.assertReceives(client, GROUP, text="before")
        gap = client.next_op("gap")
        self.assertEqual((gap["group"], gap["epoch"]), (GROUP, last["epoch"]))
        self.assertGreater(gap["offset"], 1)
        self.assertLess(gap["offset"], last["offset"], "what the history has is delivered")
        frame = client.message()
        self.assertEqual((frame["epoch"], frame["offset"]), (gap["epoch"], gap["offset"] + 1))
        while frame["text"] != "last":
            following = client.message()
            self.assertEqual(following["offset"], frame["offset"] + 1)
            frame = following
        self.assertGreaterEqual(last["offset"] - gap["offset"], 10)
        self.assertEqual(client.settle(), [])
        self.assertEqual(lonely.metric("chanway_group_gaps_total"), 1)

    def test_for_a_raw_channel_it_is_counted(self):
        lonely = self.lonely_node()
        raw = lonely.raw_member(GROUP)
        self.addCleanup(raw.drop)
        first = lonely.metric("chanway_raw_gaps_total")
        self.lose_messages(lonely)
        self.assertEqual(raw.receive_text(), "before")
        texts = [raw.receive_text()]
        while texts[-1] != "last":
            texts.append(raw.receive_text())
        self.assertEqual(texts[:-1], [str(number) for number in range(1001 - len(texts), 1000)])
        self.assertEqual(lonely.metric("chanway_raw_gaps_total"), first + 1)

    def test_a_raw_channel_is_closed_with_1013_where_that_is_set(self):
        lonely = self.lonely_node(raw_gap="close")
        raw = lonely.raw_member(GROUP)
        self.addCleanup(raw.drop)
        enveloped = self.own_client(lonely, "groups=" + GROUP)
        enveloped.next_op("joined")
        self.lose_messages(lonely)
        self.assertEqual(raw.wait_for_close(), 1013)
        self.assertEqual([payload for _, payload in raw.last_messages], [b"before"])
        self.assertReceives(enveloped, GROUP, text="before")
        enveloped.next_op("gap")
        enveloped.message()

    def test_what_the_history_still_has_is_no_gap(self):
        lonely = self.lonely_node()
        client = self.own_client(lonely, "groups=" + GROUP)
        client.next_op("joined")
        self.lose_messages(lonely, count=5)
        for text in ("before", "0", "1", "2", "3", "4", "last"):
            self.assertReceives(client, GROUP, text=text)
        self.assertEqual(client.settle(), [])
        self.assertEqual(lonely.metric("chanway_group_gaps_total"), 0)


if __name__ == "__main__":
    main()
