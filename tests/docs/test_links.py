"""Links of the pages lead somewhere, and every command has its row."""

import subprocess
import unittest

import setup_path  # noqa: F401
from support.case import main
from support.paths import source_path

import commands


class Links(unittest.TestCase):

    def run_script(self, *words):
        done = subprocess.run([source_path("scripts/check_docs"), *words], capture_output=True,
                              text=True, timeout=50, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_links_examples_and_commands(self):
        text = self.run_script("--commands", "--external")
        self.assertRegex(text, r"\d\d+ links followed, \d+ to elsewhere not")
        self.assertIn("not followed, for want of a network:\n", text)
        self.assertIn("    docker-compose up -d --build\n        needs docker", text)

    def test_what_a_page_has_of_commands(self):
        page = ("# A\n\n    first   one # why\n    # a comment\n    talk\n    < {\"op\":1}\n    > word\n\n"
                "text `scripts/up` and `scripts/redis/redis.conf`, `cc\n-static`, `cc`\n\n"
                "```c\n    no command\n```\n```sh\nsecond\n```\n")
        found = commands.of_page("page.md", page)
        self.assertEqual([command.words for command in found],
                         ["second", "first one # why", "talk", "scripts/up", "cc -static"])
        self.assertEqual(found[2].dialog, ['< {"op":1}', "> word"])


if __name__ == "__main__":
    main()
