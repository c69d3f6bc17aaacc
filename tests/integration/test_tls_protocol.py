"""TLS itself: versions, ciphers, what is no TLS, certificates of clients (tls-client-ca)."""

import os
import shutil
import signal
import ssl

import setup_path  # noqa: F401
from support.case import main
from support.certificates import Authority
from support.http_client import read_response
from support.wait import until
from support.wire import Wire
from tls_case import TlsCase


class Protocol(TlsCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.node = cls.secured(cls.class_node)

    def test_versions(self):
        for options, version in ((("-tls1_3",), "TLSv1.3"), (("-tls1_2",), "TLSv1.2")):
            code, text = self.connect(self.node, *options)
            self.assertEqual(code, 0, text)
            self.assertRegex(text, f"(?m)^ *(New, )?.*{version}")
        for option in ("-tls1_1", "-tls1"):
            code, text = self.connect(self.node, option, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotEqual(code, 0, text)
            self.assertRegex(text, "(?i)alert protocol version|no protocols available")

    def test_ciphers(self):
        """Forward secrecy and authenticated encryption, or nothing."""
        for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                       "ECDHE-ECDSA-CHACHA20-POLY1305"):
            code, text = self.connect(self.node, "-tls1_2", "-cipher", cipher)
            self.assertEqual(code, 0, text)
            self.assertIn(cipher, text)
        for cipher in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                       "DHE-RSA-AES128-GCM-SHA256", "NULL", "aNULL"):
            code, text = self.connect(self.node, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
            self.assertNotEqual(code, 0, text)

    def test_alpn(self):
        code, text = self.connect(self.node, "-alpn", "h2,http/1.1")
        self.assertEqual(code, 0, text)
        self.assertIn("ALPN protocol: http/1.1", text)
        code, text = self.connect(self.node, "-alpn", "h2")
        self.assertIn("No ALPN negotiated", text)

    def test_sessions_of_tls_are_taken_up(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                context = self.authority.context()
                context.minimum_version = context.maximum_version = version
                wire = self.handshake(self.node, context)
                wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
                self.assertEqual(read_response(wire).status, 200)
                self.assertFalse(wire.socket.session_reused)
                again = Wire(tuple(self.node.address))
                self.addCleanup(again.close)
                again.socket = context.wrap_socket(again.socket, server_hostname="localhost",
                                                   session=wire.socket.session)
                again.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
                self.assertEqual(read_response(again).status, 200)
                self.assertTrue(again.socket.session_reused)

    def test_what_is_no_tls_is_dropped_and_counted(self):
        for junk in (b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 9,
                     b"\x16\x03\x01\0\x05\x01\0\0\x01\0", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"):
            with self.subTest(junk=junk):
                before = self.node.metric("chanway_tls_handshakes_failed_total")
                with Wire(tuple(self.node.address)) as wire:
                    wire.send(junk)
                    self.assertNotIn(b"HTTP", wire.read_to_end(15))
                until(lambda: self.node.metric("chanway_tls_handshakes_failed_total") == before + 1,
                      "it is counted")
        good = self.node.metric("chanway_tls_handshakes_total")
        self.assertTrue(self.is_served(self.node, self.authority.context()))
        self.assertEqual(self.node.metric("chanway_tls_handshakes_total"), good + 1)

    def test_a_handshake_has_ten_seconds_and_may_come_in_pieces(self):
        silent = Wire(tuple(self.node.address))
        self.addCleanup(silent.close)
        hello, answers = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self.authority.context().wrap_bio(answers, hello, server_hostname="localhost")
        slow = Wire(tuple(self.node.address))
        self.addCleanup(slow.close)
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in hello.read():
                    slow.send(bytes([byte]))
                slow.fill(10)
                answers.write(slow.take(len(slow.buffer)))
        session.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        for byte in hello.read():
            slow.send(bytes([byte]))
        answers.write(slow.read_until(b"\x17\x03\x03"))
        self.assertEqual(silent.read_to_end(20), b"")

    def test_a_certificate_of_rsa(self):
        node = self.secured(self.own_node, certificate=self.authority.issue("rsa", algorithm="rsa"))
        self.assertTrue(self.is_served(node, self.authority.context()))
        code, text = self.connect(node, "-tls1_2")
        self.assertIn("ECDHE-RSA-AES", text)

    def test_a_proxy_header_comes_before_it(self):
        for option in ("send-proxy", "send-proxy-v2"):
            with self.subTest(option=option):
                node = self.secured(self.own_node, proxy_protocol="on",
                                    trusted_proxies="127.0.0.1")
                balancer = self.own_balancer([node], mode="tcp", server_options=option,
                                             address=node.address)
                client = self.own_client(balancer, "groups=g", source="127.0.0.3")
                client.next_op("joined")
                client.publish("g", text="x" * 50000)
                self.assertReceives(client, "g", text="x" * 50000)
                flat = self.redis.call("FCALL_RO", "cw_channel", 1, "cw:{c:%s}" % client.uuid)
                self.assertRegex(dict(zip(flat[::2], flat[1::2]))[b"address"], rb"^127\.0\.0\.3:")


class ClientCertificates(TlsCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.clients = Authority(cls.folder, "clients")
        cls.alice = cls.clients.issue("alice", use="clientAuth")
        cls.node = cls.secured(cls.class_node, tls_client_ca=cls.clients.cert,
                               context=cls.authority.context(cls.alice))

    def test_a_client_with_a_certificate_is_served(self):
        client = self.own_client(self.node, "groups=g")
        client.next_op("joined")
        client.publish("g", text="hello")
        self.assertReceives(client, "g", text="hello")

    def test_others_are_refused(self):
        stranger = Authority(self.own_folder(), "strangers").issue("mallory", use="clientAuth")
        server = self.clients.issue("server", use="serverAuth")
        before = self.node.metric("chanway_tls_handshakes_failed_total")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for client in (None, stranger, server, self.certificate):
                context = self.authority.context(client)
                context.minimum_version = context.maximum_version = version
                self.assertFalse(self.is_served(self.node, context))
        self.assertEqual(self.node.metric("chanway_tls_handshakes_failed_total"), before + 8)

    def test_another_authority_ends_old_tickets(self):
        folder = self.own_folder()
        path = os.path.join(folder, "ca.pem")
        shutil.copy(self.clients.cert, path)
        node = self.secured(self.own_node, tls_client_ca=path,
                            context=self.authority.context(self.alice))
        sessions = {}
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.authority.context(self.alice)
            context.minimum_version = context.maximum_version = version
            wire = self.handshake(node, context)
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(read_response(wire).status, 200)
            sessions[version] = (context, wire.socket.session)
        others = Authority(folder, "others")
        shutil.copy(others.cert, path)
        node.process.signal(signal.SIGHUP)
        bob = self.authority.context(others.issue("bob", use="clientAuth"))
        until(lambda: self.is_served(node, bob), "the new authority holds")
        for context, session in sessions.values():
            with self.assertRaises(OSError):
                wire = Wire(tuple(node.address))
                self.addCleanup(wire.close)
                wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost",
                                                  session=session)
                wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
                if not wire.fill(10):
                    raise OSError("dropped")


if __name__ == "__main__":
    main()
