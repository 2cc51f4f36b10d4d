"""Adam's fused update against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from foretell.training.adam import Adam


def after_steps(kind, *, clip_norm):
    rng = np.random.default_rng(0)
    table, bias = (keras.Variable(rng.normal(size=shape).astype("float32")) for shape in ((9, 4), (4,)))
    optimizer = kind(0.0, global_clipnorm=clip_norm)
    optimizer.build([table, bias])
    apply = tf.function(lambda *gradients: optimizer.apply(gradients, [table, bias]))
    for step in range(7):
        # Rows that come twice in one gradient count twice; most rows of a step have none.
        rows = tf.IndexedSlices(
            tf.constant(rng.normal(size=(3, 4)), tf.float32), tf.constant([step, 2, 2]), tf.constant([9, 4])
        )
        optimizer.learning_rate.assign(0.1 / (step + 1))
        apply(tf.convert_to_tensor(rows), tf.constant(rng.normal(size=4), tf.float32))
    return [variable.numpy() for variable in (table, bias, *optimizer.variables)]


@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_the_numbers_are_keras_own(clip_norm):
    ours, theirs = (after_steps(kind, clip_norm=clip_norm) for kind in (Adam, keras.optimizers.Adam))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=3e-6)


def test_a_gradient_of_rows_is_one_of_all_rows():
    table = keras.Variable(np.ones((5, 2), "float32"))
    optimizer = Adam(0.1)
    optimizer.build([table])
    slices = tf.IndexedSlices(tf.ones([2, 2]), tf.constant([3, 3]), tf.constant([5, 2]))
    optimizer.apply([slices], [table])
    np.testing.assert_allclose(table[3], 0.9, atol=1e-6)
    np.testing.assert_array_equal(table[:3], 1.0)
