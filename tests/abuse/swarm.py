"""Many sockets at once, none of them polite."""

import errno
import select
import socket

from support.wait import Deadline
from support.websocket import handshake

_BUSY = (errno.EAGAIN, errno.EINPROGRESS)


class Swarm:
    """Non-blocking sockets of one address. What the server says is read and thrown away, unless
    `reads` is false."""

    def __init__(self, address, reads=True, receive_buffer=None):
        self.address = address
        self.reads = reads
        self.receive_buffer = receive_buffer
        self.poll = select.epoll()
        self.sockets = {}
        self.answered = set()  # descriptors that something came from
        self.heads = {}  # descriptor -> its first bytes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.poll.close()

    def __len__(self):
        return len(self.sockets)

    def add(self, count, data=b""):
        """`count` more, connected; `data` is the first that each sends."""
        for _ in range(count):
            one = socket.socket()
            if self.receive_buffer:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
            one.connect(self.address)
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[one.fileno()] = one
            if self.reads:
                self.poll.register(one.fileno(), select.EPOLLIN)
            self._send(one, data)

    def upgrade(self, count, query="", timeout=20, headers=None):
        """`count` more that are WebSockets when this returns."""
        before = set(self.sockets)
        self.add(count, handshake("/ws" + ("?" + query if query else ""), headers=headers)[0])
        mine = set(self.sockets) - before
        if not self.reads:
            for number in mine:
                one = self.sockets[number]
                one.settimeout(timeout)
                self.heads[number] = one.recv(12)
                one.setblocking(False)
        else:
            self.serve(timeout, lambda: mine <= self.answered)
        for number in mine:
            if self.heads[number][:12] != b"HTTP/1.1 101":
                raise AssertionError(f"no 101: {self.heads[number]!r}")

    def _send(self, one, data):
        try:
            return one.send(data) if data else 0
        except OSError as error:
            if error.errno not in _BUSY:
                self._drop(one)
            return 0

    def send(self, data):
        """To each as much as it takes now; the bytes in all. Who is gone is dropped."""
        return sum(self._send(one, data) for one in list(self.sockets.values()))

    def pump(self, data, times, until=10.0):
        """`data` to each, `times` over, as fast as they take it; ends early when all are gone.
        Answers are read meanwhile."""
        left = {number: memoryview(data * times) for number in self.sockets}
        deadline = Deadline(until)
        while not deadline.passed() and (left := {number: rest for number, rest in left.items()
                                                  if rest and number in self.sockets}):
            moved = 0
            for number, rest in left.items():
                size = self._send(self.sockets[number], rest[:262144])
                left[number] = rest[size:]
                moved += size
            self.serve(0 if moved else 0.01)

    def serve(self, seconds, done=None):
        """Reads what comes, for so long or until `done`; the closed ones go."""
        deadline = Deadline(seconds)
        while True:
            if done is not None and done():
                return True
            for number, _ in self.poll.poll(min(deadline.left(), 0.05)):
                self._read(number)
            if deadline.passed():
                return done is not None and bool(done())

    def _read(self, number):
        one = self.sockets[number]
        try:
            data = one.recv(65536)
        except OSError as error:
            if error.errno in _BUSY:
                return
            data = b""
        if data:
            self.answered.add(number)
            if len(self.heads.setdefault(number, b"")) < 64:
                self.heads[number] += data[:64]
        else:
            self._drop(one)

    def _drop(self, one):
        number = one.fileno()
        if self.sockets.pop(number, None) is None:
            return
        if self.reads:
            self.poll.unregister(number)
        one.close()

    def shut(self):
        """No more from our side; we go on reading."""
        for one in list(self.sockets.values()):
            try:
                one.shutdown(socket.SHUT_WR)
            except OSError:
                self._drop(one)

    def reset(self):
        """All end at once, without a word (RST)."""
        for one in list(self.sockets.values()):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self._drop(one)

    def close(self):
        for one in list(self.sockets.values()):
            self._drop(one)
