"""Products of a few rows with a matrix in tiles, by vector instructions for bfloat16 (AVX-512,
BF16).

One instruction multiplies a pair of inner values of a row with the pairs of 16 columns, and adds
both products to 16 sums in float32.

Instruction: VDPBF16PS, Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2;
AMD64 Architecture Programmer's Manual, volume 4.

Axes: row, inner, column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.base import BaseContext
from numba.extending import intrinsic

from foretell.networks.tiles import (
    COLUMNS,
    INNER,
    OPTIONS,
    ROW_BYTES,
    TILE_BYTES,
    compiles_for,
    round_rows,
)

_PAIRS = ir.VectorType(ir.IntType(32), COLUMNS)
_SUMS = ir.VectorType(ir.FloatType(), COLUMNS)
_LONG = ir.IntType(64)


@cache
def available() -> bool:
    """Whether the processor has these instructions."""
    return compiles_for("avx512f", "avx512bf16")


def _at(
    builder: ir.IRBuilder, kind: ir.Type, address: ir.Value, stride: ir.Value, place: int
) -> ir.Value:
    """Return the pointer to an item, `place` strides after an address."""
    return builder.inttoptr(
        builder.add(address, builder.mul(stride, _LONG(place))), kind.as_pointer()
    )


def _load(
    builder: ir.IRBuilder,
    kind: ir.Type,
    address: ir.Value,
    stride: ir.Value,
    place: int,
    *,
    align: int,
) -> ir.Value:
    value = builder.load(_at(builder, kind, address, stride, place))
    value.align = align
    return value


def _block(height: int, width: int) -> Callable[..., None]:
    """Return a function of Numba that multiplies `height` rows with `width` tiles of columns.

    All sums are in registers: there are 32, and an instruction waits for the sum of the one before
    it about as long as six others take.
    """

    def generate(
        context: BaseContext, builder: ir.IRBuilder, _: object, values: Sequence[ir.Value]
    ) -> ir.Value:
        rows, row_stride, tiles, tile_stride, n_pairs, result, result_stride = values
        kind = ir.FunctionType(_SUMS, [_SUMS, _PAIRS, _PAIRS])
        name = "llvm.x86.avx512bf16.dpbf16ps.512"
        add_products = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]

        # LLVM keeps these in registers: nothing takes their address.
        zeros = _SUMS([0.0] * COLUMNS)
        variable = cgutils.alloca_once_value
        sums = [[variable(builder, zeros) for _ in range(width)] for _ in range(height)]  # type: ignore[no-untyped-call]
        with cgutils.for_range(builder, n_pairs) as loop:
            row_of_tile = builder.add(tiles, builder.mul(loop.index, _LONG(ROW_BYTES)))
            columns = [
                _load(builder, _PAIRS, row_of_tile, tile_stride, tile, align=ROW_BYTES)
                for tile in range(width)
            ]
            pair_of_row = builder.add(rows, builder.mul(loop.index, _LONG(4)))
            for row in range(height):
                pair = _load(builder, _PAIRS.element, pair_of_row, row_stride, row, align=4)
                first = builder.insert_element(_PAIRS(ir.Undefined), pair, ir.IntType(32)(0))
                pairs = builder.shuffle_vector(first, _PAIRS(ir.Undefined), _PAIRS([0] * COLUMNS))
                for place, column in zip(sums[row], columns, strict=True):
                    builder.store(
                        builder.call(add_products, [builder.load(place), pairs, column]), place
                    )
        for row in range(height):
            for tile in range(width):
                out = builder.add(result, _LONG(ROW_BYTES * tile))
                stored = builder.store(
                    builder.load(sums[row][tile]), _at(builder, _SUMS, out, result_stride, row)
                )
                stored.align = 4
        return context.get_dummy_value()  # type: ignore[no-untyped-call]

    @intrinsic
    def block(typing, rows, row_stride, tiles, tile_stride, n_pairs, result, result_stride):  # type: ignore[no-untyped-def]  # noqa: ARG001
        return types.void(*[types.int64] * 7), generate

    return block


def _blocks(height: int, width: int) -> Callable[..., None]:
    """Return `multiply` for `height` rows or more, which are in bfloat16 already."""
    block = _block(height, width)

    @njit(inline="always", **OPTIONS)
    def multiply_blocks(memory, n, tiles, result):  # type: ignore[no-untyped-def]
        column_tiles, inner_tiles = tiles.shape[:2]
        inner = INNER * inner_tiles
        columns = COLUMNS * column_tiles
        below = TILE_BYTES * inner_tiles  # bytes from a tile to that of the next columns
        # Where the last rows or columns are fewer than the others, some are computed twice.
        for c in range(0, column_tiles, width):
            column_tile = min(c, column_tiles - width)
            for r in range(0, n, height):
                row = min(r, n - height)
                left = memory.ctypes.data + 2 * inner * row
                right = tiles.ctypes.data + below * column_tile
                out = result.ctypes.data + 4 * (columns * row + COLUMNS * column_tile)
                block(left, 2 * inner, right, below, inner // 2, out, 4 * columns)

    return multiply_blocks  # type: ignore[no-any-return]


# 16 sums in registers, and fewer where there are fewer rows than four.
_in_eights = _blocks(8, 2)
_in_fours = _blocks(4, 4)
_in_twos = _blocks(2, 4)
_one_by_one = _blocks(1, 4)


@njit(inline="always", **OPTIONS)
def multiply(rows, tiles, memory, result):  # type: ignore[no-untyped-def]
    """Write rows [row, inner] times a packed matrix to `result` [row, column], where this is
    `available`.

    `tiles` are pairs of bfloat16 values, uint32 [column tile, inner tile, 16, 16]; `memory` is
    uint16 [at least row, inner], for the rows in bfloat16.
    """
    n = rows.shape[0]
    round_rows(rows, memory)
    if n >= 8:
        _in_eights(memory, n, tiles, result)
    elif n >= 4:
        _in_fours(memory, n, tiles, result)
    elif n >= 2:
        _in_twos(memory, n, tiles, result)
    else:
        _one_by_one(memory, n, tiles, result)
