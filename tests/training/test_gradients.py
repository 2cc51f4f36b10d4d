"""Our SGD against Keras's, given whole gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from foretell.training.sgd import SGD


def after_steps(optimizer: Any, convert: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    table, bias = (keras.Variable(rng.normal(size=shape).astype("float32")) for shape in ((9, 4), (4,)))
    if isinstance(optimizer, keras.Optimizer):
        optimizer.build([table, bias])
    apply = tf.function(
        lambda values, rows, dense: optimizer.apply(
            [convert(tf.IndexedSlices(values, rows, tf.constant([9, 4]))), dense], [table, bias]
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
    ours = after_steps(SGD(0.0, global_clipnorm=clip_norm), lambda pieces: pieces)
    theirs = after_steps(keras.optimizers.SGD(0.0, global_clipnorm=clip_norm), tf.convert_to_tensor)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=3e-6)


def test_rows_that_no_step_has_read_stay_to_the_bit() -> None:
    table = keras.Variable(np.full((5, 2), 0.1, "float32"))
    optimizer = SGD(1.0, global_clipnorm=9.0)
    optimizer.apply([tf.IndexedSlices(tf.ones([2, 2]), tf.constant([3, 3]), tf.constant([5, 2]))], [table])
    np.testing.assert_allclose(table[3], -1.9, rtol=1e-6)
    np.testing.assert_array_equal(table[:3], np.float32(0.1))


def test_a_gradient_that_is_no_number_shows() -> None:
    table = keras.Variable(np.ones((2, 2), "float32"))
    SGD(1.0, global_clipnorm=1.0).apply([tf.constant([[np.nan, 1.0], [1.0, 1.0]])], [table])
    assert np.isnan(table.numpy()).all()
