"""The checker: who was owed what, and who got it, from the records of a load and from Redis.

    Facts       what is known of the messages: the payload of each id, which ids there are, which of
                them Redis had, and until when
    audit()     a Verdict: the numbers of a row, and sentences about what is wrong

What the protocol promises, and how it is held against the records:

- An ok means that Redis has the message, under that id. A refusal (`unavailable`) means that nothing
  was done. The oks of one connection have rising ids. A retry with its key has the first id.
- Within an epoch ids have no holes, so a subscriber that was sent 7-4 after 7-2 lost 7-3, whether or not
  anybody else knows of it. Between epochs it has lost what is known to be there: acknowledged, sent to
  somebody else, or in Redis at the end. Unless it was told of a gap: then it was not lost in silence.
- A gap is right if nothing of what it covers was in the stream when it was told. One that covers
  nothing is right only where Redis has lost the last message that the subscriber knew, or does not know
  any more that it was the last before the next epoch: there Redis itself can't know.
- A message that was sent to somebody, and neither acknowledged nor written when Redis was killed, is
  owed to nobody.
- Nothing comes twice, also under another id (a key that was forgotten), nothing behind a later one.
- `recovered` is false if and only if a gap was told; a join's ok has a position up to which all has
  come and nothing above it.
- A raw subscriber knows no ids: its messages have those that others were told. It must have all between
  the first and the last of a connection, and all that were sent after it had joined; gaps are counted by
  its node.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict

from records import (ACKED, CONNECTED, GAP, JOINED, JOINING, LEAVING, LEFT, LOST, MESSAGE, NOT_JOINED,
                     NOT_LEFT, REFUSED, RESUMED, SENT, SKIPPED, UNKNOWN, WRONG, text_of)

SHOWN = 12  # problems of one kind


class Verdict:
    """The numbers of one run. `problems` is empty if and only if it is well."""

    def __init__(self):
        self.acknowledged = self.delivered = self.recovered = self.dropped = 0
        self.gaps = self.lost = self.duplicated = self.disordered = 0
        self.stall_s = 0.0
        self.offered = self.answered = 0  # outside outages
        self.retried = self.repeated = self.refused = self.unknown = 0
        self.problems = []
        self._shown = defaultdict(int)

    def complain(self, kind, sentence):
        self._shown[kind] += 1
        if self._shown[kind] <= SHOWN:
            self.problems.append(f"{kind}: {sentence}")
        elif self._shown[kind] == SHOWN + 1:
            self.problems.append(f"{kind}: and more")


class Facts:
    """What is known of the messages of each group."""

    def __init__(self, records, streams, may_lose_data, samples=None):
        self.records = records
        self.streams = streams            # group -> {position: (p, n)}, at the end
        self.predecessors = {}            # (group, epoch) -> the position before it
        self.may_lose_data = may_lose_data
        self.samples = samples or {}      # group -> [(when, first position or None), ...]
        self.payloads = defaultdict(dict)  # group -> {position: (p, n)}
        self.acked = defaultdict(set)     # group -> positions
        self.ids = defaultdict(list)      # (p, n) -> positions, rising
        self.sent_at = {}                 # (p, n) -> when it was sent first
        self.ordered = {}                 # group -> positions that are owed, rising
        self.conflicts = []

    def gather(self):
        for number, group, _, events in self.records["publishers"]:
            for event in events:
                if event[0] == ACKED:
                    self.acked[group].add(event[3])
                    self._learn(group, event[3], (number, event[2]))
                elif event[0] == SENT:
                    self.sent_at.setdefault((number, event[2]), event[1])
        for _, group, is_raw, events in self.records["subscribers"]:
            for event in events if not is_raw else ():
                if event[0] == MESSAGE:
                    self._learn(group, event[2], (event[3], event[4]))
        for group, stream in self.streams.items():
            for at, name in stream.items():
                self._learn(group, at, name)
        for group, known in self.payloads.items():
            self.ordered[group] = [at for at in sorted(known) if not self.is_unwritten(group, at)]
            for at in sorted(known):
                self.ids[known[at]].append(at)
        return self

    def _learn(self, group, at, name):
        known = self.payloads[group].setdefault(at, name)
        if known != name:
            self.conflicts.append(f"{group} {text_of(at)} is {known} and {name}")

    def between(self, group, after, before):
        """Known positions > after and < before."""
        ordered = self.ordered.get(group, [])
        return ordered[bisect_right(ordered, after):bisect_left(ordered, before)]

    def is_gone(self, group, at, when):
        """Whether it was out of the stream by `when`."""
        if at in self.streams.get(group, ()):
            return False
        for sampled, first in self.samples.get(group, ()):
            if sampled >= when:
                return first is None or first > at
        return True

    def is_unwritten(self, group, at):
        """Redis never acknowledged it, and has not kept it. Trimmed histories tell nothing of that."""
        return (not self.samples and at not in self.acked[group]
                and at not in self.streams.get(group, ()))

    def may_be_forgotten(self, group, at):
        """Redis lost it, and its key with it."""
        is_gone = self.may_lose_data and at not in self.streams.get(group, ())
        return is_gone or self.is_unwritten(group, at)


# === Publishers ==========================================================================================


def audit_publisher(facts, verdict, number, group, keyed, events):
    acked, refused = {}, {}
    last = (0, 0)  # of this connection
    tries = defaultdict(int)
    for event in events:
        what = event[0]
        if what == CONNECTED:
            last = (0, 0)
        elif what == SENT:
            tries[event[2]] += 1
            verdict.retried += tries[event[2]] > 1
        elif what == ACKED:
            n, at, is_duplicate = event[2:]
            first = acked.setdefault(n, at)
            if first != at and not facts.may_be_forgotten(group, first):
                verdict.complain("key", f"{number}.{n} is {text_of(first)} and {text_of(at)}")
            if is_duplicate and not keyed:
                verdict.complain("key", f"{number}.{n} has none, and was said to be a duplicate")
            verdict.repeated += is_duplicate
            if not is_duplicate:
                if at <= last:
                    verdict.disordered += 1
                    verdict.complain("order", f"{number}.{n} became {text_of(at)} after {text_of(last)}")
                last = at
        elif what == REFUSED:
            verdict.refused += 1
            refused[event[2]] = event[1]
            if event[3] != "unavailable":
                verdict.complain("refusal", f"{number}.{event[2]} was answered {event[3]}")
        elif what == UNKNOWN:
            verdict.unknown += 1
    for n in refused:
        if not keyed and facts.ids.get((number, n)):
            verdict.complain("refusal", f"{number}.{n} was refused, and is "
                                        f"{text_of(facts.ids[number, n][0])}")
    verdict.acknowledged += len(acked)
    return acked


def audit_load(facts, verdict, outages, all_acked):
    """How much of what was to be sent outside outages was acknowledged in the end."""
    def is_in_outage(when):
        return any(begin <= when <= end for begin, end in outages)

    for number, _, _, events in facts.records["publishers"]:
        tried = set()
        for event in events:
            if event[0] == SKIPPED and not is_in_outage(event[1]):
                verdict.offered += 1
            elif event[0] == SENT and event[2] not in tried:
                tried.add(event[2])
                if not is_in_outage(event[1]):
                    verdict.offered += 1
                    verdict.answered += event[2] in all_acked[number]
    if verdict.answered < 0.8 * verdict.offered or verdict.offered == 0:
        verdict.complain("load", f"{verdict.answered} of {verdict.offered} messages offered outside the "
                                 "outage were acknowledged: less than 80 %")


# === Subscribers =========================================================================================


class Reading:
    """One json subscriber's way through its group."""

    def __init__(self, facts, verdict, name, group):
        self.facts = facts
        self.verdict = verdict
        self.name = name
        self.group = group
        self.cursor = None      # up to here all has come, or was told of
        self.seen = set()       # positions
        self.names = {}         # (p, n) -> position
        self.state = "out"      # joining, in, leaving
        self.has_since = False
        self.joining_gaps = 0
        self.gaps = []          # of which no message has come since: (when, known before, told)

    def complain(self, kind, sentence):
        self.verdict.complain(kind, f"{self.name}: {sentence}")

    def run(self, events):
        actions = {MESSAGE: self.on_message, GAP: self.on_gap, JOINING: self.on_joining,
                   JOINED: self.on_joined, NOT_JOINED: self.on_not_joined, LEAVING: self.on_leaving,
                   LEFT: self.on_left, NOT_LEFT: self.on_not_left, LOST: self.on_lost, WRONG: self.on_wrong,
                   RESUMED: self.on_resumed}
        for event in events:
            action = actions.get(event[0])
            if action:
                action(*event[1:])
        self.end()

    def on_joining(self, _, since):
        self.state = "joining"
        self.has_since = since is not None
        self.joining_gaps = 0

    def on_not_joined(self, _, code):
        self.state = "out"
        if code not in ("unavailable", "timeout"):
            self.complain("refusal", f"its join was answered {code}")

    def on_resumed(self, _):
        self.state = "in"

    def on_leaving(self, _):
        self.state = "leaving"

    def on_left(self, _):
        self.state = "out"

    def on_not_left(self, _, code):
        if code == "unavailable":
            self.state = "in"
        elif code != "timeout":
            self.complain("refusal", f"its leave was answered {code}")

    def on_lost(self, _, code):
        self.state = "out"

    def on_wrong(self, _, what):
        self.complain("wrong", what)

    def on_message(self, when, at, p, n):
        self.verdict.delivered += 1
        if self.state == "out" or self.state == "joining" and not self.has_since:
            self.complain("order", f"{text_of(at)} came while it was in no group")
            self.verdict.disordered += 1
        if at in self.seen:
            self.verdict.duplicated += 1
            self.complain("twice", text_of(at))
            return
        self.seen.add(at)
        first = self.names.setdefault((p, n), at)
        if first != at and not self.facts.may_be_forgotten(self.group, first):
            self.verdict.duplicated += 1
            self.complain("twice", f"{p}.{n} as {text_of(first)} and as {text_of(at)}")
        if self.cursor is None or at <= self.cursor:
            self.verdict.disordered += 1
            self.complain("order", f"{text_of(at)} after {self.cursor and text_of(self.cursor)}")
            return
        if at != (self.cursor[0], self.cursor[1] + 1):
            self.pass_over(at, True)
            self.look_back(at)
        self.settle_gaps(at)
        self.cursor = at

    def on_gap(self, when, told):
        self.verdict.gaps += 1
        self.joining_gaps += 1
        before = self.cursor
        if before is None or self.state == "out":
            self.complain("gap", f"{text_of(told)} before it was in a group")
            return
        still = [at for at in self.facts.between(self.group, before, (told[0], told[1] + 1))
                 if not self.facts.is_gone(self.group, at, when)]
        if still:
            self.complain("gap", f"{text_of(told)} after {text_of(before)}, though Redis has "
                                 f"{len(still)} of these, the first {text_of(still[0])}")
        self.gaps.append((when, before, told))
        self.cursor = max(before, told)

    def on_joined(self, _, at, recovered):
        if self.has_since:
            if at < self.cursor and not self.facts.may_lose_data:
                self.complain("order", f"its ok says {text_of(at)}, it has {text_of(self.cursor)}")
            self.pass_over(at, False)
            if recovered is not None and recovered != (self.joining_gaps == 0):
                self.complain("gap", f"recovered {recovered} with {self.joining_gaps} gaps")
            self.cursor = max(self.cursor, at)
        else:
            self.cursor = at
        self.state = "in"

    def pass_over(self, at, is_message):
        """It goes on from its cursor to `at`: what is between, and was there, is lost."""
        missing = self.facts.between(self.group, self.cursor, at if is_message else (at[0], at[1] + 1))
        count = len(missing)
        if is_message and at[0] == self.cursor[0]:
            count = at[1] - self.cursor[1] - 1
        elif is_message and not self.gaps:
            count = max(count, at[1] - 1)
        if count == 0:
            return
        if self.gaps and all(self.facts.is_gone(self.group, one, self.gaps[-1][0]) for one in missing):
            return
        self.lose(count, f"{text_of(self.cursor)} to {text_of(at)}")

    def look_back(self, at):
        """At the first of an epoch, no gap told: is its predecessor where the subscriber was?"""
        predecessor = self.facts.predecessors.get((self.group, at[0]))
        if at[1] == 1 and not self.gaps and predecessor not in (None, self.cursor):
            self.complain("gap", f"none was told between {text_of(self.cursor)} and {text_of(at)}, which "
                                 f"follows {text_of(predecessor)}")

    def lose(self, count, what):
        self.verdict.lost += count
        self.complain("lost", f"{count} messages, {what}")

    def settle_gaps(self, following):
        """Gaps that cover nothing known: was there a reason to tell them?"""
        for _, before, told in self.gaps:
            if self.facts.between(self.group, before, (told[0], told[1] + 1)):
                continue
            predecessor = self.facts.predecessors.get((self.group, following[0]))
            is_known = predecessor == before and not self.facts.may_be_forgotten(self.group, before)
            if following[0] == before[0] or is_known:
                self.complain("gap", f"{text_of(told)} after {text_of(before)}, and nothing is missing "
                                     f"before {text_of(following)}")
        self.gaps.clear()

    def end(self):
        """Whoever is in the group at the end has all there is."""
        if self.gaps and not self.facts.may_lose_data:
            self.settle_gaps(self.gaps[-1][1])
        if self.state == "out" or self.cursor is None:
            self.complain("lost", "it is in no group at the end")
            return
        ordered = self.facts.ordered.get(self.group, [])
        if ordered and ordered[-1] > self.cursor:
            self.pass_over(ordered[-1], False)


class RawReading:
    """One raw subscriber's: each connection for itself."""

    def __init__(self, facts, verdict, name, group):
        self.facts = facts
        self.verdict = verdict
        self.name = name
        self.group = group
        self.holes = 0  # of its node's counting
        self.begin()

    def begin(self):
        self.joined = None
        self.cursor = None
        self.names = {}

    def complain(self, kind, sentence):
        self.verdict.complain(kind, f"{self.name}: {sentence}")

    def run(self, events):
        is_open = False
        for event in events:
            what, when = event[:2]
            if what == CONNECTED:
                self.begin()
                is_open = True
            elif what == LOST:
                is_open = False
            elif what == JOINED:
                self.joined = when
            elif what == WRONG:
                self.complain("wrong", event[2])
            elif what == MESSAGE:
                self.on_message(when, (event[3], event[4]))
        if is_open:
            self.end()
        else:
            self.complain("lost", "it has no connection at the end")

    def on_message(self, when, name):
        self.verdict.delivered += 1
        ids = self.facts.ids.get(name, [])
        if name in self.names:
            if len(ids) < 2 or not self.facts.may_be_forgotten(self.group, self.names[name]):
                self.verdict.duplicated += 1
                self.complain("twice", f"{name}")
                return
        if not ids:
            if not self.facts.may_lose_data or name not in self.facts.sent_at:
                self.complain("wrong", f"{name} is unknown to all others")
            return
        later = [at for at in ids if self.cursor is None or at > self.cursor]
        if not later:
            self.verdict.disordered += 1
            self.complain("order", f"{name}, {text_of(ids[-1])}, after {text_of(self.cursor)}")
            return
        self.names[name] = later[0]
        self.look_between(later[0], when)
        self.cursor = later[0]

    def owed(self, before=None):
        """What it has not been sent and should have been: behind its cursor, or sent after it joined."""
        ordered = self.facts.ordered.get(self.group, [])
        before = before or (1 << 64, 0)
        if self.cursor is not None:
            return self.facts.between(self.group, self.cursor, before)
        if self.joined is None:
            return []
        names = self.facts.payloads[self.group]
        return [at for at in ordered if at < before
                and self.facts.sent_at.get(names[at], 0) > self.joined]

    def look_between(self, at, when):
        missing = self.owed(at)
        still = [one for one in missing if not self.facts.is_gone(self.group, one, when)]
        if still or missing and not self.facts.may_lose_data and not self.facts.samples:
            self.verdict.lost += len(missing)
            self.complain("lost", f"{len(missing)} messages before {text_of(at)}, the first "
                                  f"{text_of(missing[0])}")
        elif missing:
            self.holes += 1

    def end(self):
        missing = self.owed()
        still = [one for one in missing if not self.facts.may_be_forgotten(self.group, one)]
        if still:
            self.verdict.lost += len(still)
            self.complain("lost", f"{len(still)} messages at the end, the first {text_of(still[0])}")


# === All =================================================================================================


def longest_stall(records):
    """The longest time without a message for a subscriber that does not leave by itself, while there
    was a load."""
    longest = 0.0
    for name, _, _, events in records["subscribers"]:
        if name.endswith(".leaves"):
            continue
        times = [event[1] for event in events if event[0] == MESSAGE]
        for begin, end in records["on"]:
            within = times[bisect_left(times, begin):bisect_right(times, end)]
            for earlier, later in zip([begin, *within], [*within, end]):
                longest = max(longest, later - earlier)
    return longest


def audit(facts, outages, may_gap, raw_gaps=0):
    """`outages`: [from, to] of the times when publishes may fail. `may_gap`: there is a reason for gaps
    in this run; `raw_gaps`: how many the nodes have counted for raw subscribers."""
    verdict = Verdict()
    for conflict in facts.conflicts:
        verdict.complain("wrong", conflict)
    all_acked = {}
    for number, group, keyed, events in facts.records["publishers"]:
        all_acked[number] = audit_publisher(facts, verdict, number, group, keyed, events)
    audit_load(facts, verdict, outages, all_acked)
    holes = 0
    for name, group, is_raw, events in facts.records["subscribers"]:
        reading = (RawReading if is_raw else Reading)(facts, verdict, name, group)
        reading.run(events)
        holes += reading.holes if is_raw else 0
    if holes > raw_gaps:
        verdict.complain("gap", f"raw subscribers have {holes} holes, their nodes counted {raw_gaps}")
    verdict.gaps += raw_gaps
    if verdict.gaps and not may_gap:
        verdict.complain("gap", f"{verdict.gaps} were told, and there was no reason for any")
    verdict.stall_s = longest_stall(facts.records)
    return verdict
