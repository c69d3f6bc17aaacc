"""scale_chart - one small chart for each axis: microseconds a delivery, or bytes a channel, in SVG."""

from math import log10

from chart import step_of, text_at

WIDTH, HEIGHT = 300, 170
LEFT, TOP, RIGHT, BOTTOM = 52, 44, 26, 34
COLUMNS = 3
NODE, REDIS, BASELINE = "#2b8a9e", "#d9822b", "#999"
# axis -> which figures are drawn
PANELS = {"channels": "us", "groups": "us", "nodes": "us", "spread": "us", "payload": "us", "idle": "bytes"}


class Panel:
    """Node below, Redis on top of it, and the baseline where it was measured, over a logarithmic axis."""

    def __init__(self, title, found, unit):
        self.title = title
        self.unit = unit
        self.points = [(float(x), one[f"node_{unit}"], one[f"redis_{unit}"]) for x, one in found.items()]
        self.baseline = [(float(x), one["floor_us"]) for x, one in found.items()
                         if unit == "us" and one["floor_us"] is not None]
        highest = [node + redis for _, node, redis in self.points] + [value for _, value in self.baseline]
        self.top = max(highest) * 1.15 or 1
        self.low = log10(self.points[0][0])
        self.span = log10(self.points[-1][0]) - self.low or 1

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * (log10(value) - self.low) / self.span

    def y(self, value):
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.top)

    def line(self, values, colour):
        points = " ".join(f"{self.x(x):.1f},{self.y(value):.1f}" for x, value in values)
        dots = [f'<circle cx="{self.x(x):.1f}" cy="{self.y(value):.1f}" r="3" fill="{colour}"/>'
                for x, value in values]
        return [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]

    def svg(self):
        step = 2 * step_of(self.top / 2)
        what = "us a delivery" if self.unit == "us" else "bytes a channel"
        parts = [text_at(8, 16, f"{what}, by", "start", 'font-size="11"'),
                 text_at(8, 30, self.title, "start", 'font-size="11" font-weight="bold"')]
        for i in range(int(self.top / step) + 1):
            y = self.y(i * step)
            parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            parts.append(text_at(LEFT - 6, y + 4, f"{i * step:g}", "end", 'font-size="10"'))
        for x, *_ in self.points:
            parts.append(text_at(self.x(x), HEIGHT - BOTTOM + 16, f"{x:,.0f}", extra='font-size="10"'))
        if self.baseline:
            parts += self.line(self.baseline, BASELINE)
        parts += self.line([(x, node + redis) for x, node, redis in self.points], REDIS)
        parts += self.line([(x, node) for x, node, _ in self.points], NODE)
        return parts


def write_scale_chart(results, path):
    """`results`: axis -> (title, {x: figures})."""
    panels = [Panel(title, found, PANELS[axis]) for axis, (title, found) in results.items()
              if axis in PANELS and found]
    rows = -(-len(panels) // COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" style="font-family:sans-serif;font-size:12px">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for i, panel in enumerate(panels):
        parts.append(f'<g transform="translate({i % COLUMNS * WIDTH},{i // COLUMNS * HEIGHT})">')
        parts += [*panel.svg(), "</g>"]
    for i, (colour, text) in enumerate(((NODE, "nodes"), (REDIS, "nodes and Redis"),
                                        (BASELINE, "baseline: a bare C server"))):
        x, y = 12 + i * 150, height - 12
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(text_at(x + 18, y, text, "start"))
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
