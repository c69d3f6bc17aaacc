"""Three nodes behind a balancer, and programs full of subscribers."""

import json
import os
import shutil
import subprocess
import sys
import threading

from .case import Case
from .checker import Ledger, Report, check
from .client import Client
from .paths import source_path
from .process import Process
from .publisher import Publisher, Publishers
from .wait import Deadline, until
from .websocket import JSON

END = "END"


class Subscribers:
    """One program that holds many subscribers of one group.

    It is told by a JSON file what to open, writes `joined` when all are members, `done` when each
    has seen the end marker or was closed, and then a report of what each saw. `report` on its
    stdin makes it report at once.
    """

    def __init__(self, folder, name, program, group, subscribers):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        config = os.path.join(self.folder, "config.json")
        self.report_path = os.path.join(self.folder, "report.json")
        with open(config, "w", encoding="ascii") as file:
            json.dump({"group": group, "end": END, "json": JSON, "report": self.report_path,
                       "subscribers": subscribers}, file)
        self.name = name
        self.names = [subscriber["name"] for subscriber in subscribers]
        self.process = Process(name, [*program, config], self.folder, stdin=subprocess.PIPE)

    def wait_until_joined(self, timeout=20):
        self.process.wait_for_log("^joined$", timeout)

    def reports(self, timeout=20):
        """Waits for the end everywhere, at most so long; then what each saw until now."""
        deadline = Deadline(timeout)
        until(lambda: self.process.find_in_log("^done$") or not self.process.is_running()
              or deadline.passed(), "the end", timeout + 5, every=0.05)
        if self.process.is_running() and not self.process.find_in_log("^done$"):
            self.process.child.stdin.write(b"report\n")
            self.process.child.stdin.flush()
        if self.process.wait(20) != 0:
            raise AssertionError(f"{self.name} has failed:\n{self.process.log()[-2000:]}")
        with open(self.report_path, encoding="utf-8") as file:
            return [Report(fields) for fields in json.load(file)]

    def stop(self):
        self.process.stop()


class ClusterCase(Case):
    """`redis`, `nodes` and `balancer` for each test of the class anew."""

    node_count = 3
    settings = {}
    redis_options = {}

    def start_cluster(self, **settings):
        self.redis = self.own_deployment(**self.redis_options)
        self.nodes = [self.own_node(self.redis, wait=False, name=f"node{number + 1}",
                                    **{**self.settings, **settings})
                      for number in range(self.node_count)]
        for node in self.nodes:
            node.wait_until_ready()
        self.balancer = self.own_balancer(self.nodes)

    # --- subscribers

    def javascript(self):
        program = shutil.which("node")
        self.assertTrue(program, "node is needed")
        return [program, source_path("tests/cluster/subscribers.js")]

    def python(self):
        return [sys.executable, "-B", source_path("tests/cluster/subscribers.py")]

    def subscribe(self, name, program, group, per_node, targets=None):
        """`per_node` subscribers on each target, every second one raw."""
        subscribers = []
        for target in targets or self.nodes:
            host, port = target.address
            for number in range(per_node):
                subscribers.append({
                    "name": f"{name}.{getattr(target, 'name', 'balancer')}.{number}",
                    "url": f"ws://{host}:{port}/ws", "raw": number % 2 == 1,
                    "type": ("json", "text", "bytes")[number // 2 % 3]})
        started = Subscribers(self.own_folder(), name, program, group, subscribers)
        self.processes.append(started)
        self.addCleanup(started.stop)
        return started

    # --- load

    def load(self, group, targets, **options):
        """One publisher for each target."""
        ledger = Ledger()
        stop = threading.Event()
        publishers = Publishers([Publisher(f"p{index}", [target], group, ledger, stop=stop,
                                           **options) for index, target in enumerate(targets)])
        self.addCleanup(stop.set)
        return ledger, publishers.start()

    def wait_for_more(self, ledger, count, timeout=20):
        """Until `count` messages more than now are acknowledged."""
        before = ledger.count()
        until(lambda: ledger.count() >= before + count,
              f"{count} more messages acknowledged ({ledger.summary()})", timeout)

    def publish_end(self, group, node, timeout=20):
        deadline = Deadline(timeout)
        with Client(node) as client:
            while True:
                reply = client.request("publish", group=group, text=END)
                if reply["op"] == "ok":
                    return
                self.assertIn(reply["code"], ("unavailable", "timeout"))
                self.assertFalse(deadline.passed(), "the end can't be published")

    def assertAllDelivered(self, ledger, programs, cut_off=(), timeout=25, **options):
        reports = [report for program in programs for report in program.reports(timeout)]
        problems = check(ledger, reports, cut_off, **options)
        if problems:
            self.fail(f"{len(problems)} problems ({ledger.summary()}):\n" +
                      "\n".join(problems[:20]))
        return reports
