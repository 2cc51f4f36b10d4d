"""Naive Bayes and centroids of TF-IDF values against scikit-learn and slow sums."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import ComplementNB

from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.labels.generative_fit import CentroidFit, ComplementFit
from foretell.training.labels.tfidf_fit import ValuesFit, count_features
from tests.training.labels.few import few_texts

ROWS = np.arange(60) < 40


def fitting(kind: type[ValuesFit], n_labels: int, weights: Any = None) -> ValuesFit:
    labelled, tokenizer = few_texts(n_labels=n_labels)
    counted = count_features(labelled.tokenized, labelled.texts, tokenizer.size, n_columns=n_labels)
    return kind(counted, ROWS, labelled.soft, labelled.weights if weights is None else weights)


def held_out(fit: ValuesFit) -> Any:
    return fit._values(fit._counted.matrix[~ROWS]).toarray()


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("strength", [1.0, 30.0])
def test_complement_naive_bayes_is_that_of_scikit_learn(n_labels: int, strength: float) -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 60)
    fit = fitting(ComplementFit, n_labels, weights)
    reference = ComplementNB(alpha=1 / strength)
    reference.fit(fit.values, fit.targets.argmax(axis=1), sample_weight=weights[ROWS])
    expected = reference.predict_log_proba(held_out(fit))
    scores = fit.scores(fit.fit(strength), ~ROWS)
    assert scores.shape[1] == (1 if n_labels == 2 else n_labels)
    np.testing.assert_allclose(linear_log_probabilities(scores), expected, atol=1e-5)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_score_is_the_cosine_of_text_and_centroid_and_the_share_of_the_label(n_labels: int) -> None:
    fit = fitting(CentroidFit, n_labels)
    values, targets = fit.values.toarray(), fit.targets.argmax(axis=1)
    centroids = np.stack([values[targets == label].mean(axis=0) for label in range(n_labels)])
    centroids -= centroids.mean(axis=0)
    cosines = held_out(fit) @ centroids.T / np.linalg.norm(centroids, axis=1)
    counts = np.bincount(targets) + 0.5
    expected = 8.0 * cosines + np.log(counts / counts.sum())
    expected -= np.log(np.exp(expected).sum(axis=1, keepdims=True))
    found = linear_log_probabilities(fit.scores(fit.fit(8.0), ~ROWS))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (found.argmax(axis=1) == few_texts(n_labels=n_labels)[0].targets[~ROWS]).mean() > 0.9


@given(st.sampled_from([ComplementFit, CentroidFit]), st.integers(0, 39))
def test_a_text_of_weight_two_counts_as_two_texts(kind: type[ValuesFit], twice: int) -> None:
    labelled, tokenizer = few_texts()
    tokenized, texts = labelled.tokenized, list(labelled.texts)
    weights = np.ones(60)
    weights[twice] = 2
    make = partial(count_features, size=tokenizer.size, n_columns=1)
    one = kind(make(tokenized, texts), ROWS, labelled.soft, weights)
    two = kind(make(tokenized, texts), ROWS, labelled.soft, np.ones(60))
    # The same values, one row twice: idf is of the texts, not of their weights.
    two.values = one.values[[*range(40), twice]]
    two.targets, two.weights = one.targets[[*range(40), twice]], np.ones(41)
    for given_, expected in zip(
        (one.fit(3.0).weights, one.fit(3.0).bias), (two.fit(3.0).weights, two.fit(3.0).bias), strict=True
    ):
        np.testing.assert_allclose(given_, expected, atol=1e-5)


@pytest.mark.parametrize("kind", [ComplementFit, CentroidFit])
def test_a_label_of_no_text_has_finite_scores(kind: type[ValuesFit]) -> None:
    labelled, tokenizer = few_texts(n_labels=3)
    counted = count_features(labelled.tokenized, labelled.texts, tokenizer.size, n_columns=3)
    fit = kind(counted, ROWS, labelled.soft, np.where(labelled.targets == 1, 0.0, 1.0))
    scores = fit.scores(fit.fit(1.0), ~ROWS)
    assert np.isfinite(scores).all()
    assert not (scores.argmax(axis=1) == 1).all()
