"""A TCP proxy in front of a server, as a bad network: it stalls, delays, resets."""

import asyncio
import socket
import struct
import threading
from collections import deque

from .ports import free_port


class _End(asyncio.Protocol):
    """One of the two sockets of a connection."""

    def __init__(self, proxy, other=None):
        self.proxy = proxy
        self.other = other
        self.transport = None
        self.queue = deque()  # (due, bytes for the other end; None: the end)
        self.is_waiting = False

    def connection_made(self, transport):
        self.transport = transport
        self.proxy.ends.add(self)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.proxy.is_stalled:
            transport.pause_reading()
        if self.other is None:
            asyncio.ensure_future(self._connect())

    async def _connect(self):
        try:
            _, self.other = await self.proxy.loop.create_connection(
                lambda: _End(self.proxy, self), *self.proxy.target)
        except OSError:
            self.transport.abort()
            return
        if self.transport.is_closing():
            self.other.transport.abort()
        self.pump()

    def data_received(self, data):
        self._put(data)

    def connection_lost(self, exc):
        self.proxy.ends.discard(self)
        self._put(None)

    def _put(self, data):
        self.queue.append((self.proxy.loop.time() + self.proxy.delay_s, data))
        if len(self.queue) == 1:
            self.pump()

    def pump(self):
        """Hands on what is due."""
        if self.proxy.is_stalled or self.is_waiting:
            return
        now = self.proxy.loop.time()
        while self.queue and self.other and self.other.transport:
            due, data = self.queue[0]
            if due > now:
                self.is_waiting = True
                self.proxy.loop.call_at(due, self._wake)
                return
            self.queue.popleft()
            if data is None:
                self.other.transport.close()
            elif not self.other.transport.is_closing():
                self.other.transport.write(data)

    def _wake(self):
        self.is_waiting = False
        self.pump()

    def reset(self):
        self.queue.clear()
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class TcpProxy:
    """`stall()`: nothing passes, nothing is lost; `delay(s)`: so much later in each direction, what
    is under way as well; `reset()`: all connections end with RST; `restore()`: as at the start."""

    def __init__(self, target, name="proxy"):
        self.name = name
        self.process = None  # there is none: it runs in the test
        self.target = target
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.ends = set()
        self.is_stalled = False
        self.delay_s = 0.0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self._do(self._listen())

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def _listen(self):
        await self.loop.create_server(lambda: _End(self), "127.0.0.1", self.port)

    def stall(self):
        self._do(self._set(True, self.delay_s))

    def delay(self, seconds):
        self._do(self._set(self.is_stalled, seconds))

    def restore(self):
        self._do(self._set(False, 0.0))

    def reset(self):
        """How many connections there were."""
        return self._do(self._reset())

    def stop(self):
        if self.loop.is_running():
            self._do(self._reset())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(5)

    async def _set(self, is_stalled, delay_s):
        self.is_stalled, self.delay_s = is_stalled, delay_s
        for end in list(self.ends):
            if end.transport.is_closing():
                continue
            if is_stalled:
                end.transport.pause_reading()
            else:
                end.transport.resume_reading()
                end.pump()

    async def _reset(self):
        ends = list(self.ends)
        for end in ends:
            end.reset()
        return len(ends) // 2
