"""A line chart as SVG: a logarithmic vertical axis, each line named at its end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 240, 30, 46

COLOURS = """
.back { fill: #fff } text { font: 13px system-ui, sans-serif; fill: #333 }
.axis { stroke: #999 } .grid { stroke: #e4e4e4 } .quiet { fill: #666 }
@media (prefers-color-scheme: dark) {
  .back { fill: #1a1c1e } text { fill: #ddd } .grid { stroke: #333 } .quiet { fill: #aaa }
}
"""
"""Each picture has its own background: a page in the other colour scheme leaves it readable."""

_LINES = """
.line { fill: none; stroke-width: 2.5 }
.line-0 { stroke: #b3541e } .line-1 { stroke: #777; stroke-dasharray: 7 4 }
.line-2 { stroke: #3a7bbf; stroke-dasharray: 2 3 } .line-3 { stroke: #0b6e4f }
.name-0 { fill: #b3541e } .name-1 { fill: #666 } .name-2 { fill: #3a7bbf } .name-3 { fill: #0b6e4f }
@media (prefers-color-scheme: dark) {
  .line-0 { stroke: #f0a878 } .line-1 { stroke: #aaa } .line-2 { stroke: #7fb5ea } .line-3 { stroke: #4fd1a5 }
  .name-0 { fill: #f0a878 } .name-1 { fill: #bbb } .name-2 { fill: #7fb5ea } .name-3 { fill: #4fd1a5 }
}
"""


class Line(NamedTuple):
    """A named line: its values, 0 or more, at 1, 2, 3 …"""

    name: str
    values: Sequence[float]


def line_chart(lines: Sequence[Line], *, title: str, across: str, lowest: float) -> str:
    """Return up to four lines as SVG.

    Args:
        lines: all of one length, at least 2.
        title: what the vertical axis shows.
        across: what the horizontal axis shows.
        lowest: the end of the vertical axis, a power of ten; a line stops where it falls below.
    """
    highest = max(1.0, *(max(line.values) for line in lines))
    bottom, top = round(math.log10(lowest)), math.ceil(math.log10(highest))
    plot = _Plot(len(lines[0].values), bottom, top)
    body = [
        f"<style>{COLOURS}{_LINES}</style>",
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text x="{LEFT}" y="18">{escape(title)}</text>',
        *plot.axes(across),
        *plot.lines(lines),
    ]
    inside = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">\n{inside}\n</svg>\n'
    )


class _Plot(NamedTuple):
    """The ranges: steps 1 to `steps`, powers of ten from `bottom` to `top`."""

    steps: int
    bottom: int
    top: int

    def x(self, step: float) -> float:
        return LEFT + (step - 1) / (self.steps - 1) * (WIDTH - LEFT - RIGHT)

    def y(self, power: float) -> float:
        return HEIGHT - BOTTOM - (power - self.bottom) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM)

    def axes(self, across: str) -> Iterator[str]:
        for power in range(self.bottom, self.top + 1, 2):
            y = self.y(power)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            shown = "1" if power == 0 else f'10<tspan dy="-5" font-size="10">{power}</tspan>'
            yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'
        low = HEIGHT - BOTTOM
        yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{low}" y2="{low}"/>'
        for step in (1, *range(self.steps // 4, self.steps + 1, self.steps // 4)):
            place = f'x="{self.x(step):.1f}" y="{low + 18}"'
            yield f'<text class="quiet" {place} text-anchor="middle">{step}</text>'
        place = f'x="{self.x((1 + self.steps) / 2):.1f}" y="{low + 36}"'
        yield f'<text class="quiet" {place} text-anchor="middle">{escape(across)}</text>'

    def lines(self, lines: Sequence[Line]) -> Iterator[str]:
        key = WIDTH - RIGHT + 12
        for k, (line, y) in enumerate(zip(lines, self._name_heights(lines), strict=True)):
            inside = [(self.x(step), self.y(power)) for step, power in self._shown(line)]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in inside)
            yield f'<polyline class="line line-{k}" points="{points}"/>'
            yield f'<line class="line line-{k}" x1="{key}" x2="{key + 24}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="name-{k}" x="{key + 30}" y="{y + 4:.1f}">{escape(line.name)}</text>'

    def _shown(self, line: Line) -> list[tuple[int, float]]:
        """Return the steps and powers of ten up to the first value below the plot."""
        powers = [math.log10(value) if value > 0 else -math.inf for value in line.values]
        return list(itertools.takewhile(lambda point: point[1] >= self.bottom, enumerate(powers, start=1)))

    def _name_heights(self, lines: Sequence[Line]) -> list[float]:
        """Return where each name stands: beside the end of its line, or stacked, the last to leave on top."""
        ends = [self._shown(line)[-1] for line in lines]
        left = sorted(k for k, (step, _) in enumerate(ends) if step < self.steps)
        left.sort(key=lambda k: ends[k][0])
        stacked = {k: HEIGHT - BOTTOM - 12 - 20 * place for place, k in enumerate(left)}
        return [stacked.get(k, self.y(power)) for k, (_, power) in enumerate(ends)]
