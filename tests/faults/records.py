"""What the load writes down, and in which words: the publishers' and subscribers' events in the order
in which they happened. An event is a tuple: what, time.monotonic(), then what is said here.

A position is (epoch, offset). A message's payload is {"p": publisher, "n": number, "f": filling}; (p, n)
names it.
"""

# Of a publisher.
SENT = 1        # n
ACKED = 2       # n, position, is_duplicate
REFUSED = 3     # n, code: nothing was done
UNKNOWN = 4     # n, code or "lost": it may have been done
SKIPPED = 5     # it was time for a message, and too many were without an answer, or no node there
CONNECTED = 6   # node; also of a subscriber
LOST = 7        # close code or None; also of a subscriber: what was not read is not its own

# Of a subscriber.
JOINING = 8     # since, a position or None
JOINED = 9      # position, recovered: True, False or None (not said)
NOT_JOINED = 10  # code
LEAVING = 11
LEFT = 12
MESSAGE = 13    # position, p, n; a raw one has no position: None
GAP = 14        # position
NOT_LEFT = 15   # code
RESUMED = 16    # in its group by its session
WRONG = 17      # what: a frame that should not have come, a damaged payload

FILLINGS = 16


def fillings(size):
    """FILLINGS texts of `size`: message n has number n % FILLINGS."""
    return [(chr(ord("a") + number) + f"{number:02}.") * (size // 4) for number in range(FILLINGS)]


def shown(event):
    """For people."""
    names = {number: name for name, number in globals().items()
             if name.isupper() and isinstance(number, int) and name != "FILLINGS"}
    return f"{event[1]:.3f} {names[event[0]]} {' '.join(str(field) for field in event[2:])}"


def position_of(frame):
    return int(frame["epoch"]), frame["offset"]


def text_of(position):
    return f"{position[0]}-{position[1]}"
