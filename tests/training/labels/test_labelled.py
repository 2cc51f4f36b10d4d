"""The labelled texts of a training together."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.folds import Folds
from foretell.training.labels.labelled import gathered, unseen
from foretell.training.labels.tokens import tokenize_split

TRAIN = Examples(["a b", "c", "d e"], ["x", "y", "x"], name="train", weights=[1.0, 2.0, 3.0])
VALID = Examples(["c d"], ["y"], name="valid")


@pytest.mark.parametrize("with_valid", [False, True])
def test_validation_texts_come_last_and_weigh_one(with_valid: bool) -> None:
    split = make_split(TRAIN, valid=VALID, fraction=0.0, seed=1)
    found = gathered(tokenize_split(split, LABELS_PRESETS["base"]), split, with_valid=with_valid)
    n = 3 + with_valid
    assert found.texts == [*TRAIN.texts, *VALID.texts][:n]
    assert found.targets.tolist() == [0, 1, 0, 1][:n]
    assert found.weights.tolist() == [1.0, 2.0, 3.0, 1.0][:n]
    assert np.diff(found.tokenized.starts).tolist() == [2, 1, 2, 2][:n]


def test_a_network_has_answered_all_texts_or_the_last_ones() -> None:
    folds = Folds(fold_of=np.array([0, -1, 1, 0], np.int32))
    assert unseen(folds, None)[0].tolist() == [True, False, True, True]
    every = np.arange(8, dtype=np.float32).reshape(4, 2)
    rows, answers = unseen(folds, every)
    assert rows.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(answers, every[[0, 2, 3]])
    rows, answers = unseen(folds, every[1:])
    assert rows.tolist() == [False, False, True, True]
    np.testing.assert_array_equal(answers, every[2:])
