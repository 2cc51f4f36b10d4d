"""How members of a model are combined: ensembles, interpolation, and the cache."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.ngrams.cache import HALF, NONE, PENDING, ContinuousCache
from foretell.ngrams.cache import probabilities as cached_probabilities
from foretell.ngrams.ensemble import (
    NETWORK_ALONE,
    Ensemble,
    LabelwiseEnsemble,
    linear_log_probabilities,
    log_of,
    logit,
    sigmoid,
    softmax,
)
from foretell.ngrams.kneser_ney import Interpolation


def drawn(n: int, n_labels: int, seed: int) -> Any:
    return np.random.default_rng(seed).dirichlet(np.ones(n_labels), n).astype(np.float32)


def test_scores_are_log_odds_or_logits() -> None:
    # Of two labels: the log-odds of the second.
    logs = linear_log_probabilities(np.array([[2.0], [-700.0]], np.float32))
    np.testing.assert_allclose(np.exp(logs[0]), [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))])
    np.testing.assert_allclose(logs[1], [0, -700], atol=1e-6)
    # Of more labels: the logits of a softmax.
    logs = linear_log_probabilities(np.array([[1.0, 2.0, 900.0], [0.0, 0.0, 0.0]], np.float32))
    np.testing.assert_allclose(logs, [[-899, -898, 0], np.log([1 / 3] * 3)], atol=1e-6)
    np.testing.assert_allclose(softmax(logs), np.exp(logs), atol=1e-7)
    values = np.array([[0.0, 1e-3, 0.5, 0.999, 1.0]], np.float32)
    np.testing.assert_allclose(sigmoid(logit(values)), values, atol=2e-7)
    assert sigmoid(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]


ENSEMBLE = LabelwiseEnsemble(
    network=(0.5, 2.0), linear=(1.0, 0.0), offsets=(0.1, -1.0), thresholds=(0.5, 0.2)
)


def test_it_adds_log_odds() -> None:
    network = np.array([[0.8, 0.3], [1.0, 0.0]], np.float32)
    linear = np.array([[0.7, 9.0], [-2.0, 0.0]])
    odds = 0.5 * np.log(4) + 0.7 + 0.1
    found = ENSEMBLE(network, linear)
    assert found.dtype == np.float32
    assert found[0, 0] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert found[0, 1] == pytest.approx(1 / (1 + np.exp(1 + 2 * np.log(7 / 3))), abs=1e-6)
    # A probability of 0 or 1 is not infinite.
    assert np.isfinite(found).all()
    assert ENSEMBLE.decide(found).tolist() == [[True, False], [True, False]]


def test_a_member_without_weight_is_left_out() -> None:
    of_network = drawn(5, 3, 0)
    of_linear = drawn(5, 3, 1)
    np.testing.assert_allclose(NETWORK_ALONE(of_network), of_network, atol=1e-6)
    alone = Ensemble(network=0.0, linear=1.0)(None, log_of(of_linear))
    np.testing.assert_allclose(alone, of_linear, atol=1e-6)
    # Even a NaN of it cannot reach the answer.
    spoilt = np.full_like(of_network, np.nan)
    np.testing.assert_array_equal(
        Ensemble(network=0.0, linear=1.0)(spoilt, log_of(of_linear)), alone
    )
    several = LabelwiseEnsemble(linear=(1.0, 2.0), offsets=(0.0, 0.0), thresholds=(0.5, 0.5))
    found = several(None, np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(found, [[0.5, sigmoid(np.array(2.0))]], rtol=1e-6)


weights = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(tuple)


@given(weights, st.integers(0, 2), st.integers(0, 1_000))
def test_a_whole_distribution_is_mixed_alike_and_sums_to_1(weights, length, seed):
    network, ngrams = np.random.default_rng(seed).dirichlet(np.ones(7), 2).astype(np.float32)
    interpolation = Interpolation(weights)
    logs = interpolation.logs(np.log(network), np.log(ngrams), np.full(7, length))
    found = interpolation.distribution(network.copy(), ngrams.copy(), length)
    assert found.dtype == np.float32
    assert found.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found, np.exp(logs), rtol=1e-4)


def by_definition(
    theta: float, query: np.ndarray, hidden: np.ndarray, words: np.ndarray, size: int
) -> np.ndarray:
    """The probability of each word, [word], equation 2 of Grave et al. 2017."""
    total = np.zeros(size)
    for h, word in zip(hidden, words, strict=True):
        if word >= 0:
            total[word] += math.exp(theta * float(h.astype(float) @ query.astype(float)))
    return total / total.sum()


def cached_text(places: int, vocabulary: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(places)
    return random.uniform(-1, 1, (places, 4)).astype(np.float32), random.integers(
        vocabulary, size=places
    )


def test_a_distribution_is_the_weighted_mean_of_model_and_cache() -> None:
    hidden, words = cached_text(9)
    words[3], words[8] = NONE, PENDING
    query = hidden[8]
    model = np.random.default_rng(1).dirichlet(np.ones(6))
    found = np.exp(ContinuousCache(1.5, 0.4).add(np.log(model), hidden @ query, words))
    weight = 0.4 * 7 / (7 + HALF)
    expected = (1 - weight) * model + weight * by_definition(1.5, query, hidden, words, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # An empty cache changes nothing.
    logp = np.log(np.full(6, 1 / 6))
    for cache, words in ((ContinuousCache(), [NONE, PENDING]), (ContinuousCache(1, 0), [1, 2])):
        np.testing.assert_array_equal(cache.add(logp, hidden[:2] @ query, np.array(words)), logp)
    cached, pairs = cached_probabilities(1.0, hidden[:3], np.array([1, 2, 3]), 5, first=0)
    assert (cached[0], pairs[0]) == (0, 0)
    # Large similarities do not overflow.
    large = np.full((3, 4), 100, np.float32)
    cached, _ = cached_probabilities(5.0, large, np.array([1, 1, 1]), 9, first=0)
    np.testing.assert_allclose(cached, [0, 1, 1])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 40),
    st.integers(1, 12),
    st.floats(0, 3),
    st.floats(0, 0.95),
    st.integers(0, 1000),
)
def test_the_scores_of_all_words_in_a_place_are_the_definitions_and_sum_to_1(
    before: int, size: int, theta: float, weight: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.uniform(-2, 2, (before + 1, 3)).astype(np.float32)
    words = rng.integers(5, size=before + 1)
    model = rng.dirichlet(np.ones(5))
    held = slice(max(0, before - size), before)
    pairs = before - held.start
    part = weight * pairs / (pairs + HALF)
    cached = (
        by_definition(theta, hidden[-1], hidden[held], words[held], 5) if pairs else np.zeros(5)
    )
    found = []
    for word in range(5):
        of_cache = cached_probabilities(
            theta, hidden, np.append(words[:-1], word), size, first=before
        )
        logs = ContinuousCache(theta, weight).logs(np.log(model[[word]]), *of_cache)
        found.append(math.exp(logs[0]))
    np.testing.assert_allclose(found, (1 - part) * model + part * cached, rtol=1e-4)
    assert sum(found) == pytest.approx(1)


STORED = (
    Ensemble(network=0.25, linear=2.5, offsets=(0.1, -1.0)),
    Ensemble(network=1.0),
    ENSEMBLE,
    Interpolation((0.5, 0.25, 1.0)),
    ContinuousCache(0.3, 0.2),
)


@pytest.mark.parametrize("part", STORED, ids=lambda part: type(part).__name__)
def test_json_and_back(part: Any) -> None:
    stored = json.loads(json.dumps(part.to_dict()))
    assert type(part).from_dict(stored) == part
    for other in (None, "x", {}, *({**stored, name: "1"} for name in stored)):
        with pytest.raises(ValueError, match="no finite numbers"):
            type(part).from_dict(other)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *(
            (Ensemble, {"network": weight, "linear": 0.5, "offsets": []})
            for weight in (-0.1, math.inf, True)
        ),
        *(
            (Ensemble, {"network": 0.5, "linear": 0.5, "offsets": some})
            for some in ([0.0, math.nan], 1.0)
        ),
        *(
            (Interpolation, {"kneser_ney_weights": [0.5, weight]})
            for weight in (1.1, -0.1, math.nan, "a")
        ),
        *((ContinuousCache, {"theta": 1, "weight": weight}) for weight in (-0.1, 1.0, math.nan)),
    ],
)
def test_numbers_out_of_their_range_are_refused(kind: Any, values: object) -> None:
    with pytest.raises(ValueError, match="no finite numbers"):
        kind.from_dict(values)
