"""Confident learning: by hand, and against labels that were made wrong on purpose."""

from __future__ import annotations

import numpy as np

from foretell.metrics.label_errors import find_label_errors


def test_by_hand() -> None:
    # Thresholds: (0.9 + 0.8 + 0.1) / 3 = 0.6 and (0.7 + 0.3) / 2 = 0.5.
    given = np.array([0, 0, 0, 1, 1])
    positive = np.array([0.1, 0.2, 0.9, 0.7, 0.3])
    places, suggested = find_label_errors(given, np.column_stack([1 - positive, positive]))
    assert (places.tolist(), suggested.tolist()) == ([2, 4], [1, 0])


def test_a_hard_label_is_not_suspected_as_a_whole() -> None:
    # Label 1 never gets more than 0.45, so 0.55 for label 0 is no reason to suspect these texts.
    given = np.array([0] * 10 + [1] * 10)
    positive = np.array([0.1] * 10 + [0.45] * 10)
    assert not len(find_label_errors(given, np.column_stack([1 - positive, positive]))[0])


def test_flipped_labels_are_found_and_ranked_first() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 2000)
    probabilities = random.dirichlet([0.3] * 4, 2000)
    probabilities[np.arange(2000), true] += 2
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    flipped = random.choice(2000, 100, replace=False)
    given = true.copy()
    given[flipped] = (true[flipped] + random.integers(1, 4, 100)) % 4
    places, suggested = find_label_errors(given, probabilities)
    wrong = np.isin(places, flipped)
    # About half of the texts are above the mean probability of their true label.
    assert wrong.sum() >= 45
    assert wrong.mean() > 0.9
    assert wrong[:40].all()
    assert (suggested[wrong] == true[places[wrong]]).all()


def test_a_label_without_texts_is_never_suggested() -> None:
    assert not len(find_label_errors(np.array([0, 0]), np.array([[0.1, 0.9], [0.8, 0.2]]))[0])
