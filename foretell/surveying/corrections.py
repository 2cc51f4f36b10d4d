"""Corrections of likely label errors: which are accepted, and a copy of the data that has them."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foretell.artifacts.replacement import new_file
from foretell.data.cells import from_csv_cell
from foretell.data.decode import STDIN
from foretell.data.examples import Examples, iter_records, labelled_records
from foretell.data.records import Reading, text_of
from foretell.data.several import several_files
from foretell.errors import DataError, SettingsError, UsageError
from foretell.surveying.counts import ColumnCounts
from foretell.surveying.label_check import LabelError

_YES = frozenset({"yes", "y", "true", "1", "x"})
_COLUMNS = frozenset({"row", "label", "accept"})


@dataclass(frozen=True, kw_only=True)
class SurveyedData:
    """Data that was surveyed, and can be read once more.

    Attributes:
        name: of the data.
        columns: of the table; empty where the data has none.
        examples: the texts and labels.
        rows: the record number of each example, from 1.
        label_column: the column that the labels come from; None: none has them all.
        source: what was read, and how.
    """

    name: str
    columns: tuple[ColumnCounts, ...]
    examples: Examples = field(repr=False)
    rows: list[int] = field(repr=False)
    label_column: str | None
    source: tuple[object, Reading] = field(repr=False)


def accepted_above(errors: Iterable[LabelError], probability: float) -> dict[int, str]:
    """Return the suggestions that have at least this probability, by the row."""
    if not 0 <= probability <= 1:
        raise SettingsError("a probability from 0 to 1", repr(probability), where="accept-above")
    return {
        error.row: error.suggested for error in errors if error.suggested_probability >= probability
    }


def accepted_in_file(path: str | Path, survey: SurveyedData) -> dict[int, str]:
    """Read the suggestions that a person has accepted.

    Args:
        path: a table as `foretell data --check-labels --format csv` writes it: the rows whose
            column accept is yes, y, true, 1 or x are accepted, with the label in the column
            suggested, which may be edited.
        survey: of the data that the rows belong to.

    Raises:
        DataError: a table without these columns, or rows that are not of this data.
    """
    records = zip(survey.rows, survey.examples.texts, survey.examples.labels, strict=True)
    known = {row: (_plain(text), _plain(label)) for row, text, label in records}
    anew = "by foretell data DATA --check-labels --format csv"
    accepted: dict[int, str] = {}
    for record in iter_records(path, text="text", label="suggested"):
        if missing := sorted(_COLUMNS - record.fields.keys()):
            raise DataError(
                "the columns row, text, label, suggested and accept",
                f"no {', '.join(missing)}",
                where=path,
                fix=f"write the table {anew}",
            )
        cells = {name: text_of(record.fields[name]).strip() for name in _COLUMNS}
        if cells["accept"].casefold() not in _YES:
            continue
        where = f"{path}, row {cells['row']}"
        # A spreadsheet may write the row 3 as 3.0.
        digits = cells["row"].removesuffix(".0")
        row = int(digits) if digits.isdecimal() else 0
        if known.get(row) != (_plain(record.text), _plain(cells["label"])):
            found = "another text or label" if row in known else "a row that it does not have"
            raise DataError(
                f"the rows of {survey.name}",
                found,
                where=where,
                fix=f"write the table anew, {anew}; open it as UTF-8",
            )
        if record.label is None:
            raise DataError("a label", "an empty cell", where=f"{where}, suggested")
        accepted[row] = from_csv_cell(record.label)
    return accepted


def _plain(cell: str) -> str:
    """Return a cell without what spreadsheets change: line ends, and the mark of a text."""
    return "\n".join(from_csv_cell(cell).splitlines()).strip()


def write_corrected(survey: SurveyedData, corrections: Mapping[int, str], path: str | Path) -> int:
    """Write the copy for `DataSurvey.write_corrected`; `corrections` has the new label of each
    row.
    """
    path = Path(path)
    source, how = survey.source
    _check_paths(source, path)
    text_of_row = dict(zip(survey.rows, survey.examples.texts, strict=True))
    names = [column.name for column in survey.columns] or ["text", "label"]
    label_columns = [survey.label_column, how.get("label")]
    _, records = labelled_records(source, [], how)
    changed = 0
    with (
        new_file(path) as new,
        new.open("w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(names)
        for number, record in enumerate(records, start=1):
            fields = dict(record.fields) or {"text": record.text, "label": record.label}
            if text_of_row.get(number, record.text) != record.text:
                raise DataError(
                    "the data as it was surveyed",
                    "another text",
                    where=f"{survey.name}, record {number}",
                    fix="survey it again",
                )
            if number in corrections:
                changed += corrections[number] != record.label
                # Several files may have different label columns.
                column = next((name for name in label_columns if name in fields), "label")
                fields[column] = corrections[number]
            writer.writerow([text_of(fields.get(name)) for name in names])
    return changed


def _check_paths(source: object, path: Path) -> None:
    """Check that the data can be read once more, and that `path` is another file."""
    files = several_files(source) or (source,)
    for file in files:
        with contextlib.suppress(OSError):
            if isinstance(file, str | Path) and Path(file).expanduser().samefile(path):
                raise UsageError(
                    "another file than the data",
                    path,
                    where="out",
                    fix="choose another name",
                )
    if STDIN in map(str, files) or isinstance(source, Iterator):
        raise UsageError(
            "data that can be read twice",
            "standard input or an iterator",
            where="out",
            fix="save it as a file first",
        )
