"""Replies in the order of the ops, messages in one order for everybody (PROTOCOL: order)."""

import random
import threading

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.websocket import TEXT, encode_frame


def in_background(test, function):
    """Runs it beside the test; what it raises fails the test."""
    raised = []

    def guarded():
        try:
            function()
        except BaseException as error:  # pylint: disable=broad-except
            raised.append(error)
    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()

    def finish():
        thread.join(20)
        test.assertFalse(thread.is_alive())
        test.assertEqual(raised, [])
    return finish


class Replies(NodeCase):

    def test_500_ops_sent_at_once_are_answered_in_their_order(self):
        for seed in range(5):
            choose = random.Random(seed)
            groups = [self.new_group() for _ in range(5)]
            client = self.client()
            frames, expected = [], []
            for number in range(500):
                group = choose.choice(groups)
                text, kind = choose.choice([
                    ('{"op":"ping","id":%d}', "pong"),
                    ('{"op":"publish","id":%%d,"group":"%s","text":"x"}' % group, "ok"),
                    ('{"op":"join","id":%%d,"group":"%s"}' % group, "ok"),
                    ('{"op":"leave","id":%%d,"group":"%s"}' % group, "ok"),
                    ('{"op":"members","id":%%d,"group":"%s"}' % group, "ok"),
                    ('{"op":"message","id":%d,"data":1}', "ok"),
                    ('{"op":"join","id":%d,"group":"user:x"}', "error"),
                    ('{"op":"publish","id":%d,"group":"g"}', "error"),
                    ('{"op":"nonsense","id":%d}', "error")])
                frames.append(encode_frame(TEXT, (text % number).encode("ascii")))
                expected.append((number, kind))
            client.socket.send_bytes(b"".join(frames))
            replies = []
            while len(replies) < 500:
                frame = client.receive()
                if frame["op"] != "message":
                    replies.append((frame.get("id"), frame["op"]))
            self.assertEqual(replies, expected)
            self.assertEqual([frame for frame in client.settle() if frame["op"] != "message"], [])

    def test_errors_without_id_keep_their_place(self):
        client = self.client()
        for number in range(50):
            client.send({"op": "members", "id": number, "group": "g"})
            client.send({"op": "nonsense"})
        for number in range(50):
            self.assertEqual(client.receive()["id"], number)
            self.assertEqual(client.receive()["op"], "error")

    def test_20000_publishes_without_waiting_are_all_answered_in_order(self):
        group = self.new_group()
        count = 20000
        listener = self.raw_member(group)
        client = self.client()

        def send():
            for start in range(0, count, 500):
                client.socket.wire.send(b"".join(
                    encode_frame(TEXT, b'{"op":"publish","id":%d,"group":"%s","text":"%d"}'
                                 % (number, group.encode("ascii"), number))
                    for number in range(start, start + 500)), 20)

        def listen():
            for number in range(count):
                self.assertEqual(listener.receive_text(20), str(number))
        finish_listening = in_background(self, listen)
        finish_sending = in_background(self, send)
        last = None
        for number in range(count):
            reply = client.receive(20)
            self.assertEqual((reply["op"], reply["id"]), ("ok", number), reply)
            if last:
                self.assertEqual((reply["epoch"], reply["offset"]), (last["epoch"],
                                                                     last["offset"] + 1))
            last = reply
        finish_sending()
        finish_listening()

    def test_raw_frames_sent_at_once_arrive_once_and_in_order(self):
        group = self.new_group()
        listener = self.client("groups=" + group)
        listener.next_op("joined")
        raw = self.raw("type=text&publish=" + group)
        finish = in_background(self, lambda: raw.send_bytes(b"".join(
            encode_frame(TEXT, b"%d" % number) for number in range(10000))))
        for number in range(10000):
            self.assertReceives(listener, group, text=str(number))
        finish()


class Messages(NodeCase):

    def test_all_members_see_one_order_and_each_senders_own(self):
        group = self.new_group()
        count, senders = 300, [self.client() for _ in range(4)]
        members = [self.client("groups=" + group) for _ in range(3)] + senders[:1]
        for client in members[:3]:
            client.next_op("joined")
        senders[0].join(group)
        raw = self.raw_member(group)
        for number in range(count):
            for index, sender in enumerate(senders):
                sender.send({"op": "publish", "group": group, "text": f"{index} {number}"})
        total = count * len(senders)
        orders = []
        for client in members:
            frames = [client.message() for _ in range(total)]
            self.assertEqual([frame["offset"] for frame in frames], list(range(1, total + 1)))
            orders.append([frame["text"] for frame in frames])
        orders.append([raw.receive_text() for _ in range(total)])
        for order in orders[1:]:
            self.assertEqual(order, orders[0])
        for index in range(len(senders)):
            own = [text for text in orders[0] if text.startswith(f"{index} ")]
            self.assertEqual(own, [f"{index} {number}" for number in range(count)])

    def test_the_ok_of_join_is_the_border_between_old_and_new(self):
        group = self.new_group()
        publisher = self.client()
        stop = threading.Event()
        sent = []

        def publish():
            while not stop.is_set():
                sent.append(publisher.publish(group, text="x")["offset"])
        finish = in_background(self, publish)
        try:
            for _ in range(150):
                with self.node.client() as client:
                    client.send({"op": "join", "id": 1, "group": group})
                    frame = client.receive()
                    self.assertEqual(frame["op"], "ok", "messages before the ok of join")
                    for number in range(3):
                        self.assertEqual(client.message()["offset"], frame["offset"] + 1 + number)
        finally:
            stop.set()
            finish()
        self.assertEqual(sent, list(range(1, len(sent) + 1)))


if __name__ == "__main__":
    main()
