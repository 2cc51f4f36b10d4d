"""The plots of a search as SVG, without script or fonts: history, importance, the metric against latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from foretell.readable import percent, visible
from foretell.training.curves import scale, ticks
from foretell.tuning.driver import best, complete
from foretell.tuning.objective import Objective
from foretell.tuning.trials import TrialRecord

# Geometry, in the units of the view box.
_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 28, 18, 36
_NAME, _VALUE, _LINE = 150, 80, 28

Place = Callable[[float], float]


def draw_history(records: Sequence[TrialRecord], objective: Objective) -> str:
    """Return the metric of each complete trial by its number, with a line for the best so far."""
    ended = complete(records)
    if not ended:
        return ""
    values = [(float(each.number), _value(each)) for each in ended]
    x_of, y_of, axes = _axes([x for x, _ in values], [y for _, y in values], objective.shown)
    steps: list[tuple[float, float]] = []
    for each in ended:
        so_far = best([other for other in ended if other.number <= each.number], objective)
        assert so_far is not None
        if steps:
            steps.append((x_of(each.number), steps[-1][1]))
        steps.append((x_of(each.number), y_of(_value(so_far))))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in steps)
    points = [
        _point(x_of(each.number), y_of(_value(each)), _title(each, objective), is_preset=each.is_preset)
        for each in ended
    ]
    parts = [*axes, f'<g class="train"><polyline class="curve" points="{line}"/></g>', *points]
    first = best(ended, objective)
    assert first is not None
    summary = f"{len(ended)} complete trials, the best {objective.shown(_value(first))}"
    return _figure(
        f"{_titled(objective)} by trial",
        summary,
        parts,
        f"horizontal: number of the trial · vertical: {objective.title} on validation data · line: the best "
        "so far · orange: the preset",
    )


def draw_importance(importance: Mapping[str, float]) -> str:
    """Return a bar for each searched setting, the most important first; "" where there are none."""
    rows = sorted(
        ((name.replace("_", " "), value) for name, value in importance.items()), key=lambda row: -row[1]
    )
    if not rows:
        return ""
    highest, room = max(value for _, value in rows) or 1.0, _WIDTH - _NAME - _VALUE
    parts = []
    for i, (name, value) in enumerate(rows):
        middle, length = i * _LINE + _LINE * 0.65, room * value / highest
        parts.append(
            f'<text x="{_NAME - 8}" y="{middle:.1f}" text-anchor="end">{_plain(name)}</text>'
            f'<rect class="share" x="{_NAME}" y="{i * _LINE + 4}" width="{length:.1f}" '
            f'height="{_LINE - 8}"/>'
            f'<text x="{_NAME + length + 6:.1f}" y="{middle:.1f}">{percent(value)}</text>'
        )
    summary = ", ".join(f"{name} {percent(value)}" for name, value in rows)
    caption = "share of what decides whether a trial is a good one (PED-ANOVA); uncertain for few trials"
    return _figure("Importance of the settings", summary, parts, caption, height=len(rows) * _LINE + 4)


def draw_latency(records: Iterable[TrialRecord], objective: Objective, chosen: int) -> str:
    """Return the metric of the trials whose latency was measured against it; "" where there are none."""
    measured = [each for each in complete(records) if each.ms is not None]
    if not measured:
        return ""
    spots = [(each.ms or 0.0, _value(each)) for each in measured]
    x_of, y_of, axes = _axes([x for x, _ in spots], [y for _, y in spots], objective.shown)
    parts = list(axes)
    for each, (x, y) in zip(measured, spots, strict=True):
        title = f"{_title(each, objective)}, {x:.2f} ms"
        parts.append(_point(x_of(x), y_of(y), title, is_preset=each.is_preset))
        name = f"{each.number}{' (chosen)' if each.number == chosen else ''}"
        # Near the right edge the name stands before its point.
        is_right = x_of(x) > _WIDTH - 4 * _RIGHT
        at, anchor = (x_of(x) - 9, ' text-anchor="end"') if is_right else (x_of(x) + 9, "")
        parts.append(f'<text x="{at:.1f}" y="{y_of(y) + 4:.1f}"{anchor}>{name}</text>')
    summary = ", ".join(f"trial {each.number} {each.ms:.2f} ms" for each in measured)
    return _figure(
        f"{_titled(objective)} against latency",
        summary,
        parts,
        f"horizontal: milliseconds of one prediction on one thread · vertical: {objective.title} · the best "
        "trials and, in orange, the preset",
    )


def _axes(
    across: Sequence[float], up: Sequence[float], shown: Callable[[float], str]
) -> tuple[Place, Place, list[str]]:
    """Return the maps of both axes, and the grid with its numbers."""
    rows, columns = ticks(min(up), max(up), 4), ticks(min(across), max(across), 6)
    x_of = scale((columns[0], columns[-1]), (_LEFT, _WIDTH - _RIGHT))
    y_of = scale((rows[0], rows[-1]), (_HEIGHT - _BOTTOM, _TOP))
    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y_of(row):.1f}" y2="{y_of(row):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y_of(row) + 4:.1f}" text-anchor="end">{shown(row)}</text>'
        for row in rows
    ]
    parts += [
        f'<text x="{x_of(column):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{column:g}</text>'
        for column in columns
    ]
    return x_of, y_of, parts


def _point(x: float, y: float, title: str, *, is_preset: bool) -> str:
    css = "valid" if is_preset else "train"
    return (
        f'<g class="{css}"><circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5">'
        f"<title>{_plain(title)}</title></circle></g>"
    )


def _title(record: TrialRecord, objective: Objective) -> str:
    return f"trial {record.number}: {objective.shown(_value(record))} ({record.described()})"


def _figure(title: str, summary: str, parts: Iterable[str], caption: str, *, height: int = _HEIGHT) -> str:
    return (
        f'<figure class="card"><h3>{title}</h3><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{title}: {_plain(summary)}">{"".join(parts)}</svg><figcaption>{caption}</figcaption>'
        "</figure>"
    )


def _titled(objective: Objective) -> str:
    """Return the name of the metric with a capital first letter; "macro F1" keeps its F."""
    return objective.title[:1].upper() + objective.title[1:]


def _value(record: TrialRecord) -> float:
    assert record.value is not None
    return record.value


def _plain(text: str) -> str:
    return escape(visible(text))
