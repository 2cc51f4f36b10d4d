"""The LSTM layer, forward and backward, as one compiled kernel for the CPU.

Keras runs the steps of an LSTM as a TensorFlow loop of some twenty operators, each of which starts, allocates
and writes a matrix that the next one reads. Here a step is one matrix product and one pass over its result,
which is still in the cache; each core takes its own rows of the batch through all the steps, so cores never
wait for one another. The mathematics is Keras's (`keras.layers.LSTMCell`), the gates in its order i, f, g, o.

Axes: group (of gates with one dropout mask), row (texts of the batch that one thread takes), step, input,
unit, "both": inputs, then units, which is what the one matrix product reads; block, and column of a block.

The products of one step have few rows and large weights, which OpenBLAS would copy into its own order each
time: half of the work. Where a product takes at most a million multiplications it copies nothing, so a step's
product is cut into blocks of columns, each as large as that allows.

Dropout masks hold one number a sequence, not a step (Gal & Ghahramani 2016), for what both products read.
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

from foretell.processors import usable_processors

Array = npt.NDArray[np.float32]
F = np.float32

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}


def _arrays(read: str, written: str) -> Any:
    """Return the signature of a function of float32 arrays, the digits their numbers of axes.

    Given, and not found when first called, because TensorFlow's arrays are read-only in one step and not in
    the next, and each mixture would be compiled anew.
    """
    return types.void(
        *(types.Array(types.float32, int(axes), "C", readonly=True) for axes in read),
        *(types.Array(types.float32, int(axes), "C") for axes in written),
    )


# About so many words (rows · steps) have their weight gradients in one matrix product: more is a better
# product and fewer sums, fewer stay in the cache.
_WORDS_A_PRODUCT = 512

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


@njit(_arrays("3413", "4333"), **_OPTIONS)
def _forward(x, blocks, bias, masks, gates, cells, both, hidden):  # type: ignore[no-untyped-def]
    """Read all steps; leave the gates, cells and what was read for `_backward`.

    Args:
        x: [row, step, input].
        blocks: the kernels, cut up by `_columns`: [group, block, both, column].
        bias: [4 · unit].
        masks: [group, row, both].
        gates: out, [group, step, row, 4 / group · unit].
        cells: in and out, [step + 1, row, unit]; the first is the state before.
        both: in and out, [step + 1, row, both]; the first's units are the state before.
        hidden: out, [row, step, unit].
    """
    rows, steps, inputs = x.shape
    units, groups = hidden.shape[2], gates.shape[0]
    n_blocks, width = blocks.shape[1], blocks.shape[3]
    read = np.empty((rows, inputs + units), np.float32)
    products = np.empty((n_blocks, rows, width), np.float32)
    for t in range(steps):
        for r in range(rows):
            both[t, r, :inputs] = x[r, t]
        for g in range(groups):
            for r in range(rows):
                read_r, both_r, mask_r = read[r], both[t, r], masks[g, r]
                for j in range(inputs + units):
                    read_r[j] = both_r[j] * mask_r[j]
            if n_blocks == 1:
                np.dot(read, blocks[g, 0], gates[g, t])
            else:
                for b in range(n_blocks):
                    np.dot(read, blocks[g, b], products[b])
                _put_together(products, gates[g, t])
        for r in range(rows):
            i, f = _gate(gates, 0, t, r, units), _gate(gates, 1, t, r, units)
            g_, o = _gate(gates, 2, t, r, units), _gate(gates, 3, t, r, units)
            for j in range(units):
                i[j] = _sigmoid(i[j] + bias[j])
            for j in range(units):
                f[j] = _sigmoid(f[j] + bias[units + j])
            for j in range(units):
                g_[j] = _tanh(g_[j] + bias[2 * units + j])
            for j in range(units):
                o[j] = _sigmoid(o[j] + bias[3 * units + j])
            before, after = cells[t, r], cells[t + 1, r]
            h, kept = hidden[r, t], both[t + 1, r, inputs:]
            for j in range(units):
                after[j] = f[j] * before[j] + i[j] * g_[j]
            for j in range(units):
                h[j] = o[j] * _tanh(after[j])
            for j in range(units):
                kept[j] = h[j]


@njit(_arrays("34333", "224331"), **_OPTIONS)
def _backward(d_hidden, turned, masks, cells, both, d_h, d_c, gates, d_x, d_kernels, d_bias):  # type: ignore[no-untyped-def]
    """Go back through all steps.

    Args:
        d_hidden: [row, step, unit], or no step at all where only the last hidden state was used.
        turned: the kernels turned around and cut up by `_columns`: [group, block, 4 / group · unit, column].
        masks, cells, both: as `_forward` left them.
        d_h, d_c: in and out, [row, unit]: of the last state; becomes that of the state before.
        gates: as `_forward` left them; becomes the gradient of the pre-activations.
        d_x: out, [row, step, input].
        d_kernels: out, [group, both, 4 / group · unit].
        d_bias: added to, [4 · unit].
    """
    rows, steps, inputs = d_x.shape
    units, groups = d_h.shape[1], gates.shape[0]
    width, n_both = gates.shape[3], inputs + units
    n_blocks, columns = turned.shape[1], turned.shape[3]
    products = np.empty((n_blocks, rows, columns), np.float32)
    part = np.empty((rows, n_both), np.float32)
    n_products = max(1, round(steps * rows / _WORDS_A_PRODUCT))
    steps_a_product = (steps + n_products - 1) // n_products
    read = np.empty((steps_a_product * rows, n_both), np.float32)
    product = np.empty((n_both, width), np.float32)
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
                pre = _gate(gates, k, t, r, units)
                d_b = d_bias[k * units : (k + 1) * units]
                for j in range(units):
                    d_b[j] += pre[j]
        d_h[:] = F(0)
        for g in range(groups):
            if n_blocks == 1:
                np.dot(gates[g, t], turned[g, 0], part)
            else:
                for b in range(n_blocks):
                    np.dot(gates[g, t], turned[g, b], products[b])
                _put_together(products, part)
            for r in range(rows):
                part_r, mask_r, d_x_r, dh = part[r], masks[g, r], d_x[r, t], d_h[r]
                if g == 0:
                    for j in range(inputs):
                        d_x_r[j] = part_r[j] * mask_r[j]
                else:
                    for j in range(inputs):
                        d_x_r[j] += part_r[j] * mask_r[j]
                for j in range(units):
                    dh[j] += part_r[inputs + j] * mask_r[inputs + j]
        if t % steps_a_product == 0:
            n = min(steps_a_product, steps - t)
            for g in range(groups):
                for s in range(n):
                    for r in range(rows):
                        read_r, both_r, mask_r = read[s * rows + r], both[t + s, r], masks[g, r]
                        for j in range(n_both):
                            read_r[j] = both_r[j] * mask_r[j]
                of_steps = gates[g, t : t + n].reshape(n * rows, width)
                if t + n == steps:
                    np.dot(read[: n * rows].T, of_steps, d_kernels[g])
                    continue
                np.dot(read[: n * rows].T, of_steps, product)
                for a in range(n_both):
                    sum_a, product_a = d_kernels[g, a], product[a]
                    for j in range(width):
                        sum_a[j] += product_a[j]


@dataclass
class Part:
    """The rows `first` to `last` of a batch, and what the forward pass left of them."""

    first: int
    last: int
    masks: Array
    gates: Array
    cells: Array
    both: Array


@dataclass
class Pass:
    """What a forward pass leaves for its backward pass."""

    kernel: Array
    groups: int
    parts: list[Part]

    def release(self, buffers: Buffers) -> None:
        """Give the memory back; there is no backward pass after that."""
        for part in self.parts:
            buffers.give(part.gates, part.cells, part.both)


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
    x: Array, kernel: Array, recurrent: Array, bias: Array, h: Array, c: Array, masks: Array, buffers: Buffers
) -> tuple[Array, Array, Pass]:
    """Read a batch.

    Args:
        x: [batch, step, input], at least one step.
        kernel, recurrent, bias: as Keras has them: [input, 4 · unit], [unit, 4 · unit], [4 · unit].
        h, c: the state before, [batch, unit].
        masks: [group, batch, both]: what inputs and hidden states are multiplied by; 1 or 4 groups.
        buffers: where the pass takes its memory from.

    Returns:
        hidden [batch, step, unit], the last cell state [batch, unit], and the pass.
    """
    groups, units = len(masks), h.shape[1]
    shares = _shares(len(x))
    stacked = np.concatenate([kernel, recurrent])  # [both, 4 · unit]
    by_group = stacked.reshape(len(stacked), groups, -1)  # [both, group, 4 / group · unit]
    blocks = _columns(by_group.transpose(1, 0, 2), _most_rows(shares))
    hidden = np.empty((*x.shape[:2], units), np.float32)

    def go(ends: tuple[int, int]) -> Part:
        first, last = ends
        rows, (_, steps, inputs) = last - first, x.shape
        part = Part(
            first,
            last,
            np.ascontiguousarray(masks[:, first:last]),
            buffers.take(groups, steps, rows, 4 // groups * units),
            buffers.take(steps + 1, rows, units),
            buffers.take(steps + 1, rows, inputs + units),
        )
        part.cells[0], part.both[0, :, inputs:] = c[first:last], h[first:last]
        _forward(
            x[first:last], blocks, bias, part.masks, part.gates, part.cells, part.both, hidden[first:last]
        )
        return part

    _one_blas_thread_each()
    parts = list(_POOL.map(go, shares))
    return hidden, np.concatenate([part.cells[-1] for part in parts]), Pass(stacked, groups, parts)


def backward(
    d_hidden: Array, d_h: Array, d_c: Array, done: Pass, buffers: Buffers
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Go back through a pass, which is then used up.

    Args:
        d_hidden: gradient of the hidden states, [batch, step, unit]; no steps: only the last state was used.
        d_h, d_c: gradients of the last state, [batch, unit]; d_h comes on top of d_hidden's last step.
        done: what `forward` returned.
        buffers: where the memory of the pass goes.

    Returns:
        the gradients of x, kernel, recurrent, bias, h and c.
    """
    kernel, groups, units = done.kernel, done.groups, d_h.shape[1]
    inputs = len(kernel) - units
    steps = done.parts[0].gates.shape[1]
    rows = _most_rows([(part.first, part.last) for part in done.parts])
    turned = _columns(kernel.reshape(len(kernel), groups, -1).transpose(1, 2, 0), rows)
    d_x = np.empty((len(d_h), steps, inputs), np.float32)
    d_h, d_c = d_h.copy(), d_c.copy()

    def go(part: Part) -> tuple[Array, Array]:
        rows = slice(part.first, part.last)
        d_kernels = np.empty((groups, len(kernel), kernel.shape[1] // groups), np.float32)
        d_bias = np.zeros(4 * units, np.float32)
        _backward(
            d_hidden[rows], turned, part.masks, part.cells, part.both,
            d_h[rows], d_c[rows], part.gates, d_x[rows], d_kernels, d_bias,
        )  # fmt: skip
        return d_kernels, d_bias

    (d_kernels, d_bias), *others = _POOL.map(go, done.parts)
    for more_kernels, more_bias in others:
        d_kernels += more_kernels
        d_bias += more_bias
    done.release(buffers)
    d_both = d_kernels[0] if groups == 1 else np.concatenate(list(d_kernels), axis=1)  # [both, 4 · unit]
    return d_x, d_both[:inputs], d_both[inputs:], d_bias, d_h, d_c


def _shares(batch: int) -> list[tuple[int, int]]:
    """Cut a batch into equal runs of rows, one a thread."""
    n = min(_THREADS, batch)
    return [(batch * k // n, batch * (k + 1) // n) for k in range(n)]


def _most_rows(shares: list[tuple[int, int]]) -> int:
    return max(last - first for first, last in shares)
