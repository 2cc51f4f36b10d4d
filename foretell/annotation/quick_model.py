"""The quick model: logistic regression on TF-IDF values, fitted again after each answer within a second.

Its features are counted once, over all texts. The words of a label's name count as a text of that label, so
that there are suggestions before the first answer ("card_arrival" is found in "my card has not arrived").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from foretell.arrays import Float32s, Integers, Probabilities

STRENGTH = 10.0
"""The inverse of the penalty."""

MAX_CHARACTERS = 2_000_000
"""Characters of all texts that are read; of longer texts the same part of each, from its beginning."""

MIN_CHARACTERS = 200
"""Characters of each text that are always read."""

MAX_FEATURES = 200_000
"""Words and pairs of words, and as many character n-grams; the most frequent ones."""

MANY = 1_000
"""Texts from which on a feature that only one of them has is left out."""

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
        from sklearn.feature_extraction.text import CountVectorizer

        self._n, self._n_labels = len(texts), len(labels)
        most = max(MIN_CHARACTERS, MAX_CHARACTERS // max(len(texts), 1))
        every = [*(text[:most] for text in texts), *map(words_of_name, labels)]
        usual = {"max_features": MAX_FEATURES, "dtype": np.float32}
        words = CountVectorizer(**usual, ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
        characters = CountVectorizer(**usual, ngram_range=(1, 5), analyzer="char_wb")
        parts = [each.fit_transform(every) for each in (words, characters)]
        counts = sparse.csr_array(sparse.hstack(parts))
        is_shared = np.bincount(counts.indices, minlength=counts.shape[1]) > 1
        # Where texts are many, a feature of one text says nothing; where they are few, every feature counts.
        self._counts = counts[:, is_shared] if len(texts) >= MANY and is_shared.any() else counts

    def probabilities(self, places: Integers, targets: Integers) -> Probabilities:
        """Fit to the texts at `places` and return the probability of each label, float32 [text, label].

        Args:
            places: of the labelled texts, int64 [labelled].
            targets: the place of the label of each, int64 [labelled].
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        names = np.arange(self._n_labels)
        chosen = np.concatenate([places, self._n + names])
        # A feature that no labelled text has gets no weight, and has no part in the length of a text.
        counts = self._counts[:, np.unique(self._counts[chosen].indices)]
        values = TfidfTransformer(sublinear_tf=True).fit(counts[chosen]).transform(counts)
        model = LogisticRegression(C=STRENGTH, max_iter=200)
        # Its vectors are short: threads would wait for each other, beside the service and the browser.
        with threadpool_limits(1):
            model.fit(values[chosen], np.concatenate([targets, names]))
        result: Probabilities = model.predict_proba(values[: self._n]).astype(np.float32)
        return result

    def embeddings(self, seed: int) -> Float32s:
        """Return a vector of length 1 for each text, float32 [text, dimension], to compare texts with.

        It is the truncated singular value decomposition of the TF-IDF values (latent semantic analysis).
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.preprocessing import normalize
        from sklearn.utils.extmath import randomized_svd

        values = TfidfTransformer(sublinear_tf=True).fit_transform(self._counts[: self._n])
        rank = min(DIMENSIONS, min(values.shape) - 1)
        if rank < 1:
            return np.ones((self._n, 1), np.float32)
        left, singular, _ = randomized_svd(values, rank, n_iter=4, random_state=seed)
        rows: Float32s = normalize(left * singular).astype(np.float32)
        return rows


def words_of_name(label: str) -> str:
    """Return the words in the name of a label.

    >>> words_of_name("cardArrival_late")
    'card Arrival late'
    """
    return " ".join(filter(None, _BREAKS.split(label))) or label
