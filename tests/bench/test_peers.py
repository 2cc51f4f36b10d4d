"""The peers learn what can be learned, and their settings are chosen on training records alone."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bench.classifiers import Peer, choose
from bench.data import DataSet, Records, texts_of
from bench.few_labels import draw


@pytest.mark.parametrize("folds", [1, 5])
def test_the_candidate_with_the_best_validation_accuracy_is_chosen(folds: int) -> None:
    seen: list[tuple[Records, list[str]]] = []

    def predict(train: Records, texts: list[str], seed: int, *, right: float) -> list[str]:
        assert seed == 1
        seen.append((train, texts))
        labels = dict(everything)
        return [labels[text] if i < right * len(texts) else "?" for i, text in enumerate(texts)]

    everything = [(f"text {i}", str(i % 3)) for i in range(50)]
    candidates: tuple[dict[str, Any], ...] = (
        {"right": 0.2},
        {"right": 0.8},
        {"right": 0.8},
        {"right": 0.4},
    )
    choice = choose(Peer("numpy", "", predict, candidates), everything, folds=folds)
    assert choice.settings is candidates[1]
    assert choice.accuracies == pytest.approx((0.2, 0.8, 0.8, 0.4))
    for train, texts in seen:
        # A tenth or a fifth is used for validation, and not for training.
        assert len(texts) == (5 if folds == 1 else 10)
        assert sorted([*texts_of(train), *texts]) == sorted(texts_of(everything))


def test_a_draw_is_the_beginning_of_the_shuffled_training_part() -> None:
    some = [(f"text {i}", str(i % 2)) for i in range(20)]
    whole = DataSet(some, [("test", "0")])
    shuffled = some.copy()
    random.Random(3).shuffle(shuffled)
    assert draw(whole, "5", 3) == DataSet(
        shuffled[:5], whole.test, [text for text, _ in shuffled[5:]]
    )
    assert draw(whole, "all", 3) == DataSet(shuffled, whole.test, [])
    assert whole.train == some
