"""Every function called wrongly: an error beginning BADREQUEST, and nothing is written."""

import re

import redis as redis_py

from channels_case import ChannelsCase
from function_calls import BANS, CHANNEL, GROUP, LIMIT, NODE, NODES, RIGHT, UUID
from functions_case import DEFAULTS, INBOX, group_key, library
from support.case import main

LONG = "x" * (1 << 20)
BROKEN = b"\xff\xfe"
NO_JSON = ("", "{", "01", "NaN", "0x10", "[1,]", '"\n"', b'"\xc3\x28"', '"\\ud800"', "[" * 65 + "]" * 65)

PUBLIC = [name for name in RIGHT if not name.startswith("cw_node_")]
SENDING = ("cw_publish", "cw_send")


def wrong_keys(key):
    """What is not quite a key of that kind."""
    kind = key[3:6] if "{" in key else None
    yield from ("", "cw", ":", "cw:", "cw:{}", "{}", LONG, "cw:{g:" + LONG + "}", "cw:{c:" + LONG + "}",
                LONG + ":nodes", "cw:{x:y}", key + "\n", "\n" + key, key + "\0", key + " ", " " + key, key + ":m",
                "c w" + key[2:], b"\xff" + key.encode(), key.encode() + BROKEN, "cw}" + key[2:], key + "}",
                "{a}" + key)
    for other in (GROUP, CHANNEL, NODE, NODES, LIMIT, BANS):
        if other != key:
            yield other
    if kind:
        for name in ("", "a b", "a{b", "a}b", "a\nb", "a\0b", "ä", "a*", b"\xff"):
            name = name if isinstance(name, bytes) else name.encode()
            yield b"cw:" + kind.encode() + name + b"}"


class Wrong(ChannelsCase):
    def setUp(self):
        super().setUp()
        self.call("cw_node_attach", CHANNEL, "n.1", "", INBOX, "type", "json")
        self.call("cw_node_mark", CHANNEL, "n.1", "add", "room")
        self.call("cw_node_join", GROUP, DEFAULTS, "n.1", 1, UUID, "bob")
        self.call("cw_publish", GROUP, "text", "x", "KEY", "k")
        self.call("cw_send", CHANNEL, "text", "x", "KEY", "k")
        self.call("cw_group_add", CHANNEL, "room")
        self.call("cw_node_list", NODES, "n.1", 15000, 1)
        self.call("cw_ban", BANS, "user:ann", 600)
        self.before = self.everything()

    def wrong(self, function, *words, begins="BADREQUEST"):
        """`words`: the key, then the arguments."""
        with self.subTest(function=function, words=[str(word)[:60] for word in words]):
            self.assertRefused(begins, "FCALL", function, 1, *words)

    def tearDown(self):
        self.assertEqual(self.everything(), self.before)

    def test_every_function_is_in_the_table(self):
        registered = {name.decode() for name in re.findall(rb"register(?:_for_nodes)?\('(\w+)'", library())}
        self.assertEqual(registered, set(RIGHT) | {"cw_version"})

    def test_right_calls_are_right(self):
        for function, words in RIGHT.items():
            with self.subTest(function):
                self.setUp()
                self.call(function, *words)
        self.before = self.everything()

    def test_another_number_of_keys(self):
        for function, (key, *words) in RIGHT.items():
            for keys in ((), (key, key), (key, key + "2")):
                with self.subTest(function=function, keys=keys):
                    self.assertBad("FCALL", function, len(keys), *keys, *words)

    def test_wrong_keys(self):
        for function, (key, *words) in RIGHT.items():
            for wrong in wrong_keys(key):
                self.wrong(function, wrong, *words)

    def test_keys_that_only_back_ends_could_get_wrong(self):
        for function in PUBLIC:
            key, *words = RIGHT[function]
            if key == CHANNEL:
                names = (UUID.replace("0", "A"), UUID[:-1], UUID + "0", UUID.replace("-", ""), "room")
                keys = ["cw:{c:%s}" % name for name in names]
            elif key == GROUP:
                keys = [group_key("x" * 129)]
            else:
                continue
            for wrong in keys + ["p" * 33 + key[2:]]:
                self.wrong(function, wrong, *words)

    def test_too_few_arguments(self):
        for function, (key, *words) in RIGHT.items():
            for count in range(len(words)):
                self.wrong(function, key, *words[:count])

    def test_too_many_arguments_of_back_ends(self):
        for function in PUBLIC:
            for more in (("more",), ("more", "and more"), ("FROM",), ("KEY",), ("COUNT",), ("",), (LONG,),
                         (BROKEN,)):
                if function == "cw_close" and len(more) < 3:
                    more = ("4000", "", *more)
                if function == "cw_ban":
                    more = ("why", *more)
                self.wrong(function, *RIGHT[function], *more)

    # --- arguments of back ends

    def test_types_and_payloads(self):
        for function in SENDING:
            key = RIGHT[function][0]
            for kind in ("", "JSON", "xml", "json\n", 0, LONG, BROKEN):
                self.wrong(function, key, kind, "1")
            for payload in NO_JSON:
                self.wrong(function, key, "json", payload)
            for kind in ("json", "text", "bytes"):
                self.wrong(function, key, kind, LONG)
            for payload in (BROKEN, b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
                self.wrong(function, key, "text", payload)

    def test_options(self):
        for function in SENDING:
            for options in (("FROM",), ("FROM", ""), ("FROM", "a b"), ("FROM", UUID), ("FROM", "x" * 129),
                            ("FROM", LONG), ("FROM", "{"), ("FROM", BROKEN), ("FROM", "a\n"), ("KEY", ""),
                            ("KEY", "x" * 65), ("KEY", LONG), ("KEY", "a", "KEY", "b"), ("SINCE", "1-1"),
                            ("COUNT", "1"), ("", ""), (LONG, LONG), (BROKEN, BROKEN), ("FROM", "a", "KEY")):
                self.wrong(function, *RIGHT[function], *options)

    def test_close_codes_and_reasons(self):
        for code in ("", "0", "999", "1001", "1006", "2999", "5000", "04000", "4000.0", "4e3", "+4000", " 4000",
                     "4000\n", "abc", LONG, BROKEN, "9" * 30):
            self.wrong("cw_close", CHANNEL, code)
        for reason in ("x" * 124, "ä" * 62, BROKEN, LONG):
            self.wrong("cw_close", CHANNEL, "4000", reason)

    def test_bounds_of_close(self):
        for code in ("1000", "3000", "4999"):
            self.assertEqual(self.call("cw_close", CHANNEL, code, "x" * 123), 1)
        self.before = self.everything()

    def test_groups(self):
        for function in ("cw_group_add", "cw_group_remove"):
            for group in ("", "a b", "x" * 129, LONG, "{", "a}", "a\n", "a\0", "ä", BROKEN, "user:bob", "user:"):
                self.wrong(function, CHANNEL, group)
            for group in ("x" * 128, "User:bob", "users", "a:user:"):
                self.assertEqual(self.call(function, CHANNEL, group), 1)
        self.before = self.everything()

    # --- arguments of nodes: names and payloads they have checked already

    def test_numbers(self):
        numbers = {
            "cw_node_publish": (1, 2), "cw_node_publish_many": (2, 3), "cw_node_read": (3, 4),
            "cw_node_vouch": (1, 2), "cw_node_members": (2,), "cw_node_channels": (2,), "cw_node_detach": (2,),
            "cw_node_send": (1, 2),
            "cw_node_inbox": (2, 3, 4, 5, 6), "cw_node_ack": (2,), "cw_node_trim": (1,), "cw_node_renew": (1,),
            "cw_node_settle": (2,), "cw_node_admit": (2, 3, 4, 5), "cw_node_seats": (1,),
            "cw_node_bans": (1,), "cw_node_bans_back": (1,), "cw_ban": (2,),
        }
        for function, places in numbers.items():
            for place in places:
                for number in ("", "x", "-1", "1.5", "1e3", "0x1", " 1", "1\n", "9" * 30, LONG, BROKEN):
                    words = list(RIGHT[function])
                    words[place] = number
                    self.wrong(function, *words)

    def test_nodes(self):
        places = {"cw_node_resume": 1, "cw_node_settle": 1, "cw_node_session": 1, "cw_node_join": 2, "cw_node_leave": 1, "cw_node_attach": 1, "cw_node_detach": 1,
                  "cw_node_mark": 1, "cw_node_inbox": 1, "cw_node_ack": 1}
        for function, place in places.items():
            words = list(RIGHT[function])
            words[place] = ""
            self.wrong(function, *words)

    def test_limits(self):
        for cfg in ("", "x", "1 2 3", "1 2 3 x", "-1 2 3 4", "1 2 3 4 5 6", LONG, BROKEN, "1" * 200):
            self.wrong("cw_node_publish", GROUP, 1, 0, "", "x", cfg, "")
            self.wrong("cw_node_publish_many", GROUP, cfg, 1, 0, "", "x")
            self.wrong("cw_node_join", GROUP, cfg, "n.1", 0, UUID, "")
        for limits in ("", "x", "1", "1 x", "-1 2", "1 2 3 4", "1  2", LONG, BROKEN, "1 " + "2" * 100):
            self.wrong("cw_node_attach", CHANNEL, "n.1", "", limits)
            self.wrong("cw_node_resume", CHANNEL, "n.1", "digest", "another", "", limits)

    def test_shapes(self):
        for words in (("cw_node_attach", CHANNEL, "n.1", "x", INBOX),
                      ("cw_node_attach", CHANNEL, "n.1", "", INBOX, "type"),
                      ("cw_node_detach", CHANNEL, "n.1", 60, "x"),
                      ("cw_node_detach", CHANNEL, "n.1", 60, "reap", "x"),
                      ("cw_node_detach", CHANNEL, "n.1", 10 ** 10),
                      ("cw_node_detach", CHANNEL, "n.1", 60, "left", "x"),
                      ("cw_node_detach", CHANNEL, "n.1", 60, "left", 1, "1-1", "room"),
                      ("cw_node_detach", CHANNEL, "n.1", 60, "gone", "x"),
                      ("cw_node_detach", CHANNEL, "n.1", 60, "gone", 1, "1-1", "room"),
                      ("cw_node_resume", CHANNEL, "n.1", "", "another", "", INBOX),
                      ("cw_node_resume", CHANNEL, "n.1", "digest", "", "", INBOX),
                      ("cw_node_resume", CHANNEL, "n.1", "digest", "another", "", INBOX, "type"),
                      ("cw_node_mark", CHANNEL, "n.1", "set", "room"),
                      ("cw_node_join", GROUP, DEFAULTS, "n.1", 2, UUID, ""),
                      ("cw_node_join", GROUP, DEFAULTS, "n.1", 0, UUID), ("cw_node_list", NODES, "n.1", 15000),
                      ("cw_node_list", NODES, "n.1", "x", 1), ("cw_node_list", NODES, "n.1", 1, "x"),
                      ("cw_node_list", NODES, "n.1", 1, 1, 1), ("cw_node_trim", CHANNEL, "1-"),
                      ("cw_node_trim", CHANNEL, "1-1-1"), ("cw_node_members", GROUP, "x", 10),
                      ("cw_node_admit", LIMIT, "", 15000, 2, 5, 60000), ("cw_node_admit", LIMIT, UUID, 0, 2, 5, 60000),
                      ("cw_node_admit", LIMIT, UUID, 15000, 2, 5, 0), ("cw_node_admit", LIMIT, UUID, 15000, 2, 0, 60000),
                      ("cw_node_seats", LIMIT, 0, UUID), ("cw_node_unseat", LIMIT, "x", UUID),
                      ("cw_node_unseat", LIMIT, "9" * 18, UUID),
                      ("cw_node_channels", NODE, "x", 10), ("cw_node_channels", NODE, "0.", 10),
                      ("cw_node_publish_many", GROUP, DEFAULTS, 1, 0, "", "x", 1)):
            self.wrong(*words)

    def test_read_only_calls_of_what_writes_are_refused_by_redis(self):
        for function in ("cw_send", "cw_close", "cw_group_add", "cw_node_send", "cw_node_ack"):
            with self.assertRaises(redis_py.ResponseError):
                self.r.execute_command("FCALL_RO", function, 1, *RIGHT[function])


if __name__ == "__main__":
    main(110)
