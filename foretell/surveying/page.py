"""A survey as one self-contained HTML page with plots, safe to open and to mail whatever the texts contain.

It has no script and loads nothing; its Content-Security-Policy permits only its own style sheet, by hash.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from foretell.artifacts.replacement import replace_file
from foretell.errors import ForetellError
from foretell.readable import percent, visible
from foretell.surveying.result import RARE, DataSurvey, summary_rows

_STYLE = (
    files("foretell.training").joinpath("report.css").read_text(encoding="utf-8")
    # The tables here hold texts, those of the report numbers.
    + "td,thead th{text-align:left;overflow-wrap:break-word}"
)
_MAX_BARS, _MAX_ROWS, _MAX_CHARACTERS = 30, 50, 300

# Geometry of a plot, in the units of its view box.
_WIDTH, _NAME, _VALUE, _LINE = 560, 190, 90, 24
_HEIGHT, _LEFT, _BOTTOM, _BINS = 240, 52, 34, 30


def write_page(survey: DataSurvey, path: str | Path) -> None:
    """Write the page of a survey to a file, whole or not at all; an existing file is replaced.

    Raises:
        ForetellError: it cannot be written.
    """
    try:
        replace_file(Path(path), to_page(survey).encode("utf-8", "replace"))
    except OSError as error:
        found = error.strerror or str(error)
        raise ForetellError(expected="a file that can be written", found=found, where=str(path)) from error


def to_page(survey: DataSurvey) -> str:
    """Return a survey as an HTML page."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    parts = [
        f"<header><h1>{_shown(survey.name)}</h1></header>",
        _table("Summary", (), [[name, value] for name, value in summary_rows(survey)]),
        _plots(survey),
        _errors(survey),
        _repeated(survey),
        _notes(survey),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{_plain(survey.name)} · foretell data</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(filter(None, parts)) + "\n</main>\n</body>\n</html>\n"
    )


def _plots(survey: DataSurvey) -> str:
    labels = list(survey.labels.items())[:_MAX_BARS]
    more = len(survey.labels) - len(labels)
    note = f"{more:,} more labels are not shown" if more else ""
    plots = [
        _bars("Texts of each label", labels, note=note, form="{:,}".format),
        _histogram("Tokens in a text", survey.lengths.counts),
        _bars("Scripts, share of the letters", list(survey.scripts.items())[:_MAX_BARS], form=percent),
    ]
    return f'<h2>Labels and texts</h2><div class="charts">{"".join(plots)}</div>'


def _bars(title: str, rows: Sequence[tuple[str, float]], *, form: object, note: str = "") -> str:
    """Return horizontal bars, each with its name and its value."""
    if not rows:
        return ""
    assert callable(form)
    highest = max(value for _, value in rows)
    room = _WIDTH - _NAME - _VALUE
    parts = []
    for i, (name, value) in enumerate(rows):
        middle = i * _LINE + _LINE * 0.7
        short = name if len(name) <= 24 else name[:23] + "…"
        parts.append(
            f'<text x="{_NAME - 8}" y="{middle:.1f}" text-anchor="end">{_plain(short)}'
            f"<title>{_plain(name)}</title></text>"
            f'<rect class="share" x="{_NAME}" y="{i * _LINE + 4}" width="{room * value / highest:.1f}" '
            f'height="{_LINE - 8}"/>'
            f'<text x="{_NAME + room * value / highest + 6:.1f}" y="{middle:.1f}">{form(value)}</text>'
        )
    summary = ", ".join(f"{name} {form(value)}" for name, value in rows)
    return _figure(title, f"0 0 {_WIDTH} {len(rows) * _LINE + 4}", summary, parts, note)


def _histogram(title: str, counts: Mapping[int, int]) -> str:
    """Return how many texts have how many tokens, in bins that grow with the length."""
    longest = max(counts)
    edges = sorted({math.floor(longest ** (i / _BINS)) for i in range(_BINS + 1)} | {0, longest + 1})
    bins = [0] * (len(edges) - 1)
    for length, count in counts.items():
        bins[next(i for i in range(len(bins)) if length < edges[i + 1])] += count
    step = (_WIDTH - _LEFT - 20) / len(bins)
    highest = max(bins)
    parts = [f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{_HEIGHT}" y2="{_HEIGHT}"/>']
    for i, count in enumerate(bins):
        height = (_HEIGHT - 20) * count / highest
        span = f"{edges[i]:,}" if edges[i + 1] - edges[i] == 1 else f"{edges[i]:,} to {edges[i + 1] - 1:,}"
        parts.append(
            f'<rect class="share" x="{_LEFT + i * step:.1f}" y="{_HEIGHT - height:.1f}" '
            f'width="{step - 1:.1f}" height="{height:.1f}">'
            f"<title>{span} tokens: {count:,} texts</title></rect>"
        )
        if i % max(len(bins) // 6, 1) == 0:
            parts.append(f'<text x="{_LEFT + i * step:.1f}" y="{_HEIGHT + 20}">{edges[i]:,}</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="24" text-anchor="end">{highest:,}</text>')
    summary = f"the most texts in a bin: {highest:,}; the longest text: {longest:,} tokens"
    return _figure(title, f"0 0 {_WIDTH} {_HEIGHT + _BOTTOM}", summary, parts, "number of texts by length")


def _figure(title: str, box: str, summary: str, parts: Iterable[str], note: str) -> str:
    caption = f"<figcaption>{_shown(note)}</figcaption>" if note else ""
    return (
        f'<figure class="card"><h3>{title}</h3><svg viewBox="{box}" role="img" '
        f'aria-label="{title}: {_plain(summary)}">{"".join(parts)}</svg>{caption}</figure>'
    )


def _errors(survey: DataSurvey) -> str:
    check = survey.label_check
    if check is None:
        return ""
    rows = [
        [each.row, each.label, f"{each.suggested} ({each.suggested_probability:.2f})", each.text]
        for each in check.errors[:_MAX_ROWS]
    ]
    title = f"Likely label errors: {len(check.errors):,} of {check.judged:,} texts"
    return _table(title, ("row", "label", "suggested (probability)", "text"), rows)


def _repeated(survey: DataSurvey) -> str:
    texts, parts = survey.examples.texts, []
    conflicts = [
        [", ".join(map(str, survey.rows_of(each.places)[:5])), _counts(each.labels), texts[each.places[0]]]
        for each in survey.conflicts[:_MAX_ROWS]
    ]
    parts.append(_table("The same text with different labels", ("rows", "labels", "text"), conflicts))
    near = [
        [", ".join(map(str, survey.rows_of(group)[:5])), " ⋯ ".join(texts[place] for place in group[:2])]
        for group in survey.repeats.near[:_MAX_ROWS]
    ]
    parts.append(_table("Near-duplicates", ("rows", "texts"), near))
    rare = [[label, f"{count:,}"] for label, count in list(survey.rare_labels.items())[:_MAX_ROWS]]
    parts.append(_table(f"Labels with fewer than {RARE} texts", ("label", "texts"), rare))
    return "".join(parts)


def _notes(survey: DataSurvey) -> str:
    items = "".join(f"<li>{_shown(note)}</li>" for note in survey.notes)
    return f'<h2>Notes</h2><ul class="soft">{items}</ul>' if items else ""


def _counts(labels: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count:,}" for label, count in labels.items())


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    columns = "".join(f'<th scope="col">{name}</th>' for name in head)
    top = f"<thead><tr>{columns}</tr></thead>" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<h2>{title}</h2><div class="card wide"><table>{top}<tbody>{body}</tbody></table></div>'


def _shown(value: object) -> str:
    """Escape a text and isolate it, so that it does not reorder the text around it."""
    return f"<bdi>{_plain(value)}</bdi>"


def _plain(value: object) -> str:
    """Escape a text where no element may be, and cut a long one."""
    text = visible(str(value))
    if len(text) > _MAX_CHARACTERS:
        text = text[:_MAX_CHARACTERS].rstrip() + " …"
    return escape(text)
