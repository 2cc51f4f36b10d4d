"""The article's next-word program: foretell's loop beside a direct port, then the whole training.

Both compute the same in float32 on the same 89 words. The port translates the article's program
call by call; see docs/article.md.
"""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from bench.harness import Results, parser_of, train

UNITS = 512
WINDOW = 3
TURNS = 2
WARM = 100
TIMED = 300
# Several calls of the compiled loop, which does 100 iterations at a time.
LOOP = 900


def direct_port() -> float:
    """Return the seconds of an iteration of the port, after `WARM` iterations that are not
    timed.
    """
    import numpy as np

    words = (
        files("foretell.samples").joinpath("meditations.txt").read_text(encoding="utf-8").split()
    )
    ids = {word: i for i, (word, _) in enumerate(Counter(words).most_common())}
    step = _port_step(len(ids))
    draw = random.Random(1)
    offset = draw.randint(0, WINDOW + 1)
    start = 0.0
    for iteration in range(WARM + TIMED):
        if iteration == WARM:
            start = time.perf_counter()
        if offset + WINDOW >= len(words):
            offset = draw.randint(0, WINDOW + 1)
        window = [float(ids[word]) for word in words[offset : offset + WINDOW]]
        target = np.zeros((1, len(ids)), np.float32)
        target[0, ids[words[offset + WINDOW]]] = 1.0
        loss, correct = step(np.array(window, np.float32).reshape(1, WINDOW, 1), target)
        float(loss), float(correct)
        offset += WINDOW + 1
    return (time.perf_counter() - start) / TIMED


def _port_step(size: int) -> Any:
    """Return the port's training step as a tf.function, with its own variables."""
    import tensorflow as tf

    tf.random.set_seed(1)
    glorot = tf.initializers.GlorotUniform(seed=1)
    zeros = tf.zeros
    kernels = [tf.Variable(glorot((inputs + UNITS, 4 * UNITS))) for inputs in (1, UNITS)]
    biases = [tf.Variable(zeros(4 * UNITS)) for _ in kernels]
    weight = tf.Variable(tf.random.normal((UNITS, size)))
    bias = tf.Variable(tf.random.normal((size,)))
    variables = [*kernels, *biases, weight, bias]
    optimizer = tf.compat.v1.train.RMSPropOptimizer(learning_rate=0.001)

    def logits(x: Any) -> Any:
        states = [(zeros((1, UNITS)), zeros((1, UNITS))) for _ in kernels]
        for value in tf.split(tf.reshape(x, (1, WINDOW)), WINDOW, axis=1):
            for layer, (kernel, layer_bias) in enumerate(zip(kernels, biases, strict=True)):
                c, h = states[layer]
                gates = tf.matmul(tf.concat([value, h], axis=1), kernel) + layer_bias
                i, j, f, o = tf.split(gates, 4, axis=1)
                c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
                value = tf.tanh(c) * tf.sigmoid(o)
                states[layer] = (c, value)
        return tf.matmul(value, weight) + bias

    @tf.function  # type: ignore[untyped-decorator]
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            predicted = logits(x)
            loss = tf.reduce_mean(
                tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=predicted)
            )
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        correct = tf.equal(tf.argmax(predicted, 1), tf.argmax(y, 1))
        return loss, tf.reduce_mean(tf.cast(correct, tf.float32))

    return step


def foretell_loop() -> float:
    """Return the seconds of an iteration of foretell's loop, after the first call, which compiles
    it.
    """
    import foretell
    from foretell.training.events import Event, Progress

    events: list[Progress] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress):
            events.append(event)

    foretell.LanguageModel.train(
        "meditations", preset="article", units=UNITS, iterations=LOOP, listener=listen
    )
    calls = [(here.step - before.step, here.speed) for before, here in itertools.pairwise(events)]
    return sum(count / speed for count, speed in calls) / sum(count for count, _ in calls)


def main() -> None:
    """Show both loops, then the whole training."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--iterations", type=int, default=50_000, help="of the whole training (0: none)"
    )
    iterations = parser.parse_args().iterations
    columns = ["what", "ms per iteration", "iterations", "total", "accuracy of the last 1,000"]
    results = Results("article_words", columns)
    pairs = [(direct_port(), foretell_loop()) for _ in range(TURNS)]
    port, foretell = (min(times) for times in zip(*pairs, strict=True))
    results.add(
        "direct port, side by side", f"{1e3 * port:.2f}", TIMED, "", "", seconds_per_iteration=port
    )
    ratio = f"{port / foretell:.1f} times as fast"
    cells = f"{1e3 * foretell:.2f}", TIMED, ratio, ""
    results.add("foretell, side by side", *cells, seconds_per_iteration=foretell)
    if not iterations:
        return
    with tempfile.TemporaryDirectory() as folder:
        done = train(
            "words", "meditations", Path(folder) / "model", preset="article", iterations=iterations
        )
    seconds = done["seconds"]
    accuracy = done["accuracy"]
    per_iteration = f"{1e3 * seconds / iterations:.2f}"
    shown = per_iteration, f"{iterations:,}", f"{seconds:.0f} s", f"{accuracy:.1%}"
    results.add("foretell, preset article", *shown, seconds=seconds, accuracy=accuracy)


if __name__ == "__main__":
    main()
