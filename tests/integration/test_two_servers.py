"""Behind an address whose server changes, both links must always be of the same one."""

import setup_path  # noqa: F401
from relay_case import RelayCase
from support.case import main
from support.redis_server import RedisServer
from support.wait import until


class TwoServers(RelayCase):

    def setUp(self):
        super().setUp()
        self.other = self._keep(RedisServer(self.own_folder(), "other"), self.addCleanup).start()

    def length(self, redis):
        return redis.call("XLEN", "cw:{g:g}:h")

    def check_moved(self):
        until(lambda: self.client.request("publish", group="g", text="there")["op"] == "ok"
              and self.length(self.other) > 0, "the other server is used", 15)
        before = self.length(self.redis)
        until(lambda: self.listener.next().get("text") == "there", "messages come from there")
        self.publish_until_ok("more")
        until(lambda: self.listener.next().get("text") == "more", "messages come from there")
        self.assertEqual(self.length(self.redis), before)
        until(lambda: [member["channel"] for member in self.client.members("g")["members"]]
              == [self.listener.uuid], "the registry is there", 20, every=0.1)

    def test_a_new_subscription_link_takes_the_command_link_along(self):
        self.publish_until_ok("here")
        self.relay.lead(self.other.socket)
        self.relay.drop(is_pubsub=True)
        self.check_moved()

    def test_a_new_command_link_takes_the_subscription_link_along(self):
        self.publish_until_ok("here")
        self.relay.lead(self.other.socket)
        self.relay.drop(is_pubsub=False)
        self.check_moved()

    def test_a_pair_of_two_servers_is_not_used(self):
        self.publish_until_ok("here")
        before = self.length(self.redis)
        self.relay.lead(self.redis.socket, self.other.socket)
        self.relay.drop(is_pubsub=True)
        until(lambda: "different servers" in self.node.get("/readyz").body.decode("ascii"),
              "it says what it has found")
        for _ in range(20):
            self.assertEqual(self.status(), 503)
            self.assertEqual(self.client.refuse("publish", group="g", text="nowhere"),
                             "unavailable")
        self.assertEqual((self.length(self.redis), self.length(self.other)), (before, 0))
        self.relay.lead(self.redis.socket)
        until(lambda: self.status() == 200, "ready again", 10)
        self.publish_until_ok("here again")
        until(lambda: self.listener.next().get("text") == "here again", "messages come")


if __name__ == "__main__":
    main()
