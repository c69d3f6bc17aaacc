"""/api of the admin port and the dashboard's files (README: the dashboard)."""

import json
import time
from urllib.parse import quote

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.http_client import read_response, request
from support.paths import source_path
from support.wait import until
from support.wire import Wire

NOBODY = "01a215df-b1c4-7c7d-a804-000000000000"


class Pages(NodeCase):

    def test_files_are_those_of_the_source_and_strict(self):
        pages = {"/": "dashboard/index.html", "/dashboard.css": "dashboard/dashboard.css",
                 "/dashboard.js": "dashboard/dashboard.js", "/chanway.js": "chanway.js",
                 "/lib/ops.js": "lib/ops.js", "/icon.svg": "dashboard/icon.svg"}
        for path, file in pages.items():
            with self.subTest(path=path):
                answer = self.node.get(path, admin=True)
                with open(source_path("web/" + file), "rb") as expected:
                    self.assertEqual(answer.body, expected.read())
                policy = answer.header("content-security-policy")
                for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'",
                             "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
                    self.assertIn(rule, policy)
                self.assertNotIn("unsafe", policy)
                self.assertEqual(answer.header("x-content-type-options"), "nosniff")
                self.assertEqual(self.node.get(path).status, 404)  # not for clients
        self.assertEqual(self.node.get("/", admin=True).header("content-type"),
                         "text/html; charset=utf-8")

    def test_only_get_and_head(self):
        head = request(self.node.admin, "/", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(int(head.header("content-length")), len(self.node.get("/", True).body))
        for path in ("/", "/api/nodes", "/api/groups", "/api/bans", "/api/channels"):
            self.assertEqual(request(self.node.admin, path, "POST").status, 405)


class Api(NodeCase):

    def ask(self, path, status=200):
        answer = self.node.get(path, admin=True)
        self.assertEqual((answer.status, answer.header("content-type")), (status, "application/json"),
                         answer)
        return answer.json()

    def test_it_is_on_the_admin_port_alone(self):
        for path in ("/api/nodes", "/api/groups", "/api/channels"):
            self.assertEqual(self.node.get(path).status, 404)

    def test_nodes_and_what_they_say_of_themselves(self):
        other = self.own_node(self.redis, name="other")
        self.client().join("counted")
        told = until(lambda: [answer for answer in [self.ask("/api/nodes")] if len(answer["nodes"]) == 2
                              and all(node["about"] for node in answer["nodes"])], "both")[0]
        ids = {one.get("/readyz").json()["node"]: one for one in (self.node, other)}
        self.assertEqual({node["id"] for node in told["nodes"]}, set(ids))
        self.assertEqual(told["node"], self.node.get("/readyz").json()["node"])
        for node in told["nodes"]:
            about = json.loads(node["about"])
            self.assertEqual(about["listen"], f"127.0.0.1:{ids[node['id']].port}")
            self.assertEqual(about["path"], "/ws")
            self.assertLess(abs(time.time() * 1000 - about["at"]), 60000)

        def connections():
            nodes = self.ask("/api/nodes")["nodes"]
            return {node["id"]: json.loads(node["about"])["connections"] for node in nodes}
        mine = self.node.get("/readyz").json()["node"]
        until(lambda: connections().get(mine) == 1, "it is said with the next renewal")
        other.terminate()
        until(lambda: len(self.ask("/api/nodes")["nodes"]) == 1, "it is gone")

    def test_channels_groups_and_members(self):
        clients = [self.client() for _ in range(3)]
        group = "a/b=c:@" + self.new_group()
        quoted = group.replace("/", "%2F").replace("=", "%3D").replace(":", "%3A").replace("@", "%40")
        for client in clients:
            client.join(group)
        clients[0].publish(group, data=1)
        channels = self.ask("/api/channels?cursor=0")
        self.assertLessEqual({client.uuid for client in clients},
                             {one["channel"] for one in channels["channels"]})
        self.assertEqual(channels["next"], "0")
        channel = self.ask(f"/api/channel?id={clients[0].uuid}")
        self.assertEqual((channel["channel"], channel["groups"], channel["connected"], channel["type"],
                          channel["user"], channel["queued"]),
                         (clients[0].uuid, [group], True, "json", "", 0))
        self.assertTrue(channel["address"].startswith("127.0.0.1:"))
        for name in (group, quoted):
            members = self.ask(f"/api/members?group={name}")
            self.assertEqual({one["channel"] for one in members["members"]},
                             {client.uuid for client in clients})
            info = self.ask(f"/api/group?name={name}")
            self.assertEqual((info["members"], info["kept"], info["offset"]), (3, 1, 1))
        self.assertEqual(self.ask(f"/api/groups?match={quoted}"),
                         {"groups": [{"name": group, "here": 3}], "total": 1})
        self.assertEqual(self.ask("/api/groups?match=nothing-like-it"), {"groups": [], "total": 0})

    def test_the_largest_groups_come_first_and_not_all(self):
        clients = [self.client() for _ in range(2)]
        for i in range(103):
            clients[0].join(f"many.{i}")
        clients[1].join("many.77")
        told = self.ask("/api/groups?match=many.")
        self.assertEqual((told["total"], len(told["groups"])), (103, 100))
        self.assertEqual(told["groups"][0], {"name": "many.77", "here": 2})

    def test_what_is_wrong_is_said(self):
        for path, status in (
                ("/api/channel?id=x", 400), (f"/api/channel?id={NOBODY}", 404), ("/api/channel", 400),
                ("/api/group?name=no%20blanks", 400), ("/api/group?name=", 400), ("/api/group?name=%00", 400),
                ("/api/group?name=" + "x" * 200, 400), ("/api/group?name=" + "x" * 2000, 400),
                ("/api/members?group=g&cursor=x", 400), ("/api/members?group=", 400),
                ("/api/channels?cursor=x", 400), ("/api/nothing", 404), ("/api/", 404)):
            with self.subTest(path=path):
                told = self.ask(path, status)
                self.assertEqual(set(told), {"code", "message"})

    def test_one_connection_asks_again_and_again(self):
        with Wire(self.node.admin, 10.0) as wire:
            for path in ("/api/nodes", "/api/groups", "/healthz", "/api/channels", "/", "/api/x",
                         "/api/nodes"):
                wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                answer = read_response(wire)
                self.assertEqual(answer.status, 404 if path == "/api/x" else 200, path)
            wire.send(b"HEAD /api/nodes HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = read_response(wire, has_body=False)
            self.assertGreater(int(answer.header("content-length")), 10)
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(read_response(wire).status, 200)


class WithoutRedis(NodeCase):

    def test_who_waits_is_answered_and_who_has_gone_is_forgotten(self):
        paths = ["/api/nodes", "/api/channels", "/api/group?name=g", "/api/members?group=g",
                 f"/api/channel?id={NOBODY}"]
        self.redis.freeze()
        try:
            gone = [Wire(self.node.admin, 10.0) for _ in paths]
            for wire, path in zip(gone, paths):
                wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            until(lambda: self.node.metric("chanway_redis_commands_in_flight") >= len(paths), "all are asked")
            for wire in gone:
                wire.close()
            with Wire(self.node.admin, 20.0) as wire:
                wire.send(b"GET /api/nodes HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = read_response(wire, timeout=20.0)
                self.assertEqual((answer.status, answer.json()["code"]), (503, answer.json()["code"]))
                self.assertIn(answer.json()["code"], ("timeout", "unavailable"))
            until(lambda: self.node.get("/api/channels", admin=True).status == 503, "at once")
        finally:
            self.redis.thaw()
        until(lambda: self.node.get("/api/channels", admin=True).status == 200, "it is back", 20)

    def test_a_node_that_ends_meanwhile(self):
        node = self.own_node(self.redis)
        self.redis.freeze()
        try:
            with Wire(node.admin, 10.0) as wire:
                wire.send(b"GET /api/nodes HTTP/1.1\r\nHost: x\r\n\r\n")
                until(lambda: node.metric("chanway_redis_commands_in_flight") > 0, "it is asked")
                node.terminate()
        finally:
            self.redis.thaw()


class Changes(NodeCase):
    settings = {"max_groups": 3}

    def post(self, path, status=200, node=None, headers=()):
        answer = request((node or self.node).admin, path, "POST", headers=headers)
        self.assertEqual((answer.status, answer.header("content-type")), (status, "application/json"),
                         answer)
        return answer.json()

    def test_messages_to_groups_and_channels(self):
        client, group = self.client(), self.new_group()
        client.join(group)
        text = 'x;b&c=d+e %"\\\u00e9\U0001f600'
        for word, value in (("json", {"said": text}), ("text", text)):
            said = json.dumps(value) if word == "json" else value
            field = "data" if word == "json" else "text"
            told = self.post(f"/api/publish?group={group}&{word}={quote(said, safe='')}")
            frame = self.assertReceives(client, group, **{field: value})
            self.assertEqual(frame["from"], "admin")
            self.assertEqual(told, {"epoch": frame["epoch"], "offset": frame["offset"]})
            told = self.post(f"/api/send?channel={client.uuid}&{word}={quote(said, safe='')}")
            self.assertEqual(told["status"], "delivered")
            frame = client.message()
            self.assertEqual((frame[field], frame["from"], frame.get("group")), (value, "admin", None))

    def test_groups_of_a_channel_and_its_end(self):
        client, group = self.client(), self.new_group()
        self.post(f"/api/add?channel={client.uuid}&group={group}")
        self.assertEqual(client.receive()["op"], "joined")
        self.post(f"/api/remove?channel={client.uuid}&group={group}")
        self.assertEqual(client.receive()["op"], "left")
        self.post(f"/api/close?channel={client.uuid}&code=4321&reason=see%20you")
        bye = client.receive()
        self.assertEqual((bye["op"], bye["code"], bye["reason"]), ("bye", 4321, "see you"))
        other = self.client()
        self.post(f"/api/close?channel={other.uuid}")
        self.assertEqual(other.receive()["code"], 4004)
        until(lambda: self.node.get(f"/api/channel?id={other.uuid}", admin=True).status == 404, "it is gone")

    def bans(self, node=None):
        answer = (node or self.node).get("/api/bans", admin=True)
        self.assertEqual(answer.status, 200)
        return {ban["who"]: ban for ban in answer.json()["bans"]}

    def test_bans_hold_on_every_node_until_they_are_lifted(self):
        other = self.own_node(self.redis, name="other")
        client = self.client()
        who = "channel:" + client.uuid
        self.post(f"/api/ban?who={who}&seconds=1000&reason=no%20%22more%22")
        bye = client.receive()
        self.assertEqual((bye["op"], bye["code"], bye["reason"]), ("bye", 4004, 'no "more"'))
        self.post("/api/ban?who=address:10.9.0.0/16")
        for node in (self.node, other):
            told = until(lambda: len(self.bans(node)) == 2 and self.bans(node), "the node knows")
            self.assertEqual(told[who]["reason"], 'no "more"')
            self.assertTrue(900 < told[who]["seconds"] <= 1000)
            self.assertTrue(3500 < told["address:10.9.0.0/16"]["seconds"] <= 3600)
        for name in (who, "address:10.9.0.0/16"):
            self.post(f"/api/unban?who={name}")
            self.post(f"/api/unban?who={name}", 404)
        for node in (self.node, other):
            until(lambda: not self.bans(node), "all are lifted")
        for path in ("/api/ban", "/api/ban?who=x", "/api/ban?who=user:x&seconds=0", "/api/ban?who=user:x&seconds=-1",
                     "/api/ban?who=user:x&seconds=x", f"/api/ban?who=user:x&reason={'x' * 124}",
                     "/api/ban?who=user:x&reason=a%0Db", "/api/unban", "/api/unban?who=x"):
            with self.subTest(path=path):
                self.post(path, 400)
        self.assertEqual(self.bans(), {})

    def test_what_is_wrong_is_said_and_nothing_done(self):
        client = self.client()
        for path, status in (
                (f"/api/close?channel={NOBODY}", 404), ("/api/close?channel=x", 400), ("/api/close", 400),
                (f"/api/close?channel={client.uuid}&code=1001", 400),
                (f"/api/close?channel={client.uuid}&code=5000", 400),
                (f"/api/close?channel={client.uuid}&code=-1", 400),
                (f"/api/close?channel={client.uuid}&reason={'x' * 124}", 400),
                (f"/api/close?channel={client.uuid}&reason=%ff", 400),
                (f"/api/add?channel={client.uuid}&group=user:x", 403),
                (f"/api/add?channel={client.uuid}&group=no%20blanks", 400),
                (f"/api/add?channel={NOBODY}&group=g", 404),
                (f"/api/send?channel={NOBODY}&text=x", 404), (f"/api/send?channel={client.uuid}", 400),
                (f"/api/send?channel={client.uuid}&json=%7B", 400), ("/api/send?channel=x&text=x", 400),
                ("/api/publish?group=no%20blanks&text=x", 400), ("/api/publish?group=g&text=%ff", 400),
                ("/api/publish?text=x", 400), ("/api/publish", 400), ("/api/publish?group=g&text=a%0Ab", 400)):
            with self.subTest(path=path):
                self.assertEqual(set(self.post(path, status)), {"code", "message"})
        for path in ("/api/close", "/api/publish"):
            self.assertEqual(self.node.get(path, admin=True).status, 405)
        client.join("still-there")

    def test_pages_of_other_sites_may_do_nothing(self):
        client = self.client()
        client.join("safe")
        host = "127.0.0.1:%d" % self.node.admin[1]
        for headers, status in (
                ([("Origin", "http://evil.example")], 403), ([("Origin", "null")], 403),
                ([("Origin", f"http://{host}.evil.example")], 403),
                ([("Origin", "http://localhost")], 200),  # what the request says in Host
                ([("X-Forwarded-For", "10.0.0.1")], 403)):
            with self.subTest(headers=headers):
                self.post("/api/publish?group=safe&text=x", status, headers=headers)
        for name in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example"):
            with Wire(self.node.admin, 10.0) as wire:
                wire.send(f"POST /api/publish?group=safe&text=x HTTP/1.1\r\nHost: {name}\r\n"
                          f"Origin: http://{name}\r\nContent-Length: 0\r\n\r\n".encode())
                self.assertEqual(read_response(wire).status, 403)
        for name in (host, "[::1]", "localhost:1", "LOCALHOST"):
            with Wire(self.node.admin, 10.0) as wire:
                wire.send(f"POST /api/publish?group=safe&text=y HTTP/1.1\r\nHost: {name}\r\n"
                          f"Origin: http://{name}\r\nContent-Length: 0\r\n\r\n".encode())
                self.assertEqual(read_response(wire).status, 200)
        self.assertReceives(client, "safe", text="x")
        for _ in range(4):
            self.assertReceives(client, "safe", text="y")

    def test_with_a_token_it_is_asked_for(self):
        node = self.own_node(self.redis, **{"admin-token": "open sesame"})
        path = "/api/publish?group=g&text=x"
        for value in (None, "Bearer x", "Bearer open sesam", "Bearer open sesame!", "open sesame", "Bearer ",
                      "Bearer " + "x" * 5000):
            headers = [("Authorization", value)] if value else []
            self.assertEqual(self.post(path, 401, node, headers)["code"], "unauthenticated")
        right = [("Authorization", "Bearer open sesame")]
        self.post(path, 200, node, right)
        self.post(path, 200, node, [*right, ("X-Forwarded-For", "10.0.0.1")])
        self.post(path, 403, node, [*right, ("Origin", "http://evil.example")])
        self.assertEqual(node.get("/api/nodes", admin=True).status, 200)  # looking is free


if __name__ == "__main__":
    main()
