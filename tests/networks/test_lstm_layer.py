"""The kernel against Keras's own layer: values, gradients, random masks, and where it steps back."""

from __future__ import annotations

import subprocess
import sys
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.networks import lstm_kernel, lstm_layer
from foretell.networks.lstm_layer import FastLSTM

pytestmark = pytest.mark.skipif(not lstm_layer.kernel_is_usable(), reason="there is no kernel here")


def outcome(kind, shape, *, units=17, training=True, states=False, **options):
    """Return outputs and gradients of a layer with given weights on given input, all from one seed."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(3)
    layer = kind(units, seed=5, **options)
    x = tf.constant(rng.normal(size=shape), tf.float32)
    layer.build(x.shape)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.3)
    given = (
        [tf.constant(rng.normal(size=(shape[0], units)), tf.float32) for _ in range(2)] if states else None
    )

    @tf.function
    def run(x):
        watched = [x, *(given or [])]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            outputs = tf.nest.flatten(layer(x, initial_state=given, training=training))
            loss = tf.add_n([tf.reduce_sum(tf.sin(3.0 * y)) for y in outputs])
        return outputs + tape.gradient(loss, watched + [w.value for w in layer.trainable_weights])

    return [np.array(value) for value in run(x)]


def assert_like_keras(shape, **options):
    both = [outcome(kind, shape, **options) for kind in (FastLSTM, keras.layers.LSTM)]
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"return_sequences": True, "return_state": True, "states": True},
        {"dropout": 0.3},
        {"dropout": 0.2, "recurrent_dropout": 0.2},
        {"recurrent_dropout": 0.4, "return_sequences": True},
        {"dropout": 0.2, "recurrent_dropout": 0.2, "training": False},
        {"go_backwards": True},
        {"use_bias": False},
        {"recurrent_activation": "hard_sigmoid"},
    ],
    ids=str,
)
def test_values_and_gradients_are_keras_own(options):
    assert_like_keras((6, 9, 7), **options)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_any_size(batch, steps, inputs, units):
    assert_like_keras((batch, steps, inputs), units=units, return_sequences=True)


@settings(max_examples=10, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 12), st.integers(1, 20), st.integers(1, 20), st.integers(300, 20_000),
    st.booleans(),
)  # fmt: skip
def test_any_blocks(batch, steps, inputs, units, most, with_masks):
    masks = {"dropout": 0.2, "recurrent_dropout": 0.2} if with_masks else {}
    with (
        mock.patch.object(lstm_kernel, "_MAX_MULTIPLICATIONS", most),
        mock.patch.object(lstm_kernel, "_MIN_WIDTH", 3),
    ):
        assert_like_keras((batch, steps, inputs), units=units, return_sequences=True, **masks)


def test_a_masked_layer_is_keras_own():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(3, 5, 2)), tf.float32)
    mask = tf.constant([[True] * 5, [True, True, False, False, False], [True] * 4 + [False]])
    ours, theirs = FastLSTM(4), keras.layers.LSTM(4)
    for layer in (ours, theirs):
        layer.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x, mask=mask), theirs(x, mask=mask), rtol=1e-5, atol=1e-6)


def test_two_passes_may_be_open_at_once():
    layer = FastLSTM(4)
    x = tf.random.stateless_normal((3, 5, 2), [1, 2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        first, second = layer(x, training=True), layer(2.0 * x, training=True)
    of_second, of_first = tape.gradient(second, x), tape.gradient(first, x)
    with tf.GradientTape() as alone:
        alone.watch(x)
        again = layer(x, training=True)
    np.testing.assert_array_equal(of_first, alone.gradient(again, x))
    assert not np.allclose(of_first, of_second)


def test_passes_without_a_backward_pass_do_not_pile_up():
    layer = FastLSTM(4)
    for _ in range(2 * lstm_layer._MAX_OPEN_PASSES):
        layer(tf.zeros((2, 3, 2)))
    assert len(layer._passes._open) == lstm_layer._MAX_OPEN_PASSES


def test_the_same_step_gives_the_same_bits():
    shape = (8, 30, 12)
    for ours, again in zip(outcome(FastLSTM, shape), outcome(FastLSTM, shape), strict=True):
        np.testing.assert_array_equal(ours, again)


@pytest.mark.parametrize(
    "options", [{}, {"dropout": 0.3}, {"recurrent_dropout": 0.4, "dropout": 0.1}], ids=str
)
def test_mixed_precision_rounds_and_no_more(options):
    shape, options = (8, 30, 12), {"return_sequences": True, "states": True, **options}
    exact = outcome(FastLSTM, shape, **options)
    rounded = outcome(FastLSTM, shape, precision="mixed_bfloat16", **options)
    for ours, theirs in zip(rounded, exact, strict=True):
        assert 0 < np.abs(ours - theirs).max() < 0.03 * np.abs(theirs).max()
    predicted = [
        outcome(FastLSTM, shape, training=False, precision=precision, **options)[0]
        for precision in ("float32", "mixed_bfloat16")
    ]
    np.testing.assert_array_equal(*predicted)


@pytest.mark.parametrize(
    "how",
    [
        "import sys; sys.modules['numba'] = None",
        pytest.param("import os; os.environ['FORETELL_LSTM_KERNEL'] = '0'", marks=pytest.mark.soak),
    ],
)
def test_without_the_kernel_keras_computes(how):
    code = f"{how}\n" + (
        "import numpy as np\n"
        "from foretell.networks.lstm_layer import FastLSTM, kernel_is_usable\n"
        "assert not kernel_is_usable()\n"
        "print(FastLSTM(3)(np.ones((2, 4, 2), 'float32')).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(2, 3)"
