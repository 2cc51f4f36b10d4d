"""The charts of a run as SVG, without script or fonts: loss and accuracy by step, and
calibration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from foretell.arrays import in_parts
from foretell.metrics.shown import number

Point = tuple[float, float]
Record = Mapping[str, float]
"""A line of metrics.jsonl: `step`, and whatever else was logged."""

_MAX_POINTS = 240

# Chart geometry, in the units of the view box.
_WIDTH = 560
_HEIGHT = 300
_LEFT = 52
_RIGHT = 540
_TOP = 16
_BOTTOM = 266
_MAX_RADIUS = 14


def draw_curves(records: Sequence[Record]) -> str:
    """Return the charts of loss and accuracy as HTML, or a sentence if there are none.

    `records` are in the order of their steps. What is missing or not finite is left out.
    """
    drawn = _curves("Loss, in nats", records, "loss") + _curves("Accuracy", records, "accuracy")
    if not drawn:
        return (
            '<h2>Curves</h2><p class="soft">The run logged no metrics: there is nothing '
            "to draw.</p>"
        )
    return f'<h2>Curves</h2><div class="charts">{drawn}</div>'


def draw_reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Return the reliability diagram as HTML: accuracy by confidence, the probability of the
    predicted label.

    It has a point for each bin of `foretell.metrics.reliability_bins`, whose area is its share of
    the texts. On the dashed line accuracy and confidence are equal.
    """
    points = [(row["confidence"], row["accuracy"]) for row in bins]
    low = math.floor(10 * min(min(point) for point in points)) / 10
    rows = [tick for tick in ticks(low, 1.0, 5) if low - 1e-9 <= tick <= 1]
    x_of = _scale((low, 1.0), (_LEFT, _RIGHT))
    y_of = _scale((low, 1.0), (_BOTTOM, _TOP))
    total = sum(row["texts"] for row in bins)
    parts = [
        f'<line class="ideal" x1="{_LEFT}" y1="{_BOTTOM}" x2="{_RIGHT}" y2="{_TOP}"/>',
        f'<g class="train">{_line(points, x_of, y_of)}',
    ]
    for (confidence, accuracy), row in zip(points, bins, strict=True):
        radius = max(2.0, _MAX_RADIUS * math.sqrt(row["texts"] / total))
        parts.append(
            f'<circle class="ring" cx="{x_of(confidence):.1f}" cy="{y_of(accuracy):.1f}" '
            f'r="{radius:.1f}">'
            f"<title>confidence {confidence:.1%}, accuracy {accuracy:.1%}: "
            f"{row['texts']:,.0f} texts</title>"
            "</circle>"
        )
    summary = ", ".join(f"confidence {one:.0%}, accuracy {other:.0%}" for one, other in points)
    return _figure(
        "Reliability diagram",
        [
            *_grid(rows, y_of, rows, x_of, lambda value: f"{100 * value:g} %", _percent),
            *parts,
            "</g>",
        ],
        summary,
        "horizontal: confidence · vertical: accuracy · dashed: perfect calibration · area: "
        "share of texts",
    )


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that cover `low` to `high`."""
    # A flat curve needs a scale too, also one that differs only by rounding.
    size = max(abs(low), abs(high), 1.0)
    if high - low < 1e-9 * size:
        high = low + size
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    gap = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.floor(low / gap + 1e-9)
    last = math.ceil(high / gap - 1e-9)
    return [round(i * gap, 12) for i in range(first, last + 1)]


def _curves(title: str, records: Sequence[Record], key: str) -> str:
    """Draw training and validation over the steps, named below; "" where there is neither."""
    curves = {
        ("train", "training"): _points(records, key),
        ("valid", "validation"): _points(records, f"valid_{key}"),
    }
    every = [point for points in curves.values() for point in points]
    if not every:
        return ""
    steps, values = zip(*every, strict=True)
    rows = ticks(min(values), max(values), 4)
    shown: Callable[[float], str] = "{:.3g}".format
    name_of_row: Callable[[float], str] = "{:g}".format
    if key == "accuracy":
        # None lies outside 0 to 100 %.
        rows = sorted({min(max(row, 0.0), 1.0) for row in rows})
        if len(rows) == 1:
            rows = [0.0, 1.0]
        shown = name_of_row = _percent
    last = max(steps)
    columns = [tick for tick in ticks(0.0, last, 5) if tick <= last]
    x_of = _scale((0.0, last or 1.0), (_LEFT, _RIGHT))
    y_of = _scale((rows[0], rows[-1]), (_BOTTOM, _TOP))
    parts = _grid(rows, y_of, columns, x_of, _short, name_of_row)
    ends = []
    captions = []
    for (css, name), points in curves.items():
        if points:
            x, y = points[-1]
            circle = f'<circle class="ring" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="5"/>'
            parts.append(f'<g class="{css}">{_line(points, x_of, y_of)}{circle}</g>')
            ends.append(f"{name} {shown(y)}")
            captions.append(f'<b class="{css}">{ends[-1]}</b>')
    summary = f"by step; at the end: {', '.join(ends)}"
    return _figure(title, parts, summary, f"by training step, at the end {' · '.join(captions)}")


def _points(records: Sequence[Record], key: str) -> list[Point]:
    """Return [step, value] for what can be drawn; many points are averaged in groups of
    neighbours.
    """
    pairs = [
        (float(record["step"]), number(record.get(key)))
        for record in records
        if record["step"] >= 0
    ]
    points = [(step, value) for step, value in pairs if value is not None]
    size = math.ceil(len(points) / _MAX_POINTS) or 1
    groups = in_parts(points, size)
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _scale(values: Point, places: Point) -> Callable[[float], float]:
    """Return the linear map that takes the two values to the two places."""
    slope = (places[1] - places[0]) / (values[1] - values[0])
    return lambda value: places[0] + slope * (value - values[0])


def _grid(
    rows: Sequence[float],
    y_of: Callable[[float], float],
    columns: Sequence[float],
    x_of: Callable[[float], float],
    name_of_column: Callable[[float], str],
    name_of_row: Callable[[float], str],
) -> list[str]:
    """Draw a line and its number for each row, and the number of each column."""
    lines = [
        f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y_of(row):.1f}" y2="{y_of(row):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y_of(row) + 4:.1f}" text-anchor="end">{name_of_row(row)}</text>'
        for row in rows
    ]
    below = [
        f'<text x="{x_of(tick):.1f}" y="{_HEIGHT - 10}" '
        f'text-anchor="middle">{name_of_column(tick)}</text>'
        for tick in columns
    ]
    return lines + below


def _line(
    points: Sequence[Point], x_of: Callable[[float], float], y_of: Callable[[float], float]
) -> str:
    places = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
    return f'<polyline class="curve" points="{places}"/>'


def _figure(title: str, parts: Sequence[str], summary: str, caption: str) -> str:
    return (
        f'<figure class="card"><h3>{title}</h3><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{title} '
        f'{summary}">{"".join(parts)}</svg><figcaption>{caption}</figcaption></figure>'
    )


def _percent(value: float) -> str:
    return f"{round(100 * value, 1):g} %"


def _short(value: float) -> str:
    """Return a number of steps, such as 20k."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
