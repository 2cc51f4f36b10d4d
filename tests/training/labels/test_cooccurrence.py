"""Vectors of words: against slow references, and that words used alike have vectors alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.training.labels import cooccurrence as module
from foretell.training.labels.cooccurrence import WINDOW, cooccurrence_embeddings

FIRST, SIZE = 2, 7
TEXTS = st.lists(st.lists(st.integers(0, SIZE + 1), max_size=12), min_size=1, max_size=5)


def flat(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return np.array([i for text in texts for i in text], np.int32), starts


def slowly_near(texts: list[list[int]]) -> np.ndarray:
    near = np.zeros((SIZE, SIZE))
    for text in texts:
        words = [i for i in text if FIRST <= i < SIZE]
        for a, one in enumerate(words):
            for b, other in enumerate(words):
                if 0 < abs(a - b) <= WINDOW:
                    near[one, other] += (WINDOW + 1 - abs(a - b)) / WINDOW
    return near


def counted_near(texts: list[list[int]]) -> Any:
    return module._near(*flat(texts), FIRST, SIZE, module.WINDOW, by_distance=True)


@settings(deadline=None)
@given(TEXTS, st.sampled_from([1, 3, 1 << 22]))
def test_near_counts_by_distance_within_a_text_however_it_is_cut(
    texts: list[list[int]], at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WORDS_AT_ONCE", at_once)
        found = counted_near(texts)
    np.testing.assert_allclose(found.toarray(), slowly_near(texts), rtol=1e-5)


@settings(deadline=None)
@given(TEXTS)
def test_associations_are_positive_pointwise_mutual_information(texts: list[list[int]]) -> None:
    near = slowly_near(texts)
    found = module._associations(counted_near(texts)).toarray()
    contexts = near.sum(axis=0) ** 0.75
    with np.errstate(all="ignore"):
        expected = np.log(near / (near.sum(axis=1, keepdims=True) * contexts / contexts.sum()))
    np.testing.assert_allclose(found, np.where(near > 0, np.maximum(expected, 0), 0), rtol=1e-4, atol=1e-5)


def test_words_used_alike_have_vectors_alike() -> None:
    rng = np.random.default_rng(0)
    # Words 2 and 3 stand among 10 to 19, words 4 and 5 among 20 to 29.
    texts = []
    for _ in range(400):
        pair, around = ((2, 3), (10, 20)) if rng.random() < 0.5 else ((4, 5), (20, 30))
        text = rng.integers(*around, size=8).tolist()
        text[rng.integers(8)] = int(rng.choice(pair))
        texts.append(text)
    vectors, known = cooccurrence_embeddings(*flat(texts), first=2, size=30, width=8, seed=1)
    assert known[[2, 3, 4, 5]].all()
    unit = vectors[2:6] / np.linalg.norm(vectors[2:6], axis=1, keepdims=True)
    alike = unit @ unit.T
    assert min(alike[0, 1], alike[2, 3]) > 0.8 > 0.3 > max(alike[0, 2], alike[1, 3])


def test_the_same_texts_and_seed_give_the_same_vectors_of_one_spread() -> None:
    ids, starts = flat([np.random.default_rng(2).integers(2, 60, size=500).tolist()])
    one, known = cooccurrence_embeddings(ids, starts, first=2, size=60, width=16, seed=3)
    other, _ = cooccurrence_embeddings(ids, starts, first=2, size=60, width=16, seed=3)
    np.testing.assert_array_equal(one, other)
    assert one[known].std() == pytest.approx(0.3, rel=1e-3)
