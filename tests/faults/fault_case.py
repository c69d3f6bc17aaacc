"""The base of the fault tests: three nodes under a load, a fault, and a checker that knows every
acknowledged id.

CHANWAY_TEST_LONG=1 in the environment: 2,000 messages a second and at least 20 s of load around each
fault; else RATE and a few seconds. CHANWAY_FAULT_ROWS names a folder: each test leaves its row there
(table.py).
"""

import contextlib
import json
import os
import pickle
import random
import subprocess
import sys
import threading
import time

import setup_path  # noqa: F401
from audit import Facts, audit
from measures import direct_problems
from records import shown
from support.case import Case
from support.process import Process
from support.tcp_proxy import TcpProxy
from support.ports import free_port
from support.wait import until

IS_LONG = bool(os.environ.get("CHANWAY_TEST_LONG"))
RATE = 2000 if IS_LONG else 600
GROUPS = 20
PREFIX = "cw"
COUNTED = {"recovered": ("chanway_group_recovered_messages_total",
                         "chanway_client_replayed_messages_total"),
           "dropped": ("chanway_group_duplicates_total",),
           "raw_gaps": ("chanway_raw_gaps_total",),
           "links_lost": ("chanway_redis_links_lost_total",),
           "slots_moved": ("chanway_redis_slots_moved_total",),
           "recoveries": ("chanway_group_recoveries_total",)}
BACK_S = 0.5  # after all nodes are ready, clients may take so long to notice


class Fleet:
    """The load's program (load.py), and how it is told what to do."""

    def __init__(self, folder, config):
        config = {**config, "records": os.path.join(folder, "records")}
        path = os.path.join(folder, "load.json")
        with open(path, "w", encoding="ascii") as file:
            json.dump(config, file)
        self.name = "load"
        self.records_path = config["records"]
        self.process = Process("load", [sys.executable, "-B", os.path.join(
            os.path.dirname(os.path.abspath(__file__)), "load.py"), path], folder,
            stdin=subprocess.PIPE)
        self.rests = self.settlements = 0

    def tell(self, what, **more):
        self.process.child.stdin.write(json.dumps({"do": what, **more}).encode("ascii") + b"\n")
        self.process.child.stdin.flush()

    def wait_until_joined(self):
        self.process.wait_for_log("^joined$", 30)

    def rest(self):
        """"" when every message has its answer, else what is wrong."""
        self.rests += 1
        self.tell("rest")
        said = self.process.wait_for_log(f"^(resting {self.rests}|restless .*)$", 60).group(1)
        return "" if said.startswith("resting") else said

    def settle(self, tips, limit):
        """The names of those who have not come to the tips within `limit`."""
        self.settlements += 1
        self.tell("settle", tips=tips, limit=limit)
        said = self.process.wait_for_log(f"^(un)?settled {self.settlements}( .*)?$", limit + 30)
        return (said.group(2) or "").split()

    def records(self):
        self.tell("report")
        if self.process.wait(60) != 0:
            raise AssertionError(f"the load has failed:\n{self.process.log()[-3000:]}")
        with open(self.records_path, "rb") as file:
            return pickle.load(file)

    def stop(self):
        self.process.stop()


class FaultCase(Case):
    """`may_gap`, `may_lose_data`: what the fault may do, by the guarantees of the protocol; see
    audit.py."""

    settle_limit = 15.0

    def start(self, title, may_gap=False, may_lose_data=False, redis_options=(), proxied=False, size=100,
              away_s=1.5, balanced=False, direct=0, **settings):
        self.title, self.may_gap, self.may_lose_data = title, may_gap, may_lose_data
        self.outages, self.problems, self.late = [], [], []
        self.samples = {}
        self.counted = dict.fromkeys(COUNTED, 0)
        options = list(redis_options)
        if proxied:
            port = free_port()
            options += ["--port", str(port)]
        self.redis = self.own_store(options)
        settings = {"history_size": 100000, "history_bytes": "64MiB", **settings}
        self.proxies = []
        self.nodes = []
        for number in range(3):
            redis = self.redis
            if proxied:
                redis = self._keep(TcpProxy(("127.0.0.1", port)), self.addCleanup)
                self.proxies.append(redis)
            self.nodes.append(self.own_node(redis, wait=False, name=f"node{number + 1}", **settings))
        for node in self.nodes:
            node.wait_until_ready()
        addresses = [node.address for node in self.nodes]
        if balanced:
            self.balancer = self.own_balancer(self.nodes)
            addresses = [self.balancer.address] * 3
        seed = int(os.environ.get("CHANWAY_TEST_SEED") or random.randrange(1 << 30))
        print(f"seed {seed}", flush=True)
        self.fleet = self._keep(Fleet(self.own_folder(), {
            "addresses": addresses, "groups": GROUPS, "rate": RATE, "size": size,
            "away_s": away_s, "seed": seed, "direct": direct}), self.addCleanup)
        self.fleet.wait_until_joined()
        self.fleet.tell("start")

    def own_store(self, options):
        return self.own_redis(options=options)

    # --- time

    def load_for(self, short_s, long_s):
        """Lets the load be for a while. Time itself is what a load is made of."""
        time.sleep(long_s if IS_LONG else short_s)

    def are_ready(self):
        return all(node.is_ready() for node in self.nodes if node.process.is_running())

    @contextlib.contextmanager
    def outage(self, limit=20.0):
        """Publishes may fail from now until all nodes are ready again, after the body of `with`,
        within `limit`."""
        outage = [time.monotonic(), float("inf")]
        self.outages.append(outage)
        yield
        until(self.are_ready, "all nodes are ready again", limit)
        outage[1] = time.monotonic() + BACK_S

    # --- counting

    def metrics(self, name):
        return sum(node.metric(metric) for node in self.nodes if node.process.is_running()
                   for metric in COUNTED[name])

    def count_before_it_dies(self, node):
        for name, metrics in COUNTED.items():
            self.counted[name] += sum(node.metric(metric) for metric in metrics)

    def total(self, name):
        return int(self.counted[name] + self.metrics(name))

    def key(self, group):
        return f"{PREFIX}:{{g:{group}}}"

    def groups(self):
        return [f"g{number}" for number in range(GROUPS)]

    def groups_by_server(self):
        """[(server, its groups)]"""
        names = {self.key(group): group for group in self.groups()}
        return [(server, [names[key] for key in keys])
                for server, keys in self.redis.servers_of(list(names))]

    def groups_of(self, server):
        return next((groups for one, groups in self.groups_by_server() if one is server), [])

    def tips(self):
        tips = {}
        for server, groups in self.groups_by_server():
            with server.client() as redis:
                pipe = redis.pipeline(transaction=False)
                for group in groups:
                    pipe.execute_command("FCALL_RO", "cw_group", 1, self.key(group))
                for group, answer in zip(groups, pipe.execute()):
                    facts = dict(zip(answer[::2], answer[1::2]))
                    tips[group] = [int(facts[b"epoch"]), int(facts[b"offset"])]
        return tips

    def sample_streams(self):
        """From now on, ten times a second: the first entry of each stream."""
        stopped = threading.Event()
        self.addCleanup(stopped.set)
        self.samples = {group: [] for group in self.groups()}

        def run():
            with self.redis.client() as redis:
                while not stopped.wait(0.1):
                    pipe = redis.pipeline(transaction=False)
                    before = time.monotonic()
                    for group in self.samples:
                        pipe.xrange(self.key(group) + ":h", count=1)
                    for group, found in zip(self.samples, pipe.execute()):
                        first = position(found[0][0]) if found else None
                        self.samples[group].append((before, first))
        threading.Thread(target=run, daemon=True).start()

    def read_streams(self, facts):
        for server, groups in self.groups_by_server():
            with server.client() as redis:
                for group in groups:
                    self.read_stream(redis, group, facts)

    def read_stream(self, redis, group, facts):
        stream, since = {}, ()
        while True:
            page = redis.execute_command("FCALL_RO", "cw_history", 1, self.key(group), *since,
                                         "COUNT", 1000)
            if not page:
                break
            for id_, payload in zip(page[::4], page[3::4]):
                data = json.loads(payload)
                stream[position(id_)] = data["p"], data["n"]
            since = "SINCE", page[-4]
        facts.streams[group] = stream
        for at in stream:
            if at[1] == 1:
                entry = redis.execute_command("FCALL_RO", "cw_node_read", 1, self.key(group),
                                              at[0], 0, 1, 1)[3:6]
                assert position(entry[0]) == at, entry
                facts.predecessors[group, at[0]] = position(entry[1] or b"0-0")

    # --- the end

    def rest(self):
        """No more load; everybody has all there is, soon and without a further message. False: not,
        and then nothing more is done that could heal it."""
        wrong = self.fleet.rest()
        if wrong:
            self.problems.append(wrong)
        late = self.fleet.settle(self.tips(), self.settle_limit)
        if late:
            self.problems.append(f"not at the end of what there is after {self.settle_limit} s without "
                                 f"load: {len(late)}: {' '.join(late[:9])}")
            self.late = late[:3]
        return not wrong and not late

    def rest_and_go_on(self):
        if not self.rest():
            self.judge()
        self.fleet.tell("start")

    def finish(self):
        self.rest()
        return self.judge()

    def judge(self):
        self.records = records = self.fleet.records()
        for name, _, _, events in records["subscribers"]:
            if name in self.late:
                self.problems.append(f"the last of {name}: " + "; ".join(map(shown, events[-12:])))
        facts = Facts(records, {}, self.may_lose_data, self.samples)
        self.read_streams(facts)
        verdict = audit(facts.gather(), self.outages, self.may_gap, self.total("raw_gaps"))
        verdict.problems[:0] = self.problems + direct_problems(records)
        verdict.recovered, verdict.dropped = self.total("recovered"), self.total("dropped")
        self.leave_row(verdict)
        if verdict.problems:
            self.fail(f"{len(verdict.problems)} problems:\n" + "\n".join(verdict.problems[:60]))
        return verdict

    def leave_row(self, verdict):
        row = {"title": self.title, "long": IS_LONG, "is_well": not verdict.problems,
               "offered": verdict.offered, "answered": verdict.answered}
        row.update({name: getattr(verdict, name) for name in (
            "acknowledged", "delivered", "recovered", "dropped", "gaps", "lost", "duplicated",
            "disordered", "stall_s", "retried", "repeated", "refused", "unknown")})
        print(json.dumps(row), flush=True)
        folder = os.environ.get("CHANWAY_FAULT_ROWS")
        if folder:
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, self._testMethodName + ".json"), "w",
                      encoding="ascii") as file:
                json.dump(row, file)


def position(id_):
    epoch, offset = id_.split(b"-")
    return int(epoch), int(offset)
