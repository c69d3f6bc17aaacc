"""Sessions when nodes die or stop, Redis is away, or everything happens at once."""

import signal
import threading

import setup_path  # noqa: F401
from session_case import SessionCase, where
from support.case import main
from support.wait import until
from support.websocket import Ended
from support.wire import Closed


class Troubles(SessionCase):

    settings = {"history_size": "100000"}

    def test_a_killed_node(self):
        publisher = self.own_client(self.b)
        clients = [self.own_client(self.a) for _ in range(2)]
        for client in clients:
            client.join("g")
        first = publisher.publish("g", text="1")
        for client in clients:
            self.assertReceives(client, "g", text="1")
        self.a.kill()
        publisher.publish("g", text="2")
        knows, forgot = clients
        back = self.resume(knows, self.b, f"since=0-0,g@{where(first)}")
        self.assertResumed(back, knows)
        self.assertReceives(back, "g", text="2")
        until(lambda: self.state(forgot) == "away", "it is reaped", 25)
        self.assertEqual(self.send(forgot, "direct"), "queued")
        publisher.publish("g", text="3")
        back = self.resume(forgot, self.b)
        self.assertResumed(back, forgot)
        frames = back.settle()
        self.assertEqual(sorted(f["op"] for f in frames), ["gap", "message"], frames)
        self.assertEqual(next(f for f in frames if f["op"] == "message")["text"], "direct")
        publisher.publish("g", text="4")
        self.assertReceives(back, "g", text="4")

    def test_a_stopped_node_closes_what_went_on_elsewhere(self):
        client = self.own_client(self.a)
        client.join("g")
        self.a.process.signal(signal.SIGSTOP)
        back = self.resume(client, self.b, "since=0-0,g@0-0")
        self.assertResumed(back, client)
        self.a.process.signal(signal.SIGCONT)
        self.assertClosed(client, 4006)
        self.own_client(self.a).publish("g", text="x")
        self.assertReceives(back, "g", text="x")

    def test_without_redis_it_waits_and_goes_on(self):
        client = self.own_client(self.a)
        client.join("g")
        self.lose(client)
        self.redis.freeze()
        thawing = threading.Timer(2, self.redis.thaw)
        thawing.start()
        self.addCleanup(thawing.join)
        back = self.resume(client, self.b, timeout=15)
        self.assertResumed(back, client)

    def test_without_redis_it_is_told_to_come_again(self):
        client = self.own_client(self.a)
        self.lose(client)
        self.redis.kill()
        raw = self.own_raw(self.b, f"session={client.welcome['session']}", timeout=20)
        with self.assertRaises((Closed, Ended)) as caught:
            raw.receive(20)
        self.assertEqual(caught.exception.code, 1013)

    def test_many_at_once_and_again(self):
        """Ten channels lost and resumed anywhere under load: all once, in order."""
        stop = threading.Event()
        sent = []

        def publish():
            with self.b.client() as publisher:
                while not stop.is_set():
                    sent.append(publisher.publish("g", text=str(len(sent)))["offset"])

        clients = [self.own_client(self.nodes[n % 2]) for n in range(10)]
        seen = {client.uuid: [] for client in clients}
        for client in clients:
            client.join("g")
        thread = threading.Thread(target=publish)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        for turn in range(6):
            for number, client in enumerate(clients):
                seen[client.uuid] += [client.message()["offset"] for _ in range(20)]
                client.drop()
                position = f"{self.epoch()}-{seen[client.uuid][-1]}"
                clients[number] = self.resume(client, self.nodes[(turn + number) % 2],
                                              f"since=0-0,g@{position}")
                self.assertResumed(clients[number], client)
        stop.set()
        thread.join()
        for client in clients:
            while seen[client.uuid][-1] < sent[-1]:
                seen[client.uuid].append(client.message()["offset"])
            offsets = seen[client.uuid]
            self.assertEqual(offsets, list(range(offsets[0], sent[-1] + 1)))

    def epoch(self):
        return self.r.hget("cw:{g:g}", "e").decode()


if __name__ == "__main__":
    main(110)
