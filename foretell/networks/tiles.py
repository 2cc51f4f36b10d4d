"""Matrices for products in bfloat16: rounded, and cut into tiles in the order in which they are
read.

In a step of the recurrence few rows meet large weights, which are half as large in bfloat16.
Processors multiply pairs of inner values, summed in float32: `amx` a tile at a time, `avx512` a row
of a tile.

Axes: row, inner, column; tile of 16 columns, tile of 32 inner values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.core import config

Tiles = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
"""Bits of bfloat16 values; as uint32, pairs of them."""

INNER = 32
COLUMNS = 16
"""The values to multiply, and the columns, of a tile of the matrix."""

MIN_COLUMN_TILES = 4
"""A product reads up to so many tiles side by side."""

ROW_BYTES = 64
"""Of a row of a tile. It is as long as a cache line; one that lies across two takes longer to
read.
"""
TILE_BYTES = INNER // 2 * ROW_BYTES

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}
"""How Numba compiles the LSTM kernel."""


def compiles_for(*features: str) -> bool:
    """Whether Numba compiles for a processor with these features (LLVM's names).

    By default that is this processor. Where NUMBA_CPU_NAME or NUMBA_CPU_FEATURES name another, LLVM
    ends the process at an instruction which that one does not have.
    """
    name, chosen = (vars(config)[key] for key in ("CPU_NAME", "CPU_FEATURES"))
    if name is None and chosen is None:
        found = llvm.get_host_cpu_features()
    else:
        found = {each[1:]: each[0] == "+" for each in (chosen or "").split(",") if each}
    return all(found.get(feature, False) for feature in features)


def fit(inner: int, columns: int) -> bool:
    """Whether a matrix of this size can be packed."""
    return inner % INNER == 0 and columns % COLUMNS == 0 and columns >= MIN_COLUMN_TILES * COLUMNS


@njit(inline="always", **OPTIONS)
def _bfloat16(bits):  # type: ignore[no-untyped-def]
    """Return the upper 16 bits of a float32, rounded to nearest, ties to even."""
    return np.uint16(
        (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    )


@njit(inline="always", **OPTIONS)
def round_rows(rows, memory):  # type: ignore[no-untyped-def]
    """Write rows [row, inner] in bfloat16 to the first rows of `memory`."""
    bits = rows.view(np.uint32)
    for r in range(rows.shape[0]):
        of_row = bits[r]
        to = memory[r]
        for j in range(rows.shape[1]):
            to[j] = _bfloat16(of_row[j])


def _pack(matrix, tiles):  # type: ignore[no-untyped-def]
    """Write a matrix [inner, column] into `tiles`, [column tile, inner tile, pair of inner values,
    32].
    """
    for c in range(tiles.shape[0]):
        for k in range(tiles.shape[1]):
            tile = tiles[c, k]
            for pair in range(INNER // 2):
                for column in range(COLUMNS):
                    for which in range(2):
                        bits = matrix[INNER * k + 2 * pair + which, COLUMNS * c + column]
                        tile[pair, 2 * column + which] = _bfloat16(bits)


@cache
def _packing() -> Callable[..., None]:
    """Return `_pack`, compiled at the first call."""
    read = types.Array(types.uint32, 2, "A", readonly=True)
    written = types.Array(types.uint16, 4, "C")
    return njit(types.void(read, written), **OPTIONS)(_pack)


def packed(
    matrices: npt.NDArray[np.float32], run: Callable[..., Iterable[None]], parts: int
) -> npt.NDArray[np.uint16]:
    """Cut matrices [matrix, inner, column] of a size that fits into tiles.

    Each is packed in some parts, which `run` runs as `map` does.

    Returns:
        [matrix, column tile, inner tile, 16, 32], the bits of bfloat16 values.
    """
    n, inner, columns = matrices.shape
    shape = (n, columns // COLUMNS, inner // INNER, INNER // 2, 2 * COLUMNS)
    memory = np.empty(2 * math.prod(shape) + ROW_BYTES, np.uint8)
    first = -memory.ctypes.data % ROW_BYTES
    tiles = memory[first : first + 2 * math.prod(shape)].view(np.uint16).reshape(shape)
    bits = matrices.view(np.uint32)
    ends = [shape[1] * k // parts for k in range(parts + 1)]
    cuts = [slice(*two) for two in itertools.pairwise(ends)]
    for k in range(n):
        columns_of = [bits[k, :, cut.start * COLUMNS : cut.stop * COLUMNS] for cut in cuts]
        for _ in run(_packing(), columns_of, [tiles[k, cut] for cut in cuts]):
            pass
    return tiles
