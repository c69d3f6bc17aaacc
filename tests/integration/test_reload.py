"""SIGHUP: what may change while clients stay (CONTRACT: settings), and settings of single groups."""

import os
import re
import signal

import setup_path  # noqa: F401
from support.case import Case, main
from support.wait import until


class Reload(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def setUp(self):
        self.config = os.path.join(self.own_folder(), "chanway.ini")
        self.write("max-groups = 2\n")
        self.node = self.own_node(self.redis, config=self.config)
        self.client = self.own_client(self.node)

    def write(self, text):
        with open(self.config, "w", encoding="ascii") as file:
            file.write(text)

    def reload(self, says):
        before = len(self.node.process.log())
        self.node.process.signal(signal.SIGHUP)
        until(lambda: re.search(says, self.node.process.log()[before:]), f"it says {says}")

    def fill_groups(self, client):
        """How many groups one channel may be in."""
        for number in range(20):
            reply = client.request("join", group=f"g{number}")
            if reply["op"] == "error":
                self.assertEqual(reply["code"], "too_many_groups")
                return number
        return 20

    def test_a_reloadable_setting_changes_and_clients_stay(self):
        self.assertEqual(self.fill_groups(self.client), 2)
        self.write("max-groups = 4\n")
        self.node.process.signal(signal.SIGHUP)
        until(lambda: self.client.request("join", group="g2")["op"] == "ok", "a third group", 5)
        self.assertEqual(self.fill_groups(self.client), 4)

    def test_waiting_for_replicas_can_be_switched_off_when_they_are_gone(self):
        self.write("wait-replicas = 1\n")
        self.node.process.signal(signal.SIGHUP)
        until(lambda: self.client.request("publish", group="g", text="x").get("code") == "timeout",
              "there is no replica")
        self.write("wait-replicas = 0\n")
        self.node.process.signal(signal.SIGHUP)
        until(lambda: self.client.request("publish", group="g", text="x")["op"] == "ok",
              "none is waited for")

    def test_a_bad_file_changes_nothing_and_is_told_with_its_line(self):
        self.write("max-groups = 4\nop-timeout = never\n")
        self.reload("op-timeout.*never|never.*op-timeout")
        self.assertEqual(self.fill_groups(self.client), 2)
        self.assertTrue(self.node.is_ready())

    def test_a_lost_file_changes_nothing(self):
        os.unlink(self.config)
        self.reload(r"chanway\.ini")
        self.assertEqual(self.fill_groups(self.client), 2)

    def test_without_a_file_sighup_harms_nobody(self):
        node = self.own_node(self.redis, name="fileless")
        client = self.own_client(node, "groups=stay")
        client.next_op("joined")
        for _ in range(5):
            node.process.signal(signal.SIGHUP)
            client.publish("stay", text="on")
            self.assertReceives(client, "stay", text="on")


class PerGroup(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def test_globs_set_the_history_of_single_groups(self):
        node = self.own_node(self.redis, **{"history-size": "5", "history-size.quiet.*": "0",
                                            "history-size.long.*": "50"})
        client = self.own_client(node)
        self.assertNotIn("offset", client.publish("quiet.room", text="x"))
        for group, least, most in (("plain", 5, 20), ("long.room", 50, 60), ("long", 5, 20)):
            for number in range(60):
                last = client.publish(group, data=number)
            self.assertEqual(last["offset"], 60)
            rows = self.redis.call("FCALL_RO", "cw_history", 1, "cw:{g:%s}" % group, "COUNT", 1000)
            count = len(rows) if isinstance(rows[0], list) else len(rows) // 4
            self.assertGreaterEqual(count, least, group)
            self.assertLessEqual(count, most, group)


if __name__ == "__main__":
    main()
