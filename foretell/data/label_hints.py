"""Hints on labels: a few words for each label, which say what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretell.data.examples import Examples, read_examples
from foretell.data.options import PYTHON, Arguments
from foretell.errors import DataError

NAME = "label hints"


def read_label_hints(source: str | Path | Mapping[Any, Any], arguments: Arguments = PYTHON) -> Examples:
    """Return the words of each label as examples.

    >>> read_label_hints({"pos": ["good", "great"], "neg": "bad awful"}).texts
    ['good great', 'bad awful']

    Args:
        source: a file with labels and words, in any format of texts with labels, a label in one record or
            more; or a mapping from each label to its words, a string or several.
        arguments: how the caller's interface spells its arguments, for errors.

    Raises:
        DataError: no file that can be read, something other than words, or one label only.
    """
    if isinstance(source, Mapping):
        texts = [_words(words, label) for label, words in source.items()]
        hints = Examples(texts, [str(label) for label in source], name=NAME)
    else:
        hints = replace(read_examples(source, arguments=arguments), name=NAME)
    if len(hints.label_names) < 2:
        raise DataError(
            expected="words for two labels or more",
            found=f"only '{hints.label_names[0]}'" if len(hints) else "none",
            where=NAME,
        )
    return hints


def check_hinted_labels(hints: Examples, examples: Examples) -> None:
    """Check that hints are on labels that some text has.

    Raises:
        DataError: a label that no text has.
    """
    if unknown := sorted(set(hints.labels).difference(examples.labels)):
        raise DataError(
            expected=f"the labels of the training texts ({', '.join(examples.label_names)[:200]})",
            found=", ".join(unknown)[:200],
            where=NAME,
            fix="correct the name of the label, or label a text with it",
        )


def _words(words: object, label: object) -> str:
    if isinstance(words, str) and words.strip():
        return words
    if isinstance(words, list | tuple) and words and all(isinstance(word, str) for word in words):
        return " ".join(words)
    raise DataError(
        expected="words: a string, or a list of strings", found=f"{words!r:.60}", where=f"{NAME}, '{label}'"
    )
