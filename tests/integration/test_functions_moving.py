"""Functions while a slot of a Redis Cluster is moved: done whole, on one side, or not at all."""

import json
import shutil
import subprocess
import threading

import redis as redis_py

from cluster_case import ClusterCase, name_in
from function_calls import BANS, CHANNEL, GROUP, LIMIT, NODE, NODES, RIGHT, UUID
from functions_case import DEFAULTS, INBOX, chunks, library, position
from support.case import main
from support.redis_cluster import slot_of
from support.wait import until

# They use their key alone, which is on one side.
ONE_KEY = {"cw_node_session", "cw_node_settle", "cw_node_mark", "cw_node_renew", "cw_node_list",
           "cw_node_dead", "cw_node_seats", "cw_node_bans", "cw_node_bans_back", "cw_ban",
           "cw_unban", "cw_bans", "cw_nodes"}
# Beside the right calls: those that write where these only look, or write more.
MORE = [("cw_node_bans_back", BANS, 10 ** 15 * 9, "600000 user:zoe \n"),
        ("cw_node_list", NODES, "n.3", 15000, 1), ("cw_node_mark", CHANNEL, "n.1", "add", "other"),
        ("cw_node_mark", CHANNEL, "n.1", "del", "other"), ("cw_node_detach", CHANNEL, "n.1", 0),
        ("cw_publish", GROUP, "text", "x", "KEY", "other"), ("cw_send", CHANNEL, "text", "x", "KEY", "o"),
        ("cw_node_join", GROUP, DEFAULTS, "n.1", 1, UUID, "bob"), ("cw_ban", BANS, "user:eve", 600)]
CALLS = [(function, *words) for function, words in RIGHT.items()] + MORE
FAR = 3600000
SLOTS_MOVED = 300
KINDS = {
    GROUP: [GROUP + part for part in ("", ":m", ":h", ":k0", ":k1")],
    CHANNEL: [CHANNEL + part for part in ("", ":q", ":r", ":k0", ":k1")],
    NODE: [NODE, NODE + ":c"],
    LIMIT: [LIMIT, LIMIT + ":r"],
    NODES: [NODES],
    BANS: [BANS],
}


class Moving(ClusterCase):
    def fill(self):
        """Each kind of entity with all the keys it can have."""
        call = self.call
        call("cw_node_join", GROUP, DEFAULTS, "n.1", 1, UUID, "bob", "another", "")
        call("cw_publish", GROUP, "text", "x", "KEY", "k")
        call("cw_node_attach", CHANNEL, "n.1", "", INBOX, "type", "json", "s", "digest")
        call("cw_node_mark", CHANNEL, "n.1", "add", "room")
        call("cw_send", CHANNEL, "text", "x", "KEY", "k")
        call("cw_group_add", CHANNEL, "room")
        for key in (GROUP, CHANNEL):
            self.cluster.call("HSET", key + ":k1", "elder", "1-1")
            self.cluster.call("PEXPIRE", key + ":k1", FAR)
        call("cw_node_renew", NODE, FAR, "new")
        self.cluster.call("SADD", NODE + ":c", UUID)
        call("cw_node_admit", LIMIT, UUID, FAR, 2, 5, FAR)
        for node in ("n.1", "n.2"):
            call("cw_node_list", NODES, node, FAR, 1)
        call("cw_ban", BANS, "user:ann", 600)
        call("cw_ban", BANS, "user:bob", 600)
        for keys in KINDS.values():
            for key in keys:
                self.assertEqual(self.cluster.call("EXISTS", key), 1, key)

    def call(self, function, key, *words):
        return self.cluster.call("FCALL", function, 1, key, *words)

    # --- moving a slot by hand, as redis-cli does it

    def begin(self, slot):
        source = self.cluster.owner_of(slot)
        target = next(master for master in self.masters if master is not source)
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        return source, target

    def move(self, source, target, *keys):
        """Without REPLACE: a key that is there already is an error."""
        self.assertEqual(source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 10000, "KEYS", *keys),
                         b"OK", keys)

    def finish(self, slot, source, target):
        left = source.call("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        if left:
            self.move(source, target, *left)
        for server in (target, source, *self.masters):
            server.call("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        self.cluster.wait_until_ok()
        self.assertIs(self.cluster.owner_of(slot), target)

    # --- what is where

    def content(self, server, slot):
        with server.client() as client:
            keys = client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
            pipe = client.pipeline(transaction=False)
            for key in keys:
                for word in ("DUMP", "PEXPIRETIME"):
                    pipe.execute_command("ASKING")
                    pipe.execute_command(word, key)
            return dict(zip(keys, chunks(pipe.execute()[1::2], 2)))

    def assertWholeOrNothing(self, slot, source, target, function, key, *words):
        for server, asking in ((source, False), (target, True), (target, False)):
            before = self.content(source, slot), self.content(target, slot)
            if asking and function in ONE_KEY and key.encode() in before[0]:
                continue  # nobody was told to ask there
            answer = self.say(server, "FCALL", function, 1, key, *words, asking=asking)
            after = self.content(source, slot), self.content(target, slot)
            with self.subTest(function=function, words=words, server=server.name, asking=asking,
                              moved=sorted(before[1]), answer=answer):
                is_refused = str(answer).startswith(("TRYAGAIN ", "ASK ", "MOVED "))
                if isinstance(answer, redis_py.ResponseError):
                    self.assertNotIn("non local", str(answer))
                if is_refused or function not in ONE_KEY:
                    self.assertTrue(is_refused)
                    self.assertEqual(after, before)
                self.assertFalse(set(after[0]) & set(after[1]), "on both sides")
                self.assertTrue(after[0] == before[0] or after[1] == before[1])

    # --- the tests

    def test_every_function_has_its_row(self):
        with self.masters[0].client() as client:
            (listed,) = client.function_list("chanway")
        self.assertEqual({function[1].decode() for function in listed[5]}, {*RIGHT, "cw_version"})
        self.assertEqual({key for _, key, *_ in CALLS}, set(KINDS))

    def keep_half_way(self, order):
        self.fill()
        for kind, keys in KINDS.items():
            slot = slot_of(kind)
            source, target = self.begin(slot)
            calls = [call for call in CALLS if call[1] == kind]
            for key in (None, *order(keys)):
                if key is not None and self.say(source, "EXISTS", key) == 1:
                    self.move(source, target, key)
                for call in calls:
                    self.assertWholeOrNothing(slot, source, target, *call)
            self.finish(slot, source, target)
            for function, key, *words in calls:
                with self.subTest(function=function, words=words):
                    answer = self.say(target, "FCALL", function, 1, key, *words)
                    self.assertNotRegex(str(answer), "non local|TRYAGAIN|ASK|MOVED")

    def test_the_base_key_first(self):
        self.keep_half_way(lambda keys: keys)

    def test_the_base_key_last(self):
        self.keep_half_way(lambda keys: keys[::-1])

    def test_one_that_is_nowhere_is_not_begun(self):
        """What there is nothing of yet has no side: it begins when the slot has arrived."""
        for like in (GROUP, CHANNEL, LIMIT):
            with self.subTest(like):
                slot = slot_of(like)
                shape = {GROUP: "cw:{g:%d}", CHANNEL: "cw:{c:018f3a5e-7c1b-7d2e-9a40-%012d}",
                         LIMIT: "cw:{l:u:%d}"}[like]
                key = name_in({slot}, shape)
                source, target = self.begin(slot)
                for function, right, *words in CALLS:
                    if right == like and function not in ONE_KEY:
                        self.assertWholeOrNothing(slot, source, target, function, key, *words)
                self.assertEqual((self.content(source, slot), self.content(target, slot)), ({}, {}))
                self.finish(slot, source, target)

    def test_a_group_goes_on_after_the_last_id(self):
        slot = slot_of(GROUP)
        last = self.call("cw_publish", GROUP, "text", "0")
        for number in range(1, 5):
            source, target = self.begin(slot)
            self.move(source, target, GROUP)
            self.assertRegex(str(self.say(source, "FCALL", "cw_publish", 1, GROUP, "text", "x")), "^ASK ")
            self.assertRegex(str(self.say(target, "FCALL", "cw_publish", 1, GROUP, "text", "x",
                                          asking=True)), "^TRYAGAIN ")
            self.finish(slot, source, target)
            identity = self.call("cw_publish", GROUP, "text", str(number))
            *_, found, previous, _ = self.call("cw_node_read", GROUP, *position(last), 10, 10 ** 6)
            self.assertEqual((found, previous), (identity, last))
            last = identity
        history = chunks(self.call("cw_history", GROUP), 4)
        self.assertEqual([payload for *_, payload in history], [b"0", b"1", b"2", b"3", b"4"])

    def test_who_may_not_ask_for_the_kind_of_server(self):
        """INFO is not among a back end's rights; nobody else has called since the library is there."""
        slot = slot_of(GROUP)
        for master in self.masters:
            master.call("ACL", "SETUSER", "shop", "on", "nopass", "~*", "&*", "+@all", "-info")
        self.cluster.load(library())
        words = ("FCALL", "cw_publish", 1, GROUP, "text", "x")
        self.assertRegex(self.say(self.cluster.owner_of(slot), *words, user="shop"), rb"^\d+-1$")
        source, target = self.begin(slot)
        self.assertRegex(str(self.say(source, *words, user="shop")), "^TRYAGAIN ")
        self.finish(slot, source, target)
        self.assertRegex(self.say(target, *words, user="shop"), rb"^\d+-1$")

    def test_what_clients_make_of_it(self):
        slot = slot_of(GROUP)
        self.call("cw_publish", GROUP, "text", "before")
        source, target = self.begin(slot)
        self.move(source, target, GROUP)
        with self.assertRaises(redis_py.exceptions.ClusterError) as caught:
            self.call("cw_publish", GROUP, "text", "meanwhile")
        self.assertIn("TTL exhausted", str(caught.exception))
        program = shutil.which("redis-cli") or "/usr/bin/redis-cli"
        words = [program, "-c", "-p", str(source.port), "FCALL", "cw_publish", "1", GROUP, "text", "shell"]
        done = subprocess.run(words, capture_output=True, timeout=20, check=False)
        self.assertTrue(done.stdout.startswith(b"TRYAGAIN the slot is being moved"), done)
        self.finish(slot, source, target)
        done = subprocess.run(words, capture_output=True, timeout=20, check=False)
        self.assertRegex(done.stdout, rb"^\d+-1\n")
        self.call("cw_publish", GROUP, "text", "after")
        history = chunks(self.call("cw_history", GROUP), 4)
        self.assertEqual([payload for *_, payload in history], [b"before", b"shell", b"after"])


class UnderLoad(ClusterCase):
    def test_what_was_said_while_slots_moved_is_there_once_and_in_order(self):
        """redis-cli moves slots, forth and back, while back ends publish to groups in them."""
        source, target = self.masters[:2]
        keys = [name_in(range(first, first + 10), "cw:{g:%d}") for first in range(0, SLOTS_MOVED, 60)]
        for key in keys:
            self.cluster.call("FCALL", "cw_node_join", 1, key, "100000 600000 100000000 100000", "n.1", 0,
                              UUID, "")
        said = {key: [] for key in keys}
        stop = threading.Event()
        problems = []

        def publish(key):
            client = self.cluster.client()
            number = 0
            while not stop.is_set() and not problems:
                number += 1
                self.publish_once(client, key, number, said[key], problems)
            client.close()
        threads = [threading.Thread(target=publish, args=(key,)) for key in keys]
        for thread in threads:
            thread.start()
        try:
            for one, other in ((source, target), (target, source)):
                process = self.cluster.reshard(SLOTS_MOVED, one, other)
                self.assertEqual(process.wait(40), 0, process.log()[-2000:])
                self.cluster.wait_until_ok()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(problems, [])
        for key in keys:
            self.assertGreater(len(said[key]), 10)
            self.assertEqual(self.history(key), said[key])

    def publish_once(self, client, key, number, said, problems):
        """Again and again with the same idempotency key until it is done."""
        def attempt():
            try:
                return client.execute_command("FCALL", "cw_publish", 1, key, "json",
                                              json.dumps(number), "KEY", f"k{number}")
            except (redis_py.exceptions.ClusterError, redis_py.exceptions.RedisClusterException,
                    redis_py.ConnectionError):
                return None  # the client has given up
        try:
            said.append((until(attempt, f"message {number} of {key}", 20), number))
        except Exception as error:  # of a thread: the test is to see it
            problems.append(error)

    def history(self, key):
        """All of it, by what follows what."""
        found, since = [], "0-0"
        while True:
            page = chunks(self.cluster.call("FCALL_RO", "cw_history", 1, key, "SINCE", since, "COUNT",
                                            1000), 4)
            found += [(identity, json.loads(payload)) for identity, _, _, payload in page]
            if len(page) < 1000:
                return found
            since = page[-1][0]


if __name__ == "__main__":
    main(100)
