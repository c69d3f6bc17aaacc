"""Each fault under load: nothing lost in silence, nothing twice, nothing out of order, no needless gap."""

import glob
import os
import random
import re
import signal
import time

import setup_path  # noqa: F401
from fault_case import IS_LONG, FaultCase
from support.case import main
from support.wait import until


class Faults(FaultCase):

    # --- connections that Redis closes

    def kill_connections(self, *which):
        for _ in range(6 if IS_LONG else 3):
            self.load_for(1.1, 3.2)
            self.assertGreaterEqual(self.redis.call("CLIENT", "KILL", *which), 3)
            # Often the last message before a rest is one that came while they were away.
            time.sleep(random.uniform(0.0, 0.15))
            self.rest_and_go_on()
        self.load_for(2.0, 3.0)
        self.assertGreater(self.total("recoveries"), 0)
        self.finish()

    def test_pubsub_killed(self):
        self.start("kill pub/sub connections")
        self.kill_connections("TYPE", "pubsub")

    def test_clients_killed(self):
        self.start("kill all client connections")
        self.kill_connections("USER", "default")

    def test_output_limit(self):
        # Redis drops a subscriber that has not read 64 KB: a node that pauses for a moment.
        self.start("pub/sub output limit of 64 KB, messages of 4 KB", size=4096, history_bytes="8MiB",
                   redis_options=["--client-output-buffer-limit", "pubsub", "64kb", "0", "0"])
        self.sample_streams()
        for turn in range(9 if IS_LONG else 3):
            self.load_for(1.2, 2.0)
            node = self.nodes[turn % 3]
            node.process.signal(signal.SIGSTOP)
            time.sleep(0.4)
            node.process.signal(signal.SIGCONT)
        self.load_for(1.2, 2.0)
        self.assertGreater(self.total("links_lost"), 0)
        self.finish()

    # --- Redis

    def kill_redis(self, change_files=lambda: None):
        with self.outage():
            self.redis.kill()
            change_files()
            time.sleep(0.3)
            self.redis.start()

    def test_redis_killed_always(self):
        # Redis orders writing and answering for each connection, not across them: a node that lagged
        # may have been pushed what was not written, nor acknowledged, when it was killed. A gap is
        # told then; nothing acknowledged may be in it.
        self.start("Redis kill -9, AOF always", may_gap=True,
                   redis_options=["--appendfsync", "always"])
        for _ in range(2 if IS_LONG else 1):
            self.load_for(2.5, 8.0)
            self.kill_redis()
        self.load_for(2.5, 8.0)
        self.finish()

    def test_redis_killed_everysec(self):
        # A Redis whose disk is slow answers before it has written.
        self.start("Redis kill -9, AOF everysec", may_gap=True, may_lose_data=True)
        for _ in range(2 if IS_LONG else 1):
            self.load_for(2.5, 8.0)
            self.kill_redis()
        self.load_for(2.5, 8.0)
        self.finish()

    def test_redis_killed_without_aof(self):
        self.start("Redis kill -9, without AOF", may_gap=True, may_lose_data=True,
                   redis_options=["--appendonly", "no"])
        for _ in range(2 if IS_LONG else 1):
            self.load_for(2.5, 8.0)
            self.kill_redis()
        self.load_for(2.5, 8.0)
        self.finish()

    def test_flushall(self):
        self.start("FLUSHALL", may_gap=True, may_lose_data=True)
        for _ in range(2 if IS_LONG else 1):
            self.load_for(2.5, 7.0)
            self.redis.call("FLUSHALL")
        self.load_for(3.0, 7.0)
        self.finish()

    def test_redis_stopped(self):
        self.start("Redis SIGSTOP 5 s")
        for _ in range(2 if IS_LONG else 1):
            self.load_for(2.5, 7.0)
            with self.outage():
                self.redis.freeze()
                time.sleep(5)
                self.redis.thaw()
        self.load_for(2.5, 7.0)
        self.finish()

    def test_older_data(self):
        # Some leave before what is lost was published, and come back when it is gone.
        self.start("Redis restarted with older data", may_gap=True, may_lose_data=True, away_s=4.0)
        self.load_for(2.5, 9.0)
        path, = glob.glob(os.path.join(self.redis.folder, "appendonlydir", "*.incr.aof"))
        size = os.path.getsize(path)
        self.load_for(1.0, 1.0)
        self.kill_redis(lambda: os.truncate(path, size))
        self.load_for(2.5, 10.0)
        self.finish()

    def test_library_deleted(self):
        self.start("function library deleted")
        for _ in range(4 if IS_LONG else 2):
            self.load_for(1.7, 4.0)
            self.redis.call("FUNCTION", "DELETE", "chanway")
            time.sleep(random.uniform(0.0, 0.15))
            # Where all that was to be published is, nodes find out when they renew their leases.
            until(lambda: self.redis.call("FUNCTION", "LIST", "LIBRARYNAME", "chanway"),
                  "a node has loaded it", 10)
            self.rest_and_go_on()
        self.load_for(1.7, 4.0)
        self.finish()

    # --- the network between nodes and Redis

    def test_network_stall(self):
        self.start("network stall between a node and Redis, 8 s", proxied=True)
        self.load_for(2.5, 8.0)
        with self.outage():
            self.proxies[1].stall()
            time.sleep(8)
            self.proxies[1].restore()
        self.load_for(2.5, 8.0)
        if IS_LONG:
            with self.outage():
                for proxy in self.proxies:
                    proxy.stall()
                time.sleep(3)
                for proxy in self.proxies:
                    proxy.restore()
            self.load_for(2.5, 8.0)
        self.finish()

    def test_network_delay(self):
        # A round trip takes 600 ms.
        self.start("network delay of 300 ms between nodes and Redis", proxied=True)
        for proxy in self.proxies:
            proxy.delay(0.3)
        self.load_for(2.5, 15.0)
        with self.outage():
            self.redis.call("CLIENT", "KILL", "TYPE", "pubsub")
            self.rest_while_they_read()
        for proxy in self.proxies:
            proxy.restore()
        self.load_for(2.5, 5.0)
        self.finish()

    def rest_while_they_read(self):
        """The load ends when the nodes' requests for what they have missed have been answered, and
        before a subscription that came after these would have begun."""
        before = self.metrics("recoveries")
        until(lambda: self.metrics("recoveries") > before, "a node reads the history", 15)
        time.sleep(0.5)
        self.rest_and_go_on()

    def test_network_reset(self):
        self.start("RST between nodes and Redis", proxied=True)
        for _ in range(6 if IS_LONG else 3):
            self.load_for(1.1, 3.2)
            for proxy in self.proxies:
                self.assertGreater(proxy.reset(), 0)
            time.sleep(random.uniform(0.0, 0.15))
            self.rest_and_go_on()
        self.load_for(2.0, 3.0)
        self.assertGreater(self.total("recoveries"), 0)
        self.finish()

    # --- nodes

    def test_node_killed(self):
        self.start("node kill -9")
        for turn in range(3 if IS_LONG else 1):
            self.load_for(2.5, 5.0)
            node = self.nodes[(turn + 1) % 3]
            self.count_before_it_dies(node)
            with self.outage():
                node.kill()
            self.load_for(2.0, 3.0)
            node.start()
        self.load_for(1.0, 3.0)
        self.finish()

    def test_node_stopped(self):
        self.start("node SIGSTOP 10 s")
        self.load_for(2.5, 10.0)
        with self.outage():
            self.nodes[1].process.signal(signal.SIGSTOP)
            time.sleep(10)
            self.nodes[1].process.signal(signal.SIGCONT)
        self.load_for(2.5, 10.0)
        self.finish()

    def test_rolling_restart(self):
        # Clients that come back at once, whatever they are advised, also to the node that drains. No
        # outage: somebody has a node for them all the time.
        self.start("each node drained and restarted", balanced=True,
                   drain_time="8s" if IS_LONG else "3s")
        for node in self.nodes:
            self.load_for(1.0, 3.0)
            self.count_before_it_dies(node)
            ups = self.ups(node)
            node.terminate()
            self.assertEqual(node.process.wait(40), 0)
            node.start()
            until(lambda: self.ups(node) > ups, "the balancer has it again", 15)
        self.load_for(1.0, 3.0)
        self.finish()

    def ups(self, node):
        return len(re.findall(rf"Server gateways/{node.name} is UP", self.balancer.process.log()))

    # --- clients

    def test_clients_silent(self):
        self.start("clients lose their network, resume on another node", heartbeat_interval="1s",
                   heartbeat_timeout="3s")
        for turn in range(6 if IS_LONG else 3):
            self.load_for(1.2, 3.0)
            with self.outage():  # it takes them up to a second to notice
                self.fleet.tell("silence", node=turn % 3)
                time.sleep(1.0)
        self.load_for(2.5, 4.0)
        verdict = self.finish()
        self.assertGreater(verdict.repeated, 0, "no retry was a duplicate: the test is too easy")

    def test_history_trimmed(self):
        # What is away for longer than a history lasts has to be told.
        self.start("history trimmed", may_gap=True, proxied=True, history_size=20)
        self.sample_streams()
        self.load_for(3.0, 15.0)
        with self.outage():
            self.proxies[1].stall()
            time.sleep(2)
            self.proxies[1].restore()
        self.load_for(3.0, 5.0)
        verdict = self.finish()
        self.assertGreater(verdict.gaps, 0, "no gap was told: the test is too easy")


if __name__ == "__main__":
    main(280 if IS_LONG else 110)
