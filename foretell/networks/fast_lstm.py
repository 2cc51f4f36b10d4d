"""`FastLSTM`: Keras's LSTM layer, computed by our kernel where that can be, by Keras where it cannot.

The same weights, the same random numbers, the same mathematics: a model does not know which of the two
computed it, but for rounding.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from foretell.networks.products import Precision, product

try:
    from foretell.networks import lstm_kernel
except ImportError:  # Numba has no wheel for every machine
    lstm_kernel = None  # type: ignore[assignment]

Tensor = Any

# Forward passes of one layer that may wait for their backward pass; older ones, of predictions for which
# none comes, give their memory back.
_MOST_OPEN_PASSES = 4


def kernel_is_usable() -> bool:
    """Return whether `FastLSTM` uses the kernel here: Numba is installed, no GPU would do better."""
    switched_off = os.environ.get("FORETELL_LSTM_KERNEL", "1") == "0"
    return lstm_kernel is not None and not switched_off and not tf.config.list_physical_devices("GPU")


class FastLSTM(keras.layers.LSTM):  # type: ignore[misc]
    """An LSTM layer whose loop over the steps is one compiled kernel.

    Takes what `keras.layers.LSTM` takes, and the precision of the large products in training: that of all
    inputs with the kernel, and those that make the gradients; what a step gives the next is float32. Masked,
    stateful, reversed or unrolled layers, other activations, layers without bias and other types than float32
    are computed by Keras.
    """

    def __init__(self, *args: Any, precision: Precision = "float32", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._precision = precision
        # What runs outside TensorFlow cannot be compiled by XLA.
        self.supports_jit = False
        self._passes = _Passes() if kernel_is_usable() and self._is_plain() else None

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Tensor, training: bool = False) -> Any:
        """Run all steps; see `keras.layers.RNN.inner_loop`."""
        if self._passes is None or mask is not None or sequences.dtype != tf.float32:
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
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

    # Masks are drawn as Keras draws them: one mask, or with its `implementation=1` one for each gate.

    def _inputs(self, x: Tensor, precision: Precision, training: bool) -> Tensor:
        """Return what inputs give the pre-activations, [batch, step, 4 · unit]: all steps in one product."""
        cell = self.cell
        kernel, bias = cell.kernel.value, cell.bias.value
        masks = cell.get_dropout_mask(x[:, 0]) if training and cell.dropout else None
        if masks is None:
            return product(x, kernel, precision) + bias
        if cell.implementation != 1:
            return product(x * masks[:, None], kernel, precision) + bias
        by_gate = zip(masks, tf.split(kernel, 4, axis=1), strict=True)
        return tf.concat([product(x * mask[:, None], k, precision) for mask, k in by_gate], axis=2) + bias

    def _masks(self, h: Tensor, training: bool) -> Tensor:
        """Return what hidden states are multiplied by: [group, batch, unit]."""
        cell = self.cell
        masks = cell.get_recurrent_dropout_mask(h) if training and cell.recurrent_dropout else None
        if masks is None:
            return tf.ones_like(h)[None]
        return tf.stack(masks) if cell.implementation == 1 else masks[None]


class _Passes:
    """The kernel as a differentiable TensorFlow operator; keeps each forward pass for its backward pass."""

    def __init__(self) -> None:
        self._buffers = lstm_kernel.Buffers()
        self._open: dict[int, lstm_kernel.Pass] = {}
        self._numbers = itertools.count()

    def lstm(
        self, inputs: Tensor, recurrent: Tensor, h: Tensor, c: Tensor, masks: Tensor, precision: Precision
    ) -> tuple[Tensor, Tensor]:
        """Return hidden [batch, step, unit] and the last cell state [batch, unit]."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(inputs: Tensor, recurrent: Tensor, h: Tensor, c: Tensor) -> Any:
            hidden, last_c, number = tf.numpy_function(
                self._forward, [inputs, recurrent, h, c, masks], [tf.float32, tf.float32, tf.int64]
            )
            hidden.set_shape([*inputs.shape[:2], h.shape[1]])
            last_c.set_shape(c.shape)

            def gradient(d_hidden: Tensor, d_c: Tensor) -> list[Tensor]:
                found = tf.numpy_function(self._backward, [d_hidden, d_c, number], [tf.float32] * 3)
                for one, like in zip(found, (inputs, h, c), strict=True):
                    one.set_shape(like.shape)
                d_inputs, d_h, d_c = found
                read = tf.concat([h[:, None], hidden[:, :-1]], axis=1)  # [batch, step, unit]
                return [d_inputs, _of_recurrent(read, masks, d_inputs, precision), d_h, d_c]

            return (hidden, last_c), gradient

        found: tuple[Tensor, Tensor] = run(inputs, recurrent, h, c)
        return found

    def _forward(self, inputs: Any, recurrent: Any, h: Any, c: Any, masks: Any) -> tuple[Any, Any, np.int64]:
        hidden, c, done = lstm_kernel.forward(inputs, recurrent, h, c, masks, self._buffers)
        number = next(self._numbers)
        self._open[number] = done
        if len(self._open) > _MOST_OPEN_PASSES:
            self._open.pop(next(iter(self._open))).release(self._buffers)
        return hidden, c, np.int64(number)

    def _backward(self, d_hidden: Any, d_c: Any, number: np.int64) -> Any:
        done = self._open.pop(int(number))
        return lstm_kernel.backward(d_hidden, np.zeros_like(d_c), d_c, done, self._buffers)


def _of_recurrent(read: Tensor, masks: Tensor, d_inputs: Tensor, precision: Precision) -> Tensor:
    """Return the gradient of the recurrent kernel, [unit, 4 · unit]."""
    groups, units = masks.shape[0], read.shape[2]
    rows = tf.reshape(d_inputs, [-1, 4 * units])  # [batch · step, 4 · unit]
    found = []
    for mask, of_group in zip(tf.unstack(masks), tf.split(rows, groups, axis=1), strict=True):
        masked = tf.reshape(read * mask[:, None], [-1, units])  # [batch · step, unit]
        found.append(product(masked, of_group, precision, transpose_a=True))
    return tf.concat(found, axis=1)
