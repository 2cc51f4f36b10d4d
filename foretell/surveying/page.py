"""A survey as one self-contained HTML page with plots, safe to open and to mail whatever the texts contain.

It has no script and loads nothing; its Content-Security-Policy permits only its own style sheet, by hash.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np

from foretell.artifacts.replacement import replace_file
from foretell.errors import ForetellError
from foretell.readable import percent, visible
from foretell.surveying.result import RARE, DataSurvey, summary_rows

_STYLE = (
    files("foretell.training").joinpath("report.css").read_text(encoding="utf-8")
    # The tables here hold texts, those of the report numbers.
    + "td,thead th{text-align:left;overflow-wrap:break-word}meter{width:100%;min-width:12em}"
)
_MAX_BARS, _BINS, _MAX_ROWS, _MAX_CHARACTERS = 30, 20, 50, 300


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
        _bars("Texts of each label", list(survey.labels.items()), "{:,}".format),
        _bars("Texts by number of tokens", _lengths(survey.lengths.counts), "{:,.0f}".format),
        _bars("Scripts, share of the letters", list(survey.scripts.items()), percent),
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


def _bars(title: str, rows: Sequence[tuple[str, float]], form: Callable[[float], str]) -> str:
    """Return a table of names and values, each value with a bar."""
    highest = max((value for _, value in rows), default=1)
    cells = [
        f"<td>{_shown(name)}</td><td>{form(value)}</td>"
        f'<td><meter value="{value / highest:.4f}" aria-hidden="true"></meter></td>'
        for name, value in rows[:_MAX_BARS]
    ]
    if len(rows) > _MAX_BARS:
        cells.append(f"<td>{len(rows) - _MAX_BARS:,} more are not shown</td>")
    return _card(title, "".join(f"<tr>{row}</tr>" for row in cells)) if rows else ""


def _lengths(counts: Mapping[int, int]) -> list[tuple[str, float]]:
    """Return how many texts have how many tokens, in bins that grow with the length."""
    longest = max(counts)
    edges = sorted({math.floor(longest ** (i / _BINS)) for i in range(_BINS + 1)} | {0, longest + 1})
    values, _ = np.histogram(list(counts), edges, weights=list(counts.values()))
    names = [f"{low:,}" + (f" to {high - 1:,}" if high - low > 1 else "") for low, high in pairwise(edges)]
    return list(zip(names, values.tolist(), strict=True))


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
    return _card(title, f"{top}<tbody>{body}</tbody>")


def _card(title: str, table: str) -> str:
    return f'<h2>{title}</h2><div class="card wide"><table>{table}</table></div>'


def _shown(value: object) -> str:
    """Escape a text and isolate it, so that it does not reorder the text around it."""
    return f"<bdi>{_plain(value)}</bdi>"


def _plain(value: object) -> str:
    """Escape a text where no element may be, and cut a long one."""
    text = visible(str(value))
    if len(text) > _MAX_CHARACTERS:
        text = text[:_MAX_CHARACTERS].rstrip() + " …"
    return escape(text)
