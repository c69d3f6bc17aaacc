"""message-rate: a token bucket for each channel, errors that say when, and the end of patience."""

import json
import os
import signal
import time

import setup_path  # noqa: F401
from support.case import Case, NodeCase, main
from support.wait import until
from support.websocket import Ended


class Rate(NodeCase):
    settings = {"message_rate": "10/60s"}

    def spend(self, client, count=10):
        for _ in range(count):
            self.assertEqual(client.request("publish", group="g", data=1)["op"], "ok")

    def refused(self, client, op="publish", **fields):
        reply = client.request(op, **(fields or {"group": "g", "data": 1}))
        self.assertEqual((reply["op"], reply["code"], reply["temporary"]),
                         ("error", "rate_limited", True), reply)
        self.assertGreater(reply["retry_ms"], 0)
        self.assertLessEqual(reply["retry_ms"], 6000) # a token comes every six seconds
        return reply["retry_ms"]

    def test_ten_go_through_and_the_next_is_told_when(self):
        client, reader = self.client(), self.client("groups=g")
        reader.next_op("joined")
        self.spend(client)
        for fields in ({"op": "publish"}, {"op": "join", "group": "h"}, {"op": "members", "group": "g"},
                       {"op": "send", "to": reader.uuid, "data": 1}, {"op": "message", "data": 1}):
            self.refused(client, **fields)
        self.assertEqual([frame["op"] for frame in reader.settle()], ["message"] * 10)
        self.assertNotIn("h", self.redis.call("HKEYS", "cw:{c:%s}" % client.uuid))

    def test_each_channel_has_a_bucket_of_its_own(self):
        first, second = self.client(), self.client()
        self.spend(first)
        self.refused(first)
        self.spend(second)

    def test_ping_and_ack_take_no_token(self):
        client = self.client()
        for _ in range(30):
            self.assertEqual(client.request("ping")["op"], "pong")
            self.assertEqual(client.request("ack", epoch="1", offset=1)["op"], "ok")
        self.spend(client)
        self.refused(client)
        self.assertEqual(client.request("ping")["op"], "pong")

    def test_frames_that_cannot_be_read_take_tokens_too(self):
        client = self.client()
        for number in range(10):
            client.send('{"op":"nonsense","id":%d}' % number)
            self.assertEqual(client.reply_to(number)["code"], "bad_request")
        client.send('{"op":"nonsense","id":10}')
        self.assertEqual(client.reply_to(10)["code"], "rate_limited")
        client.send("{")
        self.assertEqual(client.next_op("error")["code"], "rate_limited")

    def test_who_goes_on_is_closed_with_4002(self):
        before = self.node.metric("chanway_client_messages_refused_total")
        client = self.client()
        self.spend(client)
        for _ in range(10):
            self.refused(client)
        client.send({"op": "publish", "id": 1000, "group": "g", "data": 1})
        self.assertEqual(client.reply_to(1000)["code"], "rate_limited")
        bye = client.next_op("bye")
        self.assertEqual((bye["code"], bye["reason"]), (4002, "too many messages"))
        self.assertGreater(bye["retry_ms"], 50000) # when the bucket is full again
        self.assertLess(bye["retry_ms"], 70000)
        self.assertEqual(client.socket.wait_for_close(), 4002)
        self.assertEqual(self.node.metric("chanway_client_messages_refused_total"), before + 11)

    def test_a_flood_in_one_write_is_refused_as_well(self):
        client = self.client()
        flood = [json.dumps({"op": "publish", "id": n, "group": "flood", "data": n}) for n in range(500)]
        for frame in flood:
            client.send(frame)
        replies = []
        with self.assertRaises(Ended) as ended:
            while True:
                replies.append(client.receive())
        self.assertEqual(ended.exception.code, 4002)
        self.assertEqual(replies[-1]["op"], "bye") # nobody waits for what Redis has not answered yet
        until(lambda: self.redis.call("XLEN", "cw:{g:flood}:h") == 10, "ten are done")

    def test_raw_frames_are_counted_and_nothing_is_said(self):
        reader = self.client("groups=raw")
        reader.next_op("joined")
        before = self.node.metric("chanway_client_messages_refused_total")
        raw = self.raw("type=text&publish=raw")
        for number in range(15):
            raw.send_text(str(number))
        until(lambda: self.node.metric("chanway_client_messages_refused_total") == before + 5,
              "five are refused")
        self.assertEqual([frame["text"] for frame in reader.settle()], [str(n) for n in range(10)])
        self.assertEqual(raw.ping(), [])
        for number in range(6):
            raw.send_text(str(number))
        self.assertEqual(raw.wait_for_close(), 4002)


class Refill(Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_after_retry_ms_there_is_a_token(self):
        client = self.own_client(self.own_node(self.redis, message_rate="2/2s"))
        for _ in range(2):
            client.publish("g", data=1)
        wait_ms = client.request("publish", group="g", data=1)["retry_ms"]
        self.assertLessEqual(wait_ms, 1000)
        time.sleep(wait_ms / 1000)
        client.publish("g", data=1)

    def test_sighup_sets_and_lifts_it(self):
        config = os.path.join(self.own_folder(), "chanway.ini")
        with open(config, "w", encoding="ascii") as file:
            file.write("message-rate = 1/1h\n")
        node = self.own_node(self.redis, config=config)
        client = self.own_client(node)
        client.publish("g", data=1)
        self.assertEqual(client.refuse("publish", group="g", data=1), "rate_limited")
        with open(config, "w", encoding="ascii") as file:
            file.write("message-rate = 0\n")
        node.process.signal(signal.SIGHUP)
        node.process.wait_for_log("settings reloaded")
        for _ in range(20):
            client.publish("g", data=1)


if __name__ == "__main__":
    main()
