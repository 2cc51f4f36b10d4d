"""The ensemble of network and linear model, against a slow reference."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, linear_log_probabilities, log_of, softmax

WEIGHTS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.5])


def probabilities(n: int, n_labels: int, seed: int) -> Any:
    return np.random.default_rng(seed).dirichlet(np.ones(n_labels), n).astype(np.float32)


def slowly(
    ensemble: Ensemble, network: list[float] | None, linear: list[float] | None, n_labels: int
) -> list[float]:
    """Mix one text's probabilities by products of powers, as the pool is defined."""
    pooled = []
    for label in range(n_labels):
        value = math.exp(ensemble.offsets[label]) if ensemble.offsets else 1.0
        value *= 1.0 if network is None else network[label] ** ensemble.network
        value *= 1.0 if linear is None else linear[label] ** ensemble.linear
        pooled.append(value)
    return [value / sum(pooled) for value in pooled]


@settings(deadline=None, max_examples=80)
@given(st.integers(2, 5), WEIGHTS, WEIGHTS, st.booleans(), st.integers(0, 10_000))
def test_it_is_the_weighted_geometric_mean(
    n_labels: int, network: float, linear: float, has_offsets: bool, seed: int
) -> None:
    assume(network + linear > 0)
    offsets = np.random.default_rng(seed).normal(0, 1, n_labels) if has_offsets else np.zeros(0)
    ensemble = Ensemble(network=network, linear=linear, offsets=tuple(offsets.tolist()))
    of_network, of_linear = (probabilities(7, n_labels, seed + k) for k in (1, 2))
    found = ensemble(of_network, log_of(of_linear))
    assert found.dtype == np.float32
    for row, a, b in zip(found, of_network.tolist(), of_linear.tolist(), strict=True):
        np.testing.assert_allclose(row, slowly(ensemble, a, b, n_labels), rtol=1e-4, atol=1e-6)


def test_a_part_that_weighs_nothing_may_be_missing() -> None:
    of_network, of_linear = probabilities(5, 3, 0), probabilities(5, 3, 1)
    alone = Ensemble(network=0.0, linear=1.0)(None, log_of(of_linear))
    np.testing.assert_allclose(alone, of_linear, atol=1e-6)
    np.testing.assert_allclose(NETWORK_ALONE(of_network), of_network, atol=1e-6)
    # It is left out altogether: even a NaN of its cannot reach the answer.
    spoilt = np.full_like(of_network, np.nan)
    np.testing.assert_array_equal(Ensemble(network=0.0, linear=1.0)(spoilt, log_of(of_linear)), alone)


def test_certainty_and_impossibility_stay_finite() -> None:
    certain = np.array([[1.0, 0.0]], np.float32)
    for ensemble in (Ensemble(network=0.5, linear=0.5), Ensemble(network=40.0, linear=40.0)):
        found = ensemble(certain, np.array([[-800.0, 0.0]]))
        assert np.isfinite(found).all()
        assert found.sum() == pytest.approx(1)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 4), WEIGHTS.filter(bool), WEIGHTS, st.booleans())
def test_written_and_read_it_is_the_same(
    n_labels: int, network: float, linear: float, has_offsets: bool
) -> None:
    offsets = tuple(0.1 * i for i in range(n_labels)) if has_offsets else ()
    ensemble = Ensemble(network=network, linear=linear, offsets=offsets)
    assert Ensemble.from_dict(json.loads(json.dumps(ensemble.to_dict()))) == ensemble


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"network": -0.1}, "no finite numbers 'network' from 0"),
        ({"network": 0, "linear": 0}, "no weight above 0"),
        ({"linear": math.nan}, "no finite numbers"),
        ({"linear": math.inf}, "no finite numbers"),
        ({"linear": "much"}, "no finite numbers"),
        ({"offsets": [0.0, math.nan]}, "no finite numbers"),
        ({"offsets": 1.0}, "no finite numbers"),
    ],
)
def test_other_values_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ensemble.from_dict({"network": 0.5, "linear": 0.5, "offsets": [], **changes})


def test_scores_of_two_labels_are_the_log_odds_of_the_second() -> None:
    logs = linear_log_probabilities(np.array([[2.0], [-700.0]], np.float32))
    np.testing.assert_allclose(np.exp(logs[0]), [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))])
    np.testing.assert_allclose(logs[1], [0, -700], atol=1e-6)


def test_scores_of_more_labels_are_the_logits_of_a_softmax() -> None:
    scores = np.array([[1.0, 2.0, 900.0], [0.0, 0.0, 0.0]], np.float32)
    logs = linear_log_probabilities(scores)
    np.testing.assert_allclose(logs[0], [-899, -898, 0], atol=1e-6)
    np.testing.assert_allclose(logs[1], np.log([1 / 3] * 3))
    np.testing.assert_allclose(softmax(logs), np.exp(logs), atol=1e-7)
