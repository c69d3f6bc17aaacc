"""A reaper that loses its link in the midst of a dead node's channels leaves nothing half done."""

import time

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.light_client import Fleet, connect_many
from support.ports import free_port
from support.registry_view import Expected, RegistryView, current_id, shown
from support.wait import Deadline, until

CHANNELS = 2000
GROUPS = 50
STEP = 150  # so many channels are taken away, and the link is killed
REAPED_WITHIN = 60.0  # much of it passes without a link
EXACT_WITHIN = 20.0


class ReaperInterrupted(ClusterCase):

    def setUp(self):
        port = free_port()
        self.redis = self.own_redis(options=["--port", str(port), "--bind", "127.0.0.1"])
        self.r = self.redis.client()
        self.addCleanup(self.r.close)
        # The reaper is another user of Redis, so that its links can be told from others.
        self.r.execute_command("ACL", "SETUSER", "reaper", "on", ">secret", "~*", "&*", "+@all")
        self.dying = self.own_node(self.redis, name="dying")
        self.reaper = self.own_node(f"redis://reaper:secret@127.0.0.1:{port}", name="reaper")
        self.fleet = Fleet()
        self.addCleanup(self.fleet.stop)

    def populate(self):
        queries = [f"groups=hall,g.{number % GROUPS}" for number in range(CHANNELS)]
        self.fleet.run(connect_many(self.dying.address, queries), 60)
        until(lambda: self.r.hlen("cw:{g:hall}:m") == CHANNELS, "all are in the hall", 20)
        survivors = self.fleet.run(connect_many(self.reaper.address, queries[:GROUPS]))
        self.expected = Expected([current_id(self.reaper)])
        for number, client in enumerate(survivors):
            self.expected.add(client.uuid, current_id(self.reaper), ["hall", f"g.{number}"])

    def interrupt(self):
        """Kills the reaper's links again and again until its work is done; how often."""
        channels = "cw:{n:%s}:c" % current_id(self.dying)
        self.dying.kill()
        deadline, kills, next_at = Deadline(REAPED_WITHIN), 0, CHANNELS - STEP
        while True:
            left = self.r.scard(channels)
            if left == 0:
                return kills
            if left <= next_at:
                self.r.execute_command("CLIENT", "KILL", "USER", "reaper")
                kills += 1
                next_at = left - STEP
            self.assertFalse(deadline.passed(), f"{left} channels are left")

    def test_nothing_is_left_half_done(self):
        self.populate()
        started = time.monotonic()
        kills = self.interrupt()
        deadline = Deadline(EXACT_WITHIN)
        while (problems := RegistryView(self.r).problems(self.expected)):
            self.assertFalse(deadline.passed(), shown(problems))
        self.assertGreaterEqual(kills, 3)
        print(f"\nreaper: {CHANNELS} channels taken away, its links killed {kills} times, in "
              f"{time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main(120)
