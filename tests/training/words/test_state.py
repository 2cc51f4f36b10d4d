"""The state of a training, in a checkpoint and back, and the average of its weights."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("tensorflow")

import keras
import tensorflow as tf

from foretell.config import with_changes
from foretell.networks import weights_of
from foretell.training.checkpoints import Checkpoints
from foretell.training.words.loop import Loop
from foretell.training.words.state import Meter, Position, State, WeightAverage
from tests.training.words.small import SMALL, noisy_corpus, trained


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


def walk(steps: int) -> list[npt.NDArray[np.float32]]:
    """Return the weights after each step of a random walk."""
    rng = np.random.default_rng(0)
    return list(rng.normal(size=(steps, 2, 3)).cumsum(axis=0).astype(np.float32))


def average_of(values: list[npt.NDArray[np.float32]]) -> tuple[WeightAverage, keras.Variable]:
    variable = keras.Variable(np.zeros((2, 3), np.float32))
    average = WeightAverage(SimpleNamespace(trainable_variables=[variable]))
    for step, value in enumerate(values, start=1):
        variable.assign(value)
        average.after(step - 1, step)
    return average, variable


def test_it_is_the_papers_average_of_each_eighth_step() -> None:
    values = walk(100)
    wanted = np.zeros((2, 3))
    for n, value in enumerate(values[7::8], start=1):
        share = 9 / (n + 8)  # Shamir & Zhang 2013, with eta = 8
        wanted = (1 - share) * wanted + share * value
    average, variable = average_of(values)
    with average.in_place():
        np.testing.assert_allclose(variable.numpy(), wanted, rtol=1e-5)
    np.testing.assert_array_equal(variable.numpy(), values[-1])


def test_after_a_few_steps_it_is_the_weights() -> None:
    values = walk(5)
    average, variable = average_of(values)
    average.put()
    np.testing.assert_allclose(variable.numpy(), values[-1], rtol=1e-6)


def test_the_weights_come_back_after_an_error() -> None:
    values = walk(20)
    average, variable = average_of(values)
    with pytest.raises(KeyboardInterrupt), average.in_place():
        raise KeyboardInterrupt
    np.testing.assert_array_equal(variable.numpy(), values[-1])


def test_it_comes_back_from_a_checkpoint() -> None:
    average, _ = average_of(walk(40))
    again, variable = average_of([])
    again.restore({name.removeprefix("average/"): value for name, value in average.arrays().items()})
    again.put()
    np.testing.assert_array_equal(variable.numpy(), average.arrays()["average/0"])


@pytest.mark.parametrize("valid_fraction", [0.2, 0.0])
def test_the_model_has_the_average_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valid_fraction: float
) -> None:
    seen: list[tuple[dict[str, npt.NDArray[np.float32]], list[npt.NDArray[np.generic]]]] = []
    measure = Loop.measure

    def recorded(self: Loop):  # type: ignore[no-untyped-def]
        assert self.average is not None
        seen.append((weights_of(self.network), list(self.average.arrays().values())))
        return measure(self)

    monkeypatch.setattr(Loop, "measure", recorded)
    settings = with_changes(
        SMALL, {"weight_averaging": True, "valid_fraction": valid_fraction, "patience": 0}
    )
    model = trained(noisy_corpus(), settings, tmp_path / "m")
    [(last, means)] = seen
    bias = model.weights["output/bias"]
    assert any(np.array_equal(bias, mean) for mean in means if mean.shape == bias.shape)
    assert not np.array_equal(bias, last["output/bias"])
