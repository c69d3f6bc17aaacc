"""Keys of tokens: algorithms, files, rotation, SIGHUP, the command that makes tokens; and that none
of it is seen where it should not be (CONTRACT: tokens)."""

import json
import os
import re
import signal
import subprocess

import jwt

import setup_path  # noqa: F401
from support.case import main
from support.node import clean_environment
from support.paths import chanwayd
from support.tokens import SECRET, KeyPair, by_hand, claims_of, encode, token
from support.wait import until
from support.websocket import WebSocket
from token_case import KINDS, TokenCase, bearer, with_token

OTHER = "the secret that comes after the first one"


class KeyCase(TokenCase):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def write(self, name, *texts):
        path = os.path.join(self.own_folder(), name)
        with open(path, "wb") as file:
            file.write(b"".join(text.encode() if isinstance(text, str) else text for text in texts))
        return path

    def node_with(self, name, **settings):
        return self.own_node(self.redis, name=name, **settings)

    def assertTaken(self, made, node):
        self.assertEqual(self.come(made, node=node).welcome["user"], "alice")

    def assertNotTaken(self, made, node):
        for kind, protocol in KINDS.items():
            self.assertRefused(self.come_raw(made, node=node, protocol=protocol), kind)

    def run_it(self, *words, **environment):
        return subprocess.run([chanwayd(), *words], capture_output=True, text=True, timeout=20,
                              check=False, stdin=subprocess.DEVNULL, cwd=self.folder,
                              env=clean_environment(**environment))


class Algorithms(KeyCase):

    def test_secrets(self):
        for alg in ("HS384", "HS512"):
            node = self.node_with(alg.lower(), token_secret=SECRET, token_alg=alg)
            self.assertTaken(token(alg=alg), node)
            for other in {"HS256", "HS384", "HS512"} - {alg}:
                self.assertNotTaken(token(alg=other), node)
            self.assertNotTaken(token(alg=alg, key=OTHER), node)

    def test_rsa_and_whoever_takes_its_public_key_for_a_secret(self):
        key, other = KeyPair(), KeyPair()
        node = self.node_with("rsa", token_alg="RS256", token_key_file=self.write("k", key.public))
        self.assertTaken(token(key=key.private, alg="RS256"), node)
        for made in (token(key=other.private, alg="RS256"), token(key=key.private, alg="RS384"),
                     token(key=key.private, alg="PS256"), token()):
            self.assertNotTaken(made, node)
        for secret in (key.public, key.public.strip(), key.public.replace(b"\n", b"\r\n"), b""):
            for alg in ("HS256", "HS384", "HS512"):
                self.assertNotTaken(by_hand(claims_of(), key=secret, alg=alg), node)
            self.assertNotTaken(by_hand(claims_of(), key=secret, header={"alg": "RS256"}), node)
        for alg in ("none", "None", "NONE"):
            self.assertNotTaken(encode({"alg": alg}) + "." + encode(claims_of()) + ".", node)

    def test_curves(self):
        for alg, bits in (("ES256", 256), ("ES384", 384)):
            key, other = KeyPair("EC", bits), KeyPair("EC", bits)
            node = self.node_with(alg.lower(), token_alg=alg,
                                  token_key_file=self.write("k", key.public))
            self.assertTaken(token(key=key.private, alg=alg), node)
            self.assertNotTaken(token(key=other.private, alg=alg), node)
            self.assertNotTaken(by_hand(claims_of(), key=key.public), node)
            self.assertNotTaken(by_hand(claims_of(), key=key.public, header={"alg": alg}), node)
            good = token(key=key.private, alg=alg)
            self.assertNotTaken(good[:-8], node)
            self.assertNotTaken(good.rpartition(".")[0] + "." + encode(bytes(bits // 4)), node)

    def test_what_the_library_does_not_offer_is_refused_at_start(self):
        key = self.write("k", KeyPair().public)
        done = self.run_it("--check-config", "--token-alg", "EdDSA", "--token-key-file", key)
        self.assertEqual(done.returncode, 2)
        self.assertIn("EdDSA", done.stderr)

    def test_settings_that_do_not_go_together(self):
        rsa, ec = self.write("rsa", KeyPair().public), self.write("ec", KeyPair("EC", 256).public)
        short = self.write("short", KeyPair(bits=1024).public)
        nothing, big = self.write("none", "no key"), self.write("big", b"x" * 70000)
        five = self.write("five", *[KeyPair("EC", 256).public for _ in range(5)])
        secret = ("--token-secret", SECRET)
        for words in (("--token-alg", "RS256", *secret), ("--token-alg", "RS256"),
                      ("--token-key-file", rsa), ("--token-key-file", rsa, *secret),
                      ("--token-alg", "RS256", "--token-key-file", ec),
                      ("--token-alg", "ES256", "--token-key-file", rsa),
                      ("--token-alg", "ES384", "--token-key-file", ec),
                      ("--token-alg", "RS256", "--token-key-file", short),
                      ("--token-alg", "RS256", "--token-key-file", nothing),
                      ("--token-alg", "RS256", "--token-key-file", big),
                      ("--token-alg", "RS256", "--token-key-file", nothing + ".not"),
                      ("--token-alg", "RS256", "--token-key-file", self.folder),
                      ("--token-alg", "ES256", "--token-key-file", five),
                      ("--token-alg", "none"), ("--token-alg", "hs256", *secret),
                      ("--require-token", "on"), ("--token-issuer", "us"),
                      ("--token-audience", "chat"), ("--token-secret", "x" * 4097)):
            with self.subTest(words=words):
                done = self.run_it("--check-config", *words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("token", done.stderr)
                self.assertNotIn(SECRET, done.stderr + done.stdout)

    def test_a_short_secret_is_warned_of(self):
        node = self.node_with("short", token_secret="secret of 16 byt")
        self.assertTrue(node.process.find_in_log("WARN.*token-secret has fewer than 32 bytes"))
        self.assertFalse(node.process.find_in_log("no token is asked for"))
        self.assertNotIn("secret of 16 byt", node.process.log())


class Rotation(KeyCase):

    def setUp(self):
        self.config = self.write("chanway.ini", f"token-secret = {SECRET}\n")
        self.node = self.node_with("node", config=self.config, auth_timeout="10m")

    def set(self, text, says="settings reloaded"):
        with open(self.config, "w", encoding="ascii") as file:
            file.write(text)
        before = len(self.node.process.log())
        self.node.process.signal(signal.SIGHUP)
        until(lambda: re.search(says, self.node.process.log()[before:]), f"it says {says}")

    def test_two_secrets_while_one_follows_the_other(self):
        old, new = token(), token(key=OTHER)
        client = self.come(token(join=["a"]))
        client.join("a")
        self.assertNotTaken(new, self.node)
        self.set(f"token-secret = {OTHER}\ntoken-secret-2 = {SECRET}\n")
        self.assertTaken(old, self.node)
        self.assertTaken(new, self.node)
        self.set(f"token-secret = {OTHER}\n")
        self.assertNotTaken(old, self.node)
        self.assertTaken(new, self.node)
        # Who is there stays, with what its token allows.
        client.join("a")
        self.assertEqual(client.refuse("join", group="b"), "forbidden")
        self.assertEqual(client.refuse("auth", token=old), "unauthenticated")
        client.call("auth", token=token(key=OTHER, join=["*"]))
        client.join("b")
        self.assertNotIn(OTHER, self.node.process.log())

    def test_what_is_wrong_changes_nothing(self):
        self.set(f"token-secret = {OTHER}\ntoken-alg = RS256\n", "not reloaded: .*token-alg")
        self.assertTaken(token(), self.node)
        self.assertNotTaken(token(key=OTHER), self.node)

    def test_from_a_secret_to_none_and_back(self):
        waits = self.come()
        self.set("\n")
        until(lambda: self.node.process.find_in_log("no token is asked for"), "it warns")
        client = self.come()
        client.join("anything")
        self.assertEqual(client.refuse("auth", token=token()), "bad_request")
        self.assertEqual(waits.refuse("auth", token=token()), "bad_request")
        self.set(f"token-secret = {SECRET}\n")
        self.assertEqual(self.come().refuse("join", group="g"), "unauthenticated")
        client.join("more")
        self.assertEqual(waits.call("auth", token=token())["user"], "alice")

    def test_issuer_audience_and_require_token(self):
        self.assertTaken(token(), self.node)
        self.set(f"token-secret = {SECRET}\ntoken-issuer = us\ntoken-audience = chat\n")
        self.assertNotTaken(token(), self.node)
        self.assertTaken(token(_iss="us", _aud="chat"), self.node)
        self.set(f"token-secret = {SECRET}\nrequire-token = off\n")
        self.assertTaken(token(), self.node)
        self.come().join("anything")

    def test_a_file_of_several_keys(self):
        first, second = KeyPair("EC", 256), KeyPair("EC", 256)
        path = self.write("keys", first.public)
        text = f"token-alg = ES256\ntoken-key-file = {path}\n"
        old, new = (token(key=key.private, alg="ES256") for key in (first, second))

        def rewrite(*keys):
            with open(path, "wb") as file:
                file.write(b"\n".join(keys))
            self.set(text)
        rewrite(first.public)
        self.assertTaken(old, self.node)
        self.assertNotTaken(new, self.node)
        rewrite(first.public, second.public)
        self.assertTaken(old, self.node)
        self.assertTaken(new, self.node)
        rewrite(second.private)  # its public half
        self.assertNotTaken(old, self.node)
        self.assertTaken(new, self.node)


class Command(KeyCase):
    """`chanwayd token`."""

    def make(self, *words, **environment):
        done = self.run_it("token", *words, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\A[\w-]+\.[\w-]+\.[\w-]+\n\Z")
        return done.stdout.strip()

    def claims(self, made, key=SECRET, alg="HS256", **more):
        return jwt.decode(made, key, algorithms=[alg], **more)

    def test_it_makes_what_a_node_takes(self):
        words = ("--sub", "alice", "--join", "chat.*", "--publish", "chat.*", "--join=news",
                 "--send", "--group", "home", "--type", "text", "--expires", "8h", "--ttl", "2h")
        made = self.make(*words, CHANWAY_TOKEN_SECRET=SECRET)
        claims = self.claims(made)
        self.assertEqual(claims["sub"], "alice")
        self.assertEqual(claims["exp"] - claims["iat"], 7200)
        self.assertEqual(claims["cw"], {"join": ["chat.*", "news"], "publish": ["chat.*"],
                                        "groups": ["home"], "send": True, "type": "text",
                                        "expires": 28800})
        node = self.node_with("node", token_secret=SECRET)
        client = self.come(made, node=node)
        self.assertEqual(client.next_op("joined")["group"], "home")
        client.join("chat.1")
        self.assertEqual(client.refuse("join", group="other"), "forbidden")

    def test_settings_come_as_for_a_node(self):
        config = self.write("c.ini", f"token-secret = {SECRET}\ntoken-alg = HS512\n"
                            "token-issuer = us\ntoken-audience = chat\n")
        claims = self.claims(self.make("--sub", "a b", "--config", config), alg="HS512",
                             audience="chat", issuer="us")
        self.assertEqual((claims["sub"], claims["cw"]), ("a b", {}))
        self.assertEqual(claims["exp"] - claims["iat"], 3600)
        claims = self.claims(self.make("--token-secret", SECRET, "--sub", "a", "--ttl", "0"))
        self.assertNotIn("exp", claims)

    def test_a_private_key(self):
        for alg, key in (("RS256", KeyPair()), ("ES256", KeyPair("EC", 256))):
            words = ("--token-alg", alg, "--token-key-file")
            made = self.make("--sub", "alice", *words, self.write("k", key.private))
            self.assertEqual(self.claims(made, key.public, alg)["sub"], "alice")
            done = self.run_it("token", "--sub", "a", *words, self.write("p", key.public))
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("no private key", done.stderr)

    def test_what_is_wrong(self):
        secret = ("--token-secret", SECRET)
        for words in ((), secret, ("--sub", "a"), ("--sub", "", *secret), ("--sub",),
                      ("--sub", "a" * 124, *secret), ("--sub", "a", "--ttl", "soon", *secret),
                      ("--sub", "a", "--group", "no group", *secret),
                      ("--sub", "a", "--type", "xml", *secret),
                      ("--sub", "a", "--join", "x" * 129, *secret),
                      ("--sub", "a", "--listen", "nowhere", *secret),
                      ("--sub", "a", "--jion", "x", *secret), ("--sub", "a", "--token-alg", "RS256")):
            with self.subTest(words=words):
                done = self.run_it("token", *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertTrue(done.stderr)
                self.assertNotIn(SECRET, done.stderr)

    def test_help(self):
        done = self.run_it("token", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("--sub", "--join", "--publish", "--ttl"):
            self.assertIn(word, done.stdout)
        self.assertIn("chanwayd token", self.run_it("--help").stdout)


class Unseen(KeyCase):
    """Tokens and secrets are in no log, metric, event, error, key or printed setting."""

    def parts(self, *tokens):
        """What gives a token away: its signature, or a good part of what it says."""
        return [part for made in tokens for part in made.split(".")[1:] if len(part) > 20] + [
            made for made in tokens]

    def test_nowhere(self):
        node = self.node_with("node", token_secret=SECRET, token_secret_2=OTHER, log_level="debug",
                              events="connect,disconnect,message,join,leave,error")
        good = [token("alice", join=["*"], publish=["*"], send=True, _n=n) for n in range(5)]
        bad = [token("mallory", key="x" * 40, _n=1), by_hand(claims_of("mallory", ttl=-99)),
               by_hand(claims_of("mallory", _n=3), header={"alg": "none"})]
        seen = []
        client = self.come(good[0], node=node)
        self.come(query=with_token(good[1]), node=node, packed=True)
        late = self.come(node=node)
        late.call("auth", token=good[2])
        seen.append(json.dumps(client.request("auth", token=bad[0])))
        seen.append(json.dumps(client.request("auth", token=good[3])))
        seen.append(json.dumps(client.request("auth", token=good[4], group=bad[1])))
        for made in bad:
            for protocol in KINDS.values():
                for query, headers in ((with_token(made), {}), ("", bearer(made))):
                    socket = WebSocket(node.address, "/ws?" + query, protocol=protocol,
                                       headers=headers)
                    seen += [json.dumps(frame) for frame in self.ended(socket)[1]]
        waits = self.come(node=node)
        waits.send({"op": "auth", "id": 1, "token": bad[0]})
        seen += [json.dumps(frame) for frame in self.ended(waits.socket)[1]]
        broken = self.come(good[0], node=node)
        broken.send('{"op":"auth","id":1,"token":"%s"' % good[4])
        seen.append(json.dumps(broken.next()))
        broken.send({"op": good[3], "id": good[4][:60]})
        broken.next()
        client.call("message", text="an event")
        client.close()
        with self.redis.client() as link:
            until(lambda: any(fields.get(b"event") == b"disconnect"
                              for _, fields in link.xrange("cw:{events}")), "an end in the stream")
            for key in link.scan_iter():
                seen.append(repr(key))
                seen.append(repr(link.dump(key)))
                if link.type(key) == b"hash":
                    seen.append(repr(link.hgetall(key)))
                if link.type(key) == b"stream":
                    seen.append(repr(link.xrange(key)))
        for path, admin in (("/metrics", True), ("/healthz", False), ("/readyz", False)):
            seen.append(node.get(path, admin=admin).body.decode())
        seen.append(node.process.log())
        text = "\n".join(seen)
        self.assertIn("a token is refused", text)
        for part in (*self.parts(*good[:3], *bad), SECRET, OTHER):
            self.assertNotIn(part, text)

    def test_in_no_printed_setting(self):
        done = self.run_it("--print-settings", "--token-secret", SECRET,
                           CHANWAY_TOKEN_SECRET_2=OTHER)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("token-secret = ***", done.stdout)
        self.assertIn("token-secret-2 = ***", done.stdout)
        for secret in (SECRET, OTHER):
            self.assertNotIn(secret, done.stdout + done.stderr)
        done = self.run_it("--check-config", "--token-secret", "tell\nme " + SECRET)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn(SECRET, done.stderr)


if __name__ == "__main__":
    main()
