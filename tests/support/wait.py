"""Waiting for something to become true, never for time to pass."""

import time


class TimedOut(AssertionError):
    """What was waited for did not come."""


class Deadline:
    """A point in time until which something may take."""

    def __init__(self, seconds):
        self.at = time.monotonic() + seconds

    def left(self):
        return max(0.0, self.at - time.monotonic())

    def passed(self):
        return time.monotonic() >= self.at


def until(condition, what, timeout=10.0, every=0.01):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = Deadline(timeout)
    while True:
        result = condition()
        if result:
            return result
        if deadline.passed():
            raise TimedOut(f"not within {timeout} s: {what}")
        time.sleep(every)


def seconds_until(condition, what, timeout=10.0, every=0.01):
    """How long it took until `condition` was true."""
    started = time.monotonic()
    until(condition, what, timeout, every)
    return time.monotonic() - started
