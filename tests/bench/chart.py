"""chart - the ratios as bars, in SVG."""

from statistics import median
from xml.sax.saxutils import escape

from table import ratios

COLOURS = {"raw": "#2b8a9e", "json": "#d9822b", "msgpack": "#7a5195", "nchan + Redis": "#4f9d4f",
           "Socket.IO + redis-adapter": "#555", "ws + ioredis": "#999", "NATS (no Redis)": "#b08f5a"}
BAR, GAP, GROUP_GAP = 22, 4, 26
LEFT, TOP, BOTTOM, HEIGHT = 56, 64, 48, 260
STYLE = "font-family:sans-serif;font-size:12px"


def text_at(x, y, text, anchor="middle", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222" {extra}>'
            f"{escape(text)}</text>")


def bars_of(results, subscribers):
    """[(scenario, [(subject, median, low, high)])], without what has no ratio."""
    groups = []
    for name, rounds in results.items():
        bars = []
        for subject in subscribers:
            found = ratios(rounds, subject)
            if found:
                bars.append((subject, median(found), min(found), max(found)))
        if bars and name != "idle":
            groups.append((name, bars))
    return groups


def step_of(top):
    return next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 50, 100, 1000) if top / step <= 8)


class Chart:
    def __init__(self, groups, subscribers):
        self.groups = groups
        self.subscribers = subscribers
        self.top = max([1.2, *(high for _, bars in groups for *_, high in bars)]) * 1.05
        group = len(subscribers) * (BAR + GAP) + GROUP_GAP
        self.width = LEFT + max(320, len(groups) * group, len(subscribers) * 190) + 16
        self.group = group

    def y(self, ratio):
        return TOP + HEIGHT * (1 - ratio / self.top)

    def grid(self):
        step = step_of(self.top)
        parts = []
        for i in range(int(self.top / step) + 1):
            y = self.y(i * step)
            parts.append(f'<line x1="{LEFT}" x2="{self.width - 16}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            parts.append(text_at(LEFT - 8, y + 4, f"{i * step:g}", "end"))
        y = self.y(1)
        parts.append(f'<line x1="{LEFT}" x2="{self.width - 16}" y1="{y:.1f}" y2="{y:.1f}" '
                     'stroke="#b00" stroke-dasharray="5 3"/>')
        return parts

    def bar(self, x, subject, value, low, high):
        y = self.y(value)
        centre = x + BAR / 2
        return [f'<rect x="{x:.1f}" y="{y:.1f}" width="{BAR}" height="{TOP + HEIGHT - y:.1f}" '
                f'fill="{COLOURS.get(subject, "#888")}"/>',
                f'<line x1="{centre:.1f}" x2="{centre:.1f}" y1="{self.y(high):.1f}" '
                f'y2="{self.y(low):.1f}" stroke="#222"/>',
                text_at(centre, self.y(high) - 4, f"{value:.2f}", extra='font-size="10"')]

    def bars(self):
        parts = []
        for i, (name, bars) in enumerate(self.groups):
            x = LEFT + GROUP_GAP / 2 + i * self.group
            for k, bar in enumerate(bars):
                parts += self.bar(x + k * (BAR + GAP), *bar)
            parts.append(text_at(x + (self.group - GROUP_GAP) / 2, TOP + HEIGHT + 18, name))
        return parts

    def legend(self):
        parts = [text_at(LEFT, 20, "Server CPU per delivery (storm: per cycle), node and Redis, as a multiple of",
                         "start", 'font-size="13"'),
                 text_at(LEFT, 36, "the baseline's (dashed); lines: from the lowest round to the highest",
                         "start", 'font-size="13"')]
        y = TOP + HEIGHT + BOTTOM - 10
        for i, subject in enumerate(self.subscribers):
            x = LEFT + i * 190
            parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" '
                         f'fill="{COLOURS.get(subject, "#888")}"/>')
            parts.append(text_at(x + 18, y, f"{subject} subscribers" if subject in ("raw", "json", "msgpack") else subject, "start"))
        return parts

    def svg(self):
        height = TOP + HEIGHT + BOTTOM
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{height}" '
                 f'viewBox="0 0 {self.width} {height}" style="{STYLE}">',
                 f'<rect width="{self.width}" height="{height}" fill="#fff"/>',
                 *self.grid(), *self.bars(), *self.legend(), "</svg>"]
        return "\n".join(parts) + "\n"


def write_chart(results, subscribers, path):
    path.write_text(Chart(bars_of(results, subscribers), subscribers).svg(), encoding="utf-8")
