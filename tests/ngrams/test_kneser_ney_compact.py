"""A Kneser–Ney model in few bytes: the same model, or one with rounded probabilities."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.ngrams import kneser_ney as module
from foretell.ngrams.kneser_ney import compact, expanded
from foretell.training.words.kneser_ney_fit import count


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
    assert sum(each.nbytes for each in compact(model, in_8_bits=True).values()) < 8 * len(model) + 2_100
