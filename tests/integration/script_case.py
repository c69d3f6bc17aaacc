"""The base of the tests of scripts/chanway: a Redis with the library in it, no node."""

import json
import os
import subprocess

from functions_case import FunctionsCase
from support.paths import source_path
from support.process import Process

SCRIPT = source_path("scripts/chanway")


class Runner:
    """Runs the script against `redis`."""

    def run_script(self, *words, stdin=b"", **environment):
        env = {name: value for name, value in os.environ.items() if not name.startswith("CHANWAY_")}
        env.update({"CHANWAY_REDIS": self.redis.url}, **environment)
        return subprocess.run([SCRIPT, *words], input=stdin, capture_output=True, env=env, timeout=30,
                              check=False)

    def ok(self, *words, **options):
        ended = self.run_script(*words, **options)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        return ended.stdout

    def json(self, *words):
        return json.loads(self.ok("--json", *words))

    def assertFails(self, says, *words, **options):
        ended = self.run_script(*words, **options)
        self.assertEqual((ended.returncode, ended.stdout), (1, b""), words)
        self.assertIn(says, ended.stderr.decode())
        self.assertEqual(ended.stderr.count(b"\n"), 1, ended.stderr)

    def start_script(self, *words, stdout=None, **environment):
        """One that runs on; what it prints is in `lines`."""
        self.output = os.path.join(self.own_folder(), "output")
        with open(self.output, "wb") as output:
            env = dict(os.environ, CHANWAY_REDIS=self.redis.url, **environment)
            script = Process("chanway", [SCRIPT, *words], os.path.dirname(self.output), env=env,
                             stdout=stdout or output)
        self.addCleanup(script.stop)
        return script

    def lines(self):
        with open(self.output, "rb") as output:
            return output.read().decode().splitlines()


class ScriptCase(Runner, FunctionsCase):
    """With a Redis, and the library in it."""
