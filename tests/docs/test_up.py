"""scripts/up and scripts/down as the pages tell of them, in a tree of their own, with the program that is built already."""

import os
import pathlib
import re
import shutil
import socket
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.client import Client
from support.http_client import get
from support.node import clean_environment
from support.paths import SOURCE, chanwayd
from support.ports import free_ports
from support.wait import until
from support.websocket import WebSocket


class Up(Case):

    def setUp(self):
        super().setUp()
        if not (SOURCE / ".deps/stamps").is_dir():
            self.skipTest("scripts/deps has not been here")
        self.tree = pathlib.Path(self.own_folder(), "tree")
        self.tree.mkdir()
        shutil.copytree(SOURCE / "scripts", self.tree / "scripts")
        for name in (".deps", "CMakeLists.txt", "cluster", "gateway", "web"):
            os.symlink(SOURCE / name, self.tree / name)
        (self.tree / "build/release").mkdir(parents=True)
        os.symlink(chanwayd(), self.tree / "build/release/chanwayd")
        # What is built is not built again.
        programs = self.tree / "programs"
        programs.mkdir()
        (programs / "cmake").write_text("#!/bin/sh\n", encoding="ascii")
        (programs / "cmake").chmod(0o755)
        self.port = free_ports(23)
        self.environment = clean_environment(
            PATH=f"{programs}:{os.environ['PATH']}", CHANWAY_UP_PORT=str(self.port),
            CHANWAY_UP_REDIS_PORT=str(self.port + 2), CHANWAY_EVENTS="connect,disconnect,message")
        # A desktop, whose browser writes down what it is to open.
        self.opened = self.tree / "opened"
        (programs / "xdg-open").write_text(f"#!/bin/sh\necho \"$1\" >{self.opened}\n", encoding="ascii")
        (programs / "xdg-open").chmod(0o755)
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.environment["DISPLAY"] = ":0"
        self.addCleanup(self.run_script, "down", "--quiet")

    def start_script(self, name, *words, **variables):
        return subprocess.run([str(self.tree / "scripts" / name), *words], env={**self.environment, **variables},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50,
                              check=False)

    def run_script(self, name, *words):
        done = self.start_script(name, *words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def fail_script(self, name, *words, **variables):
        """What it complains of."""
        done = self.start_script(name, *words, **variables)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def pids(self):
        return [int(path.read_text(encoding="ascii").split()[0])
                for path in (self.tree / "run").glob("*.pid")]

    def is_alive(self, pid):
        """Not if it has ended and nobody has asked how."""
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    def test_up_a_chat_up_again_down(self):
        text = self.run_script("up")
        self.assertIn("Chanway is up: 2 nodes behind a balancer, and messages cross between them.", text)
        for address in (f"ws://127.0.0.1:{self.port}/ws", f"http://127.0.0.1:{self.port + 11}/",
                        f"http://127.0.0.1:{self.port + 21}/", f"-p {self.port + 2} FCALL cw_publish"):
            self.assertIn(address, text)
        self.assertEqual(get(("127.0.0.1", self.port), "/readyz").status, 200)
        for node in 1, 2:
            self.assertEqual(get(("127.0.0.1", self.port + 10 * node + 1), "/").status, 200)

        # Each example as it was printed.
        query = re.search(r"npx wscat -c 'ws://[^/]*(/\S*)'", text).group(1)
        talkers = []
        for node in 1, 2:
            talkers.append(WebSocket(("127.0.0.1", self.port + 10 * node), query))
            self.addCleanup(talkers[-1].drop)
            talkers[-1].send_text(f"from node{node}")  # comes back when it is in the chat
            for talker in talkers:
                self.assertEqual(talker.receive_text(), f"from node{node}")
        done = subprocess.run(["bash", "-c", re.search(r"redis-cli .*", text).group(0)],
                              capture_output=True, text=True, timeout=20, check=True)
        self.assertRegex(done.stdout, r"^\d+-\d+$")
        for talker in talkers:
            self.assertEqual(talker.receive_text(), '{"hello":"all"}')
        nodes = self.run_script("chanway", "nodes")
        self.assertTrue("node1." in nodes and "node2." in nodes, nodes)
        self.assertIn("connect", subprocess.run(
            ["redis-cli", "-p", str(self.port + 2), "XRANGE", "cw:{events}", "-", "+", "COUNT", "1"],
            capture_output=True, text=True, timeout=20, check=True).stdout)

        before = self.pids()
        self.assertEqual(len(before), 4)
        self.assertFalse(self.opened.exists())
        text = self.run_script("up", "--demo")
        self.assertIn("Chanway is up already", text)
        page = f"http://127.0.0.1:{self.port + 11}/#/chat"
        self.assertIn(f"Two browsers on two nodes: {page}", text)
        self.assertEqual(self.opened.read_text(encoding="ascii").strip(), page)
        self.assertEqual(self.pids(), before)
        with Client(type("Balancer", (), {"address": ("127.0.0.1", self.port)})):
            pass

        self.run_script("down")
        until(lambda: not any(self.is_alive(pid) for pid in before), "all have ended")
        self.assertEqual(self.run_script("down").count("\n"), 1)

    def test_what_fails_says_what_to_do(self):
        self.assertIn("leave --nodes out", self.fail_script("up", "--demo", "--nodes", "1"))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port + 10))
            taken.listen()
            self.assertRegex(self.fail_script("up"), r"for node1, is taken by .*CHANWAY_UP_PORT=\.\.\. scripts/up")
        said = self.fail_script("up", CHANWAY_MAX_GROUPS="many")
        self.assertIn("CHANWAY_MAX_GROUPS = many", said)
        self.assertIn("correct or unset the CHANWAY_... variable it names, then scripts/up again", said)
        self.assertEqual(self.run_script("down"), "nothing is up\n")


if __name__ == "__main__":
    main()
