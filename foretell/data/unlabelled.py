"""Texts without labels: read from files, or separated from texts that have some."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.data import named
from foretell.data.examples import Examples, iter_records
from foretell.data.options import PYTHON, Arguments
from foretell.data.records import is_missing
from foretell.errors import DataError


def read_unlabelled(
    sources: str | Path | Iterable[Any],
    *,
    text: str | None = None,
    notes: list[str] | None = None,
    arguments: Arguments = PYTHON,
) -> list[str]:
    """Read texts without their labels, if they have any.

    Args:
        sources: a file, a folder, a named set, or several of these, in any format of examples (plain text:
            one text a line). "imdb" means its unlabelled and its training reviews, never its test reviews.
        text: the text column; None: chosen where it is clear.
        notes: a list to which notes are added.
        arguments: how the caller's interface spells its arguments, for errors.

    Returns:
        The texts in order, without empty ones.

    Raises:
        DataError: no texts, or a source that cannot be read.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    texts = [each for source in given for each in _texts(source, text, notes, arguments)]
    if not texts:
        raise DataError(
            expected="texts without labels",
            found="none that is not empty",
            where=", ".join(map(str, given)) or "unlabelled",
        )
    return texts


def unlabelled_texts(
    source: Any,
    *,
    text: str | None = None,
    notes: list[str] | None = None,
    arguments: Arguments = PYTHON,
) -> list[str]:
    """Return texts without their labels from what Python code has: strings in a list are texts, not paths.

    Args:
        source: a `Path`, a string that names a file or a named set, as for `read_unlabelled`; or a table, a
            Series or an iterable of texts, as for `iter_records`.
        text: the text column; None: chosen where it is clear.
        notes: a list to which notes are added.
        arguments: how the caller's interface spells its arguments, for errors.

    Raises:
        DataError: no texts, something that is no text, or a source that cannot be read.
    """
    if isinstance(source, str | Path):
        return read_unlabelled(source, text=text, notes=notes, arguments=arguments)
    records = iter_records(source, text=text, part="train", notes=notes, arguments=arguments)
    texts = [record.text for record in records if record.text.strip()]
    if not texts:
        raise DataError(expected="texts without labels", found="none that is not empty", where="unlabelled")
    return texts


def _texts(source: str | Path, text: str | None, notes: list[str] | None, arguments: Arguments) -> list[str]:
    if source == "imdb":
        parts = (named.imdb(part, notes=notes) for part in ("unsup", "train"))
        return [each for part in parts for each in part.texts]
    records = iter_records(source, text=text, need_label=False, notes=notes, arguments=arguments)
    return [record.text for record in records if record.text.strip()]


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Which rows of Python data have a label.

    Attributes:
        labelled: the places of the rows with a label, in order.
        unlabelled: the places of the others, in order.
        notes: how the label -1 was taken, if it occurs; one sentence each.
    """

    labelled: tuple[int, ...]
    unlabelled: tuple[int, ...]
    notes: tuple[str, ...] = ()


def labelled_rows(labels: Iterable[object]) -> LabelledRows:
    """Find the rows with a label, by scikit-learn's convention for semi-supervised learning.

    None, NaN, pandas' NA, the empty string and the number -1 mean: no label. The string "-1" is a label. So
    is the number -1 where only one other label occurs, as in y = [-1, 1, 1, -1].

    Args:
        labels: labels from Python, [row]; not from a file, in which -1 is an ordinary label.
    """
    rows = list(labels)
    missing = [_is_empty(label) for label in rows]
    minus_one = [_is_minus_one(label) for label in rows]
    others = {
        str(label) for label, *skipped in zip(rows, missing, minus_one, strict=True) if not any(skipped)
    }
    notes = []
    if any(minus_one) and len(others) == 1:
        notes.append("-1 counts as a label, because only one other label occurs")
        minus_one = [False] * len(rows)
    elif count := sum(minus_one):
        texts = "1 text counts" if count == 1 else f"{count:,} texts count"
        notes.append(f"{texts} as unlabelled (label -1); give the labels as strings if -1 is one of them")
    if "-1" in others:
        notes.append("the string '-1' counts as a label; give None or the number -1 to texts without one")
    labelled = [not (empty or unknown) for empty, unknown in zip(missing, minus_one, strict=True)]
    return LabelledRows(
        tuple(place for place, has_label in enumerate(labelled) if has_label),
        tuple(place for place, has_label in enumerate(labelled) if not has_label),
        tuple(notes),
    )


def separate_unlabelled(texts: Sequence[str], labels: Iterable[object]) -> tuple[Examples, list[str]]:
    """Separate the texts with a label from those without one, as `labelled_rows` does.

    Args:
        texts: the texts, [text].
        labels: the label of each, [text], of any type; the names in the examples are `str(label)`.

    Raises:
        DataError: more texts than labels, or fewer.
    """
    rows = list(labels)
    if len(rows) != len(texts):
        raise DataError(expected=f"{len(texts):,} labels, one for each text", found=f"{len(rows):,}")
    split = labelled_rows(rows)
    examples = Examples(
        [texts[place] for place in split.labelled],
        [_name(rows[place]) for place in split.labelled],
        list(split.notes),
    )
    return examples, [texts[place] for place in split.unlabelled]


def _is_empty(label: object) -> bool:
    return is_missing(label) or (isinstance(label, str) and not label.strip())


def _is_minus_one(label: object) -> bool:
    # NumPy's numbers are registered as numbers.Real.
    return isinstance(label, numbers.Real) and label == -1


def _name(label: object) -> str:
    """Return a label as text; NumPy's numbers as Python writes them."""
    return str(label.item() if hasattr(label, "item") else label)
