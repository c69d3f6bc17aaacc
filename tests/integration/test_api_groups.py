"""<chanway/group.h>: members and messages of groups, on both nodes of a cluster."""

from api_case import NOBODY, ApiCase
from support.case import main
from support.steered import FORBIDDEN, INVALID, NOT_FOUND, OK, PAYLOAD, TOO_LARGE, hexed


class Members(ApiCase):
    def test_channels_of_any_node_are_added_and_removed(self):
        group = self.new_group()
        for client in self.clients():
            for _ in range(2):  # where it is already, nothing happens
                self.assertEqual(self.here.group(group, "add", client.uuid).rc, OK)
            self.assertEqual(client.next_op("joined")["group"], group)
            self.assertEqual([member["channel"] for member in client.members(group)["members"]],
                             [client.uuid])
            self.assertEqual(self.here.group(group, "remove", client.uuid).rc, OK)
            self.assertEqual(client.next_op("left")["group"], group)
            self.assertEqual(client.members(group)["members"], [])
            self.assertEqual(self.here.group(group, "remove", client.uuid).rc, OK)
            self.assertEqual(client.settle(), [])

    def test_channels_that_are_not_there(self):
        self.assertEqual(self.here.group("room", "add", NOBODY).rc, NOT_FOUND)
        self.assertEqual(self.here.group("room", "remove", NOBODY).rc, NOT_FOUND)

    def test_members_come_in_pages(self):
        group = self.new_group()
        clients = [self.own_client(where, f"groups={group}") for where in (self.here, self.there)
                   for _ in range(12)]
        for client in clients:
            self.assertEqual(client.next_op("joined")["group"], group)
        expected = {(client.uuid, client.welcome["node"]) for client in clients}
        for count in (1, 7, 1000):
            pages = self.here.pages("group", group, "members", count=count)
            self.assertEqual({member for page in pages for member in page}, expected)
            self.assertTrue(all(len(page) <= count for page in pages))
        self.assertEqual(self.here.group(group, "count").words, ["24"])
        self.assertEqual(self.here.group(self.new_group(), "count").words, ["0"])
        self.assertEqual(self.here.pages("group", self.new_group(), "members", count=10), [[]])


class Sending(ApiCase):
    def test_every_type_reaches_members_on_both_nodes(self):
        group = self.new_group()
        clients = self.clients(f"groups={group}")
        for client in clients:
            client.next_op("joined")
        sent = (("json", '{"a": [1.0, "ä"]}', {"data": {"a": [1.0, "ä"]}}),
                ("text", "grüße", {"text": "grüße"}), ("bytes", b"\0\xff\x80", {"bytes": "AP+A"}),
                ("text", "", {"text": ""}), ("bytes", "", {"bytes": ""}))
        for kind, payload, expected in sent:
            for words in ((kind, hexed(payload)), ("send", kind, hexed(payload))):
                answer = self.here.group(group, *words)
                is_logged, epoch, offset, is_duplicate = answer.words
                self.assertEqual((answer.rc, is_logged, is_duplicate), (OK, "1", "0"))
                for client in clients:
                    frame = self.assertReceives(client, group, **expected)
                    self.assertEqual((frame["from"], frame["epoch"], frame["offset"]),
                                     ("server", epoch, int(offset)))

    def test_what_is_no_payload_is_refused_and_nobody_gets_it(self):
        group = self.new_group()
        client = self.own_client(self.there, f"groups={group}")
        client.next_op("joined")
        for kind, payload, rc in (("json", "{", PAYLOAD), ("json", "", PAYLOAD), ("json", b'"\xff"', PAYLOAD),
                                  ("json", "[" * 65 + "]" * 65, PAYLOAD), ("text", b"\xff", PAYLOAD),
                                  ("bytes", b"x" * (1048576 + 1), TOO_LARGE)):
            self.assertEqual(self.here.refusal("group", group, kind, hexed(payload)), rc)
        self.assertEqual(self.here.refusal("group", group, "send", "none", hexed("x")), INVALID)
        self.assertEqual(self.here.group(group, "bytes", hexed(b"x" * 1048576)).rc, OK)
        self.assertEqual(len(client.message()["bytes"]), 1398104)
        self.assertEqual(client.settle(), [])

    def test_who_it_is_from_and_keys(self):
        group = self.new_group()
        here, there = self.clients(f"groups={group}")
        for client in (here, there):
            client.next_op("joined")
        first = self.here.group(group, "message", "text", hexed("a"), "shop", "order-1")
        again = self.here.group(group, "message", "text", hexed("b"), "shop", "order-1")
        self.assertEqual((first.words[:3], first.words[3], again.words[3]), (again.words[:3], "0", "1"))
        self.assertEqual(self.here.group(group, "message", "text", hexed("c"), there.uuid, "-", "skip").rc, OK)
        self.assertEqual([(frame["from"], frame["text"]) for frame in (here.message(), here.message())],
                         [("shop", "a"), (there.uuid, "c")])
        self.assertEqual(there.message()["text"], "a")
        self.assertEqual(there.settle(), [])
        for sender, key in (("a,b", "-"), ("x" * 129, "-"), ("-", "k" * 65)):
            self.assertEqual(self.here.refusal("group", group, "message", "text", hexed("x"), sender, key),
                             INVALID)


class Wrong(ApiCase):
    def test_names(self):
        for name in ("-", "a,b", "x" * 129, "ä"):
            self.assertEqual(self.here.refusal("group", name, "count"), INVALID, name)
        self.assertEqual(self.here.group("x" * 128, "count").rc, OK)

    def test_arguments(self):
        for words, rc in ((("add", "-"), INVALID), (("add", "x"), INVALID), (("remove", NOBODY.upper()), INVALID),
                          (("members", "-", 10), INVALID), (("members", 0, 0), INVALID),
                          (("members", 0, 1001), INVALID)):
            self.assertEqual(self.here.refusal("group", "room", *words), rc, words)
        for cursor in ("x", "1" * 65):
            self.assertEqual(self.here.group("room", "members", cursor, 10).rc, INVALID, cursor)

    def test_groups_of_users_can_be_sent_to_and_listed(self):
        for verb in ("add", "remove"):
            self.assertEqual(self.here.refusal("group", "user:ann", verb, NOBODY), FORBIDDEN)
        self.assertEqual(self.here.group("user:ann", "text", hexed("x")).rc, OK)
        self.assertEqual(self.here.group("user:ann", "count").words, ["0"])
        self.assertEqual(self.here.pages("group", "user:ann", "members", count=10), [[]])


if __name__ == "__main__":
    main()
