"""The recurrence of an LSTM layer, forward and backward, as one compiled kernel for the CPU.

Keras runs the steps of an LSTM as a TensorFlow loop of some twenty operators, each of which starts, allocates
and writes a matrix that the next one reads. Here a step is one matrix product and one pass over its result,
which is still in the cache; each core takes its own rows of the batch through all the steps, so cores never
wait for one another. The mathematics is Keras's (`keras.layers.LSTMCell`), the gates in its order i, f, g, o.

What does not wait for the step before is not here: the product of all inputs with the kernel, and the
gradients of both kernels, are one large product each, which TensorFlow does (`fast_lstm`).

Axes: group (of gates with one dropout mask), row (texts of the batch that one thread takes), step, unit;
block, and column of a block.

The products of one step have few rows and large weights, which OpenBLAS would copy into its own order each
time: half of the work. Where a product takes at most a million multiplications it copies nothing, so a step's
product is cut into blocks of columns, each as large as that allows.

Dropout masks hold one number a sequence, not a step (Gal & Ghahramani 2016), for what the product reads.
With one mask for all four gates they make one group, with a mask for each gate (Keras's `implementation=1`,
which its `recurrent_dropout` selects) four.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg  # noqa: F401  (Numba's matrix products are its BLAS)
from numba import njit, types
from threadpoolctl import ThreadpoolController

from foretell.machine import usable_processors

Array = npt.NDArray[np.float32]
F = np.float32

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}


def _arrays(read: str, written: str) -> Any:
    """Return the signature of a function of float32 arrays, the digits their numbers of axes.

    Given, and not found when first called, because TensorFlow's arrays are read-only in one step and not in
    the next, and each ensemble would be compiled anew.
    """
    return types.void(
        *(types.Array(types.float32, int(axes), "C", readonly=True) for axes in read),
        *(types.Array(types.float32, int(axes), "C") for axes in written),
    )


_MOST_MULTIPLICATIONS = 1_000_000
"""Of a product that OpenBLAS does without copying (its `small kernels`, with AVX-512; others do not mind)."""

# Narrower blocks have too few columns for a vector instruction.
_NARROWEST = 8


@njit(inline="always", **_OPTIONS)
def _tanh(x):  # type: ignore[no-untyped-def]
    """Return tanh(x) within 3e-7: Eigen's rational approximation, which becomes vector instructions."""
    x = F(7.9053111) if x > F(7.9053111) else x
    x = F(-7.9053111) if x < F(-7.9053111) else x
    s = x * x
    p = F(-2.76076847742355e-16)
    p = p * s + F(2.00018790482477e-13)
    p = p * s + F(-8.60467152213735e-11)
    p = p * s + F(5.12229709037114e-08)
    p = p * s + F(1.48572235717979e-05)
    p = p * s + F(6.37261928875436e-04)
    p = p * s + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06)
    q = q * s + F(1.18534705686654e-04)
    q = q * s + F(2.26843463243900e-03)
    q = q * s + F(4.89352518554385e-03)
    return x * p / q


@njit(inline="always", **_OPTIONS)
def _sigmoid(x):  # type: ignore[no-untyped-def]
    return F(0.5) * _tanh(F(0.5) * x) + F(0.5)


@njit(inline="always", **_OPTIONS)
def _flushed(x):  # type: ignore[no-untyped-def]
    """Return x, or 0 where it is so small that what is made of it could be denormal.

    Gradients fade over the steps, and arithmetic with denormal numbers takes ten times as long.
    """
    return F(0) if abs(x) < F(1e-25) else x


@njit(inline="always", **_OPTIONS)
def _gate(gates, k, t, r, units):  # type: ignore[no-untyped-def]
    """Return gate k (0 to 3: i, f, g, o) of row r at step t, a view [unit], wherever the groups put it."""
    groups = gates.shape[0]
    first = k % (4 // groups) * units
    return gates[k * groups // 4, t, r, first : first + units]


@njit(**_OPTIONS)
def _put_together(products, whole):  # type: ignore[no-untyped-def]
    """Write the blocks [block, row, column] of a product side by side into `whole`, without their padding."""
    width = products.shape[2]
    for r in range(whole.shape[0]):
        for b in range(products.shape[0]):
            block, part = products[b, r], whole[r, b * width : (b + 1) * width]
            for j in range(part.shape[0]):
                part[j] = block[j]


@njit(_arrays("343", "4323"), **_OPTIONS)
def _forward(inputs, blocks, masks, gates, cells, h, hidden):  # type: ignore[no-untyped-def]
    """Read all steps; leave the gates and cells for `_backward`.

    Args:
        inputs: what the inputs give the pre-activations, bias included: [row, step, 4 · unit].
        blocks: the recurrent kernel, cut up by `_columns`: [group, block, unit, column].
        masks: [group, row, unit].
        gates: out, [group, step, row, 4 / group · unit].
        cells: in and out, [step + 1, row, unit]; the first is the state before.
        h: in and out, [row, unit]: the state before, then the last.
        hidden: out, [row, step, unit].
    """
    rows, steps, units = hidden.shape
    groups, n_blocks, width = gates.shape[0], blocks.shape[1], blocks.shape[3]
    read = np.empty((rows, units), np.float32)
    products = np.empty((n_blocks, rows, width), np.float32)
    for t in range(steps):
        for g in range(groups):
            for r in range(rows):
                read_r, h_r, mask_r = read[r], h[r], masks[g, r]
                for j in range(units):
                    read_r[j] = h_r[j] * mask_r[j]
            if n_blocks == 1:
                np.dot(read, blocks[g, 0], gates[g, t])
            else:
                for b in range(n_blocks):
                    np.dot(read, blocks[g, b], products[b])
                _put_together(products, gates[g, t])
        for r in range(rows):
            given = inputs[r, t]
            i, f = _gate(gates, 0, t, r, units), _gate(gates, 1, t, r, units)
            g_, o = _gate(gates, 2, t, r, units), _gate(gates, 3, t, r, units)
            for j in range(units):
                i[j] = _sigmoid(i[j] + given[j])
            for j in range(units):
                f[j] = _sigmoid(f[j] + given[units + j])
            for j in range(units):
                g_[j] = _tanh(g_[j] + given[2 * units + j])
            for j in range(units):
                o[j] = _sigmoid(o[j] + given[3 * units + j])
            before, after, h_r, kept = cells[t, r], cells[t + 1, r], h[r], hidden[r, t]
            for j in range(units):
                after[j] = f[j] * before[j] + i[j] * g_[j]
            for j in range(units):
                h_r[j] = o[j] * _tanh(after[j])
            for j in range(units):
                kept[j] = h_r[j]


@njit(_arrays("3433", "2243"), **_OPTIONS)
def _backward(d_hidden, turned, masks, cells, d_h, d_c, gates, d_inputs):  # type: ignore[no-untyped-def]
    """Go back through all steps.

    Args:
        d_hidden: [row, step, unit], or no step at all where only the last hidden state was used.
        turned: the recurrent kernel turned around and cut up by `_columns`:
            [group, block, 4 / group · unit, column].
        masks, cells: as `_forward` left them.
        d_h, d_c: in and out, [row, unit]: of the last state; becomes that of the state before.
        gates: as `_forward` left them; becomes the gradient of the pre-activations.
        d_inputs: out, the same gradient as [row, step, 4 · unit].
    """
    rows, steps = d_inputs.shape[:2]
    units, groups = d_h.shape[1], gates.shape[0]
    n_blocks, columns = turned.shape[1], turned.shape[3]
    products = np.empty((n_blocks, rows, columns), np.float32)
    part = np.empty((rows, units), np.float32)
    for back in range(steps):
        t = steps - 1 - back
        for r in range(rows):
            i, f = _gate(gates, 0, t, r, units), _gate(gates, 1, t, r, units)
            g_, o = _gate(gates, 2, t, r, units), _gate(gates, 3, t, r, units)
            before, after, dh, dc = cells[t, r], cells[t + 1, r], d_h[r], d_c[r]
            if d_hidden.shape[1] > 0:
                given = d_hidden[r, t]
                for j in range(units):
                    dh[j] += given[j]
            for j in range(units):
                squashed = _tanh(after[j])
                d = dc[j] + dh[j] * o[j] * (F(1) - squashed * squashed)
                d_i = _flushed(d * g_[j] * i[j] * (F(1) - i[j]))
                d_f = _flushed(d * before[j] * f[j] * (F(1) - f[j]))
                d_g = _flushed(d * i[j] * (F(1) - g_[j] * g_[j]))
                d_o = _flushed(dh[j] * squashed * o[j] * (F(1) - o[j]))
                dc[j] = _flushed(d * f[j])
                i[j], f[j], g_[j], o[j] = d_i, d_f, d_g, d_o
            for k in range(4):
                pre, kept = _gate(gates, k, t, r, units), d_inputs[r, t, k * units : (k + 1) * units]
                for j in range(units):
                    kept[j] = pre[j]
        d_h[:] = F(0)
        for g in range(groups):
            if n_blocks == 1:
                np.dot(gates[g, t], turned[g, 0], part)
            else:
                for b in range(n_blocks):
                    np.dot(gates[g, t], turned[g, b], products[b])
                _put_together(products, part)
            for r in range(rows):
                part_r, mask_r, dh = part[r], masks[g, r], d_h[r]
                for j in range(units):
                    dh[j] += part_r[j] * mask_r[j]


@dataclass
class Part:
    """The rows `first` to `last` of a batch, and what the forward pass left of them."""

    first: int
    last: int
    masks: Array
    gates: Array
    cells: Array


@dataclass
class Pass:
    """What a forward pass leaves for its backward pass."""

    recurrent: Array
    parts: list[Part]

    def release(self, buffers: Buffers) -> None:
        """Give the memory back; there is no backward pass after that."""
        for part in self.parts:
            buffers.give(part.gates, part.cells)


def _columns(matrices: Array, rows: int) -> Array:
    """Cut matrices [matrix, inner, column] into blocks of columns, [matrix, block, inner, column].

    The blocks are so wide that `rows` rows times one of them is a product that OpenBLAS does without copying;
    zeros fill the last one. Where not even narrow ones would be, there is one block.
    """
    n, inner, columns = matrices.shape
    widest = min(_MOST_MULTIPLICATIONS // (rows * inner), columns)
    if widest < _NARROWEST:
        widest = columns
    # Of the widths that waste the fewest zeros, the largest.
    width = min(range(widest // 2 + 1, widest + 1), key=lambda width: (-columns % width, -width))
    blocks = np.empty((n, -(-columns // width), inner, width), np.float32)
    for b in range(blocks.shape[1]):
        block = matrices[:, :, b * width : (b + 1) * width]
        blocks[:, b, :, : block.shape[2]] = block
        blocks[:, b, :, block.shape[2] :] = 0
    return blocks


_THREADS = usable_processors()
"""How many work on one batch."""

_POOL = ThreadPoolExecutor(_THREADS, thread_name_prefix="lstm")


@cache
def _one_blas_thread_each() -> None:
    """Make the BLAS that Numba calls use the thread that calls it and no others, from now on.

    Once and for good: to lift the limit after each pass wakes BLAS's own threads each time, and they wait
    busily for work, which made a pass up to ten times slower. NumPy's BLAS, another copy, keeps its threads.
    """
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    of_scipy = [library for library in libraries if "scipy.libs" in library.filepath]
    for library in of_scipy or libraries:
        library.set_num_threads(1)


class Buffers:
    """Memory of past passes, to be used again: fresh pages cost as much as a third of the work."""

    def __init__(self) -> None:
        self._free: dict[tuple[int, ...], list[Array]] = {}

    def take(self, *shape: int) -> Array:
        """Return an array of that shape, holding anything."""
        free = self._free.get(shape)
        return free.pop() if free else np.empty(shape, np.float32)

    def give(self, *arrays: Array) -> None:
        """Take arrays back; a few shapes are kept, for batches differ in length."""
        for array in arrays:
            while len(self._free) >= 64:
                self._free.pop(next(iter(self._free)))
            self._free.setdefault(array.shape, []).append(array)


def forward(
    inputs: Array, recurrent: Array, h: Array, c: Array, masks: Array, buffers: Buffers
) -> tuple[Array, Array, Pass]:
    """Read a batch.

    Args:
        inputs: what the inputs give the pre-activations, bias included: [batch, step, 4 · unit], at least one
            step.
        recurrent: the recurrent kernel as Keras has it: [unit, 4 · unit].
        h, c: the state before, [batch, unit].
        masks: [group, batch, unit]: what hidden states are multiplied by; 1 or 4 groups.
        buffers: where the pass takes its memory from.

    Returns:
        hidden [batch, step, unit], the last cell state [batch, unit], and the pass.
    """
    groups, (batch, units), steps = len(masks), h.shape, inputs.shape[1]
    shares = _shares(batch)
    by_group = recurrent.reshape(units, groups, -1)  # [unit, group, 4 / group · unit]
    blocks = _columns(by_group.transpose(1, 0, 2), _most_rows(shares))
    hidden = np.empty((batch, steps, units), np.float32)

    def go(ends: tuple[int, int]) -> Part:
        first, last = ends
        rows = last - first
        part = Part(
            first,
            last,
            np.ascontiguousarray(masks[:, first:last]),
            buffers.take(groups, steps, rows, 4 // groups * units),
            buffers.take(steps + 1, rows, units),
        )
        part.cells[0] = c[first:last]
        _forward(
            inputs[first:last], blocks, part.masks, part.gates, part.cells, h[first:last].copy(),
            hidden[first:last],
        )  # fmt: skip
        return part

    _one_blas_thread_each()
    parts = list(_POOL.map(go, shares))
    return hidden, np.concatenate([part.cells[-1] for part in parts]), Pass(recurrent, parts)


def backward(
    d_hidden: Array, d_h: Array, d_c: Array, done: Pass, buffers: Buffers
) -> tuple[Array, Array, Array]:
    """Go back through a pass, which is then used up.

    Args:
        d_hidden: gradient of the hidden states, [batch, step, unit]; no steps: only the last state was used.
        d_h, d_c: gradients of the last state, [batch, unit]; d_h comes on top of d_hidden's last step.
        done: what `forward` returned.
        buffers: where the memory of the pass goes.

    Returns:
        the gradients of inputs, which are those of the pre-activations, and of h and c.
    """
    groups, steps, _, width = done.parts[0].gates.shape
    units = len(done.recurrent)
    rows = _most_rows([(part.first, part.last) for part in done.parts])
    turned = _columns(done.recurrent.reshape(units, groups, width).transpose(1, 2, 0), rows)
    d_inputs = np.empty((len(d_h), steps, 4 * units), np.float32)
    d_h, d_c = d_h.copy(), d_c.copy()

    def go(part: Part) -> None:
        rows = slice(part.first, part.last)
        _backward(
            d_hidden[rows], turned, part.masks, part.cells, d_h[rows], d_c[rows], part.gates, d_inputs[rows]
        )

    for _ in _POOL.map(go, done.parts):
        pass
    done.release(buffers)
    return d_inputs, d_h, d_c


def _shares(batch: int) -> list[tuple[int, int]]:
    """Cut a batch into equal runs of rows, one a thread."""
    n = min(_THREADS, batch)
    return [(batch * k // n, batch * (k + 1) // n) for k in range(n)]


def _most_rows(shares: list[tuple[int, int]]) -> int:
    return max(last - first for first, last in shares)
