"""Texts without labels, to learn from beside those that have some."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foretell.data import named
from foretell.data.examples import iter_records
from foretell.errors import DataError


def read_unlabelled(
    sources: str | Path | Iterable[Any], *, text: str | None = None, notes: list[str] | None = None
) -> list[str]:
    """Read whole texts; labels, where there are any, are not looked at.

    Args:
        sources: a file, a folder, a named set, or several of these: any format that examples come in (plain
            text: one a line); "imdb" means its unlabelled and its training reviews, never its test reviews.
        text: the column that holds the texts, where that is not clear.
        notes: is told what was guessed or left out.

    Returns:
        the texts in order, without empty ones.

    Raises:
        DataError: no text at all, or a source that cannot be read.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    found = [each for source in given for each in _texts(source, text, notes)]
    if not found:
        raise DataError(
            expected="texts without labels",
            found="none that is not empty",
            where=", ".join(map(str, given)) or "unlabelled",
        )
    return found


def _texts(source: str | Path, text: str | None, notes: list[str] | None) -> list[str]:
    if source == "imdb":
        parts = (named.imdb(part, notes=notes) for part in ("unsup", "train"))
        return [each for part in parts for each in part.texts]
    records = iter_records(source, text=text, need_label=False, notes=notes)
    return [record.text for record in records if record.text.strip()]
