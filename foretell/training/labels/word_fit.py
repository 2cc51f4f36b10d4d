"""The member `words`: softmax regression on words and pairs of words, for many labels and texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from foretell.arrays import Float32s, Integers
from foretell.ngrams.tfidf import TfidfModel
from foretell.training.labels.dense_fit import unit_rows
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.rows import Rows
from foretell.training.labels.softmax_fit import (
    SparseSoftmax,
    fit_softmax,
    informativeness,
    label_counts,
)
from foretell.training.labels.tfidf_fit import CountedFeatures


class WordFit:
    """Softmax regression on words and pairs of words, each as much as it tells about the labels.

    The values of a text are its TF-IDF values times `informativeness`, divided by their length.
    """

    def __init__(self, counted: CountedFeatures, rows: Rows) -> None:
        self._counted = counted
        self._rows = rows
        counts, in_texts = label_counts(counted.matrix, rows)
        idf = np.log((1 + len(rows.texts)) / (1 + in_texts)) + 1
        # A feature that no text of these rows has is none.
        factors = idf * (in_texts > 0) * informativeness(counts, rows.mass.sum(axis=1))
        self._factors = factors.astype(np.float32)

    def fit(
        self, strength: float, start: SparseSoftmax | None = None, check: Check = ignore
    ) -> SparseSoftmax:
        """Fit the model in as many passes as `strength` says."""
        del start
        matrix = self._counted.matrix
        return fit_softmax(matrix, self._factors, self._rows, int(strength), check)

    def scores(self, parameters: SparseSoftmax, texts: Integers) -> Float32s:
        """Return the scores [text, column] of the texts at some places."""
        return parameters.scores(self._values(texts))

    def model(self, parameters: SparseSoftmax) -> TfidfModel:
        """Return the model for predictions."""
        features = self._counted.features
        kept = np.flatnonzero(self._factors)
        chosen = replace(features, words=features.words[kept])
        weights = parameters.weights[kept]
        return TfidfModel(chosen, self._factors[kept], weights, parameters.bias)

    def _values(self, texts: Integers) -> sparse.csr_array:
        """Return the values of the texts at some places, float32 [text, feature]."""
        values = self._counted.matrix[texts] @ sparse.diags_array(self._factors)
        return unit_rows(values, 2)
