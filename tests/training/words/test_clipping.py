"""Clipped SGD beside Keras's own, and the choice of precision."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from foretell import LanguageModel
from foretell.training.words import network, precision
from foretell.training.words.clipping import clipped
from foretell.training.words.precision import precision_for


def after(optimizer: Any, given: Callable[[list[Any]], list[Any]]) -> list[Any]:
    """Return what seven steps make of a table and a bias, and the optimizer's own variables."""
    rng = np.random.default_rng(0)
    table, bias = (
        keras.Variable(rng.normal(size=shape).astype("float32")) for shape in ((9, 4), (4,))
    )
    optimizer.build([table, bias])
    apply = tf.function(
        lambda values, rows, dense: optimizer.apply(
            given([tf.IndexedSlices(values, rows, tf.constant([9, 4])), dense]), [table, bias]
        )
    )
    for step in range(7):
        optimizer.learning_rate.assign(3.0 / (step + 1))
        # Rows that come twice in one gradient count twice, in its norm too; most rows of a step
        # have none.
        rows = tf.constant([step, 2, 2, 0])
        apply(tf.constant(rng.normal(size=(4, 4)), tf.float32), rows, tf.ones(4))
    return [variable.numpy() for variable in (table, bias, *optimizer.variables)]


@pytest.mark.parametrize("clip_norm", [0.5, 1000.0])
def test_the_numbers_are_keras_own(clip_norm: float) -> None:
    ours = after(keras.optimizers.SGD(0.0), lambda found: clipped(found, clip_norm))
    theirs = after(
        keras.optimizers.SGD(0.0, global_clipnorm=clip_norm),
        lambda found: [tf.convert_to_tensor(each) for each in found],
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=3e-6)


def test_rows_that_no_step_has_read_stay_to_the_bit() -> None:
    table = keras.Variable(np.full((5, 2), 0.1, "float32"))
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([table])
    found = tf.IndexedSlices(tf.ones([2, 2]), tf.constant([3, 3]), tf.constant([5, 2]))
    (given,) = clipped([found], 9.0)
    # A gradient of all rows would give these numbers, too, at the price of a pass over the table.
    assert isinstance(given, tf.IndexedSlices)
    optimizer.apply([given], [table])
    np.testing.assert_allclose(table[3], -1.9, rtol=1e-6)
    np.testing.assert_array_equal(table[:3], np.float32(0.1))
    # One that is no number shows.
    assert np.isnan(clipped([tf.constant([np.nan, 1.0])], 1.0)[0].numpy()).all()


LARGE = (1_120, 512, 2_048)


def test_small_products_are_not_probed(monkeypatch):
    monkeypatch.setattr(precision, "_seconds", None)
    assert precision_for(100, 64, 256) == "float32"


@pytest.mark.parametrize(
    ("times", "chosen"), [(0.2, "float32"), (1.0, "float32"), (1.2, "mixed_bfloat16")]
)
def test_the_faster_one_by_far_is_chosen(times, chosen, monkeypatch):
    taken = {"float32": times, "mixed_bfloat16": 1.0}
    monkeypatch.setattr(
        precision, "_seconds", lambda *factors_and_precision: taken[factors_and_precision[-1]]
    )
    assert precision_for(*LARGE) == chosen


@pytest.mark.parametrize("began", [0, 1, 7, 16, 24])
def test_what_takes_a_core_for_a_while_decides_nothing(began, monkeypatch):
    """Each product takes twice as long from the `began`-th measurement to the eighth after it."""
    calls = iter(range(1_000))

    def seconds(*factors_and_precision):
        busy = began <= next(calls) < began + 8
        return {"float32": 1.5, "mixed_bfloat16": 1.0}[factors_and_precision[-1]] * (1 + busy)

    monkeypatch.setattr(precision, "_seconds", seconds)
    assert precision_for(*LARGE) == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("units", "columns"), [(300, 1_200), (4, 42)], ids=["of the LSTM", "of the softmax"]
)
def test_the_largest_product_of_a_step_is_measured(units, columns, monkeypatch):
    asked = []

    def of(*size):
        asked.append(size)
        return "float32"

    monkeypatch.setattr(network, "precision_for", of)
    words = " ".join(f"w{k}" for k in range(39))  # and <pad>, <unk>, end of line
    LanguageModel.train(
        [words] * 30, units=units, embedding_size=4, epochs=1, min_steps=1, window=5, streams=2
    )
    assert asked == [(10, 4, columns)]


@pytest.mark.parametrize("asked", ["float32", "mixed_bfloat16"])
def test_the_setting_fixes_the_precision_on_every_machine(asked, monkeypatch):
    monkeypatch.setattr(precision, "_seconds", None)
    notes = []
    LanguageModel.train(
        ["what stands in the way becomes the way"] * 30,
        precision=asked,
        units=4,
        embedding_size=4,
        epochs=1,
        min_steps=1,
        window=5,
        streams=2,
        listener=lambda event: notes.append(str(getattr(event, "text", ""))),
    )
    in_bfloat16 = any("computed in bfloat16" in note for note in notes)
    assert in_bfloat16 == (asked == "mixed_bfloat16")
