"""Another Redis becomes the primary: the nodes leave the one that was, and lose nothing they know of."""

import setup_path  # noqa: F401
from support.case import Case, main
from support.relay import Relay
from support.replica import Primary, Replica
from support.wait import until


class Switchover(Case):
    """Nodes reach the primary by an address that is led elsewhere, as behind a proxy."""

    settings = {}

    def setUp(self):
        self.primary = self._keep(Primary(self.own_folder()), self.addCleanup).start()
        self.replica = self._keep(Replica(self.own_folder(), self.primary), self.addCleanup)
        self.replica.follow()
        self.relay = self._keep(Relay(self.own_folder(), self.primary.socket), self.addCleanup)
        self.node = self.own_node(self.relay, op_timeout="2s", **self.settings)
        self.client = self.own_client(self.node)
        self.listener = self.own_client(self.node, "groups=g")
        self.listener.next_op("joined")

    def publish_until_ok(self, text):
        def attempt():
            reply = self.client.request("publish", group="g", text=text, key=text)
            if reply["op"] == "error":
                self.assertIn(reply["code"], ("unavailable", "timeout"))
            return reply if reply["op"] == "ok" else None
        return until(attempt, "a publish works", 20, every=0.05)

    def assertExact(self, *more):
        wanted = {self.listener.uuid, *more}

        def are_exact():
            reply = self.client.request("members", group="g")  # `unavailable` between two links
            return {member["channel"] for member in reply.get("members", ())} == wanted
        until(are_exact, "members are exact", 20, every=0.1)

    def test_a_primary_that_becomes_a_replica_is_left_at_once(self):
        self.publish_until_ok("before")
        self.assertReceives(self.listener, "g", text="before")
        until(lambda: self.primary.followers() == 1, "the replica has it")
        self.primary.call("REPLICAOF", "127.0.0.1", str(self.replica.port))
        self.assertEqual(self.client.refuse("publish", group="g", text="refused"), "unavailable")
        until(lambda: b"is a replica" in self.node.get("/readyz").body, "it says why", 5)
        self.assertEqual(self.node.get("/readyz").status, 503)
        self.primary.call("REPLICAOF", "NO", "ONE")
        until(self.node.is_ready, "ready again", 5)
        self.publish_until_ok("after")
        self.assertReceives(self.listener, "g", text="after")  # nothing was lost: no gap before it
        self.assertExact()

    def test_who_is_a_primary_again_without_its_latest_writes_gives_no_id_twice(self):
        """Another one, that did not have them, was the primary meanwhile, and wrote nothing."""
        self.publish_until_ok("kept")
        until(lambda: self.primary.followers() == 1, "the replica has it")
        self.replica.call("REPLICAOF", "NO", "ONE")
        late = self.own_client(self.node)
        late.join("g")
        lost = [self.publish_until_ok(text) for text in ("lost", "lost too")]
        for text in ("kept", "lost", "lost too"):
            self.assertReceives(self.listener, "g", text=text)
        self.primary.call("REPLICAOF", "127.0.0.1", str(self.replica.port))
        until(lambda: self.primary.call("ROLE")[3] == b"connected", "it follows", 15)
        self.primary.call("REPLICAOF", "NO", "ONE")
        self.assertEqual(self.primary.call("HGET", "cw:{g:g}", "o"), b"1")
        new = self.publish_until_ok("new")
        self.assertGreater(int(new["epoch"]), int(lost[1]["epoch"]))
        self.assertEqual(self.listener.next()["op"], "gap")  # others may have missed them
        self.assertReceives(self.listener, "g", text="new")
        self.assertExact(late.uuid)  # though the server is the same, it does not know this join

    def test_an_idle_node_finds_out_by_itself(self):
        until(lambda: self.primary.followers() == 1, "the replica has all")
        self.primary.call("REPLICAOF", "127.0.0.1", str(self.replica.port))
        until(lambda: not self.node.is_ready(), "not ready", 5)
        self.primary.call("REPLICAOF", "NO", "ONE")
        until(self.node.is_ready, "ready again", 5)

    def test_an_orderly_failover_is_seamless(self):
        last = self.publish_until_ok("before")
        self.assertReceives(self.listener, "g", text="before")
        self.primary.call("FAILOVER")
        until(lambda: self.replica.role() == "master", "the replica has taken over", 15)
        self.relay.lead(self.replica.socket)
        ok = self.publish_until_ok("after")
        self.assertGreater(int(ok["epoch"]), int(last["epoch"]))
        self.assertReceives(self.listener, "g", text="after")  # and no gap before it
        late = self.own_client(self.node)
        reply = late.join("g", since={"epoch": last["epoch"], "offset": last["offset"]})
        self.assertIs(reply["recovered"], True)
        self.assertReceives(late, "g", text="after")
        self.assertIs(self.client.publish("g", text="before", key="before")["duplicate"], True)
        late.leave("g")
        self.assertExact()


if __name__ == "__main__":
    main()
