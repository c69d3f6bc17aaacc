"""servers - what is measured: the baseline, and a node with a Redis of its own.

Each is started afresh for each measurement, in a folder of its own, and stopped by the object that started it.
"""

import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build/bench/tools"
START_SECONDS = 20
STOP_SECONDS = 10


class Failure(Exception):
    """Something that the user has to know, told without a traceback."""


def allow_files():
    """As many descriptors as the system allows, for what is started as well."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port():
    """Below the range that the kernel gives to clients, so that none of their ports comes between."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class Process:
    """One program on one CPU (None: wherever it likes), its output in a file."""

    def __init__(self, name, command, log, cpu):
        self.name = name
        self.log = log
        pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
        with open(log, "wb") as output:
            # In a session of its own: an interrupt at the terminal reaches us, and we stop it.
            self.popen = subprocess.Popen(  # pylint: disable=consider-using-with
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, preexec_fn=pin, start_new_session=True)

    @property
    def option(self):
        return f"--pid={self.popen.pid}:{self.name}"

    def wait_for(self, condition):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{self.name} did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)

    def wait_for_text(self, text):
        self.wait_for(lambda: text in self.log.read_text(errors="replace"))

    def stop(self):
        if self.popen.poll() is not None:
            return
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Server:
    """A context: processes that run inside of it. `arguments` is what chanway-bench is told."""

    def __init__(self, cpu):
        self.cpu = cpu
        self.processes = []
        self.folder = None
        self.arguments = []

    def run(self, name, *command):
        process = Process(name, command, self.folder / f"{name}{len(self.processes)}.log", self.cpu)
        self.processes.append(process)
        return process

    def start(self):
        raise NotImplementedError

    def __enter__(self):
        parent = ROOT / "build/bench"
        parent.mkdir(parents=True, exist_ok=True)
        # Short: the path of a Unix socket may have 107 bytes. Beside the results: /tmp may be memory.
        self.folder = Path(tempfile.mkdtemp(prefix="run.", dir=parent))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        self.arguments += [process.option for process in self.processes]
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Baseline(Server):
    """chanway-floor."""

    def start(self):
        port = free_port()
        self.run("floor", TOOLS / "chanway-floor", port).wait_for_text("ready")
        self.arguments = ["--floor", f"ws://127.0.0.1:{port}/"]


class Cluster(Server):
    """Nodes and their Redis, on one CPU together; a node may have `workers`."""

    def __init__(self, cpu, nodes=1, workers=1, settings=()):
        super().__init__(cpu)
        self.nodes = nodes
        self.workers = workers
        self.settings = settings

    def start(self):
        redis_socket = os.path.relpath(self.folder / "redis.sock", ROOT)
        self.run("redis", "redis-server", ROOT / "scripts/redis/redis.conf", "--port", 0,
                 "--dir", self.folder, "--unixsocket", self.folder / "redis.sock").wait_for(
                     (self.folder / "redis.sock").exists)
        for _ in range(self.nodes):
            port = free_port()
            # Workers would want several admin ports in a row.
            admin = "" if self.workers > 1 else f"127.0.0.1:{free_port()}"
            process = self.run("node", ROOT / "build/release/chanwayd", "--redis",
                               f"unix:{redis_socket}", "--listen", f"127.0.0.1:{port}",
                               "--admin-listen", admin, "--workers", self.workers, *self.settings)
            process.wait_for_text("ready ")
            if self.workers > 1:
                self.arguments += [f"--pid={pid}:node" for pid in children_of(process.popen.pid)]
            self.arguments.append(f"ws://127.0.0.1:{port}/ws")


class Gateway(Cluster):
    """One node, as a subject of compare.py; its subscribers are `json` or `raw`."""

    def __init__(self, cpu, subscribers, settings=()):
        super().__init__(cpu, settings=settings)
        self.subscribers = subscribers

    def start(self):
        super().start()
        self.arguments.insert(0, f"--subscribers={self.subscribers}")


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == pid:
                        found.append(int(entry))
            except OSError:
                pass  # it has ended meanwhile
    return found
