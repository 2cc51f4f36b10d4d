"""The Kneser–Ney model by its definition, and two models as one."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.ngrams import kneser_ney as module
from foretell.ngrams.kneser_ney import compact, expanded
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
    # Single words are weighted by the numbers of tokens; a context of one model alone is taken from
    # it.
    of_both, of_old, of_new = (float(each.levels[0].backoffs[0]) for each in (both, old, new))
    np.testing.assert_allclose(of_both, 300 / 800 * of_old + 500 / 800 * of_new, rtol=1e-5)
    of_new_twice = float(merged(old, new, weight=2.0).levels[0].backoffs[0])
    np.testing.assert_allclose(of_new_twice, (300 * of_old + 1000 * of_new) / 1300, rtol=1e-5)
    for model, word in ((old, 1), (new, 11)):
        mine = model.levels[1]
        merged_level = both.levels[1]
        place, of_merged = (each.levels[0].keys.searchsorted(word) for each in (model, both))
        np.testing.assert_allclose(
            merged_level.backoffs[of_merged], mine.backoffs[place], rtol=1e-6
        )


@pytest.mark.parametrize("many", [255, 3])
def test_it_is_the_same_model_or_nearly(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", many)
    text = np.random.default_rng(1).zipf(1.4, 4_000).astype(np.int32) % 40
    model = count(text, 41).pruned(1_500)
    same = expanded(compact(model, in_8_bits=False), 41)
    near = expanded(compact(model, in_8_bits=True), 41)
    for level, other, rounded in zip(model.levels, same.levels, near.levels, strict=True):
        np.testing.assert_array_equal(level.keys, other.keys)
        np.testing.assert_array_equal(level.probabilities, other.probabilities)
        np.testing.assert_array_equal(level.backoffs, other.backoffs)
        np.testing.assert_allclose(rounded.probabilities, level.probabilities, rtol=0.03)
        np.testing.assert_allclose(rounded.backoffs, level.backoffs, rtol=0.03)
    assert (
        sum(each.nbytes for each in compact(model, in_8_bits=True).values())
        < 8 * len(model) + 2_100
    )
