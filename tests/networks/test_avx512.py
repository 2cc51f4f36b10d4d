"""Products by vector instructions for bfloat16 against those of NumPy."""

from __future__ import annotations

from functools import cache
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("numba")
from foretell.networks import avx512, tiles

needs_instructions = pytest.mark.skipif(
    not avx512.available(), reason="the processor has no vector instructions for bfloat16"
)


@cache
def compiled():
    from numba import njit

    @njit
    def multiply(rows, matrix, memory, result):
        avx512.multiply(rows, matrix, memory, result)

    return multiply


def rounded(x):
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()


@pytest.mark.parametrize("features", [{}, {"avx512f": True}, {"avx512f": True, "avx512bf16": False}])
def test_not_every_processor_has_the_instructions(features):
    avx512.available.cache_clear()
    with mock.patch.object(tiles.llvm, "get_host_cpu_features", return_value=features):
        assert not avx512.available()
    avx512.available.cache_clear()


@needs_instructions
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 8, 16, 17, 19, 32, 45])
@pytest.mark.parametrize(("inner", "columns"), [(32, 64), (64, 80), (96, 256)])
def test_a_product_is_that_of_the_rounded_factors(rows, inner, columns):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(rows, inner)).astype(np.float32)
    b = rng.normal(size=(inner, columns)).astype(np.float32)
    packed = tiles.packed(b[None], map, 1)[0].view(np.uint32)
    result = np.full((rows, columns), np.nan, np.float32)
    compiled()(a, packed, np.empty((rows + 1, inner), np.uint16), result)
    np.testing.assert_allclose(result, rounded(a) @ rounded(b), rtol=1e-5, atol=1e-5)
