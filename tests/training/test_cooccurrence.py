"""Embeddings from co-occurrence statistics, beside slow ones and scikit-learn's SVD."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from foretell.ngrams.keys import flat
from foretell.training import cooccurrence
from foretell.training.cooccurrence import WINDOW, cooccurrence_embeddings

FIRST = 2
SIZE = 7

TEXTS = st.lists(st.lists(st.integers(0, SIZE + 1), max_size=12), min_size=1, max_size=5)


def slowly_associated(texts: list[list[int]]) -> np.ndarray:
    """Return the positive pointwise mutual information [word, context], of counts weighted by
    distance.
    """
    near = np.zeros((SIZE, SIZE))
    for text in texts:
        words = [i for i in text if FIRST <= i < SIZE]
        for a, one in enumerate(words):
            for b, other in enumerate(words):
                if 0 < abs(a - b) <= WINDOW:
                    near[one, other] += (WINDOW + 1 - abs(a - b)) / WINDOW
    contexts = near.sum(axis=0) ** 0.75
    with np.errstate(all="ignore"):
        found = np.log(near / (near.sum(axis=1, keepdims=True) * contexts / contexts.sum()))
    return np.where(near > 0, np.maximum(found, 0), 0)


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.integers(0, 4), st.sampled_from([1, 3, 1 << 22]))
def test_associations_are_those_within_a_text_however_the_words_are_cut(
    texts: list[list[int]], outside: int, at_once: int
) -> None:
    inside = np.arange(len(texts)) != outside
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "_WORDS_AT_ONCE", at_once)
        words = cooccurrence._in_parts(*flat(texts), inside, FIRST, SIZE, WINDOW, seed=1)
        near = cooccurrence._near(words, SIZE, WINDOW, math.inf, by_distance=True)
    found = cooccurrence._associations(near).toarray()
    seen = [text for place, text in enumerate(texts) if place != outside]
    np.testing.assert_allclose(found, slowly_associated(seen), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("seconds", "most", "all_known"), [(0.0, 99, False), (math.inf, 8, False), (math.inf, 99, True)]
)
def test_where_time_or_room_ends_some_texts_are_used_wherever_they_are(
    monkeypatch: pytest.MonkeyPatch, seconds: float, most: int, all_known: bool
) -> None:
    monkeypatch.setattr(cooccurrence, "_WORDS_AT_ONCE", 8)
    monkeypatch.setattr(cooccurrence, "_MAX_WORDS", most)
    ids, starts = flat([[1, 2, 1, 2]] * 4 + [[3, 4, 3, 4]] * 4)
    found = set()
    for seed in range(8):
        _, known = cooccurrence_embeddings(
            ids, starts, first=1, size=5, width=2, seed=seed, seconds=seconds
        )
        found.add(tuple(np.flatnonzero(known)))
    assert found == ({(1, 2, 3, 4)} if all_known else {(1, 2), (3, 4)})


@pytest.mark.parametrize(("shape", "n_iter"), [((60, 25), 2), ((25, 60), 4)])
def test_the_truncated_svd_is_that_of_scikit_learn(shape: tuple[int, int], n_iter: int) -> None:
    matrix = sparse.random_array(shape, density=0.3, format="csr", dtype=np.float32, rng=1)
    found = cooccurrence.truncated_svd(matrix, 5, n_iter=n_iter, seed=3)
    expected = randomized_svd(matrix, 5, n_oversamples=10, n_iter=n_iter, random_state=3)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
