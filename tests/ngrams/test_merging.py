"""Two Kneser–Ney models as one: a distribution, in which each is kept where it alone has counted."""

from __future__ import annotations

import numpy as np

from foretell.ngrams.kneser_ney import KneserNey
from foretell.ngrams.merging import merged
from foretell.training.words.kneser_ney_fit import count


def _text(seed: int, n: int, low: int, high: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, n)


def test_every_context_gives_a_distribution() -> None:
    old = count(_text(0, 300, 0, 8), 9, order=3).pruned(30)
    new = count(_text(1, 500, 3, 12), 12).model
    both = merged(old, new)
    assert (both.size, both.order, both.words) == (12, 5, 800)
    for context in ([], [1], [4, 5], [11, 3, 7], [2, 9, 9, 4]):
        before = np.array(context, np.int64)
        probabilities, _ = both.distribution(before)
        np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)
        one, _ = both.probabilities(np.append(before, 4))
        np.testing.assert_allclose(probabilities[4], one[-1], rtol=1e-4)
    assert KneserNey.from_arrays(both.to_arrays()).words == 800


def test_a_context_of_one_model_is_taken_from_it() -> None:
    old, new = count(_text(0, 300, 0, 5), 5).model, count(_text(1, 900, 5, 9), 9).model
    both = merged(old, new)
    single = both.distribution(np.array([], np.int64))[0]
    for model, words, word in ((old, slice(0, 5), 2), (new, slice(5, 9), 7)):
        alone = model.distribution(np.array([], np.int64))[0]
        after, of_model = (each.distribution(np.array([word]))[0] for each in (both, model))
        weight = model.levels[1].backoffs[np.searchsorted(model.levels[0].keys, word)]
        # Only the order below, single words, is that of both.
        np.testing.assert_allclose(
            after[words] - weight * single[words], of_model[words] - weight * alone[words], atol=1e-5
        )
    # Single words are weighted by the numbers of tokens: a quarter of them is old.
    of_both, of_old, of_new = (float(model.levels[0].backoffs[0]) for model in (both, old, new))
    np.testing.assert_allclose(of_both, 0.25 * of_old + 0.75 * of_new, rtol=1e-5)
