"""The recurrence of an LSTM layer on all cores: threads and memory for the compiled steps of
`lstm_cell.py`.

A step is one matrix product and one pass over its result, which is still in the cache. Each core
processes its own rows of the batch through all steps. The products of all inputs with the kernel,
and the gradients of both kernels, do not depend on the step before: they are in TensorFlow
(`lstm_layer.py`).

The products of one step have few rows and large weights, which OpenBLAS copies into its own order
each time: half of the work. It does not copy for a product of at most a million multiplications, so
a step's product is cut into blocks of columns of that size, or for bfloat16 (`amx`, `avx512`) into
`tiles`.

Axes: group (of gates with one dropout mask), row, step, unit; block, and column of a block.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from foretell.arrays import Float32s
from foretell.machine import usable_processors
from foretell.networks import amx, avx512, tiles
from foretell.networks.lstm_cell import steps_for

_MAX_MULTIPLICATIONS = 1_000_000
"""The largest product that OpenBLAS computes without copying: its small-matrix kernels, with
AVX-512. On other processors the limit has no effect."""

# Narrower blocks have too few columns for a vector instruction.
_MIN_WIDTH = 8


@dataclass
class BatchPart:
    """The rows `first` to `last` of a batch, and the results of their forward pass."""

    first: int
    last: int
    masks: Float32s
    gates: Float32s
    cells: Float32s


@dataclass
class Pass:
    """The results of a forward pass that its backward pass needs."""

    recurrent: Float32s
    parts: list[BatchPart]
    in_bfloat16: bool

    def release(self, buffers: Buffers) -> None:
        """Return the memory to the buffers; there is no backward pass after that."""
        for part in self.parts:
            buffers.give(part.gates, part.cells)


def _columns(matrices: Float32s, rows: int) -> Float32s:
    """Cut matrices [matrix, inner, column] into blocks of columns, [matrix, block, inner, column].

    OpenBLAS multiplies `rows` rows with a block without copying. Zeros fill the last one.
    """
    n, inner, columns = matrices.shape
    max_width = min(_MAX_MULTIPLICATIONS // (rows * inner), columns)
    if max_width < _MIN_WIDTH:
        max_width = columns
    # Of the widths that need the fewest zeros, the largest.
    width = min(
        range(max_width // 2 + 1, max_width + 1), key=lambda width: (-columns % width, -width)
    )
    blocks = np.empty((n, -(-columns // width), inner, width), np.float32)
    for b in range(blocks.shape[1]):
        block = matrices[:, :, b * width : (b + 1) * width]
        blocks[:, b, :, : block.shape[2]] = block
        blocks[:, b, :, block.shape[2] :] = 0
    return blocks


_THREADS = min(usable_processors(), int(os.environ.get("NUMBA_NUM_THREADS") or usable_processors()))
"""Number of threads that process one batch; fewer where several processes share the machine."""

_POOL = ThreadPoolExecutor(_THREADS, thread_name_prefix="lstm")


@cache
def _one_blas_thread_each() -> None:
    """Make the BLAS that Numba calls compute in the calling thread only, from now on.

    The limit is permanent: lifting it after each pass wakes BLAS's own threads each time, which
    then wait actively, and made a pass up to ten times slower. NumPy's BLAS, another copy, keeps
    its threads.
    """
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    of_scipy = [library for library in libraries if "scipy.libs" in library.filepath]
    for library in of_scipy or libraries:
        library.set_num_threads(1)
        # From version 3.8 on the first thread that sets a limit is the only one that may, while it
        # lives, and calls by others do nothing. This one is TensorFlow's and never ends.
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread()


class Buffers:
    """Memory of past passes for new ones: allocating it again takes up to a third of a pass.

    Batches differ in length. Each takes the smallest memory that is large enough, so that there is
    as much as the longest ones need.
    """

    def __init__(self) -> None:
        self._free: list[Float32s] = []

    def take(self, *shape: int) -> Float32s:
        """Return an array of that shape with arbitrary values."""
        size = math.prod(shape)
        self._free.sort(key=len)
        place = bisect_left(self._free, size, key=len)
        if place < len(self._free):
            memory = self._free.pop(place)
        else:
            # What is too small gives way to it.
            del self._free[-1:]
            memory = np.empty(size, np.float32)
        return memory[:size].reshape(shape)

    def give(self, *arrays: Float32s) -> None:
        """Take back arrays that `take` returned."""
        for array in arrays:
            memory = array.base
            assert memory is not None
            self._free.append(memory)


def _cut(matrices: Float32s, rows: int, in_bfloat16: bool) -> Float32s | tiles.Tiles:
    """Cut matrices [matrix, inner, column] for the products of a step with at most so many rows."""
    has_tiles = in_bfloat16 and (amx.available() or avx512.available())
    if not (has_tiles and tiles.fit(*matrices.shape[1:])):
        return _columns(matrices, rows)
    packed = tiles.packed(matrices, _POOL.map, _THREADS)
    return packed if amx.available() else packed.view(np.uint32)


def _memory(matrices: Float32s | tiles.Tiles, rows: int, inner: int) -> Float32s | tiles.Tiles:
    """Return the memory that `lstm_cell` multiplies so many rows of `inner` values in."""
    if matrices.dtype == np.float32:
        return np.empty((matrices.shape[1], rows, matrices.shape[3]), np.float32)
    return np.empty((rows + 1, inner), np.uint16)


def forward(
    inputs: Float32s,
    recurrent: Float32s,
    h: Float32s,
    c: Float32s,
    masks: Float32s,
    buffers: Buffers,
    *,
    in_bfloat16: bool = False,
) -> tuple[Float32s, Float32s, Pass]:
    """Run all steps of a batch.

    Args:
        inputs: the inputs' part of the pre-activations, bias included: [batch, step, 4 · unit], at
            least one step.
        recurrent: the recurrent kernel as Keras has it: [unit, 4 · unit].
        h, c: the state before, [batch, unit].
        masks: [group, batch, unit], the factors of the hidden states; 1 or 4 groups.
        buffers: the pass takes its memory from there.
        in_bfloat16: whether the factors of the products are rounded to bfloat16, where that is
            faster.

    Returns:
        hidden [batch, step, unit], the last cell state [batch, unit], and the pass.
    """
    groups, (batch, units), steps = len(masks), h.shape, inputs.shape[1]
    shares = _shares(batch)
    by_group = recurrent.reshape(units, groups, -1)  # [unit, group, 4 / group · unit]
    matrices = _cut(by_group.transpose(1, 0, 2), _max_rows(shares), in_bfloat16)
    hidden = np.empty((batch, steps, units), np.float32)
    run, _ = steps_for(matrices.dtype)

    def go(ends: tuple[int, int]) -> BatchPart:
        first, last = ends
        rows = last - first
        part = BatchPart(
            first,
            last,
            np.ascontiguousarray(masks[:, first:last]),
            buffers.take(groups, steps, rows, 4 // groups * units),
            buffers.take(steps + 1, rows, units),
        )
        part.cells[0] = c[first:last]
        run(
            inputs[first:last],
            matrices,
            part.masks,
            part.gates,
            part.cells,
            h[first:last].copy(),
            hidden[first:last],
            _memory(matrices, rows, units),
        )
        return part

    _one_blas_thread_each()
    parts = list(_POOL.map(go, shares))
    return (
        hidden,
        np.concatenate([part.cells[-1] for part in parts]),
        Pass(recurrent, parts, in_bfloat16),
    )


def backward(
    d_hidden: Float32s, d_h: Float32s, d_c: Float32s, done: Pass, buffers: Buffers
) -> tuple[Float32s, Float32s, Float32s]:
    """Go back through a pass, which cannot be used again.

    Args:
        d_hidden: gradient of the hidden states, [batch, step, unit]; no steps: only the last state
            was used.
        d_h, d_c: gradients of the last state, [batch, unit]; d_h is added to the last step of
            d_hidden.
        done: the pass that `forward` returned.
        buffers: the memory of the pass is returned there.

    Returns:
        the gradients of inputs, which are those of the pre-activations, and of h and c.
    """
    groups, steps, _, width = done.parts[0].gates.shape
    units = len(done.recurrent)
    rows = _max_rows([(part.first, part.last) for part in done.parts])
    transposed = done.recurrent.reshape(units, groups, width).transpose(1, 2, 0)
    matrices = _cut(transposed, rows, done.in_bfloat16)
    d_inputs = np.empty((len(d_h), steps, 4 * units), np.float32)
    d_h = d_h.copy()
    d_c = d_c.copy()
    _, run = steps_for(matrices.dtype)

    def go(part: BatchPart) -> None:
        rows = slice(part.first, part.last)
        run(
            d_hidden[rows],
            matrices,
            part.masks,
            part.cells,
            d_h[rows],
            d_c[rows],
            part.gates,
            d_inputs[rows],
            _memory(matrices, part.last - part.first, width),
        )

    for _ in _POOL.map(go, done.parts):
        pass
    done.release(buffers)
    return d_inputs, d_h, d_c


def _shares(batch: int) -> list[tuple[int, int]]:
    """Cut a batch into equal ranges of rows, one for each thread."""
    n = min(_THREADS, batch)
    return [(batch * k // n, batch * (k + 1) // n) for k in range(n)]


def _max_rows(shares: list[tuple[int, int]]) -> int:
    return max(last - first for first, last in shares)
