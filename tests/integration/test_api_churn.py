"""Channels are hidden and shown at random while Redis goes and comes: then the registry is exact."""

import random
import time

import setup_path  # noqa: F401
from support.case import Case, main
from support.registry_view import Expected, RegistryView, shown
from support.steered import BUSY, NOT_FOUND, OK, TIMEOUT, UNAVAILABLE, Refused, Steered, hexed
from support.wait import Deadline, TimedOut, until

CLIENTS, GROUPS = 24, ("g0", "g1", "g2")
FAILURES = {BUSY, NOT_FOUND, UNAVAILABLE, TIMEOUT}


class Churn(Case):
    def setUp(self):
        self.redis = self.own_redis(in_memory=True)
        self.here = self._keep(Steered(self.own_folder(), self.redis, "here"), self.addCleanup).start()
        self.there = self.own_node(self.redis, name="there")
        self.clients = [self.own_client(self.here) for _ in range(CLIENTS)]
        self.dice = random.Random(7)

    def act(self):
        """Several things at once; whatever becomes of them."""
        numbers = []
        for client in self.dice.sample(self.clients, 6):
            group = self.dice.choice(GROUPS)
            verb = self.dice.choice(("hide", "show", "add", "remove", "join", "leave"))
            if verb in ("hide", "show"):
                numbers.append(self.here.begin("registry", verb, client.uuid))
            elif verb in ("add", "remove"):
                numbers.append(self.here.begin("group", group, verb, client.uuid))
            else:
                client.send({"op": verb, "group": group})
        return numbers

    def churn(self, seconds):
        numbers, deadline = [], Deadline(seconds)
        while not deadline.passed():
            numbers += self.act()
            time.sleep(0.01)  # a pace, not a wait: some hundred turns
        for number in numbers:
            try:
                rc = self.here.result(number).rc
            except Refused as refused:
                rc = refused.rc
            self.assertTrue(rc == OK or rc in FAILURES, rc)

    def groups_of(self, client):
        everybody = {group: client.members(group, count=1000)["members"] for group in GROUPS}
        return {group for group in GROUPS
                if client.uuid in {member["channel"] for member in everybody[group]}}

    def problems(self, is_shown):
        expected = Expected([self.here.id(), self.there.id()])
        found = []
        for client in self.clients:
            groups = self.groups_of(client)
            if is_shown[client.uuid]:
                expected.add(client.uuid, self.here.id(), groups)
            elif groups:
                found.append(f"{client.uuid} is hidden and in {groups}")
        with self.redis.client() as r:
            return found + RegistryView(r).problems(expected)

    def assertReached(self):
        """Whom the registry shows in a group gets its messages, and nobody else does."""
        members = {client.uuid: self.groups_of(client) for client in self.clients}
        for client in self.clients:
            for frame in client.settle():
                if frame["op"] == "error":
                    self.assertIn(frame["code"], ("unavailable", "timeout", "internal"))
        for group in GROUPS:
            self.assertEqual(self.here.group(group, "text", hexed(group)).rc, OK)
        for client in self.clients:
            for group in sorted(members[client.uuid]):
                self.assertReceives(client, group, text=group)
            self.assertEqual(client.settle(), [])

    def test_the_registry_is_exact_afterwards(self):
        for _ in range(2):
            self.churn(2)
            self.redis.kill()
            self.churn(0.5)
            self.redis.start()
            self.churn(2)
            self.redis.freeze()
            self.churn(1)
            self.redis.thaw()
            self.churn(1)
        is_shown = {}
        for client in self.clients:  # half of them are out in the end
            verb = self.dice.choice(("hide", "show"))
            def done(verb=verb, client=client):
                try:
                    return self.here.registry(verb, client.uuid).rc == OK
                except Refused as refused:
                    return verb == "hide" and refused.rc == NOT_FOUND
            until(done, f"{client.uuid}: {verb}", 30)
            is_shown[client.uuid] = verb == "show"
        try:
            until(lambda: not self.problems(is_shown), "the registry is exact", 20, every=0.2)
        except TimedOut:
            self.fail(shown(self.problems(is_shown)))
        self.assertReached()


if __name__ == "__main__":
    main(110)
