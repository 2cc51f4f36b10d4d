"""Array types, each named for what its numbers are. Axes are given where an array is used: [text,
label].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Numbers of any type."""

Items = TypeVar("Items", bound=Sequence[Any] | Array)

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
"""Counts, lengths and positions."""

Mask = NDArray[np.bool_]
"""True or false for each item, such as [text] or [word]."""

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

TokenIds = NDArray[np.integer]
"""Token ids: int64, or int32 or uint16 where many are in memory."""

NgramKeys = NDArray[np.int64]
"""Keys of n-grams; see `foretell.ngrams.keys`."""

Logits = NDArray[np.floating]
"""Scores whose softmax gives probabilities."""

Probabilities = NDArray[np.float32]
"""From 0 to 1."""

LogProbabilities = NDArray[np.floating]
"""Natural logarithms of probabilities, never above 0."""


def ranges(starts: Integers, lengths: Integers) -> Integers:
    """Return the places of ranges one after another: `lengths` places each, from `starts` on."""
    offsets = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    return offsets + np.arange(len(offsets))


def in_parts(items: Items, size: int) -> Iterator[Items]:
    """Yield the items in parts of `size` items, one after another; the last may be shorter."""
    for first in range(0, len(items), size):
        yield items[first : first + size]  # type: ignore[misc]


def one_hot(targets: Int32s, n_labels: int) -> Float32s:
    """Return the places of labels [text] as probabilities, float32 [text, label]."""
    # Not rows of a unit matrix: with 10,000 labels that has 400 MB.
    found = np.zeros((len(targets), n_labels), np.float32)
    found[np.arange(len(targets)), targets] = 1
    return found
