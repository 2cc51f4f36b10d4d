"""A scatter plot as SVG: accuracy against seconds, on a logarithmic axis, each point named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 230, 20, 50
LINE = 15
"""Pixels between the names of two points that lie close together."""
NAME_WIDTH = 250

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.axis { stroke: #999 } .grid { stroke: #e4e4e4 }
.ours { fill: #0b6e4f } .ours-name { fill: #0b6e4f; font-weight: 600 } .theirs { fill: #8a8a8a }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .grid { stroke: #333 } .ours { fill: #4fd1a5 } .ours-name { fill: #4fd1a5 }
}
"""


class Point(NamedTuple):
    """A system: its name, the mean of its seconds, of its accuracy (0 to 1), and whether it is foretell's."""

    name: str
    seconds: float
    accuracy: float
    is_ours: bool


@dataclass(frozen=True)
class Axes:
    """The ranges of the plot: powers of ten of the seconds, and whole per cents."""

    first: float
    last: float
    low: int
    high: int

    @classmethod
    def around(cls, points: Sequence[Point]) -> Axes:
        """Return the smallest axes that hold all points."""
        seconds = [math.log10(point.seconds) for point in points]
        percent = [100 * point.accuracy for point in points]
        first, last = math.floor(min(seconds) * 2) / 2, math.ceil(max(seconds) * 2) / 2
        low, high = math.floor(min(percent)), math.ceil(max(percent))
        return cls(first, max(last, first + 0.5), low, max(high, low + 1))

    def x(self, seconds: float) -> float:
        """Return the horizontal place of a time, in pixels."""
        share = (math.log10(seconds) - self.first) / (self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, percent: float) -> float:
        """Return the vertical place of an accuracy, in pixels."""
        return HEIGHT - BOTTOM - (percent - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def scatter(points: Sequence[Point]) -> str:
    """Return the plot of all points as SVG."""
    axes = Axes.around(points)
    body = "\n".join([f"<style>{STYLE}</style>", *_axes(axes), *_marks(axes, points)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Test accuracy on IMDB against the time for training and testing">\n{body}\n</svg>\n'
    )


def _axes(axes: Axes) -> Iterator[str]:
    for percent in range(axes.low, axes.high + 1):
        y = axes.y(percent)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
    decades = range(math.floor(axes.first), math.ceil(axes.last) + 1)
    for seconds in (n * 10**decade for decade in decades for n in (1, 3)):
        if axes.first <= math.log10(seconds) <= axes.last:
            place = f'x="{axes.x(seconds):.1f}" y="{HEIGHT - BOTTOM + 20}"'
            yield f'<text {place} text-anchor="middle">{seconds:g} s</text>'
    bottom = HEIGHT - BOTTOM
    yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'


def _marks(axes: Axes, points: Sequence[Point]) -> Iterator[str]:
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: -point.accuracy):
        x, y = axes.x(point.seconds), axes.y(100 * point.accuracy)
        kind = "ours" if point.is_ours else "theirs"
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        # A name that would overlap another one moves down.
        line = y + 4
        while any(abs(line - other) < LINE and abs(x - along) < NAME_WIDTH for along, other in taken):
            line += LINE
        taken.append((x, line))
        named = ' class="ours-name"' if point.is_ours else ""
        yield f'<text{named} x="{x + 9:.1f}" y="{line:.1f}">{escape(point.name)}</text>'
