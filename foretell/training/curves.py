"""The curves of a run as SVG: loss and accuracy by step, in training and held out. No script, no fonts."""

from __future__ import annotations

import math
from typing import Any

Point = tuple[float, float]

_MOST_POINTS = 240
_LARGEST = 1e30

# Chart geometry, in the units of the view box.
_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 100, 16, 34


def draw_curves(records: list[dict[str, Any]]) -> str:
    """Return the charts of loss and accuracy as HTML, or a line that says there are none.

    Args:
        records: one dictionary a logged step, in the order of the steps; read are step, loss, accuracy,
            valid_loss and valid_accuracy. What is missing or not finite is left out.
    """
    charts = [
        _chart(title, _curve(records, key), _curve(records, f"valid_{key}"), percent=key == "accuracy")
        for key, title in (("loss", "Loss, in nats"), ("accuracy", "Accuracy"))
    ]
    drawn = "".join(chart for chart in charts if chart)
    if not drawn:
        return '<h2>Curves</h2><p class="soft">The run logged no figures, so there is nothing to draw.</p>'
    return f'<h2>Curves</h2><div class="charts">{drawn}</div>'


def _curve(records: list[dict[str, Any]], key: str) -> list[Point]:
    """Return [step, value] for what can be drawn; many points become the means of neighbours."""
    pairs = [(float(r["step"]), finite(r.get(key))) for r in records if r["step"] >= 0]
    points = [(step, value) for step, value in pairs if value is not None]
    if len(points) <= _MOST_POINTS:
        return points
    size = math.ceil(len(points) / _MOST_POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that cover `low` to `high`."""
    # A flat curve still needs a scale, and one that is flat but for rounding is flat.
    size = max(abs(low), abs(high), 1.0)
    if high - low < 1e-9 * size:
        high = low + size
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    gap = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / gap + 1e-9), math.ceil(high / gap - 1e-9)
    return [round(i * gap, 12) for i in range(first, last + 1)]


def _chart(title: str, train: list[Point], held: list[Point], *, percent: bool) -> str:
    """Draw the two curves over the steps, each named at its right end."""
    every = train + held
    if not every:
        return ""
    rows = _ticks(min(y for _, y in every), max(y for _, y in every), 4)
    last = max(x for x, _ in every)
    columns = [tick for tick in _ticks(0.0, last, 5) if tick <= last]

    def x_of(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / (last or 1.0)

    def y_of(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (rows[-1] - value) / (rows[-1] - rows[0])

    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y_of(row):.1f}" y2="{y_of(row):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y_of(row) + 4:.1f}" text-anchor="end">{_tick(row, percent)}</text>'
        for row in rows
    ]
    parts += [
        f'<text x="{x_of(column):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{_short(column)}</text>'
        for column in columns
    ]
    series = [("train", "training", train), ("held", "held out", held)]
    drawn = [(css, label, [(x_of(x), y_of(y)) for x, y in data], data) for css, label, data in series if data]
    parts += _series(drawn, percent)
    summary = ", ".join(f"{label} {_value(data[-1][1], percent)}" for _, label, _, data in drawn)
    return (
        f'<figure class="card"><h3>{title}</h3><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{title} by step; at the end: {summary}">{"".join(parts)}</svg>'
        "<figcaption>by training step</figcaption></figure>"
    )


def _series(drawn: list[tuple[str, str, list[Point], list[Point]]], percent: bool) -> list[str]:
    heights = [at[-1][1] for _, _, at, _ in drawn]
    if len(heights) == 2 and abs(heights[0] - heights[1]) < 34:
        middle, sign = sum(heights) / 2, 1 if heights[0] >= heights[1] else -1
        middle = min(max(middle, _TOP + 22), _HEIGHT - _BOTTOM - 30)
        heights = [middle + sign * 17, middle - sign * 17]
    parts, right = [], _WIDTH - _RIGHT + 12
    for (css, label, at, data), height in zip(drawn, heights, strict=True):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        x, y = at[-1]
        parts.append(
            f'<g class="{css}"><polyline class="curve" points="{line}"/>'
            f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
            f'<text x="{right}" y="{height:.1f}">{label}</text>'
            f'<text x="{right}" y="{height + 16:.1f}">{_value(data[-1][1], percent)}</text></g>'
        )
    return parts


def _value(value: float, percent: bool) -> str:
    return f"{100 * value:.1f} %" if percent else f"{value:.3g}"


def _tick(value: float, percent: bool) -> str:
    return f"{100 * value:g} %" if percent else f"{value:g}"


def _short(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def finite(value: object) -> float | None:
    """Return `value` where it is a number that can be shown and drawn: not NaN, not beyond ±1e30."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        return None
    return float(value)
