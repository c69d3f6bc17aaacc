"""The base of the tests of the public API in C: a program of its own beside a node."""

import setup_path  # noqa: F401
from support.case import Case
from support.steered import Steered

EVENTS = 63  # all of cluster.h's cw_stream_kind
NOBODY = "018f3a5e-7c1b-7d2e-9a40-5f6e7d8c9b0a"


class ApiCase(Case):
    """With `redis`, the program `here` and the node `there` for the whole class."""

    events = 0

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        cls.there = cls.class_node(cls.redis, name="there")
        cls.here = cls._keep(Steered(cls.folder, cls.redis, "here", cls.events), cls.addClassCleanup)
        cls.here.start()

    def own_steered(self, redis, events=0):
        return self._keep(Steered(self.own_folder(), redis, "own", events), self.addCleanup).start()

    def clients(self, query=""):
        """One here, one there."""
        return [self.own_client(where, query) for where in (self.here, self.there)]

    def new_group(self):
        counter = getattr(type(self), "_groups", 0) + 1
        type(self)._groups = counter
        return f"{self.id().rpartition('.')[2][5:65]}.{counter}"
