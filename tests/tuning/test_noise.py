"""White's reality check: chance alone rarely passes, a clear gain does."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.tuning.answers import Answers
from foretell.tuning.noise import noise_of_answers, noise_of_perplexity
from foretell.tuning.objective import Metric

METRICS: list[Metric] = ["macro_f1", "accuracy", "log_loss"]


def answers(targets: np.ndarray, right: np.ndarray, confidence: float = 0.8) -> Answers:  # type: ignore[type-arg]
    """Return answers of two labels that are right where `right` is true."""
    predicted = np.where(right, targets, 1 - targets)
    probabilities = np.full((len(targets), 2), 1 - confidence, np.float32)
    probabilities[np.arange(len(targets)), predicted] = confidence
    return Answers(targets, probabilities)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_answers_have_no_noise(metric: Metric) -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, 100)
    same = answers(targets, rng.random(100) < 0.8)
    assert noise_of_answers(metric, same, [same]).gain == 0


def test_the_best_of_many_equally_good_trials_rarely_passes() -> None:
    rng, passed, n, trials = np.random.default_rng(2), 0, 100, 8
    for _ in range(30):
        targets = rng.integers(0, 2, n)
        rows = rng.random((trials + 1, n)) < 0.8
        preset, *others = (answers(targets, row) for row in rows)
        gain = (rows[1:].mean(axis=1) - rows[0].mean()).max()
        passed += gain > noise_of_answers("accuracy", preset, others).gain
    # 5 % of 30 are 1.5. Without the correction for eight trials it is about eight.
    assert passed <= 5


def test_more_trials_have_more_noise() -> None:
    rng, n = np.random.default_rng(3), 300
    targets = rng.integers(0, 2, n)
    preset, *others = (answers(targets, rng.random(n) < 0.8) for _ in range(11))
    one, ten = (noise_of_answers("accuracy", preset, others[:count]).gain for count in (1, 10))
    assert 0 < one < ten


@pytest.mark.parametrize("metric", METRICS)
def test_a_clear_gain_passes(metric: Metric) -> None:
    rng, n = np.random.default_rng(4), 500
    targets = rng.integers(0, 2, n)
    right = rng.random(n) < 0.7
    preset, better = answers(targets, right), answers(targets, right | (rng.random(n) < 0.5))
    noise = noise_of_answers(metric, preset, [better, preset])
    assert 0 < noise.gain < 0.1
    assert "the best of 2 trials on 500 texts" in noise.rule


def test_the_noise_of_a_perplexity_shrinks_with_the_text() -> None:
    assert noise_of_perplexity(100).gain == pytest.approx(0.2)
    assert noise_of_perplexity(10**9).gain == 0.01
