"""Class weights: all labels count the same in training, and probabilities are for the true shares."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from sklearn.utils.class_weight import compute_class_weight
from trainers import train

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import SettingsError
from foretell.metrics import calibration_error, log_loss
from foretell.ngrams.ensemble import NETWORK_ALONE, linear_log_probabilities
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.labels import fold_networks
from foretell.training.labels.balance import Balance
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.tokenized import one_hot
from foretell.training.labels.tokens import tokenize

TINY = {"units": 4, "embedding_size": 4, "length": 12, "batch_size": 16, "minutes": 0.0, "epochs": 2,
        "min_steps": 1, "learning_rate": 0.3}  # fmt: skip
SETTINGS = with_changes(LABELS_PRESETS["base"], {**TINY, "balance": True})


def uneven(n: int = 120, share: float = 0.1, seed: int = 1) -> Examples:
    """Return texts of which a share is rare; words hint at the label, but do not prove it."""
    rng = random.Random(seed)
    texts, labels = [], []
    for i in range(n):
        rare = i < share * n
        words = [
            f"{'r' if rng.random() < (0.7 if rare else 0.2) else 'c'}{rng.randint(0, 4)}" for _ in range(4)
        ]
        texts.append(" ".join([*words, f"w{i}"]))
        labels.append("rare" if rare else "common")
    return Examples(texts, labels, name="made up")


def test_the_weights_are_those_of_scikit_learn_and_respect_sample_weights() -> None:
    targets = np.array([0] * 6 + [1] * 3 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(Balance.of(targets, None, 3).weights, expected)
    given = np.arange(1.0, 11.0)
    balance = Balance.of(targets, given, 3)
    mass = np.bincount(targets, balance.of_texts(targets, given))
    np.testing.assert_allclose(mass, given.sum() / 3)
    # A label without texts changes nothing.
    np.testing.assert_allclose(Balance.of(targets, None, 4).weights, [*expected, 1.0])


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_corrected_linear_model_knows_the_true_shares(n_labels: int) -> None:
    rng = np.random.default_rng(0)
    targets = np.minimum(rng.geometric(0.8, 2_000) - 1, n_labels - 1).astype(np.int32)
    texts = [f"{'abc'[t] if rng.random() < 0.6 else 'x'} y" for t in targets]
    tokenizer, tokenized = tokenize(texts, LABELS_PRESETS["base"])
    balance = Balance.of(targets, None, n_labels)
    weights = balance.of_texts(targets, None)
    model = fit_ngrams(tokenized.ids, tokenized.starts, one_hot(targets, n_labels), tokenizer.size, weights)
    before, after = (
        np.exp(linear_log_probabilities(each.scores_of_flat(tokenized.ids, tokenized.starts)))
        for each in (model, balance.corrected_model(model))
    )
    shares = np.bincount(targets) / len(targets)
    np.testing.assert_allclose(after.mean(axis=0), shares, atol=0.03)
    assert abs(before.mean(axis=0) - shares).max() > 0.1
    assert log_loss(targets, after) < log_loss(targets, before)
    # The same correction of the answers instead of the bias.
    np.testing.assert_allclose(balance.corrected(before.astype(np.float32)), after, atol=1e-5)


def test_on_folds_the_answers_are_for_the_true_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_networks, "_EPOCHS", 2)
    monkeypatch.setattr(fold_networks, "_STEPS", 6)
    data = uneven()
    model = train(data, with_changes(SETTINGS, {"valid_fraction": 0.0}), out=tmp_path / "m")
    rows = LabelsRuntime.open(tmp_path / "m").predict_proba(uneven(seed=2).texts)
    assert 0.03 < rows[:, 1].mean() < 0.25
    for member in model.metrics["members"].values():
        assert member["log_loss"] < 0.45
    assert model.settings.balance


def test_with_validation_texts_the_saved_network_is_the_measured_one(tmp_path: Path) -> None:
    settings = with_changes(SETTINGS, {"folds": 0, "valid_fraction": 0.3, "refit": False})
    data = uneven(200)
    split = make_split(data, fraction=0.3, seed=1)
    model = train(data, settings, out=tmp_path / "m", unlabelled=uneven(60, seed=3).texts)
    assert split.valid is not None
    runtime = LabelsRuntime.open(tmp_path / "m")
    ids = runtime.tokenizer.encode_batch(split.valid.texts)
    network = runtime._network(ids)
    right = network.argmax(axis=1) == [runtime.labels.index(label) for label in split.valid.labels]
    assert model.metrics["network_accuracy"] == pytest.approx(right.mean())
    expected = calibration_error(network.max(axis=1), right)
    assert model.metrics["network_calibration_error"] == pytest.approx(expected, abs=1e-4)
    assert model.ensemble != NETWORK_ALONE
    assert 0.03 < runtime.predict_proba(uneven(seed=2).texts)[:, 1].mean() < 0.25


def test_a_teacher_and_class_weights_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="leave out one of the two"):
        train(uneven(), SETTINGS, out=tmp_path / "m", teacher=object(), unlabelled=["a text"])  # type: ignore[arg-type]
