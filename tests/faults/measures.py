"""What a fault was to those whom it should not have touched, and for how long to those whom it did.

From the records of a load (records.py), of the publishers of some groups.
"""

from records import ACKED, REFUSED, SENT, SKIPPED, UNKNOWN


def waits(records, groups, begin, end):
    """How long each message that was sent first in this time waited for its ok; infinite: in vain."""
    found = []
    for _, group, _, events in records["publishers"]:
        first, acked = {}, {}
        for event in events if group in groups else ():
            if event[0] == SENT:
                first.setdefault(event[2], event[1])
            elif event[0] == ACKED:
                acked.setdefault(event[2], event[1])
        found += [acked.get(n, float("inf")) - when for n, when in first.items()
                  if begin <= when <= end]
    return sorted(found)


def failures(records, groups, begin, end):
    """Publishes of this time that were refused, of unknown outcome, or not even tried."""
    names = {REFUSED: "refused", UNKNOWN: "unknown", SKIPPED: "skipped"}
    return [f"{group}: {names[event[0]]} {event[2:]} at {event[1] - begin:.3f} s"
            for _, group, _, events in records["publishers"] if group in groups
            for event in events if event[0] in names and begin <= event[1] <= end]


def longest_stall(records, groups, begin, end):
    """The longest time in which a group had no ok, of those that had load before and after."""
    longest = 0.0
    for group in groups:
        times = sorted(event[1] for _, name, _, events in records["publishers"] if name == group
                       for event in events if event[0] == ACKED and begin <= event[1] <= end)
        for earlier, later in zip([begin, *times], [*times, end]):
            longest = max(longest, later - earlier)
    return longest


def direct_problems(records):
    """Sentences: of each pair everything acknowledged was read, once, in its order."""
    found = []
    for pair in records["direct"]:
        name = f"direct {pair['number']} ({pair['uuid']})"
        found += [f"{name}: {what}" for _, what in pair["wrong"]]
        if pair["read"] != list(range(1, pair["acked"] + 1)):
            missing = sorted(set(range(1, pair["acked"] + 1)) - set(pair["read"]))
            found.append(f"{name}: {pair['acked']} acknowledged, {len(pair['read'])} read, missing "
                         f"{missing[:5]}, the last {pair['read'][-5:]}")
    return found
