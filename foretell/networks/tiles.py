"""Products of a few rows with a large matrix in bfloat16, by a processor's tile registers (Intel AMX).

In a step of the recurrence few rows meet large weights, so what counts is how fast the weights are read. In
bfloat16 they are half as large, and one instruction multiplies two tiles: up to 16 rows of 32 values with 32
rows of 16 columns, summed in float32.

Instructions and layouts: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.

Axes: row, inner, column; tile of 16 columns, tile of 32 inner values.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import platform
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Tiles = npt.NDArray[np.uint16]

_ROWS, _INNER, _COLUMNS = 16, 32, 16
"""The most rows of a tile, its values to multiply, and the columns of a tile of the matrix."""

_GROUP = 4
"""Tiles of columns that are multiplied with a tile of rows at a time: a sum in a register each."""

_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18
"""Linux gives a process the tile registers on request only (system call arch_prctl, ARCH_REQ_XCOMP_PERM)."""

_ROW_BYTES = 64
"""Of a row of a tile. It is as long as a cache line; one that lies across two takes longer to read."""
_TILE_BYTES = _ROWS * _ROW_BYTES

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}
"""How Numba compiles the LSTM kernel."""


@cache
def available() -> bool:
    """Whether this process may use tile registers: the processor has them, and Linux allows it."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    features = llvm.get_host_cpu_features()
    if not (features.get("amx-tile") and features.get("amx-bf16")):
        return False
    granted: int = ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA)
    return granted == 0


def fit(inner: int, columns: int) -> bool:
    """Whether a matrix of this size can be packed."""
    return inner % _INNER == 0 and columns % _COLUMNS == 0 and columns >= _GROUP * _COLUMNS


def _instruction(name: str, arguments: str, *registers: int) -> Any:
    """Return a function of Numba for one instruction with fixed registers.

    Args:
        name: of LLVM's intrinsic.
        arguments: those after the registers: none, "p" for an address, "pi" for an address and a stride.
        registers: numbers of tile registers.
    """

    def call(context: Any, builder: Any, _: Any, values: Any) -> Any:
        byte, long = ir.IntType(8), ir.IntType(64)
        kinds = [byte.as_pointer() if letter == "p" else long for letter in arguments]
        kind = ir.FunctionType(ir.VoidType(), [byte] * len(registers) + kinds)
        get: Any = cgutils.get_or_insert_function
        function = get(builder.module, kind, f"llvm.x86.{name}")
        given = [
            builder.inttoptr(value, kind) if letter == "p" else value
            for value, kind, letter in zip(values, kinds, arguments, strict=True)
        ]
        builder.call(function, [ir.Constant(byte, register) for register in registers] + given)
        return context.get_dummy_value()

    def alone(typing):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(), call

    def at(typing, address):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(types.uintp), call

    def in_rows(typing, address, stride):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(types.uintp, types.int64), call

    # Numba wants a function with as many arguments as the instruction has.
    return intrinsic({"": alone, "p": at, "pi": in_rows}[arguments])


_configure, _release = _instruction("ldtilecfg", "p"), _instruction("tilerelease", "")
# Registers 0 to 3 hold sums, 4 a tile of the rows, 5 one of the matrix.
_zero_0, _zero_1, _zero_2, _zero_3 = (_instruction("tilezero", "", k) for k in range(_GROUP))
_load_rows, _load_matrix = (_instruction("tileloadd64", "pi", k) for k in (4, 5))
_add_0, _add_1, _add_2, _add_3 = (_instruction("tdpbf16ps", "", k, 4, 5) for k in range(_GROUP))
_store_0, _store_1, _store_2, _store_3 = (_instruction("tilestored64", "pi", k) for k in range(_GROUP))


@njit(inline="always", **OPTIONS)
def _bfloat16(bits):  # type: ignore[no-untyped-def]
    """Return the upper 16 bits of a float32, rounded to nearest, ties to even."""
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


def _pack(matrix, tiles):  # type: ignore[no-untyped-def]
    """Write a matrix [inner, column] into `tiles`, [column tile, inner tile, pair of inner values, 32]."""
    for c in range(tiles.shape[0]):
        for k in range(tiles.shape[1]):
            tile = tiles[c, k]
            for pair in range(_INNER // 2):
                for column in range(_COLUMNS):
                    for which in range(2):
                        bits = matrix[_INNER * k + 2 * pair + which, _COLUMNS * c + column]
                        tile[pair, 2 * column + which] = _bfloat16(bits)


@cache
def _packing() -> Any:
    """Return `_pack`, compiled at the first call."""
    read, written = types.Array(types.uint32, 2, "A", readonly=True), types.Array(types.uint16, 4, "C")
    return njit(types.void(read, written), **OPTIONS)(_pack)


def packed(matrices: npt.NDArray[np.float32], run: Callable[..., Iterable[None]], parts: int) -> Tiles:
    """Cut matrices into tiles.

    Args:
        matrices: [matrix, inner, column], of a size that fits.
        run: runs a function on each item of two lists, as `map` does.
        parts: number of parts that each matrix is packed in, by one call each.

    Returns:
        [matrix, column tile, inner tile, 16, 32], the bits of bfloat16 values.
    """
    n, inner, columns = matrices.shape
    shape = (n, columns // _COLUMNS, inner // _INNER, _INNER // 2, 2 * _COLUMNS)
    memory = np.empty(2 * math.prod(shape) + _ROW_BYTES, np.uint8)
    first = -memory.ctypes.data % _ROW_BYTES
    tiles = memory[first : first + 2 * math.prod(shape)].view(np.uint16).reshape(shape)
    bits = matrices.view(np.uint32)
    ends = [shape[1] * k // parts for k in range(parts + 1)]
    cuts = [slice(*two) for two in itertools.pairwise(ends)]
    for k in range(n):
        columns_of = [bits[k, :, cut.start * _COLUMNS : cut.stop * _COLUMNS] for cut in cuts]
        for _ in run(_packing(), columns_of, [tiles[k, cut] for cut in cuts]):
            pass
    return tiles


@njit(inline="always", **OPTIONS)
def multiply(rows, tiles, memory, result):  # type: ignore[no-untyped-def]
    """Write rows times a packed matrix to `result`. Call it only where tiles are `available`.

    Args:
        rows: float32 [row, inner].
        tiles: uint16 [column tile, inner tile, 16, 32].
        memory: to work in, uint16 [row + 1, inner]: for the rows in bfloat16, and for the configuration.
        result: out, float32 [row, column].
    """
    n, inner = rows.shape
    bits = rows.view(np.uint32)
    for r in range(n):
        of_row, to = bits[r], memory[r]
        for j in range(inner):
            to[j] = _bfloat16(of_row[j])
    height = min(_ROWS, n)
    # The palette is 1; then, for each register, the bytes of a row and the number of rows.
    configuration = memory[n].view(np.uint8)
    configuration[:_ROW_BYTES] = 0
    configuration[0] = 1
    for register in range(6):
        configuration[16 + 2 * register] = _ROW_BYTES
        configuration[48 + register] = _INNER // 2 if register == 5 else height
    _configure(configuration.ctypes.data)
    column_tiles, inner_tiles = tiles.shape[:2]
    columns = _COLUMNS * column_tiles
    below = _TILE_BYTES * inner_tiles  # bytes from a tile to that of the next columns
    # Where the last rows or columns are fewer than the others, some are computed twice.
    for c in range(0, column_tiles, _GROUP):
        column_tile = min(c, column_tiles - _GROUP)
        for r in range(0, n, height):
            row = min(r, n - height)
            _zero_0()
            _zero_1()
            _zero_2()
            _zero_3()
            left = memory.ctypes.data + 2 * inner * row
            right = tiles.ctypes.data + below * column_tile
            for k in range(inner_tiles):
                _load_rows(left + _ROW_BYTES * k, 2 * inner)
                at = right + _TILE_BYTES * k
                _load_matrix(at, _ROW_BYTES)
                _add_0()
                _load_matrix(at + below, _ROW_BYTES)
                _add_1()
                _load_matrix(at + 2 * below, _ROW_BYTES)
                _add_2()
                _load_matrix(at + 3 * below, _ROW_BYTES)
                _add_3()
            out = result.ctypes.data + 4 * (columns * row + _COLUMNS * column_tile)
            _store_0(out, 4 * columns)
            _store_1(out + _ROW_BYTES, 4 * columns)
            _store_2(out + 2 * _ROW_BYTES, 4 * columns)
            _store_3(out + 3 * _ROW_BYTES, 4 * columns)
    _release()
