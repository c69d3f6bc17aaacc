"""cw_registry_remove and cw_registry_add: a channel leaves the registry, its connection lives on."""

from api_case import EVENTS, ApiCase
from support.case import main
from support.event_stream import EventStream
from support.registry_view import Expected, RegistryView, shown
from support.steered import BUSY, DISCONNECTED, NOT_FOUND, OK, hexed
from support.wait import until


class Hiding(ApiCase):
    events = EVENTS

    def setUp(self):
        self.stream = EventStream(self.redis)

    def hide(self, client):
        self.assertEqual(self.here.registry("hide", client.uuid).rc, OK)

    def show(self, client):
        self.assertEqual(self.here.registry("show", client.uuid).rc, OK)

    def assertRegistered(self, *clients, groups=()):
        """Redis has these channels, in these groups, and nothing else."""
        def problems():
            expected = Expected([self.here.id(), self.there.id()])
            for client in clients:
                expected.add(client.uuid, client.welcome["node"], groups)
            with self.redis.client() as r:
                found = RegistryView(r).problems(expected)
            # How many channels a node is listed with is of its last renewal.
            return [problem for problem in found if " is listed with " not in problem
                    and "cw:{events}" not in problem]
        try:
            until(lambda: not problems(), "the registry is as it should be", 8)
        except AssertionError:
            self.fail(shown(problems()))

    def settled(self, client, code=1000):
        """Closes it, and waits until the registry has it no more."""
        client.close(code)
        self.here.wait_for("disconnect", client.uuid)

    def test_nobody_finds_it_and_nothing_reaches_it(self):
        group = self.new_group()
        client, other = self.clients(f"groups={group}")
        for each in (client, other):
            each.next_op("joined")
        self.hide(client)
        self.assertEqual(client.next_op("left")["group"], group)
        self.assertRegistered(other, groups=[group])
        self.assertIsNone(self.here.entry(client.uuid))
        self.assertEqual(self.here.registry("local", client.uuid).rc, OK)
        self.assertEqual(self.here.registry("send", client.uuid, "text", hexed("x")).rc, NOT_FOUND)
        self.assertEqual(self.here.registry("close", client.uuid, 4000).rc, NOT_FOUND)
        self.assertEqual(self.here.group(group, "add", client.uuid).rc, NOT_FOUND)
        self.assertEqual(self.here.refusal("registry", "hide", client.uuid), NOT_FOUND)
        self.assertEqual(other.refuse("send", to=client.uuid, text="x"), "not_found")
        self.assertEqual(client.refuse("join", group=group), "unavailable")
        client.publish(group, text="still here")
        self.assertEqual(other.message()["from"], client.uuid)
        self.assertEqual(client.settle(), [])
        other.close()
        self.settled(client)
        self.assertRegistered()

    def test_it_comes_back_in_a_later_generation(self):
        group = self.new_group()
        client = self.own_client(self.here, f"groups={group}")
        client.next_op("joined")
        self.assertEqual(self.here.registry("send", client.uuid, "text", hexed("first")).rc, OK)
        self.assertEqual(client.message()["text"], "first")
        self.hide(client)
        client.next_op("left")
        self.show(client)
        self.assertRegistered(client)
        self.assertEqual(self.redis.call("HGET", "cw:{c:%s}" % client.uuid, "gen"), b"2")
        self.assertEqual(self.here.entry(client.uuid)["groups"], "")
        self.assertEqual(self.here.group(group, "add", client.uuid).rc, OK)
        client.next_op("joined")
        self.assertRegistered(client, groups=[group])
        self.assertEqual(self.here.registry("send", client.uuid, "text", hexed("again")).words[0], "delivered")
        self.assertEqual(client.message()["text"], "again")
        self.show(client)  # once more, as it is
        self.assertRegistered(client, groups=[group])
        client.publish(group, text="all")
        self.assertEqual(client.message()["text"], "all")
        self.assertEqual(client.settle(), [])
        self.settled(client)

    def test_its_session_ends_and_begins_again(self):
        client = self.own_client(self.here)
        self.hide(client)
        new = self.own_client(self.here, f"session={client.welcome['session']}")
        self.assertFalse(new.welcome["resumed"])
        self.settled(new)
        self.show(client)
        client.drop()
        until(lambda: self.here.entry(client.uuid)["connected"] == "0", "it is away")
        back = self.own_client(self.there, f"session={client.welcome['session']}")
        self.assertTrue(back.welcome["resumed"])
        self.assertRegistered(back)
        back.close()

    def test_what_back_ends_are_told(self):
        client = self.own_client(self.here)
        client.join("room")
        self.hide(client)
        client.call("message", text="here-alone")
        self.here.wait_for("message", client.uuid, "here-alone")
        self.show(client)
        client.call("message", text="for-all")
        self.here.wait_for("message", client.uuid, "for-all")
        self.settled(client)
        until(lambda: len(self.stream.of(client.uuid)) >= 6, "all is told")
        told = [(event["event"], event["gen"], event.get("code"), event.get("reason"), event.get("payload"))
                for event in self.stream.of(client.uuid)]
        self.assertEqual(told, [("connect", "1", None, None, None), ("join", "1", None, None, None),
                                ("disconnect", "1", "1000", "removed from the registry", None),
                                ("connect", "2", None, None, None),
                                ("message", "2", None, None, b"for-all"),
                                ("disconnect", "2", "1000", None, None)])

    def test_a_hidden_channel_ends_without_a_word(self):
        client = self.own_client(self.here)
        self.hide(client)
        client.drop()
        # It can't be hidden in its on_disconnect.
        self.assertEqual(self.here.wait_for("disconnect", client.uuid)[3], str(DISCONNECTED))
        self.assertRegistered()
        self.assertEqual(self.stream.kinds(client.uuid), ["connect", "disconnect"])

    def test_one_change_at_a_time(self):
        client = self.own_client(self.here)
        self.redis.freeze()
        try:
            first = self.here.begin("registry", "hide", client.uuid)
            for verb in ("show", "hide"):
                self.assertEqual(self.here.refusal("registry", verb, client.uuid), BUSY)
        finally:
            self.redis.thaw()
        self.assertEqual(self.here.result(first).rc, OK)
        self.show(client)
        self.settled(client)

    def test_every_channel_as_it_connects(self):
        group = self.new_group()
        resumed = self.own_client(self.here, f"groups={group}")
        resumed.next_op("joined")
        resumed.publish(group, text="1")
        resumed.message()
        resumed.drop()
        until(lambda: self.here.entry(resumed.uuid)["connected"] == "0", "it is away")
        self.assertEqual(self.here.registry("send", resumed.uuid, "text", hexed("kept")).words[0], "queued")
        self.here.call("hiding", "on")
        try:
            for query in ("", f"groups={group}", f"groups={group}&since=later",
                          f"session={resumed.welcome['session']}"):
                with self.subTest(query=query):
                    client = self.own_client(self.here, query)
                    self.assertEqual(client.welcome["resumed"], "session" in query)
                    self.assertEqual(self.here.result(0).rc, OK)
                    self.assertRegistered()
                    self.assertTrue(all(frame["op"] == "error" for frame in client.settle()))
                    self.assertEqual(client.refuse("join", group="room"), "unavailable")
                    self.settled(client)
        finally:
            self.here.call("hiding", "off")


if __name__ == "__main__":
    main()
