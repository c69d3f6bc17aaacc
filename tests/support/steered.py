"""The program tests/api/steered.c: a gateway that does what it is told, by the public API in C."""

import os
import queue
import subprocess
import threading

from .node import FAULT, clean_environment
from .paths import chanwayd
from .ports import free_port
from .process import Process
from .wait import until

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(chanwayd())), "api", "steered")

# Of <chanway/error.h>.
OK, INVALID, PAYLOAD, TOO_LARGE, FORBIDDEN = 0, -2, -3, -4, -6
NOT_FOUND, UNAVAILABLE, TIMEOUT, CANCELLED, DISCONNECTED, BUSY = -8, -10, -11, -14, -15, -16


class Refused(AssertionError):
    """A call that returned an error at once."""

    def __init__(self, rc, words):
        super().__init__(f"{words}: {rc}")
        self.rc = rc


class Answer:
    """How a call was completed."""

    def __init__(self, words):
        self.rc = int(words[0])
        self.words = words[1:]


def hexed(payload):
    data = payload.encode() if isinstance(payload, str) else payload
    return data.hex() or "-"


class Steered:
    def __init__(self, folder, redis, name="steered", events=0):
        self.folder = str(folder)
        self.name = name
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.words = [PROGRAM, f"127.0.0.1:{self.port}", redis.url, name, events]
        self.process = None
        self.number = 0
        self.answers = {}       # number -> queue of Answers and Refuseds
        self.said = []          # lines that answer nothing
        self.lock = threading.Lock()

    def start(self):
        self.process = Process(self.name, self.words, self.folder, env=clean_environment(),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait_for("ready", timeout=20)
        return self

    def id(self):
        return self.wait_for("ready")[1]

    def _read(self):
        for line in self.process.child.stdout:
            words = line.decode("utf-8", "replace").split()
            if words[0].isdigit():
                answer = Refused(int(words[2]), line) if words[1] == "refused" else Answer(words[2:])
                self._queue(int(words[0])).put(answer)
            else:
                with self.lock:
                    self.said.append(words)

    def _queue(self, number):
        with self.lock:
            return self.answers.setdefault(number, queue.Queue())

    def find(self, *begin):
        with self.lock:
            return next((words for words in self.said if words[:len(begin)] == list(begin)), None)

    def wait_for(self, *begin, timeout=10.0):
        """The first line that begins so, as words."""
        return until(lambda: self.find(*begin), f"{self.name} says {begin}", timeout)

    # --- calls

    def begin(self, *words):
        """Says it; the number to ask by."""
        self.number += 1
        line = " ".join(str(word) for word in words) + "\n"
        self.process.child.stdin.write(line.encode())
        self.process.child.stdin.flush()
        return self.number

    def result(self, number, timeout=20.0):
        """How that call was completed; Refused if it was not begun."""
        answer = self._queue(number).get(timeout=timeout)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def call(self, *words, timeout=20.0):
        return self.result(self.begin(*words), timeout)

    def group(self, name, verb, *words):
        return self.call("group", name, verb, *words)

    def registry(self, verb, *words):
        return self.call("registry", verb, *words)

    def refusal(self, *words):
        """The error that the call returns."""
        try:
            answer = self.call(*words)
        except Refused as refused:
            return refused.rc
        raise AssertionError(f"{words} was not refused but completed with {answer.rc}")

    def pages(self, *words, count):
        """All pages of `words`, which a cursor and a count are to follow, as lists of (uuid, node)."""
        cursor, pages = "0", []
        while True:
            answer = self.call(*words, cursor, count)
            if answer.rc != OK:
                raise AssertionError(f"{words} {cursor} {count}: {answer.rc}")
            cursor, *rest = answer.words
            pages.append([tuple(item.split("@")) for item in rest])
            if cursor == "0":
                return pages

    def entry(self, uuid):
        """What the registry says of a channel; None: it has none."""
        answer = self.registry("get", uuid)
        if answer.rc == NOT_FOUND:
            return None
        if answer.rc != OK:
            raise AssertionError(f"get {uuid}: {answer.rc}")
        return dict(word.split("=", 1) for word in answer.words)

    # --- the end

    def end(self, timeout=20.0):
        """Destroys the gateway with all that is under way; how many calls were never completed."""
        self.begin("end")
        self.wait_for_end(timeout)
        return int(self.wait_for("ended")[1])

    def wait_for_end(self, timeout=20.0):
        code = self.process.wait(timeout)
        self.reader.join(timeout)
        if code != 0:
            raise AssertionError(f"{self.name}: {code}: {self.process.log()[-3000:]}")

    def stop(self):
        if not self.process:
            return
        was_running = self.process.is_running()
        if was_running:
            self.process.child.stdin.close()
            self.wait_for_end()
        self.process.stop()
        if self.process.find_in_log(FAULT):
            raise AssertionError(f"{self.name}: {self.process.log()[-3000:]}")
