"""A long text to ids: what stands between two spaces is split into words once, and then looked up."""

from __future__ import annotations

from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from foretell.text.tokenizer import Ids, Tokenizer

# Bounds on the memory: so many different pieces, or so many characters of them, and all are forgotten.
MOST_PIECES = 1 << 19
MOST_CHARACTERS = 1 << 25


class LineEncoder:
    """Encodes the lines of a long text several times as fast as `Tokenizer.encode_batch`, to the same ids.

    Text repeats itself, and no word of any style reaches over a space. So each piece between two spaces gets
    a number when it first comes; the ids of piece k are `flat[starts[k] : starts[k + 1]]`.

    Args:
        tokenizer: "white-space" or "words"; gives the ids.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._forget()

    def _forget(self) -> None:
        self._numbers = _Numbers()
        self._characters = 0
        self._flat: Ids = np.zeros(0, np.int64)
        self._starts: Ids = np.zeros(1, np.int64)

    def encode(self, lines: str) -> Ids:
        """Return ids int64 [id] of a text.

        Args:
            lines: text in which each line break is an end of line, where the tokenizer has one; -1 stays for
                a word that it has no id for.
        """
        if len(self._numbers) > MOST_PIECES or self._characters > MOST_CHARACTERS:
            self._forget()
        known = len(self._numbers)
        pieces = lines.replace("\n", " \n ").split(" ")
        which = self._numbers.of(pieces)
        if len(self._numbers) > known:
            self._learn(list(islice(self._numbers, known, None)))
        first = self._starts[which]
        counts = self._starts[which + 1] - first
        ends = counts.cumsum()
        # The k-th id of a piece stands k places after its first.
        places = np.repeat(first - (ends - counts), counts) + np.arange(ends[-1])
        found: Ids = self._flat[places]
        return found

    def _learn(self, pieces: list[str]) -> None:
        ids = self._tokenizer.encode_batch(pieces)
        end = self._tokenizer.end_of_line
        if end is not None and "\n" in pieces:
            ids[pieces.index("\n")] = [end]
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        self._starts = np.concatenate([self._starts, self._starts[-1] + counts.cumsum()])
        self._flat = np.concatenate([self._flat, np.fromiter(chain.from_iterable(ids), np.int64)])
        self._characters += sum(map(len, pieces))


class _Numbers(dict[str, int]):
    """Numbers from 0 for strings, in the order in which they first come."""

    def __missing__(self, piece: str) -> int:
        number = self[piece] = len(self)
        return number

    def of(self, pieces: list[str]) -> npt.NDArray[np.int64]:
        return np.fromiter(map(self.__getitem__, pieces), np.int64, len(pieces))
