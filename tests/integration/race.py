"""Races of nodes and reapers over one channel, step by step over the real functions.

An actor is a generator: it yields one command, gets the answer, decides on the next one, which is under
way from then on until it is this actor's turn. Actors of a race take turns at random; a node can crash
between any two turns, and then the command under way is done or not. The rules that the actors follow
are those of cluster/README.md: superset first, removal in reverse, the generation with every join, a
reaper that takes the channel, leaves its groups, finishes, and forgets it last.
"""

import collections
import random

import functions_case

WAIT = object()  # nothing to do until something changes
CFGS = (functions_case.DEFAULTS, "50 300000 8388608 100000")
COMPARED = {"cw_node_mark", "cw_node_leave", "cw_node_detach"}  # harmless however late


def call(function, key, *words):
    return ("FCALL", function, "1", key, *map(str, words))


class Held:
    """What a node knows of a channel that it has, or is about to have."""

    def __init__(self):
        self.generation = 0
        self.groups = set()  # joined, as the client was told
        self.entries = set()  # where there may be an entry of this node
        self.is_lost = False
        self.is_connected = False


class Node:
    def __init__(self, race, name):
        self.race = race
        self.id = f"{name}.{race.number}"
        self.is_alive = True
        self.speed = race.rng.choice((1, 1, 0.1))  # a slow node's commands are long under way
        self.channels = {}
        self.actors = []

    @property
    def set_key(self):
        return "cw:{n:%s}:c" % self.id

    def start(self, generator):
        self.actors.append(Actor(self, generator))


class Actor:
    def __init__(self, node, generator):
        self.node = node
        self.generator = generator
        self.command = None
        self.is_done = False
        self.advance(None)

    def advance(self, answer):
        try:
            self.command = self.generator.send(answer)
        except StopIteration:
            self.is_done = True

    def is_ready(self):
        if self.is_done:
            return False
        if self.command is WAIT:
            self.advance(None)
        return not self.is_done and self.command is not WAIT


    def is_reaping(self):
        return not self.is_done and self.command is not WAIT and self.generator.__name__ == "reap"

    def may_harm(self):
        return not self.is_done and self.command[1] not in COMPARED


class Race:
    def __init__(self, number, rng):
        self.number, self.rng = number, rng
        self.groups = [f"r{number}.{name}" for name in "abc"]
        self.uuids = ["%08x-0000-7000-8000-%012x" % (number, n) for n in range(3)]
        self.cfg = rng.choice(CFGS)
        self.watch = rng.choice("01")
        self.resume_s = rng.choice((0, 60))
        self.a, self.b, self.c = (Node(self, name) for name in "abc")
        self.nodes = [self.a, self.b, self.c]
        self.is_zombie = rng.random() < 0.4
        self.created = set()  # before that, no client knows the uuid
        self.happened = collections.Counter()
        self.steps = 0
        self.phase = 0
        # A dies early or late, before or while the others take its channels over.
        self.death_at = rng.randrange(4, 40)
        self.script()

    def script(self):
        u, v, w = self.uuids
        self.a.start(self.have(self.a, u, "new", stays=True))
        self.a.start(self.have(self.a, v, "new", stays=self.rng.random() < 0.7))
        for node in (self.b, self.c):
            node.start(self.come_and_go(node, u))
        if self.rng.random() < 0.5:
            self.b.start(self.come_and_go(self.b, v))
        if self.rng.random() < 0.3:
            self.c.start(self.have(self.c, w, "new", stays=self.rng.random() < 0.5))

    # --- what nodes do

    def group_key(self, group):
        return "cw:{g:%s}" % group

    def channel_key(self, uuid):
        return "cw:{c:%s}" % uuid

    def idle(self, steps):
        """Lets others take their turns."""
        until = self.steps + self.rng.randrange(steps)
        while self.steps < until and self.phase == 0:
            yield WAIT

    def join(self, node, uuid, held, group):
        held.entries.add(group)
        yield call("cw_node_join", self.group_key(group), self.cfg, node.id, self.watch,
                   f"{uuid} {held.generation}", "bob")
        held.groups.add(group)

    def leave(self, node, uuid, held, group):
        held.groups.discard(group)
        yield call("cw_node_leave", self.group_key(group), node.id, uuid)
        held.entries.discard(group)

    def work(self, node, uuid, held):
        """Joins and leaves at random. Ends early when the channel was lost."""
        c = self.channel_key(uuid)
        for _ in range(self.rng.randrange(6)):
            if held.is_lost:
                return
            group = self.rng.choice(self.groups)
            if group not in held.groups:
                if (yield call("cw_node_mark", c, node.id, "add", group)) == 0:
                    held.is_lost = True
                if held.is_lost:
                    return
                yield from self.join(node, uuid, held, group)
            else:
                yield from self.leave(node, uuid, held, group)
                if held.is_lost:
                    return
                yield call("cw_node_mark", c, node.id, "del", group)

    def attach(self, node, uuid, held, expected):
        """False: it was refused."""
        yield ("SADD", node.set_key, uuid)
        generation, _, groups, *_ = yield call("cw_node_attach", self.channel_key(uuid), node.id, expected,
                                               functions_case.INBOX, "type", "json", "user", "bob")
        if generation == 0:
            return False
        held.generation = generation
        held.is_connected = True
        for group in groups:
            if held.is_lost:
                break
            yield from self.join(node, uuid, held, group.decode())
        return True

    def create(self, node, uuid, held):
        """A uuid that nobody else can have: a plain HSET."""
        yield ("SADD", node.set_key, uuid)
        held.generation = 1
        held.is_connected = True
        yield ("HSET", self.channel_key(uuid), "node", node.id, "gen", "1", "type", "json", "user", "bob")

    def have(self, node, uuid, expected="", stays=True, own_groups=()):
        """The life of a channel at one node, from its attach to its end."""
        held = node.channels[uuid] = Held()
        if expected == "new":
            yield from self.create(node, uuid, held)
        elif not (yield from self.attach(node, uuid, held, expected)):
            del node.channels[uuid]
            yield ("SREM", node.set_key, uuid)
            return
        for group in own_groups:
            if held.is_lost or group in held.groups:
                continue
            if (yield call("cw_node_mark", self.channel_key(uuid), node.id, "add", group)) == 0:
                held.is_lost = True
            else:
                yield from self.join(node, uuid, held, group)
        yield from self.work(node, uuid, held)
        while stays and not held.is_lost:
            yield WAIT
        held.is_connected = False
        for group in sorted(held.entries):
            yield from self.leave(node, uuid, held, group)
        yield call("cw_node_detach", self.channel_key(uuid), node.id, self.resume_s, "left")
        del node.channels[uuid]
        yield ("SREM", node.set_key, uuid)

    def come_and_go(self, node, uuid):
        """A client whose channel comes to this node, once or twice."""
        for _ in range(self.rng.randrange(1, 3)):
            yield from self.idle(60)
            while uuid not in self.created and self.phase == 0:
                yield WAIT
            if self.phase == 0:
                yield from self.have(node, uuid, stays=self.rng.random() < 0.6)

    def reap(self, node, dead):
        yield from self.idle(30)
        while any(actor.may_harm() for actor in dead.actors):
            yield WAIT  # what it sent last arrives long before its lease ends
        while True:
            page = yield ("SRANDMEMBER", dead.set_key, "2")
            if not page:
                return
            left = {}
            for uuid in (name.decode() for name in page):
                answer = yield call("cw_node_detach", self.channel_key(uuid), dead.id, self.resume_s, "reap")
                for group in answer[1]:
                    left.setdefault(group.decode(), []).append(uuid)
            for group in sorted(left):
                yield call("cw_node_leave", self.group_key(group), dead.id, *left[group])
            for uuid in (name.decode() for name in page):
                yield call("cw_node_detach", self.channel_key(uuid), dead.id, self.resume_s)
            yield ("SREM", dead.set_key, *(name.decode() for name in page))

    # --- what happens to them

    def crash(self, node):
        """The command under way arrives, or does not."""
        self.happened["crash"] += 1
        self.happened["crash of a reaper"] += any(actor.is_reaping() for actor in node.actors)
        node.is_alive = False
        for actor in node.actors:
            actor.is_done = actor.command is WAIT or self.rng.random() < 0.5
            actor.generator.close()

    def freeze(self, node):
        """A zombie: what compares the owner arrives, however late. The rest does not, because it
        stopped writing long before its lease ended. When it wakes up it takes a new id."""
        self.happened["zombie"] += 1
        node.is_alive = False
        for actor in node.actors:
            actor.is_done |= actor.command is WAIT or actor.command[1] not in COMPARED
            actor.generator.close()
        again = Node(self, "a2")
        self.nodes.append(again)
        for uuid, held in node.channels.items():
            if held.is_connected and held.generation:
                again.start(self.wake(again, uuid, held))

    def wake(self, node, uuid, before):
        yield from self.idle(60)
        yield from self.have(node, uuid, before.generation, stays=self.rng.random() < 0.7,
                             own_groups=sorted(before.groups))

    def happen(self):
        """Once a step: what nobody decides."""
        self.steps += 1
        if self.phase == 0 and self.steps == self.death_at:
            (self.freeze if self.is_zombie else self.crash)(self.a)
            for node in (self.b, self.c):
                if node.is_alive:
                    node.start(self.reap(node, self.a))
        elif self.phase == 0 and self.steps > self.death_at and self.rng.random() < 0.012:
            alive = [node for node in self.nodes if node.is_alive]
            if len(alive) > 1:
                victim = self.rng.choice(alive)
                self.crash(victim)
                if self.rng.random() < 0.5:
                    other = self.rng.choice([node for node in alive if node is not victim])
                    other.start(self.reap(other, victim))

    def next_actor(self):
        """Whose command is done now; None: everybody waits."""
        self.happen()
        ready = [actor for node in self.nodes for actor in node.actors if actor.is_ready()]
        if ready:
            return self.rng.choices(ready, [actor.node.speed for actor in ready])[0]
        if self.phase == 0 and self.steps < 200:
            return False  # all wait for time to pass
        if self.phase == 0:
            self.begin_end()
            return self.next_actor()
        return None

    def begin_end(self):
        """Survivors finish what they have begun, and reap whoever died, two of them at once."""
        self.phase = 1
        last = Node(self, "d")
        self.nodes.append(last)
        for dead in [node for node in self.nodes if not node.is_alive]:
            last.start(self.reap(last, dead))
            for other in self.nodes:
                if other.is_alive and other is not last and self.rng.random() < 0.3:
                    other.start(self.reap(other, dead))

    def done(self, actor, answer):
        """A command was carried out."""
        command = actor.command
        if isinstance(answer, Exception):
            raise AssertionError(f"{command}: {answer}")
        if command[0] == "HSET":
            self.created.add(command[1][6:-1])
        if command[1] == "cw_node_attach" and answer[0] and answer[1]:
            self.tell_taken(answer[1].decode(), command[4], command[3])
        if not actor.node.is_alive:
            actor.is_done = True
        else:
            actor.advance(answer)

    def tell_taken(self, old, new, key):
        """What the function publishes to the node before."""
        for node in self.nodes:
            held = node.channels.get(key[6:-1])
            if node.id == old and old != new and held is not None:
                held.is_lost = True
                self.happened["taken from the living" if node.is_alive else "taken from the dead"] += 1

    # --- what must be so at the end

    def expected(self):
        """members: {group: {uuid: node}}, owners: {uuid: node}, marks: {uuid: groups}"""
        members, owners, marks = {}, {}, {}
        for node in self.nodes:
            for uuid, held in node.channels.items() if node.is_alive else ():
                if not held.is_connected or held.is_lost:
                    continue
                owners[uuid] = node.id
                marks[uuid] = set(held.groups)
                for group in held.groups:
                    members.setdefault(group, {})[uuid] = node.id
        return members, owners, marks


def run(races, pipeline):
    """All races at once, a step of each in one round trip. `pipeline(commands)` gives answers."""
    running = list(races)
    while running:
        turns = []
        for race in running:
            actor = race.next_actor()
            while actor is False:
                actor = race.next_actor()
            if actor is not None:
                turns.append((race, actor))
        for (race, actor), answer in zip(turns, pipeline([actor.command for _, actor in turns])):
            race.done(actor, answer)
        running = [race for race, _ in turns]


def make(count, seed):
    return [Race(number, random.Random(f"{seed}.{number}")) for number in range(count)]
