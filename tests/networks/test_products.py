"""Products of rounded factors, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.networks.products import product


def rounded(x):
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)


def near(found, wanted, precision, bits):
    part = 1e-6 if precision == "float32" else 2.0**-bits
    np.testing.assert_allclose(found, wanted, rtol=0, atol=part * np.abs(wanted).max())


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("turned", [{}, {"transpose_a": True}, {"transpose_b": True}], ids=str)
def test_factors_are_rounded_and_sums_are_not(precision, turned):
    rng = np.random.default_rng(0)
    # Numbers that bfloat16 cannot hold: near 100 it tells only halves apart.
    a = tf.constant(rng.normal(size=(64, 64)) + 100, tf.float32)
    b = tf.constant(rng.normal(size=(64, 64)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        found = product(a, b, precision, **turned)
        loss = tf.reduce_sum(tf.sin(found))
    assert found.dtype == tf.float32
    gradients = tape.gradient(loss, [a, b])
    as_read = (a, b) if precision == "float32" else (rounded(a), rounded(b))
    with tf.GradientTape() as tape:
        tape.watch(as_read)
        by_hand = tf.matmul(*as_read, **turned)
        # The same gradient goes in, of the product as it was found.
        loss = tf.reduce_sum(by_hand * tf.cos(found))
    # The product is rounded too, to 8 bits; in the gradients, so is what comes from outside.
    near(found, by_hand, precision, 8)
    for ours, theirs in zip(gradients, tape.gradient(loss, list(as_read)), strict=True):
        near(ours, theirs, precision, 7)


def test_all_steps_are_rows_of_one_product():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 5)), np.random.default_rng(1).normal(size=(5, 4))
    found = product(tf.constant(a, tf.float32), tf.constant(b, tf.float32), "float32")
    np.testing.assert_allclose(found, a @ b, atol=1e-5)
