"""Who a client is behind proxies, and whose pages may connect (CONTRACT: trusted-proxies,
allow-origin)."""

import os
import signal

import setup_path  # noqa: F401
from support.case import Case, main
from support.wait import until
from support.websocket import Refused


class ProxyCase(Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def address_of(self, node, *values, source=None, headers=()):
        """The address that the registry has of a client with these lines of X-Forwarded-For."""
        lines = [("X-Forwarded-For", value) for value in values] + list(headers)
        client = self.own_client(node, headers=lines, source=source)
        flat = self.redis.call("FCALL_RO", "cw_channel", 1, "cw:{c:%s}" % client.uuid)
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
