"""web/chanway.js in Chromium when connections, nodes and sessions are lost."""

import setup_path  # noqa: F401
import test_reconnect
from support.case import main
from support.paths import source_path
from web_case import SharedPage


class InChromium(SharedPage):
    """Mixed into a class of tests: its program is a page that loads the source as modules."""

    @classmethod
    def library_in(cls, folder):
        return source_path("web/chanway.js")


class Killed(InChromium, test_reconnect.Killed):
    pass


class Stopped(InChromium, test_reconnect.Stopped):
    pass


class Cut(InChromium, test_reconnect.Cut):
    pass


class Drained(InChromium, test_reconnect.Drained):
    pass


if __name__ == "__main__":
    main(limit=140)
