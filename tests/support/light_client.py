"""Many clients of chanway.v1.json in one thread, over asyncio: light, and lenient where it can be."""

import asyncio
import itertools
import json
import struct
import threading

from .websocket import CLOSE, JSON, PING, PONG, TEXT, handshake

ANSWER_LIMIT = 20.0  # the node's op-timeout is 5 s: beyond this it has forgotten an op


class Lost(ConnectionError):
    """The connection has ended, or could not be made; what it was asked is of unknown outcome."""


def encode(opcode, payload):
    """A client's frame; its mask is zero, so that nothing has to be computed."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


class LightClient(asyncio.Protocol):
    """One channel. `on_event(frame)` gets everything but replies, `on_lost()` the end."""

    connected = set()  # all whose sockets are open
    protocol = JSON    # None: a raw channel

    def __init__(self, query="", on_event=None, on_lost=None):
        loop = asyncio.get_running_loop()
        self.path = "/ws" + ("?" + query if query else "")
        self.on_event = on_event
        self.on_lost = on_lost
        self.transport = None
        self.buffer = bytearray()
        self.is_open = False    # the 101 has come
        self.is_lost = False
        self.close_code = None  # what the node has closed with
        self.welcome = None
        self.opened = loop.create_future()
        self.ended = loop.create_future()
        self.replies = {}       # id -> future
        self.ids = itertools.count(1)

    @classmethod
    async def connect(cls, address, query="", on_event=None, on_lost=None, timeout=ANSWER_LIMIT):
        """A client whose welcome has come, or Lost."""
        loop = asyncio.get_running_loop()
        try:
            _, client = await loop.create_connection(lambda: cls(query, on_event, on_lost), *address)
        except OSError as error:
            raise Lost(str(error)) from None
        try:
            await asyncio.wait_for(asyncio.shield(client.opened), timeout)
        except asyncio.TimeoutError:
            client.abort()
            raise Lost("no welcome") from None
        return client

    @property
    def uuid(self):
        return self.welcome["channel"]

    # --- asking

    def ask(self, op, **fields):
        """Sends an op at once; a future of its reply. The replies of one client come in order."""
        future = asyncio.get_running_loop().create_future()
        if self.is_lost:
            future.set_exception(Lost("it has ended before"))
            return future
        number = next(self.ids)
        self.replies[number] = future
        self.send({"op": op, "id": number, **fields})
        return future

    async def request(self, op, **fields):
        """The reply, ok or error; Lost if the connection ends before."""
        return await asyncio.wait_for(self.ask(op, **fields), ANSWER_LIMIT)

    def send(self, frame):
        self.transport.write(encode(TEXT, json.dumps(frame).encode("utf-8")))

    # --- ending

    async def close(self, code=1000):
        """The closing handshake from our side."""
        if not self.is_lost:
            self.transport.write(encode(CLOSE, struct.pack(">H", code)))
            try:
                await asyncio.wait_for(asyncio.shield(self.ended), ANSWER_LIMIT)
            except asyncio.TimeoutError:
                self.abort()

    def abort(self):
        """Ends the connection without a word."""
        if self.transport:
            self.transport.abort()

    def go_silent(self, seconds):
        """As if the network were gone: nothing is read or answered any more, and the node is not
        told. The client gives the connection up after so long."""
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._end, Lost("silent"))

    # --- from the transport

    def connection_made(self, transport):
        self.transport = transport
        self.connected.add(self)
        offer = {"Sec-WebSocket-Protocol": self.protocol} if self.protocol else {}
        request, _ = handshake(self.path, headers=offer)
        transport.write(request)

    def connection_lost(self, exc):
        self.connected.discard(self)
        self._end(Lost(str(exc or "closed")))

    def _end(self, why):
        if self.is_lost:
            return
        self.is_lost = True
        waiting = [self.opened, *self.replies.values()]
        self.replies.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(why)
                future.exception()  # nobody need look
        if not self.ended.done():
            self.ended.set_result(None)
        if self.on_lost:
            self.on_lost()

    def data_received(self, data):
        self.buffer += data
        if not self.is_open and not self._take_head():
            return
        while True:
            frame = self._take_frame()
            if frame is None:
                return
            self._on_frame(*frame)

    def _take_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.buffer[:end])
        del self.buffer[:end + 4]
        if not head.startswith(b"HTTP/1.1 101"):
            self.transport.abort()
            return False
        self.is_open = True
        if self.protocol is None:
            self.opened.set_result(None)  # a raw channel gets no welcome
        return True

    def _take_frame(self):
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            if len(buffer) < 4:
                return None
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            if len(buffer) < 10:
                return None
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start:start + size])
        del buffer[:start + size]
        return opcode, payload

    def _on_frame(self, opcode, payload):
        if opcode == TEXT:
            self.on_text(json.loads(payload))
        elif opcode == PING:
            self.transport.write(encode(PONG, payload))
        elif opcode == CLOSE:
            self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            self.transport.write(encode(CLOSE, payload[:2]))
            self.transport.close()

    def on_text(self, frame):
        if self.welcome is None:
            if frame["op"] == "bye":
                return  # refused: the only frame
            self.welcome = frame
            if not self.opened.done():
                self.opened.set_result(None)
            return
        if frame["op"] in ("ok", "error", "pong") and "id" in frame:
            future = self.replies.pop(frame["id"], None)
            if future is not None and not future.done():
                future.set_result(frame)
        elif self.on_event:
            self.on_event(frame)


class Fleet:
    """A thread with a loop, for light clients beside a test that blocks."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def start(self, coroutine):
        """Runs it in the fleet's thread; a future with result(timeout)."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def run(self, coroutine, timeout=60):
        return self.start(coroutine).result(timeout)

    def stop(self):
        """Its clients are gone, whatever they were about."""
        if self.loop.is_running():
            self.loop.call_soon_threadsafe(self._drop_all)
            self.thread.join(10)

    def _drop_all(self):
        for client in list(LightClient.connected):
            client.abort()
        self.loop.call_soon(self.loop.stop)  # after they were told


async def connect_many(address, queries, at_once=50, **options):
    """A client for each query, `at_once` at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(query):
        async with gate:
            return await LightClient.connect(address, query, **options)
    return await asyncio.gather(*(one(query) for query in queries))
