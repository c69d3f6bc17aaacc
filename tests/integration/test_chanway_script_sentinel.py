"""scripts/chanway: every verb by redis+sentinel://; passwords and TLS: test_sentinel.py, failover:
test_chanway_script_failover.py."""

from functions_case import library
from script_verbs_case import VerbsCase
from support.case import Case, main
from support.sentinel import SentinelGroup


class Verbs(VerbsCase, Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls._keep(SentinelGroup(cls.folder), cls.addClassCleanup).start()
        cls.redis.call("FUNCTION", "LOAD", "REPLACE", library())

    def masters(self):
        return [self.redis.primary()]

    def owner(self, _):
        return self.redis.primary()


if __name__ == "__main__":
    main(limit=110)
