"""What build.js makes of the library."""

import os
import subprocess

from support.paths import source_path


def build(folder):
    """Its three files, by name."""
    subprocess.run(["node", source_path("web/build.js"), folder], check=True, timeout=100,
                   capture_output=True)
    return {name: os.path.join(folder, name) for name in os.listdir(folder)}
