"""The back end's door: functions called by any Redis client, beside a node (CONTRACT: Redis)."""

import time
import uuid

import redis as redis_py

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.wait import until


def flat_map(items):
    """A flat list of names and values as a dict of strings."""
    text = [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in items]
    return dict(zip(text[::2], text[1::2]))


class BackEnd(NodeCase):
    settings = {"node": "door"}

    def publish(self, group, *words):
        return self.redis.call("FCALL", "cw_publish", 1, "cw:{g:%s}" % group, *words)

    def read(self, function, key, *words):
        return self.redis.call("FCALL_RO", function, 1, key, *words)

    def assertBad(self, *words):
        with self.assertRaises(redis_py.ResponseError) as caught:
            self.redis.call(*words)
        self.assertTrue(str(caught.exception).startswith("BADREQUEST"), caught.exception)

    def test_what_a_back_end_publishes_reaches_every_client(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        raw = self.raw_member(group)
        identity = self.publish(group, "json", '{"b":1.0,"a":[true]}').decode("ascii")
        frame = self.assertReceives(client, group, data={"b": 1.0, "a": [True]})
        self.assertEqual(frame["from"], "server")
        self.assertEqual(f"{frame['epoch']}-{frame['offset']}", identity)
        self.assertEqual(raw.receive_text(), '{"b":1.0,"a":[true]}')
        self.publish(group, "text", "grüße", "FROM", "billing")
        self.assertEqual(self.assertReceives(client, group, text="grüße")["from"], "billing")
        self.publish(group, "bytes", b"\x00\xff\r\n")
        self.assertReceives(client, group, bytes="AP8NCg==")

    def test_clients_and_back_ends_count_in_one_row(self):
        group = self.new_group()
        client = self.client()
        first = client.publish(group, text="client")
        second = self.publish(group, "text", "back end").decode("ascii")
        third = client.publish(group, text="client")
        self.assertEqual(second, f"{first['epoch']}-2")
        self.assertEqual((third["epoch"], third["offset"]), (first["epoch"], 3))

    def test_bad_calls_are_badrequest_and_write_nothing(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        key = "cw:{g:%s}" % group
        for words in (["xml", "x"], ["JSON", "1"], ["json", "{"], ["json", "0x10"], ["json", "NaN"],
                      ["json", "01"], ["json", '"\n"'], ["json", ""], ["json", b'"\xff"'],
                      ["json", "[" * 65 + "]" * 65], ["json", "1 2"], ["json", '"\\ud800"'],
                      ["text", b"\xff"], ["text", b"\xed\xa0\x80"], ["json"], [],
                      ["text", "x", "FROM"], ["text", "x", "FROM", "a b"],
                      ["text", "x", "FROM", str(uuid.uuid4())], ["text", "x", "KEY", ""],
                      ["text", "x", "KEY", "k" * 65], ["text", "x", "WHAT", "y"]):
            with self.subTest(words=words):
                self.assertBad("FCALL", "cw_publish", 1, key, *words)
        for bad in ("cw:{g:}", "cw:{g:a b}", "cw:{g:%s}" % ("g" * 129), "cw:{c:x}", "other", ""):
            with self.subTest(key=bad):
                self.assertBad("FCALL", "cw_publish", 1, bad, "text", "x")
        self.assertBad("FCALL", "cw_publish", 0, "text", "x")
        self.assertBad("FCALL", "cw_publish", 2, key, key, "text", "x")
        self.publish(group, "text", "marker")
        self.assertEqual(self.assertReceives(client, group, text="marker")["offset"], 1)

    def test_payloads_are_bounded(self):
        group = self.new_group()
        client = self.client("groups=" + group)
        client.next_op("joined")
        self.publish(group, "text", "t" * 65536)
        self.assertReceives(client, group, text="t" * 65536)
        with self.assertRaises(redis_py.ResponseError):
            self.publish(group, "text", "t" * 65537)
        self.assertEqual(client.settle(), [])

    def test_history_holds_what_clients_and_back_ends_published(self):
        group = self.new_group()
        client = self.client()
        ok = client.publish(group, data={"n": 1})
        self.publish(group, "bytes", b"\x00\x01", "FROM", "shop")
        rows = self.read("cw_history", "cw:{g:%s}" % group)
        flat = rows if rows and not isinstance(rows[0], list) else [x for row in rows for x in row]
        self.assertEqual(flat, [
            f"{ok['epoch']}-1".encode(), b"json", client.uuid.encode(), b'{"n": 1}',
            f"{ok['epoch']}-2".encode(), b"bytes", b"shop", b"\x00\x01"])
        rest = self.read("cw_history", "cw:{g:%s}" % group, "SINCE", f"{ok['epoch']}-1")
        self.assertIn(b"shop", rest if not isinstance(rest[0], list) else rest[0])
        self.assertNotIn(b"json", rest)

    def test_group_members_and_channel_tell_what_is_there(self):
        group = self.new_group()
        before = time.time() * 1000
        client = self.client("type=text&expires=90&groups=" + group)
        client.next_op("joined")
        ok = client.publish(group, text="x")
        found = flat_map(self.read("cw_group", "cw:{g:%s}" % group))
        self.assertEqual((found["members"], found["epoch"], found["offset"]),
                         ("1", ok["epoch"], "1"))
        self.assertIn("history", found)
        cursor, *pairs = self.read("cw_members", "cw:{g:%s}" % group)
        flat = pairs if not pairs or not isinstance(pairs[0], list) else pairs[0]
        self.assertIn(cursor, (b"0", 0))
        self.assertEqual(flat, [client.uuid.encode(), self.node.id().encode()])
        channel = flat_map(self.read("cw_channel", "cw:{c:%s}" % client.uuid))
        self.assertEqual(channel["uuid"], client.uuid)
        self.assertEqual(channel["node"], self.node.id())
        self.assertEqual(channel["type"], "text")
        self.assertEqual(channel["expires"], "90")
        self.assertGreaterEqual(float(channel["created"]), before - 2000)
        self.assertTrue(channel["address"].startswith("127.0.0.1"), channel)
        self.assertIn(group, channel["groups"])

    def test_what_is_unknown_is_told_as_such(self):
        found = flat_map(self.read("cw_group", "cw:{g:nobody}"))
        self.assertEqual((found["members"], found["epoch"], found["offset"]), ("0", "0", "0"))
        self.assertEqual(self.read("cw_members", "cw:{g:nobody}")[1:], [])
        with self.assertRaises(redis_py.ResponseError) as caught:
            self.read("cw_channel", "cw:{c:%s}" % uuid.uuid4())
        self.assertTrue(str(caught.exception).startswith("NOCHANNEL"))
        self.assertEqual(self.redis.call("EXISTS", "cw:{g:nobody}"), 0)

    def test_nodes_lists_this_node_with_its_lease_and_channels(self):
        clients = [self.client() for _ in range(3)]

        def listed():
            rows = self.read("cw_nodes", "cw:nodes")
            flat = [x for row in rows for x in row] if rows and isinstance(rows[0], list) else rows
            return [tuple(flat[index:index + 3]) for index in range(0, len(flat), 3)]
        until(lambda: [int(row[2]) for row in listed()] == [3], "three channels are told", 8)
        (name, lease, _), = listed()
        self.assertEqual(name.decode(), self.node.id())
        self.assertTrue(0 < int(lease) <= 15000, lease)
        del clients

    def test_closed_channels_leave_no_key_behind(self):
        group = self.new_group()
        clients = [self.client("groups=" + group) for _ in range(10)]
        for client in clients:
            client.next_op("joined")
        for client in clients:
            client.close()
        until(lambda: all(self.redis.call("EXISTS", "cw:{c:%s}" % client.uuid) == 0
                          for client in clients), "their keys are gone")
        self.assertEqual(self.redis.call("EXISTS", "cw:{g:%s}:m" % group), 0)


if __name__ == "__main__":
    main()
