"""The event stream for back ends: what is told of a channel, and that nothing of it gets lost."""

import asyncio
import json
import socket
import sys

import websockets

import setup_path  # noqa: F401
from support.case import Case, NodeCase, main
from support.event_stream import EventStream
from support.paths import source_path
from support.process import Process
from support.wait import Deadline, until
from support.websocket import JSON

ALL = "connect,disconnect,message,join,leave,error"
GONE = ("unavailable", "timeout")


def try_until_ok(test, client, op, timeout=15, **fields):
    """The errors before the ok are those of an outage."""
    deadline = Deadline(timeout)
    while True:
        reply = client.request(op, **fields)
        if reply["op"] == "ok":
            return reply
        test.assertIn(reply["code"], GONE)
        test.assertFalse(deadline.passed(), f"{op} does not work again")


class Kinds(NodeCase):
    settings = {"events": ALL}

    def setUp(self):
        self.stream = EventStream(self.redis)

    def wait_for(self, channel, *kinds):
        until(lambda: self.stream.kinds(channel)[-len(kinds):] == list(kinds),
              f"{kinds} of {channel}")
        return self.stream.of(channel)

    def test_every_kind_with_its_fields(self):
        group = self.new_group()
        client = self.client("type=text&groups=" + group)
        client.next_op("joined")
        client.call("message", text="grüße")
        client.call("message", data={"n": 1.0})
        client.call("message", bytes="AP8NCg==")
        client.call("message", text="")
        client.join(group + "2")
        client.leave(group + "2")
        client.send("nonsense")
        client.next_op("error")
        client.close(4321)
        kinds = ["connect", "join", *["message"] * 4, "join", "leave", "error", "disconnect"]
        events = self.wait_for(client.uuid, *kinds)
        reason = events[8].pop("reason")
        self.assertIn("JSON", reason)
        common = {"channel": client.uuid, "node": self.node.id(), "gen": "1"}
        self.assertEqual(events, [{"event": kind, **common, **more} for kind, more in zip(kinds, (
            {"type": "text"},
            {"group": group},
            {"type": "text", "payload": "grüße".encode()},
            {"type": "json", "payload": b'{"n": 1.0}'},
            {"type": "bytes", "payload": b"\x00\xff\r\n"},
            {"type": "text", "payload": b""},
            {"group": group + "2"},
            {"group": group + "2"},
            {"code": "bad_request"},
            {"code": "4321"}))])

    def test_what_a_back_end_asked_for_is_told_when_it_took_effect(self):
        group = self.new_group()
        client = self.client()
        key = "cw:{c:%s}" % client.uuid
        self.redis.call("FCALL", "cw_group_add", 1, key, group)
        client.next_op("joined")
        self.redis.call("FCALL", "cw_group_remove", 1, key, group)
        client.next_op("left")
        self.redis.call("FCALL", "cw_close", 1, key, "3210", "enough of you")
        events = self.wait_for(client.uuid, "connect", "join", "leave", "disconnect")
        self.assertEqual((events[3]["code"], events[3]["reason"]), ("3210", "enough of you"))

    def test_ops_that_did_nothing_are_not_told(self):
        client = self.client()
        client.leave("never.in.it")
        client.refuse("join", group="user:x")
        client.refuse("send", to="00000000-0000-7000-8000-000000000000", text="x")
        client.call("message", text="marker")
        self.wait_for(client.uuid, "connect", "message")

    def test_frames_of_raw_channels(self):
        raw = self.raw("type=json")
        uuid = raw.response.header("chanway-channel")
        raw.send_text('{"raw":1}')
        raw.send_text("{")
        self.assertRawError(raw)
        events = self.wait_for(uuid, "connect", "message", "error")
        self.assertEqual((events[1]["type"], events[1]["payload"]), ("json", b'{"raw":1}'))
        self.assertEqual(events[2]["code"], "bad_payload")

    def test_a_client_that_is_just_gone(self):
        client = self.client("groups=" + self.new_group())
        client.next_op("joined")
        client.drop()
        events = self.wait_for(client.uuid, "connect", "join", "disconnect")
        self.assertEqual(events[2]["code"], "1006")

    def test_a_message_of_one_mebibyte_is_one_entry(self):
        node = self.own_node(self.redis, events="message", max_message="2MiB")
        client = self.own_client(node)
        text = "m" * (1 << 20)
        client.call("message", text=text)
        event, = self.stream.of(client.uuid)
        self.assertEqual(event["payload"], text.encode())
        self.assertEqual(client.refuse("message", text=text + "m"), "too_large")

    def test_only_what_was_chosen_is_told(self):
        node = self.own_node(self.redis, events="join,error")
        client = self.own_client(node)
        client.call("message", text="nobody hears it")
        client.join("g")
        client.close()
        until(lambda: self.stream.of(client.uuid), "the join")
        node.stop()
        self.assertEqual(self.stream.kinds(client.uuid), ["join"])

    def test_a_node_that_stops_tells_of_all_its_channels(self):
        node = self.own_node(self.redis, events=ALL)
        clients = [self.own_client(node) for _ in range(30)]
        node.stop()
        for client in clients:
            event, = self.stream.of(client.uuid, "disconnect")
            self.assertEqual(event["code"], "1001")


class Losses(Case):
    """At least once: a node of its own for each test, and a Redis that keeps an AOF."""

    def setUp(self):
        self.redis = self.own_redis(options=["--enable-debug-command", "yes"])
        self.node = self.own_node(self.redis, events=ALL, op_timeout="2s")
        self.stream = EventStream(self.redis)

    def kill_links_with_what_comes_now(self):
        """Redis sleeps, then kills the node's links before it looks at what they brought."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.redis.socket)
            control.sendall(b"DEBUG SLEEP 0.1\r\nCLIENT KILL TYPE normal\r\n")

    def wait_until_written(self):
        until(lambda: self.node.metric("chanway_redis_up") == 1
              and self.node.metric("chanway_events_waiting") == 0, "all is written", 15)

    def assertTold(self, channel, *kinds):
        """These kinds, in this order, each once or more; what is told last is how it is."""
        told = self.stream.kinds(channel)
        position = 0
        for kind in kinds:
            self.assertIn(kind, told[position:], f"{channel}: {told}")
            position = told.index(kind, position) + 1
        self.assertEqual(told[0], kinds[0], told)
        self.assertEqual(told[-1], kinds[-1], told)
        self.assertEqual(set(told), set(kinds), told)

    def test_killed_links(self):
        watcher = self.own_client(self.node)
        gone, sent = [], []
        for number in range(60):
            client = self.own_client(self.node)
            if number % 6 == 0:
                self.assertGreaterEqual(self.redis.call("CLIENT", "KILL", "TYPE", "normal"), 1)
            try_until_ok(self, client, "join", group="g")
            try_until_ok(self, client, "leave", group="g")
            if number % 6 == 3:
                self.kill_links_with_what_comes_now()
            client.close()
            gone.append(client.uuid)
            text = f"message {number}"
            try_until_ok(self, watcher, "message", text=text)
            sent.append(text.encode())
        self.wait_until_written()
        for uuid in gone:
            self.assertTold(uuid, "connect", "join", "leave", "disconnect")
        heard = [event["payload"] for event in self.stream.of(watcher.uuid, "message")]
        self.assertEqual([text for text in dict.fromkeys(heard) if text in sent], sent)
        self.assertGreaterEqual(self.node.metric("chanway_events_resent_total"), 1)
        self.assertEqual(self.node.metric("chanway_events_dropped_total"), 0)

    def test_a_killed_redis(self):
        clients = [self.own_client(self.node) for _ in range(20)]
        acknowledged = []
        for number in range(200):
            clients[0].send({"op": "message", "id": number, "text": f"{number}"})
        clients[1].close()
        until(lambda: self.stream.of(clients[0].uuid, "message"), "some are there", every=0)
        self.redis.freeze()
        clients[2].close()
        until(lambda: self.node.metric("chanway_events_waiting") >= 1, "an event is in flight")
        self.redis.kill()
        for number in range(200):
            reply = clients[0].next()
            self.assertEqual(reply["id"], number)
            if reply["op"] == "ok":
                acknowledged.append(str(number).encode())
            else:
                self.assertIn(reply["code"], GONE)
        late = [self.own_client(self.node) for _ in range(5)]
        late[0].close()
        self.assertEqual(clients[0].refuse("message", text="refused"), "unavailable")
        until(lambda: self.node.metric("chanway_events_waiting") >= 7, "events wait")
        self.redis.start()
        self.wait_until_written()
        self.assertGreaterEqual(self.node.metric("chanway_events_resent_total"), 1)
        for client in clients + late:
            is_gone = client in (clients[1], clients[2], late[0])
            told = self.stream.kinds(client.uuid)
            self.assertEqual(told[0], "connect")
            self.assertEqual(told[-1] == "disconnect", is_gone, told)
        heard = {event["payload"] for event in self.stream.of(clients[0].uuid, "message")}
        self.assertLessEqual(set(acknowledged), heard)
        self.assertNotIn(b"refused", heard)
        clients[0].call("message", text="after")

    def test_a_message_without_an_answer_is_timeout(self):
        client = self.own_client(self.node)
        self.redis.freeze()
        client.send({"op": "message", "id": 1, "text": "maybe"})
        reply = client.reply_to(1)
        self.assertEqual((reply["op"], reply["code"]), ("error", "timeout"), reply)
        self.redis.thaw()
        try_until_ok(self, client, "message", text="sure")

    def test_a_redis_without_memory(self):
        client = self.own_client(self.node)
        self.redis.call("CONFIG", "SET", "maxmemory", "1")
        gone = self.own_client(self.node)
        gone.close()
        self.assertEqual(client.refuse("message", text="x"), "unavailable")
        until(lambda: self.node.metric("chanway_events_waiting") >= 2, "events wait")
        self.redis.call("CONFIG", "SET", "maxmemory", "0")
        self.wait_until_written()
        self.assertTold(gone.uuid, "connect", "disconnect")
        try_until_ok(self, client, "message", text="y")


class Example(NodeCase):
    """gateway/examples/backend, and clients of other people."""

    settings = {"events": "connect,disconnect,message,error"}

    def start_back_end(self, name="first"):
        program = source_path("gateway/examples/backend/backend.py")
        back_end = Process(name, [sys.executable, "-B", program, "unix://" + self.redis.socket, name],
                           self.own_folder())
        self.addCleanup(back_end.stop)
        return back_end

    def connect(self):
        return websockets.connect(f"ws://127.0.0.1:{self.node.port}/ws", subprotocols=[JSON])

    async def next_op(self, socket, op):
        frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
        self.assertEqual(frame["op"], op, frame)
        return frame

    def test_the_four_handlers(self):
        back_end = self.start_back_end()

        async def talk():
            async with self.connect() as socket:
                channel = (await self.next_op(socket, "welcome"))["channel"]
                self.assertEqual((await self.next_op(socket, "joined"))["group"], "lobby")
                for payload in ({"text": "grüße"}, {"data": {"n": [1]}}, {"bytes": "AAEC"}):
                    await socket.send(json.dumps({"op": "message", **payload}))
                    frame = await self.next_op(socket, "message")
                    self.assertEqual(frame["from"], "echo")
                    self.assertEqual({key: frame[key] for key in payload}, payload)
                await socket.send("{")
                await self.next_op(socket, "error")
                back_end.wait_for_log(f"^error: {channel} .*JSON")
            back_end.wait_for_log(f"^gone: {channel} 1000$")
        asyncio.run(asyncio.wait_for(talk(), 40))
        pending = self.redis.call("XPENDING", "cw:{events}", "backend")
        self.assertEqual(pending["pending"] if isinstance(pending, dict) else pending[0], 0)

    def test_what_it_had_in_hand_when_it_died_is_done_after_a_restart(self):
        back_end = self.start_back_end()
        clients = [self.client() for _ in range(20)]
        back_end.kill()
        clients += [self.client() for _ in range(20)]
        again = self.start_back_end()
        for client in clients:
            self.assertEqual(client.next_op("joined")["group"], "lobby")
        clients[0].drop()
        again.wait_for_log(f"^gone: {clients[0].uuid} 1006$")

    def test_it_goes_on_after_a_killed_redis(self):
        self.start_back_end()
        self.client().next_op("joined")
        self.redis.kill()
        client = self.client()
        self.redis.start()
        self.assertEqual(client.next_op("joined", 15)["group"], "lobby")


if __name__ == "__main__":
    main()
