"""Interpolation of a network and a Kneser–Ney model: the formula, its two forms, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.ngrams.interpolation import Interpolation

weights = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(tuple)
probabilities = st.floats(1e-6, 1)


@given(weights, st.lists(st.tuples(probabilities, probabilities, st.integers(0, 2)), min_size=1, max_size=9))
def test_each_probability_is_the_weighted_mean_by_the_length_of_its_context(weights, rows):
    network, ngrams, lengths = (np.array(column) for column in zip(*rows, strict=True))
    found = Interpolation(weights).logs(np.log(network), np.log(ngrams), lengths)
    expected = [math.log((1 - weights[n]) * a + weights[n] * b) for a, b, n in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(weights, st.integers(0, 2), st.integers(0, 1_000))
def test_a_whole_distribution_is_mixed_alike_and_sums_to_1(weights, length, seed):
    network, ngrams = np.random.default_rng(seed).dirichlet(np.ones(7), 2).astype(np.float32)
    interpolation = Interpolation(weights)
    logs = interpolation.logs(np.log(network), np.log(ngrams), np.full(7, length))
    found = interpolation.distribution(network.copy(), ngrams.copy(), length)
    assert found.dtype == np.float32
    assert found.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found, np.exp(logs), rtol=1e-4)


def test_json_gives_it_back():
    interpolation = Interpolation((0.5, 0.25, 1.0))
    assert Interpolation.from_dict(interpolation.to_dict()) == interpolation


@pytest.mark.parametrize(
    "values",
    [
        {"kneser_ney_weights": [0.5, 0.5, 1.1]},
        {"kneser_ney_weights": [0.5, 0.5, math.nan]},
        {"kneser_ney_weights": ["a", 0.5, 0.5]},
        {"kneser_ney_weights": None},
        {},
        "x",
        3,
    ],
)
def test_other_values_are_refused(values):
    with pytest.raises(ValueError, match="weights"):
        Interpolation.from_dict(values)
