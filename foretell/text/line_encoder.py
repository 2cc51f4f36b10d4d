"""A long text to token ids: each piece between two spaces is tokenized once, and then looked up.

Also what an unknown word costs in bytes, and what any word costs somebody who types it, in keys.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from foretell.arrays import Integers, TokenIds
from foretell.text.styles import END_OF_LINE, UNKNOWN, in_unspaced_script
from foretell.text.tokenizer import Tokenizer
from foretell.text.vocabulary import Places

# Bounds on the memory: above so many different pieces, or characters of them, all are dropped.
MAX_PIECES = 1 << 19
MAX_CHARACTERS = 1 << 25


class LineEncoder:
    """Encodes the lines of a long text several times as fast as `Tokenizer.encode_batch`, to the same ids.

    Words repeat, and no word of any style contains a space; a subword has one at its beginning only. So each
    different piece between two spaces has a number; the ids of piece k are `flat[starts[k] : starts[k + 1]]`.

    Args:
        tokenizer: of any style but "keras".
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._clear()

    def _clear(self) -> None:
        self._numbers = Places()
        self._characters = 0
        self._flat: TokenIds = np.zeros(0, np.int64)
        self._starts: Integers = np.zeros(1, np.int64)

    def encode(self, lines: str) -> TokenIds:
        """Return ids, int64 [token], of a text; -1 for a word without an id.

        Args:
            lines: text in which each line break is an end of line, where the tokenizer has one.
        """
        if len(self._numbers) > MAX_PIECES or self._characters > MAX_CHARACTERS:
            self._clear()
        known = len(self._numbers)
        pieces = self._pieces(lines)
        which = np.fromiter(map(self._numbers.__getitem__, pieces), np.int64, len(pieces))
        if len(self._numbers) > known:
            self._add(list(islice(self._numbers, known, None)))
        first = self._starts[which]
        counts = self._starts[which + 1] - first
        ends = counts.cumsum()
        # The k-th id of a piece is k places after its first.
        places = np.repeat(first - (ends - counts), counts) + np.arange(ends[-1])
        ids: TokenIds = self._flat[places]
        return ids

    def _pieces(self, lines: str) -> list[str]:
        if not self._tokenizer.is_open:
            return lines.replace("\n", " \n ").split(" ")
        pieces: list[str] = []
        for line in lines.split("\n"):
            first, *others = line.split(" ")
            pieces += [first, *(f" {other}" for other in others), "\n"]
        # No line break follows the last line.
        return pieces[:-1]

    def _add(self, pieces: list[str]) -> None:
        ids = self._tokenizer.encode_batch(pieces)
        end = self._tokenizer.end_of_line
        if end is not None and "\n" in pieces:
            ids[pieces.index("\n")] = [end]
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        self._starts = np.concatenate([self._starts, self._starts[-1] + counts.cumsum()])
        self._flat = np.concatenate([self._flat, np.fromiter(chain.from_iterable(ids), np.int64)])
        self._characters += sum(map(len, pieces))


def utf8_bytes(text: str) -> int:
    """Return the bytes of a text in UTF-8; a lone surrogate has three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def spelled_bytes(tokenizer: Tokenizer, text: str) -> int:
    """Return the bytes to spell the unknown words of a text: those of each word, and one for its end."""
    if tokenizer.is_open:
        return 0
    return sum(utf8_bytes(word) + 1 for word in tokenizer.words(text) if tokenizer.id(word) is None)


class Typed(NamedTuple):
    """A vocabulary whose tokens are words: what each costs (`keys_of`), and ids that are never suggested."""

    words: list[str]
    keys: list[int]
    hidden: list[int]


def typed(tokenizer: Tokenizer) -> Typed:
    """Return the vocabulary of a tokenizer."""
    words = [tokenizer.word(id) for id in range(tokenizer.size)]
    # With the tokens white-space, `<unk>` and `<eos>` are words of prepared texts, as of the Penn Treebank.
    hidden = [id for id, word in enumerate(words) if word == UNKNOWN or id < tokenizer.specials]
    return Typed(words, list(map(keys_of, words)), [id for id in hidden if words[id] != END_OF_LINE])


def keys_of(word: str) -> int:
    """Return the keys that a word costs: one for each character, and one for the white space after it.

    A mark, and a word of a script without spaces, has none. The end of a line is the white space of its last
    word, so it costs nothing itself.
    """
    if word == END_OF_LINE:
        return 0
    return len(word) + (any(map(str.isalnum, word)) and not in_unspaced_script(word[-1]))
