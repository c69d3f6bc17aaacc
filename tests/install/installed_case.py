"""A copy of what is installed, for tests of what others see of it."""

import os
import pathlib
import subprocess

import setup_path  # noqa: F401
from support.case import Case
from support.node import clean_environment
from support.paths import chanwayd


def command(*words, check=True, **options):
    """Runs a program to its end; what it wrote. Fails with that if it failed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=50, check=False, stdin=subprocess.DEVNULL, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{words} has ended with {done.returncode}:\n{done.stdout}\n"
                             f"{done.stderr}"[:6000])
    return done.stdout


class InstalledCase(Case):
    """`prefix` is where it lies, which is not where it was installed to: it can be moved."""

    @classmethod
    def set_up(cls):
        build = os.environ.get("CHANWAY_BUILD_DIR") or os.path.dirname(chanwayd())
        first = pathlib.Path(cls.folder, "first")
        cls.prefix = pathlib.Path(cls.folder, "prefix")
        command("cmake", "--install", build, "--prefix", first)
        first.rename(cls.prefix)
        found = list(cls.prefix.rglob("chanway.pc"))
        assert len(found) == 1, found
        cls.libraries = found[0].parent.parent
        cls.environment = clean_environment(
            PKG_CONFIG_PATH=str(found[0].parent), LD_LIBRARY_PATH=str(cls.libraries))

    def pkg_config(self, *words):
        return command("pkg-config", *words, env=self.environment).split()

    def headers(self):
        """name -> text of the installed headers."""
        folder = self.prefix / "include"
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8")
                for path in folder.rglob("*.h")}
