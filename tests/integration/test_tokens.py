"""Tokens: which are good, where they come from, what a client may do before one has come, and when
they end (PROTOCOL: connecting; CONTRACT: tokens)."""

import json
import time

import setup_path  # noqa: F401
from support.case import main
from support.client import check_error
from support.tokens import SECRET, KeyPair, by_hand, claims_of, encode, token
from support.wait import until
from support.websocket import Refused
from token_case import KINDS, TokenCase, bearer, with_token

AWAY = 3600  # s: further off than any clock may be
NOBODY = "01900000-0000-7000-8000-000000000000"


def unsigned(alg, signature=""):
    return ".".join((encode({"alg": alg, "typ": "JWT"}), encode(good_claims()), signature))


def good_claims(sub="alice", **more):
    """What the node of Checked wants."""
    return claims_of(sub, **{"_iss": "us", "_aud": "chat", "join": ["*"], "publish": ["*"],
                        "send": True, **more})


def without(name):
    claims = good_claims()
    del claims[name]
    return claims


def with_rights(**rights):
    return {**good_claims(), "cw": rights}


BAD_CLAIMS = {
    "expired": lambda: good_claims(ttl=-31),
    "expired long ago": lambda: good_claims(_exp=1),
    "expired before 1970": lambda: good_claims(_exp=-5),
    "exp is text": lambda: good_claims(_exp=str(time.time() + AWAY)),
    "exp is null": lambda: good_claims(_exp=None),
    "not yet valid": lambda: good_claims(_nbf=time.time() + AWAY),
    "nbf is text": lambda: good_claims(_nbf="now"),
    "made in the future": lambda: good_claims(_iat=time.time() + AWAY),
    "iat is a list": lambda: good_claims(_iat=[0]),
    "another aud": lambda: good_claims(_aud="mail"),
    "aud of others": lambda: good_claims(_aud=["mail", "cha", "chats", ""]),
    "aud is an object": lambda: good_claims(_aud={"chat": "chat"}),
    "no aud": lambda: without("aud"),
    "another iss": lambda: good_claims(_iss="them"),
    "iss in a list": lambda: good_claims(_iss=["us"]),
    "no iss": lambda: without("iss"),
    "no sub": lambda: without("sub"),
    "sub is empty": lambda: good_claims(""),
    "sub is a number": lambda: good_claims(7),
    "sub is null": lambda: good_claims(None),
    "sub is too long": lambda: good_claims("a" * 124),
    "sub is too long when escaped": lambda: good_claims("\u00e4" * 21),
    "sub with a zero byte": lambda: good_claims("alice\0bob"),
    "cw is a list": lambda: {**good_claims(), "cw": ["*"]},
    "cw is null": lambda: {**good_claims(), "cw": None},
    "join is text": lambda: with_rights(join="*"),
    "join has a number": lambda: with_rights(join=["*", 1]),
    "join is too long a list": lambda: with_rights(join=["a"] * 257),
    "join has too long a glob": lambda: with_rights(join=["a" * 129]),
    "publish is an object": lambda: with_rights(publish={}),
    "groups has a name that is none": lambda: with_rights(groups=["a b"]),
    "send is text": lambda: with_rights(send="true"),
    "send is a number": lambda: with_rights(send=1),
    "type is unknown": lambda: with_rights(type="xml"),
    "expires is negative": lambda: with_rights(expires=-1),
    "expires has a fraction": lambda: with_rights(expires=1.5),
    "claims are a list": lambda: b'["sub"]',
    "claims are no JSON": lambda: b'{"sub":"alice"',
    "claims are not UTF-8": lambda: b'{"sub":"\xff"}',
    "claims are nothing": lambda: b"",
}


def bad_tokens():
    """name -> a token that no node with SECRET and HS256 may take; each for one reason."""
    good = by_hand(good_claims())
    head, body, signature = good.split(".")
    stranger = KeyPair()
    made = {
        "another key": by_hand(good_claims(), key=SECRET + "x"),
        "an empty key": by_hand(good_claims(), key=""),
        "none": unsigned("none"),
        "none with a signature": unsigned("none", signature),
        "None": unsigned("None"), "NONE": unsigned("NONE"), "nOnE": unsigned("nOnE", "AA"),
        "none in two parts": head + "." + body,
        "none, signed": by_hand(good_claims(), header={"alg": "none"}),
        "no alg": by_hand(good_claims(), header={"typ": "JWT"}),
        "alg is null": by_hand(good_claims(), header={"alg": None}),
        "another HS": by_hand(good_claims(), alg="HS512"),
        "an RS": token(key=stranger.private, alg="RS256", _iss="us", _aud="chat"),
        "says RS, signed HS": by_hand(good_claims(), header={"alg": "RS256", "typ": "JWT"}),
        "no signature": head + "." + body + ".",
        "half a signature": good[:-20],
        "a longer signature": good + "A",
        "another body": ".".join((head, encode(good_claims("bob")), signature)),
        "another head": ".".join((encode({"alg": "HS256", "typ": "JWT", "kid": "1"}), body,
                                  signature)),
        "four parts": good + "." + signature,
        "five parts": ".".join(["AAAA"] * 5),
        "padded": head + "=." + body + "." + signature,
        "a blank in it": head + ". " + body + "." + signature,
        "dots": "..", "a word": "token", "JSON": "{}",
    }
    made.update({name: by_hand(make()) for name, make in BAD_CLAIMS.items()})
    return made


class Checked(TokenCase):
    """Everything that is asked of a token is asked here."""
    settings = {**TokenCase.settings, "token_issuer": "us", "token_audience": "chat",
                "max_message": "2MiB"}

    def assertNothingDone(self, group):
        self.assertEqual(self.members_of(group), [])
        self.assertEqual(self.group(group)["offset"], 0)
        self.assertEqual(self.connected(), [])

    def test_a_bad_token_at_connect_is_4001_and_nothing_else(self):
        group = self.new_group()
        for name, bad in bad_tokens().items():
            for kind, protocol in KINDS.items():
                query = f"groups={group}" + (f"&publish={group}" if kind == "raw" else "")
                by_url = kind == "msgpack"
                with self.subTest(name=name, kind=kind):
                    socket = self.own_raw(self.node, with_token(bad, query) if by_url else query,
                                          protocol=protocol, headers={} if by_url else bearer(bad))
                    try:
                        socket.send_text(json.dumps({"op": "publish", "group": group, "data": 1}))
                    except OSError:
                        pass  # it has closed already
                    self.assertRefused(socket, kind)
        self.assertNothingDone(group)

    def test_a_bad_token_in_auth_is_told_and_4001(self):
        group = self.new_group()
        for number, (name, bad) in enumerate(bad_tokens().items()):
            with self.subTest(name=name):
                client = self.come(query=f"groups={group}", packed=number % 2 == 0)
                for frame in ({"op": "auth", "id": 1, "token": bad},
                              {"op": "join", "id": 2, "group": group},
                              {"op": "publish", "id": 3, "group": group, "data": 1}):
                    client.send(frame)
                code, frames = self.ended(client.socket)
                self.assertEqual(code, 4001)
                self.assertEqual([frame["op"] for frame in frames], ["error", "bye"])
                self.assertEqual((frames[0]["id"], frames[0]["code"]), (1, "unauthenticated"))
                check_error(frames[0])
        self.assertNothingDone(group)

    def test_a_token_of_a_megabyte(self):
        """By the URL or the head it is no request that is read; as an op it is a bad token."""
        group = self.new_group()
        long = by_hand(good_claims(_more="x" * 800000))
        self.assertGreater(len(long), 1 << 20)
        for query, headers in ((with_token(long, f"groups={group}"), {}),
                               (f"groups={group}", bearer(long))):
            with self.assertRaises(Refused) as caught:
                self.own_raw(self.node, query, headers=headers)
            self.assertEqual(caught.exception.response.status, 431)
        client = self.come(query=f"groups={group}")
        self.assertEqual(client.refuse("auth", token=long), "unauthenticated")
        self.assertEqual(self.ended(client.socket)[0], 4001)
        self.assertNothingDone(group)

    def test_as_long_as_a_token_may_be(self):
        claims = good_claims(_exp=int(time.time()) + AWAY)
        made = {len(text): text for text in (by_hand({**claims, "more": "x" * size})
                                             for size in range(5700, 6000))}
        fits = max(size for size in made if size <= 8192)
        self.assertGreater(fits, 8190)
        self.assertEqual(self.come().call("auth", token=made[fits])["user"], "alice")
        long = min(size for size in made if size > 8192)
        self.assertEqual(self.come().refuse("auth", token=made[long]), "unauthenticated")

    def test_good_ones(self):
        now = time.time()
        for name, claims in {
                "all of it": good_claims(_nbf=now - 1, _iat=now - 1),
                "aud in a list": good_claims(_aud=["mail", "chat"]),
                "no exp": without("exp"),
                "fractions": good_claims(_exp=now + AWAY + .5, _nbf=now - .25),
                "times beyond all numbers": good_claims(_exp=1e300, _nbf=-1e300),
                "a clock that is slow": good_claims(_exp=now - 10),
                "a clock that is fast": good_claims(_nbf=now + 25, _iat=now + 25),
                "nothing allowed": {**good_claims(), "cw": {}},
                "no cw": without("cw"),
                "claims of others": good_claims(_jti="1", _scope={"a": [None]}),
                "the same glob twice": with_rights(join=["a", "a"]),
                "256 globs": with_rights(join=["a" * 28] * 128 + ["b"] * 128),
                "meta": with_rights(meta={"a": 1}), "unknown": with_rights(other=1)}.items():
            with self.subTest(name=name):
                self.assertEqual(self.come(by_hand(claims)).welcome["user"], "alice")

    def test_users_of_all_kinds(self):
        for sub in ("a", "a" * 123, "\u00e4" * 20, "alice@example.com", "a b", "a=b", "%41", "user:x",
                    'say "hi"', "back\\slash", "\u0001", "\U0001f600"):
            with self.subTest(sub=sub):
                made = by_hand(good_claims(sub))
                self.assertEqual(self.come(made).welcome["user"], sub)
                self.assertEqual(self.come(made, packed=True).welcome["user"], sub)

    def test_they_are_counted(self):
        def counts():
            return [self.node.metric("chanway_tokens_accepted_total"),
                    self.node.metric("chanway_tokens_refused_total")]
        before = counts()
        self.come(by_hand(good_claims()))
        self.assertRefused(self.come_raw("a.b.c"), "raw")
        self.assertEqual(counts(), [before[0] + 1, before[1] + 1])


class Sources(TokenCase):

    def test_header_url_and_op(self):
        good = token(join=["*"])
        self.assertEqual(self.come(good).welcome["user"], "alice")
        self.assertEqual(self.come(good, packed=True).welcome["user"], "alice")
        for scheme in ("bearer", "BEARER", "Bearer  "):
            client = self.come(headers={"Authorization": f"{scheme} {good}"})
            self.assertEqual(client.welcome["user"], "alice")
        self.assertEqual(self.come(query=with_token(good)).welcome["user"], "alice")
        client = self.come()
        self.assertEqual(client.call("auth", token=good)["user"], "alice")

    def test_the_header_wins(self):
        good, other = token("alice"), token("bob")
        self.assertEqual(self.come(good, with_token(other)).welcome["user"], "alice")
        self.assertEqual(self.come(good, with_token("bad")).welcome["user"], "alice")
        self.assertRefused(self.come_raw("bad", with_token(good)), "raw")

    def test_another_scheme_is_no_token(self):
        headers = {"Authorization": "Basic YTpi"}
        self.assertIsNone(self.come(headers=headers).welcome["user"])
        client = self.come(query=with_token(token()), headers=headers)
        self.assertEqual(client.welcome["user"], "alice")

    def test_an_empty_one_is_none(self):
        self.assertIsNone(self.come(query="token=").welcome["user"])
        self.assertIsNone(self.come("").welcome["user"])
        self.assertEqual(self.come("", with_token(token())).welcome["user"], "alice")

    def test_raw_clients(self):
        group = self.new_group()
        good = token(join=["*"], publish=["*"])
        for made in (dict(token=good), dict(query=with_token(good))):
            query = f"type=text&groups={group}&publish={group}"
            query += "&" + made["query"] if "query" in made else ""
            socket = self.come_raw(made.get("token"), query)
            socket.send_text("hello")
            self.assertEqual(socket.receive_text(), "hello")
            socket.close()
        self.assertRefused(self.come_raw(query=f"groups={group}"), "raw")


class Awaiting(TokenCase):
    """Where one is required and has not come."""

    def test_only_auth_and_ping(self):
        group = self.new_group()
        for packed in (False, True):
            client = self.come(query=f"groups={group}", packed=packed)
            self.assertIsNone(client.welcome["user"])
            self.assertEqual(client.welcome["groups"], [])
            self.assertIs(client.welcome["resumed"], False)
            for op, fields in (("join", {"group": group}), ("leave", {"group": group}),
                               ("publish", {"group": group, "data": 1}),
                               ("send", {"to": NOBODY, "data": 1}), ("message", {"data": 1}),
                               ("members", {"group": group}), ("since", {}),
                               ("ack", {"epoch": "1", "offset": 1})):
                self.assertEqual(client.refuse(op, **fields), "unauthenticated", op)
            self.assertEqual(client.request("ping")["op"], "pong")
            self.assertEqual(client.refuse("dance"), "bad_request")
            self.assertFalse(self.redis.call("EXISTS", "cw:{c:%s}" % client.uuid))
        self.assertEqual(self.members_of(group), [])
        self.assertEqual(self.group(group)["offset"], 0)

    def test_a_token_without_its_form_is_bad_request(self):
        client = self.come()
        for fields in ({}, {"token": 1}, {"token": None}, {"token": ["a"]}):
            self.assertEqual(client.refuse("auth", **fields), "bad_request")
        self.assertEqual(client.call("auth", token=token())["user"], "alice")

    def test_auth_opens_it(self):
        for packed in (False, True):
            group, granted = self.new_group(), self.new_group()
            client = self.come(query=f"groups={group}", packed=packed)
            claims = claims_of(join=[group], publish=[group], groups=[granted])
            ok = client.call("auth", token=by_hand(claims))
            self.assertEqual(ok["user"], "alice")
            self.assertEqual(ok["expires_at"], int(claims["exp"] * 1000))
            joined = {client.next_op("joined")["group"] for _ in range(2)}
            self.assertEqual(joined, {group, granted})
            client.publish(group, text="in")
            self.assertReceives(client, group, text="in")
            self.assertEqual(client.members(group)["members"],
                             [{"channel": client.uuid, "user": "alice", "node": self.node.id()}])
            self.assertEqual(self.channel(client)["user"], "alice")

    def test_what_follows_auth_waits_for_it(self):
        group = self.new_group()
        client = self.come()
        client.send({"op": "auth", "token": token(join=["*"], publish=["*"])})
        client.send({"op": "join", "id": "j", "group": group})
        client.send({"op": "publish", "id": "p", "group": group, "data": 7})
        self.assertEqual(client.reply_to("j")["op"], "ok")
        self.assertEqual(client.reply_to("p")["op"], "ok")

    def test_without_exp_there_is_no_end(self):
        claims = claims_of()
        del claims["exp"]
        ok = self.come().call("auth", token=by_hand(claims))
        self.assertIsNone(ok["expires_at"])

    def test_auth_timeout(self):
        node = self.own_node(self.redis, name="hasty", token_secret=SECRET, auth_timeout="500ms")
        for packed in (False, True):
            client = self.come(node=node, packed=packed)
            code, frames = self.ended(client.socket)
            self.assertEqual((code, [frame["op"] for frame in frames]), (4001, ["bye"]))
        with_one = self.come(token(), node=node)
        self.assertEqual(self.ended(self.come(node=node).socket)[0], 4001)
        self.assertEqual(with_one.request("ping")["op"], "pong")

    def test_a_raw_client_is_closed_at_once(self):
        node = self.own_node(self.redis, name="patient", token_secret=SECRET, auth_timeout="10m")
        self.assertRefused(self.come_raw(node=node, query="publish=g&groups=g"), "raw")


class Optional(TokenCase):
    """Where none is required."""
    settings = {**TokenCase.settings, "require_token": "off"}

    def test_without_one_everything_is_open_but_what_is_the_nodes_own(self):
        group = self.new_group()
        client = self.come(query=f"groups={group}")
        client.next_op("joined")
        client.publish(group, data=1)
        self.assertReceives(client, group, data=1)
        for op, fields in (("join", {}), ("publish", {"data": 1}), ("members", {})):
            self.assertEqual(client.refuse(op, group="user:alice", **fields), "forbidden")

    def test_with_one_it_holds(self):
        group = self.new_group()
        client = self.come(token(join=[group]))
        client.join(group)
        self.assertEqual(client.refuse("publish", group=group, data=1), "forbidden")

    def test_a_bad_one_is_refused(self):
        for kind, protocol in KINDS.items():
            self.assertRefused(self.come_raw("a.b.c", protocol=protocol), kind)

    def test_auth_from_nobody_to_somebody(self):
        group = self.new_group()
        client = self.come(query=f"groups={group},other")
        for _ in range(2):
            client.next_op("joined")
        self.assertEqual(client.call("auth", token=token(join=[group]))["user"], "alice")
        self.assertEqual(client.next_op("left")["group"], "other")
        self.assertIn(client.uuid, self.members_of("user:alice"))
        self.assertEqual(self.channel(client)["user"], "alice")
        until(lambda: client.uuid not in self.members_of("other"), "it has left")
        self.assertEqual(client.refuse("join", group="other"), "forbidden")
        self.assertEqual([member["user"] for member in client.members(group)["members"]], ["alice"])

    def test_groups_of_a_first_token_that_comes_late(self):
        for packed in (False, True):
            group, other = self.new_group(), self.new_group()
            client = self.come(query=f"groups={group}", packed=packed)
            client.next_op("joined")
            client.call("auth", token=token(groups=[group, other, "user:bob"]))
            frames = [client.next(), client.next()]
            self.assertEqual({(frame["op"], frame["group"]) for frame in frames},
                             {("joined", other), ("error", "user:bob")})
            self.assertEqual(self.members_of(other), [client.uuid])
            self.assertEqual(self.members_of("user:bob"), [])
            client.publish(other, text="in")
            self.assertReceives(client, other, text="in")

    def test_the_tenth_bad_one_in_a_row_ends_it(self):
        client = self.come()
        for _ in range(9):
            self.assertEqual(client.refuse("auth", token="a.b.c"), "unauthenticated")
        client.call("auth", token=token())
        for _ in range(10):
            self.assertEqual(client.refuse("auth", token="a.b.c"), "unauthenticated")
        self.assertEqual(self.ended(client.socket)[0], 4001)


class Off(TokenCase):
    """Without a secret."""
    settings = {}

    def test_auth_is_a_bad_request(self):
        client = self.come()
        self.assertEqual(client.refuse("auth", token=token()), "bad_request")
        self.assertIsNone(client.welcome["user"])

    def test_tokens_are_not_looked_at(self):
        for kind, protocol in KINDS.items():
            socket = self.come_raw("a.b.c", query="type=text", protocol=protocol)
            if kind != "raw":
                socket.receive()
            socket.ping()

    def test_the_node_says_so_at_once(self):
        lines = self.node.process.log().splitlines()[:4]
        self.assertTrue(any("WARN" in line and "no token is asked for" in line for line in lines),
                        lines)


class Ends(TokenCase):
    """`exp`."""

    def test_expiry_closes_and_auth_puts_it_off(self):
        soon = time.time() + 4
        short = by_hand(claims_of(_exp=soon, join=["*"]))
        sockets = {"json": self.come(short).socket, "raw": self.come_raw(short),
                   "msgpack": self.come(short, packed=True).socket}
        late = self.come()
        late.call("auth", token=short)
        sockets["late"] = late.socket
        put_off = self.come(short)
        put_off.join("put.off")
        ok = put_off.call("auth", token=token(ttl=AWAY, join=["*"]))
        self.assertGreater(ok["expires_at"], (soon + 60) * 1000)
        brought_forward = self.come(token())
        ok = brought_forward.call("auth", token=short)
        self.assertEqual(ok["expires_at"], int(soon * 1000))
        sockets["forward"] = brought_forward.socket
        # Let in after its end, by the tolerance of clocks: then for as long as that.
        tolerated = self.come(by_hand(claims_of(_exp=soon - 4 - 24)))
        self.assertEqual(tolerated.welcome["user"], "alice")
        for name, socket in sockets.items():
            code, frames = self.ended(socket, 40)
            self.assertEqual(code, 4001, name)
            self.assertGreaterEqual(time.time(), soon - .05, name)
            self.assertEqual([frame["op"] for frame in frames],
                             [] if name == "raw" else ["bye"], name)
        self.assertEqual(self.ended(tolerated.socket, 40)[0], 4001)
        self.assertEqual(put_off.request("ping")["op"], "pong")
        self.assertEqual(self.members_of("put.off"), [put_off.uuid])


if __name__ == "__main__":
    main()
