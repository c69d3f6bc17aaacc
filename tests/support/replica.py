"""A primary that replicas can follow, and one that does."""

from .ports import free_port
from .redis_server import RedisServer
from .wait import until

# A replica that comes gets its copy at once, not when others may have come too; who goes waits for
# nobody.
FAST = ["--repl-diskless-sync-delay", "0", "--shutdown-timeout", "0"]


class Primary(RedisServer):
    """Nodes reach it by its unix socket, replicas by a TCP port of its own."""

    def __init__(self, folder, name="primary", options=(), **more):
        self.port = free_port()
        super().__init__(folder, name, ["--port", str(self.port), "--bind", "127.0.0.1", *FAST,
                                        *options], **more)

    def followers(self):
        """How many replicas have all that was written until now."""
        with self.client() as client:
            client.publish("followers", "")  # what there is to have
            return client.execute_command("WAIT", 100, 50)

    def role(self):
        return self.call("ROLE")[0].decode("ascii")


class Replica(Primary):
    """Without a file of its own: it could not be ended while it writes its copy there."""

    def __init__(self, folder, primary, name="replica", options=(), **more):
        super().__init__(folder, name, ["--replicaof", "127.0.0.1", str(primary.port),
                                        "--appendonly", "no", *options], **more)

    def follow(self):
        """Starts it and waits until it has all that its primary has."""
        self.start()
        until(lambda: self.call("ROLE")[3] == b"connected", f"{self.name} follows", 15)
        return self
