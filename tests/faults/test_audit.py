"""The checker finds what is wrong, and nothing else."""

import unittest

import setup_path  # noqa: F401
from audit import Facts, audit
from records import (ACKED, CONNECTED, GAP, JOINED, JOINING, LEAVING, LEFT, LOST, MESSAGE, NOT_LEFT,
                     REFUSED, RESUMED, SENT, SKIPPED, UNKNOWN, fillings, position_of)
from support.case import main

E, LATER = 100, 200  # epochs


def sent(*numbers):
    """Sent at second n, acknowledged at once as E-n."""
    events = [(CONNECTED, 0.0, 0)]
    for n in numbers:
        events += [(SENT, float(n), n), (ACKED, n + 0.1, n, (E, n), False)]
    return events


def got(*offsets, epoch=E, shift=0):
    """Messages of publisher 0, whose numbers are the offsets (less `shift`)."""
    return [(MESSAGE, offset + 0.2, (epoch, offset), 0, offset - shift) for offset in offsets]


def joined(at=(E, 0), since=None, recovered=None):
    return [(CONNECTED, 0.0, 0), (JOINING, 0.0, since), (JOINED, 0.0, at, recovered)]


def raw(*offsets):
    return [(CONNECTED, 0.0, 0), (JOINED, 0.0, None, None),
            *((MESSAGE, offset + 0.2, None, 0, offset) for offset in offsets)]


class AuditCase(unittest.TestCase):

    def judge(self, publishers, subscribers, stream=(), may_gap=False, may_lose_data=False, raw_gaps=0,
              predecessors=None, outages=(), samples=None):
        """`publishers`: (events, keyed); `subscribers`: events, of raw ones named "raw"."""
        records = {"on": [[0.0, 10.0]], "interval": 1.0,
                   "publishers": [(number, "g", keyed, events)
                                  for number, (events, keyed) in enumerate(publishers)],
                   "subscribers": [(name, "g", name.startswith("raw"), events)
                                   for name, events in subscribers.items()]}
        facts = Facts(records, {"g": dict(stream)}, may_lose_data, samples)
        facts.predecessors = predecessors or {}
        return audit(facts.gather(), outages, may_gap, raw_gaps)

    def assertWell(self, verdict):
        self.assertEqual(verdict.problems, [])
        self.assertEqual((verdict.lost, verdict.duplicated, verdict.disordered), (0, 0, 0))

    def assertFinds(self, kind, verdict):
        self.assertTrue(any(problem.startswith(kind + ":") for problem in verdict.problems),
                        verdict.problems)


STREAM = {(E, n): (0, n) for n in range(1, 6)}
ALL = [(sent(1, 2, 3, 4, 5), False)]


class Json(AuditCase):

    def one(self, events, stream=None, publishers=None, **more):
        return self.judge(publishers or ALL, {"a": events}, STREAM if stream is None else stream, **more)

    def test_what_is_well(self):
        verdict = self.one(joined() + got(1, 2, 3, 4, 5))
        self.assertWell(verdict)
        self.assertEqual((verdict.acknowledged, verdict.delivered), (5, 5))
        self.assertWell(self.one(joined((E, 2)) + got(3, 4, 5)))
        self.assertWell(self.one([*joined(), *got(1), (LOST, 2.0, None), (CONNECTED, 2.1, 1),
                                  (JOINING, 2.1, (E, 1)), *got(2, 3), (JOINED, 3.5, (E, 3), True),
                                  *got(4, 5)]))
        self.assertWell(self.one([*joined(), *got(1), (LEAVING, 1.3), *got(2), (LEFT, 2.3),
                                  (JOINING, 3.0, (E, 2)), (JOINED, 3.5, (E, 2), True), *got(3, 4, 5)]))

    def test_a_session(self):
        back = [(LOST, 2.0, None), (CONNECTED, 2.1, 1), (JOINING, 2.1, (E, 1)), (RESUMED, 2.2)]
        self.assertWell(self.one([*joined(), *got(1), *back, *got(2, 3, 4, 5)]))
        self.assertEqual(self.one([*joined(), *got(1), *back, *got(3, 4, 5)]).lost, 1)
        self.assertEqual(self.one([*joined(), *got(1), *back, *got(1, 2, 3, 4, 5)]).duplicated, 1)
        self.assertEqual(self.one([*joined(), *got(1), *back]).lost, 4)

    def test_a_leave_that_was_refused_is_none(self):
        self.assertWell(self.one([*joined(), *got(1, 2), (LEAVING, 2.3), (NOT_LEFT, 2.4, "unavailable"),
                                  *got(3, 4, 5)]))

    def test_a_hole(self):
        verdict = self.one(joined() + got(1, 2, 5))
        self.assertFinds("lost", verdict)
        self.assertEqual(verdict.lost, 2)

    def test_a_hole_of_what_nobody_knows(self):
        verdict = self.one(joined() + got(1, 3), stream={}, publishers=[
            ([(SENT, 1.0, n) for n in (1, 2, 3)], False)])
        self.assertEqual(verdict.lost, 1)

    def test_the_end_is_missing(self):
        self.assertEqual(self.one(joined() + got(1, 2, 3)).lost, 2)
        self.assertEqual(self.one(joined() + got(1, 2, 3, 4)).lost, 1)
        self.assertFinds("lost", self.one(joined() + got(1, 2, 3, 4, 5) + [(LOST, 9.0, 1006)]))

    def test_a_replay_that_left_something_out(self):
        verdict = self.one([*joined(), *got(1), (LOST, 2.0, None), (CONNECTED, 2.1, 1),
                            (JOINING, 2.1, (E, 1)), *got(2), (JOINED, 3.5, (E, 3), True), *got(4, 5)])
        self.assertEqual(verdict.lost, 1)

    def test_messages_above_the_oks_position_before_it(self):
        self.assertFinds("order", self.one([*joined(), *got(1), (LOST, 2.0, None), (CONNECTED, 2.1, 1),
                                            (JOINING, 2.1, (E, 1)), *got(2, 3, 4),
                                            (JOINED, 3.5, (E, 3), True), *got(5)]))

    def test_twice_and_out_of_order(self):
        verdict = self.one(joined() + got(1, 2, 2, 3, 4, 5))
        self.assertEqual(verdict.duplicated, 1)
        verdict = self.one(joined() + got(1, 3, 2, 4, 5))
        self.assertEqual((verdict.disordered, verdict.lost), (1, 1))
        self.assertEqual(self.one([*got(1), *joined((E, 1)), *got(2, 3, 4, 5)]).disordered, 2)

    def test_after_it_has_left(self):
        self.assertFinds("order", self.one([*joined(), *got(1), (LEAVING, 1.3), (LEFT, 1.4), *got(2),
                                            (JOINING, 3.0, (E, 2)), (JOINED, 3.0, (E, 2), True),
                                            *got(3, 4, 5)]))

    def test_a_message_that_came_under_two_ids(self):
        stream = {**STREAM, (E, 6): (0, 3)}
        verdict = self.one(joined() + got(1, 2, 3, 4, 5) + got(6, shift=3), stream)
        self.assertEqual(verdict.duplicated, 1)
        # Redis has lost the first of them, and the key with it.
        del stream[E, 3]
        events = joined() + got(1, 2, 3, 4, 5) + got(6, shift=3)
        self.assertEqual(self.one(events, stream, may_lose_data=True).duplicated, 0)
        self.assertEqual(self.one(events, stream).duplicated, 1)

    def test_another_payload(self):
        self.assertFinds("wrong", self.one(joined() + got(1, 2) + got(3, shift=1) + got(4, 5)))

    # --- gaps

    def test_a_gap_of_what_is_gone(self):
        events = [*joined(), *got(1), (GAP, 4.0, (E, 3)), *got(4, 5)]
        self.assertFinds("gap", self.one(events, may_gap=True))
        left = {at: name for at, name in STREAM.items() if at > (E, 3)}
        verdict = self.one(events, left, may_gap=True)
        self.assertWell(verdict)
        self.assertEqual(verdict.gaps, 1)
        self.assertFinds("gap", self.one(events, left))

    def test_a_gap_that_covers_too_little(self):
        left = {at: name for at, name in STREAM.items() if at > (E, 2)}
        events = [*joined(), *got(1), (GAP, 4.0, (E, 2)), *got(4, 5)]
        self.assertEqual(self.one(events, left, may_gap=True).lost, 1)

    def test_what_was_trimmed_later_was_there(self):
        events = [*joined(), *got(1), (GAP, 4.0, (E, 3)), *got(4, 5)]
        left = {at: name for at, name in STREAM.items() if at > (E, 3)}
        early = {"g": [(3.9, (E, 1)), (4.1, (E, 2)), (5.0, (E, 4))]}
        self.assertFinds("gap", self.one(events, left, may_gap=True, samples=early))
        late = {"g": [(3.9, (E, 1)), (4.1, (E, 4))]}
        self.assertWell(self.one(events, left, may_gap=True, samples=late))

    def test_a_gap_before_an_epoch(self):
        publishers = [([*sent(1, 2, 3), (SENT, 4.0, 4), (ACKED, 4.1, 4, (LATER, 1), False)], False)]
        known = [*joined(), *got(1, 2, 3), (GAP, 4.0, (E, 3)), (MESSAGE, 4.2, (LATER, 1), 0, 4)]
        stream = {(LATER, 1): (0, 4)}
        before = {("g", LATER): (E, 2)}
        may = {"may_gap": True, "may_lose_data": True}
        self.assertWell(self.one(known, stream, publishers, predecessors=before, **may))
        before = {("g", LATER): (E, 3)}
        self.assertWell(self.one(known, stream, publishers, predecessors=before, **may))
        stream[E, 3] = (0, 3)
        self.assertFinds("gap", self.one(known, stream, publishers, predecessors=before, **may))

    def test_no_gap_before_an_epoch(self):
        publishers = [([*sent(1, 2, 3), (SENT, 4.0, 4), (ACKED, 4.1, 4, (LATER, 1), False)], False)]
        stream = {(E, 1): (0, 1), (LATER, 1): (0, 4)}
        events = [*joined(), *got(1), (MESSAGE, 4.2, (LATER, 1), 0, 4)]
        verdict = self.one(events, stream, publishers, predecessors={("g", LATER): (E, 1)},
                           may_gap=True, may_lose_data=True)
        self.assertEqual(verdict.lost, 2)

    def test_what_was_neither_written_nor_acknowledged(self):
        publishers = [([*sent(1, 2, 3), (SENT, 4.0, 4), (UNKNOWN, 4.5, 4, "lost"), (SENT, 5.0, 4),
                        (ACKED, 5.1, 4, (LATER, 1), False)], True)]
        stream = {**{(E, n): (0, n) for n in (1, 2, 3)}, (LATER, 1): (0, 4)}
        gap, rest = (GAP, 4.6, (LATER, 0)), (MESSAGE, 5.2, (LATER, 1), 0, 4)
        lagging = [*joined(), *got(1, 2, 3, 4), gap, rest]
        for other in ([*joined(), *got(1, 2, 3), gap, rest], [*joined(), *got(1, 2, 3), gap]):
            verdict = self.judge(publishers, {"a": lagging, "b": other}, stream, may_gap=True,
                                 predecessors={("g", LATER): (150, 0)})
            self.assertEqual(verdict.lost, 0 if other[-1] == rest else 1)
            self.assertEqual(verdict.duplicated, 0)
        self.assertWell(self.judge(publishers, {"a": lagging}, stream, may_gap=True,
                                   predecessors={("g", LATER): (E, 3)}))
        # Acknowledged, it would be lost.
        publishers[0][0].insert(9, (ACKED, 4.4, 4, (E, 4), False))
        self.assertEqual(self.judge(publishers, {"a": [*joined(), *got(1, 2, 3), rest]}, stream,
                                    predecessors={("g", LATER): (E, 3)}).lost, 1)

    def test_an_epoch_that_does_not_follow(self):
        publishers = [([(SENT, 4.0, 4), (ACKED, 4.1, 4, (LATER, 1), False)], False)]
        events = [*joined((E, 3)), (MESSAGE, 4.2, (LATER, 1), 0, 4)]
        stream = {(LATER, 1): (0, 4)}
        for predecessor, is_well in (((E, 3), True), ((E, 2), False), ((E, 5), False), ((0, 0), False)):
            verdict = self.one(events, stream, publishers, predecessors={("g", LATER): predecessor},
                               may_gap=True, may_lose_data=True)
            self.assertEqual(not verdict.problems, is_well, verdict.problems)

    def test_recovered_tells_the_truth(self):
        left = {at: name for at, name in STREAM.items() if at > (E, 3)}
        for recovered, is_well in ((False, True), (True, False)):
            verdict = self.one([*joined(), *got(1), (LOST, 2.0, None), (CONNECTED, 2.1, 1),
                                (JOINING, 2.1, (E, 1)), (GAP, 4.0, (E, 3)), *got(4),
                                (JOINED, 4.5, (E, 4), recovered), *got(5)], left, may_gap=True)
            self.assertEqual(not verdict.problems, is_well, verdict.problems)
        self.assertFinds("gap", self.one([*joined(), *got(1, 2), (LOST, 2.0, None), (CONNECTED, 2.1, 1),
                                          (JOINING, 2.1, (E, 2)), (JOINED, 2.5, (E, 2), False),
                                          *got(3, 4, 5)]))


class Raw(AuditCase):

    def one(self, events, stream=None, **more):
        return self.judge(ALL, {"a": joined() + got(1, 2, 3, 4, 5), "raw": events},
                          STREAM if stream is None else stream, **more)

    def test_what_is_well(self):
        self.assertWell(self.one(raw(1, 2, 3, 4, 5)))
        late = [(CONNECTED, 2.5, 0), (MESSAGE, 3.2, None, 0, 3), (JOINED, 3.5, None, None),
                *raw(4, 5)[2:]]
        self.assertWell(self.one(late))
        self.assertWell(self.one([*raw(1, 2), (LOST, 2.5, 1006), *late]))

    def test_a_hole(self):
        self.assertEqual(self.one(raw(1, 2, 5)).lost, 2)

    def test_the_beginning_and_the_end(self):
        self.assertEqual(self.one(raw(2, 3, 4, 5)).lost, 1)
        self.assertEqual(self.one(raw(1, 2, 3)).lost, 2)
        self.assertEqual(self.one(raw()).lost, 5)

    def test_twice_and_out_of_order(self):
        self.assertEqual(self.one(raw(1, 2, 2, 3, 4, 5)).duplicated, 1)
        self.assertEqual(self.one(raw(1, 3, 2, 4, 5)).disordered, 1)

    def test_what_nobody_sent(self):
        self.assertFinds("wrong", self.one([*raw(1, 2, 3, 4, 5), (MESSAGE, 9.0, None, 0, 77)]))

    def test_holes_of_what_is_gone_are_counted_by_the_node(self):
        left = {at: name for at, name in STREAM.items() if at > (E, 3)}
        samples = {"g": [(0.0, (E, 4))]}
        may = {"may_gap": True, "samples": samples}
        self.assertWell(self.one(raw(1, 4, 5), left, raw_gaps=1, **may))
        self.assertFinds("gap", self.one(raw(1, 4, 5), left, **may))
        self.assertEqual(self.one(raw(1, 5), left, raw_gaps=1, **may).lost, 3)


class Publishers(AuditCase):

    def one(self, events, keyed=False, subscriber=None, stream=None, **more):
        return self.judge([(events, keyed)], {"a": joined() + (subscriber or got(1, 2, 3, 4, 5))},
                          STREAM if stream is None else stream, **more)

    def test_refused_is_not_done(self):
        events = [*sent(1, 2, 3, 4), (SENT, 5.0, 5), (REFUSED, 5.1, 5, "unavailable")]
        self.assertFinds("refusal", self.one(events))
        self.assertFinds("refusal", self.one([*sent(1, 2, 3, 4, 5), (SENT, 6.0, 6),
                                              (REFUSED, 6.1, 6, "internal")]))
        self.assertWell(self.one([*sent(1, 2, 3, 4, 5), (SENT, 6.0, 6),
                                  (REFUSED, 6.1, 6, "unavailable")]))

    def test_unknown_may_be_done_or_not(self):
        self.assertWell(self.one([*sent(1, 2, 3, 4), (SENT, 5.0, 5), (UNKNOWN, 5.1, 5, "timeout")]))
        self.assertWell(self.one([*sent(1, 2, 3, 4, 5), (SENT, 6.0, 6), (UNKNOWN, 6.1, 6, "timeout")]))

    def test_acknowledged_and_nowhere(self):
        events = [*sent(1, 2, 3, 4, 5), (SENT, 6.0, 6), (ACKED, 6.1, 6, (E, 6), False)]
        self.assertEqual(self.one(events).lost, 1)

    def test_acknowledged_as_another(self):
        self.assertFinds("wrong", self.one([*sent(1, 2, 3, 4), (SENT, 5.0, 6),
                                            (ACKED, 5.1, 6, (E, 5), False)]))

    def test_acks_out_of_order(self):
        events = [(CONNECTED, 0.0, 0), (SENT, 1.0, 1), (SENT, 1.0, 2), (ACKED, 1.1, 2, (E, 2), False),
                  (ACKED, 1.2, 1, (E, 1), False), *sent(3, 4, 5)[1:]]
        self.assertEqual(self.one(events).disordered, 1)
        # A retry's ok may be of long ago.
        events[4] = (ACKED, 1.2, 1, (E, 1), True)
        self.assertWell(self.one(events, True))
        self.assertFinds("key", self.one(events, False))

    def test_a_forgotten_key(self):
        events = [*sent(1, 2, 3, 4, 5), (SENT, 6.0, 3), (ACKED, 6.1, 3, (E, 6), False)]
        stream = {**STREAM, (E, 6): (0, 3)}
        seen = got(1, 2, 3, 4, 5) + got(6, shift=3)
        verdict = self.one(events, True, seen, stream)
        self.assertFinds("key", verdict)
        self.assertEqual(verdict.duplicated, 1)
        self.assertEqual(verdict.retried, 1)

    def test_too_little_load(self):
        events = [*sent(1, 2, 3, 4, 5), *((SKIPPED, 6.0 + n) for n in range(2))]
        self.assertFinds("load", self.one(events))
        self.assertWell(self.one(events, outages=[(5.9, 6.5)]))
        self.assertFinds("load", self.one(events, outages=[(0.0, 20.0)]))

    def test_stalls(self):
        self.assertAlmostEqual(self.one(sent(1, 2, 3, 4, 5)).stall_s, 10.0 - 5.2)


class Records(unittest.TestCase):

    def test_fillings_differ(self):
        for size in (0, 100, 4096):
            texts = fillings(size)
            self.assertEqual({len(text) for text in texts}, {size})
            self.assertEqual(len(set(texts)), 16 if size else 1)
        self.assertEqual(position_of({"epoch": "7", "offset": 3}), (7, 3))


if __name__ == "__main__":
    main()
