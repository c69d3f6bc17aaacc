"""`wait-replicas`: an ok means that so many replicas have the message; and what it never means."""

import time

import redis as redis_py

import setup_path  # noqa: F401
from support.case import Case, main
from support.checker import Ledger
from support.publisher import Publisher
from support.replica import Primary, Replica
from support.wait import seconds_until, until


def ids_of(redis, group):
    """The ids that a server keeps of a group."""
    ids = ["0-0"]
    while True:
        page = redis.call("FCALL_RO", "cw_history", 1, "cw:{g:%s}" % group, "COUNT", 1000, "SINCE",
                          ids[-1])
        if not page:
            return ids[1:]
        ids += [entry.decode("ascii") for entry in page[::4]]


def id_of(reply):
    return f"{reply['epoch']}-{reply['offset']}"


class ReplicaCase(Case):
    """A primary with one replica, for each test anew."""

    needed = 1

    def setUp(self):
        self.primary = self._keep(Primary(self.own_folder()), self.addCleanup).start()
        self.replica = self._keep(Replica(self.own_folder(), self.primary), self.addCleanup)
        self.addCleanup(self.replica.thaw)
        self.replica.follow()
        self.node = self.new_node()
        self.client = self.own_client(self.node)

    def new_node(self, **settings):
        return self.own_node(self.primary, **{"wait_replicas": self.needed, **settings})


class OneReplica(ReplicaCase):

    def test_an_ok_comes_when_the_replica_has_it(self):
        other = self.own_client(self.node)
        for number in range(100):
            ok = self.client.publish("g", text=str(number))
            self.assertIn(id_of(ok), ids_of(self.replica, "g"))
        self.client.call("send", to=other.uuid, text="you")
        queue = "cw:{c:%s}:q" % other.uuid
        self.assertEqual(self.replica.call("LLEN", queue), 1)
        self.assertEqual(other.message()["text"], "you")
        self.assertEqual(self.node.metric("chanway_replicas_acked"), 1)
        self.assertGreaterEqual(self.node.metric("chanway_replicas_wait_seconds_count"), 101)
        self.assertEqual(self.node.metric("chanway_replicas_held_messages"), 0)

    def test_a_stopped_replica_makes_timeouts_and_a_retry_an_ok(self):
        listener = self.own_client(self.node, "groups=g")
        listener.next_op("joined")
        self.client.publish("g", text="before")
        self.replica.freeze()
        started = time.monotonic()
        self.assertEqual(self.client.refuse("publish", group="g", text="kept", key="k"), "timeout")
        self.assertEqual(self.client.refuse("send", to=listener.uuid, text="sent", key="k"),
                         "timeout")
        self.assertLess(time.monotonic() - started, 4.5, "told well before op-timeout")
        texts = [listener.message()["text"] for _ in range(3)]
        self.assertEqual(texts, ["before", "kept", "sent"], "delivered all the same")
        # As before, and from elsewhere: whoever retries waits for the first one's replicas.
        for node in (self.node, self.new_node(name="other")):
            with node.client() as client:
                self.assertEqual(client.refuse("publish", group="g", text="kept", key="k"),
                                 "timeout")
        self.assertGreaterEqual(self.node.metric("chanway_replicas_too_few_total"), 3)
        self.assertEqual(self.node.metric("chanway_replicas_acked"), 0)

        self.replica.thaw()
        until(lambda: self.primary.followers() == 1, "the replica is back")
        ok = self.client.publish("g", text="kept", key="k")
        self.assertIs(ok["duplicate"], True)
        self.assertEqual(ok["offset"], 2)
        self.assertIn(id_of(ok), ids_of(self.replica, "g"))
        ok = self.client.call("send", to=listener.uuid, text="sent", key="k")
        self.assertIs(ok["duplicate"], True)
        self.client.publish("g", text="after")
        self.assertEqual(listener.message()["text"], "after")

    def test_a_duplicate_is_a_write(self):
        """WAIT waits for what its connection wrote: newer servers count nothing else."""
        self.client.publish("g", text="x", key="k")
        link = redis_py.Connection(port=self.primary.port)
        self.addCleanup(link.disconnect)
        link.connect()

        def offset():
            return self.primary.call("INFO", "replication")["master_repl_offset"]

        def grown_by(*words):
            before = offset()
            link.send_command(*words)
            link.read_response()
            return offset() - before

        self.assertGreater(grown_by("FCALL", "cw_publish", 1, "cw:{g:g}", "text", "x", "KEY", "k"),
                           50)

    def test_without_replicas_all_else_goes_on(self):
        self.replica.freeze()
        done = []
        for number in range(5):
            self.client.send({"op": "publish", "id": f"p{number}", "group": "g", "text": "x"})
        while len(done) < 20:
            took = seconds_until(lambda: self.client.join(f"g{len(done)}"), "a join")
            done.append(took)
            self.assertEqual(self.node.get("/readyz").status, 200)
        self.assertLess(sorted(done)[10], 0.5)
        self.assertLess(self.node.metric("chanway_canary_lag_ms"), 500)
        self.assertEqual(self.node.metric("chanway_canary_stalls_total"), 0)

    def test_what_was_acknowledged_is_on_the_replica_when_the_primary_is_killed(self):
        ledger = Ledger()
        node = self.new_node(name="large", history_size=100000)
        publishers = [Publisher(f"p{number}", [node], "g", ledger, window=20, rate=150)
                      for number in range(2)]
        for publisher in publishers:
            publisher.start()

        def freeze_under_load():
            before = ledger.count()
            until(lambda: ledger.count() >= before + 60, "messages are acknowledged", 20)
            self.replica.freeze()
            return ledger.count()

        for _ in range(3):
            freeze_under_load()
            written = int(self.primary.call("HGET", "cw:{g:g}", "o"))
            until(lambda: int(self.primary.call("HGET", "cw:{g:g}", "o")) > written + 15,
                  "some have not reached it")
            self.replica.thaw()
        before = freeze_under_load()
        until(lambda: ledger.unknown or ledger.count() > before + 60, "none are acknowledged")
        self.primary.kill()
        for publisher in publishers:
            publisher.stop.set()
        for publisher in publishers:
            publisher.join(20)
            self.assertIsNone(publisher.error)
        self.replica.thaw()
        self.replica.call("REPLICAOF", "NO", "ONE")
        told = set(ledger.acknowledged.values())
        self.assertGreaterEqual(len(told), 180)
        self.assertEqual(told - set(ids_of(self.replica, "g")), set())
        self.assertGreater(len(ledger.unknown), 0)


class TwoNeeded(ReplicaCase):
    needed = 2

    def test_one_replica_is_never_enough(self):
        other = self.own_client(self.node)
        for number in range(3):
            self.assertEqual(self.client.refuse("publish", group="g", text=str(number)), "timeout")
        self.assertEqual(self.client.refuse("send", to=other.uuid, text="x"), "timeout")
        self.assertEqual(self.node.metric("chanway_replicas_acked"), 1)
        self.assertEqual(len(ids_of(self.replica, "g")), 3)
        self.assertEqual(self.node.get("/readyz").status, 200)

        second = self._keep(Replica(self.own_folder(), self.primary, "second"), self.addCleanup)
        second.follow()
        reply = {}

        def both_have_it():
            """A replica that has just come counts from its first word on."""
            reply.update(self.client.request("publish", group="g", text="both", key="both"))
            return reply["op"] == "ok"
        until(both_have_it, "both replicas count", 20)
        ok = reply
        for redis in (self.replica, second):
            self.assertIn(id_of(ok), ids_of(redis, "g"))


class Settings(ReplicaCase):

    def test_a_redis_that_forbids_wait_is_named_at_the_start(self):
        self.primary.call("ACL", "SETUSER", "nowait", "on", ">pw", "~*", "&*", "+@all", "-wait")
        url = f"redis://nowait:pw@127.0.0.1:{self.primary.port}"
        node = self.own_node(url, name="n", wait=False, wait_replicas=1)
        node.process.wait_for_log("WAIT was refused, but wait-replicas is set")
        self.assertNotIn("ready node=", node.process.log())
        self.own_node(url, name="off", wait_replicas=0)


if __name__ == "__main__":
    main()
