"""Annotation: texts without labels get their labels from a person, the most informative texts
first.

Here are the keys of labels and other answers, the same in the terminal and on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

COMMANDS = {
    "s": "skip",
    "n": "none",
    "u": "unclear",
    "z": "undo",
    "/": "search",
    "m": "similar",
    "f": "metrics",
    "q": "quit",
    "?": "help",
}
"""The keys that are not for labels, and what they do."""

_FOR_LABELS = [*"123456789", *(letter for letter in ascii_lowercase if letter not in COMMANDS)]
_OWN = {"0", *_FOR_LABELS}


def keys_of(labels: Sequence[str]) -> dict[str, str]:
    """Return the label of each key, in the order of the labels: 1 to 9, then letters.

    A label that is such a key itself, or 0, has this key. Labels for which no key is left are
    chosen by their name.
    """
    others = iter([key for key in _FOR_LABELS if key not in labels])
    keys = {label: label if label in _OWN else next(others, "") for label in labels}
    return {key: label for label, key in keys.items() if key}
