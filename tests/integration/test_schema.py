"""Schemas: what clients may publish to a group, told with where and why, on every node; reloaded, or refused."""

import json
import os
import re
import signal
import subprocess

import setup_path  # noqa: F401
from support.case import Case, main
from support.event_stream import EventStream
from support.node import clean_environment
from support.packed_client import PackedClient
from support.paths import SOURCE, chanwayd
from support.wait import until
from support.websocket import TEXT, encode_frame

# The seed's `class Message(BaseModel): type: str; content: str; timestamp: float`.
MESSAGE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A message of the chat",
    "type": "object",
    "properties": {
        "type": {"enum": ["say", "shout"]},
        "content": {"type": "string", "minLength": 1, "maxLength": 5},
        "timestamp": {"type": "number", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "maxItems": 2},
        "n": {"type": "integer"},
        "a/b~": {"const": 1.0},
    },
    "required": ["type", "content"],
    "additionalProperties": False,
}
GOOD = {"type": "say", "content": "hello", "timestamp": 1.5, "tags": ["a", "bc"], "n": 7, "a/b~": 1}

# What is changed in GOOD (None: left out), and the fault: pointer, keyword.
FAULTS = [
    ({"type": "whisper"}, "/type", "enum"),
    ({"content": None}, "", "required"),
    ({"content": ""}, "/content", "minLength"),
    ({"content": "hellös"}, "/content", "maxLength"),
    ({"content": 1}, "/content", "type"),
    ({"timestamp": -0.5}, "/timestamp", "minimum"),
    ({"tags": ["a", "B"]}, "/tags/1", "pattern"),
    ({"tags": ["a", "b", "c"]}, "/tags", "maxItems"),
    ({"n": 1.5}, "/n", "type"),
    ({"a/b~": 2}, "/a~1b~0", "const"),
    ({"more": 1}, "/more", "additionalProperties"),
]


def changed(change):
    return {key: value for key, value in {**GOOD, **change}.items() if value is not None}


class SchemaCase(Case):

    def write(self, name, schema, folder=None):
        """A file of this JSON or text; its path."""
        path = os.path.join(folder or self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(schema if isinstance(schema, str) else json.dumps(schema))
        return path

    def assertFault(self, reply, pointer, keyword):
        self.assertEqual((reply["op"], reply["code"], reply["temporary"]),
                         ("error", "bad_payload", False), reply)
        self.assertEqual(reply["message"], "Invalid message format")
        details = reply["details"]
        self.assertEqual(set(details), {"pointer", "keyword", "message"})
        self.assertEqual((details["pointer"], details["keyword"]), (pointer, keyword), details)
        self.assertTrue(details["message"])


class Publishing(SchemaCase):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        files = {"chat.*": MESSAGE, "chat.free.*": None, "*.never": False, "log.*": {"type": "string"},
                 "slow.*": {"pattern": "^(a|aa)+$"}}
        settings = {}
        for number, (glob, schema) in enumerate(files.items()):
            path = cls.write(cls, f"{number}.json", schema) if schema is not None else ""
            settings["schema." + glob] = path
        cls.nodes = [cls.class_node(cls.redis, name=f"n{i}", events="error", **settings)
                     for i in range(3)]
        cls.readers = [node.client() for node in cls.nodes]
        for reader in cls.readers:
            cls.addClassCleanup(reader.drop)

    def listen(self, group):
        for reader in self.readers:
            reader.settle()
            reader.join(group)

    def assertArrived(self, group, *payloads):
        """On every node, these and nothing else: what was refused is nowhere."""
        for reader in self.readers:
            for payload in payloads:
                self.assertReceives(reader, group, **payload)
            self.assertEqual(reader.settle(), [])

    def refused(self):
        return sum(node.metric("chanway_client_payloads_refused_total") for node in self.nodes)

    def test_what_fits_reaches_all_and_the_rest_nobody(self):
        self.listen("chat.room")
        client, before = self.own_client(self.nodes[0]), self.refused()
        for change, pointer, keyword in FAULTS:
            self.assertFault(client.request("publish", group="chat.room", data=changed(change)),
                             pointer, keyword)
        for data in ([], "text", None, 1):
            self.assertFault(client.request("publish", group="chat.room", data=data), "", "type")
        for node in self.nodes:
            self.own_client(node).publish("chat.room", data=GOOD)
        self.assertArrived("chat.room", *[{"data": GOOD}] * 3)
        self.assertEqual(self.refused(), before + len(FAULTS) + 4)

    def test_numbers_are_those_that_were_written(self):
        client = self.own_client(self.nodes[1])
        for digits, is_good in (("7.0", True), ("70e-1", True), ("1e400", True), ("7.5", False),
                                ("18446744073709551617.00", True), ("0.1e400", True),
                                ("100000000000000000000000.1", False)):
            client.send('{"op":"publish","id":1,"group":"chat.n","data":{"type":"say","content":"x","n":%s}}'
                        % digits)
            reply = client.reply_to(1)
            self.assertEqual(reply["op"], "ok" if is_good else "error", digits)
            if not is_good:
                self.assertFault(reply, "/n", "type")

    def test_only_json_fits(self):
        self.listen("log.a")
        client = self.own_client(self.nodes[0])
        client.publish("log.a", data="a line")
        for payload in ({"text": "a line"}, {"bytes": "AAAA"}, {"data": 1}):
            self.assertFault(client.request("publish", group="log.a", **payload), "", "type")
        self.assertArrived("log.a", {"data": "a line"})

    def test_the_glob_that_says_most_holds(self):
        client = self.own_client(self.nodes[2])
        for group in ("other", "chat", "chat.free.a", "chatter", "never"):
            client.publish(group, data=[1])
            client.publish(group, text="x")
        self.assertFault(client.request("publish", group="chat.x", data=[1]), "", "type")
        # `*.never` says more than `chat.*`, `chat.free.*` says more than both.
        self.assertFault(client.request("publish", group="chat.never", data=GOOD), "", "false")
        client.publish("chat.free.never", data=1)

    def test_it_is_about_what_clients_publish(self):
        self.listen("chat.back")
        client = self.own_client(self.nodes[0])
        client.call("message", data=1)
        client.call("send", to=self.readers[1].uuid, data=1)
        self.assertEqual(self.readers[1].message()["data"], 1)
        self.redis.call("FCALL", "cw_publish", 1, "cw:{g:chat.back}", "json", "[1]")
        self.assertArrived("chat.back", {"data": [1]})

    def test_answers_stay_in_order_and_errors_need_no_id(self):
        client = self.own_client(self.nodes[0])
        frames = [{"op": "join", "id": 1, "group": "chat.order"}, # what is behind it waits for it
                  {"op": "publish", "id": 2, "group": "chat.order", "data": GOOD},
                  {"op": "publish", "id": 3, "group": "chat.order", "data": {}},
                  {"op": "publish", "group": "chat.order", "data": 1},
                  {"op": "publish", "id": 5, "group": "chat.order", "data": GOOD}]
        client.socket.send_bytes(b"".join(encode_frame(TEXT, json.dumps(frame).encode()) for frame in frames))
        replies = [frame for frame in (client.receive() for _ in range(7)) if frame["op"] != "message"]
        self.assertEqual([(reply["op"], reply.get("id")) for reply in replies],
                         [("ok", 1), ("ok", 2), ("error", 3), ("error", None), ("ok", 5)])
        self.assertFault(replies[2], "", "required")
        self.assertFault(replies[3], "", "type")

    def test_raw_channels_are_checked_alike(self):
        self.listen("chat.raw")
        raw = self.own_raw(self.nodes[1], "publish=chat.raw")
        for change, pointer, keyword in FAULTS:
            raw.send_text(json.dumps(changed(change), indent=1))
            reply = json.loads(raw.receive_text())
            self.assertFault(reply, pointer, keyword)
            self.assertNotIn("id", reply)
        raw.send_text(" " + json.dumps(GOOD) + "\n")
        self.assertArrived("chat.raw", {"data": GOOD})

    def test_raw_channels_of_other_types_have_nothing_that_fits(self):
        self.listen("chat.other")
        text = self.own_raw(self.nodes[0], "type=text&publish=chat.other")
        text.send_text(json.dumps(GOOD))
        self.assertFault(json.loads(text.receive_text()), "", "type")
        # A channel of bytes gets no frame that could be taken for one of its payloads.
        raw_errors = self.nodes[0].metric("chanway_raw_errors_total")
        refused = self.refused()
        octets = self.own_raw(self.nodes[0], "type=bytes&publish=chat.other&groups=other.bytes")
        octets.send_binary(json.dumps(GOOD).encode())
        until(lambda: self.refused() == refused + 1, "it was refused")
        self.own_client(self.nodes[0]).publish("other.bytes", bytes="AAAA")
        self.assertEqual(octets.receive_binary(), b"\0\0\0")
        self.assertEqual(self.nodes[0].metric("chanway_raw_errors_total"), raw_errors + 1)
        self.assertArrived("chat.other")

    def test_messagepack_clients_are_checked_alike(self):
        self.listen("chat.packed")
        client = PackedClient(self.nodes[2])
        self.addCleanup(client.drop)
        for change, pointer, keyword in FAULTS:
            self.assertFault(client.request("publish", group="chat.packed", data=changed(change)),
                             pointer, keyword)
        self.assertFault(client.request("publish", group="chat.packed", bytes=b"x"), "", "type")
        client.publish("chat.packed", data=GOOD)
        self.assertArrived("chat.packed", {"data": GOOD})

    def test_the_application_hears_of_it_as_of_any_bad_frame(self):
        client = self.own_client(self.nodes[0])
        client.refuse("publish", group="chat.x", data=1)
        stream = EventStream(self.redis)
        until(lambda: stream.kinds(client.uuid) == ["error"], "its event")
        event = stream.of(client.uuid)[0]
        self.assertEqual((event["code"], event["reason"]), ("bad_payload", "Invalid message format"))

    def test_an_evil_text_is_refused_and_others_hardly_wait(self):
        client, other = self.own_client(self.nodes[0]), self.own_client(self.nodes[0])
        before = self.nodes[0].metric("chanway_client_patterns_endless_total")
        self.assertEqual(client.publish("slow.x", data="aaa").get("op"), "ok")
        self.assertFault(client.request("publish", group="slow.x", data="b"), "", "pattern")
        self.assertEqual(self.nodes[0].metric("chanway_client_patterns_endless_total"), before)
        self.assertFault(client.request("publish", group="slow.x", data="a" * 60000 + "b"), "", "pattern")
        self.assertEqual(self.nodes[0].metric("chanway_client_patterns_endless_total"), before + 1)
        self.assertEqual(other.request("ping", timeout=5)["op"], "pong")

    def test_a_payload_may_be_as_deep_and_large_as_any(self):
        client = self.own_client(self.nodes[0])
        deep = "[" * 64 + "]" * 64
        client.send('{"op":"publish","id":1,"group":"chat.free.a","data":%s}' % deep)
        self.assertEqual(client.reply_to(1)["op"], "ok")
        client.send('{"op":"publish","id":2,"group":"chat.a","data":%s}' % deep)
        self.assertFault(client.reply_to(2), "", "type")
        self.assertFault(client.request("publish", group="chat.a", data=changed({"content": "x" * 60000})),
                         "/content", "maxLength")
        client.publish("log.big", data="x" * 60000)


class Reloading(SchemaCase):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()

    def setUp(self):
        self.own = self.own_folder()
        self.config = os.path.join(self.own, "chanway.ini")

    def start(self, config):
        self.configure(config)
        self.node = self.own_node(self.redis, config=self.config)
        return self.own_client(self.node)

    def configure(self, config):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config)

    def reload(self, says="settings reloaded"):
        before = len(self.node.process.log())
        self.node.process.signal(signal.SIGHUP)
        until(lambda: re.search(says, self.node.process.log()[before:]), f"it says {says}")

    def fits(self, client, data):
        return client.request("publish", group="g", data=data)["op"] == "ok"

    def test_schemas_come_change_and_go_while_clients_stay(self):
        client = self.start("")
        path = self.write("g.json", {"type": "string"}, self.own)
        self.assertTrue(self.fits(client, 1))
        self.configure(f"schema.g = {path}\n")
        self.reload()
        self.assertFalse(self.fits(client, 1))
        self.assertTrue(self.fits(client, "x"))
        self.write("g.json", {"type": "integer"}, self.own)
        self.reload()
        self.assertTrue(self.fits(client, 1))
        self.assertFalse(self.fits(client, "x"))
        self.configure("")
        self.reload()
        self.assertTrue(self.fits(client, "x"))
        self.assertEqual(client.settle(), [])

    def test_a_broken_file_leaves_all_as_it_was(self):
        path = self.write("g.json", {"type": "string"}, self.own)
        client = self.start(f"\nschema.g = {path}\nmax-groups = 2\n")
        self.write("g.json", {"properties": {"a": {"typo": 1}}}, self.own)
        self.configure(f"\nschema.g = {path}\nmax-groups = 3\n")
        self.reload(r"schemas stay as they were: .*chanway\.ini:2: schema\.g = .*g\.json: "
                    r"/properties/a/typo: is not supported")
        self.assertFalse(self.fits(client, 1))
        self.assertTrue(self.fits(client, "x"))
        os.unlink(path)
        self.reload(r"schemas stay as they were: .*g\.json: No such file")
        self.assertFalse(self.fits(client, 1))
        # The rest of the settings holds.
        self.assertEqual([client.request("join", group=f"j{i}")["op"] for i in range(4)],
                         ["ok", "ok", "ok", "error"])


class Documented(SchemaCase):

    def test_the_example_of_the_readme_does_what_it_says(self):
        text = (SOURCE / "gateway/README.md").read_text(encoding="utf-8").partition("### Schemas\n")[2]
        schema, reply = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)[:2]]
        node = self.own_node(self.own_redis(), **{"schema.chat.*": self.write("message.json", schema)})
        client = self.own_client(node)
        message = {"type": "say", "content": "hello", "timestamp": 1732592123.25}
        self.assertEqual(client.request("publish", group="chat.room", data=message)["op"], "ok") # id 1
        self.assertEqual(client.request("publish", group="chat.room", data={**message, "content": ""}), reply)


class Starting(SchemaCase):

    def run_it(self, *words):
        return subprocess.run([chanwayd(), *words], capture_output=True, text=True, timeout=20,
                              cwd=self.folder, check=False, stdin=subprocess.DEVNULL,
                              env=clean_environment())

    def assertRefused(self, *says, words):
        for check in ([], ["--check-config"]):
            done = self.run_it(*words, "--listen", "127.0.0.1:0", "--admin-listen", "", *check)
            self.assertEqual(done.returncode, 2, done)
            for text in says:
                self.assertIn(text, done.stderr)
            self.assertNotIn("ready node=", done.stderr)

    def test_a_bad_schema_is_refused_with_file_and_pointer(self):
        rows = [
            ({"minimun": 1}, "/minimun: is not supported; allowed are type, properties"),
            ({"properties": {"a/b": {"items": {"type": "text"}}}},
             "/properties/a~1b/items/type: must be one of null, boolean, integer"),
            ({"type": "object", "oneOf": []}, "/oneOf: is not supported"),
            ({"items": [{}]}, "/items: must be a schema: an object, true or false"),
            ({"pattern": "(a"}, "/pattern: missing closing parenthesis at byte 2"),
            ({"minLength": -1}, "/minLength: must be an integer from 0"),
            ({"required": ["a", "a"]}, "/required: has a name twice"),
            ('{"type":"string","type":"number"}', "/type: a key is there twice"),
            ("{'a'}", "not valid JSON"),
            ("", "not valid JSON"),
            ("[]", "must be a schema: an object, true or false"),
            (" " * 65536 + "{}", "larger than 65536 bytes"),
            ('{"items":' * 66 + "{}" + "}" * 66, "has schemas more than 65 deep"),
        ]
        for number, (schema, says) in enumerate(rows):
            path = self.write(f"bad{number}.json", schema)
            self.assertRefused(f"--schema.chat.* = {path}: ", says, words=["--schema.chat.*", path])

    def test_what_is_no_file_is_refused(self):
        os.mkfifo(os.path.join(self.folder, "pipe"))
        for path, says in (("missing.json", "No such file or directory"), (self.folder, "is not a file"),
                           ("pipe", "is not a file")):
            self.assertRefused(f"--schema = {path}: {says}", words=["--schema", path])

    def test_the_line_of_the_settings_is_named(self):
        self.write("bad.json", "1")
        config = self.write("chanway.ini", "max-groups = 3\nschema.a = bad.json\n")
        self.assertRefused("chanway.ini:2: schema.a = bad.json: must be a schema",
                           words=["--config", config])
        config = self.write("chanway.ini", "schema.a = x\nschema.a = y\n")
        self.assertRefused("chanway.ini:2: schema.a is set in line 1 already", words=["--config", config])

    def test_there_are_at_most_256(self):
        self.write("any.json", "true")
        config = "".join(f"schema.g{i} = any.json\n" for i in range(256))
        good = self.run_it("--check-config", "--config", self.write("chanway.ini", config))
        self.assertEqual((good.returncode, good.stdout), (0, "the settings are good\n"))
        self.assertRefused("there may be 256 schemas",
                           words=["--config", self.write("chanway.ini", config + "schema = any.json\n")])

    def test_they_are_printed_with_the_other_settings(self):
        self.write("any.json", "true")
        done = self.run_it("--print-settings", "--schema", "any.json", "--schema.chat.*=", "--schema.b", "c")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("# flag\nschema = any.json\n", done.stdout)
        self.assertIn("# flag\nschema.chat.* = \n", done.stdout)
        self.assertIn("# flag\nschema.b = c\n", done.stdout)


if __name__ == "__main__":
    main()
