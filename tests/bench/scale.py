#!/usr/bin/python3
"""scale - how the cost of a delivery and the memory of a channel grow. Called by `scripts/bench --scale`.

Each point is measured on fresh processes, servers on one CPU and the load on another; the figure is
the median of the rounds.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
from compare import FAILED, Bench, problem_of, stop
from scale_chart import write_scale_chart
from servers import ROOT, Baseline, Cluster, Failure, allow_files
from table import head, machine, row

PER_SECOND = 20000         # deliveries, so that neither side is near its end
BYTES_PER_SECOND = 40e6    # of payloads, likewise
CONNECT = "--connect-timeout=120"


def fanout(channels, groups=1, size=128):
    """So many channels, spread over groups, each message to one group."""
    members = channels / groups
    deliveries = min(PER_SECOND, BYTES_PER_SECOND / size)
    rate = min(deliveries / members, 5000)
    return ["--scenario=fanout", f"-n{channels}", f"--groups={groups}", f"--size={size}",
            f"--rate={rate:.3f}", CONNECT]


class Point:
    def __init__(self, x, arguments, **cluster):
        self.x = x
        self.arguments = arguments
        self.cluster = cluster  # what Cluster is told


AXES = {
    "channels": ("channels, one group", [Point(n, fanout(n)) for n in (1000, 5000, 15000)]),
    "groups": ("groups, 10,000 channels",
               [Point(g, fanout(10000, g)) for g in (1, 10, 100, 1000, 10000)]),
    "nodes": ("nodes, 5,000 channels in one group",
              [Point(n, fanout(5000), nodes=n) for n in (1, 2, 3, 4, 5)]),
    # A prime number of groups: each has its members on as many nodes as can be.
    "spread": ("nodes, 997 groups of 5 channels",
               [Point(n, fanout(4985, 997), nodes=n) for n in (1, 2, 3, 4, 5)]),
    "workers": ("workers, 5,000 channels in one group",
                [Point(n, fanout(5000), workers=n) for n in (1, 2)]),
    "payload": ("bytes of payload, 100 channels",
                [Point(s, fanout(100, size=s)) for s in (16, 128, 1024, 8192, 61440)]),
    "storm": ("connections at a time: connect, join, close", [Point(32, ["--scenario=storm", "-n32"])]),
    "resume": ("channels, each lost and resumed", [Point(100, ["--scenario=resume", "-n100"])]),
    "direct": ("channels, each sends to the next", [Point(100, ["--scenario=direct", "-n100"])]),
    # Long enough for each channel's heartbeat.
    "idle": ("idle channels", [Point(n, ["--scenario=idle", f"-n{n}", "--settle=3", "--duration=20", CONNECT])
                               for n in (1000, 5000, 15000)]),
}
WITHOUT_DELIVERIES = ("storm", "resume", "idle")
# Where the kernel and the caches may be what grows: the baseline tells.
WITH_BASELINE = ("channels", "groups", "payload")


def total(result, name, key):
    return sum(process[key] for process in result["processes"] if process["name"] == name)


def figures(result):
    """What is kept of one measurement."""
    seconds = result["seconds"] or 1
    published = result["published"]
    delivered = result["delivered"]
    return {
        "node_us": total(result, "node", "us_per_op"),
        "redis_us": total(result, "redis", "us_per_op"),
        "redis_us_per_message": 1e6 * total(result, "redis", "cpu_s") / published if published else None,
        "node_bytes": total(result, "node", "bytes_per_connection"),
        "redis_bytes": total(result, "redis", "bytes_per_connection"),
        "node_cpu_percent": 100 * total(result, "node", "cpu_s") / seconds,
        "redis_cpu_percent": 100 * total(result, "redis", "cpu_s") / seconds,
        "ops_per_s": result["ops_per_s"],
        "p99_ms": result["latency_us"]["p99"] / 1000,
        "wire_bytes": result["received_bytes"] / delivered if delivered else None,
        "connect_s": result["connect_s"],
        "other_cpu_percent": result["other_cpu_percent"],
        "load_average": os.getloadavg()[0],
    }


def middle_of(rounds):
    """The median of each figure."""
    return {key: median(values) if None not in (values := [one[key] for one in rounds]) else None
            for key in rounds[0]}


class Scale(Bench):
    """Bench has the CPUs and runs chanway-bench."""

    def measure_point(self, axis, point, label):
        text = f"{axis} {point.x} {label}"
        self.progress.begin(text)
        with Cluster(self.server_cpu, **point.cluster) as server:
            result = self.load_with(point.arguments, server.arguments)
        if not result["ok"]:
            self.problems.append(problem_of(text, result))
        found = figures(result)
        found["floor_us"] = self.baseline_us(axis, point, text)
        self.progress.end(text, f"{found['node_us']:.2f} + {found['redis_us']:.2f} us, "
                                f"{found['node_bytes']:.0f} + {found['redis_bytes']:.0f} B a channel")
        return found

    def baseline_us(self, axis, point, text):
        if axis not in WITH_BASELINE:
            return None
        with Baseline(self.server_cpu) as server:
            result = self.load_with(point.arguments, server.arguments)
        if not result["ok"]:
            self.problems.append(problem_of(text + ", baseline", result))
        return result["server_us_per_op"]

    def measure_axis(self, axis):
        points = AXES[axis][1]
        rounds = self.options.rounds
        found = {point.x: [] for point in points}
        for i in range(rounds):
            for point in points:
                found[point.x].append(self.measure_point(axis, point, f"{i + 1}/{rounds}"))
        return {x: middle_of(measured) for x, measured in found.items()}


def cell(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def axis_table(axis, found):
    text = f"### {AXES[axis][0]}\n\n"
    unit = "cycle" if axis in ("storm", "resume") else "delivery"
    if axis == "idle":
        text += head("", "node, bytes a channel", "Redis, bytes a channel", "node, % of a CPU",
                     "Redis, % of a CPU", "connected in s", "CPU of others")
        for x, one in found.items():
            text += row(f"{x:,}", cell(one["node_bytes"], 0), cell(one["redis_bytes"], 0),
                        cell(one["node_cpu_percent"], 1), cell(one["redis_cpu_percent"], 1),
                        cell(one["connect_s"], 1), f"{one['other_cpu_percent']:.0f} %")
        return text + "\n"
    text += head("", f"node, us a {unit}", f"Redis, us a {unit}", "baseline, us", "Redis, us a message",
                 "node, bytes a channel", "a second", "p99 ms", "CPU of others")
    for x, one in found.items():
        has_messages = axis not in WITHOUT_DELIVERIES
        text += row(f"{x:,}", cell(one["node_us"], 2), cell(one["redis_us"], 2), cell(one["floor_us"], 2),
                    cell(one["redis_us_per_message"], 1) if has_messages else "",
                    cell(one["node_bytes"], 0) if has_messages else "",
                    cell(one["ops_per_s"], 0), cell(one["p99_ms"], 1) if has_messages else "",
                    f"{one['other_cpu_percent']:.0f} %")
    return text + "\n"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench --scale", add_help=False)
    parser.add_argument("axes", nargs="*")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--duration", type=float, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.duration = options.duration or (1 if options.quick else 4)
    unknown = [name for name in options.axes if name not in AXES]
    if unknown:
        parser.error(f"no axis {', '.join(unknown)}: there are {', '.join(AXES)}")
    options.axes = options.axes or list(AXES)
    return options


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, stop)
    allow_files()
    scale = Scale(options)
    results = {}
    try:
        for axis in options.axes:
            results[axis] = scale.measure_axis(axis)
    finally:
        scale.progress.clear()
    loads = [one["load_average"] for found in results.values() for one in found.values()]
    text = (f"{machine()}; medians of {options.rounds} round{'s' if options.rounds > 1 else ''} of "
            f"{options.duration:g} s; load average {min(loads):.1f} to {max(loads):.1f}.\n\n")
    text += "".join(axis_table(axis, found) for axis, found in results.items())
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "scale.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.output / "scale.md").write_text(text)
    write_scale_chart({axis: (AXES[axis][0], found) for axis, found in results.items()},
                      options.output / "scale.svg")
    print(text)
    print(f"written: scale.md, scale.svg and scale.json in {os.path.relpath(options.output)}")
    for problem in scale.problems:
        print(f"problem: {problem}", file=sys.stderr)
    return FAILED if scale.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
