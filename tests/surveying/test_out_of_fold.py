"""Out-of-fold probabilities: no text is judged by a model that was fitted to it or to its copy."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from foretell.surveying import out_of_fold as module
from foretell.surveying.out_of_fold import FOLDS, folds, memory_needed, out_of_fold


def test_labels_are_even_and_equal_texts_together() -> None:
    given = np.array([0] * 25 + [1] * 7 + [2] * 5)
    keys = [str(i % 20 if i < 25 else i).encode() for i in range(37)]
    fold_of = folds(given, keys)
    assert set(fold_of.tolist()) == set(range(FOLDS))
    for label in (1, 2):
        counts = Counter(fold_of[given == label].tolist())
        assert max(counts.values()) - min(counts.values()) <= 1
    assert all(fold_of[i] == fold_of[i + 20] for i in range(5))
    assert (folds(given, keys) == fold_of).all()


def test_every_text_has_weight_0_in_the_fit_that_judges_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    words = {0: ["good", "great", "lovely"], 1: ["bad", "awful", "dull"]}
    given = np.array([i % 2 for i in range(60)])
    texts = [f"{rng.choice(words[label])} thing {rng.choice('abc')}" for label in given.tolist()]
    keys = [str(i).encode() for i in range(60)]
    weights = []
    fit = module.fit_ngrams

    def watched(*arguments: object) -> object:
        weights.append(arguments[4])
        return fit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "fit_ngrams", watched)
    heard: list[str] = []
    rows = out_of_fold(texts, given, keys, 2, heard.append)
    fold_of = folds(given, keys)
    assert rows.shape == (60, 2)
    assert rows.sum(axis=1) == pytest.approx(np.ones(60))
    assert (rows.argmax(axis=1) == given).mean() > 0.9
    for fold, each in enumerate(weights):
        assert np.array_equal(each == 0, fold_of == fold)
    assert heard == [f"fold {i} of 5" for i in range(1, 6)]


def test_memory_grows_with_tokens_texts_and_labels() -> None:
    base = memory_needed(1000, 100, 2)
    assert base < memory_needed(2000, 100, 2)
    assert base < memory_needed(1000, 200, 2)
    assert base < memory_needed(1000, 100, 4)
