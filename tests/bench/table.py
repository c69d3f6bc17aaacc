"""table - medians of the rounds, as Markdown."""

import os
import platform
import subprocess
from statistics import median

WITHOUT_HISTORY = ", history-size 0"


def ratios(rounds, subject, other="floor"):
    """CPU per op of a subject as a multiple of the baseline's, or another's, of the same round."""
    return [one[subject]["server_us_per_op"] / one[other]["server_us_per_op"] for one in rounds
            if subject in one and one[other]["server_us_per_op"] > 0]


def middle(rounds, subject, read):
    """The median of what `read` finds in a subject's results; None if it was not measured."""
    values = [read(one[subject]) for one in rounds if subject in one]
    return median(values) if values else None


def process_value(name, key):
    return lambda result: sum(process[key] for process in result["processes"]
                              if process["name"] == name)


def number(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def row(*cells):
    return "| " + " | ".join(cells) + " |\n"


def head(*cells):
    return row(*cells) + "|" + "---|" * len(cells) + "\n"


def machine():
    """What the figures were measured on, and of which version."""
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    version = subprocess.run(["git", "describe", "--always", "--dirty"], check=False,
                             capture_output=True, text=True).stdout.strip()
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}; version {version or '?'}"


def ratio_table(results, subscribers):
    names = [name for name in results if name != "idle"]
    if not names:
        return ""
    text = head("", *names)
    text += row("baseline, us", *(number(middle(results[name], "floor", lambda one:
                                                one["server_us_per_op"]), 2) for name in names))
    for subject in subscribers:
        text += ratio_rows(results, names, subject, "floor", (f"{subject}, ratio", subject))
    for subject in subscribers:
        if subject + WITHOUT_HISTORY in subscribers:
            text += ratio_rows(results, names, subject, subject + WITHOUT_HISTORY,
                               (f"{subject}, history / none", f"{subject}, history / none"))
    return text + "\n"


def ratio_rows(results, names, subject, other, labels):
    """Medians, then what the rounds were between."""
    cells, spans = [], []
    for name in names:
        found = ratios(results[name], subject, other)
        cells.append(f"**{median(found):.2f}**" if found else "")
        spans.append(f"{min(found):.2f} to {max(found):.2f}" if found else "")
    text = row(labels[0], *cells)
    if any(len(rounds) > 1 for rounds in results.values()):
        text += row(f"{labels[1]}, all rounds", *spans)
    return text


def detail_table(results, subscribers):
    names = [name for name in results if name != "idle"]
    if not names:
        return ""
    text = head("", "", "us of the node", "us of Redis", "a second", "p50 ms", "p99 ms",
                "CPU of others")
    for name in names:
        for subject in ("floor", *subscribers):
            if not any(subject in one for one in results[name]):
                continue
            times = "connect_us" if name == "storm" else "latency_us"
            reads = [(process_value("floor" if subject == "floor" else "node", "us_per_op"), 2),
                     (process_value("redis", "us_per_op"), 2),
                     (lambda one: one["ops_per_s"], 0),
                     (lambda one, key=times: one[key]["p50"] / 1000, 2),
                     (lambda one, key=times: one[key]["p99"] / 1000, 2)]
            cells = [number(middle(results[name], subject, read), digits) for read, digits in reads]
            others = middle(results[name], subject, lambda one: one["other_cpu_percent"])
            text += row(name, "baseline" if subject == "floor" else subject, *cells, f"{others:.0f} %")
    return text + "\n"


def idle_table(rounds, subscribers):
    text = head("idle, joined", "bytes of the node per connection", "bytes of Redis", "connected in s")
    for subject in ("floor", *subscribers):
        node = "floor" if subject == "floor" else "node"
        text += row("baseline" if subject == "floor" else subject,
                    number(middle(rounds, subject, process_value(node, "bytes_per_connection")), 0),
                    number(middle(rounds, subject, process_value("redis", "bytes_per_connection")), 0),
                    number(middle(rounds, subject, lambda one: one["connect_s"]), 2))
    return text + "\n"


def markdown(results, subscribers):
    rounds = max(len(found) for found in results.values())
    times = f"medians of {rounds} rounds" if rounds > 1 else "one round"
    text = (f"Microseconds of server CPU (node and Redis) per delivery, storm: per cycle, as a ratio to the\n"
            f"baseline of the same round; {times}.\n{machine()}.\n\n")
    text += ratio_table(results, subscribers)
    if "idle" in results:
        text += idle_table(results["idle"], subscribers)
    return text + detail_table(results, subscribers)
