"""Where the program and the sources are."""

import os
import pathlib

SOURCE = pathlib.Path(os.environ.get("CHANWAY_SOURCE_DIR")
                      or pathlib.Path(__file__).resolve().parents[2])


def source_path(name):
    return str(SOURCE / name)


def chanwayd():
    """The node under test: as CTest says, else the newest build."""
    if os.environ.get("CHANWAYD"):
        return os.path.abspath(os.environ["CHANWAYD"])  # it is started from elsewhere
    built = [path for path in SOURCE.glob("build/*/chanwayd") if path.is_file()]
    if not built:
        raise FileNotFoundError("no chanwayd: build it, or name it in CHANWAYD")
    return str(max(built, key=lambda path: path.stat().st_mtime))
