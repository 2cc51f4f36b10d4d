"""Texts without labels, rows of Python data without a label, and hints: a few words for each label."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretell.data import named
from foretell.data.examples import Examples, iter_records, read_examples
from foretell.data.records import is_missing
from foretell.errors import DataError

HINTS = "label hints"


def unlabelled_texts(source: Any, *, text: str | None = None, notes: list[str] | None = None) -> list[str]:
    """Return texts without their labels, if they have any; without empty ones.

    Args:
        source: a `Path`, or a string that names a file, a folder or a named set, in any format of examples
            (plain text: one text a line); or a table, a Series or an iterable of texts, as for
            `iter_records`. "imdb" means its unlabelled and its training reviews, never its test reviews.
        text: the text column of a table; None: chosen where it is clear.
        notes: a list to which notes are added.

    Raises:
        DataError: no texts, something that is no text, or a source that cannot be read.
    """
    if isinstance(source, str) and source == "imdb":
        return [each for part in ("unsup", "train") for each in named.imdb(part, notes=notes).texts]
    records = iter_records(source, text=text, part="train", notes=notes)
    texts = [record.text for record in records if record.text.strip()]
    if not texts:
        where = str(source) if isinstance(source, str | Path) else "unlabelled"
        raise DataError(expected="texts without labels", found="none that is not empty", where=where)
    return texts


def labelled_rows(labels: Iterable[object]) -> tuple[list[int], tuple[str, ...]]:
    """Find the rows with a label, by scikit-learn's convention for semi-supervised learning.

    None, NaN, pandas' NA, the empty string and the number -1 mean: no label. The string "-1" is a label. So
    is the number -1 where only one other label occurs, as in y = [-1, 1, 1, -1].

    Args:
        labels: labels from Python, [row]; not from a file, in which -1 is an ordinary label.

    Returns:
        The places of the rows with a label, in order; and how the label -1 was taken, if it occurs.
    """
    rows = list(labels)
    missing = [is_missing(label) or (isinstance(label, str) and not label.strip()) for label in rows]
    # NumPy's numbers are registered as numbers.Real.
    minus_one = [isinstance(label, numbers.Real) and label == -1 for label in rows]
    has_label = [not (empty or unknown) for empty, unknown in zip(missing, minus_one, strict=True)]
    others = {str(label) for label, has in zip(rows, has_label, strict=True) if has}
    notes = []
    if any(minus_one) and len(others) == 1:
        notes.append("-1 counts as a label, because only one other label occurs")
        has_label = [not empty for empty in missing]
    elif count := sum(minus_one):
        texts = "1 text counts" if count == 1 else f"{count:,} texts count"
        notes.append(f"{texts} as unlabelled (label -1); give the labels as strings if -1 is one of them")
    if "-1" in others:
        notes.append("the string '-1' counts as a label; give None or the number -1 to texts without one")
    return [place for place, has in enumerate(has_label) if has], tuple(notes)


def read_label_hints(source: str | Path | Mapping[Any, Any]) -> Examples:
    """Return a few words for each label as examples.

    >>> read_label_hints({"pos": ["good", "great"], "neg": "bad awful"}).texts
    ['good great', 'bad awful']

    Args:
        source: a file with labels and words, in any format of texts with labels, a label in one record or
            more; or a mapping from each label to its words, a string or several.

    Raises:
        DataError: no file that can be read, something other than words, or one label only.
    """
    if isinstance(source, Mapping):
        texts = [_words(words, label) for label, words in source.items()]
        hints = Examples(texts, [str(label) for label in source], name=HINTS)
    else:
        hints = replace(read_examples(source), name=HINTS)
    if len(hints.label_names) < 2:
        found = f"only '{hints.label_names[0]}'" if len(hints) else "none"
        raise DataError(expected="words for two labels or more", found=found, where=HINTS)
    return hints


def _words(words: object, label: object) -> str:
    if isinstance(words, str) and words.strip():
        return words
    if isinstance(words, list | tuple) and words and all(isinstance(word, str) for word in words):
        return " ".join(words)
    expected, where = "words: a string, or a list of strings", f"{HINTS}, '{label}'"
    raise DataError(expected=expected, found=f"{words!r:.60}", where=where)
