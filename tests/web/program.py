"""A Node program with the client library in it, told what to do piece by piece."""

import itertools
import json
import os
import queue
import shutil
import subprocess
import threading

from support.paths import source_path
from support.process import Process
from support.wait import until


class ScriptError(AssertionError):
    """A piece of JavaScript has thrown."""


def node_program():
    node = shutil.which("node")
    if not node:
        raise AssertionError("node is needed: scripts/deps --test installs it")
    return node


class Program:
    """`library`: the file that is imported; the source if none is named."""

    driver = "tests/web/driver.mjs"

    def __init__(self, folder, library=None, own_websocket=False, name="program"):
        self.name = name
        environment = {**os.environ, **({"CHANWAY_OWN_WEBSOCKET": "1"} if own_websocket else {})}
        words = [node_program(), *(["--experimental-websocket"] if own_websocket else []),
                 source_path(self.driver), library or source_path("web/chanway.js")]
        self.process = Process(name, words, folder, env=environment, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        self.ids = itertools.count(1)
        self.answers = {}
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.child.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def start(self, code):
        """Begins a piece; what `result` is asked by."""
        number = next(self.ids)
        line = json.dumps({"id": number, "code": code})
        self.process.child.stdin.write(line.encode("utf-8") + b"\n")
        self.process.child.stdin.flush()
        return number

    def result(self, number, timeout=20):
        while number not in self.answers:
            try:
                answer = self.lines.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"{self.name}: no answer within {timeout} s") from None
            if answer is None:
                raise AssertionError(f"{self.name} has ended:\n{self.process.log()[-2000:]}")
            self.answers[answer["id"]] = answer
        answer = self.answers.pop(number)
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer.get("value")

    def run(self, code, timeout=20):
        """The value that the body of an async function returns."""
        return self.result(self.start(code), timeout)

    def get(self, expression):
        return self.run(f"return {expression}")

    def wait_for(self, expression, timeout=20):
        return until(lambda: self.get(expression), expression, timeout)

    def stop(self):
        self.process.stop()


class Page(Program):
    """The same in a page of Chromium; a library *.min.js is its classic script."""

    driver = "tests/web/page.mjs"

    def __init__(self, folder, library):
        super().__init__(folder, library, name="page")
        self.result(self.start("return 0"), timeout=90)  # a browser takes its time on a busy machine


class Browser(Program):
    """Pieces run in Node, with `page`, `browser`, `problems` and `violations(page)` of browser.mjs."""

    driver = "tests/web/browser.mjs"

    def __init__(self, folder):
        super().__init__(folder, name="browser")
        self.result(self.start("return 0"), timeout=90)
