"""Sample weights: how much each text counts, in the linear model and in the network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from trainers import train

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.ngrams.linear import LinearModel
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.tokens import tokenize_split

SETTINGS = with_changes(
    LABELS_PRESETS["base"],
    {"units": 4, "embedding_size": 4, "epochs": 3, "min_steps": 1, "batch_size": 8, "valid_fraction": 0.2,
     "folds": 0,
     "learning_rate": 0.5},
)  # fmt: skip
TEXTS = [f"{'good' if i % 2 else 'bad'} film number{i}" for i in range(40)]
LABELS = ["pos" if i % 2 else "neg" for i in range(40)]


def linear_of(examples: Examples) -> LinearModel:
    tokens = tokenize_split(Split(train=examples, valid=None), SETTINGS)
    texts, size = tokens.train.texts, tokens.tokenizer.size
    return fit_ngrams(texts.ids, texts.starts, tokens.hard, size, tokens.train.weights)


def test_weights_of_one_change_nothing_and_others_do(tmp_path: Path) -> None:
    examples = Examples(TEXTS, LABELS, name="made up")
    ones = dataclasses.replace(examples, weights=[1.0] * 40)
    uneven = dataclasses.replace(examples, weights=[5.0 if i % 2 else 1.0 for i in range(40)])
    models = [train(data, SETTINGS, out=tmp_path / str(k)) for k, data in enumerate((examples, ones, uneven))]
    plain, same, other = models
    for name, weight in plain.weights.items():
        np.testing.assert_allclose(weight, same.weights[name], atol=1e-6)
    assert plain.linear is not None
    assert same.linear is not None
    assert other.linear is not None
    np.testing.assert_allclose(plain.linear.bias, same.linear.bias, atol=1e-6)
    # The label with the larger weights is more probable a priori.
    assert other.linear.bias[0] > plain.linear.bias[0] + 0.5
    assert not np.array_equal(plain.weights["output/bias"], other.weights["output/bias"])


def test_a_text_of_weight_zero_has_no_part() -> None:
    wrong = [*LABELS[:20], *("neg" if label == "pos" else "pos" for label in LABELS[20:])]
    weights = [1.0] * 20 + [0.0] * 20
    ignoring = linear_of(Examples(TEXTS, wrong, weights=weights))
    alone = linear_of(Examples(TEXTS[:20], LABELS[:20]))
    np.testing.assert_allclose(ignoring.bias, alone.bias, atol=1e-5)
