"""Word vectors from outside: their words extend the tokenizer, and each id gets its vector.

A model that was trained with them stores no vector: a linear model of mean vectors is one weight
for each word (`dense_fit`). Words that only the vectors have get such a weight too, so they count
in new texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foretell.arrays import Float32s, Float64s, Int64s, Mask, TokenIds
from foretell.data.word_vectors import read_word_vectors
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Listener, Note

_SMOOTH = 1e-3
# The sum of 1 / rank over 400,000 words.
_ZIPF = 13.5
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class OutsideVectors:
    """A vector for each id of a tokenizer, zeros for a word without one; texts are given as their
    ids.

    Attributes:
        known: bool [id], which words have a vector.
        places: float64 [id], the place among the vectors, from 0; of a word without a vector, their
            number.
        n_words: ids below it are special or words of the texts, the others are words of the vectors
            alone.
    """

    rows: Float32s
    known: Mask
    places: Float64s
    n_words: int
    metrics: dict[str, str | int | None]

    def coverage(self, ids: TokenIds) -> float:
        """Return the share of the texts' tokens that have a vector, 0 to 1."""
        counts = self._counts(ids)
        return float(counts[self.known].sum() / max(counts.sum(), 1))

    def centred(self, ids: TokenIds) -> Float32s:
        """Return the vectors [id, dimension] minus the mean of the words of some texts, each of
        length 1.

        That mean is most of the length of a text's vector, and the same for all texts.
        """
        mean = self.rows[self._counts(ids) * self.known > 0].mean(axis=0)
        centred = np.where(self.known[:, None], self.rows - mean, 0)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        unit: Float32s = (centred / np.maximum(lengths, _NEGLIGIBLE)).astype(np.float32)
        return unit

    def reduced(self, ids: TokenIds, size: int, width: int) -> Float32s:
        """Return the centred vectors of the ids below `size`, or their first `width` principal
        components.
        """
        rows = self.centred(ids)[:size]
        if rows.shape[1] <= width:
            return rows
        _, directions = np.linalg.eigh(rows.T @ rows)
        result: Float32s = (rows @ directions[:, : -width - 1 : -1]).astype(np.float32)
        return result

    @property
    def frequency_weights(self) -> Float32s:
        """How much each word counts in a mean, float32 [id]: little where it is frequent in
        general.

        The weights are a / (a + p), "smooth inverse frequency" (Arora, Liang and Ma, 2017, "A
        Simple but Tough-to-Beat Baseline for Sentence Embeddings"). The probability p of a word
        follows from its place in the file by Zipf's law: a few hundred texts show it less well.
        """
        probability = 1 / (_ZIPF * (1 + self.places))
        return (_SMOOTH / (_SMOOTH + probability)).astype(np.float32)

    def _counts(self, ids: TokenIds) -> Int64s:
        return np.bincount(ids[ids >= 0], minlength=len(self.known))


def vectors_for(
    old: Tokenizer, path_or_name: str | Path, listener: Listener
) -> tuple[Tokenizer, OutsideVectors]:
    """Return a tokenizer that has the words of a file of vectors, or of "glove", too; and the
    vectors.
    """
    first = old.specials
    words = [old.word(id) for id in range(old.specials, old.size)]
    vectors = read_word_vectors(path_or_name, words=words)
    tokenizer = old.extended(vectors.words)
    everything = [*words, *(tokenizer.word(id) for id in range(old.size, tokenizer.size))]
    rows, is_known = vectors.rows_of(everything)
    places = [next(iter(vectors.places(word)), len(vectors.words)) for word in everything]
    n_known = int(is_known[: len(words)].sum())
    n_more = tokenizer.size - old.size
    text = f"word vectors ({vectors.name}): of {n_known:,} of {len(words):,} words of the texts"
    for note in (*vectors.notes, f"{text}, and of {n_more:,} others"):
        listener(Note(note))
    return tokenizer, OutsideVectors(
        rows=np.pad(rows, ((first, 0), (0, 0))),
        known=np.pad(is_known, (first, 0)),
        places=np.pad(np.array(places, np.float64), (first, 0), constant_values=len(vectors.words)),
        n_words=old.size,
        metrics={
            "name": vectors.name,
            "sha256": vectors.sha256,
            "licence": vectors.licence,
            "words": len(words),
            "known_words": n_known,
            "more_words": n_more,
        },
    )
