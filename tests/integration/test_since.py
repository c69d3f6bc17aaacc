"""`join` with `since`: what was missed, then the ok, then what is new (PROTOCOL: order, loss)."""

import threading

import setup_path  # noqa: F401
from support.case import NodeCase, main


class Since(NodeCase):

    settings = {"history-size": 5000, "history-bytes": "64MiB", "send-queue-max": "64KiB"}

    def published(self, group, count, size=0):
        """A group with `count` messages; its epoch."""
        publisher = self.client()
        replies = [publisher.publish(group, text=f"m{number}" + "x" * size)
                   for number in range(1, count + 1)]
        return replies[0]["epoch"]

    def replayed(self, client, group, epoch, offset):
        """Joins; the reply, the offsets that came before it, and whatever else did."""
        reply = client.join(group, since={"epoch": epoch, "offset": offset}, timeout=30)
        frames = list(client.inbox)
        client.inbox.clear()
        offsets = [frame["offset"] for frame in frames if frame["op"] == "message"]
        return reply, offsets, [frame for frame in frames if frame["op"] != "message"]

    def test_what_was_missed_comes_before_the_ok_and_nothing_of_it_after(self):
        group = self.new_group()
        epoch = self.published(group, 700)
        client = self.client()
        reply, offsets, others = self.replayed(client, group, epoch, 100)
        self.assertEqual(offsets, list(range(101, 701)))
        self.assertEqual(others, [])
        self.assertEqual((reply["epoch"], reply["offset"], reply["recovered"]), (epoch, 700, True))
        self.client().publish(group, text="new")
        self.assertEqual(client.message()["offset"], 701)
        self.assertEqual(client.settle(), [])

    def test_from_the_first_and_from_the_last(self):
        group = self.new_group()
        epoch = self.published(group, 3)
        self.assertEqual(self.replayed(self.client(), group, "0", 0)[1], [1, 2, 3])
        reply, offsets, others = self.replayed(self.client(), group, epoch, 3)
        self.assertEqual((offsets, others, reply["recovered"]), ([], [], True))

    def test_a_group_that_never_had_a_message(self):
        reply, offsets, others = self.replayed(self.client(), self.new_group(), "0", 0)
        self.assertEqual((offsets, others), ([], []))
        self.assertEqual((reply["epoch"], reply["offset"], reply["recovered"]), ("0", 0, True))

    def test_what_is_gone_is_told_before_what_is_left(self):
        group = self.new_group()
        epoch = self.published(group, 20)
        key = f"cw:{{g:{group}}}:h"
        self.redis.call("XTRIM", key, "MINID", f"{epoch}-11")
        client = self.client()
        reply = client.join(group, since={"epoch": epoch, "offset": 5})
        frames = list(client.inbox)
        self.assertEqual(frames[0], {"op": "gap", "group": group, "epoch": epoch, "offset": 10})
        self.assertEqual([frame["offset"] for frame in frames[1:]], list(range(11, 21)))
        self.assertIs(reply["recovered"], False)

    def test_history_that_ended_loses_nothing_for_who_had_it_all(self):
        group = self.new_group()
        epoch = self.published(group, 4)
        self.redis.call("DEL", f"cw:{{g:{group}}}:h")
        reply, offsets, others = self.replayed(self.client(), group, epoch, 4)
        self.assertEqual((offsets, others, reply["recovered"]), ([], [], True))
        reply, offsets, others = self.replayed(self.client(), group, epoch, 3)
        self.assertEqual((offsets, [frame["op"] for frame in others]), ([], ["gap"]))
        self.assertIs(reply["recovered"], False)

    def test_once_each_and_in_order_while_others_publish(self):
        group = self.new_group()
        epoch = self.published(group, 1500)
        ends = threading.Event()
        acknowledged = []

        def publish():
            publisher = self.client()
            while not ends.is_set():
                acknowledged.append(publisher.publish(group, text="live")["offset"])
        thread = threading.Thread(target=publish, daemon=True)
        thread.start()
        try:
            clients = [self.client() for _ in range(5)]
            for client in clients:
                client.send({"op": "join", "id": "j", "group": group,
                             "since": {"epoch": epoch, "offset": 0}})
            seen = {client: ([], []) for client in clients}
            for client in clients:
                self.take_until_live(client, *seen[client])
        finally:
            ends.set()
            thread.join(10)
        for client, (offsets, at) in seen.items():
            while offsets[-1] < acknowledged[-1]:
                offsets.append(client.message()["offset"])
            self.assertEqual(offsets, list(range(1, len(offsets) + 1)))
            self.assertEqual(at[0]["offset"], at[1], "the ok comes right after the last replayed")

    def take_until_live(self, client, offsets, at):
        """Reads up to 100 messages after the ok."""
        while not at or offsets[-1] < at[1] + 100:
            frame = client.receive(20)
            if frame["op"] == "message":
                offsets.append(frame["offset"])
            elif frame["op"] == "ok":
                at += [frame, offsets[-1]]
            else:
                self.fail(f"unexpected: {frame}")

    def test_other_answers_pass_and_the_groups_own_ops_wait(self):
        group, other = self.new_group(), self.new_group()
        epoch = self.published(group, 1000, size=300)
        client = self.client()
        client.send({"op": "join", "id": 1, "group": group, "since": {"epoch": epoch, "offset": 0}})
        client.send({"op": "publish", "id": 2, "group": group, "text": "mine"})
        client.send({"op": "publish", "id": 3, "group": other, "text": "elsewhere"})
        order = []
        while len(order) < 3:
            frame = client.receive(20)
            if frame["op"] == "ok":
                order.append(frame["id"])
        self.assertLess(order.index(1), order.index(2))
        self.assertLess(order.index(3), order.index(2))

    def test_a_replay_larger_than_the_queue_does_not_close_a_client_that_reads(self):
        group = self.new_group()
        epoch = self.published(group, 150, size=20000)
        reply, offsets, _ = self.replayed(self.client(), group, epoch, 0)
        self.assertEqual(offsets, list(range(1, 151)))
        self.assertIs(reply["recovered"], True)

    def test_in_the_group_already_nothing_old_comes(self):
        group = self.new_group()
        epoch = self.published(group, 10)
        client = self.client()
        client.join(group)
        self.published(group, 2)
        self.assertEqual([client.message()["offset"] for _ in range(2)], [11, 12])
        reply, offsets, others = self.replayed(client, group, epoch, 10)
        self.assertEqual((offsets, others, reply["recovered"]), ([], [], True))
        reply, offsets, others = self.replayed(client, group, epoch, 9)
        self.assertEqual((offsets, [frame["op"] for frame in others]), ([], ["gap"]))
        self.assertIs(reply["recovered"], False)

    def test_groups_of_the_url_with_positions(self):
        group = self.new_group()
        epoch = self.published(group, 6)
        client = self.client(f"groups={group}&since={group}@{epoch}-4")
        self.assertEqual([client.message()["offset"] for _ in range(2)], [5, 6])
        self.assertEqual(client.next_op("joined")["offset"], 6)
        raw = self.raw(f"type=text&groups={group}&since={group}@{epoch}-4")
        self.assertEqual([raw.receive_text() for _ in range(2)], ["m5", "m6"])

    def test_what_is_no_payload_is_left_out_and_who_waits_for_it_goes_on(self):
        group = self.new_group()
        listener = self.client()
        listener.join(group)
        for body in ("1", "[1,", "3", "{'a':1}"):  # the function for nodes believes them
            self.redis.call("FCALL", "cw_node_publish", 1, "cw:{g:%s}" % group, 0, 0, "shop", body,
                            "5000 300000 67108864 100000", "")
        self.assertEqual([listener.message()["data"] for _ in range(2)], [1, 3])
        client = self.client()
        reply = client.join(group, since={"epoch": "0", "offset": 0})
        self.assertEqual([frame["data"] for frame in client.inbox], [1, 3])
        self.assertEqual((reply["offset"], reply["recovered"]), (4, True))

    def test_a_client_that_goes_in_the_middle_leaves_nothing(self):
        group = self.new_group()
        epoch = self.published(group, 150, size=20000)
        for _ in range(5):
            client = self.client()
            client.send({"op": "join", "id": 1, "group": group,
                         "since": {"epoch": epoch, "offset": 0}})
            client.message()
            client.drop()
        self.assertEqual(self.replayed(self.client(), group, epoch, 148)[1], [149, 150])


if __name__ == "__main__":
    main()
