"""The quick model: a linear model of TF-IDF values, fitted again after each answer in well under a second.

It suggests labels and chooses the next texts between two trainings of a whole model. Its features are counted
once, over all texts. The words of a label's name count as a text of that label, so that there are suggestions
before the first answer ("card_arrival" is found in "my card has not arrived").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from foretell.arrays import Float32s, Integers, Probabilities
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.tfidf import TfidfModel
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.tfidf_fit import TfidfFit, count_features
from foretell.training.labels.tokens import TokenizedTexts

STRENGTH = 10.0
"""The inverse of the penalty: the middle one of the candidates of the TF-IDF linear model."""

MAX_WORDS = 200_000
MAX_CHARACTERS = 2_000_000
"""Characters of all texts that are read; of longer texts the same part of each, from its beginning."""

MIN_CHARACTERS = 200
"""Characters of each text that are always read."""

DIMENSIONS = 100
"""Of the truncated SVD that compares texts."""

_BREAKS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")


class QuickModel:
    """Texts and labels, whose features are counted once; `probabilities` fits to some of the texts.

    Args:
        texts: all texts, [text], at least one.
        labels: the names of the labels, at least two.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        self._n, self._labels = len(texts), labels
        self._most = max(MIN_CHARACTERS, MAX_CHARACTERS // max(len(texts), 1))
        every = [*self._parts(texts), *map(words_of_name, labels)]
        self._tokenizer, ids, starts = Tokenizer.train_encoded(
            every, "words", lowercase=True, vocabulary=MAX_WORDS, min_count=1
        )
        tokenized = TokenizedTexts(ids=ids, starts=starts)
        self._counted = count_features(tokenized, every, self._tokenizer.size, n_columns=len(labels))

    def probabilities(self, places: Integers, targets: Integers) -> Probabilities:
        """Fit to the texts at `places` and return the probability of each label, float32 [text, label].

        Args:
            places: of the labelled texts, int64 [labelled].
            targets: the place of the label of each, int64 [labelled].
        """
        fit = self._fit(places, targets)
        is_text = np.arange(self._n + len(self._labels)) < self._n
        scores = fit.scores(fit.fit(STRENGTH), is_text)
        result: Probabilities = np.exp(linear_log_probabilities(scores))
        return result

    def model(self, places: Integers, targets: Integers) -> TfidfModel:
        """Return the model that is fitted to the texts at `places`, for other texts; see `predict`."""
        fit = self._fit(places, targets)
        return fit.to_tfidf(fit.fit(STRENGTH))

    def predict(self, model: TfidfModel, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each label for other texts, float32 [text, label]."""
        parts = self._parts(texts)
        scores = model.scores(self._tokenizer.encode_batch(parts), parts)
        result: Probabilities = np.exp(linear_log_probabilities(scores))
        return result

    def embeddings(self, seed: int) -> Float32s:
        """Return a vector of length 1 for each text, float32 [text, dimension], to compare texts with.

        It is the truncated singular value decomposition of the TF-IDF values (latent semantic analysis).
        """
        from sklearn.utils.extmath import randomized_svd

        matrix = self._counted.matrix[: self._n]
        in_texts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        kept = np.flatnonzero(in_texts >= min(2, self._n))
        idf = np.log((1 + self._n) / (1 + in_texts[kept])) + 1
        values = matrix[:, kept] @ sparse.diags_array(idf.astype(np.float32))
        rank = min(DIMENSIONS, min(values.shape) - 1)
        if rank < 1:
            return np.ones((self._n, 1), np.float32)
        left, singular, _ = randomized_svd(values, rank, n_iter=4, random_state=seed)
        rows = left * singular
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        result: Float32s = (rows / np.maximum(lengths, 1e-12)).astype(np.float32)
        return result

    def _parts(self, texts: Sequence[str]) -> list[str]:
        """Return the part of each text that is read."""
        return [text[: self._most] for text in texts]

    def _fit(self, places: Integers, targets: Integers) -> TfidfFit:
        n_labels = len(self._labels)
        every = np.concatenate([places, self._n + np.arange(n_labels)])
        label_of = np.concatenate([targets, np.arange(n_labels)])
        rows = np.zeros(self._n + n_labels, bool)
        rows[every] = True
        soft = np.zeros((len(rows), n_labels), np.float32)
        soft[every, label_of] = 1
        return TfidfFit(self._counted, rows, soft, np.ones(len(rows)))


def words_of_name(label: str) -> str:
    """Return the words in the name of a label.

    >>> words_of_name("cardArrival_late")
    'card Arrival late'
    """
    return " ".join(filter(None, _BREAKS.split(label))) or label
