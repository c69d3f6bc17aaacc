"""The subprotocol chanway.v1.msgpack: every op and event, and what it refuses (PROTOCOL: payload)."""

import asyncio
import json

import msgpack
import websockets

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.client import check_error
from support.packed_client import MSGPACK, PackedClient
from support.wait import until
from support.websocket import BINARY, JSON, TEXT, Ended, Refused

NOBODY = "01900000-0000-7000-8000-000000000000"


class PackedCase(NodeCase):

    def packed(self, query="", **options):
        client = PackedClient(self.node, query, **options)
        self.addCleanup(client.drop)
        return client

    def known(self, client):
        """Its channel is in the registry; a welcome does not wait for that."""
        until(lambda: self.redis.call("EXISTS", "cw:{c:%s}" % client.uuid), "its channel is known")
        return client

    def channel_call(self, function, client, *words):
        return self.redis.call("FCALL", function, 1, "cw:{c:%s}" % client.uuid, *words)


class Handshake(PackedCase):
    settings = {"node": "n1"}

    def chosen(self, protocols):
        with self.node.raw(protocol=protocols) as socket:
            return socket.response.header("sec-websocket-protocol")

    def test_the_first_known_subprotocol_is_taken(self):
        for protocols, chosen in ((MSGPACK, MSGPACK), (f"{MSGPACK}, {JSON}", MSGPACK),
                                  (f"{JSON}, {MSGPACK}", JSON), (f"soap, {MSGPACK}", MSGPACK)):
            self.assertEqual(self.chosen(protocols), chosen)
        for protocols in ("chanway.v1.msgpac", "chanway.v2.msgpack", "soap"):
            with self.assertRaises(Refused) as caught:
                self.chosen(protocols)
            self.assertEqual(caught.exception.response.status, 400)
            self.assertEqual(json.loads(caught.exception.response.body)["code"], "bad_request")

    def test_welcome_is_the_same_as_in_json(self):
        welcome, other = self.packed("type=text").welcome, self.client("type=text").welcome
        self.assertEqual(list(welcome), list(other))
        mine = {"channel", "created", "session"}
        self.assertEqual({name: welcome[name] for name in set(welcome) - mine},
                         {name: other[name] for name in set(other) - mine})
        self.assertIsInstance(welcome["created"], int)

    def test_groups_of_the_url_are_joined(self):
        group = self.new_group()
        sent = self.client().publish(group, text="before")
        client = self.packed(f"groups={group},user:x")
        frames = [client.receive(), client.receive()]
        frames.sort(key=lambda frame: frame["op"])
        check_error(frames[0])
        self.assertEqual((frames[0]["group"], frames[0]["code"]), ("user:x", "forbidden"))
        self.assertEqual(frames[1], {"op": "joined", "group": group, "epoch": sent["epoch"],
                                     "offset": 1})


class Ops(PackedCase):

    def test_ids_come_back_as_they_were_sent(self):
        client = self.packed()
        for id_ in (0, 1, 127, 128, 2**32, 2**53, "x", "é" * 32, "\u0000", 'q"\\'):
            client.send({"op": "ping", "id": id_})
            self.assertEqual(client.receive(), {"op": "pong", "id": id_})
        client.send({"op": "ping"})
        self.assertEqual(client.receive(), {"op": "pong"})
        for id_ in (2**53 + 1, -1, 7.0, None, True, b"x", [1], {}, "", "y" * 65):
            with self.subTest(id=id_):
                client.send({"op": "ping", "id": id_})
                reply = client.next_op("error")
                check_error(reply)
                self.assertEqual(reply["code"], "bad_request")
                self.assertNotIn("id", reply)

    def test_join_publish_members_leave(self):
        group = self.new_group()
        client, other = self.packed(), self.client()
        self.assertEqual(client.join(group), {"op": "ok", "id": 1, "epoch": "0", "offset": 0})
        ok = client.publish(group, data={"n": 1}, key="k")
        self.assertEqual(list(ok), ["op", "id", "epoch", "offset"])
        frame = self.assertReceives(client, group, data={"n": 1})
        self.assertEqual(frame["from"], client.uuid)
        self.assertEqual((frame["epoch"], frame["offset"]), (ok["epoch"], 1))
        self.assertIs(client.publish(group, data={"n": 1}, key="k")["duplicate"], True)
        client.publish(group, text="quiet", echo=False)
        other.join(group)
        page = client.members(group, count=1)
        self.assertEqual(list(page["members"][0]), ["channel", "user", "node"])
        rest = client.members(group, cursor=page["next"])
        self.assertEqual({member["channel"] for member in page["members"] + rest["members"]},
                         {client.uuid, other.uuid})
        self.assertNotIn("next", rest)
        client.leave(group)
        other.publish(group, text="late")
        self.assertReceives(other, group, text="late")
        self.assertEqual(client.settle(), [])

    def test_direct_messages_both_ways(self):
        packed, other = self.known(self.packed()), self.known(self.client())
        ok = packed.call("send", to=other.uuid, data=[1, 1.5, "é"])
        self.assertEqual(ok["status"], "delivered")
        frame = other.message()
        self.assertEqual((frame["from"], frame["data"]), (packed.uuid, [1, 1.5, "é"]))
        other.call("send", to=packed.uuid, bytes="AP8=")
        frame = packed.message()
        self.assertEqual((frame["from"], frame["bytes"]), (other.uuid, b"\x00\xff"))
        self.assertNotIn("group", frame)
        packed.call("ack", epoch=frame["epoch"], offset=frame["offset"])
        self.assertEqual(packed.refuse("send", to=NOBODY, text="x"), "not_found")
        self.assertEqual(self.channel_call("cw_send", packed, "json", "[1e400]"), b"delivered")
        self.assertEqual(packed.message()["data"], [1.7976931348623157e308])

    def test_message_is_for_the_application(self):
        client = self.packed()
        for payload in ({"data": {}}, {"text": ""}, {"bytes": b""}):
            self.assertEqual(client.call("message", **payload)["op"], "ok")

    def test_every_op_is_answered_as_in_json(self):
        packed, other = self.packed(), self.client()
        group = self.new_group()
        ops = [("join", {"group": group, "since": {"epoch": "0", "offset": 0}}),
               ("leave", {"group": group}), ("publish", {"group": group, "text": "x"}),
               ("send", {"to": NOBODY, "text": "x"}), ("message", {"text": "x"}),
               ("auth", {"token": "a.b.c"}), ("members", {"group": group}), ("since", {}),
               ("ack", {"epoch": "1", "offset": 1}), ("ping", {}), ("nonsense", {}),
               ("join", {}), ("join", {"group": "a b"}), ("join", {"group": 5}),
               ("join", {"group": "user:x"}), ("publish", {"group": group}),
               ("publish", {"group": group, "data": 1, "text": "x"}),
               ("publish", {"group": group, "text": 5}),
               ("publish", {"group": group, "text": "x", "key": ""}),
               ("publish", {"group": group, "text": "x", "echo": 0}),
               ("send", {"to": "me", "text": "x"}), ("members", {"group": group, "count": 0}),
               ("members", {"group": group, "count": 1.0}),
               ("ack", {"epoch": 1, "offset": 1}), ("ack", {"epoch": "1", "offset": -1}),
               ("join", {"group": group, "since": {"epoch": "1"}}),
               ("join", {"group": group, "presence": 1})]
        for op, fields in ops:
            with self.subTest(op=op, fields=fields):
                mine, theirs = packed.request(op, **fields), other.request(op, **fields)
                self.assertEqual(list(mine), list(theirs))
                for name in ("op", "id", "code", "message", "temporary", "recovered", "members"):
                    self.assertEqual(mine.get(name), theirs.get(name))

    def test_what_was_missed_is_replayed(self):
        group = self.new_group()
        publisher = self.client()
        values = [None, 1, 1.5, "é", [], {"b": 1, "a": [2**64 - 1]}]
        epoch = [publisher.publish(group, data=value)["epoch"] for value in values][0]
        client = self.packed()
        ok = client.join(group, since={"epoch": "0", "offset": 0})
        self.assertEqual((ok["recovered"], ok["offset"]), (True, len(values)))
        self.assertEqual([frame["data"] for frame in client.inbox], values)
        client = self.packed()
        client.join(group, since={"epoch": epoch, "offset": 4})
        self.assertEqual([frame["data"] for frame in client.inbox], values[4:])

    def test_history_in_redis_is_json_text(self):
        group = self.new_group()
        self.packed().publish(group, data={"b": [1, 1.5, None], "a": "é\n"})
        entry = self.redis.call("FCALL_RO", "cw_history", 1, "cw:{g:%s}" % group)
        self.assertIn('{"b":[1,1.5,null],"a":"é\\n"}'.encode("utf-8"), entry)


class Events(PackedCase):

    def test_back_ends_add_and_remove(self):
        group = self.new_group()
        client = self.known(self.packed())
        self.channel_call("cw_group_add", client, group)
        self.assertEqual(client.next_op("joined"),
                         {"op": "joined", "group": group, "epoch": "0", "offset": 0})
        self.channel_call("cw_group_remove", client, group)
        self.assertEqual(client.next_op("left"), {"op": "left", "group": group})

    def test_presence(self):
        group = self.new_group()
        client, other = self.packed(), self.packed()
        client.join(group, presence=True)
        other.join(group)
        self.assertEqual(client.next_op("presence"),
                         {"op": "presence", "group": group, "event": "join",
                          "channel": other.uuid, "user": None})
        other.leave(group)
        self.assertEqual(client.next_op("presence")["event"], "leave")

    def test_a_gap_is_told(self):
        group = self.new_group()
        publisher = self.client()
        epoch = [publisher.publish(group, text=str(number))["epoch"] for number in range(20)][0]
        self.redis.call("XTRIM", f"cw:{{g:{group}}}:h", "MINID", f"{epoch}-11")
        client = self.packed()
        ok = client.join(group, since={"epoch": epoch, "offset": 5})
        self.assertIs(ok["recovered"], False)
        self.assertEqual(client.inbox[0], {"op": "gap", "group": group, "epoch": epoch,
                                           "offset": 10})

    def test_bye_comes_before_the_close(self):
        client = self.known(self.packed())
        self.channel_call("cw_close", client, "4004", "enough")
        self.assertEqual(client.next_op("bye"),
                         {"op": "bye", "code": 4004, "reason": "enough", "retry_ms": None})
        with self.assertRaises(Ended) as caught:
            client.receive()
        self.assertEqual(caught.exception.code, 4004)

    def test_messages_of_back_ends(self):
        group = self.new_group()
        client = self.packed()
        client.join(group)
        for kind, payload, field, value in (
                ("json", '{"z":1.0,"a":18446744073709551616}', "data",
                 {"z": 1.0, "a": 18446744073709551616.0}),
                ("text", "é\n", "text", "é\n"), ("bytes", b"\x00\xff", "bytes", b"\x00\xff")):
            self.redis.call("FCALL", "cw_publish", 1, "cw:{g:%s}" % group, kind, payload)
            frame = self.assertReceives(client, group, **{field: value})
            self.assertEqual(frame["from"], "server")


class Refusals(PackedCase):
    settings = {"max_message": "4MiB"}

    def refuse(self, frame, code, id_=7, client=None):
        """`frame` is refused, with its id, and the channel goes on."""
        client = client or self.packed()
        client.send(frame)
        reply = client.next_op("error")
        check_error(reply)
        self.assertEqual((reply["code"], reply.get("id")), (code, id_), reply)
        self.assertIs(reply["temporary"], False)
        self.assertEqual(client.request("ping")["op"], "pong")

    def test_frames_of_the_other_kind_are_bad_requests(self):
        client = self.packed()
        for text in ('{"op":"ping","id":7}', "", "\x82"):
            client.socket.send_text(text)
            reply = client.next_op("error")
            self.assertEqual(reply["code"], "bad_request")
            self.assertNotIn("id", reply)
        self.assertEqual(client.request("ping")["op"], "pong")
        other = self.client()
        other.socket.send_binary(msgpack.packb({"op": "ping", "id": 7}))
        self.assertEqual(other.next_op("error")["code"], "bad_request")
        self.assertEqual(other.request("ping")["op"], "pong")

    def test_what_is_no_map_is_a_bad_request(self):
        whole = msgpack.packb({"op": "publish", "id": 7, "group": "g", "data": [1, {"a": "b"}]})
        frames = [b"", b"\xc1", b"\xc0", b"\x90", b"\xa4ping", whole + b"\xc0", whole + whole,
                  whole[:-1], whole[:1], b'{"op":"ping"}', msgpack.packb([{"op": "ping"}]),
                  b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
                  b"\xdd\xff\xff\xff\xff" * 20000, b"\x91" * 1000000, b"\xdf\xff\xff\xff\xff" * 9,
                  b"\x82\xa2op\xa4ping\xa1x\xc9\xff\xff\xff\xff\x01"]
        client = self.packed()
        for frame in frames:
            with self.subTest(frame=frame[:20]):
                self.refuse(frame, "bad_request", None, client)

    def test_strings_and_keys_that_are_none_are_bad_requests(self):
        client = self.packed()
        for frame in ({"op": "ping", "id": 7, 1: 2}, {"op": "ping", None: 1, "id": 7},
                      {b"op": "ping", "id": 7, "op": "ping"}, {"op": "ping", "id": 7, 1.5: 0}):
            self.refuse(msgpack.packb(frame), "bad_request", 7, client)
        for frame in ({b"op": b"ping\xff", b"id": 7}, {b"op": b"ping", b"x": b"\xff", b"id": 7},
                      {b"op": b"ping", b"\xff": 1, b"id": 7},
                      {b"op": b"join", b"group": b"\xff", b"id": 7}):
            self.refuse(msgpack.packb(frame, use_bin_type=False), "bad_request", 7, client)

    def test_what_json_has_not_is_a_bad_payload(self):
        client = self.packed()
        for value in (float("nan"), float("inf"), [-float("inf")], b"", {"k": b"x"},
                      msgpack.ExtType(1, b"x"), msgpack.Timestamp(1, 2), {1: 2}, {None: 1},
                      {b"k": 1}, [{True: 1}], {1.5: 2}):
            with self.subTest(value=value):
                self.refuse({"op": "publish", "group": "g", "data": value, "id": 7}, "bad_payload",
                            7, client)
        for text in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80"):
            for field in (b"text", b"data"):
                frame = {b"op": b"message", field: text, b"id": 7}
                self.refuse(msgpack.packb(frame, use_bin_type=False), "bad_payload", 7, client)
        for field, value in (("text", b"x"), ("text", 1), ("bytes", "AAAA"), ("bytes", [1])):
            self.refuse({"op": "message", field: value, "id": 7}, "bad_payload", 7, client)

    def test_64_levels_are_taken_and_65_are_not(self):
        group = self.new_group()
        client, other = self.packed(), self.client()
        other.join(group)
        for inner in (0, {}):
            value = inner
            for _ in range(64 if inner == 0 else 63):
                value = [value]
            client.publish(group, data=value)
            self.assertReceives(other, group, data=value)
            self.refuse({"op": "publish", "group": group, "data": [value], "id": 7}, "bad_payload",
                        7, client)
        start = msgpack.packb({"op": "publish", "group": group, "id": 7})
        start = bytes([start[0] + 1]) + start[1:] + b"\xa4data"
        for depth in (66, 1000, 1000000):
            self.refuse(start + b"\x91" * depth + b"\xc0", "bad_payload", 7, client)

    def test_1_mib_is_taken_and_one_byte_more_is_too_large(self):
        group = self.new_group()
        client, other = self.packed(), self.client()
        client.join(group)
        size = 1 << 20
        for payload in ({"text": "t" * size}, {"bytes": b"\xff" * size}, {"data": "d" * (size - 2)},
                        {"data": "\u0001" * ((size - 2) // 6)}, {"data": [None] * (size // 5)}):
            client.publish(group, **payload)
            self.assertReceives(client, group, **payload)
            field, value = next(iter(payload.items()))
            more = {field: value + value[:1]}
            self.refuse({"op": "publish", "group": group, "id": 7, **more}, "too_large", 7, client)
        other.join(group)
        client.publish(group, text="still here")
        self.assertReceives(other, group, text="still here")

    def test_a_message_over_max_message_closes_with_1009(self):
        client = self.packed()
        client.send(msgpack.packb({"op": "message", "bytes": bytes(4 << 20)}))
        self.assertEqual(client.socket.wait_for_close(), 1009)


class Library(PackedCase):
    """python3-websockets and python3-msgpack, without a line of ours between them."""

    settings = {"max_message": "1MiB"}

    async def talk(self, group, **options):
        address = f"ws://127.0.0.1:{self.node.port}/ws"
        async with websockets.connect(address, subprotocols=[MSGPACK], max_size=1 << 22,
                                      **options) as socket:
            self.assertEqual(socket.subprotocol, MSGPACK)
            self.assertEqual(msgpack.unpackb(await socket.recv())["op"], "welcome")
            await socket.send(msgpack.packb({"op": "join", "id": 1, "group": group}))
            self.assertEqual(msgpack.unpackb(await socket.recv())["op"], "ok")
            for size in (0, 1, 30, 100, 126, 5000, 65536, 500000):
                for payload in ({"bytes": bytes(size)}, {"data": ["x" * size, size]}):
                    await socket.send(msgpack.packb({"op": "publish", "group": group, **payload}))
                    frame = msgpack.unpackb(await socket.recv())
                    self.assertEqual({"op": frame["op"], **frame},
                                     {"op": "message", **frame, **payload})

    def test_it_talks_with_and_without_compression(self):
        for compression in ("deflate", None):
            talk = self.talk(self.new_group(), compression=compression)
            asyncio.run(asyncio.wait_for(talk, 40))


class Fanout(PackedCase):

    def test_each_kind_in_one_group_gets_its_form(self):
        group = self.new_group()
        packed, clients = [self.packed() for _ in range(5)], [self.client() for _ in range(5)]
        for client in packed + clients:
            client.join(group)
        raw = [self.raw_member(group, kind) for kind in ("json", "text", "bytes")]
        for field, in_json, in_packed, opcode, in_raw in (
                ("data", {"a": [1.0]}, {"a": [1.0]}, TEXT, b'{"a":[1.0]}'),
                ("text", "é", "é", TEXT, "é".encode("utf-8")),
                ("bytes", "AP8=", b"\x00\xff", BINARY, b"\x00\xff")):
            for sender, value in ((packed[0], in_packed), (clients[0], in_json)):
                if sender is clients[0]:
                    sender.send('{"op":"publish","group":"%s","%s":%s}'
                                % (group, field, json.dumps(value, separators=(",", ":"))))
                else:
                    sender.publish(group, **{field: value})
                for client in packed:
                    self.assertReceives(client, group, **{field: in_packed})
                for client in clients:
                    self.assertReceives(client, group, **{field: in_json})
                for socket in raw:
                    self.assertEqual(socket.receive(), (opcode, in_raw))


if __name__ == "__main__":
    main()
