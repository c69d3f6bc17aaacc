"""scripts/chanway: every verb by redis-shards://."""

from functions_case import library
from script_verbs_case import VerbsCase
from support.case import Case, main
from support.redis_cluster import RedisShards


class Verbs(VerbsCase, Case):
    @classmethod
    def set_up(cls):
        cls.redis = cls._keep(RedisShards(cls.folder), cls.addClassCleanup).start()
        cls.redis.load(library())

    def masters(self):
        return self.redis.servers

    def owner(self, key):
        return self.redis.server_of(key)


if __name__ == "__main__":
    main(limit=110)
