"""Columns are counted while records are read."""

from __future__ import annotations

import pytest

from foretell.data import column_counts
from foretell.data.column_counts import ColumnCounter, ColumnCounts
from foretell.data.records import Record


def counted(records: list[Record]) -> ColumnCounter:
    counter = ColumnCounter()
    assert list(counter.watch(records)) == records
    return counter


def test_empty_and_different_cells() -> None:
    counter = counted([
        Record("a", "1", {"copy": "1", "body": "a", "stars": 1.0, "extra": None}),
        Record("b", None, {"copy": " ", "body": "b", "stars": None}),
        Record("c", "1", {"copy": "1", "body": "c", "stars": 1.0, "late": "x"}),
    ])  # fmt: skip
    assert counter.columns() == (
        ColumnCounts("copy", 1, 1, True, "label"),
        ColumnCounts("body", 0, 3, True, "text"),
        ColumnCounts("stars", 1, 1, True, ""),
        ColumnCounts("extra", 3, 0, True, ""),
        ColumnCounts("late", 2, 1, True, ""),
    )
    assert counter.label == "copy"


def test_counting_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_counts, "MAX_DISTINCT", 3)
    records = [
        Record(str(i), "x", {"text": str(i), "label": "x", "more": "" if i % 2 else "y"}) for i in range(9)
    ]
    found = {column.name: column for column in counted(records).columns()}
    assert found["text"] == ColumnCounts("text", 0, 3, False, "text")
    assert found["more"] == ColumnCounts("more", 4, 1, True, "")


def test_no_column_has_the_labels() -> None:
    counter = counted([Record("a", "x", {"text": "a"}), Record("b", "y", {"text": "b"})])
    assert counter.label is None
    assert counted([]).columns() == ()
