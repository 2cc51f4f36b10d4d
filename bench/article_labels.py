"""The article's sentiment program on all of IMDB: an epoch beside plain Keras, and test accuracy by
seed.

`cnn-lstm`, the article's closing hint, is trained beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from bench.data import imdb, labels_of, texts_of
from bench.harness import OUT, Results, evaluate, mean_and_range, measure, parser_of, train


def plain_keras_epoch() -> float:
    """Return the seconds of one epoch of plain `fit`, with the network written as in the
    article.
    """
    import keras
    import numpy as np

    from foretell.presets import LABELS_PRESETS
    from foretell.runtime.labels.network import pad
    from foretell.text.tokenizer import Tokenizer

    keras.utils.set_random_seed(1)
    reviews = imdb("train")
    settings = LABELS_PRESETS["article"]
    texts = texts_of(reviews)
    tokenizer = Tokenizer.train(texts, "keras", lowercase=True, vocabulary=996, min_count=1)
    x, _ = pad(tokenizer.encode_batch(texts), settings.length, front=True)
    y = np.array([label == "pos" for label in labels_of(reviews)], np.float32)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Embedding(1000, 50),
            layers.Dropout(0.2),
            layers.LSTM(100, dropout=0.2, recurrent_dropout=0.2),
            layers.Dense(250, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    start = time.perf_counter()
    model.fit(x.astype(np.int32), y, batch_size=64, epochs=1, verbose=0)
    return time.perf_counter() - start


def epoch_times(repeats: int) -> tuple[float, float]:
    """Return the seconds of an epoch, plain Keras's and foretell's, the fastest of `repeats`
    turns.
    """
    keras = []
    foretell = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(repeats):
            keras.append(measure(__spec__.name, "--plain-keras")[0])
            metrics = train("labels", "imdb", Path(folder) / str(i), preset="article", epochs=1)
            # `fit` alone, as above: without start-up and reading.
            foretell.append(metrics["texts"] / metrics["texts_per_second"])
    return min(keras), min(foretell)


def main() -> None:
    """Show the time of an epoch beside plain Keras, then the test accuracy of each seed."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--seeds", type=int, default=5, help="train with the seeds 1 to N (default: 5)"
    )
    parser.add_argument(
        "--repeats", type=int, default=2, help="epochs timed of each (default: 2; 0: none)"
    )
    parser.add_argument("--plain-keras", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain_keras:
        print(json.dumps(plain_keras_epoch()))
        return
    seeds = range(1, options.seeds + 1)
    results = Results("article_labels", ["what", "test accuracy", "seconds"], seeds)
    if options.repeats:
        keras, foretell = epoch_times(options.repeats)
        results.add("plain Keras, one epoch", "", f"{keras:.1f}", seconds=keras)
        cell = f"{foretell:.1f} ({keras / foretell:.1f} times as fast)"
        results.add("foretell, one epoch", "", cell, seconds=foretell)
    for preset in ("article", "cnn-lstm"):
        accuracies = []
        for seed in seeds:
            folder = OUT / "article_labels" / f"{preset}-{seed}"
            seconds = train("labels", "imdb", folder, preset=preset, seed=seed)["seconds"]
            accuracies.append(evaluate(folder, "imdb")["accuracy"])
            results.add(f"{preset}, seed {seed}", f"{accuracies[-1]:.2%}", f"{seconds:.0f}")
        if accuracies:
            cell = mean_and_range(accuracies, ".2%")
            results.add(f"{preset}, mean (range)", cell, "", accuracies=accuracies)


if __name__ == "__main__":
    main()
