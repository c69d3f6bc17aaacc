"""The base of the tests of scripts/redis/users.acl."""

import os
import subprocess
from pathlib import Path

import redis as redis_py

import setup_path  # noqa: F401
from support.case import Case
from support.node import clean_environment
from support.paths import source_path
from support.ports import free_port
from support.redis_server import RedisServer
from support.wait import until

FILE = source_path("scripts/redis/users.acl")
SCRIPT = source_path("scripts/chanway")
USERS = ("node", "backend", "admin")


class AclCase(Case):
    """A Redis with the file, each user with a password, and one of the test's own to look."""

    @classmethod
    def start_redis(cls):
        cls.port = free_port()
        acl = os.path.join(cls.folder, "users.acl")
        lines = Path(FILE).read_text(encoding="utf-8").splitlines()
        with open(acl, "w", encoding="utf-8") as file:
            for line in lines:
                user = line.split()[1]
                file.write(line + (f" >{user}-pw\n" if user in USERS else "\n"))
            file.write("user test on nopass ~* &* +@all\n")
        cls.redis = cls._keep(RedisServer(cls.folder, options=[
            "--aclfile", acl, "--port", str(cls.port), "--bind", "127.0.0.1"]), cls.addClassCleanup)
        cls.redis.start(wait=False)
        cls.r = cls.client_of("test")
        until(cls.answers, "redis-server answers", 15)

    @classmethod
    def answers(cls):
        try:
            return cls.r.ping()
        except redis_py.RedisError:
            return False

    @classmethod
    def client_of(cls, user, password=None):
        client = redis_py.Redis(port=cls.port, username=user, password=password or user + "-pw",
                                decode_responses=True, socket_timeout=10)
        cls.addClassCleanup(client.close)
        return client

    @classmethod
    def url_of(cls, user):
        return f"redis://{user}:{user}-pw@127.0.0.1:{cls.port}"

    @classmethod
    def script(cls, *words, user="admin"):
        ended = subprocess.run([SCRIPT, "--redis", cls.url_of(user), *words], capture_output=True, text=True,
                               env=clean_environment(), timeout=30, check=False)
        return ended.returncode, ended.stdout, ended.stderr

    def ok(self, *words):
        code, out, err = self.script(*words)
        self.assertEqual((code, err), (0, ""), words)
        return out

    def denied(self):
        """What Redis refused since the last call."""
        log = self.r.execute_command("ACL", "LOG")
        self.r.execute_command("ACL", "LOG", "RESET")
        entries = [entry if isinstance(entry, dict) else dict(zip(entry[::2], entry[1::2])) for entry in log]
        # redis-cli asks for its help texts, and does without.
        return [(entry["username"], entry["object"], entry["context"]) for entry in entries
                if not (entry["username"] == "admin" and entry["object"].startswith("command"))]
