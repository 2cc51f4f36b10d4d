"""Which rows of a file are kept, and the int8 blocks that they are kept in."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Array, Float32s
from foretell.data.word_vectors.spelling import all_spellings
from foretell.data.word_vectors.vectors import quantise
from foretell.errors import DataError

MAX_VALUE = 1e6
"""Largest absolute value of a vector's numbers; beyond it the file is damaged or not of word vectors."""
MAX_DIMENSION = 16_384
"""Longest vector that is read: it bounds the memory for one row."""
_BLOCK = 1024

Place = tuple[Path, str, int]
"""Where a row is: the file, "line", "row" or "word", and its number."""


class Selection:
    """The rows that are kept of a file that is read once, from its beginning.

    Kept are the first rows of the file and those of the words that are asked for. Of a word that occurs twice
    the first row is kept. At most 1,024 rows are in memory as float32; all others as int8.

    Args:
        tokens: tokens of foretell's tokenizer; every spelling and part of them is asked for.
        frequent: how many of the first rows are kept in any case.

    Attributes:
        seen: how many words of the file were offered so far.
    """

    def __init__(self, tokens: Collection[str], frequent: int) -> None:
        self._wanted = frozenset[str]().union(*map(all_spellings, tokens))
        self._frequent = frequent
        self.seen = 0
        # In the order of the file.
        self._words: dict[str, None] = {}
        self._block: list[Array] = []
        self._places: list[Place] = []
        self._rows: list[NDArray[np.int8]] = []
        self._scales: list[Float32s] = []

    def takes(self, word: str) -> bool:
        """Return whether the row of the next word of the file is kept."""
        self.seen += 1
        return (self.seen <= self._frequent or word in self._wanted) and word not in self._words

    def add(self, word: str, vector: Array, place: Place) -> None:
        """Keep the row [dimension] of a word that `takes` accepted.

        Raises:
            DataError: a number of this or an earlier row is not finite, or larger than `MAX_VALUE`.
        """
        self._words[word] = None
        self._block.append(vector)
        self._places.append(place)
        if len(self._block) == _BLOCK:
            self._quantise()

    def result(self, dimension: int) -> tuple[list[str], NDArray[np.int8], Float32s]:
        """Return the words, the int8 rows [word, dimension] and the scales [word] that were kept.

        Raises:
            DataError: as `add`.
        """
        if self._block:
            self._quantise()
        rows = [np.zeros((0, dimension), np.int8), *self._rows]
        scales = [np.zeros(0, np.float32), *self._scales]
        return list(self._words), np.concatenate(rows), np.concatenate(scales)

    def _quantise(self) -> None:
        # In float16 the comparison would overflow.
        block = np.stack(self._block).astype(np.float64)
        # A comparison with NaN is false.
        if not (fits := np.abs(block) <= MAX_VALUE).all():
            row, column = np.argwhere(~fits)[0].tolist()
            path, unit, number = self._places[row]
            raise DataError(
                expected=f"numbers from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}",
                found=f"{block[row, column]:g}",
                where=f"{path}, {unit} {number:,}",
                fix="download or write the file again",
            )
        rows, scales = quantise(block.astype(np.float32))
        self._rows.append(rows)
        self._scales.append(scales)
        self._block.clear()
        self._places.clear()
