"""What watches a node: /metrics by Prometheus' own checker, scripts/monitoring/ against it, SIGUSR1."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.http_client import get
from support.paths import chanwayd, source_path
from support.wait import until

FOLDER = source_path("scripts/monitoring")
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
# CONTRACT: HTTP, /metrics.
PROMISED = {
    "connections": "node_connections", "channels": "node_channels cluster_channels", "groups": "node_groups",
    "nodes": "cluster_nodes",
    "messages and bytes in and out": "client_messages_in_total client_messages_out_total client_bytes_in_total "
                                     "client_bytes_out_total",
    "closes by code": "closes_total", "errors by code": "errors_total", "queue bytes": "node_queue_bytes",
    "drops": "client_messages_dropped_total memory_queues_dropped_total events_dropped_total",
    "recoveries and gaps": "group_recoveries_total group_gaps_total direct_gaps_total",
    "publish latency histogram": "publish_latency_seconds",
    "Redis round trip and reconnects": "redis_round_trip_seconds redis_reconnects_total",
    "pub/sub lag of the canary": "canary_lag_ms", "loop lag": "loop_lag_seconds"}


class Monitoring(NodeCase):
    settings = {"log_level": "error"}

    def read(self, *path):
        with open(os.path.join(FOLDER, *path), encoding="utf-8") as file:
            return file.read()

    def assertKnown(self, text, where):
        """Every metric that `text` names is in /metrics."""
        metrics = self.node.metrics()
        names = set(re.findall(r"\bchanway_\w+", text))
        self.assertGreater(len(names), 10)
        for name in sorted(names):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            is_part = base != name and metrics.types.get(base) == "histogram"
            self.assertTrue(is_part or name in metrics.types, f"{where} names {name}")

    # --- /metrics

    def test_all_that_was_promised_is_there(self):
        metrics = self.node.metrics()
        for what, names in PROMISED.items():
            for name in names.split():
                self.assertIn("chanway_" + name, metrics.types, what)

    @unittest.skipUnless(PROMTOOL, "no promtool here")
    def test_promtool_has_nothing_to_complain_of(self):
        text = get(self.node.admin, "/metrics").body
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=30,
                                 check=False)
        # A lag in ms is older than the rule that wants seconds.
        said = [line for line in (checked.stdout + checked.stderr).decode().splitlines()
                if "canary_lag_ms" not in line]
        self.assertEqual(said, [])

    def test_the_cluster_is_counted(self):
        other = self.own_node(self.redis, name="other")
        clients = [self.own_client(node) for node in (self.node, other, other)]
        for node in (self.node, other):
            until(lambda: (node.metric("chanway_cluster_nodes"), node.metric("chanway_cluster_channels"))
                  == (2, len(clients)), f"{node.name} knows the cluster", 25)
        self.assertEqual(self.node.metric("chanway_node_channels"), 1)
        self.assertEqual(other.metric("chanway_node_channels"), 2)

    def test_a_node_says_who_it_is_and_that_it_drains(self):
        node = self.own_node(self.redis, name="goes", drain_time="1h")
        info, = node.metrics().labels("chanway_node_info")
        self.assertEqual(info["node"], node.id())
        self.assertRegex(info["version"], r"^\d+\.\d+")
        self.assertGreater(node.metric("chanway_node_started_seconds"), 1.6e9)
        self.assertEqual(node.metric("chanway_node_draining"), 0)
        client = self.own_client(node)
        node.terminate()
        until(lambda: node.metric("chanway_node_draining") == 1, "it drains")
        client.close()
        self.assertEqual(node.process.wait(10), 0)

    def test_the_lag_of_the_loop_is_looked_at(self):
        name = "chanway_loop_lag_seconds_count"
        before = self.node.metric(name)
        until(lambda: self.node.metric(name) >= before + 5, "five more looks")

    # --- scripts/monitoring

    def test_alerts_name_what_there_is(self):
        text = self.read("alerts.yml")
        self.assertKnown("\n".join(re.findall(r"^ +expr: (.*)$", text, re.MULTILINE)), "alerts.yml")
        names = re.findall(r"- alert: (\w+)", text)
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(len(names), len(re.findall(r"severity: (warning|critical)\}", text)))
        self.assertEqual(len(names), len(re.findall(r"^ +summary: ", text, re.MULTILINE)))

    @unittest.skipUnless(PROMTOOL, "no promtool here")
    def test_promtool_takes_the_alerts(self):
        checked = subprocess.run([PROMTOOL, "check", "rules", os.path.join(FOLDER, "alerts.yml")],
                                 capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_dashboard_names_what_there_is(self):
        text = self.read("grafana", "chanway.json")
        dashboard = json.loads(text)
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, f"{panel['title']} lies on another one")
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            taken |= cells
        queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
        self.assertKnown("\n".join(queries), "chanway.json")
        for query in queries:
            self.assertEqual(query.count("("), query.count(")"), query)
            self.assertEqual(query.count("{"), query.count("}"), query)
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)\}?", text)) - {"__rate_interval", "__all"}
        self.assertEqual(used, variables)

    # --- probes

    @unittest.skipUnless(shutil.which("readelf") and glob.glob("/usr/include/**/sys/sdt.h", recursive=True),
                         "no sys/sdt.h here")
    def test_the_probes_are_in_the_program(self):
        notes = subprocess.run(["readelf", "-n", chanwayd()], capture_output=True, text=True, timeout=30,
                               check=True).stdout
        self.assertEqual(set(re.findall(r"Provider: chanway\s+Name: (\w+)", notes)),
                         {"connect", "disconnect", "published", "deliver", "catch_up", "gap"})

    # --- logs

    def test_sigusr1_logs_the_state_whatever_is_logged_else(self):
        node = self.own_node(self.redis, name="told", log_level="error", log_format="json")
        clients = [self.own_client(node, "groups=asked") for _ in range(3)]
        for client in clients:
            client.next_op("joined")
        node.process.signal(signal.SIGUSR1)
        node.process.wait_for_log("state: memory")
        lines = [json.loads(line) for line in node.process.log().splitlines() if line.startswith("{")]
        said = "\n".join(line["message"] for line in lines)
        self.assertIn(f"state: node {node.id()}", said)
        self.assertIn("state: channels: 3 open, 0 opening, 0 closing", said)
        self.assertIn("state: group asked: 3 members here", said)
        self.assertRegex(said, "state: Redis .*: up, canary took [0-9]+ ms")
        size = len(node.process.log())
        clients[0].close()
        self.assertEqual(clients[1].request("ping")["op"], "pong")
        self.assertEqual(len(node.process.log()), size, "nothing else is logged than before")


if __name__ == "__main__":
    main()
