"""Health, readiness and metrics (CONTRACT: HTTP)."""

import setup_path  # noqa: F401
from support.case import NodeCase, main
from support.http_client import request
from support.wait import until


class Http(NodeCase):

    def test_health_and_readiness_are_on_both_ports(self):
        for admin in (False, True):
            for path in ("/healthz", "/readyz", "/healthz?x=1"):
                with self.subTest(path=path, admin=admin):
                    self.assertEqual(self.node.get(path, admin).status, 200)
        self.assertIsInstance(self.node.get("/readyz").json(), dict)

    def test_metrics_and_pages_are_on_the_admin_port_only(self):
        self.assertEqual(self.node.get("/metrics").status, 404)
        answer = self.node.get("/metrics", admin=True)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.header("content-type").startswith("text/plain"), answer)

    def test_there_is_no_websocket_on_the_admin_port(self):
        answer = request(self.node.admin, "/ws", headers=[
            ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")])
        self.assertNotEqual(answer.status, 101)

    def test_other_methods_are_405_and_other_paths_404(self):
        for admin in (self.node.admin, self.node.address):
            for path in ("/healthz", "/readyz"):
                for method in ("POST", "DELETE", "PUT"):
                    with self.subTest(path=path, method=method):
                        self.assertEqual(request(admin, path, method).status, 405)
            self.assertEqual(request(admin, "/healthzz").status, 404)
        self.assertEqual(request(self.node.admin, "/metrics", "POST").status, 405)
        self.assertEqual(request(self.node.admin, "/metrics", "POST", body=b"x=1").status, 405)

    def test_metrics_have_help_type_and_the_names_of_the_contract(self):
        metrics = self.node.metrics()
        for name, kind in metrics.types.items():
            with self.subTest(name=name):
                self.assertRegex(name, "^chanway_[a-z]+_[a-z0-9_]+$")
                self.assertEqual(kind == "counter", name.endswith("_total"))
        for name in ("chanway_node_connections", "chanway_node_groups",
                     "chanway_client_messages_in_total", "chanway_client_messages_out_total",
                     "chanway_client_bytes_in_total", "chanway_client_bytes_out_total",
                     "chanway_closes_total", "chanway_errors_total", "chanway_node_queue_bytes",
                     "chanway_group_gaps_total", "chanway_group_recoveries_total",
                     "chanway_redis_reconnects_total", "chanway_canary_lag_ms"):
            self.assertIn(name, metrics.types)
        for name in ("chanway_publish_latency_seconds", "chanway_redis_round_trip_seconds",
                     "chanway_loop_turn_seconds"):
            self.assertEqual(metrics.types[name], "histogram")
        self.assertEqual(metrics.value("chanway_redis_up"), 1)
        self.assertGreaterEqual(metrics.value("chanway_canary_lag_ms"), 0)

    def test_metrics_count_what_happens(self):
        total = self.node.metric("chanway_node_connections_total")
        group = self.new_group()
        client, raw = self.client(), self.raw_member(group)
        client.join(group)
        before = self.node.metrics()
        payload = "p" * 5000
        for _ in range(10):
            client.publish(group, text=payload)
            self.assertReceives(client, group, text=payload)
            self.assertEqual(raw.receive_text(), payload)
        after = self.node.metrics()

        def grew(name):
            return after.value(name) - before.value(name)
        self.assertEqual(after.value("chanway_node_connections_total"), total + 2)
        self.assertEqual(after.value("chanway_node_connections"), 2)
        self.assertEqual(after.value("chanway_node_groups"), 2)
        self.assertEqual(grew("chanway_publish_acked_total"), 10)
        self.assertEqual(grew("chanway_publish_latency_seconds_count"), 10)
        self.assertEqual(grew("chanway_group_messages_total"), 10)
        self.assertEqual(grew("chanway_group_deliveries_total"), 20)
        self.assertEqual(grew("chanway_client_messages_in_total"), 10)
        self.assertGreaterEqual(grew("chanway_client_messages_out_total"), 30)
        self.assertGreater(grew("chanway_client_bytes_in_total"), 50000)
        self.assertGreater(grew("chanway_client_bytes_out_total"), 100000)
        self.assertEqual(after.value("chanway_node_queue_bytes"), 0)
        client.close()
        raw.close()
        until(lambda: self.node.metric("chanway_node_connections") == 0, "both are gone")
        until(lambda: self.node.metric("chanway_node_groups") == 0, "nobody listens any more", 15)
        self.assertEqual(self.node.metric("chanway_closes_total", code="1000"),
                         before.value("chanway_closes_total", code="1000") + 2)


class NoAdminPort(NodeCase):
    settings = {"admin_listen": ""}

    def test_an_empty_admin_listen_is_off(self):
        self.assertEqual(self.node.get("/healthz", admin=True).status, 0)
        self.assertEqual(self.node.get("/readyz").status, 200)


if __name__ == "__main__":
    main()
