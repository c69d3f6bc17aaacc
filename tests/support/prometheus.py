"""Reads the text format of Prometheus, and takes nothing that a server would not take."""

import math
import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)(?: (-?\d+))?")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


class Metrics:
    def __init__(self):
        self.types = {}
        self.helps = {}
        self.samples = {}  # (name, sorted labels) -> value

    def value(self, name, **labels):
        """The sample with exactly these labels; 0 for a counter with labels that is not there."""
        key = (name, tuple(sorted(labels.items())))
        if key in self.samples:
            return self.samples[key]
        if labels and name in self.types:
            return 0.0
        raise KeyError(f"no {name}{labels} in /metrics")

    def labels(self, name):
        return [dict(key[1]) for key in self.samples if key[0] == name]


def _number(text):
    special = {"+Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan}
    return special[text] if text in special else float(text)


def _labels(text):
    labels, position = {}, 0
    while position < len(text):
        found = _LABEL.match(text, position)
        if not found or found.group(1) in labels:
            raise AssertionError(f"bad labels: {text!r}")
        labels[found.group(1)] = found.group(2)
        position = found.end()
    return labels


def _family(metrics, name):
    """What HELP and TYPE were said of: a histogram's samples carry endings."""
    if name in metrics.types:
        return name
    for ending in ("_bucket", "_sum", "_count"):
        base = name[:-len(ending)]
        if name.endswith(ending) and metrics.types.get(base) in ("histogram", "summary"):
            return base
    raise AssertionError(f"{name} has no TYPE before it")


def _check_histogram(metrics, name):
    series = {}
    for (sample, labels), value in metrics.samples.items():
        if sample == name + "_bucket":
            rest = tuple(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((_number(dict(labels)["le"]), value))
    if not series:
        raise AssertionError(f"the histogram {name} has no buckets")
    for rest, buckets in series.items():
        counts = [value for _, value in sorted(buckets)]
        if counts != sorted(counts):
            raise AssertionError(f"the buckets of {name} are not cumulative: {buckets}")
        if max(buckets)[0] != math.inf:
            raise AssertionError(f"{name} has no bucket +Inf")
        if counts[-1] != metrics.samples[(name + "_count", rest)]:
            raise AssertionError(f"{name}: the bucket +Inf is not the count")
        if (name + "_sum", rest) not in metrics.samples:
            raise AssertionError(f"{name} has no sum")


def parse(text):
    """The whole of /metrics; AssertionError says what is wrong with it."""
    metrics = Metrics()
    open_family, done = None, set()
    if text and not text.endswith("\n"):
        raise AssertionError("/metrics does not end with a line feed")
    for line in text.splitlines():
        if not line:
            continue
        if line.startswith("# HELP "):
            name, _, text_of_help = line[7:].partition(" ")
            if name in metrics.helps:
                raise AssertionError(f"two HELP of {name}")
            metrics.helps[name] = text_of_help
            continue
        if line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if name in metrics.types or kind not in _TYPES:
                raise AssertionError(f"bad TYPE: {line}")
            metrics.types[name] = kind
            continue
        if line.startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line)
        if not found:
            raise AssertionError(f"no sample: {line!r}")
        name = found.group(1)
        family = _family(metrics, name)
        if family != open_family:
            if family in done:
                raise AssertionError(f"the samples of {family} are not together")
            done.add(open_family)
            open_family = family
        key = (name, tuple(sorted(_labels(found.group(2) or "").items())))
        if key in metrics.samples:
            raise AssertionError(f"twice the same sample: {line}")
        metrics.samples[key] = _number(found.group(3))
    for name, kind in metrics.types.items():
        if not metrics.helps.get(name):
            raise AssertionError(f"{name} has no HELP")
        if kind == "histogram":
            _check_histogram(metrics, name)
    return metrics
