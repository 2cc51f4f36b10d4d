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

    Takes what `keras.layers.LSTM` takes. Masked, stateful, reversed or unrolled layers, other activations,
    layers without bias and other types than float32 are computed by Keras.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What runs outside TensorFlow cannot be compiled by XLA.
        self.supports_jit = False
        self._passes = _Passes() if kernel_is_usable() and self._is_plain() else None

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Tensor, training: bool = False) -> Any:
        """Run all steps; see `keras.layers.RNN.inner_loop`."""
        if self._passes is None or mask is not None or sequences.dtype != tf.float32:
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        cell = self.cell
        masks = self._masks(sequences, initial_state[0], training)
        hidden, c = self._passes.lstm(
            sequences, cell.kernel.value, cell.recurrent_kernel.value, cell.bias.value,
            initial_state[0], initial_state[1], masks,
        )  # fmt: skip
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

    def _masks(self, sequences: Tensor, h: Tensor, training: bool) -> Tensor:
        """Return what is read times: [group, batch, input + unit], drawn as Keras draws it."""
        cell, ones = self.cell, tf.ones_like
        first = sequences[:, 0]
        if not training or not (cell.dropout or cell.recurrent_dropout):
            return tf.concat([ones(first), ones(h)], axis=1)[None]
        of_inputs, of_hidden = cell.get_dropout_mask(first), cell.get_recurrent_dropout_mask(h)
        if cell.implementation != 1:
            of_inputs = ones(first) if of_inputs is None else of_inputs
            of_hidden = ones(h) if of_hidden is None else of_hidden
            return tf.concat([of_inputs, of_hidden], axis=1)[None]
        of_inputs = [ones(first)] * 4 if of_inputs is None else of_inputs
        of_hidden = [ones(h)] * 4 if of_hidden is None else of_hidden
        return tf.stack([tf.concat(pair, axis=1) for pair in zip(of_inputs, of_hidden, strict=True)])


class _Passes:
    """The kernel as a differentiable TensorFlow operator; keeps each forward pass for its backward pass."""

    def __init__(self) -> None:
        self._buffers = lstm_kernel.Buffers()
        self._open: dict[int, lstm_kernel.Pass] = {}
        self._numbers = itertools.count()

    def lstm(
        self, x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, h: Tensor, c: Tensor,
        masks: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return hidden [batch, step, unit] and the last cell state [batch, unit]."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(*inputs: Tensor) -> Any:
            hidden, last_c, number = tf.numpy_function(
                self._forward, [*inputs, masks], [tf.float32, tf.float32, tf.int64]
            )
            hidden.set_shape([*x.shape[:2], h.shape[1]])
            last_c.set_shape(c.shape)

            def gradient(d_hidden: Tensor, d_c: Tensor) -> list[Tensor]:
                found = tf.numpy_function(self._backward, [d_hidden, d_c, number], [tf.float32] * 6)
                for one, like in zip(found, inputs, strict=True):
                    one.set_shape(like.shape)
                return list(found)

            return (hidden, last_c), gradient

        found: tuple[Tensor, Tensor] = run(x, kernel, recurrent, bias, h, c)
        return found

    def _forward(
        self, x: Any, kernel: Any, recurrent: Any, bias: Any, h: Any, c: Any, masks: Any
    ) -> tuple[Any, Any, np.int64]:
        hidden, c, done = lstm_kernel.forward(x, kernel, recurrent, bias, h, c, masks, self._buffers)
        number = next(self._numbers)
        self._open[number] = done
        if len(self._open) > _MOST_OPEN_PASSES:
            self._open.pop(next(iter(self._open))).release(self._buffers)
        return hidden, c, np.int64(number)

    def _backward(self, d_hidden: Any, d_c: Any, number: np.int64) -> Any:
        done = self._open.pop(int(number))
        return lstm_kernel.backward(d_hidden, np.zeros_like(d_c), d_c, done, self._buffers)
