"""What the ok of a join and the ok of a publish promise, across nodes and at once."""

import threading

import setup_path  # noqa: F401
from support.case import main
from support.cluster import ClusterCase
from support.relay import Relay
from support.wait import until


class Join(ClusterCase):

    def setUp(self):
        self.start_cluster()

    def test_what_is_published_after_the_ok_of_a_join_arrives(self):
        publishers = [self.own_client(node) for node in self.nodes]
        for number in range(300):
            node = self.nodes[number % 3]
            # Both the first member that its node has, and one more.
            group = f"fresh.{number}" if number % 2 else "shared"
            with node.client() as client:
                client.join(group)
                publisher = publishers[(number + 1) % 3]
                publisher.send({"op": "publish", "group": group, "text": f"after {number}"})
                self.assertReceives(client, group, text=f"after {number}")

    def test_what_was_acknowledged_before_a_join_does_not_come_after_it(self):
        publishers = [self.own_client(node) for node in self.nodes]
        for number in range(200):
            group = f"old.{number}" if number % 2 else "oldshared"
            publisher = publishers[(number + 1) % 3]
            ok = publisher.publish(group, text=f"before {number}")
            with self.nodes[number % 3].client() as client:
                joined = client.join(group)
                self.assertEqual((joined["epoch"], joined["offset"]), (ok["epoch"], ok["offset"]))
                publisher.publish(group, text=f"marker {number}")
                frame = self.assertReceives(client, group, text=f"marker {number}")
                self.assertEqual(frame["offset"], ok["offset"] + 1)

    def test_under_load_the_ok_is_the_border(self):
        ledger, publishers = self.load("border", self.nodes, rate=150)
        try:
            for number in range(120):
                with self.nodes[number % 3].client() as client:
                    client.send({"op": "join", "id": 1, "group": "border"})
                    ok = client.next_op("ok")
                    for step in range(3):
                        self.assertEqual(client.message()["offset"], ok["offset"] + 1 + step)
        finally:
            publishers.stop()
        self.assertEqual(ledger.count(), sum(map(len, ledger.sent.values())))

    def test_a_join_waits_for_the_messages_that_are_older_than_it(self):
        relay = Relay(self.own_folder(), self.redis.socket)
        self.addCleanup(relay.stop)
        late = self.own_node(relay, name="late")
        publisher = self.own_client(self.nodes[0])
        for group in ("known", "new"):
            with self.subTest(group=group):
                old = self.own_client(late, "groups=known")
                old.next_op("joined")
                publisher.publish(group, text="first")
                relay.hold_subscriptions()
                before = publisher.publish(group, text="on its way")
                new = self.own_client(late)
                new.send({"op": "join", "id": 1, "group": group})
                if group == "known":
                    until(lambda: new.uuid in [member["channel"] for member in
                                               publisher.members(group)["members"]],
                          "the join is in Redis")
                sent = publisher.publish(group, text="still on its way")
                relay.restore()
                joined = new.next_op("ok")
                self.assertGreaterEqual(joined["offset"], before["offset"])
                publisher.publish(group, text="marker")
                frames = [new.message()]
                while frames[-1]["text"] != "marker":
                    frames.append(new.message())
                self.assertEqual([frame["offset"] for frame in frames],
                                 list(range(joined["offset"] + 1, sent["offset"] + 2)))
                old.drop()

    def test_members_shows_a_channel_on_every_node_once_its_join_is_ok(self):
        askers = [self.own_client(node) for node in self.nodes]
        for number in range(60):
            with self.nodes[number % 3].client() as client:
                client.join("listed")
                for asker in askers:
                    listed = [member["channel"] for member in
                              asker.members("listed", count=1000)["members"]]
                    self.assertIn(client.uuid, listed)
                client.leave("listed")
                for asker in askers:
                    listed = [member["channel"] for member in
                              asker.members("listed", count=1000)["members"]]
                    self.assertNotIn(client.uuid, listed)

    def test_joins_and_leaves_on_all_nodes_at_once_end_with_the_right_members(self):
        failures = []

        def churn(node, index):
            try:
                with node.client() as client:
                    for number in range(60):
                        client.join(f"churn.{number % 4}")
                        client.publish(f"churn.{number % 4}", data=index)
                        client.leave(f"churn.{number % 4}")
                    client.join("churn.end")
                    stays.wait(20)
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)
        stays = threading.Event()
        threads = [threading.Thread(target=churn, args=(node, index), daemon=True)
                   for index, node in enumerate(self.nodes * 3)]
        for thread in threads:
            thread.start()
        with self.nodes[0].client() as asker:
            until(lambda: failures or len(asker.members("churn.end")["members"]) == 9,
                  "all end", 20)
            self.assertEqual(failures, [])
            for number in range(4):
                self.assertEqual(asker.members(f"churn.{number}")["members"], [])
            stays.set()
            for thread in threads:
                thread.join(10)
            until(lambda: asker.members("churn.end")["members"] == [], "all have gone")
        self.assertEqual(failures, [])


if __name__ == "__main__":
    main()
