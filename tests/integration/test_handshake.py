"""What is answered before the upgrade, and what the 101 answer says (PROTOCOL: connecting)."""

import re
import socket
import time

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.http_client import read_response
from support.wait import TimedOut, until
from support.websocket import (JSON, PING, PONG, TEXT, accept_value, encode_frame,
                               handshake)
from support.wire import Closed, Wire

UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
NAME_128 = "g" * 128


class Handshake(NodeCase):
    settings = {"max_groups": "5", "node": "shake"}

    def ask(self, path="/ws", **how):
        """An upgrade request, as `handshake` takes it; the answer."""
        request, _ = handshake(path, **how)
        return self.send(request, how.get("method") != "HEAD")

    def send(self, request, has_body=True):
        with Wire(self.node.address) as wire:
            wire.send(request)
            return read_response(wire, has_body)

    def assertRefused(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer)
        self.assertIn("application/json", answer.header("content-type", ""), answer)
        body = answer.json()
        self.assertIsInstance(body["code"], str, body)
        self.assertTrue(body["code"] and body["message"], body)
        if code:
            self.assertEqual(body["code"], code)

    # --- method, version, path

    def test_a_plain_get_on_the_websocket_path_is_426(self):
        answer = self.send(b"GET /ws HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertRefused(answer, 426)
        self.assertIn("websocket", answer.header("upgrade", "").lower())

    def test_an_upgrade_without_connection_upgrade_is_refused(self):
        answer = self.ask(without=["Connection"])
        self.assertRefused(answer, 400 if answer.status == 400 else 426)

    def test_an_upgrade_to_something_else_is_426(self):
        self.assertRefused(self.ask(headers={"Upgrade": "h2c"}), 426)

    def test_other_versions_than_13_are_426_and_told_the_right_one(self):
        for version in ("0", "7", "8", "12", "14", "130", "13.0", "x", "-13"):
            with self.subTest(version=version):
                answer = self.ask(headers={"Sec-WebSocket-Version": version})
                self.assertRefused(answer, 426)
                self.assertEqual(answer.header("sec-websocket-version"), "13")

    def test_a_missing_version_is_426(self):
        self.assertRefused(self.ask(without=["Sec-WebSocket-Version"]), 426)

    def test_other_methods_are_405(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            with self.subTest(method=method):
                answer = self.send(f"{method} /ws HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
                                   .encode("ascii"), method != "HEAD")
                if method == "HEAD":
                    self.assertEqual(answer.status, 405)
                else:
                    self.assertRefused(answer, 405)
                self.assertIn("GET", answer.header("allow", ""))

    def test_a_post_that_asks_for_an_upgrade_is_405(self):
        self.assertRefused(self.ask(method="POST"), 405)

    def test_a_post_with_a_body_is_405(self):
        answer = self.send(b"POST /ws HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        self.assertRefused(answer, 405)

    def test_unknown_paths_are_404(self):
        for path in ("/", "/nothing", "/wsx", "/ws/", "/WS", "/ws/../ws2", "/api/none"):
            with self.subTest(path=path):
                self.assertRefused(self.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()),
                                   404)

    def test_an_upgrade_on_another_path_is_404(self):
        self.assertRefused(self.ask("/other"), 404)
        self.assertRefused(self.ask("/"), 404)

    def test_a_missing_key_is_400(self):
        self.assertRefused(self.ask(without=["Sec-WebSocket-Key"]), 400)

    def test_a_head_over_8_kib_is_431(self):
        for size in (8 * 1024, 9000, 20000, 100000):
            with self.subTest(size=size):
                self.assertRefused(self.ask(headers={"X-Filler": "x" * size}), 431)
                self.assertRefused(self.ask("/ws?x=" + "y" * size), 431)

    def test_a_head_of_8_kib_is_taken_and_one_byte_more_is_not(self):
        size = len(handshake(headers={"X-Filler": ""})[0])
        for more, status in ((0, 101), (1, 431)):
            request, _ = handshake(headers={"X-Filler": "x" * (8192 - size + more)})
            self.assertEqual(len(request), 8192 + more)
            self.assertEqual(self.send(request).status, status)

    def test_a_head_under_8_kib_is_taken(self):
        self.assertEqual(self.ask(headers={"X-Filler": "x" * 7000}).status, 101)
        self.assertEqual(self.ask("/ws?unknown=" + "y" * 7000).status, 101)

    def test_what_is_no_http_is_refused_and_harms_nobody(self):
        for request in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), b"\r\n\r\n",
                        b"GET\r\n\r\n", b"GET /ws\r\n\r\n", b"GET /ws HTTP/9.9\r\n\r\n",
                        b"GET /ws HTTP/1.1\r\nno colon here\r\n\r\n",
                        b"GET /ws HTTP/1.1\r\nHost: \x00\r\n\r\n", b"\x00" * 300):
            with self.subTest(request=request[:20]), Wire(self.node.address) as wire:
                wire.send(request)
                wire.socket.shutdown(socket.SHUT_WR)
                self.assertNotIn(b" 101 ", wire.read_to_end(20))
        self.assertEqual(self.node.get("/healthz").status, 200)

    # --- query

    def test_bad_types_are_400(self):
        for value in ("", "JSON", "xml", "json%20", "text,json", "%zz", "%00", "%0A", "%0d"):
            with self.subTest(value=value):
                self.assertRefused(self.ask("/ws?type=" + value), 400)

    def test_bad_expires_are_400(self):
        for value in ("", "x", "-1", "1.5", "1e3", "%201", "0x10", "1s"):
            with self.subTest(value=value):
                self.assertRefused(self.ask("/ws?expires=" + value), 400)

    def test_bad_group_names_in_groups_are_400(self):
        for value in ("a,,b", ",a", "a,", "a%20b", "a{b}", "%C3%A9", "a%00", NAME_128 + "g",
                      "a*", "ok,not+ok", "a%2"):
            with self.subTest(value=value):
                self.assertRefused(self.ask("/ws?groups=" + value), 400)

    def test_more_groups_than_max_groups_are_400(self):
        self.assertEqual(self.ask("/ws?groups=a,b,c,d,e").status, 101)
        self.assertRefused(self.ask("/ws?groups=a,b,c,d,e,f"), 400)

    def test_bad_publish_groups_are_400(self):
        for value in ("", "a%20b", "a,b", NAME_128 + "g", "{}"):
            with self.subTest(value=value):
                self.assertRefused(self.ask("/ws?publish=" + value), 400)

    def test_bad_positions_are_400(self):
        for value in ("", "x", "1", "1-", "-1", "1-x", "g@", "@1-2", "g@1", "g@1-2,", "1-2-3",
                      "a%20b@1-2", "later,1-2", "LATER", "1.0-2"):
            with self.subTest(value=value):
                self.assertRefused(self.ask("/ws?groups=g&since=" + value), 400)

    def test_a_parameter_given_twice_is_400(self):
        for query in ("type=text&type=text", "expires=1&expires=2", "groups=a&groups=b",
                      "publish=a&publish=a"):
            with self.subTest(query=query):
                self.assertRefused(self.ask("/ws?" + query), 400)

    def test_unknown_parameters_are_ignored(self):
        self.assertEqual(self.ask("/ws?color=blue&type=text&x").status, 101)

    def test_parameters_are_percent_decoded_and_a_plus_is_a_plus(self):
        with self.node.client("type=%74ext&groups=%63hat%3Aone") as client:
            self.assertEqual(client.welcome["type"], "text")
            self.assertEqual(client.next_op("joined")["group"], "chat:one")
        self.assertRefused(self.ask("/ws?groups=a+b"), 400)

    def test_all_allowed_bytes_of_a_group_name_are_taken(self):
        name = "AZaz09_.:@=/-"
        with self.node.client("groups=" + name) as client:
            self.assertEqual(client.next_op("joined")["group"], name)
        with self.node.client("groups=" + NAME_128) as client:
            self.assertEqual(client.next_op("joined")["group"], NAME_128)

    # --- subprotocols

    def protocol_of(self, *lines):
        return self.ask(headers=[("Sec-WebSocket-Protocol", line) for line in lines])

    def test_no_subprotocol_is_raw(self):
        answer = self.ask()
        self.assertEqual(answer.status, 101)
        self.assertIsNone(answer.header("sec-websocket-protocol"))

    def test_the_first_known_subprotocol_of_the_list_is_taken(self):
        for offer in (JSON, f"foo, {JSON}", f"{JSON}, bar", f"foo,{JSON},bar", f" {JSON} ",
                      "soap, wamp,  " + JSON + "\t", ", ".join(["a" * 50] * 2 + [JSON])):
            with self.subTest(offer=offer):
                answer = self.protocol_of(offer)
                self.assertEqual(answer.status, 101, answer)
                self.assertEqual(answer.header("sec-websocket-protocol"), JSON)

    def test_a_list_over_several_lines_is_one_list(self):
        answer = self.protocol_of("foo", JSON)
        self.assertEqual(answer.status, 101, answer)
        self.assertEqual(answer.header("sec-websocket-protocol"), JSON)

    def test_only_unknown_subprotocols_are_400(self):
        for offer in ("foo", "foo, bar", "chanway.v2.json", "CHANWAY.V1.JSON", "chanway.v1.jsonx",
                      "chanway.v1", "x" * 500, ", ".join(f"p{i}" for i in range(100))):
            with self.subTest(offer=offer[:40]):
                self.assertRefused(self.protocol_of(offer), 400)

    # --- 101

    def test_the_101_answer_names_channel_and_node(self):
        request, key = handshake("/ws", headers={"Sec-WebSocket-Protocol": JSON})
        answer = self.send(request)
        self.assertEqual(answer.status, 101, answer)
        self.assertEqual(answer.header("upgrade").lower(), "websocket")
        self.assertEqual(answer.header("connection").lower(), "upgrade")
        self.assertEqual(answer.header("sec-websocket-accept"), accept_value(key))
        self.assertRegex(answer.header("chanway-channel"), f"^{UUID7}$")
        self.assertRegex(answer.header("chanway-node"), r"^shake\.[A-Za-z0-9_.-]+$")
        self.assertEqual(answer.header("chanway-node"), self.node.id())

    def test_every_channel_has_an_id_of_its_own(self):
        ids = {self.ask().header("chanway-channel") for _ in range(50)}
        self.assertEqual(len(ids), 50)

    def test_upgrades_as_browsers_write_them_are_taken(self):
        for headers in ({"Upgrade": "WebSocket"}, {"Connection": "keep-alive, Upgrade"},
                        {"Connection": "upgrade"}, {"Origin": "http://any.example"}):
            with self.subTest(headers=headers):
                self.assertEqual(self.ask(headers=headers).status, 101)

    def test_a_request_that_comes_byte_by_byte_is_taken(self):
        request, _ = handshake("/ws?type=text")
        with Wire(self.node.address) as wire:
            for index in range(len(request)):
                wire.send(request[index:index + 1])
            self.assertEqual(read_response(wire).status, 101)

    def test_frames_sent_with_the_request_are_not_lost(self):
        group = self.new_group()
        listener = self.client("groups=" + group)
        listener.next_op("joined")
        request, _ = handshake("/ws?type=text&publish=" + group)
        with Wire(self.node.address) as wire:
            wire.send(request + encode_frame(TEXT, b"early") + encode_frame(TEXT, b"bird"))
            self.assertEqual(read_response(wire).status, 101)
            self.assertReceives(listener, group, text="early")
            self.assertReceives(listener, group, text="bird")

    def test_http_connections_are_kept_alive_over_refusals(self):
        with Wire(self.node.address) as wire:
            for path, status in (("/healthz", 200), ("/none", 404), ("/readyz", 200)):
                wire.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode("ascii"))
                try:
                    answer = read_response(wire)
                except Closed:
                    self.fail(f"closed before the answer to {path}")
                self.assertEqual(answer.status, status)
                self.assertNotEqual(answer.header("connection", "").lower(), "close", path)

    def test_refused_handshakes_are_counted_and_make_no_channel(self):
        until(lambda: self.node.metric("chanway_node_connections") == 0, "no channel is left")
        channels = self.node.metric("chanway_node_connections_total")
        refused = self.node.metric("chanway_handshakes_refused_total")
        self.ask("/ws?type=wrong")
        self.ask(headers={"Sec-WebSocket-Version": "12"})
        self.protocol_of("foo")
        self.assertEqual(self.node.metric("chanway_handshakes_refused_total"), refused + 3)
        self.assertEqual(self.node.metric("chanway_node_connections_total"), channels)
        self.assertEqual(self.connected(), [])


class Time(NodeCase):

    def open(self, data):
        wire = Wire(self.node.address)
        self.addCleanup(wire.close)
        wire.send(data)
        return wire

    def test_a_head_may_take_ten_seconds(self):
        request, _ = handshake("/ws?type=text")
        started = time.monotonic()
        never = [self.open(b""), self.open(request[:40]), self.open(request[:-2])]
        just = self.open(request[:-2])
        with self.assertRaises(TimedOut):
            never[0].fill(7)
        just.send(request[-2:])
        self.assertEqual(read_response(just).status, 101)
        for wire in never:
            wire.read_to_end(20)
            self.assertGreater(time.monotonic() - started, 9)
        just.send(encode_frame(PING, b"still here"))
        self.assertEqual(just.read_exactly(2)[0] & 0x0F, PONG)


class Origins(NodeCase):
    settings = {"allow_origin": "https://good.example,https://*.ok.example", "path": "/live/ws"}

    def status(self, origin, path="/live/ws"):
        request, _ = handshake(path, headers={"Origin": origin} if origin else None)
        with Wire(self.node.address) as wire:
            wire.send(request)
            return read_response(wire)

    def test_origins_that_match_and_none_at_all_are_let_through(self):
        for origin in (None, "https://good.example", "https://a.ok.example",
                       "https://a.b.ok.example"):
            with self.subTest(origin=origin):
                self.assertEqual(self.status(origin).status, 101)

    def test_other_origins_are_403(self):
        for origin in ("https://bad.example", "http://good.example", "https://good.example.evil",
                       "https://good.example:8443", "null", "https://ok.example",
                       "https://evil/?https://good.example"):
            with self.subTest(origin=origin):
                answer = self.status(origin)
                self.assertEqual(answer.status, 403, answer)
                self.assertTrue(re.fullmatch("[a-z_]+", answer.json()["code"]))

    def test_the_path_is_a_setting(self):
        self.assertEqual(self.status(None, "/ws").status, 404)


if __name__ == "__main__":
    main()
