"""Idempotency keys: a retry is not a second message (PROTOCOL: publish, order rule 3)."""

import threading

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.wait import until


class Keys(NodeCase):
    settings = {"op_timeout": "1s"}
    # So that Redis never forgets in a crash what it has acknowledged.
    redis_options = {"options": ["--appendfsync", "always"]}

    def listener(self, group):
        client = self.client("groups=" + group)
        client.next_op("joined")
        return client

    def test_a_retry_gets_the_first_id_and_is_delivered_to_nobody(self):
        group = self.new_group()
        listener, first, second = self.listener(group), self.client(), self.client()
        ok = first.publish(group, text="one", key="k")
        self.assertNotIn("duplicate", ok)
        for client, text in ((first, "one"), (second, "one"), (second, "another text")):
            retry = client.publish(group, text=text, key="k")
            self.assertIs(retry["duplicate"], True)
            self.assertEqual((retry["epoch"], retry["offset"]), (ok["epoch"], ok["offset"]))
        first.publish(group, text="marker")
        self.assertReceives(listener, group, text="one")
        self.assertEqual(self.assertReceives(listener, group, text="marker")["offset"], 2)

    def test_keys_belong_to_one_group_and_are_compared_byte_by_byte(self):
        here, there = self.new_group(), self.new_group()
        client = self.client()
        keys = ["k", "K", "k ", " k", "é", "e\u0301", "k" * 64, "k" * 63, "\u0000", "0", "00"]
        for group in (here, there):
            for key in keys:
                self.assertNotIn("duplicate", client.publish(group, text="x", key=key), key)
        for key in keys:
            self.assertIs(client.publish(here, text="x", key=key)["duplicate"], True)

    def test_a_refused_publish_uses_no_key_up(self):
        group = self.new_group()
        client = self.client()
        self.assertEqual(client.refuse("publish", group=group, text=5, key="k"), "bad_payload")
        self.assertNotIn("duplicate", client.publish(group, text="x", key="k"))

    def test_of_many_who_send_the_same_key_at_once_one_is_first(self):
        group = self.new_group()
        listener = self.listener(group)
        replies = []

        def send(client):
            replies.append(client.publish(group, text="race", key="same"))
        threads = [threading.Thread(target=send, args=(self.client(),)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual(len(replies), 10)
        self.assertEqual(sum("duplicate" not in reply for reply in replies), 1)
        self.assertEqual({reply["offset"] for reply in replies}, {1})
        self.client().publish(group, text="marker")
        self.assertReceives(listener, group, text="race")
        self.assertReceives(listener, group, text="marker")

    def test_without_history_the_retry_is_told_and_has_no_id(self):
        node = self.own_node(self.redis, name="nohistory", history_size="0")
        group = self.new_group()
        client = self.own_client(node, "groups=" + group)
        client.next_op("joined")
        self.assertEqual(client.publish(group, text="x", key="k"), {"op": "ok", "id": 1})
        self.assertEqual(client.publish(group, text="x", key="k"),
                         {"op": "ok", "id": 2, "duplicate": True})
        client.publish(group, text="marker")
        self.assertReceives(client, group, text="x")
        self.assertReceives(client, group, text="marker")

    def test_more_keys_than_keys_max_are_rate_limited_and_none_is_forgotten(self):
        node = self.own_node(self.redis, name="few", keys_max="5")
        group = self.new_group()
        client = self.own_client(node)
        for number in range(5):
            client.publish(group, text="x", key=f"k{number}")
        reply = client.request("publish", group=group, text="x", key="k5")
        self.assertEqual((reply["op"], reply["code"]), ("error", "rate_limited"), reply)
        self.assertIs(reply["temporary"], True)
        self.assertIsInstance(reply["retry_ms"], int)
        for number in range(5):
            self.assertIs(client.publish(group, text="x", key=f"k{number}")["duplicate"], True)
        self.assertEqual(client.publish(group, text="no key")["offset"], 6)

    def test_retries_through_a_failing_redis_publish_each_message_once(self):
        group = self.new_group()
        listener, client = self.listener(group), self.client()
        lost = self.node.metric("chanway_redis_links_lost_total")
        for number in range(60):
            if number % 20 == 10:
                client.send({"op": "publish", "id": "lost", "group": group, "text": f"{number}",
                             "key": f"key {number}"})
                self.redis.kill()
                self.redis.start()
                client.reply_to("lost")
            reply = client.request("publish", group=group, text=f"{number}", key=f"key {number}")
            while reply["op"] == "error":
                self.assertIn(reply["code"], ("unavailable", "timeout"))
                reply = client.request("publish", group=group, text=f"{number}",
                                       key=f"key {number}")
        for number in range(60):
            self.assertReceives(listener, group, text=f"{number}")
        self.assertEqual(listener.settle(), [])
        self.assertGreaterEqual(self.node.metric("chanway_redis_links_lost_total"), lost + 3)
        until(self.node.is_ready, "ready again", 10)


if __name__ == "__main__":
    main()
