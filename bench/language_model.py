"""Training speed of the `base` language model in words per second, beside Keras's and PyTorch's own
LSTM.

The same sizes everywhere: 20,000 words, embeddings and one LSTM layer of 256, 16 streams of 35
words, the state carried from step to step, SGD with clipping, the output layer tied to the
embedding (but not in Keras, whose layers cannot share it). With all words in the softmax the
mathematics is the same; `base` itself samples 1,024 words, and multiplies in bfloat16 where a probe
finds that faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from bench.harness import Results, Way, in_turns

WORDS = 20_000
WIDTH = 256
STREAMS = 16
WINDOW = 35
RATE = 1.0
CLIP_NORM = 0.25
STEPS = 40
WARM_UP = 5


def main() -> None:
    """Show the fastest turn of each way."""
    turns = in_turns(__spec__.name, __doc__, WAYS)
    if not turns:
        return
    results = Results("language_model", ["what", "words per second", "times plain Keras"])
    for name, rates in turns.items():
        best = max(rates)
        times = f"{best / max(turns[KERAS]):.1f}" if KERAS in turns else ""
        results.add(name, f"{best:,.0f}", times, words_per_second=best)


def words_per_second(step: Callable[[Any, Any], Any]) -> float:
    """Return the speed of a training step, which takes ids and targets, int32 [stream, step]."""
    import numpy as np

    rng = np.random.default_rng(1)
    text = np.minimum(rng.zipf(1.2, size=(STREAMS, (STEPS + WARM_UP) * WINDOW + 1)), WORDS) - 1
    text = text.astype(np.int32)
    for place in range(STEPS + WARM_UP):
        if place == WARM_UP:
            began = time.perf_counter()
        start = place * WINDOW
        step(text[:, start : start + WINDOW], text[:, start + 1 : start + 1 + WINDOW])
    return STEPS * STREAMS * WINDOW / (time.perf_counter() - began)


def foretell_step(words: int, precision: Literal["float32"] | None) -> Callable[[Any, Any], Any]:
    """Return the step of `foretell train words --preset base`, with so many words in the softmax.

    None is the faster precision.
    """
    import tensorflow as tf

    from foretell.networks.words import LstmNetwork
    from foretell.presets import WORDS_PRESETS
    from foretell.training.words.precision import precision_for
    from foretell.training.words.step import Steps, seed_of

    settings = WORDS_PRESETS["base"]
    chosen = precision or precision_for(STREAMS * WINDOW, WIDTH, words)
    network = LstmNetwork(settings, WORDS, chosen)
    steps = Steps(network, settings)
    state = network.first_states(STREAMS)
    count = 0

    def step(ids: Any, targets: Any) -> None:
        nonlocal state, count
        rate = tf.constant(RATE)
        _, _, state = steps.train(
            tf.constant(ids),
            tf.constant(targets),
            state,
            tf.constant(seed_of(settings, count)),
            rate,
            words,
        )
        count += 1

    return step


def keras_step() -> Callable[[Any, Any], Any]:
    """Return a step of Keras's `train_on_batch` with its stateful LSTM."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(STREAMS, WINDOW), dtype="int32"),
            layers.Embedding(WORDS, WIDTH),
            layers.Dropout(0.2),
            layers.LSTM(WIDTH, return_sequences=True, stateful=True),
            layers.Dropout(0.2),
            layers.Dense(WORDS),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE, global_clipnorm=CLIP_NORM), loss)
    step: Callable[[Any, Any], Any] = model.train_on_batch
    return step


def torch_step() -> Callable[[Any, Any], Any]:
    """Return a step with PyTorch's LSTM."""
    import torch
    from torch import nn

    embedding = nn.Embedding(WORDS, WIDTH)
    lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
    bias = nn.Parameter(torch.zeros(WORDS))
    drop = nn.Dropout(0.2)
    nn.init.uniform_(embedding.weight, -0.05, 0.05)
    weights = [embedding.weight, *lstm.parameters(), bias]
    optimizer = torch.optim.SGD(weights, RATE)
    loss_of = nn.CrossEntropyLoss()
    state = (torch.zeros(1, STREAMS, WIDTH), torch.zeros(1, STREAMS, WIDTH))

    def step(ids: Any, targets: Any) -> float:
        nonlocal state
        optimizer.zero_grad()
        hidden, state = lstm(drop(embedding(torch.as_tensor(ids, dtype=torch.int64))), state)
        state = (state[0].detach(), state[1].detach())
        logits = nn.functional.linear(drop(hidden), embedding.weight, bias)
        wanted = torch.as_tensor(targets, dtype=torch.int64)
        loss = loss_of(logits.reshape(-1, WORDS), wanted.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        optimizer.step()
        return float(loss.detach())

    return step


KERAS = "Keras, all words in the softmax"
WAYS = {
    KERAS: Way("keras", lambda: words_per_second(keras_step())),
    "PyTorch, all words, tied embeddings": Way("torch", lambda: words_per_second(torch_step())),
    "foretell, all words, tied: the same mathematics": Way(
        "tensorflow", lambda: words_per_second(foretell_step(WORDS, "float32"))
    ),
    "foretell, 1,024 sampled words, float32": Way(
        "tensorflow", lambda: words_per_second(foretell_step(1_024, "float32"))
    ),
    "foretell, base: 1,024 sampled words, the faster precision": Way(
        "tensorflow", lambda: words_per_second(foretell_step(1_024, None))
    ),
}


if __name__ == "__main__":
    main()
