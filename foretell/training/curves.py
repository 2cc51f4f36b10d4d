"""The charts of a run as SVG, without script or fonts: loss and accuracy by step, and calibration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from foretell.metrics.shown import number

Point = tuple[float, float]
Bin = dict[str, float]
Record = dict[str, Any]
"""A line of metrics.jsonl: `step`, a number, and whatever else was logged."""

_MAX_POINTS = 240

# Chart geometry, in the units of the view box.
_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 100, 16, 34
# The reliability diagram has its shares of texts below, and no names at its right.
_TALL, _PLOT, _SHARES, _MARGIN = 390, 256, 354, 20

# 95 % of a normal distribution lie within this many standard deviations.
_Z = 1.96


def draw_curves(records: list[Record]) -> str:
    """Return the charts of loss and accuracy as HTML, or a sentence if there are none.

    Args:
        records: the logged lines in the order of their steps; step, loss, accuracy, valid_loss and
            valid_accuracy are read. What is missing or not finite is left out.
    """
    charts = [
        _chart(title, _curve(records, key), _curve(records, f"valid_{key}"), percent=key == "accuracy")
        for key, title in (("loss", "Loss, in nats"), ("accuracy", "Accuracy"))
    ]
    drawn = "".join(chart for chart in charts if chart)
    if not drawn:
        return '<h2>Curves</h2><p class="soft">The run logged no metrics: there is nothing to draw.</p>'
    return f'<h2>Curves</h2><div class="charts">{drawn}</div>'


def _curve(records: list[Record], key: str) -> list[Point]:
    """Return [step, value] for what can be drawn; many points are averaged in groups of neighbours."""
    pairs = [(float(r["step"]), number(r.get(key))) for r in records if r["step"] >= 0]
    points = [(step, value) for step, value in pairs if value is not None]
    if len(points) <= _MAX_POINTS:
        return points
    size = math.ceil(len(points) / _MAX_POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that cover `low` to `high`."""
    # A flat curve needs a scale too, also one that differs only by rounding.
    size = max(abs(low), abs(high), 1.0)
    if high - low < 1e-9 * size:
        high = low + size
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    gap = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / gap + 1e-9), math.ceil(high / gap - 1e-9)
    return [round(i * gap, 12) for i in range(first, last + 1)]


def _chart(title: str, train: list[Point], valid: list[Point], *, percent: bool) -> str:
    """Draw the two curves over the steps, each named at its right end."""
    every = train + valid
    if not every:
        return ""
    rows = ticks(min(y for _, y in every), max(y for _, y in every), 4)
    if percent:
        # No accuracy lies outside 0 to 100 %.
        rows = sorted({min(max(row, 0.0), 1.0) for row in rows})
        rows = rows if len(rows) > 1 else [0.0, 1.0]
    last = max(x for x, _ in every)
    columns = [tick for tick in ticks(0.0, last, 5) if tick <= last]

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
    series = [("train", "training", train), ("valid", "validation", valid)]
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


def draw_reliability(bins: object) -> str:
    """Return the reliability diagram as HTML: accuracy by confidence, the probability of the predicted label.

    It has a point for each bin of confidence, with its 95 % interval (Wilson 1927), and below it the share of
    texts in that bin. On the dashed line accuracy and confidence are equal.

    Args:
        bins: what `foretell.metrics.reliability_bins` gives; anything else is not drawn ("").
    """
    rows = _usable_bins(bins)
    if not rows:
        return ""
    left = rows[0]["low"]
    bottom = math.floor(10 * min(left, *(row["accuracy"] for row in rows))) / 10
    x_of = scale((left, 1.0), (_LEFT, _WIDTH - _MARGIN))
    y_of = scale((bottom, 1.0), (_PLOT, _TOP))
    meet = max(left, bottom)
    parts = [
        *_axes(left, bottom, x_of, y_of),
        f'<line class="ideal" x1="{x_of(meet):.1f}" y1="{y_of(meet):.1f}" '
        f'x2="{x_of(1):.1f}" y2="{y_of(1):.1f}"/>',
        *_shares(rows, x_of),
        *_reliability(rows, x_of, y_of),
    ]
    summary = ", ".join(f"confidence {row['confidence']:.0%}, accuracy {row['accuracy']:.0%}" for row in rows)
    return (
        '<figure class="card"><h3>Reliability diagram</h3>'
        f'<svg viewBox="0 0 {_WIDTH} {_TALL}" role="img" aria-label="Reliability diagram: {summary}">'
        f"{''.join(parts)}</svg>"
        "<figcaption>horizontal: confidence · vertical: accuracy, with its 95 % interval · dashed: perfect "
        "calibration · bars: share of the texts</figcaption></figure>"
    )


def _usable_bins(bins: object) -> list[Bin]:
    if not isinstance(bins, list):
        return []
    keys = ("low", "high", "texts", "confidence", "accuracy")
    rows: list[Bin] = []
    for each in bins:
        values = {key: number(each.get(key)) for key in keys} if isinstance(each, dict) else {}
        row = {key: value for key, value in values.items() if value is not None}
        shares = [row[key] for key in keys if key != "texts" and key in row]
        if len(row) == len(keys) and all(0 <= share <= 1 for share in shares) and row["texts"] > 0:
            rows.append(row)
    return sorted((row for row in rows if row["low"] < row["high"]), key=lambda row: row["low"])


def scale(values: Point, places: Point) -> Callable[[float], float]:
    """Return the linear map that takes the two values to the two places."""
    slope = (places[1] - places[0]) / (values[1] - values[0])
    return lambda value: places[0] + slope * (value - values[0])


def _axes(
    left: float, bottom: float, x_of: Callable[[float], float], y_of: Callable[[float], float]
) -> list[str]:
    gap = 0.1 if 1 - left < 0.6 else 0.2
    across = [i * gap for i in range(round(1 / gap) + 1) if i * gap >= left - 1e-9]
    up = [tick for tick in ticks(bottom, 1.0, 5) if bottom - 1e-9 <= tick <= 1]
    right = _WIDTH - _MARGIN
    return [
        *(
            f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y_of(tick):.1f}" y2="{y_of(tick):.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{y_of(tick) + 4:.1f}" text-anchor="end">{_tick(tick, True)}</text>'
            for tick in up
        ),
        *(
            f'<text x="{x_of(tick):.1f}" y="{_TALL - 12}" text-anchor="middle">{_tick(tick, True)}</text>'
            for tick in across
        ),
    ]


def _shares(rows: list[Bin], x_of: Callable[[float], float]) -> list[str]:
    """Draw the share of texts in each bin as bars; the highest is the scale and has a number."""
    total, highest = sum(row["texts"] for row in rows), max(row["texts"] for row in rows)
    y_of = scale((0.0, highest), (_SHARES, _PLOT + 40))
    right = _WIDTH - _MARGIN
    parts = [f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{_SHARES}" y2="{_SHARES}"/>']
    for row in rows:
        x, end, top = x_of(row["low"]) + 1, x_of(row["high"]) - 1, y_of(row["texts"])
        parts.append(
            f'<rect class="share" x="{x:.1f}" y="{top:.1f}" width="{end - x:.1f}" '
            f'height="{_SHARES - top:.1f}"/>'
        )
        if row["texts"] == highest:
            parts.append(
                f'<text x="{(x + end) / 2:.1f}" y="{top - 6:.1f}" text-anchor="middle">'
                f"{100 * highest / total:.0f} %</text>"
            )
    return parts


def _reliability(
    rows: list[Bin], x_of: Callable[[float], float], y_of: Callable[[float], float]
) -> list[str]:
    points = [(x_of(row["confidence"]), y_of(row["accuracy"])) for row in rows]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = ['<g class="train">']
    for row, (x, _) in zip(rows, points, strict=True):
        low, high = (min(y_of(end), float(_PLOT)) for end in _interval(row["accuracy"], row["texts"]))
        parts.append(f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
    parts.append(f'<polyline class="curve" points="{line}"/>')
    for row, (x, y) in zip(rows, points, strict=True):
        title = (
            f"confidence {_value(row['confidence'], True)}, accuracy {_value(row['accuracy'], True)}: "
            f"{row['texts']:.0f} texts"
        )
        parts.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{title}</title></circle>')
    return [*parts, "</g>"]


def _interval(part: float, n: float) -> Point:
    """Return the 95 % interval of a proportion of `n` cases (Wilson 1927)."""
    spread = _Z * math.sqrt(part * (1 - part) / n + _Z**2 / (4 * n**2))
    middle, divisor = part + _Z**2 / (2 * n), 1 + _Z**2 / n
    return (middle - spread) / divisor, (middle + spread) / divisor
