"""What back ends send is checked by the library itself: JSON by RFC 8259, UTF-8, names, arguments."""

import json
import random
import uuid

from functions_case import DEFAULTS, FunctionsCase, group_key, position
from support.case import main

GOOD_JSON = [
    # any value, white space around everything
    "0", "-0", "1", "-1", "10", "1234567890", "18446744073709551616", "0.0", "-0.0", "1.5", "1.05",
    "1e5", "1E5", "1e+5", "1e-5", "1.5e300", "0e0", "0E+0", "-0.1e-0", "1e400", "1e05", "0.00",
    "true", "false", "null", '""', '"a"', "[]", "{}", "[ ]", "{ }", " 1 ", "\t\r\n1\n\r\t",
    '[\n]', '{"a" : 1 , "b"\n:\t[ 1 , 2 ] }', "[1,2,3]", "[1 ,2, 3 , 4]", "[10,20,0,30]",
    "[-1,0,-0.5,1e9]", '[[],{},"",0,null]', '[{"a":[{"b":[]}]}]', '{"a":{"b":{}}}', "[[1],[2]]",
    '{"":1}', '{"a":1,"a":2}', '["a","b"]', '[1,"a",2,"b"]', "[[[[]]]]", '{"a":[],"b":[]}',
    # strings: escapes, what needs none, surrogates in pairs
    r'"\" \\ \/ \b \f \n \r \t"', r'"\u0000\u001f\u007F\uFFFF"', r'"\uD834\uDD1E"',
    r'"\udbff\udfff\ud800\udc00"', r'"\uD7FF\uE000"', r'"\\u"', r'"\\ud800"', r'"\\\\"',
    r'"\\\uD834\uDD1E"', r'{"\u0061":"\""}', r'"\u005C"', r'["\\",1]', '"/"', "\"'\"",
    '"\u007f"', '"\u0080"', '"\u07ff\u0800\ud7ff\ue000\uffff"', '"\U00010000\U0010ffff"', '"日本語"',
    '"[1,2"', '"{"', '",1,2,"', '"true"', '"\u2028\u2029"', '"\ufeff"', '{"日":"本"}',
    "[" * 64 + "]" * 64, '{"a":' * 64 + "1" + "}" * 64, '[{"a":' * 32 + "[]"[:0] + "1" + "}]" * 32,
    "[" * 63 + "[],[]" + "]" * 63,
]

BAD_JSON = [
    # nothing, too much, not closed
    "", " ", "\n", "1 2", "1,", ",1", "1]", "[", "]", "{", "}", "[1", '{"a":1', "[1}", '{"a":1]', "[]]",
    "{}}", "[][]", "{}[]", '"a" "b"', '""""', "true false", "nulltrue", "[1]1", "1[1]",
    # arrays and objects
    "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "{,}", '{"a"}', '{"a":}', '{:1}', '{"a":1,}',
    '{,"a":1}', '{"a":1,,"b":2}', '{"a":1 "b":2}', '{"a" 1}', '{"a"::1}', "{1:2}", "{a:1}", "{'a':1}",
    '{"a":1:2}', '{"a","b"}', '{null:1}', '{"a":1,2}', '{"a":1,2,"b":3}', '[{"a":1,}]', '[1,2,,3]',
    '["a":1]', '{"a":[1,2}', '{["a"]:1}', "[1,2,]", "[10,20,]", '{"a":1;"b":2}', "[1;2]",
    # numbers
    "01", "-01", "00", "-", "+1", ".5", "1.", "-.5", "1.e5", "1e", "1e+", "1e5.5", "1.5.5", "1e5e5",
    "0x10", "0b1", "1_000", "NaN", "nan", "Infinity", "-Infinity", "inf", "1f", "1d", "- 1", "1 .5",
    "1e 5", "--1", "1-2", "[1-2]", "[01]", "[1,02]", "[1,2.]", "[0,00]", "１", "1,000", "0.", "0e",
    "1..5", "e5", "1e5-3", "2-1e5",
    # words
    "True", "TRUE", "tru", "truee", "nul", "nulll", "Null", "undefined", "t rue", "None", "a", "falsee",
    # strings
    '"', '"a', 'a"', "'a'", '"a""b"', '"\n"', '"\t"', '"\r"', '"a\x00b"', '"\x1f"', '"\x01"', '"a\nb","c\nd"',
    '["a\nb","c\nd"]', r'"\x41"', r'"\a"', r'"\v"', r'"\0"', r'"\'"', r'"\U0041"', r'"\u"', r'"\u1"',
    r'"\u12"', r'"\u123"', r'"\u12G4"', r'"\u 123"', r'"\u-123"', '"\\', r'"\"', r'"\\\"', '"\\\n"', '\\n', r'\"a"',
    r'[1,\"]', r'\u0031', '"\\é"', r'["\"]',
    # surrogates that are alone
    r'"\ud800"', r'"\udfff"', r'"\uD834x\uDD1E"', r'"\uDD1E\uD834"', r'"\ud800\ud800\udc00"',
    r'"\ud800\u0041"', r'"\ud800\\udc00"', r'"\ud800\n"', r'"\udbff"', r'"\uDC00"',
    # white space that is none, comments, a byte order mark
    "\u00a01", "\x0b1", "\x0c1", "1\x00", "\x00", "\ufeff1", "\u20281", "//1\n1", "1/**/", "#1\n1", "1 //",
    "[1]\x00", "\x1e1", "[\x0c]",
    "[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65, "[" * 64 + "{}" + "]" * 64, "[" * 5000,
]

BAD_UTF8 = [
    b"\x80", b"\xbf", b"a\x80", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2a", b"\xc2\xc2\x80",
    b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe1\x80", b"\xe1\x80a", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80", b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xc2\x80\x80", b"\xe1\x80\x80\x80",
    b"\xc3\xc3\xa9\xa9", b"\xe1\xc2\x80\x80\x80", b"\xf1\x80\x80\xc2\x80", b"\xc3 \xa9", b"\xf1\x80 \x80\x80",
]

GOOD_TEXT = ["", "\x00", "a\x00b", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000",
             "\U0010ffff", "\n", "日本語 grüße 👍", "\ufeff", "x" * 65536]


class Payloads(FunctionsCase):
    def assertStored(self, kind, payload):
        identity = self.call("cw_publish", self.k, kind, payload)
        if isinstance(payload, str):
            payload = payload.encode()
        row = self.read_only("cw_history", self.k, "SINCE", "%d-%d" % (position(identity)[0],
                                                                      position(identity)[1] - 1))
        self.assertEqual(row, [identity, kind.encode(), b"server", payload])

    def assertNothingWritten(self):
        self.assertEqual(self.r.keys("*"), [])

    def test_json_that_is_json_is_taken_as_it_is(self):
        for payload in GOOD_JSON:
            with self.subTest(payload=payload[:60]):
                json.loads(payload)
                self.assertStored("json", payload)

    def test_what_is_no_json_is_refused(self):
        for payload in BAD_JSON:
            for text in (payload, "[%s]" % payload if payload.strip() else payload):
                with self.subTest(payload=text[:60]):
                    self.assertBad("FCALL", "cw_publish", 1, self.k, "json", text)
        self.assertNothingWritten()

    def test_bytes_that_are_no_utf8_are_refused(self):
        for payload in BAD_UTF8:
            with self.subTest(payload=payload):
                with self.assertRaises(UnicodeDecodeError):
                    payload.decode()
                for around in (b"%s", b"x%sy", b"\xc3\xa9%s", b"%s\xe6\x97\xa5"):
                    self.assertBad("FCALL", "cw_publish", 1, self.k, "text", around % payload)
                    self.assertBad("FCALL", "cw_publish", 1, self.k, "json", b'"' + around % payload + b'"')
        self.assertNothingWritten()
        for payload in BAD_UTF8:
            self.assertStored("bytes", payload)

    def test_text_that_is_utf8_is_taken(self):
        for payload in GOOD_TEXT:
            with self.subTest(payload=payload[:20]):
                self.assertStored("text", payload)

    def test_json_is_judged_as_python_judges_it(self):
        """Documents with one random change each; Python's laxness is known and taken out."""
        made = random.Random(8259)
        seeds = ['{"a":[1,2.5,-3e7,{"b":null}],"c":"x\\u00e9\\n","d":{"e":[true,false]}}',
                 '[[1,2,3],["a","b"],{},[],{"k":"v"}]', '[10,200,3000,0,-1,0.5]', '"\\ud834\\udd1e\\\\"']
        letters = '{}[]:,"\\ntrue0159.eE+- \n\x01ué'
        verdicts = {True: 0, False: 0}
        for _ in range(6000):
            text = list(made.choice(seeds))
            for _ in range(made.randint(1, 3)):
                at = made.randrange(len(text))
                what = made.randrange(3)
                if what == 0:
                    text[at] = made.choice(letters)
                elif what == 1:
                    text.insert(at, made.choice(letters))
                elif len(text) > 1:
                    del text[at]
            text = "".join(text)
            try:
                value = json.loads(text, parse_constant=lambda word: 1 / 0)
                json.dumps(value, ensure_ascii=False).encode()  # no half surrogate pair
                expected = True
            except (ValueError, ZeroDivisionError):
                expected = False
            verdicts[expected] += 1
            try:
                self.r.fcall("cw_publish", 1, self.k, "json", text)
                found = True
            except Exception as error:  # noqa: BLE001
                self.assertTrue(str(error).startswith("BADREQUEST"), error)
                found = False
            self.assertEqual(found, expected, text)
        self.assertGreater(min(verdicts.values()), 500)

    def test_payloads_have_a_bound_that_a_node_hands_along(self):
        self.assertStored("bytes", b"\x00" * 65536)
        self.assertStored("json", '"' + "x" * 65534 + '"')
        for kind in ("json", "text", "bytes"):
            self.assertBad("FCALL", "cw_publish", 1, self.k, kind, '"' + "x" * 65535 + '"')
        self.join("u", cfg=DEFAULTS + " 100")
        self.assertStored("text", "x" * 100)
        self.assertBad("FCALL", "cw_publish", 1, self.k, "text", "x" * 101)
        self.join("u", cfg=DEFAULTS + " 1048576")
        self.assertStored("text", "x" * 1048576)
        self.assertBad("FCALL", "cw_publish", 1, self.k, "text", "x" * 1048577)
        self.assertBad("FCALL", "cw_publish", 1, self.k, "json", "x" * 65536)
        self.assertStored("json", "x" * 65537)  # so long: the nodes look at it


class Arguments(FunctionsCase):
    def assertBadPublish(self, *words):
        with self.subTest(words=words):
            self.assertBad("FCALL", "cw_publish", 1, self.k, *words)

    def test_types_and_numbers_of_arguments(self):
        for words in ((), ("json",), ("text",), ("Json", "1"), ("JSON", "1"), ("", "1"), ("xml", "1"),
                      ("0", "1"), ("json ", "1"), ("text", "x", "FROM"), ("text", "x", "FROM", "a", "KEY"),
                      ("text", "x", "y"), ("text", "x", "FRO", "a"), ("text", "x", "", "a"),
                      ("text", "x", "FROM KEY", "a"), ("text", "x", "COUNT", "1"),
                      ("text", "x", "FROM", "a", "FROM", "a"), ("text", "x", "KEY", "a", "key", "a")):
            self.assertBadPublish(*words)
        for function, words in (("cw_group", ("x",)), ("cw_members", ("COUNT",)), ("cw_members", ("1",)),
                                ("cw_members", ("SINCE", "0-0")), ("cw_history", ("CURSOR", "0")),
                                ("cw_history", ("COUNT", "0")), ("cw_history", ("COUNT", "1001")),
                                ("cw_history", ("COUNT", "5", "COUNT", "5")), ("cw_history", ("SINCE",))):
            with self.subTest(function=function, words=words):
                self.assertBad("FCALL_RO", function, 1, self.k, *words)
        self.assertEqual(self.r.keys("*"), [])

    def test_keys_have_one_shape(self):
        names = ["", " ", "a b", "a{b", "a}b", "{a}", "a\n", "\n", "é", "a\x00", "a*", "g" * 129, "a,b", "a+b"]
        keys = [group_key(name) for name in names]
        keys += ["", "cw", "room", "cw:room", "{g:room}", ":{g:room}", "cw:{c:room}", "cw:{room}", "cw{g:room}",
                 "cw:{g:room", "cw:g:room}", "cw:{g:room}:m", "cw:{g:room}\n", "\ncw:{g:room}", "c w:{g:room}",
                 "cw:{G:room}", "cw:{gg:room}", "cw:{g:room}}", "cw:{{g:room}", "cw:{g:room} ", "cw:{g:room}\x00"]
        for key in keys:
            with self.subTest(key=key):
                self.assertBad("FCALL", "cw_publish", 1, key, "text", "x")
                for function in ("cw_group", "cw_members", "cw_history"):
                    self.assertBad("FCALL_RO", function, 1, key)
        for function in ("cw_group", "cw_members", "cw_history", "cw_nodes", "cw_channel"):
            self.assertBad("FCALL_RO", function, 0)
            self.assertBad("FCALL_RO", function, 2, self.k, self.k)
        self.assertBad("FCALL", "cw_publish", 0, "text", "x")
        self.assertBad("FCALL", "cw_publish", 2, self.k, self.k, "text", "x")
        self.assertEqual(self.r.keys("*"), [])

    def test_every_allowed_name_is_taken(self):
        for name in ("a", "g" * 128, "user:bob=20smith", "a.b:c@d=e/f-g_H9", "-", "0"):
            self.call("cw_publish", group_key(name), "text", "x", "FROM", name)
            self.assertEqual(self.read_only("cw_history", group_key(name))[2], name.encode())

    def test_from_and_key(self):
        for sender in ("", "a b", "é", "a\n", "s" * 129, str(uuid.uuid4()), str(uuid.uuid4()).upper(), "a{"):
            self.assertBadPublish("text", "x", "FROM", sender)
        for key in ("", "k" * 65):
            self.assertBadPublish("text", "x", "KEY", key)
        self.assertEqual(self.r.keys("*"), [])
        first = self.call("cw_publish", self.k, "text", "x", "from", "shop", "Key", b"\x00\xff {}\n")
        self.assertEqual(self.call("cw_publish", self.k, "json", "1", "KEY", b"\x00\xff {}\n"), first)
        self.call("cw_publish", self.k, "text", "y", "KEY", "k" * 64)
        self.assertEqual(self.read_only("cw_history", self.k)[1:4], [b"text", b"shop", b"x"])
        self.assertEqual(len(self.read_only("cw_history", self.k)), 8)
        # A key is the group's, whoever uses it.
        self.assertEqual(self.publish("z", key="k" * 64)[1], True)

    def test_history_pages_and_its_positions(self):
        ids = [self.call("cw_publish", self.k, "text", str(n)) for n in range(100)]
        self.assertEqual(self.read_only("cw_history", self.k)[::4], ids)
        self.assertEqual(self.read_only("cw_history", self.k, "COUNT", 3)[::4], ids[:3])
        self.assertEqual(self.read_only("cw_history", self.k, "SINCE", ids[90])[::4], ids[91:])
        self.assertEqual(self.read_only("cw_history", self.k, "count", 2, "since", ids[0])[::4], ids[1:3])
        self.assertEqual(self.read_only("cw_history", self.k, "SINCE", ids[-1]), [])
        self.assertEqual(self.read_only("cw_history", self.k, "SINCE", "0-0", "COUNT", 1000)[::4], ids)
        self.assertEqual(self.read_only("cw_history", group_key("none")), [])
        for since in ("", "0", "-", "1-", "-1", "a-b", "1-2-3", " 1-2", "1-2 ", "1.5-2", "0x1-2", "+", "$",
                      "9" * 20 + "-1", "(1-2"):
            with self.subTest(since=since):
                self.assertBad("FCALL_RO", "cw_history", 1, self.k, "SINCE", since)

    def test_a_group_tells_members_position_and_what_is_kept(self):
        self.assertEqual(self.read_only("cw_group", self.k),
                         [b"members", 0, b"epoch", b"0", b"offset", 0, b"history", 0])
        epoch = position(self.call("cw_publish", self.k, "text", "x"))[0]
        self.join("a", "b")
        self.assertEqual(self.read_only("cw_group", self.k),
                         [b"members", 2, b"epoch", b"%d" % epoch, b"offset", 1, b"history", 1])


if __name__ == "__main__":
    main()
