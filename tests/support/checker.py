"""Who was told what: the messages of a test, their acknowledgements, and what every subscriber saw.

A message carries its own name and a filling that follows from it, so that a subscriber in any
language can tell a whole message from a damaged one:

    text   "<name> <length> <fill>"
    bytes  the same in UTF-8
    data   {"name": ..., "length": ..., "fill": ...}

where <fill> is "<name>|" over and over, cut to <length>. The last letter of a name is its payload
type: t, b or d.
"""

import base64
import threading

KINDS = "tbd"
BIG = 60 * 1024
BIG_BYTES = 46 * 1024  # as base64 still below the 64 KiB of max-message


def fill(name, length):
    pattern = name + "|"
    return (pattern * (length // len(pattern) + 1))[:length]


def payload(name, length):
    """The payload field of an enveloped publish."""
    if name[-1] == "d":
        return {"data": {"name": name, "length": length, "fill": fill(name, length)}}
    text = f"{name} {length} {fill(name, length)}"
    if name[-1] == "t":
        return {"text": text}
    return {"bytes": base64.b64encode(text.encode("ascii")).decode("ascii")}


def name_and_length(publisher, number):
    """All three types in turn; one in fifty is large."""
    kind = KINDS[number % 3]
    length = (number * 37) % 900
    if number % 50 == 49:
        length = (BIG_BYTES if kind == "b" else BIG) - number % 500 * 10 - 100
    return f"{publisher}-{number:06d}{kind}", length


class Ledger:
    """What the publishers know, from several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}          # publisher -> names in the order in which they were sent
        self.acknowledged = {}  # name -> "epoch-offset"
        self.unknown = set()    # no answer, or `timeout`: may have been done
        self.refused = set()    # any other error: nothing was done

    def send(self, publisher, name):
        with self.lock:
            self.sent.setdefault(publisher, []).append(name)

    def acknowledge(self, name, reply):
        with self.lock:
            self.acknowledged[name] = f"{reply['epoch']}-{reply['offset']}"

    def miss(self, name):
        with self.lock:
            self.unknown.add(name)

    def refuse(self, name):
        with self.lock:
            self.refused.add(name)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def summary(self):
        return (f"{len(self.acknowledged)} acknowledged, {len(self.unknown)} of unknown outcome, "
                f"{len(self.refused)} refused")


class Report:
    """What one subscriber saw, as its program wrote it down."""

    def __init__(self, fields):
        self.name = fields["name"]
        self.names = fields["names"]
        self.positions = fields.get("positions")  # enveloped only, one for each name
        self.gaps = fields.get("gaps", [])
        self.damaged = fields.get("damaged", [])
        self.closed = fields.get("closed")        # the close code, if the server closed
        self.ended = fields["ended"]              # it has seen the end marker


def _few(items):
    items = list(items)
    return f"{len(items)}: {items[:5]}"


def _check_one(ledger, report, problems):
    seen = set(report.names)
    if len(seen) != len(report.names):
        twice = sorted({name for name in seen if report.names.count(name) > 1})
        problems.append(f"{report.name} got messages twice, {_few(twice)}")
    sent = {name for names in ledger.sent.values() for name in names}
    if seen - sent:
        problems.append(f"{report.name} got what nobody sent, {_few(sorted(seen - sent))}")
    if seen & ledger.refused:
        wrong = sorted(seen & ledger.refused)
        problems.append(f"{report.name} got what was refused, {_few(wrong)}")
    if report.damaged:
        problems.append(f"{report.name} got damaged messages, {_few(report.damaged)}")
    for publisher, names in ledger.sent.items():
        place = {name: index for index, name in enumerate(names)}
        own = [place[name] for name in report.names if name in place]
        if own != sorted(own):
            problems.append(f"{report.name} got messages of {publisher} in another order")
    for name, position in zip(report.names, report.positions or []):
        known = ledger.acknowledged.get(name)
        if known is not None and known != position:
            problems.append(f"{report.name}: {name} was acknowledged as {known}, "
                            f"came as {position}")
            break


def _without_unwritten(ledger, reports):
    """What Redis had pushed to a node and not written when it was killed: some saw it, the others
    never can. It is taken out of what all must have seen alike. The names."""
    everywhere = set.intersection(*(set(report.names) for report in reports))
    unwritten = {name for report in reports for name in report.names} - everywhere
    unwritten -= set(ledger.acknowledged)
    for report in reports:
        report.names = [name for name in report.names if name not in unwritten]
    return unwritten


def check(ledger, reports, cut_off=(), may_gap=False, may_be_unwritten=False):
    """Problems found, as sentences; an empty list if all is well. `may_gap`: gaps may be told.

    `may_be_unwritten`: a Redis that was killed had pushed messages to a node that lagged before they
    were on its disk, and before it acknowledged them (it orders writing and answering for each
    connection, not across them). Then, and only then, gaps may be told.

    `cut_off` names subscribers whose node died: what they saw must be the beginning of what the
    others saw. All others must have seen everything acknowledged, and all the same.
    """
    problems = []
    whole = [report for report in reports if report.name not in cut_off]
    if not whole:
        return ["no subscriber was to see everything"]
    for report in reports:
        _check_one(ledger, report, problems)
    may_gap |= may_be_unwritten and bool(_without_unwritten(ledger, whole))
    for report in reports:
        if report.gaps and not may_gap:
            problems.append(f"{report.name} was told of gaps, {_few(report.gaps)}")
    first = whole[0]
    for report in whole:
        if report.closed is not None:
            problems.append(f"{report.name} was closed with {report.closed}")
        if not report.ended:
            problems.append(f"{report.name} never saw the end")
        missing = set(ledger.acknowledged) - set(report.names)
        if missing:
            problems.append(f"{report.name} misses acknowledged messages, {_few(sorted(missing))}")
        if report.names != first.names:
            at = next((index for index, pair in enumerate(zip(report.names, first.names))
                       if pair[0] != pair[1]), min(len(report.names), len(first.names)))
            problems.append(f"{report.name} and {first.name} differ from message {at} on: "
                            f"{report.names[at:at + 3]} and {first.names[at:at + 3]}")
    for report in reports:
        if report.name in cut_off and report.names != first.names[:len(report.names)]:
            problems.append(f"{report.name}, cut off, saw something else than a beginning")
    return problems
