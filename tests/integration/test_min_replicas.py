"""A Redis that wants replicas before it writes (min-replicas-to-write): refused, not lost."""

import setup_path  # noqa: F401
from support.case import Case, main
from support.replica import Primary, Replica
from support.wait import until


class MinReplicas(Case):

    def setUp(self):
        self.primary = self._keep(Primary(self.own_folder(), options=[
            "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]), self.addCleanup)
        self.primary.start()
        self.replica = self._keep(Replica(self.own_folder(), self.primary), self.addCleanup)

    def node_with_a_replica(self):
        self.replica.follow()
        node = self.own_node(self.primary)
        return node, self.own_client(node), self.member_of(node)

    def member_of(self, node):
        client = self.own_client(node, "groups=g")
        client.next_op("joined")
        return client

    def publish_until(self, client, wanted, timeout=15):
        """Each try is refused as a whole, or done as a whole."""
        def attempt():
            reply = client.request("publish", group="g", text="x")
            if reply["op"] == "error":
                self.assertEqual(reply["code"], "unavailable")
                self.assertIs(reply["temporary"], True)
            return reply if reply["op"] == wanted else None
        return until(attempt, f"a publish is answered with {wanted}", timeout, every=0.05)

    def test_writes_are_unavailable_without_a_replica_and_go_on_with_one(self):
        node, client, listener = self.node_with_a_replica()
        self.publish_until(client, "ok")
        links = node.metric("chanway_redis_reconnects_total")
        self.replica.kill()
        self.publish_until(client, "error")
        last = self.primary.call("HGET", "cw:{g:g}", "o")
        self.assertEqual(client.refuse("publish", group="g", text="x", key="k"), "unavailable")
        self.assertEqual(client.refuse("send", to=listener.uuid, text="x"), "unavailable")
        self.assertEqual(client.refuse("join", group="h"), "unavailable")
        self.assertEqual(client.request("ping")["op"], "pong")
        self.assertTrue(node.is_ready(), "messages would flow, were there any")
        self.assertEqual(self.primary.call("HGET", "cw:{g:g}", "o"), last, "nothing was done")

        self.replica.follow()
        ok = self.publish_until(client, "ok")
        self.assertEqual(ok["offset"], int(last) + 1)
        self.assertIs(client.publish("g", text="y", key="k").get("duplicate", False), False)
        self.assertEqual([listener.message()["offset"] for _ in range(int(last) + 2)],
                         list(range(1, int(last) + 3)))
        client.join("h")
        self.assertEqual(node.metric("chanway_redis_reconnects_total"), links,
                         "on the links there were")

    def test_a_replica_that_lags_counts_as_none(self):
        _, client, _ = self.node_with_a_replica()
        self.publish_until(client, "ok")
        self.replica.freeze()
        self.addCleanup(self.replica.thaw)
        self.publish_until(client, "error")
        self.replica.thaw()
        self.publish_until(client, "ok")

    def test_the_registry_is_exact_again_after_the_lease_has_ended_meanwhile(self):
        node, client, listener = self.node_with_a_replica()
        self.replica.kill()
        self.publish_until(client, "error")
        lease = "cw:{n:%s}" % node.id()
        until(lambda: not self.primary.call("EXISTS", lease), "its lease has ended", 25, every=0.2)
        self.assertEqual(client.request("ping")["op"], "pong")
        self.replica.follow()
        self.publish_until(client, "ok")
        until(lambda: [member["channel"] for member in client.members("g")["members"]]
              == [listener.uuid], "members are exact again", 20, every=0.1)
        self.assertEqual(listener.message()["text"], "x")

    def test_a_node_that_starts_without_one_says_so_and_waits(self):
        node = self.own_node(self.primary, wait=False)
        node.process.wait_for_log("NOREPLICAS")
        self.assertEqual(node.get("/readyz").status, 503)
        self.assertIn("NOREPLICAS", node.get("/readyz").body.decode("ascii"))
        self.replica.follow()
        node.wait_until_ready()
        self.publish_until(self.own_client(node), "ok")


if __name__ == "__main__":
    main()
