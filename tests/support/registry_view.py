"""The whole registry as Redis has it, and what of it is not as a test knows it to be."""

import re

_CHANNEL = re.compile(r"\{c:([0-9a-f-]{36})\}(:[a-z0-9]+)?")
_GROUP = re.compile(r"\{g:([^{}]+)\}(:[a-z0-9]+)?")
_NODE = re.compile(r"\{n:([^{}]+)\}(:c)?")
_SHOWN = 12
SESSION_TTL_MS = 60000


class Expected:
    """What must be there: node ids, channels with their nodes, and their groups."""

    def __init__(self, nodes):
        self.nodes = set(nodes)
        self.channels = {}  # uuid -> node id
        self.groups = {}    # group -> {uuid: node id}

    def add(self, uuid, node, groups=()):
        self.channels[uuid] = node
        for group in groups:
            self.groups.setdefault(group, {})[uuid] = node

    def groups_of(self, uuid):
        return {group for group, members in self.groups.items() if uuid in members}


def _text(content):
    return {name.decode(): value.decode("utf-8", "replace") for name, value in content.items()}


class RegistryView:
    """Every key under the prefix, read in pages: exact only while nothing changes. Several `clients`:
    of the servers that have the keys among them."""

    def __init__(self, *clients, prefix="cw"):
        self.nodes = {}     # id -> (expiry ms, channels), as <prefix>:nodes says
        self.leases = {}    # id -> ms left
        self.sets = {}      # id -> its channels
        self.channels = {}  # uuid -> fields
        self.away = {}      # the same of those that may be resumed
        self.members = {}   # group -> {uuid: (node, generation)}
        self.ends = {}      # key -> ms left, -1: never
        self.parts = []     # what belongs to a channel or a group: (kind, name, part, key)
        self.unknown = []   # keys that nothing accounts for
        self.key_count = 0
        for client in clients:
            keys = [key.decode() for key in client.scan_iter(count=1000)]
            self.key_count += len(keys)
            with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.pttl(key)
                self.ends.update(zip(keys, pipe.execute()))
            self._read(client, prefix, keys)

    def _read(self, client, prefix, keys):
        wanted = []
        for key in keys:
            rest = key[len(prefix) + 1:] if key.startswith(prefix + ":") else ""
            channel, group, node = (shape.fullmatch(rest) for shape in (_CHANNEL, _GROUP, _NODE))
            if rest == "nodes":
                wanted.append((key, "hgetall", self._take_nodes, None))
            elif channel and not channel[2]:
                wanted.append((key, "hgetall", self._take_channel, channel[1]))
            elif channel and channel[2] in (":q", ":r", ":k0", ":k1"):
                self.parts.append(("c", channel[1], channel[2], key))
            elif group and group[2] == ":m":
                wanted.append((key, "hgetall", self._take_members, group[1]))
            elif group and group[2] in (None, ":h", ":k0", ":k1"):
                self.parts.append(("g", group[1], group[2] or "", key))
            elif node and node[2]:
                wanted.append((key, "smembers", self._take_set, node[1]))
            elif node:
                self.leases[node[1]] = self.ends[key]
            else:
                self.unknown.append(key)
        for first in range(0, len(wanted), 1000):
            page = wanted[first:first + 1000]
            with client.pipeline(transaction=False) as pipe:
                for key, command, _, _ in page:
                    getattr(pipe, command)(key)
                for (_, _, take, name), content in zip(page, pipe.execute()):
                    take(name, content)

    def _take_nodes(self, _, content):
        for node, entry in _text(content).items():
            expiry, channels = entry.split(" ")
            self.nodes[node] = (int(expiry), int(channels))

    def _take_channel(self, uuid, content):
        fields = _text(content)
        is_away = fields.get("node") == "" and "gen" in fields
        (self.away if is_away else self.channels)[uuid] = fields

    def _take_members(self, group, content):
        for uuid, value in _text(content).items():
            node, _, generation = value.partition(" ")[0].partition(";")
            self.members.setdefault(group, {})[uuid] = (node, generation or "1")

    def _take_set(self, node, content):
        self.sets[node] = {uuid.decode() for uuid in content}

    # --- comparing

    def problems(self, expected, prefix="cw"):
        """Sentences; none if the registry is exactly what is expected."""
        found = [f"an orphan: {key}" for key in self.unknown]
        found += self._node_problems(expected)
        found += self._channel_problems(expected, prefix)
        found += self._group_problems(expected, prefix)
        for kind, name, part, key in self.parts:
            if kind == "c" and name in self.away:
                if self.ends[key] < 0:
                    found.append(f"{key} of a channel that is away never ends")
            elif kind == "c" and name not in expected.channels:
                found.append(f"an orphan: {key}")
            elif kind == "c" and part == ":r":
                found.append(f"a request that was not done: {key}")
        return found

    def _node_problems(self, expected):
        found = _differences("nodes lists", set(self.nodes), expected.nodes)
        found += _differences("leases", set(self.leases), expected.nodes)
        for node in expected.nodes:
            wanted = {uuid for uuid, owner in expected.channels.items() if owner == node}
            found += _differences(f"the set of {node}", self.sets.get(node, set()), wanted)
            listed = self.nodes.get(node, (0, 0))[1]
            if listed != len(wanted):
                found.append(f"{node} is listed with {listed} channels, not {len(wanted)}")
        return found + [f"an orphan: the set of {node}" for node in self.sets
                        if node not in expected.nodes]

    def _channel_problems(self, expected, prefix):
        found = _differences("channels", set(self.channels), set(expected.channels))
        for uuid, fields in self.away.items():
            if "from" in fields or not 0 < self.ends[f"{prefix}:{{c:{uuid}}}"] <= SESSION_TTL_MS:
                found.append(f"channel {uuid} is away, and half done: {fields}")
        marks = {}
        for group, members in expected.groups.items():
            for uuid in members:
                marks.setdefault(uuid, set()).add(group)
        for uuid, owner in expected.channels.items():
            fields = self.channels.get(uuid)
            if fields is None:
                continue
            if fields.get("node") != owner:
                found.append(f"channel {uuid} is {fields.get('node')!r}'s, not {owner}'s")
            if "from" in fields or "type" not in fields or "created" not in fields:
                found.append(f"channel {uuid} is half done: {fields}")
            found += _differences(f"the groups of channel {uuid}",
                                  {name[2:] for name in fields if name.startswith("g:")},
                                  marks.get(uuid, set()))
            if self.ends[f"{prefix}:{{c:{uuid}}}"] != -1:
                found.append(f"channel {uuid} will end")
        return found

    def _group_problems(self, expected, prefix):
        found = []
        for group in sorted(set(self.members) | set(expected.groups)):
            members, wanted = self.members.get(group, {}), expected.groups.get(group, {})
            found += _differences(f"the members of {group}", set(members), set(wanted), members)
            for uuid in set(members) & set(wanted):
                generation = self.channels.get(uuid, {}).get("gen")
                if members[uuid] != (wanted[uuid], generation):
                    found.append(f"{group}: {uuid} is of {members[uuid]}, not of "
                                 f"{(wanted[uuid], generation)}")
        for kind, group, part, key in self.parts:
            never_ends = self.ends[key] == -1
            if kind == "g" and part == "" and never_ends != bool(expected.groups.get(group)):
                found.append(f"{key} ends in {self.ends[key]} ms and has "
                             f"{len(expected.groups.get(group, ()))} members")
            elif kind == "g" and part != "" and never_ends:
                found.append(f"{key} never ends")
        return found


def _differences(what, found, wanted, values=None):
    sentences = []
    for word, some in (("too many", found - wanted), ("missing", wanted - found)):
        if some:
            first = sorted(some)[:3]
            facts = f" {[values.get(name) for name in first]}" if values else ""
            sentences.append(f"{what}: {len(some)} {word}: {first}{facts}")
    return sentences


def current_id(node):
    """A node that lost its lease has another id than at its start."""
    return node.get("/healthz").json()["node"]


def shown(problems):
    rest = len(problems) - _SHOWN
    return "\n".join(problems[:_SHOWN]) + (f"\nand {rest} more" if rest > 0 else "")
