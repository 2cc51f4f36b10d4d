"""Interpolation weights and the cache: the likeliest, and careful where there is little text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.metrics import perplexity_of
from foretell.ngrams.cache import HALF, ContinuousCache, probabilities
from foretell.training.events import Note
from foretell.training.words.validation_fit import SIZE, fit_cache, fit_interpolation, fit_weight


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


def bursty(n: int, weight: float, theta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A text drawn from 50 equally probable words and a cache: its logs without, hidden values, words."""
    random = np.random.default_rng(1)
    hidden = random.normal(0, 1, (n, 6)).astype(np.float32)
    words = np.zeros(n, np.int64)
    for place in range(n):
        words[place] = random.integers(50)
        held = slice(max(0, place - SIZE), place)
        if random.random() < weight * place / (place + HALF):
            similar = np.exp(theta * (hidden[held].astype(float) @ hidden[place]))
            words[place] = random.choice(words[held], p=similar / similar.sum())
    return np.full(n, np.log(1 / 50)), hidden, words


def test_the_parameters_that_a_text_was_drawn_with_are_fitted() -> None:
    notes: list[Note] = []
    logs, hidden, words = bursty(6_000, 0.4, 0.6)
    fit = fit_cache(logs, hidden, words, notes.append)
    assert fit.cache.theta == pytest.approx(0.6, abs=0.21)
    assert fit.cache.weight == pytest.approx(0.4, abs=0.08)
    cached, pairs = probabilities(fit.cache.theta, hidden, words, SIZE, first=0)
    gain = 1 - perplexity_of(fit.cache.logs(logs, cached, pairs)) / 50
    assert fit.metrics == {"cache_gain": pytest.approx(gain)}
    assert gain > 0.05
    assert "--cache 500" in notes[0].text


def test_no_other_weight_makes_the_text_more_probable() -> None:
    logs, hidden, words = bursty(3_000, 0.3, 0.5)
    cached, pairs = probabilities(0.5, hidden, words, SIZE, first=0)
    weight = fit_weight(logs, cached, pairs / (pairs + HALF))
    best, *others = (
        ContinuousCache(0.5, weight * factor).logs(logs, cached, pairs).sum() for factor in (1, 0.8, 1.25)
    )
    assert best > max(others)


def test_a_cache_that_does_not_help_gets_hardly_any_weight() -> None:
    random = np.random.default_rng(2)
    words = np.arange(2_000)
    fit = fit_cache(np.full(2_000, -1.0), random.normal(size=(2_000, 4)), words, lambda _: None)
    assert fit.cache.weight < 0.01


def test_with_little_text_the_weight_is_about_the_prior() -> None:
    weight = fit_weight(np.full(3, -3.0), np.array([0.0, 0.9, 0.9]), np.full(3, 0.5))
    assert 0.1 < weight < 0.3
