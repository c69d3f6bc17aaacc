"""Direct messages and requests to channels of other nodes: op send, cw_send, cw_close, cw_group_add,
cw_group_remove; also while links break."""

import base64
import random
import threading
import time

import redis

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.ports import free_port
from support.wait import until
from support.websocket import Ended
from support.wire import Closed

NOBODY = "01900000-0000-7000-8000-000000000000"


def channel_key(client):
    return "cw:{c:%s}" % client.uuid


class DirectCase(ClusterCase):
    """Two nodes; the first one is another user of Redis, so that its links alone can be killed."""

    def setUp(self):
        port = free_port()
        self.redis = self.own_redis(options=["--port", str(port), "--bind", "127.0.0.1"])
        self.r = self.redis.client()
        self.addCleanup(self.r.close)
        self.r.execute_command("ACL", "SETUSER", "owner", "on", ">secret", "~*", "&*", "+@all")
        self.owner = self.own_node(f"redis://owner:secret@127.0.0.1:{port}", name="owner",
                                   op_timeout="2s")
        self.other = self.own_node(self.redis, name="other", op_timeout="2s")
        self.nodes = [self.owner, self.other]

    def known_client(self, node):
        """A client whose channel the registry shows; its welcome does not wait for that."""
        client = self.own_client(node)
        until(lambda: self.r.exists(channel_key(client)), "its channel is known")
        return client

    def call(self, function, client, *words):
        return self.r.execute_command("FCALL", function, 1, channel_key(client), *words)

    def kill_links_of_owner(self):
        return self.r.execute_command("CLIENT", "KILL", "USER", "owner")


class Direct(DirectCase):

    def test_every_kind_of_payload_arrives_at_every_node(self):
        sender = self.own_client(self.other)
        raw_bytes = base64.b64encode(bytes(range(256))).decode("ascii")
        for node in self.nodes:
            receiver = self.known_client(node)
            for payload in ({"data": {"n": 1.0}}, {"text": "two\nlines, ünï"}, {"bytes": raw_bytes}):
                reply = sender.call("send", to=receiver.uuid, **payload)
                self.assertEqual(reply["status"], "delivered")
                frame = receiver.message()
                self.assertEqual(frame["from"], sender.uuid)
                self.assertNotIn("group", frame)
                self.assertEqual({name: frame.get(name) for name in payload}, payload)
            self.assertEqual(self.call("cw_send", receiver, "json", '{"n":1.0}'), b"delivered")
            self.assertEqual(receiver.message()["from"], "server")
            self.assertEqual(self.call("cw_send", receiver, "text", "x", "FROM", "billing"),
                             b"delivered")
            self.assertEqual(receiver.message()["from"], "billing")
            self.assertEqual(receiver.settle(), [])

    def test_a_channel_sends_to_itself(self):
        client = self.known_client(self.owner)
        client.call("send", to=client.uuid, text="to me")
        self.assertEqual((client.inbox or [client.message()])[0]["text"], "to me")

    def test_a_raw_channel_gets_it(self):
        raw = self.own_raw(self.owner, "type=text")
        uuid = raw.response.header("chanway-channel")
        sender = self.own_client(self.other)
        until(lambda: sender.request("send", to=uuid, text="hello")["op"] == "ok", "it is known")
        self.assertEqual(raw.receive_text(), "hello")

    def test_who_is_not_there_is_not_found(self):
        sender = self.own_client(self.other)
        self.assertEqual(sender.refuse("send", to=NOBODY, text="x"), "not_found")
        self.assertEqual(sender.refuse("send", to="nonsense", text="x"), "bad_request")
        gone = self.known_client(self.owner)
        gone.close()
        until(lambda: sender.request("send", to=gone.uuid, text="x").get("code") == "not_found",
              "it is gone")
        for function, *words in (("cw_send", "text", "x"), ("cw_close",), ("cw_group_add", "g"),
                                 ("cw_group_remove", "g")):
            with self.assertRaisesRegex(redis.ResponseError, "^NOCHANNEL"):
                self.call(function, gone, *words)

    def test_a_key_sends_once_whoever_uses_it(self):
        sender, receiver = self.own_client(self.other), self.known_client(self.owner)
        first = sender.call("send", to=receiver.uuid, text="once", key="k")
        again = sender.call("send", to=receiver.uuid, text="once", key="k")
        self.assertNotIn("duplicate", first)
        self.assertIs(again["duplicate"], True)
        self.assertEqual(self.call("cw_send", receiver, "text", "once", "KEY", "k"), b"delivered")
        sender.call("send", to=receiver.uuid, text="end")
        self.assertEqual([receiver.message()["text"] for _ in range(2)], ["once", "end"])

    def test_messages_of_one_sender_keep_their_order(self):
        sender, receiver = self.own_client(self.other), self.known_client(self.owner)
        for number in range(500):
            sender.send({"op": "send", "id": number, "to": receiver.uuid, "data": number})
        for number in range(500):
            self.assertEqual(sender.receive()["op"], "ok")
        self.assertEqual([receiver.message()["data"] for _ in range(500)], list(range(500)))


class Requests(DirectCase):

    def test_a_close_says_its_code_and_reason(self):
        for words, code, reason in ((("4321", "not today"), 4321, "not today"), ((), 4004, ""),
                                    (("1000",), 1000, "")):
            client = self.known_client(self.owner)
            watcher = self.own_client(self.other)
            watcher.join("watched", presence=True)
            client.join("watched")
            self.assertEqual(watcher.next_op("presence")["event"], "join")
            self.assertEqual(self.call("cw_close", client, *words), 1)
            if code >= 4000:
                bye = client.next_op("bye")
                self.assertEqual((bye["code"], bye["reason"], bye["retry_ms"]),
                                 (code, reason, None))
            with self.assertRaises(Ended) as caught:
                client.receive()
            self.assertEqual((caught.exception.code, caught.exception.reason), (code, reason))
            self.assertEqual(watcher.next_op("presence")["event"], "leave")
            until(lambda: not self.r.hget(channel_key(client), "node"),  # pylint: disable=W0640
                  "it is out of the registry")
            self.assertEqual(self.r.exists(channel_key(client)), code == 4321, "4321 may be resumed")
            watcher.drop()

    def test_a_channel_is_added_to_a_group_and_removed(self):
        client, other = self.known_client(self.owner), self.own_client(self.other)
        other.publish("hall", text="before")
        self.assertEqual(self.call("cw_group_add", client, "hall"), 1)
        joined = client.next_op("joined")
        self.assertEqual((joined["group"], joined["offset"]), ("hall", 1))
        self.assertEqual([member["channel"] for member in other.members("hall")["members"]],
                         [client.uuid])
        other.publish("hall", text="hello")
        self.assertReceives(client, "hall", text="hello")
        # It is in already: nothing is told, and the next request is done.
        self.assertEqual(self.call("cw_group_add", client, "hall"), 1)
        self.assertEqual(self.call("cw_group_remove", client, "hall"), 1)
        self.assertEqual(client.next_op("left")["group"], "hall")
        self.assertEqual(other.members("hall")["members"], [])
        self.assertEqual(self.call("cw_group_remove", client, "hall"), 1)
        self.assertEqual(self.call("cw_group_add", client, "other"), 1)
        self.assertEqual(client.next_op("joined")["group"], "other")
        self.assertIn("other", self.call_channel(client)["groups"])

    def call_channel(self, client):
        flat = self.r.execute_command("FCALL_RO", "cw_channel", 1, channel_key(client))
        return {name.decode(): value if isinstance(value, int) else value.decode()
                for name, value in zip(flat[::2], flat[1::2])}

    def test_what_cannot_be_done_is_done_with(self):
        node = self.own_node(self.redis, name="narrow", max_groups="1")
        client = self.own_client(node, "groups=first")
        client.next_op("joined")
        for words in (("cw_group_add", "second"), ("cw_group_remove", "first"),
                      ("cw_group_add", "third")):
            self.assertEqual(self.call(words[0], client, words[1]), 1)
        self.assertEqual([(client.next()["op"], client.next()["op"])], [("left", "joined")])
        until(lambda: not self.r.exists(channel_key(client) + ":r"), "all requests are done with")
        self.assertEqual(self.call_channel(client)["groups"], "third")


class LostLinks(DirectCase):
    """The owner's links to Redis are killed all the time."""

    def start_killing(self):
        """Whenever the owner's links are up, for a while."""
        self.is_over, self.kills = threading.Event(), 0

        def kill():
            rng = random.Random(1)
            with self.redis.client() as client:
                # Long enough for some of what is to be done, short enough to meet the rest.
                while not self.is_over.wait(rng.uniform(0.02, 0.2)):
                    self.kills += client.execute_command("CLIENT", "KILL", "USER", "owner")
        self.killer = threading.Thread(target=kill, daemon=True)
        self.killer.start()
        self.addCleanup(self.stop_killing)

    def wait_for_a_kill(self):
        before = self.kills
        until(lambda: self.kills > before, "links are killed")

    def stop_killing(self):
        self.is_over.set()
        self.killer.join(10)

    def ask(self, function, client, *words):
        """Until it is answered 1: too many may be waiting."""
        def answered():
            try:
                return self.call(function, client, *words) == 1
            except redis.ResponseError as error:
                self.assertTrue(str(error).startswith("BUSY"), error)
                return False
        until(answered, f"{function} {words}", 20)

    def test_every_request_is_done_once_and_in_order(self):
        clients = [self.known_client(self.owner) for _ in range(4)]
        wanted = {client: [] for client in clients}
        self.start_killing()
        started = time.monotonic()
        for number in range(200):
            client = clients[number % 4]
            step = number // 4
            # Two groups are joined, then the elder is left.
            verb, group = ("joined", f"r.{step}") if step % 3 < 2 else ("left", f"r.{step - 2}")
            if number % 8 == 0:
                self.wait_for_a_kill()
            self.ask("cw_group_add" if verb == "joined" else "cw_group_remove", client, group)
            wanted[client].append((verb, group))
        for client in clients:
            got = [client.next(20) for _ in wanted[client]]
            self.assertEqual([(frame["op"], frame["group"]) for frame in got], wanted[client])
        took = time.monotonic() - started
        self.stop_killing()
        self.assertGreaterEqual(self.kills, 25)
        for client in clients:
            until(lambda: not self.r.exists(channel_key(client) + ":r"),  # pylint: disable=W0640
                  "all requests are done with")
            self.assertEqual(client.settle(), [])
            groups = {group for verb, group in wanted[client] if verb == "joined"}
            groups -= {group for verb, group in wanted[client] if verb == "left"}
            for group in groups | {group for _, group in wanted[client]}:
                members = self.r.hkeys("cw:{g:%s}:m" % group)
                self.assertEqual(client.uuid.encode() in members, group in groups, group)
        print(f"\ndirect: 200 requests done in order in {took:.1f} s, {self.kills} links killed",
              flush=True)
        # The last request.
        self.start_killing()
        for client in clients:
            self.ask("cw_close", client, "4004", "the end")
        for client in clients:
            self.assertEqual(client.next_op("bye", 20)["reason"], "the end")
        self.stop_killing()
        until(lambda: not any(self.r.exists(channel_key(client), channel_key(client) + ":r")
                              for client in clients), "all are gone", 20)

    def test_direct_messages_arrive_once_and_in_order(self):
        sender, receiver = self.own_client(self.other), self.known_client(self.owner)
        acknowledged = []
        got = []

        def receive():
            try:
                while True:
                    got.append(receiver.receive(30))
            except (Closed, Ended, OSError, AssertionError):
                pass  # the test is over
        reader = threading.Thread(target=receive, daemon=True)
        reader.start()
        self.start_killing()
        for number in range(600):
            if number % 20 == 0:
                self.wait_for_a_kill()
            # Far fewer than queue-max are on their way.
            until(lambda: len(got) > len(acknowledged) - 50, "the receiver keeps up", 20, 0.005)
            if number % 3:
                self.assertEqual(sender.call("send", to=receiver.uuid, data=number)["status"],
                                 "delivered")
            else:
                self.assertEqual(self.call("cw_send", receiver, "json", str(number)), b"delivered")
            acknowledged.append(number)
        until(lambda: len(got) >= len(acknowledged), "all have come", 20)
        self.stop_killing()
        self.assertGreaterEqual(self.kills, 30)
        self.assertEqual([frame.get("data", frame) for frame in got], acknowledged)

    def test_when_the_senders_links_break_too_nothing_acknowledged_is_lost_or_doubled(self):
        sender, receiver = self.own_client(self.other), self.known_client(self.owner)
        acknowledged, unknown, refused = [], set(), set()
        kills = 0
        for number in range(300):
            sender.send({"op": "send", "id": number, "to": receiver.uuid, "data": number})
            if number % 30 == 29:
                kills += self.r.execute_command("CLIENT", "KILL", "TYPE", "normal")
                kills += self.r.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            if number % 10 == 9:
                for waiting in range(number - 9, number + 1):
                    reply = sender.receive(20)
                    self.assertEqual(reply["id"], waiting)
                    if reply["op"] == "ok":
                        acknowledged.append(waiting)
                    else:
                        self.assertIn(reply["code"], ("timeout", "unavailable"))
                        (unknown if reply["code"] == "timeout" else refused).add(waiting)
                until(lambda: self.owner.is_ready() and self.other.is_ready(), "links are up", 15)
        sender.call("send", to=receiver.uuid, data="end")
        got = []
        while not got or got[-1] != "end":
            got.append(receiver.message(20)["data"])
        got.pop()
        self.assertEqual(got, sorted(set(got)), "once and in order")
        self.assertEqual(set(acknowledged) - set(got), set(), "acknowledged, and never came")
        self.assertEqual(set(got) & refused, set(), "refused, and came")
        self.assertGreater(len(acknowledged), 200)
        self.assertGreaterEqual(kills, 10)


if __name__ == "__main__":
    main(120)
