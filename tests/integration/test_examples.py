"""gateway/examples: every best practice of the seed, driven by clients of other people."""

import asyncio
import json
import os

import websockets

import setup_path  # noqa: F401
from support.case import Case, main
from support.paths import chanwayd
from support.ports import free_port
from support.process import Process
from support.websocket import JSON

FOLDER = os.path.join(os.path.dirname(os.path.abspath(chanwayd())), "examples")


def example(name, args=None):
    path = os.path.join(FOLDER, name + ".so")
    return path if args is None else f"{path}:{args}"


class Examples(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def start(self, name, args=None, **settings):
        return self.own_node(self.redis, module=example(name, args), **settings)

    def run_async(self, task):
        asyncio.run(asyncio.wait_for(task, 40))

    def connect(self, node, query="", protocol=None, **options):
        return websockets.connect(f"ws://127.0.0.1:{node.port}/ws?{query}",
                                  subprotocols=[protocol] if protocol else None, **options)

    async def assertCloses(self, socket, code):
        with self.assertRaises(websockets.ConnectionClosed) as caught:
            while True:
                await asyncio.wait_for(socket.recv(), 10)
        self.assertEqual(caught.exception.rcvd.code, code)

    async def next(self, socket):
        return await asyncio.wait_for(socket.recv(), 10)

    def test_auth(self):
        node = self.start("auth", "secret,other@50")

        async def talk():
            for token in ("secret", "other"):
                async with self.connect(node, "token=" + token, JSON) as socket:
                    self.assertEqual(json.loads(await self.next(socket))["op"], "welcome")
            headers = {"Authorization": "Bearer secret"}
            async with self.connect(node, "token=wrong", JSON, extra_headers=headers) as socket:
                self.assertEqual(json.loads(await self.next(socket))["op"], "welcome")
            for query in ("", "token=", "token=secre", "token=secret,other", "token=ecret"):
                async with self.connect(node, query, JSON) as socket:
                    self.assertEqual(json.loads(await self.next(socket))["op"], "bye")
                    await self.assertCloses(socket, 4001)
        self.run_async(talk())

    def test_rate_limit(self):
        node = self.start("rate_limit", "3/30")

        async def talk():
            sockets = [await self.connect(node, "type=text") for _ in range(4)]
            await self.assertCloses(sockets[3], 4002)
            for socket in sockets[:3]:
                await asyncio.wait_for(await socket.ping(), 10)
                await socket.close()
            async with self.connect(node, "", JSON) as socket:
                bye = json.loads(await self.next(socket))
                self.assertEqual((bye["op"], bye["code"]), ("bye", 4002))
                self.assertTrue(25000 < bye["retry_ms"] <= 30001, bye)
        self.run_async(talk())

    def test_lifecycle(self):
        node = self.start("lifecycle")

        async def talk():
            async with self.connect(node, "type=text") as socket:
                uuid = socket.response_headers["Chanway-Channel"]
                await socket.send("hello")
                self.assertEqual(await self.next(socket), "message 1: 5 bytes")
                await socket.send("")
                self.assertEqual(await self.next(socket), "that was an error")
                await socket.send("again")
                self.assertEqual(await self.next(socket), "message 2: 5 bytes")
            node.process.wait_for_log(f"lifecycle: {uuid} has gone")
            node.process.wait_for_log(f"lifecycle: {uuid} is cleaned up after 2 messages")
        self.run_async(talk())

    def test_validate(self):
        node = self.start("validate")
        good = {"type": "a", "content": "b", "timestamp": 1.5}

        async def talk():
            async with self.connect(node) as socket:
                await socket.send(json.dumps(good))
                self.assertEqual(json.loads(await self.next(socket)), {"type": "ack"})
                for wrong in ([], {}, {**good, "type": 1}, {**good, "content": None},
                              {**good, "timestamp": "1.5"}):
                    await socket.send(json.dumps(wrong))
                    answer = json.loads(await self.next(socket))
                    self.assertEqual(answer["error"], "Invalid message format")
                    self.assertTrue(answer["details"])
        self.run_async(talk())

    def test_limited(self):
        node = self.start("limited", "3/600")

        async def talk():
            async with self.connect(node, "", JSON) as socket:
                await self.next(socket)
                for number in range(5):
                    await socket.send(json.dumps({"op": "message", "id": number, "text": "x"}))
                answers = [json.loads(await self.next(socket)) for _ in range(5)]
                self.assertEqual([answer["op"] for answer in answers], ["ok"] * 3 + ["error"] * 2)
                self.assertEqual(answers[4]["code"], "rate_limited")
        self.run_async(talk())

    def test_heartbeat(self):
        node = self.start("heartbeat", "100/400")

        async def talk():
            async with self.connect(node) as lively, self.connect(node) as dead:
                for _ in range(8):
                    self.assertEqual(json.loads(await self.next(lively)), {"type": "heartbeat"})
                    await lively.send('"here"')
                await self.assertCloses(dead, 4000)
                self.assertEqual(json.loads(await self.next(lively)), {"type": "heartbeat"})
        self.run_async(talk())

    def test_offline_queue(self):
        node = self.start("offline_queue")

        async def tell(socket, to, text):
            await socket.send(json.dumps({"to": to, "text": text}))
            return json.loads(await self.next(socket))

        async def talk():
            async with self.connect(node) as sender:
                receiver = await self.connect(node, "type=text")
                uuid = receiver.response_headers["Chanway-Channel"]
                token = receiver.response_headers["Chanway-Session"]
                self.assertEqual(await tell(sender, uuid, "one"), {"status": "delivered"})
                self.assertEqual(await self.next(receiver), "one")
                await receiver.close(4999)
                for number in range(50):
                    answer = await tell(sender, uuid, "two")
                    if answer == {"status": "queued"}:
                        break
                self.assertEqual(answer, {"status": "queued"})
                async with self.connect(node, f"type=text&session={token}") as back:
                    self.assertEqual(await self.next(back), "two")
                answer = await tell(sender, uuid.replace(uuid[0], "f"), "x")
                self.assertEqual(answer, {"error": "not_found"})
                self.assertEqual(await tell(sender, 5, "x"), {"error": "bad_request"})
        self.run_async(talk())

    def test_secure(self):
        node = self.start("secure", "sesame")

        async def talk():
            async with self.connect(node, "groups=g") as early, self.connect(node, "groups=g") as good:
                await good.send('{"token": "sesame"}')
                self.assertEqual(json.loads(await self.next(good)), {"authenticated": True})
                self.own_client(node).publish("g", data="for all")
                self.assertEqual(json.loads(await self.next(good)), "for all")
                await early.send('{"token": "sesame"}')
                self.assertEqual(json.loads(await self.next(early)), {"authenticated": True})
            async with self.connect(node) as socket:
                await socket.send('{"token": "sesam"}')
                await self.assertCloses(socket, 4001)
        self.run_async(talk())

    def test_chat(self):
        ports = [free_port(), free_port()]
        for port in ports:
            program = Process(f"chat{port}", [os.path.join(FOLDER, "chat"), f"127.0.0.1:{port}",
                                              self.redis.url], self.own_folder())
            self.addCleanup(program.stop)
            program.wait_for_log("^chat: ready")

        async def until_hears(socket, line):
            while await self.next(socket) != line:
                pass

        async def until_member(socket, name):
            """The group takes it in soon, not at once: until it hears itself."""
            for _ in range(100):
                await socket.send("here")
                try:
                    return await asyncio.wait_for(until_hears(socket, f"{name}: here"), 0.2)
                except asyncio.TimeoutError:
                    pass
            self.fail(f"{name} does not hear itself")

        async def talk():
            urls = [f"ws://127.0.0.1:{port}/ws?type=text&name=" for port in ports]
            async with websockets.connect(urls[0] + "ann") as ann:
                await until_member(ann, "ann")
                async with websockets.connect(urls[1] + "bob") as bob:
                    await until_hears(ann, "bob has come")
                    await until_member(bob, "bob")
                    await ann.send("hello")
                    await until_hears(bob, "ann: hello")
                    await bob.send("hi")
                    await until_hears(ann, "bob: hi")
                await until_hears(ann, "bob has gone")
            async with websockets.connect(urls[0] + "!") as nobody:
                await self.assertCloses(nobody, 4001)
        self.run_async(talk())


if __name__ == "__main__":
    main()
