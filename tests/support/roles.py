"""The program tests/api/roles.c: an application whose channels do what their query says."""

import os
import subprocess
import threading

from .node import FAULT, clean_environment
from .paths import chanwayd
from .ports import free_port
from .process import Process
from .wait import until

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(chanwayd())), "api", "roles")


class Roles:
    def __init__(self, folder, redis, name="roles", headers=""):
        self.folder = str(folder)
        self.name = name
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.words = [PROGRAM, f"127.0.0.1:{self.port}", redis.url, name, headers]
        self.process = None
        self.lines = []
        self.lock = threading.Lock()

    def start(self):
        self.process = Process(self.name, self.words, self.folder, env=clean_environment(),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait_for("ready ", 20)
        return self

    def _read(self):
        for line in self.process.child.stdout:
            with self.lock:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def said(self, uuid=None):
        """The lines so far; of one channel without its uuid."""
        with self.lock:
            lines = list(self.lines)
        if uuid is None:
            return lines
        return [line.replace(" " + uuid, "") for line in lines if f" {uuid}" in line]

    def wait_for(self, begin, timeout=10.0):
        """The first line that begins so."""
        return until(lambda: next((line for line in self.said() if line.startswith(begin)), None),
                     f"{self.name} says {begin!r}", timeout)

    def wait_for_end_of(self, uuid, count=1):
        """All that was said of a channel that is over, `count` times if it was resumed."""
        until(lambda: self.said(uuid).count("destroyed") == count, f"{uuid} has ended")
        return self.said(uuid)

    def end(self):
        """Destroys the gateway with all its channels; how many own data were left."""
        self.process.child.stdin.write(b"end\n")
        self.process.child.stdin.flush()
        return self._wait_for_end()

    def _wait_for_end(self):
        code = self.process.wait(20)
        self.reader.join(20)
        if code != 0:
            raise AssertionError(f"{self.name}: {code}: {self.process.log()[-3000:]}")
        return int(self.wait_for("ended ").split()[1])

    def stop(self):
        if not self.process:
            return
        left = 0
        if self.process.is_running():
            self.process.child.stdin.close()
            left = self._wait_for_end()
        self.process.stop()
        if left or self.process.find_in_log(FAULT):
            raise AssertionError(f"{self.name}: {left} left: {self.process.log()[-3000:]}")
