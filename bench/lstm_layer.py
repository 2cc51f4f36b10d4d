"""One LSTM layer, forward and backward, with the shapes of the presets: Keras, PyTorch and foretell's kernel.

Each way is a process of its own; the ways take turns.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bench.harness import Results, Way, in_turns

if TYPE_CHECKING:
    from foretell.networks.lstm_layer import Precision

# Name, and batch, steps, inputs, units.
SHAPES = {
    "labels article": (64, 200, 50, 100),
    "labels quick, one direction": (64, 200, 64, 32),
    "labels base, one direction": (64, 270, 100, 64),
    "labels best, one direction": (64, 270, 128, 128),
    "words base": (16, 35, 256, 256),
    "words best": (16, 35, 640, 640),
}
WARM_UP, PASSES = 2, 12

Passes = Callable[[tuple[int, int, int, int]], Callable[[], object]]


def main() -> None:
    """Show the fastest pass of each way."""
    turns = in_turns(__spec__.name, __doc__, WAYS)
    if not turns:
        return
    results = Results("lstm_layer", ["layer", "batch, steps, inputs, units", *turns, "times Keras"])
    for name, shape in SHAPES.items():
        best = {way: min(seconds[name] for seconds in measured) for way, measured in turns.items()}
        cells = [f"{1e3 * seconds:.1f} ms" for seconds in best.values()]
        both = {"Keras", "foretell"} <= best.keys()
        ratio = f"{best['Keras'] / best['foretell']:.1f}" if both else ""
        results.add(name, ", ".join(map(str, shape)), *cells, ratio, seconds=best)


def of_shapes(passes: Passes) -> dict[str, float]:
    """Return the seconds of the fastest pass of each layer."""
    return {name: fastest(passes(shape)) for name, shape in SHAPES.items()}


def fastest(passes: Callable[[], object]) -> float:
    """Return the seconds of the fastest pass."""
    taken = []
    for _ in range(WARM_UP + PASSES):
        began = time.perf_counter()
        passes()
        taken.append(time.perf_counter() - began)
    return min(taken[WARM_UP:])


def keras_passes(
    shape: tuple[int, int, int, int],
    *,
    kernel: bool,
    precision: Precision = "float32",
) -> Callable[[], object]:
    """Return a forward and backward pass of a layer, in a compiled function."""
    os.environ["FORETELL_LSTM_KERNEL"] = str(int(kernel))
    import tensorflow as tf

    from foretell.networks.lstm_layer import FastLSTM

    batch, steps, inputs, units = shape
    layer = FastLSTM(units, return_sequences=True, precision=precision)
    x = tf.random.stateless_normal([batch, steps, inputs], [1, 2])
    layer.build(x.shape)

    @tf.function  # type: ignore[untyped-decorator]
    def both(x: object) -> object:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(loss, [x, *(weight.value for weight in layer.trainable_weights)])

    return lambda: [gradient.numpy() for gradient in both(x)]


def torch_passes(shape: tuple[int, int, int, int]) -> Callable[[], object]:
    """Return a forward and backward pass of PyTorch's layer."""
    import torch

    batch, steps, inputs, units = shape
    layer = torch.nn.LSTM(inputs, units, batch_first=True)
    x = torch.randn(batch, steps, inputs, requires_grad=True)

    def both() -> None:
        layer.zero_grad()
        layer(x)[0].sum().backward()

    return both


WAYS = {
    "Keras": Way("keras", lambda: of_shapes(partial(keras_passes, kernel=False))),
    "PyTorch": Way("torch", lambda: of_shapes(torch_passes)),
    "foretell": Way("numba", lambda: of_shapes(partial(keras_passes, kernel=True))),
    "foretell, bfloat16": Way(
        "numba", lambda: of_shapes(partial(keras_passes, kernel=True, precision="mixed_bfloat16"))
    ),
}


if __name__ == "__main__":
    main()
