"""scripts/chanway: ban, unban, bans, close-user."""

import setup_path  # noqa: F401
from channels_case import CLOSE, ChannelsCase
from functions_case import DEFAULTS
from script_case import ScriptCase
from support.case import main
from support.wait import until

UUID = "018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a"


class Bans(ScriptCase, ChannelsCase):
    def setUp(self):
        super().setUp()
        self.r.delete("cw:bans")

    def listed(self):
        return {row["subject"]: (row["left_s"], row["reason"]) for row in self.json("bans")}

    def test_bans_and_their_ends(self):
        self.assertEqual(self.json("bans"), [])
        self.assertEqual(self.ok("ban", "user:alice", "--for", "2h", "--reason", 'says "no" to all'), b"ok\n")
        self.assertEqual(self.json("ban", "10.0.0.7", "--for", "90s"), {"ok": True})
        self.ok("ban", UUID)
        self.ok("ban", "address:2001:db8::/32", "--for", "7d")
        self.ok("ban", "::1", "--for", "60")
        self.assertEqual(self.listed(), {
            "user:alice": (7200, 'says "no" to all'), "address:10.0.0.7": (90, ""), "channel:" + UUID: (3600, ""),
            "address:2001:db8::/32": (7 * 86400, ""), "address:::/64": (60, "")})
        shown = self.ok("bans").decode()
        self.assertIn("address:10.0.0.7", shown)
        self.assertIn('says "no" to all', shown)
        for who in ("user:alice", "address:10.0.0.7", UUID, "2001:db8::1/32", "::2"):
            self.ok("unban", who)
        self.assertEqual(self.json("bans"), [])

    def test_users_by_any_name(self):
        for name, stored in (("al@x.org", "al@x.org"), ("a b", "a=20b"), ("a=20b", "a=20b"), ("grüße", "gr=C3=BC=C3=9Fe"),
                             ("*{}'\"\\$", "=2A=7B=7D=27=22=5C=24")):
            with self.subTest(name):
                self.ok("ban", "user:" + name)
                self.assertEqual(set(self.listed()), {"user:" + stored})
                self.ok("unban", "user:" + name)

    def test_what_is_wrong(self):
        self.assertFails("there is no ban of 'user:bob'", "unban", "user:bob")
        for words in (("ban", "bob"), ("ban", "user:"), ("ban", "user:" + "x" * 124), ("ban", "user:bob", "--for"),
                      ("ban", "user:bob", "--for", "soon"), ("ban", "user:bob", "--for", "0s"),
                      ("ban", "user:bob", "--for", "99999d"), ("ban", "user:bob", "--until", "1h"),
                      ("ban", "10.0.0.256"), ("ban", "address:x"), ("ban", "channel:x"), ("unban", "10.0.0"),
                      ("ban", "user:bob", "--reason", "x" * 124), ("ban",), ("unban",), ("close-user",)):
            with self.subTest(words=words):
                self.assertFails("", *words)
        self.assertEqual(self.r.exists("cw:bans"), 0)

    def test_close_user_asks_for_each_channel(self):
        node = self.listen()
        self.call("cw_node_join", "cw:{g:user:al=20ice}", DEFAULTS, "n.1", 0, self.uuid, "al ice")
        self.assertEqual(self.ok("close-user", "al ice"), b"1\n")
        self.assertEqual(self.heard_request(node)[1:], (CLOSE, b"4004 "))
        self.assertEqual(self.json("close-user", "al=20ice", "4000", "for now"), {"closed": 1})
        self.assertEqual(self.heard_request(node)[1:], (CLOSE, b"4000 for now"))
        self.assertFails("there is no channel of the user 'bob'", "close-user", "bob")

    def test_one_that_ends_is_listed_no_more(self):
        self.ok("ban", "user:bob", "--for", "1s")
        until(lambda: self.json("bans") == [], "it is over")


if __name__ == "__main__":
    main(limit=110)
