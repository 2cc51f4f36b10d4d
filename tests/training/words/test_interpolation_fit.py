"""The n-gram model's share: the likeliest, by the length of the context, careful where little was seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.training.words.validation_fit import fit_interpolation


def drawn(share, n, seed):
    """Log-probabilities of n words under two models of 8 words, drawn from their ensemble."""
    rng = np.random.default_rng(seed)
    network, ngrams = rng.dirichlet(np.full(8, 0.5), (2, n))
    mixed = (1 - share) * network + share * ngrams
    words = (mixed.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 7)
    rows = np.arange(n)
    return np.log(network[rows, words]), np.log(ngrams[rows, words])


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 0.95), st.integers(0, 1_000))
def test_the_share_that_texts_were_drawn_with_is_found(share, seed):
    network, ngrams = drawn(share, 20_000, seed)
    found = fit_interpolation(network, ngrams, np.zeros(20_000, int), 0)
    assert found.weights == pytest.approx([share], abs=0.05)


def test_no_other_share_makes_the_text_likelier():
    network, ngrams = drawn(0.3, 5_000, 1)
    lengths = np.arange(5_000) % 2
    ngrams[lengths == 1] -= 0.5
    best = fit_interpolation(network, ngrams, lengths, 1)
    of_best = best.logs(network, ngrams, lengths).mean()
    for change in (0.97, 1.03):
        for place in (0, 1):
            weights = list(best.weights)
            weights[place] *= change
            other = type(best)(tuple(weights))
            assert other.logs(network, ngrams, lengths).mean() <= of_best + 1e-5


def test_a_length_that_was_hardly_seen_has_about_the_share_of_all():
    network, ngrams = drawn(0.3, 5_000, 2)
    lengths = np.zeros(5_000, int)
    lengths[0] = 2
    network[0], ngrams[0] = -10, 0
    weights = fit_interpolation(network, ngrams, lengths, 3).weights
    assert weights[0] == pytest.approx(0.3, abs=0.05)
    assert weights[3] == pytest.approx(weights[0], abs=0.01)
    assert weights[0] < weights[2] < weights[0] + 0.1


def test_a_part_that_gives_no_word_a_chance_gets_no_share():
    worse = fit_interpolation(np.full(1_000, -1.0), np.full(1_000, -90.0), np.zeros(1_000, int), 0)
    better = fit_interpolation(np.full(1_000, -90.0), np.full(1_000, -1.0), np.zeros(1_000, int), 0)
    assert 0 <= worse.weights[0] < 0.02
    assert 0.98 < better.weights[0] <= 1
