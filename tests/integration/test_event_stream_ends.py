"""The event stream when nodes die or are given up, and when it is trimmed unread."""

import signal

import setup_path  # noqa: F401
from support.case import Case, main
from support.event_stream import EventStream
from support.wait import Deadline, until

REAPED = 20  # s: CONTRACT


class DeadNodes(Case):

    def setUp(self):
        self.redis = self.own_redis()
        self.stream = EventStream(self.redis)

    def node(self, name):
        return self.own_node(self.redis, name=name, events="connect,disconnect,join,message")

    def clients(self, node, count):
        clients = [self.own_client(node, "groups=hall") for _ in range(count)]
        for client in clients:
            client.next_op("joined")
        return clients

    def test_a_killed_and_a_stopped_node(self):
        killed, stopped, alive, fourth = (self.node(name) for name in
                                          ("killed", "stopped", "alive", "fourth"))
        killed_id, stopped_id = killed.id(), stopped.id()
        closed = self.clients(killed, 10)
        dying, frozen, others = self.clients(killed, 300), self.clients(stopped, 10), self.clients(
            alive, 10)
        for client in closed:
            client.close()
        until(lambda: all(self.stream.of(client.uuid, "disconnect") for client in closed),
              "those that were closed are told")
        stopped.process.signal(signal.SIGSTOP)
        killed.kill()
        deadline = Deadline(REAPED)
        expected = {client.uuid: killed_id for client in dying}
        expected.update({client.uuid: stopped_id for client in frozen})

        def told():
            return [event for event in self.stream.read()
                    if event["event"] == "disconnect" and event["code"] == "1006"]
        until(told, "the first is told", deadline.left())
        fourth.kill()  # perhaps it was the one that cleans up
        until(lambda: {event["channel"] for event in told()} >= set(expected),
              "every channel of the dead nodes is told", deadline.left(), every=0.2)
        self.assertEqual({(event["channel"], event["node"], event["gen"]) for event in told()},
                         {(uuid, node, "1") for uuid, node in expected.items()})
        for client in closed:
            self.assertEqual({event["gen"] for event in self.stream.of(client.uuid, "disconnect")},
                             {"1"})
        for client in others:
            self.assertEqual(self.stream.of(client.uuid, "disconnect"), [])
        until(lambda: set(self.members(others[0])) == {client.uuid for client in others},
              "the dead nodes' channels are in no group", deadline.left(), every=0.2)

        # The stopped one goes on: the same connections, told again by a higher gen.
        stopped.process.signal(signal.SIGCONT)
        until(lambda: all(len(self.stream.of(client.uuid, "connect")) > 1 for client in frozen),
              "its channels are told again", 10, every=0.1)
        for client in frozen:
            events = self.stream.of(client.uuid, "connect", "disconnect")
            self.assertEqual(events[-1]["event"], "connect", events)
            self.assertGreater(int(events[-1]["gen"]), 1)
            self.assertNotEqual(events[-1]["node"], stopped_id)
        client = frozen[0]
        client.call("message", text="still here")
        message, = self.stream.of(client.uuid, "message")
        self.assertGreater(int(message["gen"]), 1)
        client.close()
        until(lambda: self.stream.kinds(client.uuid)[-1] == "disconnect", "it is gone now")
        self.assertEqual(self.stream.of(client.uuid)[-1]["gen"], message["gen"])

    def members(self, client):
        return [member["channel"] for member in client.members("hall")["members"]]


class Trimmed(Case):

    def test_what_a_group_was_never_given_is_counted(self):
        redis = self.own_redis()
        with redis.client() as client:
            client.xgroup_create("cw:{events}", "slow", "0", mkstream=True)
        node = self.own_node(redis, events="message", events_max=100)
        talker = self.own_client(node)

        def talk(count):
            for number in range(count):
                talker.send({"op": "message", "id": number, "text": "x"})
            for number in range(count):
                self.assertEqual(talker.next()["op"], "ok")

        def gone():
            with redis.client() as client:
                info = client.xinfo_stream("cw:{events}")
            self.assertLess(info["length"], 250, "about as many as events-max says")
            return info["entries-added"] - info["length"]

        def counted():
            return node.metric("chanway_events_trimmed_unread")
        talk(50)
        with redis.client() as client:
            read = client.xreadgroup("slow", "me", {"cw:{events}": ">"}, 20)
            self.assertEqual(len(read[0][1]), 20)
            client.xgroup_create("cw:{events}", "in.the.middle", "$")
        talk(500)
        until(lambda: counted() == gone() - 20, "what is lost is counted", 15, every=0.1)
        with redis.client() as client:
            client.xreadgroup("slow", "me", {"cw:{events}": ">"}, 1000)
        until(lambda: counted() == 0, "nothing lies before it any more", 15, every=0.1)


if __name__ == "__main__":
    main()
