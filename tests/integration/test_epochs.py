"""A new epoch behind which nothing was lost is no gap, for who was there and for who comes back."""

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.wait import until


class Seamless(NodeCase):
    settings = {"op_timeout": "2s"}
    redis_options = {"options": ["--appendfsync", "always"]}

    def publish_until_ok(self, client, group, text):
        def attempt():
            reply = client.request("publish", group=group, text=text, key=text)
            return reply if reply["op"] == "ok" else None
        return until(attempt, "a publish works", 20, every=0.05)

    def check(self, change, opens_epoch=True):
        """`change` comes between two messages, for each kind of listener."""
        group = self.new_group()
        client, there = self.client(), self.client("groups=" + group)
        there.next_op("joined")
        old = [client.publish(group, text=str(number), key=str(number)) for number in range(3)]
        client.call("send", to=there.uuid, text="direct 1")
        change()
        new = self.publish_until_ok(client, group, "after")
        self.assertEqual(int(new["epoch"]) > int(old[-1]["epoch"]), opens_epoch)
        until(lambda: client.request("send", to=there.uuid, text="direct 2", key="d")["op"] == "ok",
              "a send works", 20)

        frames = [there.message() for _ in range(6)]
        self.assertEqual([frame["text"] for frame in frames if "group" in frame],
                         ["0", "1", "2", "after"])
        self.assertEqual([frame["text"] for frame in frames if "group" not in frame],
                         ["direct 1", "direct 2"])
        for number in range(3):
            late = self.client()
            reply = until(lambda: self.join_since(late, group, old[number]),  # pylint: disable=W0640
                          "a join works", 20)
            self.assertIs(reply["recovered"], True, f"since {number}")
            self.assertEqual([late.message()["text"] for _ in range(3 - number)],
                             ["0", "1", "2", "after"][number + 1:])
        retry = client.publish(group, text="2", key="2")
        self.assertEqual((retry["duplicate"], retry["offset"]), (True, 3))

    def join_since(self, client, group, position):
        since = {"epoch": position["epoch"], "offset": position["offset"]}
        reply = client.request("join", group=group, since=since)
        return reply if reply["op"] == "ok" else None

    def test_redis_is_killed_and_started_again(self):
        def change():
            self.redis.kill()
            self.redis.start()
        self.check(change)

    def test_redis_is_stopped_and_started_again(self):
        def change():
            self.redis.process.stop()
            self.redis.start()
        self.check(change)

    def test_the_library_is_loaded_again(self):
        listed = self.redis.call("FUNCTION", "LIST", "LIBRARYNAME", "chanway", "WITHCODE")[0]
        code = listed[listed.index(b"library_code") + 1]
        self.check(lambda: self.redis.call("FUNCTION", "LOAD", "REPLACE", code))

    def test_the_library_is_taken_away(self):
        self.check(lambda: self.redis.call("FUNCTION", "FLUSH"))

    def test_scripts_are_flushed(self):
        self.check(lambda: self.redis.call("SCRIPT", "FLUSH"), opens_epoch=False)

    def test_the_file_is_written_anew(self):
        def change():
            self.redis.call("BGREWRITEAOF")
            until(lambda: not self.redis.call("INFO", "persistence")["aof_rewrite_in_progress"],
                  "it is written")
            self.redis.kill()
            self.redis.start()
        self.check(change)


class TheEndOfHistory(NodeCase):
    settings = {"history_ttl": "1s"}

    def history_has_ended(self, group):
        until(lambda: not self.redis.call("EXISTS", "cw:{g:%s}:h" % group), "the history has ended")

    def test_who_had_everything_is_told_so_and_who_had_not_hears_of_a_gap(self):
        group = self.new_group()
        client, there = self.client(), self.client("groups=" + group)
        there.next_op("joined")
        first = client.publish(group, text="first")
        last = client.publish(group, text="last")
        self.history_has_ended(group)

        knows_all, knows_less = self.client(), self.client()
        reply = knows_all.join(group, since={"epoch": last["epoch"], "offset": last["offset"]})
        self.assertIs(reply["recovered"], True)
        self.assertEqual(knows_all.settle(), [])
        reply = knows_less.join(group, since={"epoch": first["epoch"], "offset": first["offset"]})
        self.assertIs(reply["recovered"], False)
        gap = knows_less.next_op("gap")
        self.assertEqual((gap["epoch"], gap["offset"]), (last["epoch"], last["offset"]))

        ok = client.publish(group, text="more")
        self.assertEqual((ok["epoch"], ok["offset"]), (first["epoch"], 3))
        for member in (knows_all, knows_less):
            self.assertReceives(member, group, text="more")
        self.assertEqual([there.message()["offset"] for _ in range(3)], [1, 2, 3])

    def test_a_group_that_is_not_used_any_more_is_forgotten_itself(self):
        group = self.new_group()
        key = "cw:{g:%s}" % group
        with self.node.client("groups=" + group) as client:
            client.next_op("joined")
            client.publish(group, text="x", key="k")
            self.history_has_ended(group)
            self.assertEqual(self.redis.call("PTTL", key), -1, "there are members")
            client.close()
        until(lambda: self.redis.call("PTTL", key) > 0, "the group's hash has an end")
        self.assertLessEqual(self.redis.call("PTTL", key), 86401000)
        self.assertGreater(self.redis.call("PTTL", key), 86000000)


class NothingIsLeft(NodeCase):
    """Every key has an owner while somebody is there, and an end afterwards."""
    settings = {"history_size.silent": "0"}

    def use_everything(self, node):
        group = self.new_group()
        client, other = self.own_client(node), self.own_client(node)
        for name in (group, group + ".presence", group + ".left", "silent"):
            for member in (client, other):
                member.join(name, presence=name.endswith("presence"))
            client.publish(name, text="x", key="k")
        client.publish(group + ".empty", text="x", key="k")
        client.leave(group + ".left")
        client.call("send", to=other.uuid, text="x", key="k")
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:%s.backend}" % group, "text", "x")
        self.redis.call("FCALL", "cw_group_add", 1, "cw:{c:%s}" % other.uuid, group + ".added")
        until(lambda: group + ".added" in str(other.settle()), "it is added")
        self.redis.call("FCALL", "cw_close", 1, "cw:{c:%s}" % other.uuid, "4004", "enough")
        return client

    def without_end(self):
        return sorted(key.decode() for key in self.redis.call("KEYS", "*")
                      if self.redis.call("PTTL", key) < 0)

    def check_end(self):
        until(lambda: not self.without_end(), "all that is left has an end", 30, every=0.2)

    def test_a_node_stops(self):
        node = self.own_node(self.redis, name="stops", **self.settings)
        self.use_everything(node)
        self.node.stop()
        node.stop()
        self.assertEqual(self.without_end(), [])
        self.node.start()

    def test_a_node_dies(self):
        node = self.own_node(self.redis, name="dies", **self.settings)
        self.use_everything(node)
        node.kill()
        only = {"cw:nodes"}
        until(lambda: set(self.without_end()) == only, "but for the list of nodes all has an end",
              30, every=0.2)


if __name__ == "__main__":
    main()
