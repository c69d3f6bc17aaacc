"""Client libraries of other people: python3-websockets, with compression and pings as it likes, and npm's ws."""

import asyncio
import json
import shutil
import subprocess

import websockets

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.paths import source_path
from support.websocket import JSON


class Library(NodeCase):
    settings = {"max_message": "1MiB"}

    def connect(self, query="", **options):
        return websockets.connect(f"ws://127.0.0.1:{self.node.port}/ws?{query}", max_size=1 << 22,
                                  **options)

    def run_async(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 40))

    async def call(self, socket, **frame):
        await socket.send(json.dumps(frame))
        while True:
            reply = json.loads(await socket.recv())
            if reply.get("id") == frame["id"]:
                return reply

    def test_ops_with_and_without_compression(self):
        async def talk(compression):
            group = self.new_group()
            async with self.connect(subprotocols=[JSON], compression=compression) as socket:
                self.assertEqual(socket.subprotocol, JSON)
                self.assertEqual(len(socket.extensions), 1 if compression else 0)
                self.assertEqual(json.loads(await socket.recv())["op"], "welcome")
                reply = await self.call(socket, op="join", id=1, group=group)
                self.assertEqual(reply["op"], "ok")
                for size in (0, 1, 100, 126, 5000, 65536, 500000):
                    text = ("compressible " * (size // 13 + 1))[:size]
                    await socket.send(json.dumps({"op": "publish", "group": group, "text": text}))
                    frame = json.loads(await socket.recv())
                    self.assertEqual((frame["op"], frame["text"]), ("message", text))
        self.run_async(talk("deflate"))
        self.run_async(talk(None))

    def test_raw_text_and_binary_with_fragments(self):
        async def talk():
            group = self.new_group()
            async with self.connect(f"type=bytes&groups={group}&publish={group}") as socket:
                self.assertIsNone(socket.subprotocol)
                await socket.send(bytes(range(256)))
                self.assertEqual(await socket.recv(), bytes(range(256)))
                await socket.send([b"in ", b"three ", b"parts"])
                self.assertEqual(await socket.recv(), b"in three parts")
        self.run_async(talk())

    def test_its_pings_are_answered(self):
        async def talk():
            async with self.connect(ping_interval=0.2, ping_timeout=2) as socket:
                for _ in range(20):
                    await asyncio.wait_for(await socket.ping(), 5)
        self.run_async(talk())

    def test_it_closes_cleanly(self):
        async def talk():
            socket = await self.connect(subprotocols=[JSON])
            await socket.recv()
            await socket.close(1000, "done")
            self.assertEqual(socket.close_code, 1000)
        self.run_async(talk())

    def test_it_sees_why_it_was_closed(self):
        async def talk():
            async with self.connect("expires=1", subprotocols=[JSON]) as socket:
                with self.assertRaises(websockets.ConnectionClosed) as caught:
                    while True:
                        await socket.recv()
                self.assertEqual(caught.exception.rcvd.code, 4003)
        self.run_async(talk())

    def test_it_sees_refused_handshakes(self):
        async def talk():
            for query, protocols, status in (("type=x", None, 400), ("", ["foo"], 400)):
                with self.assertRaises(websockets.InvalidStatusCode) as caught:
                    async with self.connect(query, subprotocols=protocols):
                        pass
                self.assertEqual(caught.exception.status_code, status)
        self.run_async(talk())

    def test_many_at_once_chat_in_one_group(self):
        async def talk():
            group = self.new_group()
            sockets = await asyncio.gather(*[
                self.connect(f"type=text&groups={group}&publish={group}") for _ in range(50)])
            # A frame of one's own that comes back says that the joins are done.
            await asyncio.gather(*[self.settled(socket, index)
                                   for index, socket in enumerate(sockets)])
            for index, socket in enumerate(sockets):
                await socket.send(f"from {index}")
            orders = await asyncio.gather(*[self.collect(socket, 50) for socket in sockets])
            self.assertEqual(set(orders[0]), {f"from {index}" for index in range(50)})
            for order in orders[1:]:
                self.assertEqual(order, orders[0])
            await asyncio.gather(*[socket.close() for socket in sockets])
        self.run_async(talk())

    async def settled(self, socket, index):
        await socket.send(f"here {index}")
        while await socket.recv() != f"here {index}":
            pass

    async def collect(self, socket, count):
        order = []
        while len(order) < count:
            text = await socket.recv()
            if text.startswith("from "):
                order.append(text)
        return order


# Says what was agreed upon and how many of its messages came back as they were.
WS = """
const WebSocket = require('ws');
const [url, perMessageDeflate] = process.argv.slice(1);
const texts = [0, 100, 1023, 1024, 5000, 65536, 500000].map((size) => 'compressible '.repeat(size / 13 + 1).slice(0, size));
const socket = new WebSocket(url, { perMessageDeflate: JSON.parse(perMessageDeflate) });
let heard = 0;
socket.on('open', () => texts.forEach((text) => socket.send(text)));
socket.on('message', (data) => {
    if (data.toString() !== texts[heard++]) process.exit(1);
    if (heard === texts.length) socket.close();
});
socket.on('close', (code) => console.log(JSON.stringify([socket.extensions, heard, code])));
"""


class NpmWs(NodeCase):
    settings = {"max_message": "1MiB"}

    def talk(self, options):
        group = self.new_group()
        url = f"ws://127.0.0.1:{self.node.port}/ws?type=text&groups={group}&publish={group}"
        node = shutil.which("node")
        self.assertTrue(node, "node is needed")
        done = subprocess.run([node, "-e", WS, url, json.dumps(options)], cwd=source_path("tests"),
                              stdout=subprocess.PIPE, timeout=40, check=True)
        return json.loads(done.stdout)

    def test_it_compresses_as_it_likes(self):
        agreed = "permessage-deflate"
        self.assertEqual(self.talk(False), ["", 7, 1005])
        for options in (True, {"threshold": 0}, {"threshold": 0, "clientNoContextTakeover": True},
                        {"threshold": 0, "clientMaxWindowBits": 10}):
            self.assertEqual(self.talk(options), [agreed, 7, 1005], options)
        self.assertEqual(self.talk({"serverMaxWindowBits": 10}), ["", 7, 1005])


if __name__ == "__main__":
    main()
