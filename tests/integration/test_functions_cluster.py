"""No function touches two slots: each is called on a Redis Cluster whose masters have each kind of
entity apart from the others, and all is as on one server."""

import re

import setup_path  # noqa: F401
from cluster_case import ClusterCase, name_in
from functions_case import DEFAULTS, INBOX, library
from support.case import main
from support.redis_cluster import SLOTS, slot_of

ONE, TWO = "018f3a5e-7c1b-7d2e-9a40-000000000001", "018f3a5e-7c1b-7d2e-9a40-000000000002"
FAR = 600000000

# On which of three masters each kind is, in each of two turns: any two kinds are apart in one of them.
# Where {events} is no prefix can change: on the second master.
PLACES = {"group": (0, 0), "channel": (1, 0), "node": (2, 0), "limit": (0, 1), "events": (1, 1),
          "bans": (2, 1), "nodes": (0, 2)}

# What is done, in a row. Words without a function's name: a plain command.
SCRIPT = [
    ("cw_node_join", "group", DEFAULTS, "n.1", 1, ONE, "bob", TWO + " 3", ""),
    ("cw_node_publish", "group", 1, 0, "bob", "first", DEFAULTS, "k1"),
    ("cw_node_publish", "group", 1, 0, "bob", "first", DEFAULTS, "k1"),
    ("cw_node_publish_many", "group", "50 600000 10000 100", 1, 0, "", "second", 1, 1, "bob", "third"),
    ("cw_node_append", "group", "50 600000 10000 100", b"\x94\x01\x00\xa0\xa5three", b"\x94\x01\x00\xa0\xa4four"),
    ("cw_publish", "group", "json", '{"n":4}', "FROM", "shop", "KEY", "k2"),
    ("cw_publish", "group", "text", "other words", "KEY", "k2"),
    ("cw_node_read", "group", 0, 0, 10, 100000),
    ("cw_group", "group"),
    ("cw_members", "group", "COUNT", 10),
    ("cw_node_members", "group", 0, 10),
    ("cw_history", "group", "COUNT", 3),
    ("cw_node_vouch", "group", 9 * 10 ** 15, 7),
    ("cw_publish", "group", "text", "after a loss"),
    ("cw_node_read", "group", 0, 0, 10, 100000),
    ("cw_node_leave", "group", "n.1", ONE, TWO),
    ("cw_group", "group"),

    ("cw_node_attach", "channel", "n.1", "", INBOX, "type", "0", "created", "1", "expires", "0", "user",
     "bob", "address", "10.0.0.7", "s", "digest"),
    ("cw_node_mark", "channel", "n.1", "add", "room", "hall", "yard"),
    ("cw_node_mark", "channel", "n.1", "del", "yard"),
    ("cw_send", "channel", "text", "hello", "KEY", "k1"),
    ("cw_send", "channel", "text", "hello", "KEY", "k1"),
    ("cw_node_send", "channel", 1, 0, "bob", "again", ""),
    ("cw_group_add", "channel", "room"),
    ("cw_group_remove", "channel", "hall"),
    ("cw_node_inbox", "channel", "n.1", 0, 0, 0, 10, 100000),
    ("cw_node_ack", "channel", "n.1", 1),
    ("cw_node_trim", "channel", "1-1"),
    ("cw_channel", "channel"),
    ("cw_close", "channel", 4000, "see you"),
    ("cw_node_session", "channel", "digest", "bob"),
    ("cw_node_resume", "channel", "n.2", "digest", "another", "bob", INBOX),
    ("cw_node_settle", "channel", "n.2", 2),
    ("cw_node_detach", "channel", "n.1", 60, "reap"),
    ("cw_node_detach", "channel", "n.1", 60),
    ("cw_node_detach", "channel", "n.2", 600, "left", 2, "0-0", "room", "1-1"),
    ("cw_send", "channel", "json", "[1]", "KEY", "k2"),
    ("cw_channel", "channel"),
    ("cw_close", "channel"),
    ("cw_send", "channel", "text", "too late"),

    ("cw_node_renew", "node", FAR, "new", "about"),
    ("cw_node_renew", "node", FAR),
    ("SADD", "node", ":c", ONE),
    ("cw_node_channels", "node", 0, 10),

    ("cw_node_list", "nodes", "n.1", FAR, 5),
    ("cw_node_list", "nodes", "n.2", 0, 5),
    ("cw_nodes", "nodes"),
    ("cw_node_dead", "nodes"),
    ("cw_node_list", "nodes", "n.2"),

    ("cw_node_admit", "limit", ONE, FAR, 1, 5, FAR),
    ("cw_node_admit", "limit", TWO, FAR, 1, 5, FAR),
    ("cw_node_seats", "limit", FAR, ONE),
    ("cw_node_unseat", "limit", "1", ONE),
    ("cw_node_admit", "limit", TWO, FAR, 1, 1, FAR),

    ("cw_ban", "bans", "user:mallory", 36000, "spam"),
    ("cw_ban", "bans", "address:10.0.0.0/8", 36000),
    ("cw_unban", "bans", "user:mallory"),
    ("cw_unban", "bans", "user:mallory"),
    ("cw_bans", "bans"),
    ("cw_node_bans", "bans", 0),
    ("cw_node_bans_back", "bans", 1, "600000 user:eve \n"),
    ("cw_node_bans_back", "bans", 9 * 10 ** 15, "60000000 user:eve why\n"),
    ("cw_bans", "bans"),

    ("XADD", "events", "", "*", "event", "connect"),
]


class Plain:
    """Labels instead of ids, so that answers of two servers can be compared: E1 for the first time of
    16 digits (an epoch, a version), and so on; # for other times."""

    def __init__(self):
        self.labels = {}

    def of(self, answer):
        if isinstance(answer, list):
            return [self.of(item) for item in answer]
        if isinstance(answer, bytes):
            return re.sub(rb"\d{5,}", self._of_number, answer)
        if isinstance(answer, int):
            return self.of(str(answer).encode())
        return answer if answer is None else str(answer)

    def _of_number(self, found):
        if len(found[0]) != 16:
            return b"#"
        return self.labels.setdefault(found[0], b"E%d" % (len(self.labels) + 1))


def content(client, key):
    """With # for every time: some are of the same moment, or not."""
    kind = client.type(key).decode()
    read = {"hash": ("HGETALL",), "list": ("LRANGE", 0, -1), "set": ("SMEMBERS",),
            "zset": ("ZRANGE", 0, -1, "WITHSCORES"), "stream": ("XRANGE", "-", "+")}[kind]
    text = repr(client.execute_command(read[0], key, *read[1:]))
    return kind, client.pttl(key) > 0, re.sub(r"\d{5,}(\.[0-9a-f]+|\.0)?", "#", text)


class Apart(ClusterCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.redis = cls.class_redis()
        cls.redis.call("FUNCTION", "LOAD", "REPLACE", library())

    def keys(self, turn):
        """A key of each kind, on the master that it is to be on."""
        def slots(kind):
            number = PLACES[kind][turn]
            return range(number * SLOTS // 3, (number + 1) * SLOTS // 3)

        prefix = next(f"p{number}" for number in range(10 ** 6)
                      if slot_of(f"p{number}:nodes") in slots("nodes")
                      and slot_of(f"p{number}:bans") in slots("bans"))
        return {"group": name_in(slots("group"), prefix + ":{g:%d}"),
                "channel": name_in(slots("channel"), prefix + ":{c:018f3a5e-7c1b-7d2e-9a40-%012d}"),
                "node": name_in(slots("node"), prefix + ":{n:n.%d}"),
                "limit": name_in(slots("limit"), prefix + ":{l:u:%d}"),
                "events": prefix + ":{events}", "nodes": prefix + ":nodes", "bans": prefix + ":bans"}

    def play(self, server_of, keys):
        """What each function answers, with its name and the kind of its key."""
        plain, answers = Plain(), []
        for function, kind, *words in SCRIPT:
            key = keys[kind]
            if function.startswith("cw_"):
                command = "FCALL_RO" if function in self.reading else "FCALL"
                words = [command, function, 1, key, *words]
            else:
                words = [function, key + words[0], *words[1:]]
            answers.append((function, kind, plain.of(self.say(server_of(key), *words))))
        return answers

    def contents(self, servers):
        found = {}
        for server in servers:
            with server.client() as client:
                found.update({key: content(client, key) for key in client.keys("*")})
        return found

    def setUp(self):
        super().setUp()
        self.redis.call("FLUSHALL")
        with self.redis.client() as client:
            (listed,) = client.function_list("chanway")
        self.functions = {function[1].decode() for function in listed[5]}
        self.reading = {function[1].decode() for function in listed[5] if b"no-writes" in function[5]}

    def test_every_function_has_its_row(self):
        self.assertEqual({words[0] for words in SCRIPT if words[0].startswith("cw_")},
                         self.functions - {"cw_version"})

    def test_any_two_kinds_are_apart_once(self):
        self.assertEqual(len(set(PLACES.values())), len(PLACES))
        for turn in (0, 1):
            for kind, key in self.keys(turn).items():
                self.assertIs(self.cluster.master_of(key), self.masters[PLACES[kind][turn]], kind)

    def as_on_one_server(self, turn):
        keys = self.keys(turn)
        expected = self.play(lambda key: self.redis, keys)
        for wanted, answer in zip(expected, self.play(self.cluster.master_of, keys)):
            self.assertEqual(answer, wanted)
            self.assertNotIn("BADREQUEST", str(wanted[-1]))
        self.maxDiff = None
        self.assertEqual(self.contents(self.masters), self.contents([self.redis]))

    def test_first_turn(self):
        self.as_on_one_server(0)

    def test_second_turn(self):
        self.as_on_one_server(1)

    def test_the_version_needs_no_key(self):
        for master in self.masters:
            self.assertEqual(self.say(master, "FCALL_RO", "cw_version", 0),
                             self.redis.call("FCALL_RO", "cw_version", 0))


if __name__ == "__main__":
    main()
