"""chanway-bench: every scenario against a node, its JSON and its exit codes."""

import json
import os
import signal
import subprocess
import threading

import setup_path  # noqa: F401
from support.case import Case, main
from support.ports import free_port

BENCH = os.environ["CHANWAY_BENCH"]
SHORT = ["-n", "20", "--duration", "0.5", "--warm-up", "0.1", "--settle", "0.1", "--drain", "20",
         "--quiet"]
COUNTS = ("lost", "duplicates", "reordered", "misrouted", "disconnected", "failed", "errors")


class Bench(Case):

    @classmethod
    def set_up(cls):
        cls.redis = cls.class_redis()
        cls.node = cls.class_node(cls.redis, name="first")
        cls.other = cls.class_node(cls.redis, name="second")

    def run_bench(self, *arguments, url=None):
        urls = [url] if url else [f"ws://127.0.0.1:{node.port}/ws" for node in (self.node, self.other)]
        return subprocess.run([BENCH, *SHORT, *map(str, arguments), *urls], capture_output=True,
                              text=True, check=False, timeout=90)

    def measure(self, *arguments):
        """The JSON object of a run that went well."""
        done = self.run_bench("--json", *arguments)
        self.assertEqual(done.returncode, 0, (arguments, done.stdout, done.stderr))
        result = json.loads(done.stdout)
        self.assertIs(result["ok"], True, result)
        for name in COUNTS:
            self.assertEqual(result[name], 0, (name, result))
        self.assertGreater(result["ops"], 0, result)
        return result

    def test_scenarios_with_messages(self):
        for scenario, kinds in {"fanout": ("raw", "json", "msgpack"), "many": ("json", "msgpack"),
                                "echo": ("raw", "json", "msgpack"),
                                "direct": ("json", "msgpack")}.items():
            for kind in kinds:
                more = ["-g", 5, "-m", 4] if scenario == "many" else []
                if kind == "raw":
                    more += ["--settle", 2]  # raw channels are not told when they are in
                with self.subTest(scenario=scenario, kind=kind):
                    result = self.measure("-s", scenario, "-k", kind, *more)
                    self.assertEqual(result["scenario"], scenario)
                    self.assertEqual(result["subscribers"], kind)
                    self.assertEqual(result["connected"], 20)
                    self.assertEqual(result["total_delivered"], result["total_expected"])
                    self.assertGreater(result["latency_us"]["p50"], 0)
                    self.assertLessEqual(result["latency_us"]["p50"], result["latency_us"]["max"])

    def test_scenarios_of_connections(self):
        for scenario in ("storm", "resume"):
            for kind in ("json", "msgpack"):
                with self.subTest(scenario=scenario, kind=kind):
                    result = self.measure("-s", scenario, "-k", kind)
                    self.assertGreater(result["connect_us"]["p50"], 0)

    def test_idle_tells_memory(self):
        done = self.run_bench("--json", "-s", "idle", "--pid", f"{self.node.process.pid}:node")
        self.assertEqual(done.returncode, 0, done.stderr)
        process, = json.loads(done.stdout)["processes"]
        self.assertEqual(process["name"], "node")
        self.assertGreater(process["rss_connected_kib"], 0)

    def test_payloads_of_every_length_class(self):
        for kind in ("json", "msgpack"):
            for size in (16, 31, 32, 255, 256, 60000):
                self.measure("-s", "echo", "-k", kind, "-n", 3, "-d", size)

    def test_text_for_people(self):
        done = self.run_bench("-r", 50, "--acks", "--data")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 lost, 0 twice, 0 out of order, 0 misrouted", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_what_goes_wrong_is_1(self):
        done = self.run_bench("--json", "--connect-timeout", 1, url=f"ws://127.0.0.1:{free_port()}/ws")
        self.assertEqual(done.returncode, 1, done.stderr)
        result = json.loads(done.stdout)
        self.assertIs(result["ok"], False)
        self.assertIn("refused", result["last_error"])

    def test_a_node_that_dies_is_1(self):
        node = self.own_node(self.redis, name="victim")
        timer = threading.Timer(1.0, node.process.signal, [signal.SIGKILL])
        timer.start()
        self.addCleanup(timer.cancel)
        done = self.run_bench("--json", "--duration", 5, url=f"ws://127.0.0.1:{node.port}/ws")
        node.process.wait()  # its sockets close before it is gone
        self.assertEqual(done.returncode, 1, (done.stdout, done.stderr))
        self.assertIs(json.loads(done.stdout)["ok"], False)

    def test_bad_usage_is_2(self):
        for arguments in (["-s", "nothing"], ["-k", "xml"], ["-n", "0"], ["-n", "many"],
                          ["-s", "echo", "-r", "5"], ["-s", "direct", "-k", "raw"],
                          ["-s", "resume", "-k", "raw"], ["--server", "x"], ["--pid", "x"], ["--unheard-of"],
                          ["http://127.0.0.1/"]):
            done = self.run_bench(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout))
            self.assertNotEqual(done.stderr, "")

    def test_what_a_server_does_not_offer_is_3(self):
        for arguments in (["--floor"], ["--server", "nats"]):
            self.assertEqual(self.run_bench("-s", "resume", *arguments).returncode, 3)

    def test_help_and_version(self):
        for argument, text in (("--help", "--subscribers KIND"), ("--version", "chanway-bench ")):
            done = self.run_bench(argument)
            self.assertEqual(done.returncode, 0)
            self.assertIn(text, done.stdout)


if __name__ == "__main__":
    main()
