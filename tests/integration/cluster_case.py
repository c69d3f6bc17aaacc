"""The base of the tests of the function library on a Redis Cluster: three masters, no node."""

import redis as redis_py

import setup_path  # noqa: F401
from functions_case import library
from support.case import Case
from support.redis_cluster import RedisCluster, slot_of


def name_in(slots, shape):
    """The first name of the shape, `%d` in it, whose slot is one of `slots`."""
    return next(name for name in (shape % number for number in range(10 ** 6))
                if slot_of(name) in slots)


class ClusterCase(Case):
    """With one cluster for the class, and the library in it."""

    @classmethod
    def set_up(cls):
        # Nobody dies here: a server that has to wait for its turn is not to be taken for dead.
        cls.cluster = cls._keep(RedisCluster(cls.folder, replicas=0, node_timeout_ms=15000),
                                cls.addClassCleanup).start()
        cls.cluster.load(library())
        cls.masters = cls.cluster.masters()

    def setUp(self):
        for master in self.masters:
            master.call("FLUSHALL")

    @staticmethod
    def say(server, *words, asking=False, user=None):
        """The answer of this server, errors too. `user`: one without a password."""
        with redis_py.Redis(unix_socket_path=server.socket, socket_timeout=10, username=user,
                            password="any" if user else None) as client:
            connection = client.connection_pool.get_connection("say")
            if asking:
                connection.send_command("ASKING")
                connection.read_response()
            connection.send_command(*words)
            try:
                return connection.read_response()
            except redis_py.ResponseError as error:
                return error
