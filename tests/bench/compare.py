#!/usr/bin/python3
"""compare - what a gateway costs, as a ratio to the baseline of the same run. Called by scripts/bench.

A round of a scenario measures the baseline, then each kind of subscriber, each on fresh processes.
The figure is the median of the rounds' ratios of server CPU (node and Redis) per delivery.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
from chart import write_chart
from peers import PEERS, available
from servers import ROOT, TOOLS, Baseline, Failure, Gateway, allow_files
from table import WITHOUT_HISTORY, markdown

FANOUT = ["--scenario=fanout"]
MANY = ["--scenario=many", "--groups=1000", "--members=10"]
SCENARIOS = {
    "fan1000": [*FANOUT, "-n1000", "--rate=20"],
    "fan1000max": [*FANOUT, "-n1000", "--window=4"],
    "fan100": [*FANOUT, "-n100", "--rate=100"],
    "fan100max": [*FANOUT, "-n100", "--window=4"],
    "fan100deep": [*FANOUT, "-n100", "--window=64"],
    "many": [*MANY, "--rate=1000"],
    "manymax": [*MANY, "--window=64"],
    "light": [*FANOUT, "-n10", "--rate=50"],
    "echo": ["--scenario=echo", "-n100", "--window=1"],
    "storm": ["--scenario=storm", "-n32"],
    "idle": ["--scenario=idle", "-n10000", "--settle=3", "--connect-timeout=90"],
}
SUBSCRIBERS = ("raw", "json")
# A raw channel is told nothing of its join, so that a cycle of it would end before it has joined.
LEFT_OUT = {("storm", "raw")}

BASELINE_DRIFT = 0.15
FAILED = 1
TIMEOUT_SECONDS = 300


class Progress:
    """A line that is rewritten on a terminal; elsewhere one line for each measurement."""

    def __init__(self):
        self.is_terminal = sys.stderr.isatty()
        self.last = ""

    def begin(self, text):
        if self.is_terminal:
            print(f"\r\033[K{text} ... {self.last}", end="", file=sys.stderr, flush=True)

    def end(self, text, figures):
        self.last = f"({text}: {figures})"
        if not self.is_terminal:
            print(f"{text}: {figures}", file=sys.stderr, flush=True)

    def clear(self):
        if self.is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def choose_cpus():
    """(servers, load): two CPUs, or None where there are not two."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


class Bench:
    def __init__(self, options):
        self.options = options
        self.server_cpu, self.load_cpu = choose_cpus()
        self.progress = Progress()
        self.problems = []  # that the server has
        self.notes = []     # that the figures have

    def server(self, subject):
        if subject == "floor":
            return Baseline(self.server_cpu)
        if subject in PEERS:
            return PEERS[subject](self.server_cpu)
        settings = ["--history-size", "0"] if subject.endswith(WITHOUT_HISTORY) else []
        return Gateway(self.server_cpu, subject.removesuffix(WITHOUT_HISTORY), settings)

    def load(self, scenario, arguments):
        return self.load_with(SCENARIOS[scenario], arguments)

    def load_with(self, load, arguments):
        """Runs chanway-bench; its JSON object."""
        command = [str(TOOLS / "chanway-bench"), "--json", "--quiet",
                   f"--duration={self.options.duration}", *load, *arguments]
        pin = None
        if self.load_cpu is not None:
            pin = lambda: os.sched_setaffinity(0, {self.load_cpu})  # noqa: E731
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=TIMEOUT_SECONDS, preexec_fn=pin)
        if not done.stdout.startswith("{"):
            raise Failure(f"chanway-bench failed: {done.stderr.strip()}\n  {' '.join(command)}")
        return json.loads(done.stdout)

    def measure(self, scenario, subject, label):
        text = f"{scenario} {label} {subject}"
        self.progress.begin(text)
        with self.server(subject) as server:
            result = self.load(scenario, server.arguments)
        if not result["ok"]:
            (self.notes if subject in PEERS else self.problems).append(problem_of(text, result))
        self.progress.end(text, figures_of(result))
        return result

    def round(self, scenario, label):
        return {subject: self.measure(scenario, subject, label)
                for subject in ["floor", *self.options.subjects]
                if (scenario, subject.removesuffix(WITHOUT_HISTORY)) not in LEFT_OUT
                and not (subject in PEERS and scenario in PEERS[subject].left_out)}

    def rounds(self, scenario):
        """The rounds of a scenario; those in which the baseline moved are done again, in bounds."""
        count = self.options.rounds
        done = [self.round(scenario, f"{i + 1}/{count}") for i in range(count)]
        for extra in range(count if scenario != "idle" else 0):
            worst = to_repeat(done)
            if worst is None:
                return done
            done[worst] = self.round(scenario, f"again {extra + 1}/{count}")
        self.note_disturbed(scenario, done)
        return done

    def note_disturbed(self, scenario, rounds):
        count = sum(any(map(is_disturbed, ours(one))) for one in rounds)
        if count:
            self.notes.append(f"{scenario}: the machine was too busy for this rate in {count} of "
                              f"{len(rounds)} rounds: messages overlapped, and the ratio says little")


def ours(one):
    """What is not another's: of a peer it is a result that it can't keep up."""
    return [result for name, result in one.items() if name not in PEERS]


def baseline_us(one):
    return one["floor"]["server_us_per_op"]


def is_disturbed(result):
    """With a rate: does the next message of a group come before the last one has arrived?

    Then messages are written together, which is cheaper: another load than the one that was meant.
    """
    rate = result["rate"]
    return rate > 0 and result["latency_us"]["p90"] > 1e6 * result["groups"] / rate


def to_repeat(rounds):
    """A round that was disturbed, or whose baseline is furthest from the median if that is too far."""
    for i, one in enumerate(rounds):
        if any(map(is_disturbed, ours(one))):
            return i
    middle = median(baseline_us(one) for one in rounds)
    distances = [abs(baseline_us(one) / middle - 1) if middle else 0 for one in rounds]
    worst = max(distances)
    return distances.index(worst) if worst > BASELINE_DRIFT else None


def problem_of(text, result):
    counts = ", ".join(f"{result[name]} {name}" for name in (
        "lost", "duplicates", "reordered", "misrouted", "disconnected", "failed", "errors")
        if result[name])
    return f"{text}: {counts or 'nothing was measured'} ({result['last_error'] or 'no error told'})"


def figures_of(result):
    if result["scenario"] == "idle":
        return ", ".join(f"{process['name']} {process['bytes_per_connection']:.0f} B a connection"
                         for process in result["processes"])
    unit = "cycle" if result["scenario"] == "storm" else "delivery"
    return f"{result['server_us_per_op']:.2f} us a {unit}, {result['ops_per_s']:.0f}/s"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--duration", type=float, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--history", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--subscribers", default=",".join(SUBSCRIBERS))
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.duration = options.duration or (2 if options.quick else 4)
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)}: there are {', '.join(SCENARIOS)}")
    options.scenarios = options.scenarios or list(SCENARIOS)
    endings = ("", WITHOUT_HISTORY) if options.history else ("",)
    options.subscribers = options.subscribers.split(",")
    strange = [name for name in options.subscribers if name not in ("raw", "json", "msgpack")]
    if strange:
        parser.error(f"--subscribers are raw, json, msgpack, not {', '.join(strange)}")
    options.subjects = [name + ending for name in options.subscribers for ending in endings]
    return options


def stop(number, _frame):
    """Leaves by way of the servers' contexts, which stop what they have started."""
    raise SystemExit(128 + number)


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, stop)
    allow_files()
    bench = Bench(options)
    if options.peers:
        options.subjects += available(bench.notes.append)
    if bench.server_cpu is None:
        print("only one CPU here: servers and load share it, and the figures say less", file=sys.stderr)
    results = {}
    try:
        for scenario in options.scenarios:
            results[scenario] = bench.rounds(scenario)
    finally:
        bench.progress.clear()
    text = markdown(results, options.subjects)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.output / "results.md").write_text(text)
    write_chart(results, [name for name in options.subjects if WITHOUT_HISTORY not in name], options.output / "results.svg")
    print(text)
    print(f"written: results.md, results.svg and results.json in {os.path.relpath(options.output)}")
    for note in bench.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in bench.problems:
        print(f"problem: {problem}", file=sys.stderr)
    return FAILED if bench.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
