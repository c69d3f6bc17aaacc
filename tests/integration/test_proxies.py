"""Who a client is behind proxies, and whose pages may connect (CONTRACT: trusted-proxies,
allow-origin)."""

import os
import signal
import struct

import redis as redis_py
import setup_path  # noqa: F401
from support.case import Case, main
from support.http_client import get, read_response
from support.wait import until
from support.websocket import Refused, handshake
from support.wire import Wire


class ProxyCase(Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def address_of(self, node, *values, source=None, headers=()):
        """The address that the registry has of a client with these lines of X-Forwarded-For."""
        lines = [("X-Forwarded-For", value) for value in values] + list(headers)
        return self.address_in_registry(self.own_client(node, headers=lines, source=source).uuid)

    def address_in_registry(self, uuid):
        def look():
            try:
                return self.redis.call("FCALL_RO", "cw_channel", 1, "cw:{c:%s}" % uuid)
            except redis_py.ResponseError:
                return None  # the 101 comes first

        flat = until(look, "it is in the registry")
        return dict(zip(flat[::2], flat[1::2]))[b"address"].decode("ascii")


class Forwarded(ProxyCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.node = cls.class_node(cls.redis, trusted_proxies="127.0.0.1, 10.0.0.0/8, fd00::/8")

    def test_a_proxy_is_believed(self):
        self.assertEqual(self.address_of(self.node, "203.0.113.9"), "203.0.113.9")
        self.assertEqual(self.address_of(self.node, "203.0.113.9:4711"), "203.0.113.9:4711")
        self.assertEqual(self.address_of(self.node, "[2001:db8::9]:4711"), "[2001:db8::9]:4711")
        self.assertEqual(self.address_of(self.node, "2001:DB8::9"), "2001:db8::9")

    def test_nobody_else_is_believed(self):
        for value in ("203.0.113.9", "127.0.0.1", "10.0.0.1", "203.0.113.9, 127.0.0.1"):
            with self.subTest(value=value):
                self.assertRegex(self.address_of(self.node, value, source="127.0.0.2"),
                                 r"^127\.0\.0\.2:\d+$")

    def test_what_a_client_sends_itself_is_passed_over(self):
        """Proxies add on the right; to the left of that is what anybody could have written."""
        for value in ("1.2.3.4, 203.0.113.9", "10.0.0.1, 203.0.113.9", "127.0.0.1,203.0.113.9",
                      "lies, 203.0.113.9", "203.0.113.9, 10.7.7.7", "1.2.3.4, 203.0.113.9, fd00::1"):
            with self.subTest(value=value):
                self.assertEqual(self.address_of(self.node, value), "203.0.113.9")

    def test_several_lines_are_one_list(self):
        self.assertEqual(self.address_of(self.node, "1.2.3.4", "203.0.113.9", "10.0.0.1"),
                         "203.0.113.9")
        self.assertEqual(self.address_of(self.node, "1.2.3.4,", " 203.0.113.9 ,", "10.0.0.1, "),
                         "203.0.113.9")

    def test_what_cannot_be_read_leaves_the_last_good_one(self):
        before = self.node.metric("chanway_proxy_hops_unread_total")
        self.assertEqual(self.address_of(self.node, "203.0.113.9, unknown, 10.7.7.7"), "10.7.7.7")
        self.assertRegex(self.address_of(self.node, "203.0.113.9, _gazonk"), r"^127\.0\.0\.1:\d+$")
        self.assertEqual(self.node.metric("chanway_proxy_hops_unread_total"), before + 2)

    def test_a_long_list_is_no_trouble(self):
        self.assertEqual(self.address_of(self.node, "203.0.113.9, " + ", ".join(["10.0.0.1"] * 30)),
                         "203.0.113.9")
        self.assertEqual(self.address_of(self.node, "203.0.113.9, " + ", ".join(["10.0.0.1"] * 500)),
                         "10.0.0.1")

    def test_without_the_header_it_is_the_other_end(self):
        self.assertRegex(self.address_of(self.node), r"^127\.0\.0\.1:\d+$")
        self.assertRegex(self.address_of(self.node, ""), r"^127\.0\.0\.1:\d+$")

    def test_other_headers_are_not_looked_at(self):
        headers = [("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"),
                   ("X-Forwarded-Forx", "203.0.113.9")]
        self.assertRegex(self.address_of(self.node, headers=headers), r"^127\.0\.0\.1:\d+$")


class Trust(ProxyCase):
    def test_by_default_nobody_is_believed(self):
        node = self.own_node(self.redis)
        self.assertRegex(self.address_of(node, "203.0.113.9"), r"^127\.0\.0\.1:\d+$")

    def test_clients_of_a_unix_socket_are_believed_where_unix_is_named(self):
        for networks, address in (("127.0.0.1, unix", "203.0.113.9"), ("0.0.0.0/0,::/0", "unix")):
            with self.subTest(networks=networks):
                path = os.path.join(self.own_folder(), "listen.sock")
                node = self.own_node(self.redis, wait=False, listen="unix:" + path,
                                     trusted_proxies=networks)
                node.address = path
                node.wait_until_ready()
                self.assertEqual(self.address_of(node, "203.0.113.9"), address)

    def test_both_settings_are_read_again(self):
        config = os.path.join(self.own_folder(), "chanway.ini")

        def write(text):
            with open(config, "w", encoding="ascii") as file:
                file.write(text)

        write("allow-origin = https://a.example\n")
        node = self.own_node(self.redis, config=config)
        client = self.own_client(node, "groups=stay")
        client.next_op("joined")

        def is_let_in(origin):
            try:
                node.raw(headers={"Origin": origin}).drop()
                return True
            except Refused as error:
                self.assertEqual(error.response.status, 403)
                return False

        self.assertTrue(is_let_in("https://a.example"))
        self.assertFalse(is_let_in("https://b.example"))
        write("allow-origin = https://b.example\ntrusted-proxies = 127.0.0.0/8\n")
        node.process.signal(signal.SIGHUP)
        until(lambda: is_let_in("https://b.example"), "the new origin")
        self.assertFalse(is_let_in("https://a.example"))
        self.assertEqual(self.address_of(node, "203.0.113.9"), "203.0.113.9")
        write("allow-origin = https://a.example\ntrusted-proxies = 127.0.0.0/33\n")
        node.process.signal(signal.SIGHUP)
        node.process.wait_for_log(r"trusted-proxies.*127\.0\.0\.0/33.*allowed")
        self.assertTrue(is_let_in("https://b.example"))
        self.assertEqual(self.address_of(node, "203.0.113.9"), "203.0.113.9")
        client.publish("stay", text="still here")
        self.assertReceives(client, "stay", text="still here")


def version_2(command=0x21, family=0x11, body=b""):
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", command, family, len(body)) + body


IPV4 = bytes([203, 0, 113, 9, 10, 0, 0, 1]) + struct.pack(">HH", 4711, 80)
IPV6 = bytes.fromhex("20010db8000000000000000000000009" + "00" * 16) + struct.pack(">HH", 4711, 80)


class ProxyProtocol(ProxyCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.node = cls.make_node(cls.class_node)

    @classmethod
    def make_node(cls, make, **settings):
        """Who asks it for its readiness without a PROXY header is not answered: the admin is."""
        node = make(cls.redis, wait=False,
                    **{"proxy_protocol": "on", "trusted_proxies": "127.0.0.1", **settings})
        until(lambda: get(node.admin, "/readyz").status == 200, "it is ready", 15)
        return node

    def begin(self, *pieces, source=None):
        wire = Wire(self.node.address, source=source)
        self.addCleanup(wire.close)
        for piece in pieces:
            wire.send(piece)
        return wire

    def upgrade(self, *pieces, headers=()):
        """The address of a channel whose connection begins with these pieces."""
        request, _ = handshake(headers=headers)
        wire = self.begin(*pieces, request)
        answer = read_response(wire)
        self.assertEqual(answer.status, 101, answer)
        return self.address_in_registry(answer.header("chanway-channel"))

    def dropped(self):
        return self.node.metric("chanway_proxy_headers_refused_total")

    def test_both_versions_name_the_client(self):
        for header, address in ((b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n", "203.0.113.9:4711"),
                                (b"PROXY TCP6 2001:db8::9 ::1 4711 80\r\n", "[2001:db8::9]:4711"),
                                (version_2(body=IPV4), "203.0.113.9:4711"),
                                (version_2(family=0x21, body=IPV6), "[2001:db8::9]:4711"),
                                (version_2(body=IPV4 + b"\x04\0\x03abc"), "203.0.113.9:4711"),
                                (version_2(family=0x31, body=bytes(216)), "unix")):
            with self.subTest(header=header):
                self.assertEqual(self.upgrade(header), address)

    def test_where_the_proxy_does_not_say_it_is_the_proxy(self):
        for header in (b"PROXY UNKNOWN\r\n", version_2(0x20, 0), version_2(0x20, 0x11, IPV4),
                       version_2(0x21, 0)):
            with self.subTest(header=header):
                self.assertRegex(self.upgrade(header), r"^127\.0\.0\.1:\d+$")

    def test_pieces_are_put_together(self):
        for header in (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n", version_2(body=IPV4)):
            with self.subTest(header=header):
                pieces = [header[i:i + 1] for i in range(len(header))]
                self.assertEqual(self.upgrade(*pieces), "203.0.113.9:4711")

    def test_all_that_follows_is_the_client_s(self):
        wire = self.begin(version_2(body=IPV4) + b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(read_response(wire).status, 200)

    def test_without_a_header_it_is_dropped(self):
        for begin in (b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"PROXY TCP4 here there 1 2\r\n",
                      b"PROXY " + b"x" * 200, version_2(0x31, body=IPV4), version_2(body=IPV4[:-1]),
                      version_2(0x20, 0)[:14] + b"\xff\xff", b"\x16\x03\x01\x02\x00"):
            with self.subTest(begin=begin):
                before = self.dropped()
                wire = self.begin(begin)
                self.assertEqual(wire.read_to_end(5), b"")
                until(lambda: self.dropped() == before + 1, "it is counted")

    def test_who_is_no_proxy_is_dropped(self):
        before = self.dropped()
        wire = self.begin(version_2(body=IPV4), source="127.0.0.2")
        self.assertEqual(wire.read_to_end(5), b"")
        self.assertEqual(self.dropped(), before + 1)
        self.node.process.wait_for_log(r"127\.0\.0\.2:\d+.*trusted-proxies")

    def test_half_a_header_has_ten_seconds(self):
        before = self.dropped()
        silent = self.begin()
        half = self.begin(version_2(body=IPV4)[:20])
        gone = self.begin(b"PROXY ")
        gone.close()
        until(lambda: self.dropped() == before + 1, "the one that left is counted")
        self.assertEqual(self.upgrade(version_2(body=IPV4)), "203.0.113.9:4711")
        self.assertEqual(silent.read_to_end(20), b"")
        self.assertEqual(half.read_to_end(20), b"")
        self.assertEqual(self.dropped(), before + 3)

    def test_too_many_that_wait_push_out_the_oldest(self):
        before = self.dropped()
        first = self.begin(b"PROXY")
        others = [self.begin() for _ in range(1024)]
        self.assertEqual(first.read_to_end(10), b"")
        self.assertEqual(self.upgrade(version_2(body=IPV4)), "203.0.113.9:4711")
        for wire in others:
            wire.close()
        until(lambda: self.dropped() == before + 1025, "all of them are counted")

    def test_forwarded_for_is_the_word_of_whom_the_header_names(self):
        forged = [("X-Forwarded-For", "192.0.2.1")]
        self.assertEqual(self.upgrade(version_2(body=IPV4), headers=forged), "203.0.113.9:4711")
        self.assertEqual(self.upgrade(version_2(0x20, 0), headers=forged), "192.0.2.1")
        by_proxy = b"PROXY TCP4 127.0.0.1 10.0.0.1 4711 80\r\n"
        self.assertEqual(self.upgrade(by_proxy, headers=forged), "192.0.2.1")

    def test_the_admin_listener_is_plain(self):
        self.assertEqual(self.node.get("/healthz", admin=True).status, 200)

    def test_a_real_balancer_sends_both_versions(self):
        for option in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"):
            with self.subTest(option=option):
                node = self.make_node(self.own_node)
                # It starts when its health checks are answered: they begin with a header, too.
                balancer = self.own_balancer([node], server_options=option)
                self.assertRegex(self.address_of(balancer, "192.0.2.1", source="127.0.0.3"),
                                 r"^127\.0\.0\.3:\d+$")
                self.assertGreater(node.metric("chanway_proxy_headers_total"), 0)
                self.assertEqual(node.metric("chanway_proxy_headers_refused_total"), 0)
                client = self.own_client(balancer, "groups=g", source="127.0.0.3")
                client.next_op("joined")
                client.publish("g", text="x" * 50000)
                self.assertReceives(client, "g", text="x" * 50000)

    def test_it_needs_proxies_to_trust(self):
        node = self.own_node(self.redis, wait=False, proxy_protocol="on")
        self.assertEqual(node.process.wait(), 2)
        self.assertRegex(node.process.log(), "proxy-protocol.*trusted-proxies")


class Origin(ProxyCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.node = cls.class_node(
            cls.redis, allow_origin="https://a.example, https://*.B.example,http://localhost:*")

    def refuse(self, headers, path="/ws", **how):
        with self.assertRaises(Refused) as caught:
            self.node.raw(headers=headers, **how).drop()
        response = caught.exception.response
        self.assertEqual(response.status, 403, response)
        self.assertIn("application/json", response.header("content-type"))
        self.assertEqual(response.json()["code"], "forbidden")

    def test_allowed_origins_are_let_in(self):
        for origin in ("https://a.example", "HTTPS://A.EXAMPLE", "https://x.b.example",
                       "https://x.y.b.example", "http://localhost:3000"):
            with self.subTest(origin=origin):
                self.own_raw(self.node, headers={"Origin": origin})

    def test_others_are_answered_403_and_counted(self):
        before = self.node.metric("chanway_handshakes_origin_refused_total")
        origins = ("http://a.example", "https://a.example:8443", "https://a.example.evil.example",
                   "https://b.example", "https://evilb.example", "null", "http://localhost",
                   "https://a.example/", "file://", "x" * 600)
        for origin in origins:
            with self.subTest(origin=origin):
                self.refuse({"Origin": origin})
        self.assertEqual(self.node.metric("chanway_handshakes_origin_refused_total"),
                         before + len(origins))

    def test_two_origins_are_none(self):
        self.refuse([("Origin", "https://a.example"), ("Origin", "https://evil.example")])
        self.refuse([("Origin", "https://evil.example"), ("Origin", "https://x.b.example")])

    def test_clients_without_an_origin_are_let_in(self):
        self.own_raw(self.node)

    def test_plain_http_is_not_asked_for_it(self):
        answer = self.node.request("/healthz", headers=[("Origin", "https://evil.example")])
        self.assertEqual(answer.status, 200)


if __name__ == "__main__":
    main()
