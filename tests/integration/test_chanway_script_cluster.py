"""scripts/chanway: every verb by redis+cluster://."""

from functions_case import library
from script_verbs_case import VerbsCase
from support.case import Case, main
from support.redis_cluster import SLOTS, RedisCluster, slot_of


class Verbs(VerbsCase, Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls._keep(RedisCluster(cls.folder, replicas=0), cls.addClassCleanup).start()
        cls.redis.load(library())

    def masters(self):
        return self.redis.first_masters

    def owner(self, key):
        return next(server for number, server in enumerate(self.masters())
                    if slot_of(key) < (number + 1) * SLOTS // 3)


if __name__ == "__main__":
    main(limit=110)
