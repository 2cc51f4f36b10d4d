"""`WordVectors`: rows of word vectors as int8, which rows of a file are kept, and the lookup of tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Array, Float32s
from foretell.errors import DataError

MAX_INT8 = 127
MAX_VALUE = 1e6
"""Largest absolute value of a vector's numbers; beyond it the file is damaged or not of word vectors."""
_BLOCK = 1024
_NEGATION = "n't"


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Word vectors, each row quantised to int8 with one scale.

    Attributes:
        words: the words, in the order of the file (most published files: the most frequent first).
        rows: int8 [word, dimension]; a vector is its row multiplied by its scale.
        scales: float32 [word], the largest absolute value of the vector divided by 127.
        name: the file, or what the package contains.
        sha256: of the file as it is on disk; of a file with a vocabulary beside it, of one after the other.
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


def spellings(token: str) -> tuple[str, ...]:
    """Return the words that stand for the whole token, the best first.

    They are the token as it is, in lower case, and with a capital: German vectors have nouns in that form
    only, and foretell converts tokens to lower case. A curly apostrophe becomes a straight one.
    """
    plain = token.replace("’", "'")
    lower = plain.lower()
    return tuple(dict.fromkeys((token, plain, lower, lower.capitalize())))


def parts(token: str) -> tuple[tuple[str, ...], ...]:
    """Return the parts of a token with an apostrophe, each as the words that stand for it, the best first.

    GloVe's vocabulary was split as the Penn Treebank is: "don't" is "do" and "n't", "it's" is "it" and "'s".
    French vectors have "l'" for the first part of "l'homme". A token without an apostrophe inside has none.
    """
    plain = token.replace("’", "'")
    if plain.lower().endswith(_NEGATION) and len(plain) > len(_NEGATION):
        return spellings(plain[: -len(_NEGATION)]), (_NEGATION,)
    first, *rest = plain.split("'")
    if not first or not any(rest):
        return ()
    return (
        (*spellings(first), *spellings(f"{first}'")),
        *((*spellings(f"'{piece}"), *spellings(piece)) for piece in rest if piece),
    )


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
        self._wanted = {
            word for token in tokens for words in (spellings(token), *parts(token)) for word in words
        }
        self._frequent = frequent
        self.seen = 0
        # In the order of the file.
        self._words: dict[str, None] = {}
        self._block: list[tuple[Array, str]] = []
        self._kept: list[tuple[NDArray[np.int8], Float32s]] = []

    def takes(self, word: str) -> bool:
        """Return whether the row of the next word of the file is kept."""
        self.seen += 1
        return (self.seen <= self._frequent or word in self._wanted) and word not in self._words

    def add(self, word: str, vector: Array, where: str) -> None:
        """Keep the row [dimension] of a word that `takes` accepted; `where` is its place, for errors.

        Raises:
            DataError: a number of this or an earlier row is not finite, or larger than `MAX_VALUE`.
        """
        self._words[word] = None
        self._block.append((vector, where))
        if len(self._block) == _BLOCK:
            self._quantise()

    def result(self, dimension: int) -> tuple[list[str], NDArray[np.int8], Float32s]:
        """Return the words, the int8 rows [word, dimension] and the scales [word]; raises as `add`."""
        if self._block:
            self._quantise()
        rows = [np.zeros((0, dimension), np.int8), *(rows for rows, _ in self._kept)]
        scales = [np.zeros(0, np.float32), *(scales for _, scales in self._kept)]
        return list(self._words), np.concatenate(rows), np.concatenate(scales)

    def _quantise(self) -> None:
        # In float16 the comparison would overflow.
        block = np.stack([vector for vector, _ in self._block]).astype(np.float64)
        # A comparison with NaN is false.
        if not (fits := np.abs(block) <= MAX_VALUE).all():
            row, column = np.argwhere(~fits)[0].tolist()
            raise DataError(
                expected=f"numbers from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}",
                found=f"{block[row, column]:g}",
                where=self._block[row][1],
                fix="download or write the file again",
            )
        self._kept.append(quantise(block.astype(np.float32)))
        self._block.clear()
