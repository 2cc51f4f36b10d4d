"""One record of a source, how its values become texts and labels, and the options of reading."""

from __future__ import annotations

import contextlib
import itertools
import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, SupportsFloat, TypedDict, TypeVar

import numpy as np

from foretell.data.label_types import LabelType, label_name
from foretell.errors import DataError

Part = Literal["train", "valid", "test"]
Row = TypeVar("Row")

MAX_RECORD = 1 << 26
"""Maximum characters of a record and of a JSON array, and cells of a sheet."""

_MISSING_LABELS = frozenset({"", "nan", "<na>", "null", "na", "n/a", "#n/a"})
_MAX_MEMBERS = 50
"""Members above which an object holds data, not columns: {"0": "a", "1": "b", …}."""
_MAX_DEPTH = 8


def check_size(size: int, where: str) -> None:
    """Raise DataError where a record, an array or a sheet is larger than `MAX_RECORD`."""
    if size > MAX_RECORD:
        raise DataError(
            f"a record of at most {MAX_RECORD >> 20} Mi characters (a sheet: cells)",
            "more",
            where=where,
            fix="divide it, or save the data as JSON Lines",
        )


@dataclass(frozen=True, slots=True)
class Record:
    """One text of a source.

    Attributes:
        text: the text; empty where the source had none.
        label: its label; None where the source had none, an empty one or NaN.
        fields: every column of the record by name, including the text and the label; values are of
            the types that the source has for them.
        label_type: the type of the label in the source; "text" where the source has no types.
        labels: its labels, where texts may have several and the source lists them; None: it does
            not.
        part: the part that its column of parts says; None: the source has none, or it is not read.
        weight: how much it counts in training, from its column of weights; None as for `part`.
    """

    text: str
    label: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    label_type: LabelType = "text"
    labels: tuple[str, ...] | None = None
    part: Part | None = None
    weight: float | None = None


class Reading(TypedDict, total=False):
    """The options of reading as keyword arguments; see `ReadOptions`."""

    text: str | Sequence[str] | None
    text_columns: Sequence[str]
    label: str | None
    format: str | None
    part: Part | None
    multi_label: str
    header_row: int | None
    sheet: str | None
    split: str | None
    weight: str | None


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What to read from a source.

    Attributes:
        text: the name of the text column, or of several whose texts are joined (`joined_text`);
            None or empty: chosen where it is clear.
        text_columns: the columns that a model has joined; they are read where `text` names none.
        label: the name of the label column; None: chosen where it is clear.
        format: the name of a format of `foretell.data.formats`; None: by the name's ending or the
            content.
        need_label: whether a source without labels is an error.
        part: the part of a source that is divided into parts; None: the source's own choice.
        multi_label: what separates the labels of a text; "": a text has one, and a list of them is
            an error.
        header_row: the row of a table that has the names of the columns, from 1; None: it is found.
        sheet: the sheet of a workbook; None: the first with records.
        split: the column with the part of each record; None: one called split, whose cells are
            parts; "": none.
        weight: the column with the weight of each record; None: one called weight, whose cells are
            numbers; "": none.
    """

    text: str | Sequence[str] | None = None
    text_columns: Sequence[str] = ()
    label: str | None = None
    format: str | None = None
    need_label: bool = False
    part: Part | None = None
    multi_label: str = ""
    header_row: int | None = None
    sheet: str | None = None
    split: str | None = None
    weight: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the text columns; empty: they are chosen."""
        return columns_of(self.text)

    @property
    def named(self) -> tuple[str, ...]:
        """The names of all columns that were asked for."""
        return (*self.texts, *columns_of(self.label))


def columns_of(text: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the text columns, each once; of none an empty tuple."""
    names = as_list(text)
    if names is None:
        names = [] if text is None else [text]
    # A table may have numbers as names.
    return tuple(dict.fromkeys(map(str, names)))


def first_rows(rows: Iterator[Row], count: int, size: Callable[[Row], int]) -> list[Row]:
    """Return the first rows of a source, at most `count`, and fewer where they are large.

    Each may have `MAX_RECORD` characters: together they have as many, and the last one of them.
    """
    first = []
    characters = 0
    for row in itertools.islice(rows, count):
        first.append(row)
        characters += size(row)
        if characters > MAX_RECORD:
            break
    return first


def characters_of(row: Mapping[str, object]) -> int:
    """Return how many characters the cells of a row have."""
    return sum(len(text_of(value)) for value in row.values())


def joined_text(parts: Iterable[tuple[str, str]]) -> str:
    """Return the texts of several columns as one; empty ones are left out.

    >>> joined_text([("subject", "No login"), ("note", ""), ("body", "It says error 5.")])
    'subject: No login\\nbody: It says error 5.'

    Args:
        parts: the name of each column and its text, in order.
    """
    return "\n".join(f"{name}: {text}" for name, text in parts if text.strip())


def paths_in(row: Mapping[str, object], depth: int = 1) -> Iterator[str]:
    """Yield the names of the columns of a record: of an object in it the paths of its members.

    >>> list(paths_in({"id": 1, "ticket": {"text": "a", "queue": "b"}}))
    ['id', 'ticket.text', 'ticket.queue']
    """
    for name, value in row.items():
        members = _members(value)
        if members and depth < _MAX_DEPTH:
            yield from (f"{name}.{path}" for path in paths_in(members, depth + 1))
        else:
            yield name


def _members(value: object) -> Mapping[str, object]:
    """Return the members of an object that are columns; of anything else none."""
    if not isinstance(value, Mapping) or len(value) > _MAX_MEMBERS:
        return {}
    return {} if any(str(name).isdigit() for name in value) else value


def value_at(row: Mapping[str, object], path: str) -> object:
    """Return the value of a column, which may be the path of a member; None: there is none."""
    if path in row:
        return row[path]
    for name, value in row.items():
        if isinstance(value, Mapping) and path.startswith(f"{name}."):
            found = value_at(value, path.removeprefix(f"{name}."))
            if found is not None:
                return found
    return None


Option = Literal["text", "label", "format", "header_row", "sheet", "split", "weight"]
"""The name of an option of reading."""


def spelled(option: Option, value: str) -> str:
    """Return an option of reading with its value, as the command line and Python spell it.

    >>> spelled("text", "body")
    "--text body (Python: text='body')"
    """
    flag = "input-format" if option == "format" else option.replace("_", "-")
    return f"--{flag} {shlex.quote(value)} (Python: {option}='{value}')"


def is_missing(value: object) -> bool:
    """Whether a value stands for no value: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    # NumPy's floats are not all Python floats.
    if not isinstance(value, str) and isinstance(value, SupportsFloat):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return math.isnan(value)
    return False


def as_list(value: object) -> list[object] | None:
    """Return a list, a tuple, a set, an array or a Series as a list; None: it is a single value."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if getattr(value, "ndim", 0) == 1 and hasattr(value, "tolist"):
        return list(value.tolist())
    return None


def is_nested(value: object) -> bool:
    """Whether a value is a collection or raw bytes, not a single value."""
    if isinstance(value, str):
        return False
    return isinstance(value, (Mapping, bytes, bytearray)) or as_list(value) is not None


def values_of(column: Iterable[object]) -> Iterable[object]:
    """Return the values of a column; of an Arrow array or a Series as Python objects, not its
    scalars.
    """
    for name in ("to_pylist", "to_list"):
        if hasattr(column, name):
            return list(getattr(column, name)())
    return column


def text_of(value: object) -> str:
    """Return a value as text: "" where it is missing, half surrogate pairs (from JSON) as
    U+FFFD.
    """
    # Most values are strings, and this runs for every cell.
    if type(value) is not str and is_missing(value):
        return ""
    text: str = value if type(value) is str else str(value)
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def label_of(value: object) -> str | None:
    """Return a value as a label, or None where it is missing.

    A whole float is written as an integer: pandas makes 1.0 of 1 as soon as a column has a gap.
    """
    if isinstance(value, float | np.floating):
        value = label_name(value)
    label = text_of(value).strip()
    return None if label.casefold() in _MISSING_LABELS else label
