"""The state of a training, in a checkpoint and back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.training.checkpoints import Checkpoints
from foretell.training.words.state import Meter, Position, State


def test_a_meter_is_a_running_mean() -> None:
    meter = Meter()
    assert meter.means() == {}
    for loss, accuracy in ((2.0, 0.0), (4.0, 1.0), (6.0, math.nan)):
        meter.add(loss, accuracy)
    assert meter.means() == {"loss": 4.0, "accuracy": 0.5}, "a step whose accuracy was not measured"


def test_an_accuracy_that_was_not_measured_is_the_last_one() -> None:
    state = State([], at=Position(train_loss=5.0, train_accuracy=0.5))
    assert state.means() == {"loss": 5.0, "accuracy": 0.5}
    state.epoch.add(4.0, math.nan)
    assert state.means() == state.epoch_means() == {"loss": 4.0, "accuracy": 0.5}
    state.epoch.add(2.0, 1.0)
    state.logged.add(2.0, math.nan)
    assert state.epoch_means() == {"loss": 3.0, "accuracy": 1.0}
    assert state.means() == {"loss": 2.0, "accuracy": 1.0}


def test_it_comes_back_from_a_checkpoint_bit_for_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    state = State(
        carried=[tf.constant(rng.normal(size=(3, 4)), tf.float32) for _ in range(12)],
        best_weights={"lstm_1/kernel": rng.normal(size=(2, 5)).astype(np.float32)},
        at=Position(step=7, seconds=0.1, best=1 / 3, epochs_without_best=1, unmeasured=True),
        epoch=Meter(0.1, 0.2, 3, 2),
        logged=Meter(0.7, 0.1, 1),
    )
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(7, {**state.arrays(), "other": np.zeros(1)}, {**state.values(), "other": 1})
    saved = checkpoints.latest()
    assert saved is not None
    again = State.from_checkpoint(saved)
    assert repr((again.at, again.epoch, again.logged)) == repr((state.at, state.epoch, state.logged))
    for one, other in zip(again.carried, state.carried, strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(again.best_weights) == ["lstm_1/kernel"]
    np.testing.assert_array_equal(again.best_weights["lstm_1/kernel"], state.best_weights["lstm_1/kernel"])
