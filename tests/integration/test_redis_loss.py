"""Redis not there yet, gone, silent, empty: what clients see, and that all goes on by itself."""

import time

import setup_path  # noqa: F401
from support.case import Case, NodeCase, main
from support.node import READY
from support.redis_server import RedisServer
from support.wait import Deadline, seconds_until, until

GONE = ("unavailable", "timeout")


def publish_until_ok(test, client, group, text, timeout=15):
    """Tries until the publish is acknowledged; the errors before it are those of an outage."""
    deadline = Deadline(timeout)
    while True:
        reply = client.request("publish", group=group, text=text)
        if reply["op"] == "ok":
            return reply
        test.assertIn(reply["code"], GONE)
        test.assertIs(reply["temporary"], True)
        test.assertFalse(deadline.passed(), "publishing does not work again")


def wait_for_text(test, client, text, timeout=15):
    """Reads messages up to the one with `text`."""
    deadline = Deadline(timeout)
    while True:
        frame = client.next(deadline.left())
        test.assertIn(frame["op"], ("message", "gap"))
        if frame.get("text") == text:
            return frame


class AtTheStart(Case):

    def test_a_node_waits_for_redis_and_says_so(self):
        redis = RedisServer(self.own_folder())
        self.addCleanup(redis.stop)
        node = self.own_node(redis, wait=False, op_timeout="1s")
        until(lambda: node.get("/healthz").status == 200, "it is alive")
        answer = node.get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer.json())
        until(lambda: redis.socket in node.process.log(), "the log says what it waits for")
        self.assertIsNone(node.process.find_in_log(READY))

        client = self.own_client(node)
        self.assertEqual(client.refuse("publish", group="g", text="x"), "unavailable")
        self.assertEqual(client.refuse("join", group="g"), "unavailable")
        self.assertEqual(client.refuse("members", group="g"), "unavailable")
        self.assertEqual(client.request("ping")["op"], "pong")
        self.assertTrue(node.process.is_running())
        self.assertIsNone(node.process.find_in_log(READY))

        redis.start()
        node.wait_until_ready()
        client.join("g")
        client.publish("g", text="now")
        self.assertReceives(client, "g", text="now")
        self.assertEqual([member["channel"] for member in client.members("g")["members"]],
                         [client.uuid])


class Loss(NodeCase):
    settings = {"op_timeout": "2s"}
    # So that Redis never forgets in a crash what it has acknowledged.
    redis_options = {"options": ["--appendfsync", "always"]}

    def tearDown(self):
        self.redis.thaw()
        if not self.redis.process.is_running():
            self.redis.start()
        until(self.node.is_ready, "the node is ready for the next test", 20)

    def members_of(self, group, count):
        clients = [self.client("groups=" + group) for _ in range(count)]
        for client in clients:
            client.next_op("joined")
        return clients

    def test_clients_stay_through_a_killed_redis_and_go_on_after_it(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        raw = self.raw_member(group)
        client.publish(group, text="before")
        self.redis.kill()
        until(lambda: self.node.get("/readyz").status == 503, "not ready", 3.5)
        for _ in range(3):
            self.assertIn(client.refuse("publish", group=group, text="lost"), GONE)
        self.assertEqual(client.refuse("join", group=group + "2"), "unavailable")
        self.assertEqual(client.request("ping")["op"], "pong")

        self.redis.start()
        until(self.node.is_ready, "ready again", 10)
        publish_until_ok(self, client, group, "after")
        for member in (client, listener):
            self.assertReceives(member, group, text="before")
            self.assertReceives(member, group, text="after")
        # Acknowledged before the loss: delivered, at the latest after it.
        self.assertEqual([raw.receive_text() for _ in range(2)], ["before", "after"])
        until(lambda: {member["channel"] for member in client.members(group)["members"]} ==
              {client.uuid, listener.uuid, raw.response.header("chanway-channel")},
              "members are exact again", 20, every=0.1)

    def test_every_op_is_answered_while_redis_is_away(self):
        group = self.new_group()
        client, = self.members_of(group, 1)
        self.redis.kill()
        try:
            for number in range(300):
                client.send({"op": ("publish", "join", "leave", "members")[number % 4],
                             "id": number, "group": group, **({"text": "x"} if number % 4 == 0
                                                              else {})})
            started = time.monotonic()
            replies = [client.next() for _ in range(300)]
            self.assertEqual([reply["id"] for reply in replies], list(range(300)))
            self.assertLess(time.monotonic() - started, 5)
            for reply in replies:
                if reply["op"] == "error":
                    self.assertIn(reply["code"], GONE)
        finally:
            self.redis.start()

    def test_a_silent_redis_makes_the_node_not_ready_and_ready_again(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        pid = self.node.process.pid
        for _ in range(2):
            self.redis.freeze()
            took = seconds_until(lambda: self.node.get("/readyz").status == 503, "not ready", 10)
            self.assertLess(took, 3.0)
            self.assertGreater(took, 1.5, "a canary that came back a moment ago counts")
            self.assertTrue(self.node.get("/readyz").json())
            self.assertEqual(self.node.get("/healthz").status, 200)
            started = time.monotonic()
            self.assertIn(client.refuse("publish", group=group, text="frozen"), GONE)
            self.assertLess(time.monotonic() - started, 3.5)
            self.redis.thaw()
            took = seconds_until(self.node.is_ready, "ready again", 10)
            self.assertLess(took, 3.0)
        self.assertEqual(self.node.process.pid, pid)
        self.assertTrue(self.node.process.is_running())
        publish_until_ok(self, client, group, "thawed")
        wait_for_text(self, listener, "thawed")

    def test_a_redis_that_is_silent_for_long_is_found_dead_and_found_again(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        self.redis.freeze()
        until(lambda: self.node.metric("chanway_redis_up") == 0, "the link is given up", 12)
        self.assertEqual(client.refuse("publish", group=group, text="x"), "unavailable")
        self.redis.thaw()
        self.assertLess(seconds_until(self.node.is_ready, "ready again", 10), 4.0)
        publish_until_ok(self, client, group, "back")
        wait_for_text(self, listener, "back")

    def test_a_publish_that_got_no_answer_is_timeout_and_not_lost_in_silence(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        self.redis.freeze()
        client.send({"op": "publish", "id": 1, "group": group, "text": "maybe"})
        reply = client.reply_to(1)
        self.assertEqual((reply["op"], reply["code"]), ("error", "timeout"), reply)
        self.redis.thaw()
        ok = publish_until_ok(self, client, group, "sure")
        got = []
        while not got or got[-1]["text"] != "sure":
            got.append(listener.message())
        self.assertEqual([frame["offset"] for frame in got], list(range(1, ok["offset"] + 1)))
        self.assertEqual([frame["text"] for frame in got], ["maybe"] * (len(got) - 1) + ["sure"])

    def test_a_redis_that_lost_its_data_is_filled_again(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        before = client.publish(group, text="before")
        self.redis.call("FLUSHALL")
        publish_until_ok(self, client, group, "after")
        frame = wait_for_text(self, listener, "after")
        self.assertNotEqual(frame["epoch"], before["epoch"])
        self.assertGreater(int(frame["epoch"]), int(before["epoch"]))
        until(lambda: {member["channel"] for member in client.members(group)["members"]} ==
              {client.uuid, listener.uuid}, "members are exact again", 20, every=0.1)
        until(lambda: self.redis.call("EXISTS", "cw:{c:%s}" % client.uuid) == 1,
              "the channel is registered again", 20, every=0.1)

    def test_a_redis_that_lost_the_functions_gets_them_again(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        self.redis.call("FUNCTION", "FLUSH")
        deadline = Deadline(15)
        while True:
            reply = client.request("publish", group=group, text="works")
            if reply["op"] == "ok":
                break
            self.assertIs(reply["temporary"], True, reply)
            self.assertFalse(deadline.passed(), reply)
        wait_for_text(self, listener, "works")

    def test_a_lost_subscription_loses_no_message(self):
        group = self.new_group()
        client, listener = self.members_of(group, 2)
        for number in range(200):
            if number % 40 == 20:
                self.assertGreaterEqual(self.redis.call("CLIENT", "KILL", "TYPE", "pubsub"), 1)
            publish_until_ok(self, client, group, str(number))
        for number in range(200):
            self.assertReceives(listener, group, text=str(number))
        self.assertGreaterEqual(self.node.metric("chanway_group_recoveries_total"), 1)


if __name__ == "__main__":
    main()
