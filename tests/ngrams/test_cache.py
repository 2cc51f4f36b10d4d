"""The continuous cache, against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.ngrams.cache import HALF, NONE, PENDING, ContinuousCache, probabilities


def by_definition(
    theta: float, query: np.ndarray, hidden: np.ndarray, words: np.ndarray, size: int
) -> np.ndarray:
    """The probability of each word, [word], equation 2 of Grave et al. 2017."""
    total = np.zeros(size)
    for h, word in zip(hidden, words, strict=True):
        if word >= 0:
            total[word] += math.exp(theta * float(h.astype(float) @ query.astype(float)))
    return total / total.sum()


def text(places: int, vocabulary: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(places)
    return random.uniform(-1, 1, (places, 4)).astype(np.float32), random.integers(vocabulary, size=places)


def test_a_distribution_is_the_weighted_mean_of_model_and_cache() -> None:
    hidden, words = text(9)
    words[3], words[8] = NONE, PENDING
    query, model = hidden[8], np.random.default_rng(1).dirichlet(np.ones(6))
    found = np.exp(ContinuousCache(1.5, 0.4).add(np.log(model), hidden @ query, words))
    weight = 0.4 * 7 / (7 + HALF)
    expected = (1 - weight) * model + weight * by_definition(1.5, query, hidden, words, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.sum() == pytest.approx(1)


def test_an_empty_cache_changes_nothing() -> None:
    hidden, _ = text(3)
    logp = np.log(np.full(6, 1 / 6))
    empty = np.array([NONE, NONE, PENDING])
    np.testing.assert_array_equal(ContinuousCache().add(logp, hidden @ hidden[0], empty), logp)
    np.testing.assert_array_equal(
        ContinuousCache(1, 0).add(logp, hidden @ hidden[0], np.array([1, 2, 3])), logp
    )
    cached, pairs = probabilities(1.0, hidden, np.array([1, 2, 3]), 5, first=0)
    assert (cached[0], pairs[0]) == (0, 0)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_text_at_once_is_each_place_by_itself(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.ngrams.cache._ROWS", 7)
    hidden, words = text(30)
    words[:2] = NONE
    cached, pairs = probabilities(0.7, hidden, words, size, first=4)
    for place in range(4, 30):
        held = slice(max(0, place - size), place)
        n = int((words[held] >= 0).sum())
        assert pairs[place - 4] == n
        expected = by_definition(0.7, hidden[place], hidden[held], words[held], 6)[words[place]] if n else 0.0
        assert cached[place - 4] == pytest.approx(expected, rel=1e-5)


def test_scores_and_distributions_agree() -> None:
    hidden, words = text(12)
    cache, model = ContinuousCache(0.9, 0.3), np.log(np.random.default_rng(2).dirichlet(np.ones(6)))
    cached, pairs = probabilities(cache.theta, hidden, words, 100, first=0)
    logs = cache.logs(model[words], cached, pairs)
    for place in range(12):
        each = cache.add(model, hidden[:place] @ hidden[place], words[:place])
        assert logs[place] == pytest.approx(each[words[place]], rel=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 40), st.integers(1, 12), st.floats(0, 3), st.floats(0, 0.95), st.integers(0, 1000))
def test_the_scores_of_all_words_in_a_place_are_the_definitions_and_sum_to_1(
    before: int, size: int, theta: float, weight: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.uniform(-2, 2, (before + 1, 3)).astype(np.float32)
    words, model = rng.integers(5, size=before + 1), rng.dirichlet(np.ones(5))
    held = slice(max(0, before - size), before)
    pairs = before - held.start
    part = weight * pairs / (pairs + HALF)
    cached = by_definition(theta, hidden[-1], hidden[held], words[held], 5) if pairs else np.zeros(5)
    found = []
    for word in range(5):
        of_cache = probabilities(theta, hidden, np.append(words[:-1], word), size, first=before)
        logs = ContinuousCache(theta, weight).logs(np.log(model[[word]]), *of_cache)
        found.append(math.exp(logs[0]))
    np.testing.assert_allclose(found, (1 - part) * model + part * cached, rtol=1e-4)
    assert sum(found) == pytest.approx(1)


def test_large_similarities_do_not_overflow() -> None:
    hidden = np.full((3, 4), 100, np.float32)
    words = np.array([1, 2, PENDING])
    found = ContinuousCache(5.0, 0.5).add(np.log(np.full(6, 1 / 6)), hidden @ hidden[2], words)
    assert np.isfinite(found).all()
    cached, _ = probabilities(5.0, hidden, np.array([1, 1, 1]), 9, first=0)
    np.testing.assert_allclose(cached, [0, 1, 1])


def test_json_and_back() -> None:
    cache = ContinuousCache(0.3, 0.2)
    assert ContinuousCache.from_dict(cache.to_dict()) == cache


@pytest.mark.parametrize(
    "values",
    [
        *(None, {}, {"theta": 1}, {"theta": "1", "weight": 0.1}),
        *({"theta": theta, "weight": 0.1} for theta in (-1, math.inf, math.nan)),
        *({"theta": 1, "weight": weight} for weight in (-0.1, 1.0, math.nan)),
    ],
)
def test_other_values_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match="no finite numbers"):
        ContinuousCache.from_dict(values)
