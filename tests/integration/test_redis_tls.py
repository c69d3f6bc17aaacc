"""TLS to Redis (CONTRACT: rediss://, redis-ca, redis-cert, redis-key, redis-sni)."""

import os
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.certificates import Authority, openssl
from support.node import clean_environment
from support.paths import source_path
from support.ports import free_port
from support.redis_server import RedisServer
from support.wait import until


class TlsRedis(RedisServer):
    """Its TCP port is by TLS; tests reach it by the unix socket as ever."""

    def __init__(self, folder, certificate, authority, asks_clients=False, options=(), **more):
        self.tls_port = free_port()
        super().__init__(folder, options=[
            "--tls-port", str(self.tls_port), "--bind", "127.0.0.1",
            "--tls-cert-file", certificate.cert, "--tls-key-file", certificate.key,
            "--tls-ca-cert-file", authority.cert,
            "--tls-auth-clients", "yes" if asks_clients else "no", *options], **more)

    def tls_url(self, host="127.0.0.1"):
        return f"rediss://{host}:{self.tls_port}"


class RedisTls(Case):
    @classmethod
    def set_up(cls):
        cls.authority = Authority(cls.folder)
        cls.certificate = cls.authority.issue("localhost")
        cls.redis = cls._keep(TlsRedis(cls.folder, cls.certificate, cls.authority),
                              cls.addClassCleanup).start()

    def own_tls_redis(self, certificate=None, **more):
        redis = TlsRedis(self.own_folder(), certificate or self.certificate, self.authority, **more)
        return self._keep(redis, self.addCleanup).start()

    def node(self, redis=None, host="127.0.0.1", **settings):
        settings.setdefault("redis_ca", self.authority.cert)
        return self.own_node((redis or self.redis).tls_url(host), **settings)

    def assertWorks(self, node, group="works"):
        with node.client("groups=" + group) as client:
            client.next_op("joined")
            client.publish(group, text="hello")
            self.assertReceives(client, group, text="hello")

    def assertRefused(self, node, pattern):
        """It says why, and is not ready."""
        node.process.wait_for_log(pattern)
        self.assertEqual(node.get("/readyz").status, 503)
        self.assertNotIn("ready node=", node.process.log())

    # --- who Redis is

    def test_by_address_and_by_name(self):
        self.assertWorks(self.node(name="address"), "by-address")
        self.assertWorks(self.node(host="localhost", name="name"), "by-name")

    def test_the_system_does_not_trust_this_authority(self):
        self.assertRefused(self.node(redis_ca="", wait=False), "TLS: its certificate: ")

    def test_a_certificate_for_somebody_else_is_refused(self):
        redis = self.own_tls_redis(self.stranger())
        self.assertRefused(self.node(redis, wait=False), "TLS: its certificate: .*mismatch")
        self.assertRefused(self.node(redis, host="localhost", wait=False),
                           "TLS: its certificate: .*mismatch")
        self.assertWorks(self.node(redis, redis_sni="redis.example"))

    def stranger(self):
        """Signed as it should be, for redis.example alone."""
        made = self.authority.issue("redis.example")
        request = openssl("req", "-new", "-key", made.key, "-subj", "/CN=redis.example")
        extensions = os.path.join(self.own_folder(), "ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:redis.example\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-CA", self.authority.cert, "-CAkey", self.authority.key,
                "-CAcreateserial", "-days", "20", "-extfile", extensions, "-out", made.cert,
                input=request)
        return made

    def test_a_redis_without_tls_gets_no_password(self):
        port = free_port()
        self.own_redis(options=["--port", str(port), "--bind", "127.0.0.1"])
        node = self.own_node(f"rediss://:s3cret@127.0.0.1:{port}", wait=False,
                             redis_ca=self.authority.cert, log_level="debug")
        self.assertRefused(node, "no link to Redis: ")
        self.assertNotIn("s3cret", node.process.log())

    def test_who_speaks_plain_to_a_tls_port_is_told(self):
        self.assertRefused(self.own_node(f"redis://127.0.0.1:{self.redis.tls_port}", wait=False),
                           "no link to Redis: ")

    # --- who the node is

    def test_a_client_certificate(self):
        redis = self.own_tls_redis(asks_clients=True)
        mine = self.authority.issue("node", use="clientAuth")
        self.assertRefused(self.node(redis, wait=False), "no link to Redis: ")
        self.assertWorks(self.node(redis, redis_cert=mine.cert, redis_key=mine.key))

    def test_files_that_can_not_be_used_end_the_node(self):
        other = self.authority.issue("other", use="clientAuth")
        rows = [({"redis_ca": "/nowhere.pem"}, "redis-ca = /nowhere.pem: "),
                ({"redis_cert": other.cert}, "redis-cert and redis-key need each other"),
                ({"redis_cert": other.cert, "redis_key": self.certificate.key}, "redis-key = ")]
        for settings, text in rows:
            with self.subTest(text):
                node = self.node(wait=False, **settings)
                self.assertEqual(node.process.wait(), 2)
                self.assertIn(text, node.process.log())

    def test_settings_of_tls_without_tls_are_an_error(self):
        node = self.own_node(self.redis, wait=False, redis_ca=self.authority.cert)
        self.assertEqual(node.process.wait(), 2)
        self.assertIn("rediss://", node.process.log())

    # --- what goes through

    def test_what_is_larger_than_a_record_and_than_the_socket_takes(self):
        node = self.node(max_message="4MiB", payload_max="1MiB", history_size=4)
        client = self.own_client(node, "groups=large")
        client.next_op("joined")
        for size in (20_000, 60_000, 700_000):
            client.publish("large", text="x" * size)
            self.assertReceives(client, "large", text="x" * size)
        others = [self.own_client(node, "groups=many") for _ in range(3)]
        for other in others:
            other.next_op("joined")
        for i in range(300):
            others[0].send({"op": "publish", "group": "many", "text": f"{i} " + "y" * 5000})
        for other in others:
            for i in range(300):
                self.assertTrue(other.message()["text"].startswith(f"{i} "))

    def test_a_large_command_alone_does_not_wait_for_an_answer(self):
        node = self.node(max_message="4MiB", payload_max="1MiB", name="alone")
        client = self.own_client(node, "groups=alone")
        client.next_op("joined")
        for _ in range(8):
            client.publish("alone", text="z" * 1_000_000)
            self.assertReceives(client, "alone", text="z" * 1_000_000)

    def test_lost_links_are_made_up_for(self):
        redis = self.own_tls_redis(options=["--appendfsync", "always"])
        node = self.node(redis)
        client = self.own_client(node, "groups=back")
        client.next_op("joined")
        client.publish("back", text="before")
        self.assertReceives(client, "back", text="before")
        for kind in ("normal", "pubsub"):
            redis.call("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            redis.call("FCALL", "cw_publish", 1, "cw:{g:back}", "text", "of " + kind)
            self.assertReceives(client, "back", text="of " + kind)
            until(node.is_ready, "ready again", 15)
        redis.kill()
        until(lambda: not node.is_ready(), "not ready")
        redis.start()
        until(lambda: client.request("publish", group="back", text="after")["op"] == "ok",
              "publishing works again", 15)
        self.assertReceives(client, "back", text="after")

    def test_failed_handshakes_of_clients_do_not_end_the_links_to_redis(self):
        node = self.node(tls_cert=self.certificate.cert, tls_key=self.certificate.key, wait=False)
        until(lambda: node.get("/readyz", admin=True).status == 200, "it is ready", 15)
        for _ in range(20):
            subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}",
                            "-tls1_1"], input=b"", capture_output=True, timeout=30, check=False)
        self.assertNotIn("no link to Redis", node.process.log())
        self.assertEqual(node.get("/readyz", admin=True).status, 200)

    def test_the_script(self):
        environment = clean_environment(CHANWAY_REDIS=self.redis.tls_url(),
                                        CHANWAY_REDIS_CA=self.authority.cert)
        node = self.node()
        with node.client("groups=seen") as client:
            client.next_op("joined")
            done = subprocess.run([source_path("scripts/chanway"), "groups"], env=environment,
                                  capture_output=True, timeout=30, check=False)
            self.assertIn(b"seen", done.stdout, done.stderr)


if __name__ == "__main__":
    main()
