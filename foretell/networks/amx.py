"""Products of a few rows with a matrix in tiles, by the tile registers of a processor (Intel AMX).

One instruction multiplies two tiles: up to 16 rows of 32 values with 32 rows of 16 columns.

Instructions and layouts: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
chapter 18.

Axes: row, inner, column.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.base import BaseContext
from numba.extending import intrinsic

from foretell.networks.tiles import (
    COLUMNS,
    INNER,
    MIN_COLUMN_TILES,
    OPTIONS,
    ROW_BYTES,
    TILE_BYTES,
    compiles_for,
    round_rows,
)

_ROWS = 16
"""The most rows of a tile."""

_GROUP = MIN_COLUMN_TILES
"""Tiles of columns that are multiplied with a tile of rows at a time: a sum in a register each."""

_ARCH_PRCTL = 158
_REQUEST_PERMISSION = 0x1023
_TILE_DATA = 18
"""Linux gives a process the tile registers on request only (system call arch_prctl,
ARCH_REQ_XCOMP_PERM).
"""


@cache
def available() -> bool:
    """Whether this process may use tile registers: the processor has them, and Linux allows it."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    if not compiles_for("amx-tile", "amx-bf16"):
        return False
    granted: int = ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA)
    return granted == 0


def _instruction(name: str, arguments: str, *registers: int) -> Callable[..., None]:
    """Return a function of Numba for one instruction, by the name of LLVM's intrinsic, with fixed
    registers.

    The arguments after the registers are none, "p" for an address, or "pi" for an address and a
    stride.
    """

    def call(
        context: BaseContext, builder: ir.IRBuilder, _: object, values: Sequence[ir.Value]
    ) -> ir.Value:
        byte = ir.IntType(8)
        long = ir.IntType(64)
        kinds = [byte.as_pointer() if letter == "p" else long for letter in arguments]
        kind = ir.FunctionType(ir.VoidType(), [byte] * len(registers) + kinds)
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}")  # type: ignore[no-untyped-call]
        given = [
            builder.inttoptr(value, kind) if letter == "p" else value
            for value, kind, letter in zip(values, kinds, arguments, strict=True)
        ]
        builder.call(function, [ir.Constant(byte, register) for register in registers] + given)
        return context.get_dummy_value()  # type: ignore[no-untyped-call]

    def alone(typing):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(), call

    def at(typing, address):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(types.uintp), call

    def in_rows(typing, address, stride):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(types.uintp, types.int64), call

    # Numba wants a function with as many arguments as the instruction has.
    return intrinsic({"": alone, "p": at, "pi": in_rows}[arguments])  # type: ignore[call-overload, no-any-return]


_configure = _instruction("ldtilecfg", "p")
_release = _instruction("tilerelease", "")
# Registers 0 to 3 hold sums, 4 a tile of the rows, 5 one of the matrix.
_zero_0, _zero_1, _zero_2, _zero_3 = (_instruction("tilezero", "", k) for k in range(_GROUP))
_load_rows, _load_matrix = (_instruction("tileloadd64", "pi", k) for k in (4, 5))
_add_0, _add_1, _add_2, _add_3 = (_instruction("tdpbf16ps", "", k, 4, 5) for k in range(_GROUP))
_store_0, _store_1, _store_2, _store_3 = (
    _instruction("tilestored64", "pi", k) for k in range(_GROUP)
)


@njit(inline="always", **OPTIONS)
def _set_up(configuration, height):  # type: ignore[no-untyped-def]
    """Configure the registers for tiles of so many rows; `configuration` is memory, uint8 [at least
    64].
    """
    configuration[:ROW_BYTES] = 0
    # The palette is 1; then, for each register, the bytes of a row and the number of rows.
    configuration[0] = 1
    for register in range(6):
        configuration[16 + 2 * register] = ROW_BYTES
        configuration[48 + register] = INNER // 2 if register == 5 else height
    _configure(configuration.ctypes.data)


@njit(inline="always", **OPTIONS)
def multiply(rows, tiles, memory, result):  # type: ignore[no-untyped-def]
    """Write rows [row, inner] times a packed matrix to `result` [row, column], where this is
    `available`.

    `tiles` are uint16 [column tile, inner tile, 16, 32]; `memory` is uint16 [row + 1, inner], for
    the rows in bfloat16 and for the configuration.
    """
    n, inner = rows.shape
    round_rows(rows, memory)
    height = min(_ROWS, n)
    _set_up(memory[n].view(np.uint8), height)
    column_tiles, inner_tiles = tiles.shape[:2]
    columns = COLUMNS * column_tiles
    below = TILE_BYTES * inner_tiles  # bytes from a tile to that of the next columns
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
                _load_rows(left + ROW_BYTES * k, 2 * inner)
                at = right + TILE_BYTES * k
                _load_matrix(at, ROW_BYTES)
                _add_0()
                _load_matrix(at + below, ROW_BYTES)
                _add_1()
                _load_matrix(at + 2 * below, ROW_BYTES)
                _add_2()
                _load_matrix(at + 3 * below, ROW_BYTES)
                _add_3()
            out = result.ctypes.data + 4 * (columns * row + COLUMNS * column_tile)
            _store_0(out, 4 * columns)
            _store_1(out + ROW_BYTES, 4 * columns)
            _store_2(out + 2 * ROW_BYTES, 4 * columns)
            _store_3(out + 3 * ROW_BYTES, 4 * columns)
    _release()
