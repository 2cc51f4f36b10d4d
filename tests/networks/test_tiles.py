"""Matrices in tiles: what packing keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")
from foretell.networks import tiles
from tests.networks.tile_products import rounded


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
