"""HTTP answers read from a plain socket, so that nothing is put right on the way."""

import json

from .wire import Wire


class Response:
    def __init__(self, status, reason, headers, body=b""):
        self.status = status
        self.reason = reason
        self.headers = headers  # (name in lower case, value), as they came
        self.body = body

    def header(self, name, default=None):
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else default

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.headers} {self.body[:200]!r}>"


def read_response(wire, has_body=True, timeout=10.0):
    """The next answer on `wire`; 101 leaves what follows in the wire's buffer."""
    head = wire.read_until(b"\r\n\r\n", timeout)[:-4].decode("latin-1").split("\r\n")
    version, status, *reason = head[0].split(" ", 2)
    if version not in ("HTTP/1.0", "HTTP/1.1") or not status.isdigit():
        raise AssertionError(f"no HTTP answer: {head[0]!r}")
    headers = []
    for line in head[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise AssertionError(f"no header: {line!r}")
        headers.append((name.lower(), value.strip()))
    response = Response(int(status), reason[0] if reason else "", headers)
    if response.status in (101, 204, 304) or not has_body:
        return response
    length = response.header("content-length")
    if "chunked" in (response.header("transfer-encoding") or ""):
        response.body = _read_chunks(wire, timeout)
    elif length is not None:
        response.body = wire.read_exactly(int(length), timeout)
    else:
        response.body = wire.read_to_end(timeout)
    return response


def _read_chunks(wire, timeout):
    body = b""
    while True:
        size = int(wire.read_until(b"\r\n", timeout).split(b";")[0], 16)
        body += wire.read_exactly(size, timeout)
        wire.read_until(b"\r\n", timeout)
        if size == 0:
            return body


def request(address, path, method="GET", headers=(), body=b"", timeout=10.0):
    """One request on a connection of its own."""
    host = "localhost"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with Wire(address, timeout) as wire:
        wire.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return read_response(wire, method != "HEAD", timeout)


def get(address, path, timeout=10.0):
    """A GET; status 0 where nobody listens or answers."""
    try:
        return request(address, path, timeout=timeout)
    except OSError as error:
        return Response(0, str(error), [])
