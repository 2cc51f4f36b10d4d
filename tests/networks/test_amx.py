"""Products by tile registers against those of NumPy."""

from __future__ import annotations

import ctypes
from functools import cache
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("numba")
from foretell.networks import amx, tiles
from tests.networks.tile_products import ROWS, SIZES, check_product, compiled

needs_tiles = pytest.mark.skipif(not amx.available(), reason="the processor has no tile registers")


@cache
def multiply():
    return compiled(amx.multiply)


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


@needs_tiles
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(("inner", "columns"), SIZES)
def test_a_product_is_that_of_the_rounded_factors(rows, inner, columns):
    check_product(multiply(), np.uint16, rows, inner, columns)
