"""Matrices in tiles: what packing keeps, and products of both kinds of instructions beside those of NumPy."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")
from numba import njit

from foretell.networks import amx, avx512, tiles

ROWS = (1, 2, 3, 4, 7, 8, 16, 17, 19, 32, 45)
SIZES = ((32, 64), (64, 80), (96, 256))
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
    multiply, rng = compiled(way.multiply), np.random.default_rng(0)
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
@settings(deadline=None, max_examples=30)
def test_packing_rounds_and_loses_nothing(n, inner, columns, parts, transposed):
    whole = np.random.default_rng(0).normal(size=(n, 32 * inner, 16 * columns)).astype(np.float32)
    if transposed:
        whole = np.ascontiguousarray(whole.transpose(0, 2, 1)).transpose(0, 2, 1)
    packed = tiles.packed(whole, map, parts)
    assert packed.ctypes.data % 64 == 0
    for one, matrix in zip(packed, whole, strict=True):
        np.testing.assert_array_equal(unpacked(one), rounded(matrix))


@pytest.mark.parametrize(
    ("inner", "columns", "fits"),
    [(64, 256, True), (32, 64, True), (48, 64, False), (64, 48, False), (64, 72, False), (100, 400, False)],
)
def test_the_sizes_that_fit(inner, columns, fits):
    assert tiles.fit(inner, columns) == fits


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


def test_a_process_that_compiles_for_any_processor_does_not_end(tmp_path):
    code = """
import numpy as np
from foretell.networks import lstm_kernel
assert not lstm_kernel.multiplies_tiles()
h = np.ones((2, 64), np.float32)
lstm_kernel.forward(
    np.ones((2, 1, 256), np.float32), np.ones((64, 256), np.float32), h, h, np.ones((1, 2, 64), np.float32),
    lstm_kernel.Buffers(), in_bfloat16=True,
)
"""
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_not_every_machine_has_tiles():
    amx.available.cache_clear()
    with mock.patch.object(amx.platform, "system", return_value="Darwin"):
        assert not amx.available()
    amx.available.cache_clear()
    with mock.patch.object(tiles.llvm, "get_host_cpu_features", return_value={"avx2": True}):
        assert not amx.available()
    amx.available.cache_clear()
    refused = mock.Mock(syscall=mock.Mock(return_value=-1))
    with (
        mock.patch.object(
            tiles.llvm, "get_host_cpu_features", return_value={"amx-tile": True, "amx-bf16": True}
        ),
        mock.patch.object(ctypes, "CDLL", return_value=refused),
    ):
        assert not amx.available()
    amx.available.cache_clear()


@pytest.mark.parametrize("features", [{}, {"avx512f": True}, {"avx512f": True, "avx512bf16": False}])
def test_not_every_processor_has_the_instructions(features):
    avx512.available.cache_clear()
    with mock.patch.object(tiles.llvm, "get_host_cpu_features", return_value=features):
        assert not avx512.available()
    avx512.available.cache_clear()
