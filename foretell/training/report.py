"""The report of a run: one self-contained HTML file.

It holds no script, loads nothing and allows neither (its Content-Security-Policy allows only its
own style sheet, by its hash), so it can be opened, mailed or put on a server whatever texts are in
it. A section whose metrics are missing is left out.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from foretell.artifacts.manifest import RUN
from foretell.artifacts.replacement import new_file
from foretell.metrics.shown import (
    by_chance,
    count,
    majority_of,
    number,
    result_of,
    rows_of,
    tiles_of,
)
from foretell.readable import pairs, percent, visible
from foretell.runtime.html import frame, html_page, html_text
from foretell.training.curves import Record, draw_curves, draw_reliability

REPORT = "report.html"
_REQUEST = "request.json"
_METRICS = "metrics.jsonl"

Metrics = Mapping[str, Any]

_MAX_LABELS = 16
_MAX_NAME = 40

_STYLE = files("foretell.training").joinpath("report.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Report:
    """The report of a training as one HTML page, which a notebook shows, and as text, which `print`
    shows.

    >>> lm.report().save("report.html")

    Attributes:
        html: the page. It loads nothing and runs no scripts.
        path: the file that the training wrote; None: the model was saved without its run, and the
            page has its metrics alone.
        text: the result, what it means, and every metric.
    """

    html: str = field(repr=False)
    path: Path | None
    text: str = field(repr=False, default="")

    def __str__(self) -> str:
        return self.text

    def save(self, path: str | Path) -> None:
        """Write the page to a file; an older one is replaced."""
        # A text can hold half of a surrogate pair, which UTF-8 cannot encode.
        with new_file(Path(path)) as new:
            new.write_bytes(self.html.encode("utf-8", "replace"))

    def _repr_html_(self) -> str:
        return frame(self.html, height=720)


def write_report(run_dir: Path, metrics: Metrics) -> None:
    """Write `report.html` into the folder of a run.

    Args:
        run_dir: holds `request.json` and, once something was logged, `metrics.jsonl` (lines with
            step, and of loss, accuracy, valid_loss and valid_accuracy what is known).
        metrics: the final metrics. Some have a section of their own: `confusion` (`names`, `counts`
            [true, predicted]), `labels` (label → precision, recall, f1, support), `reliability` and
            `coverage` (as `foretell.metrics` gives them). Every other number gets a row.
    """
    path = run_dir / REPORT
    log = run_dir / _METRICS
    request = json.loads((run_dir / _REQUEST).read_text(encoding="utf-8"))
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    page = _page(run_dir.name.removesuffix(".run"), request, list(map(json.loads, lines)), metrics)
    Report(page, path).save(path)


def report_of(model_dir: Path, metrics: Metrics) -> Report:
    """Return the report of a model directory: that of its run.

    A model that was saved again has no run; its report is made of `metrics` and has no curves.
    """
    path = model_dir / RUN / REPORT
    try:
        html = path.read_text(encoding="utf-8")
        found = path
    except OSError:
        html = _page(model_dir.name, {}, [], metrics)
        found = None
    return Report(html, found, _whole(_text, metrics))


def _text(metrics: Metrics) -> str:
    rows = ((visible(name), visible(value)) for name, value in rows_of(metrics))
    return "\n".join([result_of(metrics), *remarks_on(metrics), pairs(rows)])


def remarks_on(metrics: Metrics) -> list[str]:
    """Return how far the metrics can be trusted, and what to do where a baseline is better, as
    sentences.
    """
    remarks = metrics.get("caution"), majority_of(metrics), _better_baseline(metrics)
    sentences = [str(sentence) for sentence in remarks if sentence]
    return [
        sentence[0].upper() + sentence[1:] + ("" if sentence.endswith(".") else ".")
        for sentence in sentences
    ]


def _better_baseline(metrics: Metrics) -> str:
    keys = (
        "accuracy",
        "baseline_accuracy",
        "valid_perplexity",
        "baseline_perplexity",
        "valid_texts",
        "texts",
    )
    accuracy, linear, perplexity, kneser_ney, valid, texts = (
        number(metrics.get(key)) or 0.0 for key in keys
    )
    if accuracy + by_chance(accuracy, valid or texts) < linear:
        remark = (
            f"here ({percent(linear)} against {percent(accuracy)}): add unlabelled "
            f"texts, or label more"
        )
        return f"The n-gram linear model alone is more accurate {remark}"
    if perplexity > kneser_ney > 0:
        remark = (
            f"here ({kneser_ney:,.1f} against {perplexity:,.1f}): try more minutes, or more text"
        )
        return f"The Kneser–Ney model alone has a lower perplexity {remark}"
    return ""


def _page(name: str, request: Metrics, records: Sequence[Record], metrics: Metrics) -> str:
    tables = "".join(_whole(section, metrics) for section in (_all_metrics, _confusion, _by_label))
    parts = [
        _heading(name, request, records),
        _whole(_tiles, metrics),
        draw_curves(records),
        f'<h2>Metrics</h2><div class="pair">{tables}</div>' if tables else "",
        _whole(_calibration, metrics),
        _whole(_settings, request),
    ]
    footer = (
        '<footer class="soft">Written by foretell at the end of training. The data of the '
        "curves is "
        "<code>metrics.jsonl</code> beside this file.</footer>"
    )
    return html_page(f"{name} · foretell", _STYLE, [*parts, footer])


def _whole(section: Callable[[Metrics], str], values: Metrics) -> str:
    """Return a section; "" where its values are missing, or not what it expects."""
    try:
        return section(values)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return ""


def _table(
    title: str,
    rows: Iterable[Sequence[str]],
    *,
    head: Sequence[str] = (),
    caption: str = "",
    css: str = "",
) -> str:
    """Return a table of HTML cells, the first of each row its name; "" where there is no row."""
    body = "".join(
        f"<tr><th>{name}</th>{''.join(c if c.startswith('<td') else f'<td>{c}</td>' for c in cells)}</tr>"
        for name, *cells in rows
    )
    above = title and f"<h3>{title}</h3>", caption and f"<caption>{caption}</caption>"
    columns = "".join(f'<th scope="col">{column}</th>' for column in head)
    columns = columns and f"<thead><tr>{columns}</tr></thead>"
    table = f'{above[0]}<table class="{css}">{above[1]}{columns}<tbody>{body}</tbody></table>'
    return table if body else ""


def _label(name: object) -> str:
    return html_text(name, _MAX_NAME)


def _card(content: str) -> str:
    # The keyboard scrolls a wide table only where it can have the focus.
    return f'<div class="card wide" tabindex="0">{content}</div>' if content else ""


def _heading(name: str, request: Metrics, records: Sequence[Record]) -> str:
    facts = []
    if request:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(request["started"]))
        facts += [str(request["job"]), str(request["preset"]), started]
    if records:
        facts.append(f"{count(records[-1]['step'])} steps")
    title = f"<h1>{html_text(name)}</h1>"
    return f'<header>{title}<p class="soft">{html_text(" · ".join(facts))}</p></header>'


def _tiles(metrics: Metrics) -> str:
    tiles = "".join(
        f'<div class="tile"><b>{html_text(value)}</b><span>{html_text(name)}</span></div>'
        for name, value in tiles_of(metrics)
    )
    reason = metrics.get("not_measured")
    sentences = [*([f"No accuracy: {reason}."] if reason else []), *remarks_on(metrics)]
    remarks = "".join(f'<p class="soft">{html_text(sentence)}</p>' for sentence in sentences)
    return f'<section class="tiles">{tiles}</section>{remarks}' if tiles else remarks


def _all_metrics(metrics: Metrics) -> str:
    rows = [(html_text(name), html_text(value)) for name, value in rows_of(metrics)]
    return _card(_table("All metrics", rows))


def _confusion(metrics: Metrics) -> str:
    names = metrics["confusion"]["names"]
    counts = metrics["confusion"]["counts"]
    if len(names) > _MAX_LABELS:
        return _most_confused(names, counts)
    rows = []
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = sum(row) or 1
        cells = [
            f'<td class="{"good" if i == j else "bad"}{round(10 * n / total)}">{count(n)}'
            f"<small>{100 * n / total:.1f} %</small></td>"
            for j, n in enumerate(row)
        ]
        rows.append((_label(name), *cells))
    caption = "rows: true label · columns: predicted label"
    head = ["true label", *map(_label, names)]
    return _card(_table("Confusion matrix", rows, head=head, caption=caption, css="matrix"))


def _most_confused(names: Sequence[str], counts: Sequence[Sequence[float]]) -> str:
    pairs = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    pairs.sort(reverse=True)
    if not pairs:
        return ""
    rows = [
        (f"{_label(names[i])} → {_label(names[j])}", count(n)) for n, i, j in pairs[:_MAX_LABELS]
    ]
    return _card(_table("Most frequent confusions: true label → predicted label", rows))


def _by_label(metrics: Metrics) -> str:
    labels = metrics["labels"]
    columns = ["precision", "recall", "f1", "support"]
    columns += ["threshold"] if any("threshold" in row for row in labels.values()) else []
    rows = [
        (_label(name), *(_cell(_of_texts(row).get(column)) for column in columns))
        for name, row in labels.items()
    ]
    return _card(
        _table(
            "By label", rows, head=["Label", *(column.replace("f1", "F1") for column in columns)]
        )
    )


def _of_texts(metrics: Metrics) -> Metrics:
    """Return the metrics of a label; one without texts has neither precision, recall nor F1."""
    if metrics.get("support") != 0:
        return metrics
    return {key: metrics[key] for key in ("support", "threshold") if key in metrics}


def _cell(value: object) -> str:
    finite = number(value)
    if finite is None:
        return "–"
    return count(finite) if isinstance(value, int) else f"{finite:.3f}"


def _calibration(metrics: Metrics) -> str:
    """Return the reliability diagram, and accuracy by coverage."""
    rows = [
        (f"{row['threshold']:.4f}", f"{100 * row['coverage']:.1f} %", percent(row["accuracy"]))
        for row in metrics["coverage"]
    ]
    caption = (
        "with <code>classify --abstain-below</code>, a text gets no label if its highest "
        "probability is "
        "below the threshold"
    )
    where = html_text(metrics.get("measured_on") or "validation texts")
    table = _table(
        "Abstaining", rows, head=("Threshold", "Texts with a label", "Accuracy"), caption=caption
    )
    return (
        f'<h2>Calibration</h2><p class="soft">Measured on {where}, on which the ensemble weights '
        "were chosen too, so these metrics are a little too good. <code>foretell "
        "evaluate</code> measures on "
        f"other texts.</p><div "
        f'class="pair">{draw_reliability(metrics["reliability"])}{_card(table)}</div>'
    )


def _settings(request: Metrics) -> str:
    words = shlex.join(["foretell", *map(str, request["command_line"][1:])])
    rows = [
        (html_text(name.replace("_", " ")), html_text(value))
        for name, value in request["settings"].items()
    ]
    return (
        f"<h2>Command and settings</h2><div "
        f'class="card"><p><code>{html_text(words, 4_000)}</code></p>'
        f"<details><summary>All settings</summary>{_table('', rows)}</details></div>"
    )
