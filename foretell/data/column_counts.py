"""The columns of records: empty and different cells of each, counted while the records are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from foretell.data.records import Record, label_of, text_of

MAX_DISTINCT = 1000
"""Different cells up to which they are counted."""


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """A column.

    Attributes:
        name: of the column.
        empty: cells without a value.
        distinct: different values, at most 1,000.
        distinct_is_whole: False where there are more.
        role: "text", "label" or "".
    """

    name: str
    empty: int
    distinct: int
    distinct_is_whole: bool
    role: str


class ColumnCounter:
    """Counts the cells of records that pass through `watch`."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._filled: defaultdict[str, int] = defaultdict(int)
        self._full: set[str] = set()
        self._records = 0
        # The columns that had the text, or the label, in every record so far; None: before the first one.
        self._texts: list[str] | None = None
        self._labels: list[str] | None = None

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records, and count their cells."""
        for record in records:
            self._records += 1
            fields = record.fields
            for name, value in fields.items():
                # This runs for every cell: a column that is counted, or has a text, costs one look-up.
                if name not in self._full or type(value) is not str or not value:
                    self._count(name, value if type(value) is str else text_of(value))
                else:
                    self._filled[name] += 1
            self._texts = _still(self._texts, fields, text_of, record.text)
            self._labels = _still(self._labels, fields, label_of, record.label)
            yield record

    @property
    def label(self) -> str | None:
        """The column that the labels come from; None: none has them all."""
        return self._labels[0] if self._labels else None

    def columns(self) -> tuple[ColumnCounts, ...]:
        """Return the counts of each column, in the order in which records have them."""
        text = self._texts[0] if self._texts else None
        return tuple(
            ColumnCounts(
                name,
                self._records - self._filled[name],
                min(len(values), MAX_DISTINCT),
                len(values) <= MAX_DISTINCT,
                "text" if name == text else "label" if name == self.label else "",
            )
            for name, values in self._values.items()
        )

    def _count(self, name: str, cell: str) -> None:
        values = self._values.get(name)
        if values is None:
            values = self._values[name] = set()
        if cell and not cell.isspace():
            self._filled[name] += 1
            values.add(cell)
            if len(values) > MAX_DISTINCT:
                self._full.add(name)


def _still(
    names: list[str] | None,
    fields: Mapping[str, object],
    read: Callable[[object], str | None],
    expected: str | None,
) -> list[str]:
    """Return which of the columns have `expected` in this record too."""
    if names is not None and len(names) == 1 and fields.get(names[0]) == expected:
        return names
    return [
        name
        for name in (fields if names is None else names)
        if name in fields and (fields[name] == expected or read(fields[name]) == expected)
    ]
