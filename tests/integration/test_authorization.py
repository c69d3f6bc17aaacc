"""What a token lets its client do, each rule from both sides; users and their groups (PROTOCOL:
names; CONTRACT: tokens)."""

import json
import time

import redis

import setup_path  # noqa: F401
from support.case import main
from support.event_stream import EventStream
from support.tokens import SECRET, by_hand, claims_of, token
from support.wait import until
from token_case import KINDS, TokenCase, with_token


class Globs(TokenCase):

    def test_join(self):
        client = self.come(token(join=["chat.*", "one", "a*c*e", "tail*"]))
        for group in ("chat.1", "chat.", "chat.a.b", "one", "ace", "abcde", "a.c.e", "tail", "tails"):
            client.join(group)
            client.leave(group)
        for group in ("chat", "Chat.1", "xchat.1", "one.", "on", "ones", "abd", "ac", "bace", "tai"):
            self.assertEqual(client.refuse("join", group=group), "forbidden", group)
            self.assertEqual(self.members_of(group), [])

    def test_publish(self):
        member = self.come(token("bob", join=["*"]), "groups=chat.1,news,other")
        for _ in range(3):
            member.next_op("joined")
        for packed in (False, True):
            client = self.come(token(publish=["chat.*", "news"]), packed=packed)
            for group in ("chat.1", "news"):
                client.publish(group, text=f"in {group}")
                self.assertReceives(member, group, text=f"in {group}")
            for group in ("other", "chat", "new", "news.", "x.news"):
                self.assertEqual(client.refuse("publish", group=group, text="no"), "forbidden")
                self.assertEqual(self.group(group)["offset"], 0)
        self.assertEqual(member.settle(), [])

    def test_to_join_is_not_to_publish_and_the_other_way_round(self):
        client = self.come(token(join=["in"], publish=["out"]))
        client.join("in")
        self.assertEqual(client.refuse("publish", group="in", data=1), "forbidden")
        client.publish("out", data=1)
        self.assertEqual(client.refuse("join", group="out"), "forbidden")

    def test_what_is_not_there_is_not_allowed(self):
        for rights in ({}, {"join": []}, {"join": [""], "publish": [""]}):
            client = self.come(by_hand({**claims_of(), "cw": rights}))
            for op, fields in (("join", {}), ("publish", {"data": 1}), ("members", {})):
                self.assertEqual(client.refuse(op, group="g", **fields), "forbidden")
            self.assertEqual(client.refuse("send", to=client.uuid, data=1), "forbidden")
        without = claims_of()
        del without["cw"]
        self.assertEqual(self.come(by_hand(without)).refuse("join", group="g"), "forbidden")

    def test_a_star_is_everything_but_what_is_the_nodes_own(self):
        client = self.come(token(join=["*"], publish=["*"]))
        client.join("anything/at=all@here:1_2-3")
        for group in ("user:alice", "user:bob", "user:"):
            self.assertEqual(client.refuse("join", group=group), "forbidden")
            self.assertEqual(client.refuse("publish", group=group, data=1), "forbidden")
        client.join("user")
        client.join("users:alice")

    def test_members(self):
        client = self.come(token(join=["chat.*"], groups=["home"], publish=["*"]))
        other = self.come(token("bob", join=["*"]), "groups=chat.1,secret")
        for _ in range(2):
            other.next_op("joined")
        self.assertEqual([member["user"] for member in client.members("chat.1")["members"]], ["bob"])
        self.assertEqual([member["user"] for member in client.members("home")["members"]], ["alice"])
        self.assertEqual(client.refuse("members", group="secret"), "forbidden")

    def test_what_needs_no_right(self):
        client = self.come(by_hand({**claims_of(), "cw": {}}))
        self.assertEqual(client.request("ping")["op"], "pong")
        client.call("message", data=1)
        client.leave("wherever")
        self.assertEqual(client.refuse("since"), "bad_request")

    def test_a_raw_client(self):
        made = token(join=["chat.*"], publish=["chat.*"])
        good = self.come_raw(made, "type=text&groups=chat.raw&publish=chat.raw")
        good.send_text("in")
        self.assertEqual(good.receive_text(), "in")
        self.assertRefused(self.come_raw(made, "type=text&publish=other"), "raw")
        self.assertRefused(self.come_raw(made, "groups=chat.raw,other"), "raw")
        self.assertRefused(self.come_raw(made, "publish=user:alice"), "raw")
        self.assertRefused(self.come_raw(made, "groups=user:alice"), "raw")
        self.assertEqual(self.group("other")["offset"], 0)
        until(lambda: self.members_of("other") == [], "nobody is in the other group")
        self.assertEqual(len(self.members_of("chat.raw")), 1)

    def test_groups_of_the_url(self):
        client = self.come(token(join=["good"]), "groups=good,bad,user:alice")
        frames = [client.next() for _ in range(3)]
        self.assertEqual([frame["group"] for frame in frames if frame["op"] == "joined"], ["good"])
        errors = {frame["group"]: frame for frame in frames if frame["op"] == "error"}
        self.assertEqual(sorted(errors), ["bad", "user:alice"])
        for error in errors.values():
            self.assertEqual(error["code"], "forbidden")
            self.assertNotIn("id", error)


class Send(TokenCase):

    def test_send(self):
        to = self.come(token("bob"))
        self.come(token(send=True)).call("send", to=to.uuid, text="hello")
        self.assertEqual(to.message()["text"], "hello")
        for claims in ({"send": False}, {}, {"join": ["*"], "publish": ["*"]}):
            client = self.come(token(**claims))
            self.assertEqual(client.refuse("send", to=to.uuid, text="no"), "forbidden")
            self.assertEqual(client.refuse("send", to=client.uuid, text="no"), "forbidden")
        self.assertEqual(to.settle(), [])


class Claims(TokenCase):
    """groups, type, expires."""

    def test_groups_are_joined_and_may_be_joined_again(self):
        for packed in (False, True):
            client = self.come(token(groups=["g.one", "g.two"]), packed=packed)
            self.assertEqual({client.next_op("joined")["group"] for _ in range(2)},
                             {"g.one", "g.two"})
            self.assertIn(client.uuid, self.members_of("g.one"))
            client.leave("g.one")
            client.join("g.one")
            self.assertEqual(client.refuse("join", group="g.three"), "forbidden")

    def test_groups_may_be_published_to_where_there_is_no_list(self):
        client = self.come(token(groups=["g"]))
        client.next_op("joined")
        client.publish("g", data=1)
        self.assertEqual(client.refuse("publish", group="h", data=1), "forbidden")
        client = self.come(token(groups=["g"], publish=["h"]))
        client.publish("h", data=1)
        self.assertEqual(client.refuse("publish", group="g", data=1), "forbidden")
        client = self.come(token(groups=["g"], publish=[]))
        self.assertEqual(client.refuse("publish", group="g", data=1), "forbidden")

    def test_groups_and_those_of_the_url(self):
        client = self.come(token(groups=["both", "mine"], join=["url"]), "groups=both,url")
        self.assertEqual(sorted(client.next_op("joined")["group"] for _ in range(3)),
                         ["both", "mine", "url"])
        self.assertEqual(client.settle(), [])

    def test_a_raw_client_is_in_them_too(self):
        socket = self.come_raw(token(groups=["raw.home"]), "type=text&publish=raw.home")
        socket.send_text("home")
        self.assertEqual(socket.receive_text(), "home")

    def test_type(self):
        self.assertEqual(self.come(token(type="text")).welcome["type"], "text")
        self.assertEqual(self.come(token(type="text"), "type=bytes").welcome["type"], "bytes")
        self.assertEqual(self.come(token()).welcome["type"], "json")

    def test_expires(self):
        for query, claim, expires in (("", 60, 60), ("expires=30", 60, 30), ("expires=90", 60, 60),
                                      ("expires=0", 60, 60), ("expires=90", 0, 90), ("", 0, None)):
            with self.subTest(query=query, claim=claim):
                client = self.come(token(expires=claim), query)
                self.assertEqual(client.welcome["expires"], expires)
        client = self.come(token(expires=1))
        self.assertEqual(self.ended(client.socket, 30)[0], 4003)


class Refresh(TokenCase):
    """A second token, of the same user."""

    def setUp(self):
        self.client = self.come(token(join=["a", "b"], publish=["a"], send=True))
        self.client.join("a")
        self.client.join("b")

    def test_it_widens(self):
        self.assertEqual(self.client.refuse("join", group="c"), "forbidden")
        self.client.call("auth", token=token(join=["*"], publish=["*"]))
        self.client.join("c")
        self.client.publish("c", data=1)
        self.assertReceives(self.client, "c", data=1)
        self.assertIn(self.client.uuid, self.members_of("a"))

    def test_it_narrows(self):
        self.client.call("auth", token=token(join=["b"]))
        self.assertEqual([(frame["op"], frame["group"]) for frame in self.client.settle()],
                         [("left", "a")])
        until(lambda: self.client.uuid not in self.members_of("a"), "it has left")
        self.assertIn(self.client.uuid, self.members_of("b"))
        self.assertIn(self.client.uuid, self.members_of("user:alice"))
        self.assertEqual(self.client.refuse("join", group="a"), "forbidden")
        self.assertEqual(self.client.refuse("publish", group="a", data=1), "forbidden")
        self.assertEqual(self.client.refuse("send", to=self.client.uuid, data=1), "forbidden")
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:a}", "text", "not for it")
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:b}", "text", "for it")
        self.assertReceives(self.client, "b", text="for it")

    def test_narrow_and_wide_again_at_once(self):
        """The leave is under way while it is joined again."""
        for _ in range(20):
            self.client.send({"op": "auth", "token": token(join=["b"])})
            self.client.send({"op": "auth", "token": token(join=["a", "b"], publish=["a"])})
            reply = self.client.request("join", group="a")
            if reply["op"] == "error":
                self.assertEqual((reply["code"], reply["temporary"]), ("unavailable", True))
                until(lambda: self.client.request("join", group="a")["op"] == "ok", "joined again")
            self.client.publish("a", text="in")
        until(lambda: self.client.uuid in self.members_of("a"), "it is in")

    def test_a_join_under_way_is_looked_at_by_the_new_one(self):
        self.client.send({"op": "leave", "id": "l", "group": "b"})
        self.client.send({"op": "join", "id": "j", "group": "b"})
        self.client.send({"op": "auth", "id": "n", "token": token(join=["a"])})
        replies = {}
        while len(replies) < 3:
            frame = self.client.next()
            if "id" in frame:
                replies[frame["id"]] = frame
        self.assertEqual(replies["n"]["op"], "ok")
        until(lambda: self.client.uuid not in self.members_of("b"), "it is not in")

    def test_another_user_is_refused(self):
        for sub in ("bob", "alice ", "Alice", "alicf"):
            self.assertEqual(self.client.refuse("auth", token=token(sub, join=["*"])), "forbidden")
        self.assertEqual(self.client.refuse("join", group="c"), "forbidden")
        self.client.publish("a", text="as before")
        self.assertReceives(self.client, "a", text="as before")
        self.assertNotIn(self.client.uuid, self.members_of("user:bob"))

    def test_a_bad_one_changes_nothing(self):
        for bad in ("a.b.c", "..", token(key=SECRET + "x", join=["*"]), token(ttl=-60, join=["*"])):
            self.assertEqual(self.client.refuse("auth", token=bad), "unauthenticated")
        self.client.publish("a", text="as before")
        self.assertReceives(self.client, "a", text="as before")
        self.assertEqual(self.client.refuse("join", group="c"), "forbidden")

    def test_groups_of_the_second_are_for_a_connect(self):
        self.client.call("auth", token=token(join=["a", "b"], groups=["c"]))
        self.assertEqual(self.client.settle(), [])
        self.assertEqual(self.members_of("c"), [])
        self.client.join("c")

    def test_msgpack(self):
        client = self.come(token("carol", join=["p"]), packed=True)
        client.join("p")
        ok = client.call("auth", token=token("carol", join=["q"]))
        self.assertEqual(ok["user"], "carol")
        self.assertEqual([(frame["op"], frame["group"]) for frame in client.settle()],
                         [("left", "p")])


class BackEnd(TokenCase):
    """Functions of Redis are asked for nothing: who may call them is Redis' own affair."""

    def add(self, client, group):
        return self.redis.call("FCALL", "cw_group_add", 1, "cw:{c:%s}" % client.uuid, group)

    def test_a_back_end_puts_a_channel_where_its_token_does_not(self):
        client = self.come(token(join=["mine"]))
        self.add(client, "theirs")
        self.assertEqual(client.next_op("joined")["group"], "theirs")
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:theirs}", "text", "welcome")
        self.assertReceives(client, "theirs", text="welcome")
        self.assertEqual(client.refuse("publish", group="theirs", data=1), "forbidden")
        client.call("auth", token=token(join=[]))
        self.assertEqual(client.settle(), [])
        self.assertIn(client.uuid, self.members_of("theirs"))

    def test_no_back_end_puts_a_channel_into_a_users_group(self):
        client = self.come(token())
        for call in ("cw_group_add", "cw_group_remove"):
            for group in ("user:bob", "user:alice"):
                with self.assertRaises(redis.ResponseError) as caught:
                    self.redis.call("FCALL", call, 1, "cw:{c:%s}" % client.uuid, group)
                self.assertIn("BADREQUEST", str(caught.exception))
        self.assertEqual(self.members_of("user:bob"), [])
        self.assertIn(client.uuid, self.members_of("user:alice"))


class Users(TokenCase):
    settings = {**TokenCase.settings, "events": "connect,join,leave,disconnect,message",
                "max_groups": "2"}

    def escaped(self, sub):
        plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@/-"
        return "user:" + "".join(chr(byte) if byte in plain else "=%02X" % byte
                                 for byte in sub.encode("utf-8"))

    def test_all_channels_of_a_user_are_in_its_group(self):
        made = token("dora")
        late = self.come()
        late.call("auth", token=made)
        clients = [self.come(made), self.come(made, packed=True), late]
        raw = self.come_raw(made, "type=text")
        until(lambda: len(self.members_of("user:dora")) == 4, "the raw one is in it")
        members = self.members_of("user:dora")
        for client in clients:
            self.assertIn(client.uuid, members)
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:user:dora}", "text", "all of you")
        for client in clients:
            self.assertReceives(client, "user:dora", text="all of you")
        self.assertEqual(raw.receive_text(), "all of you")

    def test_it_is_a_member_before_its_welcome(self):
        for number in range(20):
            client = self.come(token(f"early.{number}"))
            self.assertEqual(self.members_of(f"user:early.{number}"), [client.uuid])

    def test_others_get_nothing_of_it(self):
        other = self.come(token("bob", join=["*"]))
        self.come(token("erin"))
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:user:erin}", "text", "for erin")
        self.assertEqual(other.settle(), [])
        self.assertEqual(other.refuse("members", group="user:erin"), "forbidden")

    def test_a_user_is_listed_and_closed(self):
        clients = [self.come(token("fred")) for _ in range(3)]
        stays = self.come(token("freda"))
        for uuid in self.members_of("user:fred"):
            self.redis.call("FCALL", "cw_close", 1, "cw:{c:%s}" % uuid, 4004, "out")
        for client in clients:
            self.assertEqual(self.ended(client.socket)[0], 4004)
        until(lambda: self.members_of("user:fred") == [], "nobody is left")
        self.assertEqual(stays.request("ping")["op"], "pong")

    def test_ones_own_is_listed_and_nothing_else(self):
        client = self.come(token("gina", join=["*"], publish=["*"]))
        self.assertEqual(client.members("user:gina")["members"],
                         [{"channel": client.uuid, "user": "gina", "node": self.node.id()}])
        self.assertEqual(client.refuse("join", group="user:gina"), "forbidden")
        self.assertEqual(client.refuse("leave", group="user:gina"), "forbidden")
        self.assertEqual(client.refuse("publish", group="user:gina", data=1), "forbidden")
        self.assertEqual(self.members_of("user:gina"), [client.uuid])

    def test_it_is_not_told_of(self):
        client = self.come(token("hans"), "groups=user:hans")
        self.assertEqual(client.welcome["groups"], [])
        error = client.next_op("error")
        self.assertEqual((error["code"], error["group"]), ("forbidden", "user:hans"))
        self.assertEqual(client.settle(), [])
        client.close()
        events = EventStream(self.redis)
        until(lambda: "disconnect" in events.kinds(client.uuid), "its end is in the stream")
        self.assertEqual(events.kinds(client.uuid), ["connect", "disconnect"])
        self.assertEqual({event["user"] for event in events.of(client.uuid)}, {"hans"})

    def test_it_does_not_count_for_max_groups(self):
        for client in (self.come(token("ivan", join=["*"])), self.come()):
            if client.welcome["user"] is None:
                client.call("auth", token=token("ivan", join=["*"]))
            client.join("a")
            client.join("b")
            self.assertEqual(client.refuse("join", group="c"), "too_many_groups")

    def test_names_are_escaped(self):
        for sub in ("a b", "a=b", "\u00e4", "%", "a@example.com", 'say "hi"', "user:x", "\u0001",
                    "line\nfeed", "a" * 123, "\u00e4" * 20, "-", "x;y z"):
            with self.subTest(sub=sub):
                client = self.come(token(sub))
                group = self.escaped(sub)
                self.assertEqual(self.members_of(group), [client.uuid])
                self.assertEqual(self.channel(client)["user"], sub)
                self.assertEqual([member["user"] for member in client.members(group)["members"]],
                                 [sub])
                self.redis.call("FCALL", "cw_publish", 1, "cw:{g:%s}" % group, "text", "you")
                self.assertReceives(client, group, text="you")
                client.close()

    def test_users_of_a_like_name_are_others(self):
        """What is escaped can't be written by hand."""
        first, second = self.come(token("x y")), self.come(token("x=20y"))
        self.assertEqual(self.members_of("user:x=20y"), [first.uuid])
        self.assertEqual(self.members_of("user:x=3D20y"), [second.uuid])

    def test_presence_names_users(self):
        watcher = self.come(token("judy", join=["*"]))
        watcher.join("room", presence=True)
        other = self.come(token("karl", join=["*"]), "groups=room")
        event = watcher.next_op("presence")
        self.assertEqual((event["event"], event["channel"], event["user"]),
                         ("join", other.uuid, "karl"))
        other.close()
        event = watcher.next_op("presence")
        self.assertEqual((event["event"], event["user"]), ("leave", "karl"))


class Sessions(TokenCase):
    """A session is its user's."""
    settings = {**TokenCase.settings, "session_ttl": "60s"}

    def lose(self, client):
        client.drop()
        until(lambda: self.channel(client)["state"] == "away", "it is away")

    def resume(self, client, made, **options):
        return self.come(made, f"session={client.welcome['session']}", **options)

    def test_it_comes_back_with_a_token_of_its_user(self):
        client = self.come(token("lisa", join=["room"]))
        client.join("room")
        self.lose(client)
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:room}", "text", "missed")
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:user:lisa}", "text", "missed too")
        back = self.resume(client, token("lisa", join=["room"]))
        self.assertIs(back.welcome["resumed"], True)
        self.assertEqual((back.uuid, back.welcome["groups"]), (client.uuid, ["room"]))
        missed = [back.message() for _ in range(2)]
        self.assertEqual({(frame["group"], frame["text"]) for frame in missed},
                         {("room", "missed"), ("user:lisa", "missed too")})
        self.assertEqual(self.members_of("user:lisa"), [client.uuid])

    def test_by_the_url(self):
        made = token("lola")
        client = self.come(query=with_token(made))
        self.lose(client)
        back = self.come(query=with_token(made, f"session={client.welcome['session']}"))
        self.assertEqual(back.uuid, client.uuid)

    def test_somebody_elses_cannot_be_taken(self):
        client = self.come(token("mona", join=["*"]))
        client.join("room")
        self.lose(client)
        thief = self.resume(client, token("nick", join=["*"]))
        self.assertIs(thief.welcome["resumed"], False)
        self.assertNotEqual(thief.uuid, client.uuid)
        self.assertEqual(thief.welcome["groups"], [])
        nobody = self.come(query=f"session={client.welcome['session']}")
        self.assertIs(nobody.welcome["resumed"], False)
        nobody.call("auth", token=token("nick"))
        self.assertNotEqual(nobody.uuid, client.uuid)
        bad = self.come_raw("a.b.c", f"session={client.welcome['session']}", protocol=KINDS["json"])
        self.assertRefused(bad, "json")
        back = self.resume(client, token("mona", join=["*"]))
        self.assertEqual(back.uuid, client.uuid)

    def test_it_does_not_come_back_to_what_is_no_longer_allowed(self):
        client = self.come(token("olga", join=["a", "b"]))
        client.join("a")
        client.join("b")
        self.lose(client)
        back = self.resume(client, token("olga", join=["a"]))
        self.assertEqual((back.uuid, back.welcome["groups"]), (client.uuid, ["a"]))
        error = back.next_op("error")
        self.assertEqual((error["code"], error["group"]), ("forbidden", "b"))
        until(lambda: self.members_of("b") == [], "it is not a member any more")

    def test_an_expired_one_leaves_the_session(self):
        client = self.come(by_hand(claims_of("pete", _exp=time.time() + 4, join=["*"])))
        client.join("room")
        self.assertEqual(self.ended(client.socket, 45)[0], 4001)
        back = self.resume(client, token("pete", join=["*"]))
        self.assertEqual((back.uuid, back.welcome["groups"]), (client.uuid, ["room"]))

    def test_nobodys_session_is_nobodys(self):
        node = self.own_node(self.redis, name="open", token_secret=SECRET, require_token="off")
        client = self.come(node=node)
        self.lose(client)
        taken = self.resume(client, token("rita"), node=node)
        self.assertIs(taken.welcome["resumed"], False)
        back = self.come(query=f"session={client.welcome['session']}", node=node)
        self.assertEqual(back.uuid, client.uuid)


class TwoNodes(TokenCase):

    def test_a_user_on_two_nodes_is_one_user(self):
        other = self.own_node(self.redis, name="other", token_secret=SECRET)
        clients = [self.come(token("sam", join=["*"]), node=node) for node in (self.node, other)]
        self.assertEqual(self.members_of("user:sam"), sorted(client.uuid for client in clients))
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:user:sam}", "json", json.dumps([1]))
        for client in clients:
            self.assertReceives(client, "user:sam", data=[1])
        members = clients[0].members("user:sam")["members"]
        self.assertEqual(sorted(member["node"] for member in members),
                         sorted((self.node.id(), other.id())))

    def test_it_is_in_the_group_again_after_redis_was_gone(self):
        store = self.own_redis()
        node = self.own_node(store, name="patient", token_secret=SECRET)
        client = self.come(token("tina", join=["*"]), node=node)
        client.join("room")
        store.call("FLUSHALL")

        def members():
            with store.client() as link:
                try:
                    answer = link.execute_command("FCALL_RO", "cw_members", 1, "cw:{g:user:tina}")
                except redis.ResponseError:
                    return []  # the functions are gone too
                return [uuid.decode() for uuid in answer[1::2]]
        until(lambda: members() == [client.uuid], "it is a member again", 30)


if __name__ == "__main__":
    main()
