"""Word vectors from outside: their words extend the tokenizer, and each id gets its vector.

A model that was trained with them stores no vector: a linear model of mean vectors is one weight for each
word (`dense_fit`). Words that only the vectors have get such a weight too, so they count in new texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s
from foretell.data.word_vectors import vector_files
from foretell.hashes import sha256_of
from foretell.training.labels.tokenized import TokenizedTexts

_SMOOTH = 1e-3
# The sum of 1 / rank over 400,000 words.
_ZIPF = 13.5
# GloVe on 300 English sentences: -0.5. An alphabetical order: 0.
_MAX_CORRELATION = -0.2
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class OutsideVectors:
    """A vector for each id of a tokenizer.

    Attributes:
        rows: float32 [id, dimension]; zeros for a word without a vector.
        known: bool [id], which words have a vector.
        places: float64 [id], the place among the vectors, from 0; of a word without a vector, their number.
        n_words: ids below it are special or words of the texts, the others are words of the vectors alone.
        metrics: name, SHA-256, licence and numbers of words, ready for JSON.
    """

    rows: Float32s
    known: npt.NDArray[np.bool_]
    places: npt.NDArray[np.float64]
    n_words: int
    metrics: dict[str, Any]

    def coverage(self, texts: TokenizedTexts) -> float:
        """Return the share of the tokens of some texts that have a vector, 0 to 1."""
        counts = self._counts(texts)
        return float(counts[self.known].sum() / max(counts.sum(), 1))

    def centred(self, texts: TokenizedTexts) -> Float32s:
        """Return the vectors [id, dimension] minus the mean of the words of some texts, each of length 1.

        That mean is most of the length of a text's vector, and the same for all texts.
        """
        mean = self.rows[self._counts(texts) * self.known > 0].mean(axis=0)
        centred = np.where(self.known[:, None], self.rows - mean, 0)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        unit: Float32s = (centred / np.maximum(lengths, _NEGLIGIBLE)).astype(np.float32)
        return unit

    def reduced(self, texts: TokenizedTexts, size: int, width: int) -> Float32s:
        """Return the centred vectors of the ids below `size` in fewer dimensions, float32 [id, dimension].

        Of vectors with more than `width` dimensions they are the first `width` principal components.
        """
        rows = self.centred(texts)[:size]
        if rows.shape[1] <= width:
            return rows
        _, directions = np.linalg.eigh(rows.T @ rows)
        result: Float32s = (rows @ directions[:, : -width - 1 : -1]).astype(np.float32)
        return result

    def frequency_weights(self, texts: TokenizedTexts) -> Float32s | None:
        """Return how much each word counts in a mean, float32 [id]: little where it is frequent in general.

        The weights are a / (a + p), "smooth inverse frequency" (Arora, Liang and Ma, 2017, "A Simple but
        Tough-to-Beat Baseline for Sentence Embeddings"). The probability p of a word is taken from its place
        among the vectors by Zipf's law: a few hundred texts show it less well.

        Returns:
            None where the vectors are not in the order of frequency, by the words of the texts.
        """
        counts = self._counts(texts)
        both = np.flatnonzero(counts * self.known)
        if not _falls(counts[both], self.places[both]):
            return None
        probability = 1 / (_ZIPF * (1 + self.places))
        return (_SMOOTH / (_SMOOTH + probability)).astype(np.float32)

    def _counts(self, texts: TokenizedTexts) -> npt.NDArray[np.int64]:
        return np.bincount(texts.ids[texts.ids >= 0], minlength=len(self.known))


def _falls(counts: npt.NDArray[np.int64], places: npt.NDArray[np.float64]) -> bool:
    """Return whether the more frequent words have the lower places, by Spearman's rank correlation."""
    from scipy.stats import rankdata

    if len(counts) < 2 or counts.min() == counts.max():
        return False
    return bool(np.corrcoef(rankdata(counts), rankdata(places))[0, 1] < _MAX_CORRELATION)


def digest_of(path_or_name: str | Path) -> str:
    """Return the SHA-256 of a file of word vectors, or of those that the name `glove` stands for.

    Raises:
        DataError: there is no such file.
        MissingExtraError: "glove" without its package.
    """
    return sha256_of(*vector_files(path_or_name))
