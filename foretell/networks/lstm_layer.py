"""The LSTM layer of every network but the article's language model: `FastLSTM`.

A layer reads a sequence x_1, x_2, … and carries two vectors from step to step: the hidden state h,
which is its output, and the cell state c. At each step, with σ the logistic function and ⊙ the
elementwise product::

    i = σ(x W_i + h U_i + b_i)           input gate
    f = σ(x W_f + h U_f + b_f)           forget gate
    g = tanh(x W_g + h U_g + b_g)        candidate
    o = σ(x W_o + h U_o + b_o)           output gate
    c ← f ⊙ c + i ⊙ g
    h ← o ⊙ tanh(c)

(Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000). W is `kernel`, U `recurrent_kernel`,
b `bias`, each with the four gates side by side. `lstm` in tests/reference.py is the same in ten
lines of NumPy.

`FastLSTM` has the weights, the random numbers and, but for rounding, the results of
`keras.layers.LSTM`. It computes the recurrence (h U, the gates and the states) in `lstm_kernel.py`
if possible, otherwise in Keras.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from functools import partial
from typing import Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import Tensor

try:
    from foretell.networks import lstm_kernel
except ImportError:  # Numba has no wheel for every machine
    lstm_kernel = None  # type: ignore[assignment]

Precision = Literal["float32", "mixed_bfloat16"]
"""The precision of products. With `mixed_bfloat16` (Keras's name) weights and sums stay float32,
and the factors are rounded to the 8 bits of bfloat16 (mixed precision, Micikevicius et al.
2018).
"""

# Forward passes of one layer that wait for their backward pass, at most. Older ones are of
# predictions, which have none: their memory is released. Each takes up to 70 MB.
_MAX_OPEN_PASSES = 2


def product(
    a: Tensor,
    b: Tensor,
    precision: Precision,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Tensor:
    """Return a · b; the two products of its gradient are computed in the same precision.

    Args:
        a: float32 [row, inner], or [batch, step, inner] with a row for each step of the batch.
        b: float32 [inner, column].
        precision: the precision of the factors.
        transpose_a, transpose_b: that factor is given transposed; `a` then has two axes.

    Returns:
        float32 [row, column], or [batch, step, column].
    """
    kind = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    rows = a if len(a.shape) == 2 else tf.reshape(a, [-1, a.shape[-1]])
    factors = (tf.cast(rows, kind), tf.cast(b, kind))
    result = tf.cast(
        tf.matmul(*factors, transpose_a=transpose_a, transpose_b=transpose_b), tf.float32
    )
    if len(a.shape) == 2:
        return result
    shape = tf.shape(a)
    return tf.reshape(result, [shape[0], shape[1], result.shape[1]])


def kernel_is_usable() -> bool:
    """Whether `FastLSTM` uses the kernel on this machine: Numba is installed and there is no
    GPU.
    """
    switched_off = os.environ.get("FORETELL_LSTM_KERNEL", "1") == "0"
    return (
        lstm_kernel is not None and not switched_off and not tf.config.list_physical_devices("GPU")
    )


class FastLSTM(keras.layers.LSTM):  # type: ignore[misc]
    """An LSTM layer whose loop over the steps is one compiled kernel.

    Masked, stateful, reversed or unrolled layers, other activations, layers without bias and other
    types than float32 are computed by Keras.

    >>> FastLSTM(64, return_sequences=True)(embedded)  # [batch, step, 400] to [batch, step, 64]

    Args:
        *args, **kwargs: as for `keras.layers.LSTM`.
        precision: of the large products in training: the inputs with the kernel, the gradients of
            the weights and, where the processor has instructions for it (`tiles.py`), the
            recurrence.
    """

    def __init__(self, *args: object, precision: Precision = "float32", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._precision = precision
        # XLA cannot compile the kernel, which is a Python function for TensorFlow.
        self.supports_jit = False
        self._passes = _Passes() if kernel_is_usable() and self._is_plain() else None

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        mask: Tensor | None,
        training: bool = False,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Run all steps of sequences [batch, step, input]; see `keras.layers.RNN.inner_loop`.

        Returns:
            the last h; h of all steps, [batch, step, unit]; and the last h and c.
        """
        if self._passes is None or mask is not None or sequences.dtype != tf.float32:
            by_keras: tuple[Tensor, Tensor, list[Tensor]] = super().inner_loop(
                sequences, initial_state, mask=mask, training=training
            )
            return by_keras
        h, c = initial_state
        precision = self._precision if training else "float32"
        inputs = self._inputs(sequences, precision, training)
        hidden, c = self._passes.lstm(
            inputs, self.cell.recurrent_kernel.value, h, c, self._masks(h, training), precision
        )
        last = hidden[:, -1]
        return last, hidden, [last, c]

    def _is_plain(self) -> bool:
        cell = self.cell
        activations = (cell.activation, cell.recurrent_activation)
        return (
            activations == (keras.activations.tanh, keras.activations.sigmoid)
            and cell.use_bias
            and not (self.go_backwards or self.unroll or self.stateful)
        )

    # Masks are drawn as in Keras: one mask, or with its `implementation=1` one for each gate.

    def _inputs(self, x: Tensor, precision: Precision, training: bool) -> Tensor:
        """Return x W + b of all steps in one product, [batch, step, 4 · unit]."""
        cell = self.cell
        kernel = cell.kernel.value
        bias = cell.bias.value
        masks = cell.get_dropout_mask(x[:, 0]) if training and cell.dropout else None
        if masks is None:
            return product(x, kernel, precision) + bias
        if cell.implementation != 1:
            return product(x * masks[:, None], kernel, precision) + bias
        by_gate = zip(masks, tf.split(kernel, 4, axis=1), strict=True)
        return (
            tf.concat([product(x * mask[:, None], k, precision) for mask, k in by_gate], axis=2)
            + bias
        )

    def _masks(self, h: Tensor, training: bool) -> Tensor:
        """Return the dropout masks of the hidden states, [group, batch, unit]."""
        cell = self.cell
        masks = cell.get_recurrent_dropout_mask(h) if training and cell.recurrent_dropout else None
        if masks is None:
            return tf.ones_like(h)[None]
        return tf.stack(masks) if cell.implementation == 1 else masks[None]


_F = npt.NDArray[np.float32]


class _Passes:
    """The kernel as a differentiable TensorFlow operator. It keeps forward passes for the backward
    pass.
    """

    def __init__(self) -> None:
        self._buffers = lstm_kernel.Buffers()
        self._open: dict[int, lstm_kernel.Pass] = {}
        self._numbers = itertools.count()

    def lstm(
        self,
        inputs: Tensor,
        recurrent: Tensor,
        h: Tensor,
        c: Tensor,
        masks: Tensor,
        precision: Precision,
    ) -> tuple[Tensor, Tensor]:
        """Return the hidden states [batch, step, unit] and the last cell state [batch, unit]."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(inputs: Tensor, recurrent: Tensor, h: Tensor, c: Tensor) -> object:
            hidden, last_c, number = tf.numpy_function(
                partial(self._forward, in_bfloat16=precision == "mixed_bfloat16"),
                [inputs, recurrent, h, c, masks],
                [tf.float32, tf.float32, tf.int64],
            )
            hidden.set_shape([*inputs.shape[:2], h.shape[1]])
            last_c.set_shape(c.shape)

            def gradient(d_hidden: Tensor, d_c: Tensor) -> list[Tensor]:
                gradients = tf.numpy_function(
                    self._backward, [d_hidden, d_c, number], [tf.float32] * 3
                )
                for gradient, like in zip(gradients, (inputs, h, c), strict=True):
                    gradient.set_shape(like.shape)
                d_inputs, d_h, d_c = gradients
                read = tf.concat([h[:, None], hidden[:, :-1]], axis=1)  # [batch, step, unit]
                return [d_inputs, _of_recurrent(read, masks, d_inputs, precision), d_h, d_c]

            return (hidden, last_c), gradient

        return run(inputs, recurrent, h, c)  # type: ignore[no-any-return]

    def _forward(
        self, inputs: _F, recurrent: _F, h: _F, c: _F, masks: _F, *, in_bfloat16: bool
    ) -> tuple[_F, _F, np.int64]:
        hidden, c, done = lstm_kernel.forward(
            inputs, recurrent, h, c, masks, self._buffers, in_bfloat16=in_bfloat16
        )
        number = next(self._numbers)
        self._open[number] = done
        if len(self._open) > _MAX_OPEN_PASSES:
            self._open.pop(next(iter(self._open))).release(self._buffers)
        return hidden, c, np.int64(number)

    def _backward(self, d_hidden: _F, d_c: _F, number: np.int64) -> tuple[_F, _F, _F]:
        done = self._open.pop(int(number))
        return lstm_kernel.backward(d_hidden, np.zeros_like(d_c), d_c, done, self._buffers)


def _of_recurrent(read: Tensor, masks: Tensor, d_inputs: Tensor, precision: Precision) -> Tensor:
    """Return the gradient of the recurrent kernel, [unit, 4 · unit]."""
    groups = masks.shape[0]
    units = read.shape[2]
    rows = tf.reshape(d_inputs, [-1, 4 * units])  # [batch · step, 4 · unit]
    parts = []
    for mask, of_group in zip(tf.unstack(masks), tf.split(rows, groups, axis=1), strict=True):
        masked = tf.reshape(read * mask[:, None], [-1, units])  # [batch · step, unit]
        parts.append(product(masked, of_group, precision, transpose_a=True))
    return tf.concat(parts, axis=1)
