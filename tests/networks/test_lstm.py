"""The LSTM layer and its kernel beside Keras and the equations; products of matrices in
bfloat16.
"""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

import ctypes
import itertools
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from threadpoolctl import threadpool_info, threadpool_limits

from foretell.networks import amx, avx512, lstm_kernel, lstm_layer, tiles
from foretell.networks.lstm_layer import FastLSTM

pytestmark = pytest.mark.skipif(not lstm_layer.kernel_is_usable(), reason="there is no kernel here")


def outcome(kind, shape, *, units=17, training=True, states=False, traced=False, **options):
    """Return outputs and gradients of a layer with given weights on given input, all from one
    seed.
    """
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(3)
    layer = kind(units, seed=5, **options)
    x = tf.constant(rng.normal(size=shape), tf.float32)
    layer.build(x.shape)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.3)
    given = (
        [tf.constant(rng.normal(size=(shape[0], units)), tf.float32) for _ in range(2)]
        if states
        else None
    )

    def run(x):
        watched = [x, *(given or [])]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            outputs = tf.nest.flatten(layer(x, initial_state=given, training=training))
            loss = tf.add_n([tf.reduce_sum(tf.sin(3.0 * y)) for y in outputs])
        return outputs + tape.gradient(loss, watched + [w.value for w in layer.trainable_weights])

    return [np.array(value) for value in (tf.function(run) if traced else run)(x)]


def assert_like_keras(shape, **options):
    both = [outcome(kind, shape, **options) for kind in (FastLSTM, keras.layers.LSTM)]
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True, "states": True, "traced": True},
        {"dropout": 0.3},
        {"dropout": 0.2, "recurrent_dropout": 0.4, "return_sequences": True},
        {"dropout": 0.2, "recurrent_dropout": 0.2, "training": False},
        {"go_backwards": True},
        {"use_bias": False},
        {"recurrent_activation": "hard_sigmoid"},
    ],
    ids=str,
)
def test_values_and_gradients_are_keras_own(options):
    assert_like_keras((6, 9, 7), **options)


@settings(max_examples=6, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 12),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(300, 20_000),
    st.sampled_from([1, 2, 8]),
    st.booleans(),
)
def test_any_size(batch, steps, inputs, units, most, threads, with_masks):
    """Whatever the blocks that the products are cut into, and the number of threads."""
    masks = {"dropout": 0.2, "recurrent_dropout": 0.2} if with_masks else {}
    with (
        mock.patch.object(lstm_kernel, "_MAX_MULTIPLICATIONS", most),
        mock.patch.object(lstm_kernel, "_MIN_WIDTH", 3),
        mock.patch.object(lstm_kernel, "_THREADS", threads),
    ):
        assert_like_keras((batch, steps, inputs), units=units, return_sequences=True, **masks)


def test_two_passes_may_be_open_at_once():
    layer = FastLSTM(4)
    x = tf.random.stateless_normal((3, 5, 2), [1, 2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        first = layer(x, training=True)
        second = layer(2.0 * x, training=True)
    of_second = tape.gradient(second, x)
    of_first = tape.gradient(first, x)
    with tf.GradientTape() as alone:
        alone.watch(x)
        again = layer(x, training=True)
    np.testing.assert_array_equal(of_first, alone.gradient(again, x))
    assert not np.allclose(of_first, of_second)


@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.4, "dropout": 0.1}], ids=str)
def test_mixed_precision_rounds_and_no_more(options):
    shape = (8, 30, 12)
    options = {"return_sequences": True, "states": True, **options}
    exact = outcome(FastLSTM, shape, **options)
    rounded = outcome(FastLSTM, shape, precision="mixed_bfloat16", **options)
    # The same step gives the same bits.
    for one, again in zip(exact, outcome(FastLSTM, shape, **options), strict=True):
        np.testing.assert_array_equal(one, again)
    for ours, theirs in zip(rounded, exact, strict=True):
        assert 0 < np.abs(ours - theirs).max() < 0.03 * np.abs(theirs).max()
    predicted = [
        outcome(FastLSTM, shape, training=False, precision=precision, **options)[0]
        for precision in ("float32", "mixed_bfloat16")
    ]
    np.testing.assert_array_equal(*predicted)


@pytest.mark.parametrize("how", ["no kernel", "switched off"])
def test_without_the_kernel_keras_computes(how, monkeypatch):
    if how == "no kernel":
        monkeypatch.setattr(lstm_layer, "lstm_kernel", None)
    else:
        monkeypatch.setenv("FORETELL_LSTM_KERNEL", "0")
    assert not lstm_layer.kernel_is_usable()
    assert_like_keras((2, 4, 3), units=3)


# Of 50 units there are no tiles: the products stay in float32.
@pytest.mark.parametrize(
    ("units", "groups", "way"), [(64, 4, "amx"), (64, 4, "avx512"), (50, 1, "avx512")]
)
def test_the_recurrence_in_bfloat16_is_near_that_in_float32(units, groups, way):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(21, 9, 4 * units)).astype(np.float32)
    recurrent = (rng.normal(size=(units, 4 * units)) / np.sqrt(units)).astype(np.float32)
    h, c = rng.normal(size=(2, 21, units)).astype(np.float32)
    masks = rng.integers(0, 2, (groups, 21, units)).astype(np.float32)

    def outcome(in_bfloat16):
        given = (inputs, recurrent, h, c, masks, buffers := lstm_kernel.Buffers())
        hidden, last, done = lstm_kernel.forward(*given, in_bfloat16=in_bfloat16)
        return [hidden, last, *lstm_kernel.backward(hidden, c, h, done, buffers)]

    available = getattr(lstm_kernel, way).available()
    other = {"amx": lstm_kernel.avx512, "avx512": lstm_kernel.amx}[way]
    with mock.patch.object(other, "available", return_value=False):
        exact = outcome(False)
        mixed = outcome(True)
    for one, another in zip(exact, mixed, strict=True):
        if units == 50 or not available:
            np.testing.assert_array_equal(another, one)
        else:
            assert not np.array_equal(another, one)
            assert np.abs(another - one).max() < 0.03 * np.abs(one).max()


def test_tiny_gradients_are_zero_and_not_denormal_and_small_ones_are_kept():
    rng = np.random.default_rng(0)
    inputs = np.full((4, 300, 20), -3, np.float32)
    zeros = np.zeros((4, 5), np.float32)
    recurrent = rng.normal(size=(5, 20)).astype("f")
    masks = np.ones((1, 4, 5), np.float32)
    none = np.zeros((4, 0, 5), np.float32)

    def gradients(size, recurrent, inputs):
        buffers = lstm_kernel.Buffers()
        _, _, done = lstm_kernel.forward(inputs, recurrent, zeros, zeros, masks, buffers)
        return lstm_kernel.backward(none, zeros + np.float32(size), zeros, done, buffers)

    for gradient in gradients(1.0, recurrent * np.float32(1e-3), inputs):
        small = np.abs(gradient[gradient != 0])
        assert (small > np.finfo(np.float32).tiny).all()
    inputs = rng.normal(size=(4, 3, 20)).astype("f")
    for whole, small in zip(
        *(gradients(each, recurrent, inputs) for each in (1.0, SMALL)), strict=True
    ):
        np.testing.assert_allclose(small / np.float32(SMALL), whole, rtol=1e-3, atol=1e-4)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3)), min_size=1))
def test_memory_is_that_of_the_longest_batches_whatever_their_order(
    batches: list[tuple[int, int]],
) -> None:
    buffers = lstm_kernel.Buffers()
    for length, passes in batches:
        taken = [buffers.take(length, 2) for _ in range(passes)]
        assert not any(itertools.starmap(np.shares_memory, itertools.combinations(taken, 2)))
        for each in taken:
            assert each.shape == (length, 2)
        buffers.give(*taken)
    longest = max(length for length, _ in batches)
    most = max(passes for _, passes in batches)
    assert sum(memory.size for memory in buffers._free) <= 2 * longest * most


SMALL = 1e-18
ROWS = (1, 2, 3, 4, 7, 8, 17, 45)
SIZES = ((32, 64), (64, 80))
"""Inner values and columns of matrices."""


def rounded(x):
    """Return the values in bfloat16, as float32."""
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()


def compiled(multiply):
    @njit
    def call(rows, matrix, memory, result):
        multiply(rows, matrix, memory, result)

    return call


@pytest.mark.parametrize(
    ("way", "kind", "needed"),
    [(amx, np.uint16, "tile registers"), (avx512, np.uint32, "vector instructions for bfloat16")],
    ids=["amx", "avx512"],
)
def test_a_product_is_that_of_the_rounded_factors(way, kind, needed):
    if not way.available():
        pytest.skip(f"the processor has no {needed}")
    multiply = compiled(way.multiply)
    rng = np.random.default_rng(0)
    for rows in ROWS:
        for inner, columns in SIZES:
            a = rng.normal(size=(rows, inner)).astype(np.float32)
            b = rng.normal(size=(inner, columns)).astype(np.float32)
            result = np.full((rows, columns), np.nan, np.float32)
            packed = tiles.packed(b[None], map, 1)[0].view(kind)
            multiply(a, packed, np.empty((rows + 1, inner), np.uint16), result)
            np.testing.assert_allclose(result, rounded(a) @ rounded(b), rtol=1e-5, atol=1e-5)


def unpacked(packed):
    """Return a packed matrix as it was, in bfloat16: [inner, column]."""
    columns, inners = packed.shape[:2]
    pairs = packed.reshape(columns, inners, 16, 16, 2)  # …, pair, column, which of the pair
    bits = pairs.transpose(1, 2, 4, 0, 3).reshape(32 * inners, 16 * columns).astype(np.uint32) << 16
    return bits.view(np.float32)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(4, 9), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=15)
def test_packing_rounds_and_loses_nothing(n, inner, columns, parts, transposed):
    whole = np.random.default_rng(0).normal(size=(n, 32 * inner, 16 * columns)).astype(np.float32)
    if transposed:
        whole = np.ascontiguousarray(whole.transpose(0, 2, 1)).transpose(0, 2, 1)
    packed = tiles.packed(whole, map, parts)
    assert packed.ctypes.data % 64 == 0
    for one, matrix in zip(packed, whole, strict=True):
        np.testing.assert_array_equal(unpacked(one), rounded(matrix))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (None, None, True),  # this processor
        ("generic", "", False),
        ("znver4", "+avx512f,+avx512bf16", True),
        (None, "+avx512f,-avx512bf16", False),
        (None, "+avx2", False),
    ],
)
def test_another_processor_that_numba_compiles_for_is_respected(name, text, expected):
    with (
        mock.patch.object(tiles.config, "CPU_NAME", name),
        mock.patch.object(tiles.config, "CPU_FEATURES", text),
        mock.patch.object(
            tiles.llvm, "get_host_cpu_features", return_value={"avx512f": True, "avx512bf16": True}
        ),
    ):
        assert tiles.compiles_for("avx512f", "avx512bf16") == expected


@pytest.mark.parametrize(
    ("system", "features", "refusal"),
    [
        ("Darwin", {}, 0),
        ("Linux", {"avx2": True}, 0),
        ("Linux", {"amx-tile": True, "amx-bf16": True}, -1),
    ],
)
def test_not_every_machine_has_tiles(system, features, refusal):
    """Another system, another processor, a system that does not allow it."""
    refused = mock.Mock(syscall=mock.Mock(return_value=refusal))
    with (
        mock.patch.object(amx.platform, "system", return_value=system),
        mock.patch.object(tiles.llvm, "get_host_cpu_features", return_value=features),
        mock.patch.object(ctypes, "CDLL", return_value=refused),
    ):
        assert not amx.available.__wrapped__()
        assert not avx512.available.__wrapped__()


def test_limits_of_threads_have_their_effect_after_a_pass_in_another_thread():
    """Or sums of products would depend on the number of threads, from the second training on."""
    lstm_kernel._one_blas_thread_each.cache_clear()
    # Like TensorFlow's threads, it lives on.
    with ThreadPoolExecutor(1) as other:
        other.submit(lstm_kernel._one_blas_thread_each).result()
        with threadpool_limits(1):
            inside = threadpool_info()
    assert {each["num_threads"] for each in inside if each["user_api"] == "blas"} == {1}
