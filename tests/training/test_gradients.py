"""Clipped gradients of rows, in Keras's SGD, against whole gradients that Keras clips itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from foretell.training.gradients import clipped


def after_steps(optimizer: Any, given: Callable[[list[Any]], list[Any]]) -> list[Any]:
    rng = np.random.default_rng(0)
    table, bias = (keras.Variable(rng.normal(size=shape).astype("float32")) for shape in ((9, 4), (4,)))
    optimizer.build([table, bias])
    apply = tf.function(
        lambda values, rows, dense: optimizer.apply(
            given([tf.IndexedSlices(values, rows, tf.constant([9, 4])), dense]), [table, bias]
        )
    )
    for step in range(7):
        optimizer.learning_rate.assign(3.0 / (step + 1))
        # Rows that come twice in one gradient count twice, in its norm too.
        rows = tf.constant([step, 2, 2, 0])
        apply(tf.constant(rng.normal(size=(4, 4)), tf.float32), rows, tf.ones(4))
    return [table.numpy(), bias.numpy()]


@pytest.mark.parametrize("clip_norm", [0.5, 1000.0])
def test_the_numbers_are_keras_own(clip_norm: float) -> None:
    ours = after_steps(keras.optimizers.SGD(0.0), lambda found: clipped(found, clip_norm))
    theirs = after_steps(
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


def test_a_gradient_that_is_no_number_shows() -> None:
    table = keras.Variable(np.ones((2, 2), "float32"))
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([table])
    optimizer.apply(clipped([tf.constant([[np.nan, 1.0], [1.0, 1.0]])], 1.0), [table])
    assert np.isnan(table.numpy()).all()
