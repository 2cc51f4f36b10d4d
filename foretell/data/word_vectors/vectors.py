"""`WordVectors`: rows of word vectors, which rows of a file are kept, and the lookup of tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Array, Float32s
from foretell.errors import DataError

MAX_VALUE = 1e6
"""Largest absolute value of a vector's numbers; beyond it the file is damaged or not of word vectors."""
_NEGATION = "n't"


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Word vectors.

    Attributes:
        words: the words, in the order of the file (most published files: the most frequent first).
        rows: float32 [word, dimension].
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
    rows: Float32s
    name: str
    sha256: str
    licence: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def dimension(self) -> int:
        """The number of values of each vector."""
        return int(self.rows.shape[1])

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
                vectors[i] = self.rows[places].mean(axis=0)
                is_known[i] = True
        return vectors, is_known

    def _first(self, words: Sequence[str]) -> int | None:
        return next((self._index[word] for word in words if word in self._index), None)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}


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
    the first row is kept.

    Args:
        tokens: tokens of foretell's tokenizer; every spelling and part of them is asked for.
        frequent: how many of the first rows are kept in any case.

    Attributes:
        kept: the row [dimension] of each word, in the order of the file.
        seen: how many words of the file were offered so far.
    """

    def __init__(self, tokens: Collection[str], frequent: int) -> None:
        self._wanted = {
            word for token in tokens for words in (spellings(token), *parts(token)) for word in words
        }
        self._frequent = frequent
        self.kept: dict[str, Float32s] = {}
        self.seen = 0

    def takes(self, word: str) -> bool:
        """Return whether the row of the next word of the file is kept."""
        self.seen += 1
        return (self.seen <= self._frequent or word in self._wanted) and word not in self.kept

    def add(self, word: str, vector: Array, where: str) -> None:
        """Keep the row [dimension] of a word that `takes` accepted; `where` is its place, for errors.

        Raises:
            DataError: a number that is not finite, or larger than `MAX_VALUE`.
        """
        # In float16 the comparison would overflow; one with NaN is false.
        numbers = np.array(vector, np.float64)
        if not (fits := np.abs(numbers) <= MAX_VALUE).all():
            raise DataError(
                expected=f"numbers from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f}",
                found=f"{numbers[~fits][0]:g}",
                where=where,
                fix="download or write the file again",
            )
        self.kept[word] = numbers.astype(np.float32)
