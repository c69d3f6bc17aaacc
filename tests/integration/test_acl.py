"""scripts/redis/users.acl is enough: nodes, back ends and administrators do all they can with it."""

import subprocess

from acl_case import SCRIPT, AclCase
from support.case import main
from support.node import clean_environment
from support.wait import until


class Use(AclCase):

    @classmethod
    def set_up(cls):
        cls.start_redis()
        cls.before_load = cls.class_node(cls.url_of("node"), wait=False, name="one", session_ttl="2s",
                                         events="connect,disconnect,message,join,leave,error")
        cls.before_load.process.wait_for_log("FUNCTION LOAD was refused: .*(NOPERM|no permissions)")
        cls.was_ready = cls.before_load.is_ready()
        cls.loaded = cls.script("load")
        cls.before_load.wait_until_ready(30)
        cls.one = cls.before_load
        cls.two = cls.class_node(cls.url_of("node"), name="two", session_ttl="2s",
                                 max_per_address="1000", connect_rate="1000/10s",
                                 events="connect,disconnect,message,join,leave,error")
        cls.backend = cls.client_of("backend")
        cls.r.execute_command("ACL", "LOG", "RESET")

    def test_nodes_wait_for_the_library_that_an_administrator_loads(self):
        self.assertFalse(self.was_ready)
        self.assertEqual(self.loaded[0], 0, self.loaded)
        self.assertRegex(self.loaded[1], r"^version \d+ loaded")

    def test_clients_may_do_everything(self):
        ann = self.own_client(self.one)
        ben = self.own_client(self.two)
        first = ann.join("acl.room", presence=True)
        ben.join("acl.room")
        self.assertEqual(ann.next_op("presence")["event"], "join")
        ok = ann.publish("acl.room", text="hello", key="k")
        self.assertReceives(ben, "acl.room", text="hello")
        self.assertReceives(ann, "acl.room", text="hello")
        self.assertEqual(ann.publish("acl.room", text="hello", key="k")["offset"], ok["offset"])
        self.assertEqual(len(ann.members("acl.room")["members"]), 2)
        self.assertEqual(ann.call("send", to=ben.uuid, text="direct", key="d")["status"], "delivered")
        self.assertEqual(ben.message()["text"], "direct")
        ben.call("message", text="to the application")
        ben.leave("acl.room")
        self.assertEqual(ann.next_op("presence")["event"], "leave")
        back = ben.call("join", group="acl.room",
                        since={"epoch": first["epoch"], "offset": first["offset"]})
        self.assertIs(back["recovered"], True)
        self.assertEqual(self.denied(), [])

    def test_sessions_are_resumed_elsewhere_and_end(self):
        ann = self.own_client(self.one, "groups=acl.session")
        ann.next_op("joined")
        ann.drop()
        self.assertEqual(self.own_client(self.one).call("send", to=ann.uuid, text="kept")["op"], "ok")
        again = self.own_client(self.two, "session=" + ann.welcome["session"])
        self.assertIs(again.welcome["resumed"], True)
        self.assertEqual(again.message()["text"], "kept")
        again.drop()
        until(lambda: not self.r.exists("cw:{c:%s}" % ann.uuid), "its session has ended", 20)
        self.assertEqual(self.denied(), [])

    def test_a_dead_node_is_cleaned_up_after(self):
        three = self.own_node(self.url_of("node"), name="three", events="connect,disconnect",
                              session_ttl="0")
        client = self.own_client(three, "groups=acl.dead")
        client.next_op("joined")
        three.kill()
        until(lambda: not self.r.exists("cw:{c:%s}" % client.uuid), "its channels are gone", 40)
        until(lambda: self.backend.fcall_ro("cw_members", 1, "cw:{g:acl.dead}") == ["0"], "its members too", 20)
        self.assertEqual(self.denied(), [])

    def test_a_back_end_may_do_all_that_is_for_it(self):
        key, shop = "cw:{g:acl.shop}", self.backend
        client = self.own_client(self.one, "groups=acl.shop")
        client.next_op("joined")
        channel = "cw:{c:%s}" % client.uuid
        identity = shop.fcall("cw_publish", 1, key, "json", '{"a":1}', "FROM", "shop", "KEY", "k")
        self.assertEqual(shop.fcall("cw_publish", 1, key, "json", '{"a":1}', "FROM", "shop", "KEY", "k"),
                         identity)
        self.assertEqual(client.message()["data"], {"a": 1})
        self.assertEqual(shop.fcall("cw_send", 1, channel, "text", "x"), "delivered")
        self.assertEqual(client.message()["text"], "x")
        self.assertEqual(shop.fcall("cw_group_add", 1, channel, "acl.vip"), 1)
        self.assertEqual(client.next_op("joined")["group"], "acl.vip")
        self.assertEqual(shop.fcall("cw_group_remove", 1, channel, "acl.vip"), 1)
        self.assertEqual(client.next_op("left")["group"], "acl.vip")
        self.assertEqual(len(shop.fcall_ro("cw_members", 1, key)), 3)
        self.assertEqual(len(shop.fcall_ro("cw_history", 1, key)), 4)
        self.assertEqual(shop.fcall_ro("cw_group", 1, key)[1], 1)
        self.assertEqual(shop.fcall_ro("cw_channel", 1, channel)[1], client.uuid)
        self.assertGreaterEqual(len(shop.fcall_ro("cw_nodes", 1, "cw:nodes")), 3)
        self.assertGreater(shop.fcall_ro("cw_version", 0), 0)
        self.assertEqual(shop.fcall("cw_close", 1, channel, 4000, "bye"), 1)
        self.assertEqual(client.next_op("bye")["code"], 4000)

        events = "cw:{events}"
        shop.xgroup_create(events, "shop", "0")
        ((_, entries),) = shop.xreadgroup("shop", "me", {events: ">"}, count=1)
        self.assertEqual(shop.xpending(events, "shop")["pending"], 1)
        shop.xautoclaim(events, "shop", "other", 0)
        self.assertEqual(shop.xack(events, "shop", entries[0][0]), 1)
        self.assertEqual(self.denied(), [])

    def test_an_administrator_has_every_verb_of_the_script(self):
        client = self.own_client(self.one, "groups=acl.admin")
        client.next_op("joined")
        self.ok("publish", "acl.admin", '{"a":1}', "--key", "k", "--from", "cron")
        self.ok("send", client.uuid, "1")
        self.ok("add", client.uuid, "acl.more")
        self.ok("remove", client.uuid, "acl.more")
        for words in (("nodes",), ("channels",), ("channel", client.uuid), ("groups",),
                      ("members", "acl.admin"), ("history", "acl.admin"), ("stats",), ("load",)):
            self.ok(*words)
        self.ok("ban", "user:mallory", "--for", "5m", "--reason", "spam")
        until(lambda: all(node.metric("chanway_bans_active") == 1 for node in (self.one, self.two)), "the nodes know")
        self.ok("bans")
        self.ok("unban", "user:mallory")
        self.ok("close", client.uuid)
        for words, line in ((("tail", "acl.admin", "--since", "0-0"), '{"a":1}'), (("events", "--since", "0"), "connect")):
            self.follow(words, line)
        self.assertEqual(self.denied(), [])

    def follow(self, words, line):
        """A verb that goes on until it is ended: it prints such a line, and waits for more."""
        with subprocess.Popen([SCRIPT, "--redis", self.url_of("admin"), *words], text=True,
                              env=clean_environment(), stdout=subprocess.PIPE) as process:
            try:
                until(lambda: line in process.stdout.readline(), f"{words[0]} prints it", 20)
            finally:
                process.terminate()


if __name__ == "__main__":
    main()
