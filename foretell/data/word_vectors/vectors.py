"""`WordVectors`: rows of word vectors as int8, and the lookup of tokens in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Float32s
from foretell.data.word_vectors.spelling import parts, spellings

MAX_INT8 = 127


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Word vectors, each row quantised to int8 with one scale.

    Attributes:
        words: the words, in the order of the file (most published files: the most frequent first).
        rows: int8 [word, dimension]; a vector is its row multiplied by its scale.
        scales: float32 [word], the largest absolute value of the vector divided by 127.
        name: the file, or what the package contains.
        sha256: of the file as it is on disk; of a file with a vocabulary beside it, of the one followed by
            the other.
        licence: of the published vectors that the name suggests; None: not known.
        notes: warnings for the user, one sentence each.

    Example:
        >>> vectors = read_word_vectors("glove.6B.50d.txt", words={"good", "don't"})  # doctest: +SKIP
        >>> rows, is_known = vectors.rows_of(["good", "don't", "qwzx"])  # doctest: +SKIP
        >>> rows.shape, is_known.tolist()  # doctest: +SKIP
        ((3, 50), [True, True, False])
    """

    words: list[str]
    rows: NDArray[np.int8]
    scales: Float32s
    name: str
    sha256: str
    licence: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def dimension(self) -> int:
        """The number of values of each vector."""
        return int(self.rows.shape[1])

    def dense(self) -> Float32s:
        """Return all vectors as float32 [word, dimension]."""
        return self.rows * self.scales[:, None]

    def places(self, token: str) -> tuple[int, ...]:
        """Return the rows whose mean represents a token.

        One row where the file has the token, as it is, in lower case or with a capital. Otherwise the rows of
        its parts ("do" and "n't" for "don't"), if the file has all of them. Otherwise none.
        """
        if (whole := self._first(spellings(token))) is not None:
            return (whole,)
        each = [self._first(words) for words in parts(token)]
        rows = tuple(place for place in each if place is not None)
        return rows if len(rows) == len(each) else ()

    def rows_of(self, tokens: Sequence[str]) -> tuple[Float32s, NDArray[np.bool_]]:
        """Return a vector for each token, and whether it is known.

        Returns:
            The vectors, float32 [token, dimension], zeros for unknown tokens; and bool [token].
        """
        vectors = np.zeros((len(tokens), self.dimension), np.float32)
        is_known = np.zeros(len(tokens), np.bool_)
        for i, token in enumerate(tokens):
            if places := list(self.places(token)):
                vectors[i] = (self.rows[places] * self.scales[places, None]).mean(axis=0)
                is_known[i] = True
        return vectors, is_known

    def _first(self, words: Sequence[str]) -> int | None:
        return next((self._index[word] for word in words if word in self._index), None)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}


def quantise(vectors: Float32s) -> tuple[NDArray[np.int8], Float32s]:
    """Return vectors [word, dimension] as int8 rows and one float32 scale for each.

    The error of a value is at most half a scale, 0.4 % of the largest absolute value of its vector.
    """
    scales = np.abs(vectors).max(axis=1, initial=0) / np.float32(MAX_INT8)
    # Below the normal range a quotient could overflow.
    scales[scales < np.finfo(np.float32).tiny] = 1
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)
