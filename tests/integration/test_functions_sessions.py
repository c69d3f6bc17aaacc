"""The library's sessions: who may take a channel, and what it comes back with."""

from channels_case import TAKEN, ChannelsCase
from functions_case import INBOX, chunks
from support.case import main
from support.wait import until


class Sessions(ChannelsCase):

    def setUp(self):
        super().setUp()
        self.r.hset(self.c, mapping={"s": "digest 1", "type": "text", "created": "5", "expires": "7"})

    def find(self, digest="digest 1", user=""):
        return self.read_only("cw_node_session", self.c, digest, user)

    def resume(self, digest="digest 1", new="digest 2", node="n.2", user="", limits=INBOX, *fields):
        """None, or gen, the node before, qe, qs, direct, {group: position}"""
        answer = self.call("cw_node_resume", self.c, node, digest, new, user, limits, *fields)
        if not answer:
            return None
        gen, before, epoch, offset, direct, *groups = answer
        return int(gen), before, int(epoch), int(offset), direct, dict(chunks(groups, 2))

    def leave_groups(self, *words):
        return self.detach("n.1", 60, "left", 1, *words)

    def test_it_is_found_by_its_digest_and_user_alone(self):
        self.assertEqual(self.find(), [b"text", b"5", b"7", b"n.1"])
        for digest in ("digest", "digest 11", "digest 2", "Digest 1"):
            self.assertEqual(self.find(digest), [])
        self.assertEqual(self.find(user="bob"), [])
        self.r.hset(self.c, "user", "bob")
        self.assertEqual(self.find(), [])
        self.assertEqual(self.find(user="bob")[0], b"text")
        self.assertEqual(self.read_only("cw_node_session", self.c.replace("0", "1"), "digest 1", ""), [])

    def test_a_channel_without_a_session_has_none(self):
        self.r.hdel(self.c, "s")
        self.assertEqual(self.find("x"), [])
        self.assertIsNone(self.resume("x"))

    def test_what_is_not_to_be_taken_is_left_alone(self):
        before = self.everything()
        for words in (("digest",), ("digest 1", "digest 2", "n.2", "bob")):
            self.assertIsNone(self.resume(*words))
        self.assertEqual(self.everything(), before)

    def test_from_a_node_that_has_it(self):
        listener = self.listen("n.1")
        self.call("cw_node_mark", self.c, "n.1", "add", "room")
        self.send("x")
        gen, before, epoch, offset, direct, groups = self.resume()
        self.assertEqual((gen, before, offset, groups), (2, b"n.1", 1, {b"room": b""}))
        self.assertEqual(direct, b"?%d-1" % epoch, "nobody knows what that node has written")
        self.assertEqual(self.heard(listener)[0], b"direct")
        self.assertEqual(self.heard(listener), (TAKEN, self.uuid.encode(), b"2"))
        self.assertEqual(self.r.hmget(self.c, "node", "gen", "from", "s"), [b"n.2", b"2", b"n.1", b"digest 2"])

    def test_from_where_its_node_left_it(self):
        for group in ("one", "two", "three"):
            self.call("cw_node_mark", self.c, "n.1", "add", group)
        self.call("cw_node_mark", self.c, "n.1", "del", "three")
        self.leave_groups("3-4", "one", "5-6")
        self.assertEqual(self.r.hget(self.c, "node"), b"")
        self.assertGreater(self.r.ttl(self.c), 50)
        self.send("x")
        gen, before, epoch, offset, direct, groups = self.resume()
        self.assertEqual((gen, before, offset, direct), (2, b"", 1, b"3-4"))
        self.assertEqual(groups, {b"one": b"5-6", b"two": b""})
        self.assertEqual(self.r.ttl(self.c), -1)
        self.assertEqual(self.r.ttl(self.c + ":q"), -1)
        self.assertEqual(self.r.hmget(self.c, "g:one", "qw"), [b"", None], "it is not known any more")

    def test_from_a_node_that_was_reaped(self):
        self.call("cw_node_mark", self.c, "n.1", "add", "room")
        self.send("written or not")
        self.detach("n.1", 60, "reap")
        self.assertIsNotNone(self.find())
        self.detach("n.1", 60)
        self.send("queued")
        _, _, epoch, offset, direct, groups = self.resume()
        self.assertEqual((offset, direct, groups), (2, b"?%d-1" % epoch, {b"room": b""}))

    def test_reaped_before_anything_was_sent_to_it(self):
        self.detach("n.1", 60, "reap")
        self.detach("n.1", 60)
        self.send("queued")
        self.assertEqual(self.resume()[4], b"0-0")

    def test_the_token_before_holds_for_a_while_and_for_one_step(self):
        self.assertIsNotNone(self.resume("digest 1", "digest 2"))
        self.assertIsNotNone(self.find("digest 1"))
        self.assertIsNotNone(self.resume("digest 1", "digest 3", node="n.3"))
        self.assertEqual(self.find("digest 2"), [])
        self.assertNotEqual(self.find("digest 1"), [])
        self.assertEqual(self.call("cw_node_settle", self.c, "n.2", 3), 0)
        self.assertEqual(self.call("cw_node_settle", self.c, "n.3", 2), 0)
        self.assertNotEqual(self.find("digest 1"), [])
        self.assertEqual(self.call("cw_node_settle", self.c, "n.3", 3), 1)
        self.assertEqual(self.find("digest 1"), [])
        self.assertNotEqual(self.find("digest 3"), [])

    def test_the_token_before_ends_by_itself(self):
        self.resume("digest 1", "digest 2")
        now = self.r.time()[0] * 1000
        self.r.hset(self.c, "so", f"{now - 1} digest 1")
        self.assertEqual(self.find("digest 1"), [])
        self.assertIsNone(self.resume("digest 1", "digest 3"))

    def test_digests_are_any_bytes(self):
        for digest in (b"\0" * 16, b"1 2\n3 \xff\0", b" " * 16, b"99999999999999 x"):
            self.r.hset(self.c, "s", digest)
            self.assertNotEqual(self.find(digest), [])
            self.assertIsNotNone(self.resume(digest, "digest 1"))
            self.assertNotEqual(self.find(digest), [])
            self.assertEqual(self.find(digest[1:]), [])

    def test_a_detach_of_an_earlier_generation_does_nothing(self):
        self.resume(node="n.1")
        before = self.everything()
        self.assertEqual(self.leave_groups("0-0"), [0, [], b"", 0])
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.detach("n.1", 60, "left", 2, "0-0")[0], 1)

    def test_limits_and_fields_are_taken_over(self):
        self.resume("digest 1", "digest 2", "n.2", "", "7 8000", "address", "a:1")
        self.assertEqual(self.r.hmget(self.c, "qmax", "qbytes", "address"), [b"7", b"8000", b"a:1"])

    def test_it_ends(self):
        self.leave_groups("0-0")
        self.send("x", key="k")
        self.r.pexpire(self.c, 50)
        self.r.pexpire(self.c + ":q", 50)
        until(lambda: not self.r.exists(self.c), "it ends")
        self.assertEqual(self.find(), [])
        self.assertIsNone(self.resume())


if __name__ == "__main__":
    main()
