"""Settings `user` and `sandbox`: what a node gives up, and that it then can't do it."""

import os
import pwd
import shutil
import signal
import subprocess
import unittest

import setup_path  # noqa: F401
from support.case import Case, main
from support.node import clean_environment
from support.paths import chanwayd
from support.ports import free_port
from support.process import children_of, is_alive
from support.wait import until
from support.wire import Closed

NOBODY = "nobody"
IS_SANITIZED = os.environ.get("CHANWAY_SANITIZED") == "1"
# What has changed its user can't be looked at by the leak checker.
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0"}


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def reach_module():
    return os.path.join(os.path.dirname(os.path.abspath(chanwayd())), "modules", "reach.so")


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class User(Case):

    @classmethod
    def set_up(cls):
        cls.nobody = pwd.getpwnam(NOBODY)
        os.chmod(cls.folder, 0o711)

    def folder_of_nobody(self):
        folder = self.own_folder()
        os.chown(folder, self.nobody.pw_uid, self.nobody.pw_gid)
        return folder

    def run_briefly(self, *words, **options):
        """A node that is expected to end by itself: its exit code and what it said."""
        ended = subprocess.run(
            [self.program(), "--listen", f"127.0.0.1:{free_port()}", "--admin-listen", "", *words],
            stderr=subprocess.PIPE, env=clean_environment(**ENVIRONMENT), timeout=30, check=False, **options)
        return ended.returncode, ended.stderr.decode()

    def program(self):
        """A copy that nobody may run, wherever the build is."""
        copy = os.path.join(self.folder, "chanwayd")
        if not os.path.exists(copy):
            shutil.copy(chanwayd(), copy)
            os.chmod(copy, 0o755)
        return copy

    def assertIsNobody(self, pid):
        status = status_of(pid)
        self.assertEqual(status["Uid"].split(), [str(self.nobody.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(self.nobody.pw_gid)] * 4)
        self.assertEqual([int(group) for group in status["Groups"].split()],
                         os.getgrouplist(NOBODY, self.nobody.pw_gid))
        for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)

    def test_root_becomes_the_user_and_so_does_its_redis(self):
        folder = self.folder_of_nobody()
        before = os.getgroups()
        self.addCleanup(os.setgroups, before)
        os.setgroups([0, 3, 4])  # what whoever started it was in
        node = self.own_node(None, user=NOBODY, data_dir=os.path.join(folder, "data"),
                             environment=ENVIRONMENT, dies_by=signal.SIGTERM)
        self.assertIsNobody(node.process.pid)
        (child,) = children_of(node.process.pid)
        self.assertIsNobody(child)
        for name in os.listdir(os.path.join(folder, "data")):
            self.assertEqual(os.stat(os.path.join(folder, "data", name)).st_uid, self.nobody.pw_uid, name)
        with node.client("groups=room") as client:
            client.next_op("joined")
            client.publish("room", text="hello")
            self.assertReceives(client, "room", text="hello")
        node.terminate()
        self.assertEqual(node.process.wait(20), 0)
        until(lambda: not is_alive(child), "its Redis has ended", 10)

    def test_its_redis_is_started_again_by_the_user(self):
        node = self.own_node(None, user=NOBODY, data_dir=os.path.join(self.folder_of_nobody(), "data"),
                             environment=ENVIRONMENT, dies_by=signal.SIGTERM)
        (child,) = children_of(node.process.pid)
        os.kill(child, signal.SIGKILL)
        until(lambda: children_of(node.process.pid) not in ([], [child]), "there is another one", 20)
        self.assertIsNobody(children_of(node.process.pid)[0])

    def test_it_listens_as_root_and_opens_the_rest_as_the_user(self):
        roots = self.own_folder()  # 0700: the user may not even look
        path = os.path.join(roots, "clients.sock")
        code, said = self.run_briefly("--listen", "unix:" + path, "--user", NOBODY, "--redis", "embedded",
                                      "--data-dir", os.path.join(roots, "data"))
        self.assertEqual(code, 1, said)
        self.assertIn("Permission denied", said)
        self.assertIn(os.path.join(roots, "data"), said)
        self.assertEqual(os.stat(path).st_uid, 0)

    def test_modules_are_loaded_as_the_user(self):
        roots = self.own_folder()
        module = os.path.join(roots, "reach.so")
        shutil.copy(reach_module(), module)
        code, said = self.run_briefly("--user", NOBODY, "--redis", "redis://127.0.0.1:1", "--module", module)
        self.assertEqual(code, 2, said)
        self.assertIn("reach.so", said)

    def test_keys_and_schemas_are_read_as_the_user(self):
        secret = os.path.join(self.own_folder(), "file")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("{}")
        for words in (("--token-alg", "RS256", "--token-key-file", secret), ("--schema.a", secret)):
            with self.subTest(words=words):
                code, said = self.run_briefly("--user", NOBODY, "--redis", "redis://127.0.0.1:1", *words)
                self.assertEqual(code, 2, said)
                self.assertIn(secret, said)
                self.assertIn("Permission denied", said)

    def test_a_user_that_can_not_be_one(self):
        for user, expected, says in (("no-such-user", 2, "no such user"), ("root", 2, "that is root")):
            with self.subTest(user=user):
                code, said = self.run_briefly("--user", user, "--redis", "redis://127.0.0.1:1")
                self.assertEqual(code, expected, said)
                self.assertIn(f"user = {user}: ", said)
                self.assertIn(says, said)

    def test_who_is_not_root_can_not_become_another(self):
        as_nobody = {"user": self.nobody.pw_uid, "group": self.nobody.pw_gid, "extra_groups": []}
        code, said = self.run_briefly("--user", "daemon", "--redis", "redis://127.0.0.1:1", **as_nobody)
        self.assertEqual(code, 1, said)
        self.assertIn("user = daemon: only root can become another user", said)

    def test_who_is_that_user_stays_so(self):
        as_nobody = {"user": self.nobody.pw_uid, "group": self.nobody.pw_gid, "extra_groups": []}
        code, said = self.run_briefly("--user", NOBODY, "--redis", "embedded", "--data-dir", "/proc/none",
                                      **as_nobody)
        self.assertEqual(code, 1, said)
        self.assertIn("/proc/none", said)  # it came as far as that


class Sandbox(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def node_with_reach(self, redis, **settings):
        return self.own_node(redis, module=reach_module(), **settings)

    def ask(self, node, what):
        """What came of the call, or the signal that ended the node."""
        socket = self.own_raw(node, "type=text")
        socket.send_text(what)
        try:
            return socket.receive_text()
        except Closed:
            return -node.process.wait()

    def test_every_node_forbids_new_rights(self):
        for settings in ({}, {"sandbox": "off"}):
            node = self.own_node(self.redis, **settings)
            self.assertEqual(status_of(node.process.pid)["NoNewPrivs"], "1")

    def test_what_a_node_never_does_ends_it(self):
        node = self.node_with_reach(self.redis)
        if status_of(node.process.pid)["Seccomp"] != "2":
            node.process.wait_for_log("no sandbox: ")
            self.skipTest("this kernel has no seccomp")
        calls = ["mount", "setuid", "bpf", *([] if IS_SANITIZED else ["execve", "ptrace"])]
        for what in calls:
            with self.subTest(what=what):
                if not node.process.is_running():
                    node = self.node_with_reach(self.redis)
                self.assertEqual(self.ask(node, "getppid"), "0 0")
                self.assertEqual(self.ask(node, what), signal.SIGSYS)

    def test_switched_off_the_calls_fail_by_themselves(self):
        node = self.node_with_reach(self.redis, sandbox="off")
        for what in ("mount", "setuid", "execve", "ptrace", "bpf"):
            rc, error = self.ask(node, what).split()
            self.assertEqual(rc, "-1", what)
            self.assertNotEqual(error, "0", what)
        self.assertEqual(self.ask(node, "a program"), "0 0")

    @unittest.skipIf(IS_SANITIZED, "a sanitizer runs a program to name lines")
    def test_children_are_held_to_it(self):
        node = self.node_with_reach(self.redis)
        if status_of(node.process.pid)["Seccomp"] != "2":
            self.skipTest("this kernel has no seccomp")
        self.assertEqual(self.ask(node, "a program"), f"{int(signal.SIGSYS)} 0")

    def test_a_node_with_a_redis_of_its_own_may_run_programs(self):
        node = self.node_with_reach(None, data_dir=os.path.join(self.own_folder(), "data"),
                                    dies_by=signal.SIGTERM)
        self.assertEqual(self.ask(node, "a program"), "0 0")


if __name__ == "__main__":
    main()
