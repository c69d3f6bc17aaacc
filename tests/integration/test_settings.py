"""Settings from flag, environment and file, and what is said of bad ones (CONTRACT: programs)."""

import os
import re
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.node import clean_environment
from support.paths import chanwayd

# Settings whose defaults CONTRACT names and that every version has.
DEFAULTS = {
    "listen": "0.0.0.0:8000", "admin-listen": "127.0.0.1:8001", "path": "/ws", "redis": "embedded",
    "redis-prefix": "cw", "data-dir": "./run", "channel-ttl": "0", "channel-ttl-max": "0",
    "history-size": "100", "history-ttl": "300s", "heartbeat-interval": "15s",
    "heartbeat-timeout": "30s", "op-timeout": "5s", "max-message": "64KiB", "max-groups": "128",
    "send-queue-max": "1MiB", "log-level": "info", "log-format": "text",
}


UNITS = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000, "KiB": 1 << 10,
         "MiB": 1 << 20, "GiB": 1 << 30}


def in_units(value):
    """A duration or size as a number, so that 5m is 300s; anything else as it is."""
    found = re.fullmatch(r"(\d+)([A-Za-z]+)", value or "")
    if not found or found.group(2) not in UNITS:
        return value
    return int(found.group(1)) * UNITS[found.group(2)]


class Settings(Case):

    def run_it(self, *words, config=None, **environment):
        """chanwayd with these arguments; must end at once."""
        words = [chanwayd(), *words]
        if config is not None:
            self.config = os.path.join(self.own_folder(), "chanway.ini")
            with open(self.config, "w", encoding="utf-8") as file:
                file.write(config)
            words += ["--config", self.config]
        return subprocess.run(words, capture_output=True, text=True, timeout=10, cwd=self.folder,
                              check=False, stdin=subprocess.DEVNULL,
                              env=clean_environment(**environment))

    def printed(self, *words, **options):
        """--print-settings as a dict."""
        done = self.run_it("--print-settings", *words, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {}
        for line in done.stdout.splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith(("#", ";")):
                found[name.strip()] = value.split(" #")[0].split(" ;")[0].strip()
        return found

    def assertUsage(self, done, *mentions):
        """Exit 2, with these words in the message and nothing started."""
        self.assertEqual(done.returncode, 2, done)
        for word in mentions:
            self.assertIn(word, done.stderr)

    # --- what is asked about

    def test_help_lists_every_setting_and_is_no_error(self):
        done = self.run_it("--help")
        self.assertEqual(done.returncode, 0)
        for name in [*DEFAULTS, "node"]:
            self.assertRegex(done.stdout, rf"--{name}\b")
        for name in ("version", "check-config", "print-settings", "config"):
            self.assertIn("--" + name, done.stdout)

    def test_version_is_one_line(self):
        done = self.run_it("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^[^\n]*\d+\.\d+\.\d+[^\n]*\n$")

    def test_defaults_are_those_of_the_contract(self):
        printed = self.printed()
        for name, value in DEFAULTS.items():
            with self.subTest(name=name):
                self.assertEqual(in_units(printed.get(name)), in_units(value))

    def test_what_is_printed_is_a_config_file_that_says_the_same(self):
        words = ["--max-groups", "7", "--history-ttl", "90s"]
        written = self.run_it("--print-settings", *words).stdout
        self.assertEqual(self.printed(config=written), self.printed(*words))
        self.assertEqual(self.printed(config=written)["max-groups"], "7")

    # --- where they come from

    def test_flag_beats_environment_beats_file(self):
        text = "max-groups = 5\n"
        self.assertEqual(self.printed(config=text)["max-groups"], "5")
        self.assertEqual(self.printed(config=text, CHANWAY_MAX_GROUPS="6")["max-groups"], "6")
        self.assertEqual(self.printed("--max-groups", "7", config=text,
                                      CHANWAY_MAX_GROUPS="6")["max-groups"], "7")
        self.assertEqual(self.printed(CHANWAY_MAX_GROUPS="6")["max-groups"], "6")

    def test_comments_blank_lines_and_blanks_in_files_do_not_matter(self):
        printed = self.printed(config="# comment\n\n; another\n  \n  max-groups=9\n"
                                      "node   =   alpha   \npath = /other\n")
        self.assertEqual((printed["max-groups"], printed["node"], printed["path"]),
                         ("9", "alpha", "/other"))

    def test_durations_and_sizes_have_units(self):
        for value in ("250ms", "25s", "5m"):
            with self.subTest(value=value):
                done = self.run_it("--check-config", "--op-timeout", value)
                self.assertEqual(done.returncode, 0)
        for value in ("65536", "64KiB", "1MiB"):
            with self.subTest(value=value):
                done = self.run_it("--check-config", "--send-queue-max", value)
                self.assertEqual(done.returncode, 0)

    def test_check_config_says_yes_without_starting_anything(self):
        done = self.run_it("--check-config", "--listen", "127.0.0.1:1", config="max-groups = 5\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("ready node=", done.stderr)

    # --- what is refused

    def test_bad_values_exit_2_and_name_setting_and_value(self):
        for name, value in (("max-groups", "x"), ("max-groups", "-1"), ("max-groups", ""),
                            ("max-groups", "1.5"), ("max-groups", "99999999999999999999"),
                            ("heartbeat-interval", "5"), ("heartbeat-interval", "5 s"),
                            ("heartbeat-interval", "fast"), ("heartbeat-interval", "-5s"),
                            ("heartbeat-interval", "5x"), ("send-queue-max", "1XB"),
                            ("send-queue-max", "lots"), ("max-message", "-1KiB"),
                            ("log-level", "loud"), ("log-format", "xml"), ("raw-gap", "maybe"),
                            ("listen", "nowhere"), ("listen", "127.0.0.1:99999"),
                            ("listen", "127.0.0.1:"), ("listen", "127.0.0.1:x"),
                            ("admin-listen", "127.0.0.1"), ("redis", "http://h"),
                            ("redis", "redis://"), ("redis", ""), ("redis", "redis://h:p/0"),
                            ("redis", "redis://h:1/x"), ("node", "a b"), ("node", "n" * 51),
                            ("node", "ä"), ("path", "ws"), ("redis-prefix", "a{b")):
            with self.subTest(name=name, value=value):
                done = self.run_it("--check-config", f"--{name}", value)
                self.assertUsage(done, name, value)
                done = self.run_it(**{"CHANWAY_" + name.upper().replace("-", "_"): value})
                self.assertEqual(done.returncode, 2, done)

    def test_bad_values_in_files_are_told_with_file_and_line(self):
        done = self.run_it("--check-config", config="# first\nnode = a\nmax-groups = many\n")
        self.assertUsage(done, self.config, "max-groups", "many")
        self.assertRegex(done.stderr, re.escape(self.config) + r"\D+3\b")

    def test_unknown_settings_are_refused_with_file_and_line(self):
        done = self.run_it("--check-config", config="node = a\n\nno-such-thing = 1\n")
        self.assertUsage(done, self.config, "no-such-thing")
        self.assertRegex(done.stderr, re.escape(self.config) + r"\D+3\b")
        self.assertUsage(self.run_it("--no-such-thing", "1"), "no-such-thing")
        self.assertUsage(self.run_it("--check-config", "--no-such-thing=1"), "no-such-thing")

    def test_lines_that_are_no_settings_are_refused(self):
        for line in ("no equals sign", "= 5", "[unclosed"):
            with self.subTest(line=line):
                done = self.run_it("--check-config", config="node = a\n" + line + "\n")
                self.assertUsage(done, self.config)

    def test_missing_arguments_and_files_are_usage_errors(self):
        self.assertUsage(self.run_it("--listen"), "listen")
        self.assertUsage(self.run_it("--config", "/nonexistent/file.ini"), "/nonexistent/file.ini")
        self.assertUsage(self.run_it("--config"))
        self.assertUsage(self.run_it("stray"), "stray")
        self.assertUsage(self.run_it("-x"), "-x")


if __name__ == "__main__":
    main()
