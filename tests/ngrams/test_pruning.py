"""A pruned Kneser–Ney model: the bound on its size, its distributions, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.metrics import perplexity_of
from foretell.ngrams.kneser_ney import KneserNey
from foretell.ngrams.pruning import pruned
from foretell.training.words.kneser_ney_fit import count, log_probabilities

SIZE = 60


def a_text(seed: int, n: int) -> np.ndarray:
    """Return a text whose words depend on the one before."""
    rng = np.random.default_rng(seed)
    text = (rng.zipf(1.4, n) % SIZE).astype(np.int32)
    text[1::2] = (text[::2][: n // 2] * 7 + rng.integers(0, 3, n // 2)) % SIZE
    return text


def n_longer(model: KneserNey) -> int:
    return len(model) - len(model.levels[0].keys)


@given(st.integers(0, 99), st.integers(2, 400), st.integers(1, 5), st.integers(1, 900))
def test_a_pruned_model_is_as_small_as_asked_and_a_distribution(
    seed: int, n: int, order: int, max_ngrams: int
) -> None:
    text = a_text(seed, n)
    whole = count(text, SIZE, order).model
    # Pruned again, as a trained model is.
    for model in (pruned(whole, max_ngrams), pruned(pruned(whole, 2 * max_ngrams), max_ngrams)):
        assert n_longer(model) == min(max_ngrams, n_longer(whole))
        assert len(model.levels[0].keys) == len(whole.levels[0].keys)
        for place in range(0, n, 41):
            assert model.distribution(text[:place])[0].sum() == pytest.approx(1, abs=1e-5)


def test_the_perplexity_rises_little_by_little() -> None:
    text = a_text(1, 6_000)
    whole = count(text[:5_000], SIZE).model
    sizes = [n_longer(whole), 8_000, 4_000, 2_000, 1_000, 500, 200, 50]
    of_training = [
        perplexity_of(log_probabilities(pruned(whole, size), text[:5_000])[0]) for size in sizes
    ]
    assert of_training == sorted(of_training)
    new = [perplexity_of(log_probabilities(pruned(whole, size), text[5_000:])[0]) for size in sizes]
    # A tenth of the n-grams is enough for a text of the same kind.
    assert new[sizes.index(1_000)] < 1.02 * new[0]
