"""Products by vector instructions for bfloat16 against those of NumPy."""

from __future__ import annotations

from functools import cache
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("numba")
from foretell.networks import avx512, tiles
from tests.networks.tile_products import ROWS, SIZES, check_product, compiled

needs_instructions = pytest.mark.skipif(
    not avx512.available(), reason="the processor has no vector instructions for bfloat16"
)


@cache
def multiply():
    return compiled(avx512.multiply)


@pytest.mark.parametrize("features", [{}, {"avx512f": True}, {"avx512f": True, "avx512bf16": False}])
def test_not_every_processor_has_the_instructions(features):
    avx512.available.cache_clear()
    with mock.patch.object(tiles.llvm, "get_host_cpu_features", return_value=features):
        assert not avx512.available()
    avx512.available.cache_clear()


@needs_instructions
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(("inner", "columns"), SIZES)
def test_a_product_is_that_of_the_rounded_factors(rows, inner, columns):
    check_product(multiply(), np.uint32, rows, inner, columns)
