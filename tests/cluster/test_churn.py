"""Joins, leaves, connects and disconnects while links to Redis break: at the end all is exact."""

import random
import threading

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.wait import until

GROUPS = [f"churn.{number}" for number in range(4)]
GONE = ("unavailable", "timeout")


class Churn(ClusterCase):
    redis_options = {"in_memory": True}

    def setUp(self):
        self.start_cluster(op_timeout="2s")
        self.stop = threading.Event()
        self.failures = []
        self.rounds = 0

    def churn(self, node, seed):
        """Random ops; only errors of an outage are allowed, and the connection stays."""
        choose = random.Random(seed)
        try:
            while not self.stop.is_set():
                with node.client() as client:
                    for _ in range(choose.randrange(1, 30)):
                        op = choose.choice(("join", "join", "leave", "publish", "members"))
                        fields = {"text": "x"} if op == "publish" else {}
                        reply = client.request(op, group=choose.choice(GROUPS), **fields)
                        if reply["op"] == "error" and reply["code"] not in GONE:
                            raise AssertionError(f"{op}: {reply}")
                        self.rounds += 1
                    if choose.random() < 0.5:
                        client.close()
        except BaseException as error:  # pylint: disable=broad-except
            self.failures.append(error)

    def wait_for_rounds(self, count):
        before = self.rounds
        until(lambda: self.failures or self.rounds >= before + count, f"{count} more ops", 20)
        self.assertEqual(self.failures, [])

    def finish(self, threads):
        self.stop.set()
        for thread in threads:
            thread.join(20)
            self.assertFalse(thread.is_alive())
        self.assertEqual(self.failures, [])

    def members(self, client, group):
        """None: the server of several that has the group can't be reached yet."""
        reply = client.request("members", group=group)
        if reply["op"] == "error" and reply["code"] in GONE:
            return None
        return {member["channel"] for member in reply["members"]}

    def check_everything(self):
        """Nobody is left in the groups but who joins now, on every node's answer."""
        clients = [self.own_client(node) for node in self.nodes]
        for client in clients:
            until(lambda: client.request("join", group=GROUPS[0])["op"] == "ok", "joined")
        expected = {GROUPS[0]: {client.uuid for client in clients}}
        for client in clients:
            for group in GROUPS:
                until(lambda: self.members(client, group) == expected.get(group, set()),
                      f"the members of {group} are exact", 20)
        for client in clients:
            clients[0].publish(GROUPS[0], text="sound")
        for client in clients:
            texts = [client.message()["text"] for _ in clients]
            self.assertEqual(texts, ["sound"] * len(clients))
            self.assertEqual(client.settle(), [])

    def run_with(self, disturb, times, rounds):
        threads = [threading.Thread(target=self.churn, args=(node, seed), daemon=True)
                   for seed, node in enumerate(self.nodes * 2)]
        self.addCleanup(self.stop.set)
        for thread in threads:
            thread.start()
        for _ in range(times):
            self.wait_for_rounds(rounds)
            disturb()
        self.wait_for_rounds(rounds)
        self.finish(threads)
        self.check_everything()

    def test_with_killed_connections(self):
        kinds = iter(["pubsub", "normal"] * 10)
        self.run_with(lambda: self.redis.call("CLIENT", "KILL", "TYPE", next(kinds)), 20, 100)

    def test_with_a_killed_redis(self):
        def disturb():
            self.redis.kill()
            self.redis.start()
        self.run_with(disturb, 3, 200)

    def test_with_a_redis_that_loses_its_data(self):
        self.run_with(lambda: self.redis.call("FLUSHALL"), 3, 200)


if __name__ == "__main__":
    main()
