"""`DataSurvey`: what a survey of labelled texts found, as values, rows for people, HTML and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from foretell.data.examples import Examples
from foretell.data.records import Reading
from foretell.errors import UsageError
from foretell.readable import card, listed, percent
from foretell.surveying.counts import NAMES_SHOWN, ColumnCounts, TokenLengths, aligned_rows, counted
from foretell.surveying.label_check import MIN_TEXTS, LabelCheck, LabelError
from foretell.surveying.repeats import Conflict, Overlap, Repeats

RARE = 10
"""Texts of a label below which it is too rare to learn."""

_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class DataSurvey:
    """What is in labelled texts, and what is wrong with them. `rows` are numbers of records, from 1.

    Attributes:
        name: of the data.
        columns: of the table; empty where the data has none.
        encoding: of a file of text, where it is not UTF-8.
        examples: the texts and labels.
        rows: the record number of each example.
        labels: number of texts of each label, the most frequent first.
        rare_labels: the labels with fewer than 10 texts, too few to learn, in the same form.
        similar_labels: groups of labels that differ only in case or white space.
        scripts: the share of each script among the letters, the largest first.
        lengths: of the texts, in tokens.
        repeats: equal and nearly equal texts, as places in `examples`, those of other parts left out.
        conflicts: equal texts with more than one label.
        overlaps: for each other part of a split, the texts that are in the training data too.
        label_check: the likely label errors; None: the check was not asked for.
        notes: what was chosen, dropped or guessed while reading, and warnings.
        label_column: the column that the labels come from; None: none has them all.
        source: what was read, and how.
    """

    name: str
    columns: tuple[ColumnCounts, ...]
    encoding: str | None
    examples: Examples = field(repr=False)
    rows: list[int] = field(repr=False)
    labels: dict[str, int]
    rare_labels: dict[str, int]
    similar_labels: tuple[tuple[str, ...], ...]
    scripts: dict[str, float]
    lengths: TokenLengths
    repeats: Repeats = field(repr=False)
    conflicts: tuple[Conflict, ...] = field(repr=False)
    overlaps: tuple[Overlap, ...]
    label_check: LabelCheck | None
    notes: list[str]
    label_column: str | None
    source: tuple[Any, Reading] = field(repr=False)

    @property
    def texts(self) -> int:
        """The number of texts."""
        return len(self.examples)

    def to_dict(self) -> dict[str, Any]:
        """Return the survey as plain values, ready for JSON: what `foretell data --json` prints.

        Of duplicates, near-duplicates and conflicts it has the number, and the rows of the first 100 groups.
        """
        return {
            "name": self.name,
            "texts": self.texts,
            "dropped": self.examples.dropped,
            "encoding": self.encoding,
            "columns": [asdict(column) for column in self.columns],
            "labels": self.labels,
            "rare_labels": self.rare_labels,
            "similar_labels": [list(names) for names in self.similar_labels],
            "scripts": self.scripts,
            "tokens": {key: value for key, value in asdict(self.lengths).items() if key != "counts"},
            "duplicates": self._groups(self.repeats.duplicates, self.repeats.equal),
            "near_duplicates": self._groups(self.repeats.near_duplicates, self.repeats.near),
            "conflicts": {
                "texts": len(self.conflicts),
                "groups": [
                    {"rows": self.rows_of(each.places), "labels": each.labels}
                    for each in self.conflicts[:_SHOWN]
                ],
            },
            "overlaps": [asdict(each) for each in self.overlaps],
            "label_errors": None if self.label_check is None else asdict(self.label_check),
            "notes": self.notes,
        }

    def __str__(self) -> str:
        return "\n".join([self.name, *aligned_rows(summary_rows(self))])

    def _repr_html_(self) -> str:
        return card(self.name, summary_rows(self))

    def save_html(self, path: str | Path) -> None:
        """Write the survey as one HTML page with plots; it has no script and loads nothing. It quotes texts.

        Raises:
            ForetellError: it cannot be written.
        """
        from foretell.surveying.page import write_page

        write_page(self, path)

    def write_corrected(
        self, path: str | Path, *, accept: Iterable[LabelError] = (), above: float | None = None
    ) -> int:
        """Write a copy of the data as CSV, with corrected labels; return how many labels were changed.

        >>> found.write_corrected("clean.csv", above=0.95)

        Args:
            path: the CSV file, not the data itself.
            accept: the errors of `label_check` whose suggestion is accepted.
            above: also accept all suggestions with at least this probability.

        Raises:
            UsageError: the check of the labels was not asked for, or `path` is the data.
            DataError: the data has changed since the survey.
        """
        from foretell.surveying.corrections import accepted_above, write_corrected

        if self.label_check is None:
            raise UsageError(
                expected="a survey with check_labels=True", found="one without", where="write_corrected"
            )
        corrections = {error.row: error.suggested for error in accept}
        if above is not None:
            corrections |= accepted_above(self.label_check.errors, above)
        return write_corrected(self, corrections, path)

    def rows_of(self, places: tuple[int, ...]) -> list[int]:
        """Return the record numbers of places in `examples`."""
        return [self.rows[place] for place in places]

    def _groups(self, texts: int, groups: tuple[tuple[int, ...], ...]) -> dict[str, Any]:
        return {"texts": texts, "groups": [self.rows_of(group) for group in groups[:_SHOWN]]}


def summary_rows(survey: DataSurvey) -> list[tuple[str, str]]:
    """Return what a survey found, as pairs of a name and a value, in display order."""
    rows = [("texts", f"{survey.texts:,}")]
    rows += [("dropped", f"{count:,} with {reason}") for reason, count in survey.examples.dropped.items()]
    if survey.columns:
        rows.append(("columns", listed(_columns(survey), NAMES_SHOWN)))
    if survey.encoding:
        rows.append(("encoding", survey.encoding))
    rows.append((f"{len(survey.labels)} labels", counted(survey.labels)))
    if survey.rare_labels:
        rows.append((f"fewer than {RARE} texts", f"too rare to learn: {counted(survey.rare_labels)}"))
    rows += [("differ only in case", " and ".join(names)) for names in survey.similar_labels]
    scripts = [f"{name} {percent(share)}" for name, share in survey.scripts.items()]
    rows.append(("scripts", listed(scripts, NAMES_SHOWN)))
    rows += survey.lengths.rows("text", survey.texts)
    rows.append(("duplicates", _number(survey.repeats.duplicates)))
    rows.append(("near-duplicates", _number(survey.repeats.near_duplicates)))
    rows.append(("same text, two labels", _number(len(survey.conflicts))))
    rows += [(f"{each.part} data", _overlap(each)) for each in survey.overlaps]
    return [*rows, *_check_rows(survey)]


def _columns(survey: DataSurvey) -> list[str]:
    shown = []
    for column in survey.columns:
        facts = [f"{column.distinct:,} different"]
        facts += [f"{column.empty:,} empty"] if column.empty else []
        facts += [f"read as {column.role}"] if column.role else []
        shown.append(f"{column.name} ({', '.join(facts)})")
    return shown


def _overlap(each: Overlap) -> str:
    facts = [f"{each.texts:,} texts, {each.equal:,} also in the training data, {each.near:,} nearly so"]
    if each.new_labels:
        facts.append(f"labels that no training text has: {listed(each.new_labels)}")
    return "; ".join(facts)


def _check_rows(survey: DataSurvey) -> list[tuple[str, str]]:
    check = survey.label_check
    if check is None:
        return []
    found = (
        f"{len(check.errors):,} of {check.judged:,} texts (accuracy out of fold {percent(check.accuracy)})"
    )
    rows = [("likely label errors", found)]
    if check.not_judged:
        rows.append(("labels not judged", f"fewer than {MIN_TEXTS} texts: {counted(check.not_judged)}"))
    return rows


def _number(count: int) -> str:
    return f"{count:,}" if count else "none"
