"""`DataSurvey`: what a survey of labelled texts found, as values, rows for people, JSON and a
page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np

from foretell.artifacts.replacement import new_file
from foretell.errors import UsageError
from foretell.readable import isolated, listed, pairs, percent
from foretell.runtime.html import card, html_page, html_text
from foretell.surveying.corrections import SurveyedData, accepted_above, write_corrected
from foretell.surveying.counts import (
    NAMES_SHOWN,
    ColumnCounts,
    Rows,
    TokenLengths,
    counted,
    dropped_rows,
    number_or_none,
)
from foretell.surveying.label_check import MIN_TEXTS, LabelCheck, LabelError
from foretell.surveying.repeats import Conflict, Overlap, Repeats

RARE = 10
"""Texts of a label below which it is too rare to learn."""

_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class DataSurvey(SurveyedData):
    """What is in labelled texts, and what is wrong with them.

    Attributes:
        name, columns, examples, rows, label_column, source: as in `SurveyedData`.
        encoding: of a file of text, where it is not UTF-8; of several files, of the first such one.
        labels: number of texts of each label, the most frequent first.
        scripts: the share of each script among the letters, the largest first.
        lengths: of the texts, in tokens.
        repeats: equal texts and near-duplicates, as places in `examples`, those of other parts left
            out.
        conflicts: equal texts with more than one label.
        overlaps: for each other part of a split, the texts that are in the training data too.
        label_check: the likely label errors; None: the check was not asked for.
        notes: what was chosen, dropped or guessed while reading, and warnings.
    """

    encoding: str | None
    labels: dict[str, int]
    scripts: dict[str, float]
    lengths: TokenLengths
    repeats: Repeats = field(repr=False)
    conflicts: tuple[Conflict, ...] = field(repr=False)
    overlaps: tuple[Overlap, ...]
    label_check: LabelCheck | None
    notes: list[str]

    @property
    def texts(self) -> int:
        """The number of texts."""
        return len(self.examples)

    def to_dict(self) -> dict[str, object]:
        """Return the survey as plain values, ready for JSON: what `foretell data --json` prints.

        Of duplicates, near-duplicates and conflicts it has the number, and the rows of the first
        100 groups.
        """
        check = self.label_check
        return {
            "name": self.name,
            "texts": self.texts,
            "dropped": self.examples.dropped,
            "encoding": self.encoding,
            "columns": [asdict(column) for column in self.columns],
            "labels": self.labels,
            "scripts": self.scripts,
            "tokens": {
                key: value for key, value in asdict(self.lengths).items() if key != "counts"
            },
            "duplicates": self._groups(self.repeats.duplicates, self.repeats.equal),
            "near_duplicates": self._groups(self.repeats.near_duplicates, self.repeats.near),
            "conflicts": {
                "texts": len(self.conflicts),
                "groups": [
                    {"rows": self.rows_of(c.places), "labels": c.labels}
                    for c in self.conflicts[:_SHOWN]
                ],
            },
            "overlaps": [asdict(each) for each in self.overlaps],
            "label_errors": None if check is None else asdict(check),
            "notes": self.notes,
        }

    def __str__(self) -> str:
        return f"{self.name}\n{pairs(summary_rows(self))}"

    def _repr_html_(self) -> str:
        return card(self.name, summary_rows(self))

    def save_html(self, path: str | Path) -> None:
        """Write the survey as one HTML page with plots; it has no script and loads nothing. It
        quotes texts.

        Raises:
            ForetellError: it cannot be written.
        """
        with new_file(Path(path)) as new:
            new.write_bytes(to_page(self).encode("utf-8", "replace"))

    def write_corrected(
        self,
        path: str | Path,
        *,
        accept: Iterable[LabelError] | Mapping[int, str] = (),
        above: float | None = None,
    ) -> int:
        """Write a copy of the data as CSV with corrected labels; return how many labels were
        changed.

        It has all columns and records. The data itself is read once more, and never changed.

        >>> found.write_corrected("clean.csv", above=0.95)

        Args:
            path: the CSV file; an older one is replaced, but not the data.
            accept: the errors of `label_check` whose suggestion is accepted, or the new label of
                each row.
            above: also accept all suggestions with at least this probability, 0 to 1.

        Raises:
            UsageError: `above` without a check of the labels, `path` is the data, or the data is a
                stream.
            DataError: the data has changed since the survey.
            ForetellError: the file cannot be written.
        """
        if not isinstance(accept, Mapping):
            accept = {error.row: error.suggested for error in accept}
        corrections = dict(accept)
        if above is not None:
            if self.label_check is None:
                raise UsageError(
                    "a survey with check_labels=True", "one without", where="write_corrected"
                )
            corrections = accepted_above(self.label_check.errors, above) | corrections
        return write_corrected(self, corrections, path)

    def rows_of(self, places: tuple[int, ...]) -> list[int]:
        """Return the record numbers of places in `examples`."""
        return [self.rows[place] for place in places]

    def _groups(self, texts: int, groups: tuple[tuple[int, ...], ...]) -> dict[str, object]:
        return {"texts": texts, "groups": [self.rows_of(group) for group in groups[:_SHOWN]]}


def summary_rows(survey: DataSurvey) -> Rows:
    """Return what a survey found, as pairs of a name and a value, in display order."""
    rows = [("texts", f"{survey.texts:,}"), *dropped_rows(survey.examples)]
    if survey.columns:
        rows.append(("columns", listed(map(_column, survey.columns), NAMES_SHOWN)))
    if survey.encoding:
        rows.append(("encoding", survey.encoding))
    rows.append((f"{len(survey.labels)} labels", counted(survey.labels)))
    if rare := {label: count for label, count in survey.labels.items() if count < RARE}:
        rows.append((f"fewer than {RARE} texts", f"too rare to learn: {counted(rare)}"))
    scripts = (f"{name} {percent(share)}" for name, share in survey.scripts.items())
    rows.append(("scripts", listed(scripts, NAMES_SHOWN)))
    rows += survey.lengths.rows("text", survey.texts)
    repeats = survey.repeats
    counts = {
        "duplicates": repeats.duplicates,
        "near-duplicates": repeats.near_duplicates,
        "same text, two labels": len(survey.conflicts),
    }
    rows += [(name, number_or_none(count)) for name, count in counts.items()]
    rows += [(f"{each.part} data", _overlap(each)) for each in survey.overlaps]
    check = survey.label_check
    if check is not None:
        accuracy = f"(accuracy out of fold {percent(check.accuracy)})"
        errors = f"{len(check.errors):,} of {check.judged:,} texts {accuracy}"
        rows.append(("likely label errors", errors))
        if check.not_judged:
            few = f"fewer than {MIN_TEXTS} texts: {counted(check.not_judged)}"
            rows.append(("labels not judged", few))
    return rows


def _column(column: ColumnCounts) -> str:
    facts = [f"{column.distinct:,} different"]
    if column.empty:
        facts.append(f"{column.empty:,} empty")
    if column.role:
        facts.append(f"read as {column.role}")
    return f"{isolated(column.name)} ({', '.join(facts)})"


def _overlap(each: Overlap) -> str:
    texts = f"{each.texts:,} texts, {each.equal:,} also in the training data, {each.near:,} nearly"
    if each.new_labels:
        texts += f"; labels that no training text has: {listed(map(isolated, each.new_labels))}"
    return texts


_STYLE = (
    files("foretell.training").joinpath("report.css").read_text(encoding="utf-8")
    # The tables here hold texts, those of the report numbers.
    + "td,thead th{text-align:left;overflow-wrap:break-word}meter{width:100%;min-width:12em}"
)
_BINS = 20
_MAX_ROWS = 50
_MAX_CHARACTERS = 300


def to_page(survey: DataSurvey) -> str:
    texts = survey.examples.texts
    items = "".join(f"<li>{html_text(note)}</li>" for note in survey.notes)
    body = [
        f"<header><h1>{html_text(survey.name)}</h1></header>",
        _table("Summary", (), summary_rows(survey)),
        _bars("Texts of each label", survey.labels, "{:,}".format),
        _bars("Texts by number of tokens", _bins(survey.lengths.counts), "{:,.0f}".format),
        _bars("Scripts, share of the letters", survey.scripts, percent),
        _label_errors(survey.label_check),
        _table(
            "The same text with different labels",
            ("rows", "labels", "text"),
            [
                (_rows(survey, each.places), counted(each.labels), texts[each.places[0]])
                for each in survey.conflicts
            ],
        ),
        _table(
            "Near-duplicates",
            ("rows", "texts"),
            [
                (_rows(survey, group), " ⋯ ".join(isolated(texts[place]) for place in group[:2]))
                for group in survey.repeats.near
            ],
        ),
        f'<h2>Notes</h2><ul class="soft">{items}</ul>' * bool(items),
    ]
    return html_page(f"{survey.name} · foretell data", _STYLE, body)


def _label_errors(check: LabelCheck | None) -> str:
    if check is None:
        return ""
    rows = [
        (
            error.row,
            error.label,
            f"{isolated(error.suggested)} ({error.suggested_probability:.2f})",
            error.text,
        )
        for error in check.errors
    ]
    title = f"Likely label errors: {len(rows):,} of {check.judged:,} texts"
    return _table(title, ("row", "label", "suggested (probability)", "text"), rows)


def _rows(survey: DataSurvey, places: tuple[int, ...]) -> str:
    return ", ".join(map(str, survey.rows_of(places)[:5]))


def _bins(counts: Mapping[int, int]) -> dict[str, float]:
    """Return how many texts have how many tokens, in bins that grow with the length."""
    longest = max(counts)
    edges = sorted(
        {math.floor(longest ** (i / _BINS)) for i in range(_BINS + 1)} | {0, longest + 1}
    )
    values, _ = np.histogram(list(counts), edges, weights=list(counts.values()))
    names = [
        f"{low:,}" + (f" to {high - 1:,}" if high - low > 1 else "")
        for low, high in pairwise(edges)
    ]
    return dict(zip(names, values.tolist(), strict=True))


def _bars(title: str, values: Mapping[str, float], form: Callable[[float], str]) -> str:
    """Return a table of names and values, each value with a bar."""
    highest = max(values.values(), default=1)
    meters = [
        f'<meter value="{value / highest:.4f}" aria-hidden="true"></meter>'
        for value in values.values()
    ]
    return _table(title, (), [(name, form(value)) for name, value in values.items()], meters)


def _table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[object]], meters: Sequence[str] = ()
) -> str:
    """Return a table of the first rows, perhaps with a last column of `meters`; "": there are no
    rows.
    """
    if not rows:
        return ""
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    cells = [[html_text(cell, _MAX_CHARACTERS) for cell in row] for row in rows[:_MAX_ROWS]]
    for row, meter in zip(cells, meters, strict=False):
        row.append(meter)
    if len(rows) > _MAX_ROWS:
        cells.append([f"{len(rows) - _MAX_ROWS:,} more are not shown"])
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{title}</h2><div class="card wide" tabindex="0">{table}</div>'


COLUMNS = (
    "finding",
    "row",
    "text",
    "label",
    "suggested",
    "probability",
    "suggested_probability",
    "accept",
)
"""Of the rows of `findings`."""


def findings(survey: DataSurvey) -> Iterator[dict[str, object]]:
    """Yield a row for each text that something was found about: label errors, conflicts, repeated
    texts.
    """
    for error in () if survey.label_check is None else survey.label_check.errors:
        yield {"finding": "likely label error", **asdict(error)}
    repeats = survey.repeats
    groups = [("different labels", each.places) for each in survey.conflicts]
    groups += [("duplicate", group[1:]) for group in repeats.equal]
    groups += [("near-duplicate", group[1:]) for group in repeats.near]
    groups += [
        (f"also in the {each.part} data", tuple(pair[0] for pair in each.examples))
        for each in survey.overlaps
    ]
    texts = survey.examples.texts
    labels = survey.examples.labels
    for finding, places in groups:
        for place in places:
            row = survey.rows[place]
            yield {"finding": finding, "row": row, "text": texts[place], "label": labels[place]}
