"""Texts for which there is no memory are refused before the kernel ends the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.data import memory
from foretell.data.examples import read_examples, unlabelled_texts
from foretell.errors import DataError

FEW = 20
"""Texts of 100 characters for which there is memory."""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of which a part fits: each look at the memory finds less of it."""
    looks = iter(range(10_000))
    monkeypatch.setattr(memory, "_CHARACTERS", 1_000)
    monkeypatch.setattr(memory, "memory_left", lambda: memory.RESERVE + FEW // 10 - 1 - next(looks))
    path = tmp_path / "texts.csv"
    rows = "".join(f"{'x' * 100},label-{row % 2}\n" for row in range(100))
    path.write_text(f"text,label\n{rows}")
    return path


@pytest.mark.parametrize("read", [read_examples, lambda path: unlabelled_texts(path, text="text")])
def test_texts_that_do_not_fit_are_refused_in_one_line(table: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(DataError, match=r"texts\.csv.* left after 30 texts; give fewer texts"):
        read(table)


def test_texts_that_fit_are_read(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_left", lambda: memory.RESERVE)
    assert len(read_examples(table)) == 100
