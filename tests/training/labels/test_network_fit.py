"""Which epoch of a classifier's training is kept."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from trainers import train

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.errors import RunError
from foretell.presets import LABELS_PRESETS
from foretell.training.events import EpochDone, Event, Note
from foretell.training.labels import network_fit
from foretell.training.labels.compiled import new_network

SMALL = with_changes(
    LABELS_PRESETS["base"],
    {"folds": 0, "units": 4, "embedding_size": 4, "length": 8, "batch_size": 8, "epochs": 4, "min_steps": 1,
     "valid_fraction": 0.25, "patience": 0, "keep": "best"},
)  # fmt: skip


def examples() -> Examples:
    labels = [("bad", "good")[k % 2] for k in range(32)]
    return Examples([f"a {label} film n{k}" for k, label in enumerate(labels)], labels, name="made up")


def test_an_epoch_whose_held_out_loss_is_nan_is_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([math.nan, 0.7, math.nan, 0.8])
    accuracies = iter([1.0, 0.5, 1.0, 0.5])
    monkeypatch.setattr(network_fit, "mean_loss", lambda *_: next(losses))
    monkeypatch.setattr(network_fit, "mean_accuracy", lambda *_: next(accuracies))
    events: list[Event] = []
    model = train(examples(), SMALL, out=tmp_path / "m", listener=events.append)
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [event.is_best for event in done] == [False, True, False, False]
    assert model.metrics["best_epoch"] == 2


def test_a_loss_of_nan_stops_and_keeps_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = 2 * 3 + 1  # two epochs of 24 texts, and a step
    monkeypatch.setattr(
        network_fit, "learning_rate", lambda step, _steps, peak: math.nan if step >= until else peak
    )
    events: list[Event] = []
    model = train(examples(), SMALL, out=tmp_path / "m", listener=events.append)
    assert len([event for event in events if isinstance(event, EpochDone)]) == 2
    assert any(isinstance(event, Note) and "--learning-rate" in event.text for event in events)
    assert all(np.isfinite(weight).all() for weight in model.weights.values())


def test_a_loss_of_nan_before_any_epoch_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_fit, "learning_rate", lambda *_: math.nan)
    with pytest.raises(RunError, match="lower learning rate"):
        train(examples(), SMALL, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_large_gradient_is_clipped(optimizer: str) -> None:
    rate = {"adam": 0.003, "sgd": 1.0}[optimizer]
    settings = with_changes(SMALL, {"optimizer": optimizer, "learning_rate": rate, "momentum": 0.0})
    model = new_network(settings, 9, 2)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        # The gradient of what is multiplied by large weights is large.
        scale = 50 if "output/kernel" in variable.path else 0.1
        variable.assign(scale * rng.standard_normal(variable.shape))
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(np.arange(1, 9, dtype=np.int32).reshape(1, 8), np.array([[0.0]]))
    steps = [new.numpy() - old for new, old in zip(model.trainable_variables, before, strict=True)]
    if optimizer == "adam":
        # Its steps have one length at first: its mean of gradients shows theirs.
        steps = [10 * each.numpy() for each in model.optimizer.variables if "_momentum" in each.path]
    assert sum(float((step**2).sum()) for step in steps) ** 0.5 == pytest.approx(1.0, rel=0.02)
