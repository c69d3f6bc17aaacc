"""Free TCP ports that no other test takes at the same time."""

import os
import random
import socket

# Below the range that the kernel gives to clients, so that none of their ports comes between.
_FIRST, _LAST = 12000, 30000
_locks = []


def free_port():
    """A port of 127.0.0.1 that is this process' own until it ends."""
    choose = random.Random(os.urandom(8))
    while True:
        port = choose.randrange(_FIRST, _LAST)
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0chanway-test-port-{port}")
        except OSError:
            lock.close()
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                lock.close()
                continue
        _locks.append(lock)
        return port
