"""The Debian package: what is in it, and that it installs, starts, updates and goes away again."""

import os
import pathlib
import re
import shutil
import subprocess

import setup_path  # noqa: F401
from installed_case import command
from support.case import Case, main
from support.node import clean_environment
from support.paths import SOURCE, chanwayd
from support.ports import free_port


class Package(Case):

    @classmethod
    def set_up(cls):
        build = pathlib.Path(os.environ.get("CHANWAY_BUILD_DIR") or os.path.dirname(chanwayd()))
        cls.made = build / "package"
        folder = pathlib.Path(cls.folder, "package")
        command("cpack", "--config", build / "CPackConfig.cmake", "-G", "DEB", "-B", folder)
        cls.file, = folder.glob("chanway_*.deb")
        cls.root = pathlib.Path(cls.folder, "root")
        command("dpkg-deb", "--extract", cls.file, cls.root)

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def settings(self):
        names = re.findall(r"^\s+--([a-z0-9-]+)", command(chanwayd(), "--help"), re.M)
        found = set(names) - {"help", "version", "check-config", "print-settings", "config"}
        self.assertGreater(len(found), 40)
        return found

    def test_what_it_says_of_itself(self):
        version = re.search(r'CW_VERSION "([^"]+)"', (SOURCE / "cluster/include/chanway/version.h")
                            .read_text(encoding="utf-8")).group(1)

        def field(name):
            return command("dpkg-deb", "--field", self.file, name).strip()
        self.assertEqual((field("Package"), field("Version")), ("chanway", version))
        self.assertIn("redis-server", field("Depends"))
        if shutil.which("dpkg-shlibdeps"):
            self.assertRegex(field("Depends"), r"\blibevent-core-2\.1-7\b.*\blibssl3\b")

    def test_what_is_in_it(self):
        files = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}
        self.assertLessEqual({
            "etc/chanway/chanwayd.conf", "lib/systemd/system/chanwayd.service",
            "lib/systemd/system/chanway@.service", "usr/bin/chanway", "usr/bin/chanwayd",
            "usr/share/bash-completion/completions/chanway", "usr/share/chanway/chanway.awk",
            "usr/share/chanway/chanway_redis.sh",
            "usr/share/chanway/functions/chanway.lua", "usr/share/doc/chanway/copyright",
            "usr/share/man/man1/chanway.1", "usr/share/man/man8/chanwayd.8"}, files)
        self.assertFalse([name for name in files if name.endswith((".h", ".a", ".so", ".pc", ".cmake"))])
        self.assertEqual(command(self.root / "usr/bin/chanwayd", "--version"),
                         command(chanwayd(), "--version"))

    def test_settings_and_man_page_know_every_setting(self):
        commented = set(re.findall(r"^# ([a-z0-9-]+) =", self.read("etc/chanway/chanwayd.conf"), re.M))
        self.assertEqual(commented, self.settings())
        page = self.read("usr/share/man/man8/chanwayd.8")
        described = set(re.findall(r"^\.TP\n\.B \\-\\-(\S+)\n", page.replace("\n.B \\-\\-version", ""), re.M))
        self.assertEqual({name.replace("\\-", "-") for name in described} - {"check-config", "print-settings"},
                         self.settings())
        self.assertNotIn("@", page.replace("chanway@", ""))
        if shutil.which("man"):
            shown = subprocess.run(["man", "--warnings", "-l", str(self.root / "usr/share/man/man8/chanwayd.8")],
                                   capture_output=True, text=True, timeout=50, check=True,
                                   env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
            self.assertEqual(shown.stderr, "")
            self.assertIn("Read again on SIGHUP", shown.stdout)

    def test_settings_of_which_every_line_is_taken(self):
        """The values that are told as comments are values."""
        folder = pathlib.Path(self.own_folder())
        text = self.read("etc/chanway/chanwayd.conf")
        (folder / "all.conf").write_text(
            "".join(f"{line[2:]}\n" for line in text.splitlines() if re.match(r"# [a-z0-9-]+ = .", line)),
            encoding="utf-8")
        command(self.root / "usr/bin/chanwayd", "--config", folder / "all.conf", "--check-config",
                env=clean_environment())

    def test_both_units_are_one_but_for_names(self):
        one, many = (self.read(f"lib/systemd/system/{name}.service") for name in ("chanwayd", "chanway@"))
        self.assertIn("ExecStart=/usr/bin/chanwayd --config /etc/chanway/chanwayd.conf\n", one)
        for of_many, of_one in ((" %i\n", "\n"), ("chanway/%i.conf", "chanway/chanwayd.conf"), ("/%i\n", "\n")):
            many = many.replace(of_many, of_one)
        self.assertEqual(many, one)

    def test_installs_starts_updates_and_goes(self):
        done = subprocess.run([str(SOURCE / "scripts/package/try"), str(self.file)], capture_output=True,
                              text=True, timeout=52, check=False, stdin=subprocess.DEVNULL,
                              env=clean_environment(CHANWAY_TRY_PORT=str(free_port())))
        if done.returncode == 77:
            self.skipTest("no root of its own can be made here: " + done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "- done")


class Completion(Case):
    SCRIPT = str(SOURCE / "scripts/package/chanway.bash")

    def complete(self, line, breaks=" \t\n\"'><=;|&(:"):
        program = 'source "$1"; COMP_WORDBREAKS=$2; COMP_LINE=$3; COMP_POINT=${#3}; _chanway; ' \
                  '[ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\\n" "${COMPREPLY[@]}"'
        return command("bash", "-c", program, "bash", self.SCRIPT, breaks, line).split()

    def test_verbs_and_options(self):
        script = (SOURCE / "scripts/chanway").read_text(encoding="utf-8")
        verbs = re.findall(r"^(?:verbs=')?([a-z-]+) \d+ \d+'?$", script, re.M)
        self.assertGreater(len(verbs), 15)
        self.assertEqual(set(self.complete("chanway ")) - {"--redis", "--prefix", "--json", "--help"}, set(verbs))
        self.assertEqual(self.complete("chanway --redis unix:/x clo"), ["close", "close-user"])
        self.assertEqual(self.complete("chanway --re"), ["--redis"])
        self.assertEqual(self.complete("chanway publish chat x --t"), ["--type"])
        self.assertEqual(self.complete("chanway publish chat x --type t"), ["text"])
        self.assertEqual(self.complete("chanway ban user:m --for "), ["90s", "30m", "1h", "7d"])
        self.assertEqual(self.complete("chanway load x"), [])

    def test_what_the_cluster_knows(self):
        redis = self.own_redis()
        node = self.own_node(redis)
        client = self.own_client(node, "groups=chat.a,chat.b,room:1")
        for _ in range(3):
            client.next_op("joined")
        chanway = f"{SOURCE}/scripts/chanway --redis {redis.url}"
        self.assertEqual(sorted(self.complete(f"{chanway} members ch")), ["chat.a", "chat.b"])
        self.assertEqual(self.complete(f"{chanway} close "), [client.uuid])
        self.assertEqual(self.complete(f"{chanway} add {client.uuid} chat.b"), ["chat.b"])
        # Bash goes on after the colon that it takes for an end, or after the blank.
        self.assertEqual(self.complete(f"{chanway} tail room:"), ["1"])
        self.assertEqual(self.complete(f"{chanway} tail room:", breaks=" "), ["room:1"])
        self.assertEqual(self.complete(f"{SOURCE}/scripts/chanway --redis unix:/nowhere members "), [])


if __name__ == "__main__":
    main()
