"""One chanwayd on ports of its own."""

import itertools
import os
import signal

from . import prometheus
from .client import Client
from .http_client import get, request
from .paths import chanwayd
from .ports import free_port
from .process import Process
from .wait import until
from .websocket import WebSocket

_probes = itertools.count(1)
FAULT = r"^.*(ERROR: \w+Sanitizer|runtime error: |Assertion .* failed)"
READY = r"^ready node=(\S+) listen=(\S+) admin=(\S*) redis=(\S+) pid=(\d+)$"


def clean_environment(**more):
    """Ours, without what would set the node from outside."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CHANWAY")}
    return {**kept, **more}


class Node:
    """Settings are given with underscores: Node(..., heartbeat_interval="300ms"). `program`: another
    one than the build's; `wrapper`: the words before it."""

    def __init__(self, folder, name="node", redis=None, environment=None, dies_by=signal.SIGKILL,
                 limits=None, program=None, wrapper=(), **settings):
        self.folder = os.path.join(str(folder), name)
        os.makedirs(self.folder, exist_ok=True)
        self.name = name
        self.port = free_port()
        self.admin_port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.admin = ("127.0.0.1", self.admin_port)
        self.environment = clean_environment(**(environment or {}))
        self.dies_by = dies_by
        self.limits = limits
        self.words = [*wrapper, program or chanwayd()]
        self.process = None
        self.settings = {"listen": f"127.0.0.1:{self.port}",
                         "admin-listen": f"127.0.0.1:{self.admin_port}", "node": name,
                         "drain-time": "0"}  # they are not to be waited for
        if redis is not None:
            self.settings["redis"] = getattr(redis, "url", redis)
        for key, value in settings.items():
            self.settings[key.replace("_", "-")] = str(value)

    def start(self, wait=True):
        words = list(self.words)
        for key, value in self.settings.items():
            words += ["--" + key, value]
        self.process = Process(self.name, words, self.folder, env=self.environment,
                               dies_by=self.dies_by, wrapped_limits=self.limits)
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, timeout=15.0):
        self.process.wait_for_log(READY, timeout)
        until(self.is_ready, f"{self.name}: /readyz answers 200", timeout)

    def is_ready(self):
        return get(self.address, "/readyz").status == 200

    def id(self):
        """`<name>.<random>`, as the ready line says."""
        return self.process.wait_for_log(READY).group(1)

    def get(self, path, admin=False):
        return get(self.admin if admin else self.address, path)

    def request(self, path, method="GET", **more):
        return request(self.address, path, method, **more)

    def metrics(self):
        """All samples of /metrics, checked for form."""
        answer = get(self.admin, "/metrics")
        if answer.status != 200:
            raise AssertionError(f"/metrics: {answer!r}")
        return prometheus.parse(answer.body.decode("utf-8"))

    def metric(self, name, **labels):
        return self.metrics().value(name, **labels)

    def client(self, query="", **options):
        """An enveloped client, its welcome read."""
        return Client(self, query, **options)

    def raw(self, query="", **options):
        """A raw client: a WebSocket without subprotocol."""
        return WebSocket(self.address, "/ws" + ("?" + query if query else ""), **options)

    def raw_member(self, group, kind="text", **options):
        """A raw channel that is in `group` for sure: a frame to a group of its own, joined after
        it, has come back."""
        probe = f"probe.{next(_probes)}"
        socket = self.raw(f"type={kind}&groups={group},{probe}&publish={probe}", **options)
        socket.send_text('"in"')
        socket.receive()
        return socket

    def terminate(self):
        self.process.signal(signal.SIGTERM)

    def kill(self):
        self.process.kill()

    def stop(self):
        """Ends it as an operator does, and complains if it did not end well."""
        if not self.process:
            return
        was_running = self.process.is_running()
        self.process.stop()
        code = self.process.child.returncode
        if was_running and code != 0:
            raise AssertionError(f"{self.name}: SIGTERM ended it with {code}, not 0")
        found = self.process.find_in_log(FAULT)
        if found:
            raise AssertionError(f"{self.name}: {self.process.log()[found.start():][:3000]}")
