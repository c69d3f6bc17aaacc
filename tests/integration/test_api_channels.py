"""<chanway/channel.h>: what an application in C does with one channel, with real clients."""

import itertools

import setup_path  # noqa: F401
from support.case import Case, main
from support.packed_client import PackedClient
from support.roles import Roles
from support.wait import until
from support.websocket import TEXT, Ended, WebSocket

LATE = -15  # CW_ERR_DISCONNECTED
START = ["own-connect", "connect"]


class Pairs(list):
    """Headers of which some come twice."""

    def items(self):
        return self


def end(code, reason=""):
    return [f"own-disconnect {code} {reason}", f"disconnect {code} {LATE}", "destroyed"]


class RolesCase(Case):
    """With `redis` and the program `app` for the whole class."""

    headers = "x-trace, User-Agent"

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        cls.app = cls._keep(Roles(cls.folder, cls.redis, "app", cls.headers), cls.addClassCleanup)
        cls.app.start()

    def client(self, role, query="", **options):
        return self.own_client(self.app, f"role={role}" + (f"&{query}" if query else ""), **options)

    def raw(self, role, query="type=text", **options):
        socket = WebSocket(self.app.address, f"/ws?role={role}&{query}", **options)
        self.addCleanup(socket.drop)
        return socket

    def assertSays(self, uuid, lines):
        """This, and nothing else so far, is said of a channel; its lines may come behind frames."""
        until(lambda: len(self.app.said(uuid)) >= len(lines), f"{len(lines)} lines of {uuid}")
        self.assertEqual(self.app.said(uuid), lines)


class Receiving(RolesCase):
    def test_the_loop_of_the_seed(self):
        client = self.client("loop")
        for number in range(1, 6):
            client.send({"op": "message", "text": f"m{number}"})
        self.assertEqual([client.message()["text"] for _ in range(5)],
                         [f"{number}:m{number}" for number in range(1, 6)])
        client.close()
        self.assertEqual(self.app.wait_for_end_of(client.uuid),
                         [*START, f"receive-ended {LATE}", *end(1000)])

    def test_the_loop_with_a_raw_client_that_is_lost(self):
        raw = self.raw("loop")
        uuid = raw.response.header("chanway-channel")
        for number in range(1, 4):
            raw.send_text("x" * number)
            self.assertEqual(raw.receive_text(), f"{number}:" + "x" * number)
        raw.drop()
        self.assertEqual(self.app.wait_for_end_of(uuid),
                         [*START, f"receive-ended {LATE}", *end(1006)])

    def test_a_message_of_another_type_is_an_error_and_the_loop_goes_on(self):
        client = self.client("validate")
        for data in ({"a": 1}, [2]):
            client.send({"op": "message", "data": data})
            self.assertEqual(client.message()["data"], data)
            client.call("message", text="no json")
            self.assertEqual((client.inbox.popleft() if client.inbox else client.message())["data"],
                             {"error": "Invalid message format", "details": None})

    def test_what_nobody_receives_goes_to_the_handlers(self):
        client = self.client("none")
        client.call("message", text="hello")
        self.assertSays(client.uuid, [*START, "message hello"])
        client.send("no json")
        self.assertEqual(client.next_op("error")["code"], "bad_request")
        until(lambda: self.app.said(client.uuid)[-1].startswith("error -2 "), "on_error was called")


class Facts(RolesCase):
    def facts(self, text):
        address, path, query, subprotocol, token, *headers = text.split("|")
        self.assertEqual(path, "/ws")
        return address, query, subprotocol, token, headers

    def test_all_of_them_at_on_connect_and_then_what_is_kept(self):
        client = self.client("facts", "a=%C3%A4&token=secret&b", headers={
            "X-Trace": "  t1 ", "user-agent": "tests/1.0", "Cookie": "c=d", "X-Other": "no"})
        address, query, subprotocol, token, headers = self.facts(client.message()["text"])
        host, port = client.socket.wire.socket.getsockname()
        self.assertEqual(address, f"{host}:{port}")
        self.assertEqual(query, "role=facts&a=%C3%A4&token=&b")
        self.assertEqual(subprotocol, "chanway.v1.json")
        self.assertEqual(token, "secret")
        self.assertEqual(headers, ["localhost", "tests/1.0", "t1", "c=d", "-"])
        client.send({"op": "message", "data": 1})
        _, query, _, token, headers = self.facts(client.message()["text"])
        self.assertEqual((query, token), ("role=facts&a=%C3%A4&token=&b", "-"))
        self.assertEqual(headers, ["-", "tests/1.0", "t1", "-", "-"])

    def test_of_a_raw_client_and_a_bearer(self):
        raw = self.raw("facts", "type=text&session=x.y&token=second",
                       headers={"Authorization": "Bearer first"})
        _, query, subprotocol, token, headers = self.facts(raw.receive_text())
        self.assertEqual((query, subprotocol), ("role=facts&type=text&session=&token=", ""))
        self.assertEqual(token, "first")
        self.assertEqual(headers[1:], ["-", "-", "-", "Bearer first"])

    def test_headers_given_twice(self):
        raw = self.raw("facts", headers=Pairs([
            ("Cookie", "a=1"), ("X-Trace", "first"), ("User-Agent", "one"), ("Cookie", "b=2"),
            ("X-Trace", "second"), ("User-Agent", "two")]))
        headers = self.facts(raw.receive_text())[4]
        self.assertEqual(headers, ["localhost", "one, two", "first", "a=1; b=2", "-"])

    def test_a_head_of_8_kib(self):
        value = "v" * 7000
        client = self.client("facts", headers={"X-Trace": value})
        self.assertEqual(self.facts(client.message()["text"])[4][2], value)


class Filters(RolesCase):
    def test_a_limit_of_what_is_received(self):
        client = self.client("limit")
        for number in range(3):
            client.call("message", data=number)
        self.assertEqual(client.refuse("message", data=3), "rate_limited")
        self.assertSays(client.uuid, [*START, "message 0", "message 1", "message 2",
                                      "error -7 too many requests"])
        client.call("publish", group=self.id()[-40:], data="is not for the application")

    def test_nothing_is_sent_before_the_client_has_logged_in(self):
        group = self.new_group()
        secure = self.client("secure", f"groups={group}")
        secure.next_op("joined")
        other = self.client("none", f"groups={group}")
        other.next_op("joined")
        other.publish(group, data=1)
        other.message()
        self.assertEqual(secure.settle(), [])
        secure.call("message", data="sesame")
        other.publish(group, data=2)
        self.assertReceives(secure, group, data=2)

    def test_what_is_sent_is_wrapped_whatever_the_way(self):
        group = self.new_group()
        plain = self.client("none", f"groups={group}")
        plain.next_op("joined")
        first = plain.publish(group, data=0)
        wrapped = self.client("wrap,echo", f"groups={group}&since={group}@{first['epoch']}-0")
        self.assertEqual(wrapped.message()["text"], "<0>")
        wrapped.next_op("joined")
        packed = self.own_packed("wrap", f"groups={group}")
        packed.next_op("joined")
        raw = self.raw("wrap", f"type=text&groups={group}")
        ok = plain.publish(group, data={"n": 1})
        for client in (wrapped, packed):
            self.assertEqual(client.message()["text"], '<{"n": 1}>')
        self.assertEqual(plain.message()["data"], 0)
        self.assertReceives(plain, group, data={"n": 1})
        self.assertEqual(ok["offset"], 2)
        plain.call("send", to=wrapped.uuid, text="direct")
        self.assertEqual(wrapped.message()["text"], "<direct>")
        wrapped.send({"op": "message", "data": [1]})
        self.assertEqual(wrapped.message()["text"], "<[1]>")
        plain.publish(group, text="last")
        until(lambda: raw.receive_text() == "<last>", "the raw one gets it too")

    def own_packed(self, role, query):
        client = PackedClient(self.app, f"role={role}&{query}")
        self.addCleanup(client.drop)
        return client

    def new_group(self):
        return self.id().rpartition(".")[2][5:65]


class Ends(RolesCase):
    def expect_close(self, socket, reason):
        with self.assertRaises(Ended) as caught:
            while True:
                socket.receive()
        self.assertEqual((caught.exception.code, caught.exception.reason), (4100, reason))

    def test_callbacks_that_close_their_own_channel(self):
        for role, reason, said in (
                ("close-in-send-filter", "in the send filter", [f"echo {LATE}", "message hello"]),
                ("close-in-receive-filter", "in the receive filter", ["message hello"]),
                ("close-in-receive", "in a receive", []),
                ("close-in-connect", "in on_connect", [])):
            for is_raw in (False, True):
                with self.subTest(role=role, is_raw=is_raw):
                    if is_raw:
                        socket = self.raw(role)
                        uuid = socket.response.header("chanway-channel")
                        socket.send_text("hello")
                    else:
                        client = self.client(role)
                        socket, uuid = client.socket, client.uuid
                        client.send({"op": "message", "text": "hello"})
                    self.expect_close(socket, reason)
                    self.assertEqual(self.app.wait_for_end_of(uuid),
                                     [*START, *said, *end(4100, reason)])

    def test_who_is_not_let_in_leaves_nothing(self):
        raw = self.raw("loop", "type=text&token=wrong")
        with self.assertRaises(Ended) as caught:
            raw.receive()
        self.assertEqual(caught.exception.code, 4001)
        uuid = raw.response.header("chanway-channel")
        self.assertEqual(self.app.wait_for_end_of(uuid), ["destroyed"])

    def test_a_resumed_channel_is_a_new_one_with_the_same_uuid(self):
        client = self.client("loop")
        client.drop()
        lost = [*START, f"receive-ended {LATE}", *end(1006)]
        self.assertEqual(self.app.wait_for_end_of(client.uuid), lost)
        back = self.client("loop", f"session={client.welcome['session']}")
        self.assertTrue(back.welcome["resumed"])
        self.assertEqual(back.uuid, client.uuid)
        back.send({"op": "message", "text": "again"})
        self.assertEqual(back.message()["text"], "1:again")  # its data are new
        self.assertSays(client.uuid, [*lost, *START])

    def test_a_channel_that_is_taken_over_ends_before_the_new_one_begins(self):
        client = self.client("loop")
        back = self.client("loop", f"session={client.welcome['session']}")
        self.assertEqual(back.uuid, client.uuid)
        with self.assertRaises(Ended) as caught:
            while True:
                client.socket.receive()
        self.assertEqual(caught.exception.code, 4006)
        self.assertSays(client.uuid, [
            *START, f"receive-ended {LATE}", *end(4006, "its session goes on elsewhere"), *START])
        back.send({"op": "message", "text": "mine"})
        self.assertEqual(back.message()["text"], "1:mine")

    def test_a_gateway_that_is_destroyed_with_its_channels_leaves_nothing(self):
        app = self._keep(Roles(self.own_folder(), self.redis, "own"), self.addCleanup).start()
        roles = ["loop", "validate", "facts", "secure,loop", "wrap,echo", "none"]
        clients = [self.own_client(app, f"role={role}&groups=room") for role in roles * 3]
        self.assertEqual(app.end(), 0)
        for client in clients:
            lines = app.said(client.uuid)
            self.assertEqual([lines[0], lines[-1]], ["own-connect", "destroyed"])

    def test_hundreds_come_talk_and_go(self):
        roles = ["loop", "validate", "echo", "wrap,echo", "limit", "secure,echo",
                 "close-in-receive", "close-in-send-filter", "close-in-connect"]
        uuids = []
        for number, role in zip(range(270), itertools.cycle(roles)):
            socket = self.raw(role, f"type=json&groups=room{number % 5}")
            uuids.append(socket.response.header("chanway-channel"))
            for _ in range(3):
                try:
                    socket.send_frame(TEXT, b'"sesame"')
                except OSError:
                    break  # it was closed meanwhile
            socket.drop()
        for uuid in uuids:
            lines = self.app.wait_for_end_of(uuid)
            self.assertEqual([lines[0], lines[-1]], ["own-connect", "destroyed"])


if __name__ == "__main__":
    main()
