"""The report of a run: one self-contained HTML file.

It holds no script, loads nothing and allows neither (its Content-Security-Policy allows only its own style
sheet, by its hash), so it can be opened, mailed or put on a server whatever texts are in it. Missing data is
left out; a run that logged nothing gets a page without curves.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from foretell.artifacts.manifest import RUN
from foretell.metrics.shown import count, number, remarks_on, rows_of, shown_value, tiles_of
from foretell.readable import html_page, percent
from foretell.training.curves import Record, draw_curves, draw_reliability

REPORT = "report.html"
_REQUEST, _METRICS = "request.json", "metrics.jsonl"

_MAX_MISTAKES = 12
_MAX_LABELS = 16
_MAX_CHARACTERS = 700

_STYLE = files("foretell.training").joinpath("report.css").read_text(encoding="utf-8")


def write_report(run_dir: Path, metrics: Mapping[str, object]) -> Path:
    """Write `report.html` into the folder of a run.

    Args:
        run_dir: holds `metrics.jsonl` (lines with step, and of loss, accuracy, valid_loss and valid_accuracy
            what is known) and `request.json`; either may be missing or damaged.
        metrics: the final metrics. Some have a section of their own: `confusion` (`names`, `counts` [true,
            predicted]), `labels` (label → precision, recall, f1, support), `mistakes` (text, label,
            predicted, probability), `reliability` and `coverage` (as `foretell.metrics` gives them). Every
            other number gets a row.

    Returns:
        The path of the report.
    """
    path = run_dir / REPORT
    page = _page(run_dir.name.removesuffix(".run"), _request(run_dir), _records(run_dir), metrics)
    # A text can hold half of a surrogate pair, which UTF-8 cannot encode.
    path.write_bytes(page.encode("utf-8", "replace"))
    return path


def report_of(model_dir: Path, metrics: Mapping[str, object]) -> str:
    """Return the report of a model directory, as HTML: that of its run.

    A model that was saved again has no run; its report is made of `metrics` and has no curves.
    """
    path = model_dir / RUN / REPORT
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return _page(model_dir.name, {}, [], metrics)


def _request(run_dir: Path) -> Mapping[str, object]:
    try:
        request = json.loads((run_dir / _REQUEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return request if isinstance(request, dict) else {}


def _records(run_dir: Path) -> list[Record]:
    """Return the logged lines by step. Of a step that a resumed run has repeated, the last line counts."""
    records: list[Record] = []
    try:
        lines = (run_dir / _METRICS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return records
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or number(record.get("step")) is None:
            continue
        while records and records[-1]["step"] > record["step"]:
            records.pop()
        known = {name: value for name, value in record.items() if value is not None}
        if records and records[-1]["step"] == record["step"]:
            records[-1].update(known)
        else:
            records.append(known)
    return records


def _text(value: object, max_characters: int = _MAX_CHARACTERS) -> str:
    """Escape for HTML; control characters become visible, and a long text is cut."""
    shown = "".join(c if c >= " " or c == "\n" else "\ufffd" for c in str(value))
    if len(shown) > max_characters:
        shown = shown[:max_characters].rstrip() + " …"
    return escape(shown)


def _isolated(value: object, max_characters: int = _MAX_CHARACTERS) -> str:
    """Escape a text of the user's, isolated: a right-to-left text must not reorder the text around it."""
    return f"<bdi>{_text(value, max_characters)}</bdi>"


def _page(
    name: str, request: Mapping[str, object], records: list[Record], metrics: Mapping[str, object]
) -> str:
    parts = [
        _heading(name, request, records),
        _tiles(metrics),
        draw_curves(records),
        _tables(metrics),
        _calibration(metrics),
        _mistakes(metrics),
        _settings(request),
    ]
    footer = (
        '<footer class="soft">Written by foretell at the end of training. The data of the curves is '
        "<code>metrics.jsonl</code> beside this file.</footer>"
    )
    return html_page(f"{name} · foretell", _STYLE, [*parts, footer])


def _heading(name: str, request: Mapping[str, object], records: list[Record]) -> str:
    facts = [str(request[key]) for key in ("job", "preset") if request.get(key)]
    started = number(request.get("started"))
    if started is not None and 0 <= started < 1e11:
        facts.append(time.strftime("%Y-%m-%d %H:%M", time.localtime(started)))
    if records:
        facts.append(f"{count(records[-1]['step'])} steps")
    return f'<header><h1>{_isolated(name)}</h1><p class="soft">{_text(" · ".join(facts))}</p></header>'


def _tiles(metrics: Mapping[str, object]) -> str:
    tiles = "".join(
        f'<div class="tile"><b>{_text(value)}</b><span>{_text(name)}</span></div>'
        for name, value in tiles_of(metrics)
    )
    reason = metrics.get("not_measured")
    sentences = [f"No accuracy: {reason}."] if reason else []
    remarks = "".join(f'<p class="soft">{_text(each)}</p>' for each in [*sentences, *remarks_on(metrics)])
    return f'<section class="tiles">{tiles}</section>{remarks}' if tiles else remarks


def _tables(metrics: Mapping[str, object]) -> str:
    rows = rows_of(metrics)
    every = _rows(rows, "All metrics") if rows else ""
    cards = [every, _confusion(metrics.get("confusion")) + _per_label(metrics.get("labels"))]
    shown = "".join(f'<div class="card wide">{card}</div>' for card in cards if card)
    return f'<h2>Metrics</h2><div class="pair">{shown}</div>' if shown else ""


def _rows(rows: Iterable[tuple[str, str]], title: str = "", caption: str = "") -> str:
    body = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows)
    above, below = title and f"<h3>{title}</h3>", caption and f"<caption>{caption}</caption>"
    return f"{above}<table>{below}<tbody>{body}</tbody></table>"


def _confusion(confusion: object) -> str:
    if not isinstance(confusion, dict):
        return ""
    names, counts = confusion.get("names"), confusion.get("counts")
    if not isinstance(names, list) or not isinstance(counts, list) or not _is_square(counts, len(names)):
        return ""
    if len(names) > _MAX_LABELS:
        return _most_confused(names, counts)
    head = "".join(f'<th scope="col">{_isolated(name, 40)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{_isolated(name, 40)}</th>{_cells(i, counts[i])}</tr>'
        for i, name in enumerate(names)
    )
    return (
        '<h3>Confusion matrix</h3><table class="matrix"><caption>rows: true label · columns: predicted '
        f"label</caption><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _is_square(counts: list[object], size: int) -> bool:
    rows = (row for row in counts if isinstance(row, list) and len(row) == size)
    numbers = [row for row in rows if all(number(n) is not None for n in row)]
    return 0 < size == len(counts) == len(numbers)


def _cells(i: int, row: Sequence[float]) -> str:
    total = sum(row) or 1
    return "".join(
        f'<td class="{"good" if i == j else "bad"}{min(10, max(0, round(10 * n / total)))}">{count(n)}'
        f"<small>{100 * n / total:.1f} %</small></td>"
        for j, n in enumerate(row)
    )


def _most_confused(names: list[object], counts: list[list[float]]) -> str:
    pairs = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    pairs.sort(reverse=True)
    rows = [(f"{names[i]} → {names[j]}", count(n)) for n, i, j in pairs[:_MAX_LABELS]]
    return _rows(rows, "Most frequent confusions: true label → predicted label") if rows else ""


def _per_label(labels: object) -> str:
    if not isinstance(labels, dict) or not all(isinstance(metrics, dict) for metrics in labels.values()):
        return ""
    has_thresholds = any("threshold" in metrics for metrics in labels.values())
    columns = ("precision", "recall", "f1", "support", *(["threshold"] if has_thresholds else []))
    body = "".join(
        f'<tr><th scope="row">{_isolated(name, 40)}</th>'
        + "".join(f"<td>{_cell(metrics.get(column))}</td>" for column in columns)
        + "</tr>"
        for name, metrics in labels.items()
    )
    head = "".join(f'<th scope="col">{column.replace("f1", "F1")}</th>' for column in columns)
    return (
        f"<h3>By label</h3><table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
        if body
        else ""
    )


def _cell(value: object) -> str:
    finite = number(value)
    if finite is None:
        return "–"
    return count(finite) if isinstance(value, int) else f"{finite:.3f}"


def _calibration(metrics: Mapping[str, object]) -> str:
    """Return the reliability diagram, the calibration error, and accuracy by coverage."""
    plot = draw_reliability(metrics.get("reliability"))
    table = _calibration_error(metrics) + _coverage(metrics.get("coverage"))
    if not plot or not table:
        return ""
    return (
        f'<h2>Calibration</h2><p class="soft">Measured on {_where(metrics)}, on which the ensemble weights '
        "were chosen too, so these metrics are a little too good. <code>foretell evaluate</code> measures on "
        "other texts.</p>"
        f'<div class="pair">{plot}<div class="card wide">{table}</div></div>'
    )


def _calibration_error(metrics: Mapping[str, object]) -> str:
    before, after = (number(metrics.get(f"{part}calibration_error")) for part in ("network_", ""))
    named = [("Network alone", None if before == after else before), ("Model", after)]
    rows = [(name, str(shown_value("calibration_error", each))) for name, each in named if each is not None]
    caption = "mean difference between confidence and accuracy, in 15 bins"
    return _rows(rows, "Expected calibration error", caption) if rows else ""


def _coverage(coverage: object) -> str:
    keys = ("threshold", "coverage", "accuracy")
    rows = [row for row in coverage if isinstance(row, dict)] if isinstance(coverage, list) else []
    body = "".join(
        f"<tr><th>{row['threshold']:.4f}</th><td>{100 * row['coverage']:.1f} %</td>"
        f"<td>{percent(row['accuracy'])}</td></tr>"
        for row in rows
        if all(number(row.get(key)) is not None for key in keys)
    )
    return (
        "<h3>Abstaining</h3><table><caption>with <code>classify --abstain-below</code>, a text gets no label "
        "if its highest probability is below the threshold</caption><thead><tr><th>Threshold</th>"
        f"<th>Texts with a label</th><th>Accuracy</th></tr></thead><tbody>{body}</tbody></table>"
        if body
        else ""
    )


def _where(metrics: Mapping[str, object]) -> str:
    return _text(metrics.get("measured_on") or "validation texts")


def _mistakes(metrics: Mapping[str, object]) -> str:
    mistakes = metrics.get("mistakes")
    if not isinstance(mistakes, list):
        return ""
    cards = "".join(_mistake(mistake) for mistake in mistakes[:_MAX_MISTAKES] if isinstance(mistake, dict))
    if not cards:
        return ""
    return (
        f'<h2>Most confident mistakes</h2><p class="soft">Wrong predictions of {_where(metrics)}, the most '
        "probable first. Some of them may have a wrong label in the data.</p>"
        f'<div class="mistakes">{cards}</div>'
    )


def _mistake(mistake: Mapping[str, object]) -> str:
    probability = number(mistake.get("probability"))
    share = min(1.0, max(0.0, probability or 0.0))
    shown = "" if probability is None else f" ({100 * share:.1f} %)"
    bar = (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" width="100" height="6"/>'
        f'<rect class="part" width="{100 * share:.1f}" height="6"/></svg>'
    )
    return (
        f'<div class="card"><blockquote dir="auto">{_text(mistake.get("text", ""))}</blockquote>'
        f'<p class="verdict">predicted <b>{_isolated(mistake.get("predicted", "–"), 60)}</b>{shown}, '
        f"true label <b>{_isolated(mistake.get('label', '–'), 60)}</b></p>"
        f"{'' if probability is None else bar}</div>"
    )


def _settings(request: Mapping[str, object]) -> str:
    settings, command = request.get("settings"), request.get("command_line")
    parts = []
    if isinstance(command, list) and command:
        words = ["foretell", *map(str, command[1:])]
        parts.append(f"<p><code>{_text(shlex.join(words), 4000)}</code></p>")
    if isinstance(settings, dict) and settings:
        table = _rows((str(name).replace("_", " "), str(value)) for name, value in settings.items())
        parts.append(f"<details><summary>All settings</summary>{table}</details>")
    return f'<h2>Command and settings</h2><div class="card">{"".join(parts)}</div>' if parts else ""
