"""A scatter plot as SVG: accuracy against seconds, on a logarithmic axis, each point named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 230, 20, 50

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.axis { stroke: #999 } .grid { stroke: #e4e4e4 }
.ours { fill: #0b6e4f } .ours-name { fill: #0b6e4f; font-weight: 600 } .theirs { fill: #8a8a8a }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .grid { stroke: #333 } .ours { fill: #4fd1a5 } .ours-name { fill: #4fd1a5 }
}
"""


def scatter(points: Sequence[tuple[str, float, float, bool]]) -> str:
    """Return an SVG of (name, seconds, accuracy, whether it is ours)."""
    first, last = _decades([seconds for _, seconds, _, _ in points])
    low = math.floor(min(accuracy for _, _, accuracy, _ in points) * 100)
    high = math.ceil(max(accuracy for _, _, accuracy, _ in points) * 100)

    def x(seconds: float) -> float:
        return LEFT + (math.log10(seconds) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(percent: float) -> float:
        return HEIGHT - BOTTOM - (percent - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f"<style>{STYLE}</style>"]
    for percent in range(low, high + 1):
        line = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(percent):.1f}" y2="{y(percent):.1f}"'
        parts.append(f'<line class="grid" {line}/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(percent) + 4:.1f}" text-anchor="end">{percent} %</text>')
    for second in (n * 10**decade for decade in range(int(first), int(last) + 1) for n in (1, 3)):
        if first <= math.log10(second) <= last:
            parts.append(
                f'<text x="{x(second):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{second} s</text>'
            )
    axis = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"'
    parts.append(f'<line class="axis" {axis}/>')
    taken: list[tuple[float, float]] = []
    for name, seconds, accuracy, ours in sorted(points, key=lambda point: -point[2]):
        at = x(seconds), y(accuracy * 100)
        kind = "ours" if ours else "theirs"
        parts.append(f'<circle class="{kind}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5"/>')
        # Names that would lie on one another move down.
        down = at[1] + 4
        while any(abs(down - other) < 15 and abs(at[0] - along) < 250 for along, other in taken):
            down += 15
        taken.append((at[0], down))
        named = "ours-name" if ours else ""
        parts.append(f'<text class="{named}" x="{at[0] + 9:.1f}" y="{down:.1f}">{escape(name)}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Test accuracy on IMDB against training time">\n{body}\n</svg>\n'
    )


def _decades(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the axis as powers of ten, in halves."""
    low, high = math.log10(min(seconds)), math.log10(max(seconds))
    return math.floor(low * 2) / 2, math.ceil(high * 2) / 2
