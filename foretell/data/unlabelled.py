"""Texts without labels, and hints: a few words for each label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from foretell.data import named
from foretell.data.examples import Examples, iter_records, read_examples
from foretell.errors import DataError

HINTS = "label hints"


def unlabelled_texts(source: object, *, text: str | None = None, notes: list[str] | None = None) -> list[str]:
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


def read_label_hints(source: str | Path | Mapping[object, object]) -> Examples:
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
