"""Every op of an enveloped channel, what it answers and refuses (PROTOCOL: client to node)."""

import json
import uuid

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.client import check_error
from support.wait import until

NAME_128 = "n" * 128
BAD_NAMES = ["", "a b", "a,b", "a{b}", "a\n", "ä", "a*b", "a?b", "a\u0000", "g" * 129, "a#", "a\\b",
             "a'b", 'a"b', "a+b", "a%20", "~", "a;b"]
NOT_STRINGS = [None, 1, True, ["g"], {"g": 1}]


class Ids(NodeCase):

    def reply(self, frame):
        client = self.client()
        client.send(frame)
        return client.receive()

    def test_integers_from_0_to_2_to_the_53rd_come_back(self):
        for number in (0, 1, 2**31, 2**32 + 1, 2**53 - 1, 2**53):
            with self.subTest(number=number):
                reply = self.reply({"op": "ping", "id": number})
                self.assertEqual(reply, {"op": "pong", "id": number})

    def test_strings_of_1_to_64_bytes_come_back(self):
        for text in ("x", "7", "true", "y" * 64, "é" * 32, 'quote " slash \\ / and\n\ttab',
                     "\u0001\u007f", "\u2028😀", "\u0000"):
            with self.subTest(text=text):
                self.assertEqual(self.reply({"op": "ping", "id": text}), {"op": "pong", "id": text})
        self.assertEqual(self.reply('{"op":"ping","id":"\\u00e9\\ud83d\\ude00"}')["id"], "é😀")

    def test_anything_else_is_bad_request_without_id(self):
        for text in (str(2**53 + 1), "18446744073709551616", "-1", "1.0", "1e3", "1E0", "0.5",
                     "1e400", "true", "false", "null", "[1]", "{}", '""', json.dumps("z" * 65),
                     json.dumps("é" * 33, ensure_ascii=False)):
            with self.subTest(id=text):
                reply = self.reply(f'{{"op":"ping","id":{text}}}')
                self.assertEqual((reply["op"], reply["code"]), ("error", "bad_request"), reply)
                self.assertNotIn("id", reply)
                check_error(reply)

    def test_an_op_with_a_bad_id_is_not_done(self):
        group = self.new_group()
        listener, client = self.client(), self.client()
        listener.join(group)
        for text in ("-1", "1.0", str(2**53 + 1), '""', "null"):
            client.send(f'{{"op":"publish","id":{text},"group":"{group}","text":"never"}}')
        client.publish(group, text="marker")
        self.assertReceives(listener, group, text="marker")

    def test_an_id_survives_errors_of_every_kind(self):
        client = self.client()
        for frame in ({"op": "nonsense"}, {}, {"op": 5}, {"op": "join"}, {"op": "join", "group": 5},
                      {"op": "publish", "group": "g"}, {"op": "join", "group": "user:x"},
                      {"op": "publish", "group": "g", "bytes": "!"}):
            with self.subTest(frame=frame):
                client.send({**frame, "id": "mine"})
                self.assertEqual(client.receive()["id"], "mine")
                client.send({"id": "mine", **frame})
                self.assertEqual(client.receive()["id"], "mine")

    def test_without_id_only_errors_are_answered(self):
        group = self.new_group()
        client = self.client()
        for frame in ({"op": "join", "group": group}, {"op": "leave", "group": group},
                      {"op": "publish", "group": group, "text": "x"},
                      {"op": "message", "text": "x"},
                      {"op": "members", "group": group}):
            client.send(frame)
        self.assertEqual([frame["op"] for frame in client.settle()], [])
        client.send({"op": "join", "group": "user:x"})
        reply = client.receive()
        self.assertEqual((reply["op"], reply["code"]), ("error", "forbidden"))
        self.assertNotIn("id", reply)

    def test_ping_without_id_gets_a_pong_without_id(self):
        self.assertEqual(self.reply({"op": "ping"}), {"op": "pong"})


class Frames(NodeCase):

    def refuse(self, frame, codes, send="send_text"):
        client = self.client()
        getattr(client.socket, send)(frame)
        reply = client.receive()
        self.assertEqual(reply["op"], "error", reply)
        self.assertIn(reply["code"], codes, reply)
        check_error(reply)
        self.assertIs(reply["temporary"], False)
        self.assertEqual(client.request("ping")["op"], "pong")
        return reply

    def test_what_is_no_json_object_is_bad_request(self):
        for text in ("", " ", "null", "1", '"op"', "[]", '[{"op":"ping"}]', "true", "ping"):
            with self.subTest(text=text):
                self.refuse(text, ["bad_request"])

    def test_broken_json_is_refused(self):
        for text in ("{", "{}}", '{"op":"ping"', '{"op":"ping"} x', '{"op":"ping",}', "{'op':1}",
                     '{"op":ping}', '{"op":"ping" "id":1}', '{"op":"ping","a":01}',
                     '{"op":"ping","a":.5}', '{"op":"ping","a":1.}', '{"op":"ping","a":+1}',
                     '{"op":"ping","a":0x10}', '{"op":"ping","a":NaN}',
                     '{"op":"ping","a":Infinity}', '{"op":"ping","a":"\n"}',
                     '{"op":"ping","a":"\\x"}', '{"op":"ping","a":"\\u12"}',
                     '{"op":"ping","a":"\t"}', '\ufeff{"op":"ping"}', '{"op":"ping"/**/}',
                     '{"op":"ping"}{"op":"ping"}', '{"op":"ping","a":tru}', '{op:"ping"}', "\0",
                     '{"op":"ping"}\0'):
            with self.subTest(text=text):
                self.refuse(text, ["bad_request", "bad_payload"])

    def test_unpaired_surrogates_are_refused(self):
        for text in (r'"\ud800"', r'"\udc00"', r'"\ud800\ud800"', r'"\ud83dx"', r'"\udc00\ud800"'):
            with self.subTest(text=text):
                self.refuse('{"op":"publish","group":"g","text":%s}' % text,
                            ["bad_payload", "bad_request"])
                self.refuse('{"op":"publish","group":"g","data":[%s]}' % text,
                            ["bad_payload", "bad_request"])

    def test_unknown_and_missing_ops_are_bad_request(self):
        for text in ("{}", '{"op":""}', '{"op":"PING"}', '{"op":"ping "}', '{"op":null}',
                     '{"op":1}',
                     '{"op":["ping"]}', '{"op":"welcome"}', '{"op":"ok"}', '{"Op":"ping"}',
                     '{"op":"pin"}', '{"op":"pingg"}', '{"op":"ping\\u0000"}'):
            with self.subTest(text=text):
                self.refuse(text, ["bad_request"])

    def test_a_known_field_given_twice_is_bad_request(self):
        for text in ('{"op":"ping","op":"ping"}', '{"op":"ping","id":1,"id":1}',
                     '{"op":"join","group":"a","group":"b"}',
                     '{"op":"publish","group":"a","text":"1","text":"2"}'):
            with self.subTest(text=text):
                self.refuse(text, ["bad_request"])

    def test_a_binary_frame_on_json_is_bad_request(self):
        self.refuse(b'{"op":"ping"}', ["bad_request"], "send_binary")
        self.refuse(b"", ["bad_request"], "send_binary")

    def test_unknown_fields_are_ignored(self):
        client = self.client()
        client.send('{"x":{"op":"join"},"op":"ping","id":1,"y":[1,2,{"id":5}],"":null}')
        self.assertEqual(client.receive(), {"op": "pong", "id": 1})

    def test_escaped_names_of_fields_and_ops_are_the_same_names(self):
        client = self.client()
        client.send(r'{"\u006fp":"p\u0069ng","i\u0064":3}')
        self.assertEqual(client.receive(), {"op": "pong", "id": 3})

    def test_errors_are_counted_by_code(self):
        before = self.node.metric("chanway_errors_total", code="bad_request")
        client = self.client()
        for _ in range(3):
            client.refuse("nonsense")
        self.assertEqual(self.node.metric("chanway_errors_total", code="bad_request"), before + 3)


class JoinAndLeave(NodeCase):
    settings = {"max_groups": "4"}

    def test_join_tells_the_groups_latest_position(self):
        group = self.new_group()
        client = self.client()
        self.assertEqual(client.join(group), {"op": "ok", "id": 1, "epoch": "0", "offset": 0})
        first = client.publish(group, text="one")
        second = client.publish(group, text="two")
        self.assertEqual((first["offset"], second["offset"]), (1, 2))
        self.assertEqual(first["epoch"], second["epoch"])
        self.assertRegex(first["epoch"], "^[1-9][0-9]*$")
        late = self.client()
        joined = late.join(group)
        self.assertEqual((joined["epoch"], joined["offset"]), (second["epoch"], 2))
        self.assertNotIn("recovered", joined)
        self.assertEqual(late.settle(), [])

    def test_a_second_join_is_ok_and_gives_no_second_copy(self):
        group = self.new_group()
        client = self.client()
        client.join(group)
        client.join(group)
        client.publish(group, text="once")
        self.assertReceives(client, group, text="once")
        self.assertEqual(client.settle(), [])
        self.assertEqual(len(client.members(group)["members"]), 1)

    def test_nothing_comes_after_the_ok_of_leave(self):
        group, fence = self.new_group(), self.new_group()
        client, other = self.client(), self.client()
        client.join(group)
        client.join(fence)
        client.leave(group)
        other.publish(group, text="late")
        other.publish(fence, text="fence")
        self.assertReceives(client, fence, text="fence")
        self.assertEqual(client.members(group)["members"], [])

    def test_leaving_a_group_one_is_not_in_is_ok(self):
        self.assertEqual(self.client().leave(self.new_group()), {"op": "ok", "id": 1})

    def test_join_leave_join_delivers_again(self):
        group = self.new_group()
        client = self.client()
        for round_ in range(30):
            client.join(group)
            client.publish(group, text=f"in {round_}")
            self.assertReceives(client, group, text=f"in {round_}")
            client.leave(group)
            client.publish(group, text="out")
        self.assertEqual(client.settle(), [])

    def test_pipelined_joins_and_leaves_of_one_group_end_as_the_last_says(self):
        client = self.client()
        for last in ("join", "leave"):
            group = self.new_group()
            ops = (["leave", "join"] if last == "join" else ["join", "leave"]) * 20
            for number, op in enumerate(ops):
                client.send({"op": op, "id": 1000 + number, "group": group})
            for number in range(len(ops)):
                self.assertEqual(client.next_op("ok")["id"], 1000 + number)
            members = [member["channel"] for member in client.members(group)["members"]]
            self.assertEqual(members, [client.uuid] if last == "join" else [])
            client.publish(group, text="x")
            if last == "join":
                self.assertReceives(client, group, text="x")
            client.leave(group)
            self.assertEqual(client.settle(), [])

    def test_bad_group_names_are_bad_request(self):
        client = self.client()
        for op in ("join", "leave", "members"):
            for name in BAD_NAMES + NOT_STRINGS:
                with self.subTest(op=op, name=name):
                    self.assertEqual(client.refuse(op, group=name), "bad_request")
            self.assertEqual(client.refuse(op), "bad_request")

    def test_group_names_up_to_128_bytes_of_the_alphabet_are_taken(self):
        client = self.client()
        for name in ("a", NAME_128, "AZaz09_.:@=/-", "user", "users:x", "User:x", "-", "..", "0"):
            with self.subTest(name=name):
                client.join(name)
                client.publish(name, text="hi")
                self.assertReceives(client, name, text="hi")
                self.assertEqual(len(client.members(name)["members"]), 1)
                client.leave(name)

    def test_the_nodes_own_groups_are_forbidden(self):
        client = self.client()
        for name in ("user:", "user:anna", "user:" + "u" * 123):
            with self.subTest(name=name):
                self.assertEqual(client.refuse("join", group=name), "forbidden")
                self.assertEqual(client.refuse("publish", group=name, text="x"), "forbidden")
                self.assertEqual(client.refuse("members", group=name), "forbidden")
        self.assertEqual(client.refuse("join", group="user:" + "u" * 124), "bad_request")

    def test_one_group_more_than_max_groups_is_refused(self):
        client = self.client("groups=g1,g2")
        client.join("g3")
        client.join("g4")
        self.assertEqual(client.refuse("join", group="g5"), "too_many_groups")
        client.join("g4")
        client.leave("g2")
        client.join("g5")
        self.assertEqual(client.refuse("join", group="g2"), "too_many_groups")
        self.assertEqual(client.members("g2")["members"], [])
        client.publish("g5", text="works")

    def test_pipelined_joins_over_max_groups_are_refused_too(self):
        client = self.client()
        for number in range(8):
            client.send({"op": "join", "id": number, "group": f"p{number}"})
        replies = [client.receive() for _ in range(8)]
        self.assertEqual([reply["id"] for reply in replies], list(range(8)))
        self.assertEqual([reply["op"] for reply in replies], ["ok"] * 4 + ["error"] * 4)
        self.assertEqual({reply["code"] for reply in replies[4:]}, {"too_many_groups"})

    def test_bad_presence_fields_are_bad_request(self):
        for value in (1, "true", None, []):
            self.assertEqual(self.client().refuse("join", group="g", presence=value), "bad_request")


class Publish(NodeCase):

    def test_every_member_gets_it_once_with_its_id(self):
        group = self.new_group()
        members = [self.client() for _ in range(5)]
        for client in members:
            client.join(group)
        sender = self.client()
        ok = sender.publish(group, text="all")
        for client in members:
            frame = self.assertReceives(client, group, text="all")
            self.assertEqual(frame["from"], sender.uuid)
            self.assertEqual((frame["epoch"], frame["offset"]), (ok["epoch"], ok["offset"]))
            self.assertIsInstance(frame["epoch"], str)
            self.assertIsInstance(frame["offset"], int)
            self.assertEqual(client.settle(), [])
        self.assertEqual(sender.settle(), [])

    def test_members_get_their_own_copy_unless_echo_is_false(self):
        group = self.new_group()
        sender, other = self.client(), self.client()
        sender.join(group)
        other.join(group)
        sender.publish(group, text="quiet", echo=False)
        sender.publish(group, text="loud", echo=True)
        sender.publish(group, text="plain")
        for text in ("quiet", "loud", "plain"):
            self.assertReceives(other, group, text=text)
        for text in ("loud", "plain"):
            self.assertReceives(sender, group, text=text)
        self.assertEqual(sender.settle(), [])

    def test_bad_fields_are_bad_request(self):
        client = self.client()
        for name in BAD_NAMES + NOT_STRINGS:
            with self.subTest(name=name):
                self.assertEqual(client.refuse("publish", group=name, text="x"), "bad_request")
        for fields in ({"text": "x"}, {"group": "g"}, {"group": "g", "text": "x", "data": 1},
                       {"group": "g", "text": "x", "bytes": ""},
                       {"group": "g", "data": 1, "bytes": ""},
                       {"group": "g", "data": None, "text": "x", "bytes": ""},
                       {"group": "g", "text": "x", "echo": "false"},
                       {"group": "g", "text": "x", "echo": 0},
                       {"group": "g", "text": "x", "echo": None},
                       {"group": "g", "text": "x", "key": ""},
                       {"group": "g", "text": "x", "key": "k" * 65},
                       {"group": "g", "text": "x", "key": 5}):
            with self.subTest(fields=fields):
                self.assertEqual(client.refuse("publish", **fields), "bad_request")

    def test_bad_payloads_are_bad_payload(self):
        client = self.client()
        for payload in ({"text": 1}, {"text": None}, {"text": ["x"]}, {"text": {"a": "x"}},
                        {"bytes": 1}, {"bytes": None}, {"bytes": [1]}, {"bytes": "A"},
                        {"bytes": "AA"}, {"bytes": "AAE"}, {"bytes": "AA="}, {"bytes": "AAA=="},
                        {"bytes": "AA==="}, {"bytes": "===="}, {"bytes": "A==="}, {"bytes": "AA=A"},
                        {"bytes": "AAEC\n"}, {"bytes": " AAEC"}, {"bytes": "AA-_"},
                        {"bytes": "AA==AA=="}, {"bytes": "ÄÄÄÄ"}, {"bytes": "AAE\u0000"}):
            with self.subTest(payload=payload):
                self.assertEqual(client.refuse("publish", group="g", **payload), "bad_payload")
                self.assertEqual(client.refuse("message", **payload), "bad_payload")

    def test_base64_with_stray_bits_in_the_last_digit_does_no_harm(self):
        group = self.new_group()
        client = self.client()
        client.join(group)
        reply = client.request("publish", group=group, bytes="AB==")
        if reply["op"] == "ok":
            self.assertReceives(client, group, bytes="AA==")
        else:
            self.assertEqual(reply["code"], "bad_payload")

    def test_what_is_refused_is_not_published(self):
        group = self.new_group()
        listener, client = self.client(), self.client()
        listener.join(group)
        for fields in ({"text": 1}, {"text": "a", "data": 1}, {"bytes": "A"}, {},
                       {"text": "x", "echo": 7}):
            client.refuse("publish", group=group, **fields)
        client.publish(group, text="marker")
        self.assertEqual(self.assertReceives(listener, group, text="marker")["offset"], 1)

    def test_offsets_of_a_group_are_contiguous(self):
        group = self.new_group()
        first, second = self.client(), self.client()
        oks = [(first, second)[number % 2].publish(group, data=number) for number in range(20)]
        self.assertEqual([ok["offset"] for ok in oks], list(range(1, 21)))
        self.assertEqual(len({ok["epoch"] for ok in oks}), 1)

    def test_a_group_without_history_leaves_the_position_out(self):
        node = self.own_node(self.redis, name="nohistory", history_size="0")
        group = self.new_group()
        client = self.own_client(node)
        self.assertEqual(client.join(group), {"op": "ok", "id": 1})
        self.assertEqual(client.publish(group, text="x"), {"op": "ok", "id": 2})
        frame = self.assertReceives(client, group, text="x")
        self.assertNotIn("epoch", frame)
        self.assertNotIn("offset", frame)

    def test_message_goes_to_the_application_and_is_ok(self):
        client = self.client()
        for payload in ({"data": {"a": 1}}, {"text": "x"}, {"bytes": "AA=="}):
            self.assertEqual(client.call("message", **payload)["op"], "ok")
        for fields in ({}, {"data": 1, "text": "x"}):
            self.assertEqual(client.refuse("message", **fields), "bad_request")
        raw = self.raw("type=text")
        raw.send_text("to the application")
        self.assertEqual(raw.ping(), [])


class Members(NodeCase):

    def test_it_lists_channel_user_and_node(self):
        group = self.new_group()
        client = self.client()
        client.join(group)
        reply = client.members(group)
        self.assertEqual(reply["members"],
                         [{"channel": client.uuid, "user": None, "node": self.node.id()}])
        self.assertNotIn("next", reply)

    def test_an_unknown_group_has_none(self):
        reply = self.client().members(self.new_group())
        self.assertEqual(reply["members"], [])
        self.assertNotIn("next", reply)

    def test_pages_together_name_every_member(self):
        group = self.new_group()
        clients = [self.client("groups=" + group) for _ in range(130)]
        for client in clients:
            client.next_op("joined")
        asker = self.client()
        for count in (1, 7, 100, 1000):
            with self.subTest(count=count):
                seen, cursor, pages = [], None, 0
                while True:
                    fields = {"cursor": cursor} if cursor else {}
                    reply = asker.members(group, count=count, **fields)
                    seen += [member["channel"] for member in reply["members"]]
                    pages += 1
                    cursor = reply.get("next")
                    if cursor is None:
                        break
                    self.assertIsInstance(cursor, str)
                self.assertEqual(set(seen), {client.uuid for client in clients})
                self.assertLessEqual(pages, 200)

    def test_bad_counts_and_cursors_are_bad_request(self):
        client = self.client()
        for count in (0, -1, 1001, 1.5, "10", None, 10**30):
            with self.subTest(count=count):
                self.assertEqual(client.refuse("members", group="g", count=count), "bad_request")
        for cursor in (5, None, [], "x" * 65):
            with self.subTest(cursor=cursor):
                self.assertEqual(client.refuse("members", group="g", cursor=cursor), "bad_request")
        for cursor in ("x", "-1", "1 2", "0x1"):
            with self.subTest(cursor=cursor):
                reply = client.request("members", group="g", cursor=cursor)
                self.assertEqual((reply["op"], reply.get("code")), ("error", "bad_request"))

    def test_a_channel_that_goes_away_is_no_member_any_more(self):
        group = self.new_group()
        stays = self.client("groups=" + group)
        stays.next_op("joined")
        for how in ("close", "drop", "reset"):
            goes = self.client("groups=" + group)
            goes.next_op("joined")
            self.assertEqual(len(stays.members(group)["members"]), 2)
            {"close": goes.close, "drop": goes.drop, "reset": goes.socket.wire.reset}[how]()
            self.wait_for_members(stays, group, [stays.uuid])

    def wait_for_members(self, client, group, expected):
        until(lambda: [member["channel"] for member in client.members(group)["members"]]
              == expected, f"{group} has the members {expected}")


class OpsOfLaterParts(NodeCase):
    """Ops that this node may not know yet: refused in good order, or done."""

    def test_they_are_answered_and_close_nothing(self):
        client = self.client()
        for fields in ({"op": "send", "to": str(uuid.uuid4()), "text": "x"},
                       {"op": "auth", "token": "x"}, {"op": "ack", "epoch": "1", "offset": 1},
                       {"op": "since"}):
            with self.subTest(op=fields["op"]):
                reply = client.request(**fields)
                self.assertIn(reply["op"], ("ok", "error"))
                if reply["op"] == "error":
                    check_error(reply)
        self.assertEqual(client.refuse("auth", token="x"), "bad_request")


if __name__ == "__main__":
    main()
