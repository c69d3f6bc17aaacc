"""Lost channels that come back by their sessions, on the same node or another (PROTOCOL: order, rule 4)."""

import time

import redis

import setup_path  # noqa: F401
from session_case import SessionCase, since, where
from support.case import main
from support.wait import until
from support.websocket import Refused


class Resume(SessionCase):

    def test_same_channel_same_groups_and_what_was_missed(self):
        for back_node in self.nodes:
            publisher = self.own_client(self.b)
            client = self.own_client(self.a, "type=text")
            client.join("one")
            client.join("two", presence=True)
            publisher.publish("one", text="seen")
            self.assertReceives(client, "one", text="seen")
            self.lose(client)
            self.assertEqual(self.r.hexists("cw:{g:one}:m", client.uuid), False)
            publisher.publish("one", text="missed 1")
            publisher.publish("two", text="missed 2")
            publisher.publish("one", text="missed 3")
            self.assertEqual(self.send(client, "direct 1"), "queued")
            self.assertEqual(publisher.call("send", to=client.uuid, text="direct 2")["status"], "queued")
            back = self.resume(client, back_node)
            self.assertResumed(back, client)
            self.assertEqual(back.welcome["type"], "text")
            self.assertEqual(back.welcome["created"], client.welcome["created"])
            self.assertEqual(sorted(back.welcome["groups"]), ["one", "two"])
            frames = back.settle()
            self.assertEqual([f["op"] for f in frames], ["message"] * 5, frames)
            texts = {}
            for frame in frames:
                texts.setdefault(frame.get("group"), []).append(frame["text"])
            self.assertEqual(texts, {"one": ["missed 1", "missed 3"], "two": ["missed 2"],
                                     None: ["direct 1", "direct 2"]})
            publisher.publish("two", text="new")
            self.assertReceives(back, "two", text="new")
            self.assertEqual(self.send(client, "direct 3"), "delivered")
            self.assertEqual(back.message()["text"], "direct 3")
            member = {"channel": client.uuid, "user": None, "node": back.welcome["node"]}
            self.assertIn(member, publisher.members("one")["members"])
            back.close()

    def test_positions_in_the_url_count_more(self):
        publisher = self.own_client(self.b)
        client = self.own_client(self.a)
        client.join("g")
        first = publisher.publish("g", text="1")
        publisher.publish("g", text="2")
        self.send(client, "d1")
        self.send(client, "d2")
        frames = [client.message() for _ in range(4)]
        direct = next(f for f in frames if f.get("text") == "d1")
        self.lose(client)
        back = self.resume(client, self.b, f"since={where(direct)},g@{where(first)},other@1-1")
        self.assertResumed(back, client)
        self.assertEqual(sorted(f["text"] for f in back.settle()), ["2", "d2"])
        until(lambda: self.r.llen(self.key(client) + ":q") == 1, "the one the client has is dropped")

    def test_groups_of_the_url_beside_those_of_the_session(self):
        publisher = self.own_client(self.b)
        client = self.own_client(self.a)
        client.join("g")
        self.lose(client)
        publisher.publish("g", text="missed")
        old = publisher.publish("h", text="old")
        publisher.publish("h", text="missed too")
        back = self.resume(client, self.b, f"groups=g,h,i&since=h@{where(old)}")
        self.assertEqual(back.welcome["groups"], ["g"])
        frames = back.settle()
        self.assertEqual(sorted(f["group"] for f in frames if f["op"] == "joined"), ["g", "h", "i"])
        self.assertEqual(sorted(f["text"] for f in frames if f["op"] == "message"),
                         ["missed", "missed too"])

    def test_later(self):
        publisher = self.own_client(self.b)
        client = self.own_client(self.a)
        client.join("g")
        client.join("h")
        first = publisher.publish("g", text="1")
        publisher.publish("g", text="2")
        self.send(client, "d1")
        direct = next(f for f in (client.message() for _ in range(3)) if f["text"] == "d1")
        self.lose(client)
        publisher.publish("h", text="3")
        self.send(client, "d2")
        back = self.resume(client, self.b, "since=later")
        self.assertResumed(back, client)
        publisher.publish("g", text="4")
        self.assertEqual(back.settle(), [], "deliveries wait for the op")
        reply = back.call("since", direct=since(direct), groups={"g": since(first)})
        self.assertIs(reply["recovered"], True)
        self.assertEqual(sorted(f["text"] for f in back.inbox), ["2", "3", "4", "d2"])
        back.inbox.clear()
        publisher.publish("g", text="5")
        self.assertReceives(back, "g", text="5")
        self.assertEqual(back.refuse("since"), "bad_request")
        self.assertEqual(client.welcome["session"] == back.welcome["session"], False)

    def test_later_that_never_comes(self):
        publisher = self.own_client(self.b)
        client = self.own_client(self.a)
        client.join("g")
        self.lose(client)
        publisher.publish("g", text="missed")
        back = self.resume(client, self.b, "since=later")
        began = time.monotonic()
        self.assertReceives(back, "g", text="missed")
        self.assertGreater(time.monotonic() - began, 4)
        self.assertEqual(back.refuse("since"), "bad_request")

    def test_since_without_later(self):
        self.assertEqual(self.own_client(self.a).refuse("since", direct={"epoch": "0", "offset": 0}),
                         "bad_request")

    def test_later_of_a_channel_that_is_new(self):
        publisher = self.own_client(self.b)
        first = publisher.publish("g", text="1")
        publisher.publish("g", text="2")
        client = self.own_client(self.a, "groups=g&since=later&session=nonsense")
        self.assertIs(client.call("since", groups={"g": since(first)})["recovered"], True)
        self.assertEqual([f["op"] for f in client.inbox], ["message", "joined"])

    def test_raw_channels(self):
        publisher = self.own_client(self.b)
        raw = self.own_raw(self.a, "type=text&groups=g")
        until(lambda: publisher.members("g")["members"], "it is in")
        token = raw.response.header("chanway-session")
        uuid = raw.response.header("chanway-channel")
        raw.drop()
        until(lambda: not publisher.members("g")["members"], "it is out")
        publisher.publish("g", text="missed")
        back = self.own_raw(self.b, "session=" + token)
        self.assertEqual(back.response.header("chanway-channel"), uuid)
        self.assertNotEqual(back.response.header("chanway-session"), token)
        self.assertEqual(back.receive_text(), "missed")

    def test_presence_and_members_while_it_is_away(self):
        watcher = self.own_client(self.b)
        client = self.own_client(self.a)
        client.join("g")
        watcher.join("g", presence=True)
        self.lose(client)
        frame = watcher.next_op("presence")
        self.assertEqual((frame["event"], frame["channel"]), ("leave", client.uuid))
        self.resume(client, self.b)
        frame = watcher.next_op("presence")
        self.assertEqual((frame["event"], frame["channel"]), ("join", client.uuid))

    def test_what_a_slow_client_had_not_taken_comes_again(self):
        """Of 6 MB the socket takes a part; the rest was not written, and is not thought so."""
        publisher = self.own_client(self.b)
        client = self.own_client(self.a, receive_buffer=4096)
        client.join("g")
        count = 90
        for number in range(count):
            publisher.publish("g", text=f"{number} " + "x" * 9000)
        client.drop()
        self.wait_until(client, "away")
        position = self.r.hget(self.key(client), "g:g").decode()
        written = int(position.partition("-")[2])
        back = self.resume(client, self.b)
        offsets = [back.message()["offset"] for _ in range(count - written)]
        self.assertEqual(offsets, list(range(written + 1, count + 1)))
        self.assertEqual(back.settle(), [])


    def test_what_comes_between_the_close_and_its_answer_comes_again(self):
        """From its close frame on a client is sent nothing more, but it is in its groups until it answers."""
        publisher = self.own_client(self.b)
        witness = self.own_client(self.a)
        witness.join("g")
        client = self.own_client(self.a)
        client.join("g")
        publisher.publish("g", text="before")
        client.message()
        self.r.execute_command("FCALL", "cw_close", 1, self.key(client), "4100", "go")
        client.next_op("bye")
        for text in ("between", "the two"):
            publisher.publish("g", text=text)
            self.send(client, text)
        for _ in range(3):
            witness.message()
        self.assertClosed(client, 4100)
        self.wait_until(client, "away")
        publisher.publish("g", text="after")
        back = self.resume(client, self.b)
        got = [back.message() for _ in range(5)]
        self.assertEqual([frame["text"] for frame in got if "group" in frame], ["between", "the two", "after"])
        self.assertEqual([frame["text"] for frame in got if "group" not in frame], ["between", "the two"])
        self.assertEqual(back.settle(), [])


class Tokens(SessionCase):

    def test_what_is_no_session(self):
        client = self.own_client(self.a)
        token = client.welcome["session"]
        self.assertEqual(len(token.partition(".")[2]), 32)
        for wrong in ("x", token[:-1], token + "0", token[:-1] + ("0" if token[-1] != "0" else "1"),
                      "01900000-0000-7000-8000-000000000000." + "0" * 32, "%ff%fe", "a%20b"):
            other = self.own_client(self.b, "session=" + wrong)
            self.assertNew(other, client)
        self.assertEqual(client.settle(), [])

    def test_a_bad_request_takes_nothing(self):
        client = self.own_client(self.a)
        for query in ("type=nonsense", "since=1", "groups=%20"):
            with self.assertRaises(Refused) as caught:
                self.own_raw(self.b, f"session={client.welcome['session']}&{query}")
            self.assertEqual(caught.exception.response.status, 400)
        self.assertEqual(client.settle(), [])
        self.assertEqual(self.state(client), "connected")

    def test_the_old_token_holds_until_the_first_frame(self):
        client = self.own_client(self.a)
        self.lose(client)
        unseen = self.resume(client, self.b)
        again = self.resume(client, self.a)
        self.assertResumed(again, client)
        self.assertClosed(unseen, 4006)
        again.settle()
        until(lambda: not self.r.hexists(self.key(client), "so"), "the old one has ended")
        self.assertNew(self.resume(client, self.b), client)
        self.assertNew(self.resume(unseen, self.b), unseen)
        self.assertResumed(self.resume(again, self.b), again)

    def test_the_old_token_holds_for_ten_seconds(self):
        client = self.own_client(self.a)
        self.lose(client)
        quiet = self.resume(client, self.b)
        ends, digest = self.r.hget(self.key(client), "so").split(b" ", 1)
        now_s, now_us = self.r.time()
        left_ms = int(ends) - now_s * 1000 - now_us // 1000
        self.assertTrue(5000 < left_ms <= 10000, left_ms)
        self.r.hset(self.key(client), "so", b"%d %s" % (now_s * 1000 - 1, digest))
        self.assertNew(self.resume(client, self.a), client)
        self.assertEqual(quiet.settle(), [])

    def test_the_connection_before_is_closed_wherever_it_is(self):
        for node in self.nodes:
            client = self.own_client(self.a)
            client.join("g")
            client.settle()
            back = self.resume(client, node)
            self.assertResumed(back, client)
            self.assertClosed(client, 4006)
            self.assertEqual(back.welcome["groups"], ["g"])
            self.own_client(self.a).publish("g", text="new")
            frame = back.next()
            if frame["op"] == "gap":  # another node can't know where the first one was
                self.assertEqual(node, self.b)
                frame = back.next()
            self.assertEqual(frame.get("text"), "new", frame)
            until(lambda: self.state(client) == "connected" and
                  len(self.own_client(self.a).members("g")["members"]) == 1, "it is there once")
            back.close()

    def test_ends_that_end_the_session(self):
        client = self.own_client(self.a)
        client.close(1000)
        self.wait_until(client, "gone")
        self.assertNew(self.resume(client, self.b), client)
        self.assertEqual(self.r.keys("cw:{c:%s}*" % client.uuid), [])

        client = self.own_client(self.a)
        self.r.execute_command("FCALL", "cw_close", 1, self.key(client), "4004", "go")
        self.assertClosed(client, 4004)
        self.wait_until(client, "gone")
        self.assertNew(self.resume(client, self.b), client)

        client = self.own_client(self.a, "expires=1")
        self.assertClosed(client, 4003)
        self.wait_until(client, "gone")

    def test_ends_that_keep_it(self):
        for code in (1001, 3000, 4999):
            client = self.own_client(self.a)
            client.close(code)
            self.wait_until(client, "away")
            self.assertResumed(self.resume(client, self.b), client)

    def test_expires_goes_on(self):
        client = self.own_client(self.a, "expires=3")
        self.lose(client)
        self.assertLessEqual(self.r.pttl(self.key(client)), 3000)
        back = self.resume(client, self.b)
        self.assertEqual(back.welcome["expires"], 3)
        self.assertClosed(back, 4003)
        self.assertLess(time.time() * 1000 - back.welcome["created"], 5500)

    def test_a_node_that_stops_keeps_its_sessions(self):
        client = self.own_client(self.a)
        client.join("g")
        self.a.stop()
        self.assertResumed(self.resume(client, self.b), client)

    def test_closed_while_it_is_away(self):
        client = self.own_client(self.a)
        self.lose(client)
        self.r.execute_command("FCALL", "cw_close", 1, self.key(client))
        self.assertNew(self.resume(client, self.b), client)


class Short(SessionCase):

    settings = {"session_ttl": "2s", "queue_max": "3", "queue_bytes": "4KiB"}

    def test_the_last_ones_are_kept_and_the_rest_is_a_gap(self):
        for count in (3, 4):
            client = self.own_client(self.a)
            self.lose(client)
            for number in range(count):
                self.assertEqual(self.send(client, str(number)), "queued")
            back = self.resume(client, self.b)
            frames = back.settle()
            gaps = [f for f in frames if f["op"] == "gap"]
            self.assertEqual([f["text"] for f in frames if f["op"] == "message"],
                             [str(number) for number in range(count - 3, count)])
            self.assertEqual(frames[:len(gaps)], gaps)
            self.assertEqual([(f.get("group"), f["offset"]) for f in gaps],
                             [(None, 1)] if count == 4 else [])

    def test_no_more_bytes_than_that(self):
        client = self.own_client(self.a)
        self.lose(client)
        for number in range(3):
            self.send(client, f"{number}" + "x" * 1500)
        frames = self.resume(client, self.b).settle()
        self.assertEqual([f["op"] for f in frames], ["gap", "message", "message"])

    def test_it_ends(self):
        client = self.own_client(self.a)
        client.join("g")
        self.send(client, "x")
        self.lose(client)
        self.assertEqual(self.send(client, "y"), "queued")
        self.wait_until(client, "gone")
        with self.assertRaisesRegex(redis.ResponseError, "NOCHANNEL"):
            self.send(client, "z")
        self.assertNew(self.resume(client, self.b), client)
        self.assertEqual(self.r.keys("cw:{c:%s}*" % client.uuid), [])

    def test_acknowledged_ones_do_not_count(self):
        client = self.own_client(self.a)
        for number in range(3):
            self.send(client, str(number))
        last = [client.message() for _ in range(3)][-1]
        client.call("ack", **since(last))
        until(lambda: self.r.llen(self.key(client) + ":q") == 0, "they are dropped")
        self.lose(client)
        for number in range(3):
            self.send(client, str(number))
        frames = self.resume(client, self.b).settle()
        self.assertEqual([f["op"] for f in frames], ["message"] * 3)


class Off(SessionCase):

    settings = {"session_ttl": "0"}

    def test_there_are_none(self):
        client = self.own_client(self.a)
        self.assertIsNone(client.welcome["session"])
        raw = self.own_raw(self.a)
        self.assertIsNone(raw.response.header("chanway-session"))
        client.drop()
        self.wait_until(client, "gone")
        back = self.own_client(self.b, "session=whatever&since=0-0")
        self.assertIs(back.welcome["resumed"], False)


if __name__ == "__main__":
    main(110)
