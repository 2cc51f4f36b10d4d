"""The parameters of the cache: the likeliest, and careful where there is little text."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.metrics import perplexity_of
from foretell.ngrams.cache import HALF, ContinuousCache, probabilities
from foretell.training.events import Note
from foretell.training.words.validation_fit import SIZE, fit_cache, fit_weight


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
    assert fit.figures == {"cache_gain": pytest.approx(gain)}
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
