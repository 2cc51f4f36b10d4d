"""Sparse weights beside the same dense ones, and their storage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foretell.errors import ArtifactError
from foretell.ngrams import sparse_weights
from foretell.ngrams.sparse_weights import SparseWeights

NUMBERS = st.sampled_from([0.0, 0.0, 0.0, 1.5, -2.25, 1e-3])
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))
WEIGHTS = SHAPES.flatmap(lambda shape: arrays(np.float32, shape, elements=NUMBERS))


@given(WEIGHTS, st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=5), st.integers(1, 9))
def test_sums_are_those_of_dense_weights(
    weights: np.ndarray, texts: list[list[int]], at_once: int
) -> None:
    features = [number % len(weights) for text in texts for number in text]
    of_text = np.repeat(np.arange(len(texts)), [len(text) for text in texts]).astype(int)
    values = np.linspace(-1, 2, len(features))
    expected = np.zeros((len(texts), weights.shape[1]))
    for text, feature, value in zip(of_text, features, values, strict=True):
        expected[text] += value * weights[feature]
    sparse = SparseWeights.of(weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_weights, "_CELLS_AT_ONCE", at_once)
        found = sparse.sums(of_text, np.array(features, int), values, len(texts))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(sparse.values) == np.count_nonzero(weights)


def dense(sparse: SparseWeights) -> np.ndarray:
    n = len(sparse)
    return sparse.sums(np.arange(n), np.arange(n), np.ones(n), n)


@given(WEIGHTS, st.integers(1, 70_000))
def test_stored_and_read_they_are_the_same(weights: np.ndarray, more: int) -> None:
    sparse = SparseWeights.of(weights)
    # Of many labels the columns are larger numbers.
    n_columns = weights.shape[1] + more
    moved = sparse.moved(np.arange(weights.shape[1]) + more, n_columns)
    stored = {f"a/{name}": array for name, array in moved.to_arrays().items()}
    found = SparseWeights.from_arrays(stored, "a", len(weights), n_columns)
    np.testing.assert_array_equal(dense(found)[:, more:], weights)
    both = SparseWeights.stacked([found, found.times(2)])
    np.testing.assert_array_equal(dense(both)[len(weights) :, more:], 2 * weights)


BROKEN = {
    "starts": [
        np.array([0, 2, 1], np.uint32),
        np.array([0, 1, 3], np.uint32),
        np.array([1, 1, 2], np.uint32),
        np.array([0, 2], np.uint32),
        np.array([0, 1, 2], np.int64),
    ],
    "columns": [np.array([0, 3], np.uint16), np.array([0], np.uint16), np.array([0, 1], np.int32)],
    "values": [np.array([0, np.nan], np.float32), np.array([0, 1.0])],
}


@pytest.mark.parametrize(
    ("name", "array"), [(name, array) for name, others in BROKEN.items() for array in others]
)
def test_broken_arrays_are_refused(name: str, array: np.ndarray) -> None:
    weights = np.array([[0, 1, 0], [2, 0, 0]], np.float32)
    stored = {f"a/{key}": each for key, each in SparseWeights.of(weights).to_arrays().items()}
    SparseWeights.from_arrays(stored, "a", 2, 3)
    for damaged in (
        stored | {f"a/{name}": array},
        {k: v for k, v in stored.items() if name not in k},
    ):
        with pytest.raises(ArtifactError):
            SparseWeights.from_arrays(damaged, "a", 2, 3)
