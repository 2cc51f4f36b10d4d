"""The LSTM cell and its recurrence over the steps of a sequence, compiled for the CPU with Numba.

The mathematics is that of `keras.layers.LSTMCell`, with the gates in its order i, f, g, o
(`lstm_layer` has the equations).

Axes: group (of gates with one dropout mask), row (texts of the batch that one thread processes),
step, unit; block (of columns of a matrix, see `lstm_kernel`).

Dropout masks are the same in all steps of a sequence (Gal & Ghahramani 2016), for the factors of
the product. One mask for all four gates makes one group; a mask for each gate (Keras's
`implementation=1`, which its `recurrent_dropout` selects) makes four.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import scipy.linalg  # noqa: F401  (Numba's matrix products are its BLAS)
from numba import from_dtype, njit, types
from numba.core.typing.templates import Signature
from numba.extending import overload

from foretell.arrays import Array
from foretell.networks import amx, avx512
from foretell.networks.tiles import OPTIONS

F = np.float32

_Kinds = dict[str, tuple[types.Type, int]]
_IN_BLOCKS: _Kinds = {"m": (types.float32, 4), "w": (types.float32, 3)}
"""Type and number of axes of matrices ("m"), and of the memory that their products work in
("w").
"""


def _signature(arrays: str, kinds: _Kinds = _IN_BLOCKS) -> Signature:
    """Return the signature of a function of arrays: those that it reads, a space, those that it
    writes.

    A digit is the number of axes of a float32 array, a letter one of `kinds`. The signature is
    declared, not inferred from the first call: TensorFlow's arrays are read-only in some steps, and
    each combination would be compiled again.
    """
    read, written = (
        [kinds.get(letter) or (types.float32, int(letter)) for letter in part]
        for part in arrays.split()
    )
    return types.void(
        *(types.Array(kind, axes, "C", readonly=True) for kind, axes in read),
        *(types.Array(kind, axes, "C") for kind, axes in written),
    )


_FORWARD = "3m3 4323w"
_BACKWARD = "3m33 2243w"


@njit(inline="always", **OPTIONS)
def _tanh(x):  # type: ignore[no-untyped-def]
    """Return tanh(x) within 3e-7: Eigen's rational approximation, which becomes vector
    instructions.
    """
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


@njit(inline="always", **OPTIONS)
def _sigmoid(x):  # type: ignore[no-untyped-def]
    return F(0.5) * _tanh(F(0.5) * x) + F(0.5)


@njit(inline="always", **OPTIONS)
def _flushed(x):  # type: ignore[no-untyped-def]
    """Return x, or 0 where it is so small that a product with it could be denormal.

    Gradients vanish over the steps, and arithmetic with denormal numbers takes ten times as long.
    """
    return F(0) if abs(x) < F(1e-25) else x


@njit(inline="always", **OPTIONS)
def _gate(gates, k, t, r, units):  # type: ignore[no-untyped-def]
    """Return gate k (0 to 3: i, f, g, o) of row r at step t, a view [unit]."""
    groups = gates.shape[0]
    first = k % (4 // groups) * units
    return gates[k * groups // 4, t, r, first : first + units]


@njit(**OPTIONS)
def _put_together(products, whole):  # type: ignore[no-untyped-def]
    """Write the blocks [block, row, column] of a product side by side into `whole`, without their
    padding.
    """
    width = products.shape[2]
    for r in range(whole.shape[0]):
        for b in range(products.shape[0]):
            block = products[b, r]
            part = whole[r, b * width : (b + 1) * width]
            for j in range(part.shape[0]):
                part[j] = block[j]


def _multiply(rows: Array, matrix: Array, memory: Array, result: Array) -> None:
    """Write rows [row, inner] times a matrix to `result`, [row, column].

    The matrix is cut by `lstm_kernel` into blocks [block, inner, column], or by `tiles`: uint16 for
    `amx`, uint32 for `avx512`. `memory` is float32 [block, row, column], or as for `amx.multiply`.
    """
    raise NotImplementedError  # Numba compiles the function that the kind of matrix selects


@overload(_multiply, jit_options=OPTIONS)  # type: ignore[arg-type]
def _multiplication(rows, matrix, memory, result):  # type: ignore[no-untyped-def]  # noqa: ARG001
    if matrix.dtype == types.uint16:
        return lambda rows, matrix, memory, result: amx.multiply(rows, matrix, memory, result)
    if matrix.dtype == types.uint32:
        return lambda rows, matrix, memory, result: avx512.multiply(rows, matrix, memory, result)
    return _multiply_blocks


def _multiply_blocks(rows, matrix, memory, result):  # type: ignore[no-untyped-def]
    if matrix.shape[0] == 1:
        np.dot(rows, matrix[0], result)
    else:
        for b in range(matrix.shape[0]):
            np.dot(rows, matrix[b], memory[b])
        _put_together(memory, result)


@njit(inline="always", **OPTIONS)
def _cell_forward(i, f, g, o, inputs, before, after, h):  # type: ignore[no-untyped-def]
    """Compute one LSTM cell for one row; all are [unit], but inputs [4 · unit].

    i, f, g and o are the recurrent part of the pre-activations and become the gates; `inputs` are
    the part of the inputs, bias included. The cell state goes from `before` to `after`, and h is
    written.
    """
    units = len(h)
    for j in range(units):
        i[j] = _sigmoid(i[j] + inputs[j])
    for j in range(units):
        f[j] = _sigmoid(f[j] + inputs[units + j])
    for j in range(units):
        g[j] = _tanh(g[j] + inputs[2 * units + j])
    for j in range(units):
        o[j] = _sigmoid(o[j] + inputs[3 * units + j])
    for j in range(units):
        after[j] = f[j] * before[j] + i[j] * g[j]
    for j in range(units):
        h[j] = o[j] * _tanh(after[j])


@njit(inline="always", **OPTIONS)
def _cell_backward(i, f, g, o, before, after, d_h, d_c):  # type: ignore[no-untyped-def]
    """Compute the gradients of one LSTM cell for one row; all are [unit].

    The gates i, f, g and o become the gradients of their pre-activations, and the gradient d_c of
    the cell state after the step that of the one before; d_h is the gradient of the hidden state
    after the step.
    """
    for j in range(len(d_h)):
        squashed = _tanh(after[j])
        d = d_c[j] + d_h[j] * o[j] * (F(1) - squashed * squashed)
        d_i = _flushed(d * g[j] * i[j] * (F(1) - i[j]))
        d_f = _flushed(d * before[j] * f[j] * (F(1) - f[j]))
        d_g = _flushed(d * i[j] * (F(1) - g[j] * g[j]))
        d_o = _flushed(d_h[j] * squashed * o[j] * (F(1) - o[j]))
        d_c[j] = _flushed(d * f[j])
        i[j], f[j], g[j], o[j] = d_i, d_f, d_g, d_o


@njit(_signature(_FORWARD), **OPTIONS)
def forward_steps(inputs, matrices, masks, gates, cells, h, hidden, memory):  # type: ignore[no-untyped-def]
    """Run all steps; leave the gates and cells for `backward_steps`.

    Args:
        inputs: the inputs' part of the pre-activations, bias included: [row, step, 4 · unit].
        matrices: the recurrent kernel, [group, …]: each [unit, 4 / group · unit], cut for
            `_multiply`.
        masks: [group, row, unit].
        gates: out, [group, step, row, 4 / group · unit].
        cells: in and out, [step + 1, row, unit]; the first is the state before.
        h: in and out, [row, unit]: the state before, then the last.
        hidden: out, [row, step, unit].
        memory: to work in, see `_multiply`.
    """
    rows, steps, units = hidden.shape
    read = np.empty((rows, units), np.float32)
    for t in range(steps):
        for group in range(gates.shape[0]):
            for r in range(rows):
                read_r = read[r]
                h_r = h[r]
                mask_r = masks[group, r]
                for j in range(units):
                    read_r[j] = h_r[j] * mask_r[j]
            _multiply(read, matrices[group], memory, gates[group, t])
        for r in range(rows):
            i = _gate(gates, 0, t, r, units)
            f = _gate(gates, 1, t, r, units)
            g = _gate(gates, 2, t, r, units)
            o = _gate(gates, 3, t, r, units)
            h_r = h[r]
            kept = hidden[r, t]
            _cell_forward(i, f, g, o, inputs[r, t], cells[t, r], cells[t + 1, r], h_r)
            for j in range(units):
                kept[j] = h_r[j]


@njit(_signature(_BACKWARD), **OPTIONS)
def backward_steps(d_hidden, matrices, masks, cells, d_h, d_c, gates, d_inputs, memory):  # type: ignore[no-untyped-def]
    """Go back through all steps.

    Args:
        d_hidden: [row, step, unit], or no step at all where only the last hidden state was used.
        matrices: the transposed recurrent kernel, [group, …]: each [4 / group · unit, unit], cut
            for `_multiply`.
        masks, cells: as `forward_steps` left them.
        d_h, d_c: in and out, [row, unit]: of the last state; becomes that of the state before.
        gates: as `forward_steps` left them; becomes the gradient of the pre-activations.
        d_inputs: out, the same gradient as [row, step, 4 · unit].
        memory: to work in, see `_multiply`.
    """
    (rows, steps), units = d_inputs.shape[:2], d_h.shape[1]
    part = np.empty((rows, units), np.float32)
    for t in range(steps - 1, -1, -1):
        for r in range(rows):
            i = _gate(gates, 0, t, r, units)
            f = _gate(gates, 1, t, r, units)
            g = _gate(gates, 2, t, r, units)
            o = _gate(gates, 3, t, r, units)
            dh = d_h[r]
            dc = d_c[r]
            if d_hidden.shape[1] > 0:
                given = d_hidden[r, t]
                for j in range(units):
                    dh[j] += given[j]
            _cell_backward(i, f, g, o, cells[t, r], cells[t + 1, r], dh, dc)
            for k in range(4):
                pre = _gate(gates, k, t, r, units)
                kept = d_inputs[r, t, k * units : (k + 1) * units]
                for j in range(units):
                    kept[j] = pre[j]
        d_h[:] = F(0)
        for group in range(gates.shape[0]):
            _multiply(gates[group, t], matrices[group], memory, part)
            for r in range(rows):
                part_r = part[r]
                mask_r = masks[group, r]
                dh = d_h[r]
                for j in range(units):
                    dh[j] += part_r[j] * mask_r[j]


@cache
def steps_for(kind: npt.DTypeLike) -> tuple[Callable[..., None], Callable[..., None]]:
    """Return `forward_steps` and `backward_steps` for matrices of a kind, as for `_multiply`.

    Those for tiles are compiled here: classifiers never need them, and it takes seconds once on
    each machine.
    """
    if kind == np.float32:
        return forward_steps, backward_steps
    kinds: _Kinds = {"m": (from_dtype(np.dtype(kind)), 5), "w": (types.uint16, 2)}
    return (
        njit(_signature(_FORWARD, kinds), **OPTIONS)(forward_steps.py_func),
        njit(_signature(_BACKWARD, kinds), **OPTIONS)(backward_steps.py_func),
    )
