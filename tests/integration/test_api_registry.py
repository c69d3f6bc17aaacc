"""<chanway/registry.h>: every channel of the cluster is found, sent to and closed from any node."""

from api_case import NOBODY, ApiCase
from support.case import main
from support.steered import INVALID, NOT_FOUND, OK, PAYLOAD, hexed
from support.wait import until
from support.websocket import WebSocket


class Looking(ApiCase):
    def test_channels_of_any_node_are_found(self):
        for where, client in zip((self.here, self.there), self.clients("type=text&expires=90&groups=b,a")):
            for _ in range(2):
                client.next_op("joined")
            entry = self.here.entry(client.uuid)
            host, port = client.socket.wire.socket.getsockname()
            self.assertEqual(entry, {
                "uuid": client.uuid, "node": where.id(), "user": "", "address": f"{host}:{port}",
                "type": "1", "created": str(client.welcome["created"]), "expires": "90", "queued": "0",
                "connected": "1", "groups": "a,b"})

    def test_channels_that_are_away_are_found_and_queue(self):
        for client in self.clients():
            client.drop()
            until(lambda uuid=client.uuid: self.here.entry(uuid)["connected"] == "0", "it is away")
            self.assertEqual(self.here.registry("send", client.uuid, "text", hexed("later")).words,
                             ["queued", "0"])
            entry = self.here.entry(client.uuid)
            self.assertEqual((entry["node"], entry["queued"]), ("", "1"))
            where = self.here if client.welcome["node"] == self.there.id() else self.there
            back = self.own_client(where, f"session={client.welcome['session']}")
            self.assertEqual((back.uuid, back.message()["text"]), (client.uuid, "later"))
            self.assertEqual(self.here.entry(client.uuid)["node"], where.id())

    def test_channels_that_are_not_there(self):
        self.assertIsNone(self.here.entry(NOBODY))
        self.assertEqual(self.here.registry("local", NOBODY).rc, NOT_FOUND)
        self.assertEqual(self.here.registry("send", NOBODY, "text", hexed("x")).rc, NOT_FOUND)
        self.assertEqual(self.here.registry("close", NOBODY, 4000).rc, NOT_FOUND)

    def test_only_those_of_this_node_are_local(self):
        here, there = self.clients()
        self.assertEqual(self.here.registry("local", here.uuid).rc, OK)
        self.assertEqual(self.here.registry("local", there.uuid).rc, NOT_FOUND)


class All(ApiCase):
    def everybody(self, count):
        pages = self.here.pages("registry", "get_all", count=count)
        self.assertTrue(all(len(page) <= count for page in pages), [len(page) for page in pages])
        return [item for page in pages for item in page]

    def test_hundreds_of_channels_in_small_pages(self):
        self.assertEqual(self.everybody(10), [])
        raws = {where.id(): [self.own_socket(where) for _ in range(150)]
                for where in (self.here, self.there)}
        expected = sorted((socket.response.header("Chanway-Channel"), node)
                          for node, sockets in raws.items() for socket in sockets)
        until(lambda: len(self.everybody(1000)) == 300, "all are in the registry")
        for count in (7, 100, 1000):
            self.assertEqual(sorted(self.everybody(count)), expected)
        client = self.own_client(self.there)  # one more, while the pages are read
        self.assertIn((client.uuid, self.there.id()), self.everybody(33))

    def own_socket(self, where):
        socket = WebSocket(where.address)
        self.addCleanup(socket.drop)
        return socket

    def test_cursors(self):
        for cursor in ("x", "/", "/0", "here.1/", "x" * 70 + "/0", "0/" + "1" * 65):
            self.assertEqual(self.here.refusal("registry", "get_all", cursor, 10), INVALID, cursor)
        self.assertEqual(self.here.registry("get_all", f"{self.here.id()}/x", 10).rc, INVALID)
        for count in (0, 1001):
            self.assertEqual(self.here.refusal("registry", "get_all", 0, count), INVALID)
        # Of a node that is gone: the next ones are told.
        self.assertEqual(self.here.registry("get_all", "zzz.00000000/0", 10).words, ["0"])
        self.assertEqual(self.here.registry("get_all", "0.00000000/12", 10).rc, OK)


class Reaching(ApiCase):
    def test_direct_messages_to_both_nodes(self):
        for client in self.clients():
            for kind, payload, field, value in (("json", "[1]", "data", [1]), ("text", "hi", "text", "hi"),
                                                ("bytes", b"\xff", "bytes", "/w==")):
                self.assertEqual(self.here.registry("send", client.uuid, kind, hexed(payload)).words,
                                 ["delivered", "0"])
                frame = client.message()
                self.assertEqual((frame[field], frame["from"], "group" in frame), (value, "server", False))
            for is_duplicate in ("0", "1"):
                answer = self.here.registry("message", client.uuid, "text", hexed("x"), "shop", "k")
                self.assertEqual((answer.rc, answer.words), (OK, ["delivered", is_duplicate]))
            self.assertEqual((client.message()["from"], client.settle()), ("shop", []))

    def test_channels_of_both_nodes_are_closed(self):
        for client, code, reason in zip(self.clients(), (4000, 1000), ("enough", "-")):
            self.assertEqual(self.here.registry("close", client.uuid, code, reason).rc, OK)
            if code >= 4000:
                bye = client.next_op("bye")
                self.assertEqual((bye["code"], bye["reason"]), (code, reason))
            self.assertEqual(client.socket.wait_for_close(), code)

    def test_wrong_arguments_do_nothing(self):
        client = self.own_client(self.there)
        for words, rc in ((("get", "-"), INVALID), (("get", "x"), INVALID), (("get", client.uuid.upper()), INVALID),
                          (("send", "-", "text", "00"), INVALID), (("send", client.uuid, "none", "00"), INVALID),
                          (("send", client.uuid, "json", "00"), PAYLOAD),
                          (("close", "-", 4000), INVALID), (("close", client.uuid, 1001), INVALID),
                          (("close", client.uuid, 5000), INVALID), (("close", client.uuid, 4000, "x" * 124), INVALID),
                          (("hide", "-"), INVALID), (("show", client.uuid), INVALID)):
            self.assertEqual(self.here.refusal("registry", *words), rc, words)
        self.assertEqual(client.settle(), [])


if __name__ == "__main__":
    main()
