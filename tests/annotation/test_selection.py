"""Which texts come first: uncertain, dense, and different from each other."""

from __future__ import annotations

import numpy as np

from foretell.annotation.selection import densities, information, select, uncertainty


def unit(rows: list[list[float]]) -> np.ndarray:
    array = np.array(rows, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_uncertainty_is_one_minus_the_margin() -> None:
    rows = np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(uncertainty(rows), [1.0, 0.5, 0.0], atol=1e-6)


def test_a_text_like_many_others_is_dense() -> None:
    near = [[1, 0.01 * i, 0] for i in range(30)]
    found = densities(unit([*near, [0, 0, 1]]), 0)
    assert found[:30].min() > 0.99
    # Its one neighbour is itself: 1 of 11.
    assert found[30] < 0.2


def test_of_equally_uncertain_texts_the_dense_one_comes_first() -> None:
    rows = np.full((3, 2), 0.5, np.float32)
    order = np.argsort(-information(rows, np.array([0.2, 0.9, 0.5])))
    assert order.tolist() == [1, 2, 0]


def test_the_chosen_texts_differ() -> None:
    # Two groups; the first has the higher scores.
    embeddings = unit([[1, 0], [1, 0.01], [1, 0.02], [0, 1], [0.01, 1]])
    scores = np.array([1.0, 0.99, 0.98, 0.6, 0.5])
    everything = np.arange(5)
    assert select(scores, embeddings, everything, np.array([], int), 2) == [0, 3]
    # What was answered last is left alone too.
    assert select(scores, embeddings, everything[1:], np.array([0]), 1) == [3]
    assert sorted(select(scores, embeddings, everything, np.array([], int), 9)) == [0, 1, 2, 3, 4]
    assert select(scores, embeddings, np.array([], int), np.array([], int), 3) == []
