"""Gates and cell states of an LSTM along texts, as SVG: a row for each value, a column for each word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from bench.line_chart import COLOURS

LEFT, COLUMN, ROW, GAP, HEAD = 110, 52, 24, 30, 26

_STYLE = """
.gate { fill: #0b6e4f } .plus { fill: #3a7bbf } .minus { fill: #b3541e } .cell { stroke: #ddd; fill: none }
.word { font-size: 12px } .number { font-size: 11px } .marked { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  .gate { fill: #4fd1a5 } .plus { fill: #7fb5ea } .minus { fill: #f0a878 } .cell { stroke: #3a3d40 }
}
"""


class Row(NamedTuple):
    """A named row: one value for each word; a gate is 0 to 1, a state is shaded up to `largest`."""

    name: str
    values: Sequence[float]
    is_gate: bool
    largest: float = 1.0


class Strip(NamedTuple):
    """One text: its words, those to be marked, and its rows."""

    words: Sequence[str]
    marked: frozenset[str]
    rows: Sequence[Row]


def gate_strips(strips: Sequence[Strip], *, title: str) -> str:
    """Return the strips one below the other as SVG."""
    width = LEFT + COLUMN * max(len(strip.words) for strip in strips) + 10
    body = [f"<style>{COLOURS}{_STYLE}</style>"]
    y = GAP
    marks: list[str] = []
    for strip in strips:
        marks += _strip(strip, y)
        y += HEAD + ROW * len(strip.rows) + GAP
    body += [f'<rect class="back" width="{width}" height="{y}"/>', *marks]
    inside = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img" '
        f'aria-label="{escape(title)}">\n{inside}\n</svg>\n'
    )


def _strip(strip: Strip, top: int) -> Iterator[str]:
    for place, word in enumerate(strip.words):
        kind = "word marked" if word in strip.marked else "word"
        x = LEFT + (place + 0.5) * COLUMN
        yield f'<text class="{kind}" x="{x:.0f}" y="{top}" text-anchor="middle">{escape(word)}</text>'
    for k, row in enumerate(strip.rows):
        y = top + 10 + k * ROW
        at = f'x="{LEFT - 8}" y="{y + 16}" text-anchor="end"'
        yield f'<text class="quiet word" {at}>{escape(row.name)}</text>'
        for place, value in enumerate(row.values):
            yield from _cell(row, value, LEFT + place * COLUMN, y)


def _cell(row: Row, value: float, x: int, y: int) -> Iterator[str]:
    shade = min(1.0, abs(value) / row.largest) * 0.7
    colour = "gate" if row.is_gate else "plus" if value >= 0 else "minus"
    place = f'x="{x}" y="{y}" width="{COLUMN}" height="{ROW}"'
    yield f'<rect class="{colour}" {place} fill-opacity="{shade:.2f}"/>'
    yield f'<rect class="cell" {place}/>'
    shown = (
        f"{value:.2f}"
        if row.is_gate
        else f"{value:+.1f}".replace("+0.0", "0").replace("-0.0", "0").replace("-", "−")
    )
    yield f'<text class="number" x="{x + COLUMN // 2}" y="{y + 16}" text-anchor="middle">{shown}</text>'
