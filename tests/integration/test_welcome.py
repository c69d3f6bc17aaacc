"""The first frames of an accepted channel: welcome, and the groups of the URL."""

import subprocess
import time

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.client import Client, check_error
from support.paths import chanwayd
from support.websocket import BINARY, TEXT


class Welcome(NodeCase):
    settings = {"node": "n1", "channel_ttl": "1h", "channel_ttl_max": "2h",
                "heartbeat_interval": "7s", "heartbeat_timeout": "20s"}

    def test_it_says_all_that_the_protocol_lists(self):
        before = time.time() * 1000
        client = self.client("type=text")
        welcome = client.welcome
        self.assertEqual(welcome["channel"], client.socket.response.header("chanway-channel"))
        self.assertEqual(welcome["node"], self.node.id())
        self.assertEqual(welcome["type"], "text")
        self.assertIsInstance(welcome["created"], int)
        self.assertGreaterEqual(welcome["created"], before - 2000)
        self.assertLessEqual(welcome["created"], time.time() * 1000 + 2000)
        self.assertEqual(welcome["expires"], 3600)
        self.assertEqual(welcome["heartbeat"], 7)
        self.assertIn("session", welcome)
        self.assertEqual(welcome["session"], client.socket.response.header("chanway-session"))
        self.assertIs(welcome["resumed"], False)
        self.assertEqual(welcome["groups"], [])
        self.assertIsNone(welcome["user"])
        said = subprocess.run([chanwayd(), "--version"], capture_output=True, text=True, timeout=10,
                              check=True).stdout
        self.assertIn(welcome["version"], said)
        self.assertTrue(welcome["version"])

    def test_the_type_is_that_of_the_query(self):
        self.assertEqual(self.client().welcome["type"], "json")
        for name in ("json", "text", "bytes"):
            self.assertEqual(self.client("type=" + name).welcome["type"], name)

    def test_expires_is_what_was_asked_up_to_the_nodes_maximum(self):
        self.assertEqual(self.client("expires=60").welcome["expires"], 60)
        self.assertEqual(self.client("expires=7200").welcome["expires"], 7200)
        self.assertEqual(self.client("expires=7201").welcome["expires"], 7200)
        self.assertEqual(self.client("expires=999999999").welcome["expires"], 7200)

    def test_expires_0_is_no_limit_of_its_own(self):
        self.assertEqual(self.client("expires=0").welcome["expires"], 7200)

    def test_no_limit_at_all_is_null(self):
        node = self.own_node(self.redis, name="unlimited")
        self.assertIsNone(self.own_client(node).welcome["expires"])
        self.assertIsNone(self.own_client(node, "expires=0").welcome["expires"])
        self.assertEqual(self.own_client(node, "expires=5").welcome["expires"], 5)
        self.assertEqual(self.own_client(node).welcome["heartbeat"], 15)


class GroupsOfTheUrl(NodeCase):

    def test_each_is_told_as_joined_with_its_position(self):
        first, second = self.new_group(), self.new_group()
        publisher = self.client()
        sent = publisher.publish(second, text="before")
        client = self.client(f"groups={first},{second}")
        joined = {}
        for _ in range(2):
            frame = client.next_op("joined")
            joined[frame["group"]] = (frame["epoch"], frame["offset"])
        self.assertEqual(joined, {first: ("0", 0), second: (sent["epoch"], sent["offset"])})
        publisher.publish(second, text="after")
        self.assertReceives(client, second, text="after")

    def test_a_group_named_twice_is_joined_once(self):
        group = self.new_group()
        client = self.client(f"groups={group},{group}")
        client.next_op("joined")
        self.assertEqual(client.settle(), [])

    def test_what_the_client_sends_is_handled_after_the_joins(self):
        for _ in range(20):
            group = self.new_group()
            with self.node.client("groups=" + group) as client:
                client.send({"op": "publish", "id": 9, "group": group, "text": "own"})
                self.assertEqual(client.next_op("joined")["group"], group)
                frames = sorted((client.next() for _ in range(2)), key=lambda frame: frame["op"])
                self.assertEqual([frame["op"] for frame in frames], ["message", "ok"])

    def test_a_raw_client_gets_its_own_first_frame(self):
        for _ in range(20):
            group = self.new_group()
            with self.node.raw(f"type=text&groups={group}&publish={group}") as socket:
                socket.send_text("first")
                self.assertEqual(socket.receive(), (TEXT, b"first"))

    def test_a_raw_client_is_told_nothing(self):
        group = self.new_group()
        socket = self.raw_member(group, "bytes")
        self.assertEqual(socket.ping(), [])
        self.client().publish(group, bytes="AAEC")
        self.assertEqual(socket.receive(), (BINARY, b"\0\1\2"))

    def test_what_join_would_refuse_is_an_error_with_group_after_welcome(self):
        group = self.new_group()
        client = Client(self.node, f"groups=user:anna,{group}")
        self.addCleanup(client.drop)
        frames = [client.next(), client.next()]
        errors = [frame for frame in frames if frame["op"] == "error"]
        self.assertEqual(len(errors), 1, frames)
        check_error(errors[0])
        self.assertEqual((errors[0]["code"], errors[0]["group"]), ("forbidden", "user:anna"))
        self.assertNotIn("id", errors[0])
        self.assertEqual([frame["group"] for frame in frames if frame["op"] == "joined"], [group])
        client.publish(group, text="still here")

    def test_what_join_would_refuse_closes_a_raw_channel_with_4001(self):
        socket = self.raw("groups=user:anna")
        self.assertEqual(socket.wait_for_close(), 4001)
        self.assertEqual(socket.last_messages, [])

    def test_a_raw_channel_may_not_publish_to_a_users_group(self):
        try:
            with self.node.raw("type=text&publish=user:anna") as socket:
                socket.send_text("hello")
                socket.ping()
        except (OSError, AssertionError):
            pass  # refused or closed: that is no harm
        self.client().publish(self.new_group(), text="behind it")
        self.assertEqual(self.redis.call("KEYS", "cw:{g:user:*"), [])


if __name__ == "__main__":
    main()
