"""The files of TLS (CONTRACT: tls-cert, tls-key): at the start, and read again."""

import os
import shutil
import signal
import time

import setup_path  # noqa: F401
from support.case import main
from support.certificates import Certificate, openssl
from support.http_client import read_response
from support.wait import until
from support.wire import Wire
from tls_case import TlsCase


class Reload(TlsCase):
    def setUp(self):
        folder = self.own_folder()
        self.files = Certificate(folder, "in-use")
        self.config = os.path.join(folder, "chanway.ini")
        self.put(self.certificate)
        self.write("allow-origin = https://a.example")

    def put(self, certificate):
        shutil.copy(certificate.cert, self.files.cert)
        shutil.copy(certificate.key, self.files.key)

    def write(self, *lines):
        with open(self.config, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def start(self):
        return self.secured(self.own_node, certificate=self.files, config=self.config)

    def hang_up(self, node, pattern):
        """SIGHUP; the log that is new and has `pattern`."""
        start = len(node.process.log())
        node.process.signal(signal.SIGHUP)
        return until(lambda: pattern in node.process.log()[start:], f"the log says {pattern}")

    def test_a_new_certificate_is_shown_to_new_clients_and_drops_nobody(self):
        node = self.start()
        self.assertEqual(self.serial(node), self.certificate.serial())
        ends = node.metric("chanway_tls_cert_expiry_seconds")
        self.assertAlmostEqual(ends, time.time() + 20 * 86400, delta=3600)
        clients = [self.own_client(node, "groups=stay") for _ in range(20)]
        for client in clients:
            client.next_op("joined")
        begun = Wire(tuple(node.address))  # has connected, has not said hello
        self.addCleanup(begun.close)
        for days in (40, 60):
            new = self.authority.issue(f"new{days}", days=days,
                                       algorithm="rsa" if days == 60 else "ec")
            self.put(new)
            self.hang_up(node, "settings reloaded")
            self.assertEqual(self.serial(node), new.serial())
            self.assertAlmostEqual(node.metric("chanway_tls_cert_expiry_seconds"),
                                   time.time() + days * 86400, delta=3600)
            clients[0].publish("stay", data=days)
            for client in clients:
                self.assertReceives(client, "stay", data=days)
        begun.socket = node.address.tls.wrap_socket(begun.socket, server_hostname="localhost")
        begun.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertEqual(read_response(begun).status, 200)

    def test_broken_files_leave_the_old_certificate_in_force(self):
        node = self.start()
        client = self.own_client(node, "groups=stay")
        client.next_op("joined")
        other = self.authority.issue("other")

        def empty():
            open(self.files.cert, "w", encoding="ascii").close()

        def garbage():
            with open(self.files.cert, "w", encoding="ascii") as file:
                file.write("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")

        def mismatch():
            shutil.copy(self.certificate.cert, self.files.cert)
            shutil.copy(other.key, self.files.key)

        def half():
            shutil.copy(self.certificate.cert, self.files.cert)
            with open(self.files.key, "r+", encoding="ascii") as file:
                file.truncate(100)

        def missing():
            os.unlink(self.files.key)

        for broken, said in ((empty, "tls-cert"), (garbage, "tls-cert"), (mismatch, "mismatch"),
                             (half, "tls-key"), (missing, "No such file")):
            with self.subTest(broken=broken.__name__):
                broken()
                self.hang_up(node, said)
                self.assertEqual(self.serial(node), self.certificate.serial())
                client.publish("stay", text=said)
                self.assertReceives(client, "stay", text=said)
        self.assertIn("who is let in stays as it was", node.process.log())
        self.put(other)
        self.hang_up(node, "settings reloaded")
        self.assertEqual(self.serial(node), other.serial())

    def test_it_is_not_turned_off_while_running(self):
        plain = self.own_node(self.redis, config=self.config)
        self.write(f"tls-cert = {self.files.cert}", f"tls-key = {self.files.key}")
        self.hang_up(plain, "by a restart only")
        self.assertEqual(plain.get("/healthz").status, 200)


class Start(TlsCase):
    def refuse(self, pattern, **settings):
        node = self.own_node(self.redis, wait=False, **settings)
        self.assertEqual(node.process.wait(), 2, node.process.log())
        self.assertRegex(node.process.log(), pattern)

    def test_wrong_files_are_refused(self):
        cert, key = self.certificate.cert, self.certificate.key
        other = self.authority.issue("other")
        locked = os.path.join(self.own_folder(), "locked.key")
        openssl("pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:secret")
        self.refuse("tls-cert: needs tls-key", tls_cert=cert)
        self.refuse("tls-key: needs tls-cert", tls_key=key)
        self.refuse("tls-client-ca: needs", tls_client_ca=cert)
        self.refuse(r"tls-cert = /nowhere.crt: No such file", tls_cert="/nowhere.crt", tls_key=key)
        self.refuse(r"tls-key = \S+other.key: .*mismatch", tls_cert=cert, tls_key=other.key)
        self.refuse(r"tls-key = \S+localhost.crt: ", tls_cert=cert, tls_key=cert)
        self.refuse(r"tls-key = \S+locked.key: ", tls_cert=cert, tls_key=locked)
        self.refuse(r"tls-client-ca = \S+localhost.key: ", tls_cert=cert, tls_key=key,
                    tls_client_ca=key)

    def test_a_chain_is_sent_and_its_first_end_is_told(self):
        between = self.authority.issue("between", days=5, is_authority=True)
        leaf = between.issue("leaf", days=30)
        chain = Certificate(self.own_folder(), "chain")
        shutil.copy(leaf.key, chain.key)
        with open(chain.cert, "w", encoding="ascii") as file:
            for part in (leaf, between):
                with open(part.cert, encoding="ascii") as one:
                    file.write(one.read())
        node = self.secured(self.own_node, certificate=chain)
        self.assertTrue(self.is_served(node, self.authority.context()))
        self.assertAlmostEqual(node.metric("chanway_tls_cert_expiry_seconds"),
                               time.time() + 5 * 86400, delta=3600)
        node.process.wait_for_log("tls-cert: the certificate expires in 1[12]")

    def test_without_it_the_metric_is_zero(self):
        node = self.own_node(self.redis)
        self.assertEqual(node.metric("chanway_tls_cert_expiry_seconds"), 0)


if __name__ == "__main__":
    main()
