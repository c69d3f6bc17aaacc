"""TLS of clients (CONTRACT: tls-cert, tls-key, tls-client-ca)."""

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import time

import setup_path  # noqa: F401
import websockets
from support.case import Case, main
from support.certificates import Authority, Certificate, TlsAddress, openssl
from support.client import Client
from support.http_client import get, read_response, request
from support.paths import source_path
from support.wait import until
from support.websocket import JSON, TEXT, Ended, encode_frame, handshake
from support.wire import Wire


class TlsCase(Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        cls.authority = Authority(cls.folder)
        cls.certificate = cls.authority.issue("localhost")

    @classmethod
    def secured(cls, make, context=None, certificate=None, wait=True, **settings):
        """A node that is reached by TLS. `wait`: it is ready, as its admin says."""
        certificate = certificate or cls.certificate
        node = make(cls.redis, wait=False, tls_cert=certificate.cert, tls_key=certificate.key,
                    **settings)
        node.address = TlsAddress(node.address, context or cls.authority.context())
        if wait:
            until(lambda: get(node.admin, "/readyz").status == 200, "it is ready", 15)
        return node

    def handshake(self, node, context=None):
        """An SSL socket of its own; raises ssl.SSLError, or OSError where it was just dropped. What
        a server says of a client's certificate comes after that, so one byte is asked for."""
        plain = tuple(node.address)
        wire = Wire(TlsAddress(plain, context or node.address.tls))
        self.addCleanup(wire.close)
        return wire

    def is_served(self, node, context):
        """Whether a request is answered with 200; False: the handshake was refused."""
        try:
            return request(TlsAddress(tuple(node.address), context), "/healthz").status == 200
        except (ssl.SSLError, OSError):
            return False

    def serial(self, node):
        """Of the certificate that new clients are shown."""
        shown = self.handshake(node).socket.getpeercert()
        return int(shown["serialNumber"], 16)

    def connect(self, node, *options):
        """What openssl s_client says; its exit code."""
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % node.port,
                               *options], input=b"", capture_output=True, timeout=30)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class Clients(TlsCase):
    @classmethod
    def set_up(cls):
        super().set_up()
        cls.node = cls.secured(cls.class_node, max_message="2MiB", payload_max="1MiB")

    def echo(self, client, group, text):
        client.publish(group, text=text)
        self.assertReceives(client, group, text=text)

    def test_a_library_of_python(self):
        async def talk():
            async with websockets.connect(f"wss://localhost:{self.node.port}/ws?groups=py",
                                          ssl=self.authority.context(), subprotocols=[JSON],
                                          max_size=1 << 22) as socket:
                self.assertEqual(json.loads(await socket.recv())["op"], "welcome")
                self.assertEqual(json.loads(await socket.recv())["op"], "joined")
                for size in (0, 1, 125, 126, 16383, 16384, 16385, 65536, 1000000):
                    text = "x" * size
                    await socket.send(json.dumps({"op": "publish", "group": "py", "text": text}))
                    frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
                    self.assertEqual((frame["op"], frame["text"] == text), ("message", True))
            self.assertEqual(socket.close_code, 1000)
        asyncio.run(asyncio.wait_for(talk(), 50))

    def test_a_library_of_node(self):
        program = shutil.which("node")
        done = subprocess.run([program, source_path("tests/integration/secure_client.js"),
                               f"wss://localhost:{self.node.port}/ws", self.authority.cert, "npm",
                               "1000000"], capture_output=True, timeout=50)
        self.assertEqual(done.stdout.decode().split("\n")[:2], ["came back", "closed 1000"], done)

    def test_a_chat_and_its_end(self):
        one = self.own_client(self.node, "groups=chat")
        two = self.own_client(self.node, "groups=chat")
        one.next_op("joined")
        two.next_op("joined")
        for number in range(50):
            one.publish("chat", data=number)
        for client in (one, two):
            for number in range(50):
                self.assertReceives(client, "chat", data=number)
        before = self.node.metric("chanway_closes_total", code="1000")
        self.assertEqual(one.close(), 1000)
        until(lambda: self.node.metric("chanway_closes_total", code="1000") == before + 1,
              "it is gone at once, whether the client hangs up or not", 5)

    def test_the_end_is_told_by_tls_as_well(self):
        """So that a client can tell it from a connection that was cut."""
        context = self.authority.context()
        wire = Wire(tuple(self.node.address))
        self.addCleanup(wire.close)
        wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost",
                                          suppress_ragged_eofs=False)
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        self.assertEqual(read_response(wire).status, 200)
        self.assertEqual(wire.read_to_end(), b"")

    def test_a_megabyte_each_way_by_raw_frames(self):
        socket = self.own_raw(self.node, "type=bytes&groups=big&publish=big")
        data = bytes(range(256)) * 4096
        for _ in range(3):
            socket.send_binary(data[:1 << 20])
            self.assertEqual(socket.receive_binary(20), data[:1 << 20])

    def test_many_ops_in_one_record_are_done_in_order(self):
        """More than may wait at a time: reading pauses in the middle of what TLS has decrypted."""
        client = self.own_client(self.node, "groups=ops")
        client.next_op("joined")
        frames = [encode_frame(TEXT, json.dumps({"op": "publish", "id": i, "group": "ops",
                                                 "data": i}).encode("ascii")) for i in range(2000)]
        before = self.node.metric("chanway_client_input_paused_total")
        client.socket.send_bytes(b"".join(frames))
        done, came = [], []
        while len(done) < 2000 or len(came) < 2000:
            frame = client.receive()
            (done if frame["op"] == "ok" else came).append(frame.get("id") if frame["op"] == "ok"
                                                           else frame["data"])
        self.assertEqual(done, list(range(2000)))
        self.assertEqual(came, list(range(2000)))
        self.assertGreater(self.node.metric("chanway_client_input_paused_total"), before)

    def test_a_head_in_many_records(self):
        head, _ = handshake()
        wire = self.handshake(self.node)
        for i in range(0, len(head), 7):
            wire.send(head[i:i + 7])
        self.assertEqual(read_response(wire).status, 101)

    def test_heads_are_checked_as_ever(self):
        for head, status in ((b"GET /ws HTTP/1.1\r\nHost: h\r\n\r\n", 426),
                             (b"nonsense\r\n\r\n", 400),
                             (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
                             (b"POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 405)):
            with self.subTest(status=status):
                wire = self.handshake(self.node)
                wire.send(head)
                self.assertEqual(read_response(wire).status, status)
        wire = self.handshake(self.node)
        for _ in range(10):
            wire.send(b"GET /" + b"x" * 1000)
        self.assertEqual(read_response(wire).status, 431)

    def test_requests_share_a_connection(self):
        wire = self.handshake(self.node)
        for _ in range(3):
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertEqual(read_response(wire).status, 200)
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 200)  # 8 KB and more in one record
        for _ in range(200):
            self.assertEqual(read_response(wire).status, 200)

    def test_browsers_are_told_to_stay_with_it(self):
        for path in ("/healthz", "/ws", "/nowhere"):
            answer = request(self.node.address, path)
            self.assertEqual(answer.header("strict-transport-security"), "max-age=31536000", answer)
        answer = self.node.get("/healthz", admin=True)
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.header("strict-transport-security"))

    def test_a_lost_channel_is_resumed(self):
        client = self.own_client(self.node, "groups=lost")
        client.next_op("joined")
        client.drop()
        other = self.own_client(self.node)
        other.publish("lost", text="meanwhile")
        back = self.own_client(self.node, "session=" + client.welcome["session"])
        self.assertEqual((back.uuid, back.welcome["resumed"]), (client.uuid, True))

    def test_a_resume_waits_for_redis(self):
        """The request has been decrypted when Redis is asked: it is not lost, nor read twice."""
        client = self.own_client(self.node, "groups=slow")
        client.next_op("joined")
        client.drop()
        before = self.node.metric("chanway_session_lookups_total")
        head, _ = handshake("/ws?session=" + client.welcome["session"])
        wire = self.handshake(self.node)
        self.redis.freeze()
        try:
            wire.send(head)
            until(lambda: self.node.metric("chanway_session_lookups_total") > before,
                  "Redis is asked")
        finally:
            self.redis.thaw()
        answer = read_response(wire, timeout=20)
        self.assertEqual((answer.status, answer.header("chanway-channel")), (101, client.uuid))

    def test_a_slow_reader_is_closed_and_delays_nobody(self):
        node = self.secured(self.own_node, send_queue_max="256KiB")
        slow = self.own_client(node, "groups=flood", receive_buffer=4096)
        fast = self.own_client(node, "groups=flood")
        fast.next_op("joined")
        writer = self.own_client(node)
        before = node.metric("chanway_closes_total", code="4005")
        for number in range(500):
            writer.publish("flood", data=[number, "x" * 20000])
            self.assertEqual(fast.message(20)["data"][0], number)
            if number % 50 == 0:
                self.assertLess(node.metric("chanway_node_queue_bytes"), 400000)
        until(lambda: node.metric("chanway_closes_total", code="4005") == before + 1, "it is closed")
        # What had been encrypted for it before is whole.
        numbers = []
        try:
            while True:
                frame = slow.receive(20)
                if frame["op"] == "message":
                    numbers.append(frame["data"][0])
        except (Ended, OSError):
            pass
        self.assertEqual(numbers, list(range(len(numbers))))

    def test_a_slow_reader_that_reads_on_gets_all(self):
        node = self.secured(self.own_node, send_queue_max="16MiB")
        slow = self.own_client(node, "groups=later", receive_buffer=4096)
        slow.next_op("joined")
        writer = self.own_client(node)
        for number in range(400):
            writer.publish("later", data=[number, "x" * (number * 37 % 20000)])
        until(lambda: node.metric("chanway_client_writes_blocked_total") > 0, "its socket is full")
        for number in range(400):
            frame = slow.message(20)
            self.assertEqual((frame["data"][0], len(frame["data"][1])),
                             (number, number * 37 % 20000))


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
        for junk in (b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 99,
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
