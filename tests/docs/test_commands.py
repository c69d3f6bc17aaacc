"""Runs the commands of README.md and docs/ as they stand there, beside two nodes and a balancer.

Addresses are those of this test in place of those of scripts/up, which a machine has only once.
"""

import json
import os
import re
import shutil
import subprocess
import time

import setup_path  # noqa: F401
from support.case import main
from support.client import Client
from support.cluster import ClusterCase
from support.paths import SOURCE, chanwayd, source_path
from support.wait import until

import commands

WSCAT = source_path("tests/node_modules/.bin/wscat")


class Commands(ClusterCase):
    node_count = 2

    def setUp(self):
        super().setUp()
        self.start_cluster()
        self.folder = self.own_folder()
        self.exports = {}
        # The programs as they are called where they are installed.
        os.symlink(chanwayd(), os.path.join(self.folder, "chanwayd"))
        self.settings_file = os.path.join(self.folder, "chanwayd.conf")
        with open(self.settings_file, "w", encoding="ascii") as file:
            file.write("redis = unix:/nowhere\n")
        self.environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}:/usr/bin",
                            "CHANWAY_REDIS": "unix:" + self.redis.socket}
        self.member = Client(self.nodes[0], "groups=chat")
        self.addCleanup(self.member.drop)
        self.member.next_op("joined")

    def here(self, words):
        """The command with the addresses of this test."""
        admin = self.nodes[0].admin_port
        for there, here in (("redis-cli -p 6390", f"redis-cli -s {self.redis.socket}"),
                            ("127.0.0.1:8000", "127.0.0.1:%d" % self.balancer.port),
                            ("127.0.0.1:8001", f"127.0.0.1:{admin}"),
                            ("/etc/chanway/chanwayd.conf", self.settings_file),
                            ("build/release/chanwayd", chanwayd()),
                            ("npx wscat", f"{shutil.which('node')} {WSCAT}"),
                            ("CHANNEL", self.member.uuid)):
            words = words.replace(there, here)
        return words

    def run_to_the_end(self, command, pattern):
        """What a page exports holds for its later commands."""
        if command.words.startswith("curl ") and not shutil.which("curl"):
            return
        if command.words.startswith("export "):
            self.exports[command.page] = command.words.partition("#")[0] + ";"
        words = self.exports.get(command.page, "") + self.here(command.words)
        done = subprocess.run(["bash", "-c", words], cwd=SOURCE, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, re.compile(pattern.replace("CHANNEL", self.member.uuid), re.M))

    def start_terminal(self, words):
        output = os.path.join(self.own_folder(), "output")
        with open(output, "wb") as file:
            terminal = subprocess.Popen(["bash", "-c", "exec " + self.here(words)], cwd=SOURCE,
                                        env=self.environment, stdin=subprocess.PIPE, stdout=file,
                                        stderr=subprocess.STDOUT)

        def end():
            terminal.kill()
            terminal.wait()
            terminal.stdin.close()
        self.addCleanup(end)

        def read():
            with open(output, "rb") as file:
                text = file.read().decode("utf-8", "replace")
            self.assertIsNone(terminal.poll(), text)
            return text
        return terminal, read

    def say(self, terminal, line):
        terminal.stdin.write(line.encode() + b"\n")
        terminal.stdin.flush()

    def frames(self, text):
        return [json.loads(found) for found in re.findall(r'\{"op".*\}', text)]

    def is_answered(self, expected, text):
        """A frame has the fields of `expected`; positions are others each time."""
        for frame in self.frames(text):
            if all(field in frame and (field in ("epoch", "offset") or frame[field] == value)
                   for field, value in expected.items()):
                return True
        return False

    def hold_dialog(self, command):
        terminal, read = self.start_terminal(command.words)
        until(lambda: self.is_answered({"op": "welcome"}, read()), "it is welcome", 20)
        for line in command.dialog:
            if line.startswith("> "):
                self.say(terminal, line[2:])
            else:
                expected = json.loads(line[2:])
                until(lambda: self.is_answered(expected, read()), f"{line} in {read()}", 20)

    def chat(self, words):
        """Two terminals: what one types, the other reads. Typed again until both have joined."""
        talkers = [self.start_terminal(words) for _ in range(2)]
        deadline = time.monotonic() + 25
        for (terminal, _), (_, read) in (talkers, talkers[::-1]):
            line = f"a line of the chat {id(terminal)}"
            while line not in read() and time.monotonic() < deadline:
                self.say(terminal, line)
                time.sleep(0.2)
            self.assertIn(line, read())

    def test_metrics_and_settings_that_are_named_are_there(self):
        metrics = self.nodes[0].get("/metrics", admin=True).body.decode()
        settings = subprocess.run([chanwayd(), "--help"], capture_output=True, text=True, timeout=20,
                                  check=True).stdout
        for path in [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))]:
            text = path.read_text(encoding="utf-8")
            for name in re.findall(r"`(chanway_[a-z_]*[a-z])`", text):
                with self.subTest(page=path.name, metric=name):
                    self.assertRegex(metrics, rf"(?m)^{name}[ {{]")
            for name in re.findall(r"`([a-z]+(?:-[a-z]+)+) = ", text):
                with self.subTest(page=path.name, setting=name):
                    self.assertIn(f"--{name} ", settings)

    def test_every_command_that_is_to_run(self):
        done = 0
        for command in commands.of_pages(SOURCE):
            what, detail = commands.row_of(command.words)
            if what != commands.RUN:
                continue
            with self.subTest(page=command.page, command=command.words):
                if not command.words.startswith("npx wscat"):
                    self.run_to_the_end(command, detail)
                elif "chanway.v1.json" in command.words:
                    self.hold_dialog(command)
                else:
                    self.chat(command.words)
            done += 1
            if "cw_close" in command.words:  # the commands of the next page have a channel again
                self.member.drop()
                self.member = self.own_client(self.nodes[0], "groups=chat")
                self.member.next_op("joined")
        self.assertGreater(done, 20)


if __name__ == "__main__":
    main()
