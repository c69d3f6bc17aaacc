"""How the programs are built, and what systemd makes of the service: no node runs here."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import setup_path  # noqa: F401
from support.case import main
from support.paths import SOURCE, chanwayd, source_path

BUILD = Path(os.path.abspath(chanwayd())).parent
UNIT = source_path("scripts/systemd/chanwayd.service")


def run(*words):
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50,
                           check=False, env={**os.environ, "LC_ALL": "C"})
    return ended.returncode, ended.stdout


def readelf(what, file):
    code, said = run("readelf", what, "--wide", str(file))
    if code != 0:
        raise AssertionError(said)
    return said


class Binaries(unittest.TestCase):
    """Of the release build."""

    FILES = (BUILD / "chanwayd", BUILD / "libchanway.so")

    def test_they_can_be_loaded_anywhere(self):
        for file in self.FILES:
            with self.subTest(file=file.name):
                self.assertRegex(readelf("--file-header", file), r"Type: +DYN ")
        self.assertRegex(readelf("--dynamic", self.FILES[0]), r"FLAGS_1.* PIE")

    def test_what_is_linked_can_not_be_written_to_later(self):
        for file in self.FILES:
            with self.subTest(file=file.name):
                self.assertIn("GNU_RELRO", readelf("--program-headers", file))
                self.assertIn("BIND_NOW", readelf("--dynamic", file))
                self.assertNotRegex(readelf("--dynamic", file), "TEXTREL")

    def test_nothing_is_both_written_to_and_run(self):
        for file in self.FILES:
            with self.subTest(file=file.name):
                rows = re.findall(r"^ +(LOAD|GNU_STACK) .* ([R ][W ][E ]) 0x", readelf("--program-headers", file), re.M)
                self.assertIn("GNU_STACK", [kind for kind, _ in rows])
                for kind, flags in rows:
                    self.assertNotIn("WE", flags, kind)
                    if kind == "GNU_STACK":
                        self.assertNotIn("E", flags)

    def test_libraries_are_looked_for_where_the_system_has_them_only(self):
        for file in self.FILES:
            with self.subTest(file=file.name):
                self.assertNotRegex(readelf("--dynamic", file), "RPATH|RUNPATH")

    def test_stacks_and_buffers_are_guarded(self):
        for file in self.FILES:
            with self.subTest(file=file.name):
                symbols = readelf("--dyn-syms", file)
                self.assertIn("__stack_chk_fail", symbols)
                for name in ("__snprintf_chk", "__memcpy_chk"):
                    self.assertIn(name, symbols)

    def test_every_source_of_ours_is_compiled_so(self):
        commands = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
        ours = [entry for entry in commands
                if Path(entry["file"]).is_relative_to(SOURCE / "gateway")
                or Path(entry["file"]).is_relative_to(SOURCE / "cluster")]
        self.assertGreater(len(ours), 50)
        for entry in ours:
            for flag in ("-fstack-protector-strong", "-D_FORTIFY_SOURCE=3", "-fstack-clash-protection"):
                self.assertIn(flag, entry["command"].split(), entry["file"])
            self.assertRegex(entry["command"], "-fPI[CE]", entry["file"])


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not there")
class Service(unittest.TestCase):
    """The unit, with the program of this build."""

    def setUp(self):
        code, version = run("systemd-analyze", "--version")
        if code != 0 or int(version.split()[1]) < 252:
            self.skipTest("this systemd is too old to judge a file")
        folder = tempfile.mkdtemp(prefix="chanway-test-")
        self.addCleanup(shutil.rmtree, folder)
        text = Path(UNIT).read_text(encoding="utf-8")
        self.unit = os.path.join(folder, "chanwayd.service")
        changed = re.sub(r"^ExecStart=\S+", f"ExecStart={BUILD / 'chanwayd'}", text, flags=re.M)
        Path(self.unit).write_text(changed, encoding="utf-8")

    def test_systemd_understands_it(self):
        code, said = run("systemd-analyze", "verify", "--man=no", self.unit)
        if "Failed to" in said and "initialize manager" in said:
            self.skipTest(said.strip())
        ours = [line for line in said.splitlines() if "chanwayd" in line]
        self.assertEqual(ours, [], said)
        self.assertEqual(code, 0, said)

    def test_little_is_left_open(self):
        code, said = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15",
                         self.unit)
        if re.search("(?i)unknown operation|unrecognized option", said):
            self.skipTest(said.strip())
        self.assertEqual(code, 0, said)

    def test_its_flags_are_those_of_the_program(self):
        """What it says on the command line and in the environment is taken."""
        text = Path(UNIT).read_text(encoding="utf-8")
        (file,) = re.findall(r"^ExecStart=/usr/local/bin/chanwayd --config (\S+)$", text, re.M)
        self.assertTrue(file.startswith("/etc/chanway/"))
        environment = dict(re.findall(r"^Environment=(\w+)=(\S+)$", text, re.M))
        ended = subprocess.run([chanwayd(), "--print-settings"], capture_output=True, text=True, timeout=30,
                               check=True, env={**environment, "ASAN_OPTIONS": "detect_leaks=0"})
        self.assertIn("data-dir = /var/lib/chanway", ended.stdout)


if __name__ == "__main__":
    main()
