"""Redis behind Sentinel (CONTRACT: redis+sentinel://h:p,h:p/NAME): passwords, TLS, troubles of
Sentinels, failover; with load: tests/faults/test_sentinel.py."""

import signal
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.certificates import Authority
from support.node import clean_environment
from support.paths import source_path
from support.ports import free_port
from support.redis_server import RedisServer
from support.sentinel import NAME, Sentinel, SentinelGroup
from support.wait import until


class SentinelCase(Case):
    def assertWorks(self, node, group="works"):
        with node.client("groups=" + group) as client:
            client.next_op("joined")
            client.publish(group, text="hello")
            self.assertReceives(client, group, text="hello")

    def assertScriptSees(self, url, group="seen", **environment):
        done = subprocess.run([source_path("scripts/chanway"), "groups"], capture_output=True,
                              env=clean_environment(CHANWAY_REDIS=url, **environment), timeout=30,
                              check=False)
        self.assertIn(group, done.stdout.decode(), done.stderr)

    def fail_over(self, group):
        """As an operator does it; the Sentinels agree afterwards."""
        old = group.primary()
        until(lambda: self.asked_for_failover(group), "a Sentinel begins", 20)
        until(lambda: group.is_another(old), "another primary", 40)
        return old

    def asked_for_failover(self, group):
        try:
            return group.sentinels[0].ask("SENTINEL", "FAILOVER", NAME)
        except Exception as error:  # it does not see a good replica yet
            self.assertIn("NOGOODSLAVE", str(error))
            return False


class Group(SentinelCase):
    @classmethod
    def set_up(cls):
        cls.group = cls._keep(SentinelGroup(cls.folder), cls.addClassCleanup).start()

    def test_clients_go_on_at_the_new_primary(self):
        node = self.own_node(self.group)
        client = self.own_client(node, "groups=stay")
        client.next_op("joined")
        client.publish("stay", text="before")
        self.assertReceives(client, "stay", text="before")
        self.fail_over(self.group)
        until(lambda: client.request("publish", group="stay", text="after")["op"] == "ok",
              "publishing works again", 20)
        while client.message().get("text") != "after":
            pass
        self.assertEqual(self.group.call("FCALL_RO", "cw_group", 1, "cw:{g:stay}")[1], 1)

    def test_sentinels_that_do_not_answer_are_passed_over(self):
        silent, gone = self.group.sentinels[0], free_port()
        silent.process.signal(signal.SIGSTOP)
        self.addCleanup(silent.process.signal, signal.SIGCONT)
        node = self.own_node(f"redis+sentinel://127.0.0.1:{gone},127.0.0.1:{silent.port},"
                             f"127.0.0.1:{self.group.sentinels[1].port}/{NAME}")
        self.assertWorks(node)

    def test_a_name_that_nobody_knows_is_told(self):
        node = self.own_node(self.group.url.replace("/" + NAME, "/other"), wait=False)
        node.process.wait_for_log("does not watch a primary of this name")
        self.assertEqual(node.get("/readyz").status, 503)

    def test_the_script_asks_the_sentinels(self):
        node = self.own_node(self.group)
        with node.client("groups=seen") as client:
            client.next_op("joined")
            self.assertScriptSees(self.group.url.replace("://", f"://127.0.0.1:{free_port()},"))


class Secured(SentinelCase):
    def watched(self, lines, password):
        """One that watches a Redis of its own, and is not started."""
        port = free_port()
        redis = RedisServer(self.own_folder(), options=["--port", str(port), "--bind", "127.0.0.1"],
                            own_config=True)
        self._keep(redis, self.addCleanup).start()
        redis.call("CONFIG", "SET", "requirepass", password)
        sentinel = Sentinel(self.own_folder(), 0, port, 3000, lines=lines)
        return self._keep(sentinel, self.addCleanup)

    def test_a_password_for_both(self):
        sentinel = self.watched(["requirepass p@ss", f"sentinel auth-pass {NAME} p@ss"],
                                "p@ss")
        sentinel.start_only()
        node = self.own_node(f"redis+sentinel://:p%40ss@127.0.0.1:{sentinel.port}/{NAME}",
                             log_level="debug")
        self.assertWorks(node)
        self.assertNotIn("p@ss", node.process.log())
        self.assertScriptSees(node.settings["redis"], "works")

    def test_tls_to_both(self):
        authority = Authority(self.own_folder())
        files = authority.issue("localhost")
        port, tls_port = free_port(), free_port()
        tls = ["tls-cert-file " + files.cert, "tls-key-file " + files.key,
               "tls-ca-cert-file " + authority.cert, "tls-auth-clients no"]
        words = [word for line in tls for word in ("--" + line).split(" ", 1)]
        redis = RedisServer(self.own_folder(), options=[
            "--tls-port", str(port), "--bind", "127.0.0.1", *words], own_config=True)
        self._keep(redis, self.addCleanup).start()
        sentinel = Sentinel(self.own_folder(), 0, port, 3000, lines=[
            *tls, "tls-replication yes", f"tls-port {tls_port}"])
        self._keep(sentinel, self.addCleanup).start_only()
        node = self.own_node(f"rediss+sentinel://127.0.0.1:{tls_port}/{NAME}",
                             redis_ca=authority.cert)
        self.assertWorks(node)
        self.assertScriptSees(node.settings["redis"], "works", CHANWAY_REDIS_CA=authority.cert)

    def test_a_password_for_redis_alone_and_a_database(self):
        sentinel = self.watched([f"sentinel auth-pass {NAME} other"], "other")
        sentinel.start_only()
        node = self.own_node(f"redis+sentinel://:other@127.0.0.1:{sentinel.port}/{NAME}/2")
        self.assertWorks(node)
        self.assertScriptSees(node.settings["redis"], "works")


if __name__ == "__main__":
    main()
