"""A socket that is read with a deadline."""

import socket

from .wait import Deadline, TimedOut


class Closed(ConnectionError):
    """The other side has closed its end."""


class Wire:
    """`address`: (host, port), with TLS a TlsAddress, or the path of a unix socket; `source`: the
    host to come from."""

    def __init__(self, address, timeout=10.0, receive_buffer=None, source=None):
        is_path = isinstance(address, str)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(socket.AF_UNIX if is_path else family)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
            if not is_path:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(address, "tls"):
                self.socket = address.tls.wrap_socket(self.socket, server_hostname="localhost")
        except OSError:
            self.socket.close()
            raise
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection without a word (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data, timeout=10.0):
        self.socket.settimeout(timeout)
        self.socket.sendall(data)

    def fill(self, timeout):
        """Reads once; False at the end of the stream."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data = self.socket.recv(262144)
        except socket.timeout:
            raise TimedOut("nothing to read") from None
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def _fill_until(self, condition, timeout):
        deadline = Deadline(timeout)
        while not condition():
            if deadline.passed():
                raise TimedOut(f"only {bytes(self.buffer[:200])!r} came")
            if not self.fill(deadline.left()):
                raise Closed(f"closed by the other side after {bytes(self.buffer[:200])!r}")

    def take(self, size):
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def read_exactly(self, size, timeout=10.0):
        self._fill_until(lambda: len(self.buffer) >= size, timeout)
        return self.take(size)

    def read_until(self, mark, timeout=10.0):
        """Up to and with `mark`."""
        self._fill_until(lambda: mark in self.buffer, timeout)
        return self.take(self.buffer.index(mark) + len(mark))

    def read_to_end(self, timeout=10.0):
        deadline = Deadline(timeout)
        while True:
            if deadline.passed():
                raise TimedOut(f"the connection stays open after {bytes(self.buffer[-200:])!r}")
            if not self.fill(deadline.left()):
                return self.take(len(self.buffer))
