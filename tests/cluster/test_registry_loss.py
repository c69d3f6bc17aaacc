"""Redis comes back without the last seconds of its data, or without any: the registry is put right.

An append-only file that is not synced at each write loses its tail with a crash, and so does a
replica that becomes the primary. The nodes' leases are older than that and look well.
"""

import glob
import os
import shutil

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.registry_view import Expected, RegistryView, current_id, shown
from support.wait import Deadline, until


class RegistryLoss(ClusterCase):
    node_count = 2

    def setUp(self):
        self.redis = self.own_redis(options=["--appendfsync", "always"])  # acknowledged: in the log
        self.nodes = [self.own_node(self.redis, name=f"node{number}") for number in range(2)]
        self.groups = {}  # client -> (node's index, its groups)

    def connect(self, index, *groups):
        client = self.own_client(self.nodes[index])
        for group in groups:
            client.join(group)
        self.groups[client] = (index, set(groups))
        return client

    def join(self, client, group):
        client.join(group)
        self.groups[client][1].add(group)

    def leave(self, client, group):
        client.leave(group)
        self.groups[client][1].discard(group)

    def leave_for_good(self, client):
        self.assertEqual(client.close(), 1000)
        del self.groups[client]

    # --- Redis' file

    def log_path(self):
        path, = glob.glob(os.path.join(self.redis.folder, "appendonlydir", "*.incr.aof"))
        return path

    def restart_with(self, change):
        """kill -9, then `change` its files."""
        self.redis.kill()
        change()
        self.redis.start()
        for node in self.nodes:
            until(node.is_ready, f"{node.name} is ready again", 15)

    # --- the end

    def assertExactWithin(self, seconds=20):
        deadline = Deadline(seconds)
        with self.redis.client() as redis:
            while True:
                ids = [current_id(node) for node in self.nodes]
                expected = Expected(ids)
                for client, (index, groups) in self.groups.items():
                    expected.add(client.uuid, ids[index], groups)
                problems = RegistryView(redis).problems(expected)
                if not problems:
                    return
                if deadline.passed():
                    self.fail(f"after {seconds} s:\n{shown(problems)}")

    def assertAllAreWell(self):
        """Nobody was closed, and everybody gets what is published."""
        publisher = self.connect(0)
        everybody = {group for _, groups in self.groups.values() for group in groups}
        for group in everybody:
            publisher.publish(group, text=f"to {group}")
        for client, (_, groups) in self.groups.items():
            texts = sorted(client.message()["text"] for _ in groups)
            self.assertEqual(texts, sorted(f"to {group}" for group in groups))
            self.assertEqual(client.settle(), [])

    def change_much(self, clients, groups):
        """Acknowledged changes of every kind."""
        for number, client in enumerate(clients):
            self.join(client, f"late.{groups}.{number % 3}")
            if number % 2:
                self.leave(client, next(iter(self.groups[client][1])))
        self.leave_for_good(clients[0])
        for index in (0, 1):
            self.connect(index, "early.0", f"new.{groups}")

    def test_the_tail_of_the_log_is_lost_twice(self):
        for number in range(12):
            self.connect(number % 2, f"early.{number % 4}", "hall")
        for turn in range(2):
            path = self.log_path()
            size = os.path.getsize(path)
            self.change_much(list(self.groups), turn)
            self.assertGreater(os.path.getsize(path), size)
            self.restart_with(lambda: os.truncate(path, size))  # pylint: disable=cell-var-from-loop
            self.assertExactWithin()
        self.assertAllAreWell()

    def test_generations_are_lost(self):
        clients = [self.connect(number % 2, "hall") for number in range(6)]
        path = self.log_path()
        size = os.path.getsize(path)
        # The nodes announce their channels anew, and that is lost.
        self.restart_with(lambda: None)
        self.assertExactWithin()
        for client in clients:
            self.join(client, "later")
        self.restart_with(lambda: os.truncate(self.log_path(), size))
        self.assertExactWithin()
        self.assertAllAreWell()

    def test_everything_is_lost(self):
        for number in range(12):
            self.connect(number % 2, f"early.{number % 4}", "hall")
        self.change_much(list(self.groups), 0)
        self.restart_with(lambda: shutil.rmtree(os.path.join(self.redis.folder, "appendonlydir")))
        self.assertExactWithin()
        self.assertAllAreWell()


if __name__ == "__main__":
    main(150)
