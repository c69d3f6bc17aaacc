"""Free TCP ports that no other test takes at the same time."""

import os
import random
import socket

# Below the range that the kernel gives to clients, so that none of their ports comes between.
_FIRST, _LAST = 12000, 30000
_locks = []


def _lock(port):
    """A socket that keeps other tests from `port`; None: it is taken."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0chanway-test-port-{port}")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return None
    return lock


def free_ports(count):
    """The first of so many in a row, of 127.0.0.1, that are this process' own until it ends."""
    choose = random.Random(os.urandom(8))
    while True:
        first = choose.randrange(_FIRST, _LAST - count)
        locks = []
        for port in range(first, first + count):
            lock = _lock(port)
            if lock is None:
                break
            locks.append(lock)
        if len(locks) == count:
            _locks.extend(locks)
            return first
        for lock in locks:
            lock.close()


def free_port():
    return free_ports(1)
