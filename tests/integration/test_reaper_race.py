"""Reapers, resumes, zombies and crashes at any point: at the end the registry is exact."""

import collections

import functions_case
import race
from functions_case import FunctionsCase, library
from support.case import main

RACES, AT_ONCE = 5000, 250


class Keys:
    """Everything there is in Redis, read once."""

    def __init__(self, r):
        self.types, self.ends, self.content = {}, {}, {}
        keys = sorted(r.scan_iter(count=1000))
        with r.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key).pttl(key)
            answers = pipe.execute()
            for key, kind, ends in zip(keys, answers[::2], answers[1::2]):
                self.types[key.decode()], self.ends[key.decode()] = kind, ends
                pipe.smembers(key) if kind == b"set" else pipe.hgetall(key)
            for key, content in zip(keys, pipe.execute()):
                self.content[key.decode()] = content


def text(content):
    return {name.decode(): value.decode() for name, value in content.items()}


def faults_of(one, keys):
    """What of a race's keys is not as its nodes know it: a list of (kind, key)."""
    members, owners, marks = one.expected()
    faults, seen = [], set()
    for group in one.groups:
        key = one.group_key(group)
        found = {uuid: value.partition(" ")[0].partition(";")[0]
                 for uuid, value in text(keys.content.get(key + ":m", {})).items()}
        wanted = members.get(group, {})
        faults += [("ghost", f"{group} {uuid}") for uuid in found if found[uuid] != wanted.get(uuid)]
        faults += [("missing", f"{group} {uuid}") for uuid in wanted if found.get(uuid) != wanted[uuid]]
        if key in keys.content and (keys.ends[key] == -1) != bool(found):
            faults.append(("group's end", key))
        seen |= {key, key + ":m"}
    for uuid in one.uuids:
        key = one.channel_key(uuid)
        fields = text(keys.content.get(key, {}))
        found = {name[2:] for name, value in fields.items() if name[:2] == "g:"}
        seen.add(key)
        if "from" in fields or "-" in [value for name, value in fields.items() if name[:2] == "g:"]:
            faults.append(("unfinished", key))
        if uuid in owners:
            if (fields.get("node"), keys.ends.get(key)) != (owners[uuid], -1) or found != marks[uuid]:
                faults.append(("channel", key))
        elif fields and (fields.get("node") != "" or keys.ends[key] <= 0):
            faults.append(("orphan", key))
    for node in one.nodes:
        wanted = {uuid.encode() for uuid, owner in owners.items() if owner == node.id}
        seen.add(node.set_key)
        if keys.content.get(node.set_key, set()) != wanted:
            faults.append(("node's set", node.set_key))
    return faults, seen


class ReaperRace(FunctionsCase):
    redis_options = {"options": ("--appendonly", "no")}

    def pipeline(self, commands):
        with self.r.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return pipe.execute(raise_on_error=False)

    def damaged(self, count, seed):
        """How many of so many races ended with each kind of fault, and some of them."""
        kinds, examples, self.happened = collections.Counter(), [], collections.Counter()
        for first in range(0, count, AT_ONCE):
            self.r.flushall()
            races = race.make(min(AT_ONCE, count - first), f"{seed}.{first}")
            race.run(races, self.pipeline)
            keys, seen = Keys(self.r), set()
            for one in races:
                self.happened += one.happened
                faults, accounted = faults_of(one, keys)
                seen |= accounted
                kinds.update({kind for kind, _ in faults} | ({"damaged"} if faults else set()))
                examples += [(seed, first, one.number, *fault) for fault in faults]
            kinds["orphan"] += len(set(keys.content) - seen)
        return kinds, examples

    def load_mutant(self, right, wrong):
        """The library with one line changed."""
        source = library()
        self.assertEqual(source.count(right), 1)
        self.addCleanup(self.load)
        self.r.execute_command("FUNCTION", "LOAD", "REPLACE", source.replace(right, wrong))

    def test_whatever_crashes_the_registry_is_exact(self):
        kinds, examples = self.damaged(RACES, "exact")
        self.assertEqual((dict(+kinds), examples[:5]), ({}, []))
        for event, least in (("crash", 5000), ("crash of a reaper", 300), ("zombie", 1500),
                             ("taken from the living", 3000), ("taken from the dead", 1000)):
            self.assertGreater(self.happened[event], least, event)

    def test_a_leave_that_does_not_compare_is_found_out(self):
        self.load_mutant(b"if value and is_of_node(value, node) then", b"if value then")
        self.assertGreater(self.damaged(AT_ONCE, "mutant")[0]["missing"], 0)

    def test_a_detach_that_does_not_compare_is_found_out(self):
        self.load_mutant(b"local is_owner = fields.node == node", b"local is_owner = fields.node ~= nil")
        self.assertGreater(self.damaged(AT_ONCE, "mutant")[0]["damaged"], 0)

    def test_a_join_that_does_not_compare_is_found_out(self):
        """The join of a node that lost the channel meanwhile comes after the join of the new one."""
        self.load_mutant(b"if not known[i] or not is_later(known[i], gens[i]) then", b"if true then")
        self.assertGreater(self.damaged(8 * AT_ONCE, "mutant")[0]["missing"], 0)


if __name__ == "__main__":
    main(170)
