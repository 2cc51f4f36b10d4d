"""Texts as token ids, with a vocabulary of the training texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Int32s, Int64s, Integers, Mask, TokenIds, in_parts
from foretell.config import LabelsSettings
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.rows import Targets

# In a large corpus a word that occurs once carries no information; in a small one every word
# counts.
LINEAR_VOCABULARY = 200_000
"""Words of a linear model's vocabulary, at most."""

_LARGE_CORPUS_TEXTS = 5_000


@dataclass(frozen=True, kw_only=True)
class TokenizedTexts:
    """Texts as token ids: text i is ids[starts[i]:starts[i + 1]]; int32 [token], or uint16 where a
    network reads them, and int64 [text + 1].
    """

    ids: TokenIds
    starts: Int64s

    def __len__(self) -> int:
        return len(self.starts) - 1

    def part(self, first: int, last: int) -> TokenizedTexts:
        """Return the texts from place `first` to before `last`."""
        starts = self.starts[first : last + 1]
        return TokenizedTexts(ids=self.ids[starts[0] : starts[-1]], starts=starts - starts[0])

    def select(self, rows: Mask) -> TokenizedTexts:
        """Return the texts where `rows` [text] is true."""
        lengths = np.diff(self.starts)
        return TokenizedTexts(
            ids=self.ids[np.repeat(rows, lengths)],
            starts=np.concatenate([[0], np.cumsum(lengths[rows])]),
        )

    def only(self, rows: Mask) -> TokenizedTexts:
        """Return as many texts, without the words of those where `rows` [text] is not true."""
        lengths = np.where(rows, np.diff(self.starts), 0)
        return replace(self.select(rows), starts=np.append(0, np.cumsum(lengths)))

    def take(self, places: Integers) -> TokenizedTexts:
        """Return the texts at some places, ascending."""
        rows = np.zeros(len(self), bool)
        rows[places] = True
        return self.select(rows)

    def followed_by(self, others: TokenizedTexts) -> TokenizedTexts:
        starts = np.concatenate([self.starts, self.starts[-1] + others.starts[1:]])
        return TokenizedTexts(ids=np.concatenate([self.ids, others.ids]), starts=starts)


def tokenize(
    texts: Sequence[str], settings: LabelsSettings, known: Tokenizer | None = None
) -> tuple[Tokenizer, TokenizedTexts]:
    """Learn the vocabulary of the texts and encode them.

    With a linear model the tokenizer has `LINEAR_VOCABULARY` words, of which the network reads the
    most frequent `vocabulary`; with an open vocabulary both read all `vocabulary` tokens. The ids
    of a `known` tokenizer keep their meaning, and new words follow as far as the vocabulary has
    room.
    """
    vocabulary = settings.vocabulary
    min_count = 1
    if settings.linear and not settings.has_open_vocabulary:
        vocabulary = max(vocabulary, LINEAR_VOCABULARY)
        min_count = 2 if len(texts) >= _LARGE_CORPUS_TEXTS else 1
    if known is None and settings.tokens == "words":
        tokenizer, ids, starts = Tokenizer.train_and_encode(
            texts, lowercase=settings.lowercase, vocabulary=vocabulary, min_count=min_count
        )
        return tokenizer, TokenizedTexts(ids=ids, starts=starts)
    if known is not None:
        tokenizer = known.with_new_words(texts, vocabulary=vocabulary, min_count=min_count)
    else:
        tokenizer = Tokenizer.train(
            texts,
            settings.tokens,
            lowercase=settings.lowercase,
            vocabulary=vocabulary,
            min_count=min_count,
        )
    return tokenizer, encode(texts, tokenizer)


def encode(texts: Sequence[str], tokenizer: Tokenizer) -> TokenizedTexts:
    """Encode texts by an existing tokenizer."""
    parts: list[Int32s] = [np.zeros(0, np.int32)]
    lengths: list[int] = [0]
    # In chunks: lists of Python integers take nine times the memory of the array.
    for part in in_parts(texts, 1024):
        chunk = tokenizer.encode_batch(part)
        lengths += map(len, chunk)
        parts.append(np.array([token for ids in chunk for token in ids], np.int32))
    return TokenizedTexts(ids=np.concatenate(parts), starts=np.cumsum(lengths, dtype=np.int64))


def targets_of(names: Sequence[str], labels: Sequence[str]) -> Targets:
    """Return the place of each name [text] among the sorted labels."""
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[name] for name in names], np.int32)
