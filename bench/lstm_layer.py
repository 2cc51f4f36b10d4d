"""One LSTM layer, forward and backward: Keras's own, foretell's kernel, and PyTorch's where it is installed.

The shapes are those of the presets' layers; all of them in turns, in one process a way.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

from bench.commands import in_turns
from bench.record import Results

# Name, and batch, steps, inputs, units.
SHAPES = {
    "labels article": (64, 200, 50, 100),
    "labels quick, a direction": (64, 200, 64, 32),
    "labels base, a direction": (64, 270, 100, 64),
    "labels best, a direction": (64, 270, 128, 128),
    "words base": (32, 35, 256, 256),
    "words best": (32, 35, 512, 512),
}
WARM_UP, PASSES = 2, 12

Passes = Callable[[tuple[int, int, int, int]], Callable[[], object]]


def main() -> None:
    """Show the fastest pass of each way, of several turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps({name: fastest(WAYS[options.one][1](shape)) for name, shape in SHAPES.items()}))
        return
    needed = {way: package for way, (package, _) in WAYS.items()}
    turns = in_turns("bench.lstm_layer", needed, options.repeats)
    results = Results("lstm_layer", ["layer", "batch, steps, in, units", *turns, "times Keras"])
    for name, shape in SHAPES.items():
        best = {way: min(seconds[name] for seconds in found) for way, found in turns.items()}
        cells = [f"{1e3 * seconds:.1f} ms" for seconds in best.values()]
        ratio = best["Keras"] / best["foretell"]
        results.add(name, ", ".join(map(str, shape)), *cells, f"{ratio:.1f}", seconds=best)


def fastest(passes: Callable[[], object]) -> float:
    """Return the seconds of the fastest pass."""
    taken = []
    for _ in range(WARM_UP + PASSES):
        began = time.perf_counter()
        passes()
        taken.append(time.perf_counter() - began)
    return min(taken[WARM_UP:])


def keras_passes(shape: tuple[int, int, int, int], *, kernel: bool) -> Callable[[], object]:
    """Return a forward and backward pass of a layer, in a compiled function."""
    os.environ["FORETELL_LSTM_KERNEL"] = str(int(kernel))
    import tensorflow as tf

    from foretell.networks.lstm_layer import FastLSTM

    batch, steps, inputs, units = shape
    layer = FastLSTM(units, return_sequences=True)
    x = tf.random.stateless_normal([batch, steps, inputs], [1, 2])
    layer.build(x.shape)

    @tf.function
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


WAYS: dict[str, tuple[str, Passes]] = {
    "Keras": ("keras", lambda shape: keras_passes(shape, kernel=False)),
    "PyTorch": ("torch", torch_passes),
    "foretell": ("numba", lambda shape: keras_passes(shape, kernel=True)),
}


if __name__ == "__main__":
    main()
