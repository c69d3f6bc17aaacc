"""The public API while Redis is away, and as the gateway is destroyed: every call is completed once."""

from api_case import EVENTS, NOBODY
from support.case import Case, main
from support.steered import CANCELLED, NOT_FOUND, OK, TIMEOUT, UNAVAILABLE, Steered, hexed
from support.wait import until

# One of each; `%s`: a channel that is there.
CALLS = ("group room add %s", "group room remove %s", "group room text 61", "group room members 0 10",
         "group room count", "registry get %s", "registry get_all 0 10", "registry send %s text 61",
         f"registry get {NOBODY}", "registry close %s 4000 x")


class Ends(Case):
    def setUp(self):
        self.redis = self.own_redis()
        self.here = self._keep(Steered(self.own_folder(), self.redis, "here", EVENTS),
                               self.addCleanup).start()

    def begin_all(self, uuid):
        return [self.here.begin(call % uuid if "%s" in call else call) for call in CALLS]

    def refusals(self, uuid):
        return {self.here.refusal(call % uuid if "%s" in call else call) for call in CALLS}

    def assertWorks(self, client):
        until(lambda: not self.refused("group", "room", "count"), "the link is back", 15)
        until(lambda: self.here.entry(client.uuid) is not None, "the channel is in the registry", 15)
        self.assertEqual(self.here.registry("send", client.uuid, "text", hexed("hello")).rc, OK)
        self.assertEqual(client.message()["text"], "hello")

    def refused(self, *words):
        number = self.here.begin(*words)
        try:
            return self.here.result(number).rc != OK
        except AssertionError:
            return True

    def test_a_redis_that_hangs(self):
        client = self.own_client(self.here)
        hidden = self.own_client(self.here)
        shown = self.own_client(self.here)
        self.redis.freeze()
        numbers = self.begin_all(client.uuid)
        numbers += [self.here.begin("registry hide", hidden.uuid),
                    self.here.begin("registry show", shown.uuid)]
        # Handed over, and given up with the link.
        self.assertEqual({self.here.result(number).rc for number in numbers}, {TIMEOUT})
        until(lambda: self.refused("group", "room", "count"), "it is known", 15)
        self.assertEqual(self.refusals(client.uuid), {UNAVAILABLE})
        for verb in ("hide", "show"):
            self.assertEqual(self.here.refusal("registry", verb, client.uuid), UNAVAILABLE)
        self.redis.thaw()
        self.assertWorks(shown)
        until(lambda: self.here.entry(hidden.uuid) is None, "the hidden one is out", 15)
        self.assertEqual(hidden.refuse("join", group="room"), "unavailable")
        self.assertEqual(self.here.registry("show", hidden.uuid).rc, OK)
        self.assertWorks(hidden)

    def test_a_redis_that_is_gone(self):
        client = self.own_client(self.here)
        self.redis.kill()
        until(lambda: self.refused("group", "room", "count"), "it is known")
        self.assertEqual(self.refusals(client.uuid), {UNAVAILABLE})
        self.redis.start()
        self.assertWorks(client)

    def test_a_gateway_that_is_destroyed(self):
        client = self.own_client(self.here)
        hidden = self.own_client(self.here)
        shown = self.own_client(self.here)
        self.redis.freeze()
        numbers = self.begin_all(client.uuid)
        changes = [self.here.begin("registry hide", hidden.uuid),
                   self.here.begin("registry show", shown.uuid)]
        self.assertEqual(self.here.end(), 0)
        self.assertLessEqual({self.here.result(number).rc for number in numbers}, {TIMEOUT, UNAVAILABLE})
        self.assertEqual({self.here.result(number).rc for number in changes}, {CANCELLED})

    def test_a_gateway_that_is_destroyed_at_once(self):
        client = self.own_client(self.here)
        numbers = []
        for _ in range(20):
            numbers += self.begin_all(client.uuid)
        self.assertEqual(self.here.end(), 0)
        rcs = [self.here.result(number).rc for number in numbers]
        self.assertLessEqual(set(rcs), {OK, NOT_FOUND, TIMEOUT, UNAVAILABLE})

    def test_a_gateway_that_stops(self):
        client = self.own_client(self.here)
        hidden = self.own_client(self.here)
        change = self.here.begin("registry hide", hidden.uuid)
        numbers = self.begin_all(client.uuid)
        self.here.begin("stop")
        self.here.wait_for_end()
        self.assertEqual(self.here.wait_for("ended")[1], "0")
        self.assertEqual({self.here.result(number).rc for number in numbers}, {OK, NOT_FOUND})
        self.assertIn(self.here.result(change).rc, (OK, CANCELLED))


if __name__ == "__main__":
    main()
