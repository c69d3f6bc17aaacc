"""cw_node_vouch: what Redis has lost and nodes know of."""

import setup_path  # noqa: F401
from functions_case import FunctionsCase, position
from support.case import main

LONG_AGO = 1000  # an epoch


class Losses(FunctionsCase):

    def vouch(self, *at):
        return self.call("cw_node_vouch", self.k, *at)

    def lose(self, *ids):
        """As a Redis that comes back with older data, whose Lua state is another."""
        for identity in ids:
            self.r.xdel(self.k + ":h", identity)
        last = self.r.xrevrange(self.k + ":h", count=1)
        self.r.hset(self.k, "o", position(last[0][0])[1] if last else 0)
        self.r.hset(self.k, "b", "another")
        if last:
            self.r.execute_command("XSETID", self.k + ":h", last[0][0])
        else:
            self.r.delete(self.k, self.k + ":h")

    def publish_some(self, count):
        return [self.publish(f"{number}")[0] for number in range(count)]

    def predecessors(self):
        """{the first id of an epoch: what it follows}"""
        return {identity: previous for identity, previous, _ in self.read()[2] if previous is not None}

    def test_what_redis_has_is_not_lost(self):
        ids = self.publish_some(3)
        before = self.r.hgetall(self.k)
        for identity in ids:
            self.assertHas(identity)
        self.assertEqual(self.r.hgetall(self.k), before)
        self.lose()  # another state, with all the data
        after = self.publish_some(1)
        for identity in ids + after:
            self.assertHas(identity)
        self.assertNotIn(b"x", self.r.hgetall(self.k))

    def assertHas(self, identity):
        self.assertEqual(self.vouch(*position(identity)), [b"0", 0])

    def lost_after(self, identity):
        """Vouches for a message that is lost: what comes next follows this, which nobody can have."""
        epoch, offset = self.vouch(*position(identity))
        self.assertEqual(offset, 0)
        self.assertGreater(int(epoch), position(identity)[0])
        return epoch + b"-0"

    def test_the_next_epoch_follows_what_nobody_can_have(self):
        ids = self.publish_some(5)
        self.lose(*ids[3:])
        after = self.lost_after(ids[4])
        self.assertEqual(self.read()[0], position(after), "it is the last there is")
        self.assertEqual(self.lost_after(ids[3]), after, "another node's")
        self.assertHas(ids[2])
        self.assertHas(after)
        later, = self.publish_some(1)
        self.assertGreater(position(later), position(after))
        self.assertEqual(self.predecessors()[later], after)
        self.assertEqual(self.lost_after(ids[4]), after, "a node that comes late")
        self.assertHas(later)

    def test_an_epoch_that_was_opened_before_it_was_known(self):
        ids = self.publish_some(5)
        self.lose(*ids[3:])
        later = self.publish_some(2)
        self.assertEqual(self.predecessors()[later[0]], ids[2])
        after = self.lost_after(ids[3])
        self.assertEqual(position(after)[0], position(later[0])[0], "that very epoch")
        for identity in (ids[4], ids[3]):
            self.assertEqual(self.lost_after(identity), after)
            self.assertEqual(self.predecessors()[later[0]], after)
        self.assertEqual(self.read()[0], position(later[1]), "the tip stays")
        self.assertHas(later[0])
        self.assertEqual(len(self.publish_some(1)), 1)

    def test_the_node_that_knows_most_comes_last(self):
        ids = self.publish_some(5)
        self.lose(*ids[3:])
        after = self.lost_after(ids[3])
        self.assertEqual(self.lost_after(ids[4]), after)
        later, = self.publish_some(1)
        self.assertEqual(self.predecessors()[later], after)
        self.assertEqual(self.r.hget(self.k, "x"), ids[2] + b" " + after)

    def test_everything_is_lost(self):
        ids = self.publish_some(3)
        self.lose(*ids)
        self.assertEqual(self.r.exists(self.k), 0)
        after = self.lost_after(ids[2])
        self.assertNoKeyWithoutEnd()
        later, = self.publish_some(1)
        self.assertEqual(self.predecessors(), {later: after})

    def test_everything_is_lost_and_it_has_gone_on(self):
        ids = self.publish_some(3)
        self.lose(*ids)
        later = self.publish_some(2)
        self.assertEqual(self.predecessors(), {later[0]: b""})
        after = self.lost_after(ids[2])
        self.assertEqual(self.predecessors(), {later[0]: after})

    def test_each_of_several_losses(self):
        ids, expected = self.publish_some(2), {}
        for _ in range(3):
            self.lose(ids[-1])
            after = self.lost_after(ids[-1])
            later = self.publish_some(2)
            expected[later[0]] = after
            ids = later
        found = self.predecessors()
        self.assertEqual({key: found[key] for key in expected}, expected)

    def test_so_many_are_remembered(self):
        ids = self.publish_some(2)
        for _ in range(12):
            self.lose(ids[-1])
            self.lost_after(ids[-1])
            ids = self.publish_some(2)
        self.assertEqual(len(self.r.hget(self.k, "x").split()), 16)

    def test_what_was_trimmed_is_not_lost(self):
        ids = self.publish_some(4)
        self.lose()
        later = self.publish_some(3)
        self.r.xtrim(self.k + ":h", maxlen=2, approximate=False)
        self.assertHas(ids[3])
        self.assertHas(later[0])

    def test_without_history_there_is_nothing_to_lose(self):
        self.publish(cfg="0 300000 8388608 100000")
        self.assertEqual(self.vouch(LONG_AGO, 3), [b"0", 0])
        self.assertEqual(self.join("u.1", cfg="0 300000 8388608 100000"), (0, 0))

    def test_members_keep_it(self):
        self.join("u.1")
        self.assertEqual(self.vouch(LONG_AGO, 3)[1], 0)
        self.assertEqual(self.r.pttl(self.k), -1)
        self.leave("u.1")
        self.publish()
        self.assertNoKeyWithoutEnd()


if __name__ == "__main__":
    main()
