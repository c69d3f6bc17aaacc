"""scripts/redis/users.acl is not more than enough: what it refuses, and that each right has a use."""

import re
from pathlib import Path

import redis as redis_py

from acl_case import FILE, USERS, AclCase
from support.case import main
from support.paths import SOURCE
from support.ports import free_port
from support.redis_server import RedisServer
from support.wait import until


def rules():
    """user -> its words, as the file has them."""
    rows = (line.split() for line in Path(FILE).read_text(encoding="utf-8").splitlines())
    return {row[1]: row[2:] for row in rows}


def commands_of(user):
    return {word[1:].split("|")[0].upper() for word in rules()[user] if word.startswith("+")}


class Refused(AclCase):
    """Without nodes: the library, and who asks for what is not theirs."""

    @classmethod
    def set_up(cls):
        cls.start_redis()
        assert cls.script("load")[0] == 0

    def assertRefused(self, user, *words):
        with self.assertRaisesRegex(redis_py.ResponseError, "(?i)no permissions|can't run this command|NOPERM",
                                    msg=(user, words)):
            self.client_of(user).execute_command(*words)

    def test_without_a_password_nobody_comes_in(self):
        port = free_port()
        redis = self._keep(RedisServer(self.own_folder(), options=[
            "--aclfile", FILE, "--port", str(port), "--bind", "127.0.0.1"]), self.addCleanup).start(wait=False)

        def answer(*words):
            try:
                with redis_py.Redis(port=port, socket_timeout=10) as client:
                    return client.execute_command(*words)
            except redis_py.ConnectionError as error:
                return None if not isinstance(error, redis_py.AuthenticationError) else str(error)
            except redis_py.ResponseError as error:
                return str(error)

        said = until(lambda: answer("PING"), "redis-server answers", 15)
        self.assertRegex(said, "(?i)authentication required|NOAUTH")
        for user in ("default", *USERS):
            for password in ("", "x", user):
                self.assertRegex(answer("AUTH", user, password), "(?i)WRONGPASS|invalid username-password")
        self.assertTrue(redis.process.is_running())

    def test_nobody_may_command_the_server(self):
        for user in USERS:
            for words in (("FLUSHALL",), ("FLUSHDB",), ("CONFIG", "GET", "*"), ("SHUTDOWN", "NOSAVE"),
                          ("ACL", "LIST"), ("ACL", "SETUSER", user, "+@all"),
                          ("MONITOR",), ("CLIENT", "KILL", "TYPE", "normal"), ("REPLICAOF", "NO", "ONE"),
                          ("KEYS", "*"), ("EVAL", "return 1", "0"), ("SCRIPT", "FLUSH"), ("FUNCTION", "FLUSH"),
                          ("FUNCTION", "DELETE", "chanway"), ("MODULE", "LIST"), ("MIGRATE", "h", "1", "k", "0", "1"),
                          ("SAVE",), ("BGREWRITEAOF",), ("SWAPDB", "0", "1"), ("RESTORE", "cw:{g:x}", "0", "x")):
                self.assertRefused(user, *words)

    def test_nobody_reaches_keys_and_topics_of_others(self):
        for user in USERS:
            self.assertRefused(user, "HSET", "other:{g:room}", "a", "b")
            self.assertRefused(user, "HGETALL", "session:42")
            self.assertRefused(user, "PUBLISH", "other:all", "x")
            self.assertRefused(user, "FCALL", "cw_publish", 1, "other:{g:room}", "text", "x")

    def test_only_an_administrator_replaces_the_library(self):
        code = "#!lua name=chanway\nredis.register_function('cw_version', function() return 99 end)"
        for user in ("node", "backend"):
            self.assertRefused(user, "FUNCTION", "LOAD", "REPLACE", code)
        self.assertNotEqual(self.client_of("backend").fcall_ro("cw_version", 0), 99)

    def test_a_back_end_is_no_node(self):
        for words in (("FCALL", "cw_node_renew", 1, "cw:{n:evil.1}", "15000", "new"),
                      ("FCALL", "cw_node_list", 1, "cw:nodes", "evil.1", "15000", "0"),
                      ("FCALL_RO", "cw_node_channels", 1, "cw:{n:n.1}", "0", "10"),
                      ("HSET", "cw:{n:evil.1}", "a", "b"), ("HSET", "cw:nodes", "evil.1", "9999999999999 0"),
                      ("HDEL", "cw:nodes", "n.1"), ("DEL", "cw:{n:n.1}"),
                      ("FCALL", "cw_ban", 1, "cw:bans", "user:ann", "60"), ("FCALL_RO", "cw_bans", 1, "cw:bans"),
                      ("SUBSCRIBE", "cw:n:n.1"), ("SSUBSCRIBE", "cw:{g:room}"), ("PUBLISH", "cw:all", "x"),
                      ("SCAN", "0"), ("INFO",), ("ROLE",)):
            self.assertRefused("backend", *words)

    def test_a_node_reads_no_events_and_an_administrator_is_no_reader_of_them(self):
        self.assertRefused("node", "XREADGROUP", "GROUP", "g", "c", "STREAMS", "cw:{events}", ">")
        self.assertRefused("admin", "XGROUP", "CREATE", "cw:{events}", "g", "$", "MKSTREAM")


class Least(AclCase):
    """Nothing is allowed that no source says."""

    @staticmethod
    def said_in(*patterns, words):
        found = set()
        for pattern in patterns:
            for path in SOURCE.glob(pattern):
                found |= set(re.findall(words, path.read_text(encoding="utf-8")))
        return found

    def test_what_functions_call_a_node_may_call(self):
        called = self.said_in("cluster/functions/*.lua", words=r"redis\.p?call\(\s*'([A-Z]+)'")
        self.assertGreater(len(called), 20)
        self.assertEqual(called - commands_of("node"), set())

    def test_a_node_may_nothing_that_it_never_says(self):
        says = (self.said_in("cluster/*.c", words=r'"([A-Z_]+)"')
                | self.said_in("cluster/functions/*.lua", words=r"'([A-Z]+)'"))
        self.assertEqual(commands_of("node") - says, set())

    def test_the_others_may_nothing_that_functions_and_documents_do_not_say(self):
        functions = self.said_in("cluster/functions/*.lua", words=r"'([A-Z]+)'")
        script = self.said_in("scripts/chanway", "scripts/chanway_redis.sh", words=r"\b([A-Z_]+)\b")
        # A reader of the event stream, and what says whether Redis is there.
        reader = {"XREAD", "XREADGROUP", "XACK", "XAUTOCLAIM", "XCLAIM", "XPENDING", "XGROUP", "XINFO", "PING",
                  "FCALL", "FCALL_RO"}
        self.assertEqual(commands_of("backend") - functions - reader, set())
        self.assertEqual(commands_of("admin") - functions - script - {"SCAN", "SELECT", "ASKING"}, set())


if __name__ == "__main__":
    main()
