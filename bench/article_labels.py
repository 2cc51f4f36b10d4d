"""The article's sentiment program on all of IMDB: test accuracy by seed, and an epoch beside plain Keras."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.commands import run, train
from bench.imdb import measured
from bench.record import Results


def plain_keras_epoch() -> float:
    """Return the seconds that one epoch of plain `fit` takes, written as the article writes it."""
    import keras
    import numpy as np

    from foretell.config import LABELS_PRESETS
    from foretell.data.named import imdb
    from foretell.text.padding import pad_front
    from foretell.text.tokenizer import Tokenizer

    keras.utils.set_random_seed(1)
    reviews, settings = imdb("train"), LABELS_PRESETS["article"]
    tokenizer = Tokenizer.train(reviews.texts, "keras", lowercase=True, vocabulary=996, min_count=1)
    x = pad_front([ids[-settings.length :] for ids in tokenizer.encode_batch(reviews.texts)], settings.length)
    y = np.array([label == "pos" for label in reviews.labels], np.float32)
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
    """Return the seconds of an epoch, plain Keras's and ours, the best of `repeats` taken in turns."""
    theirs, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(repeats):
            theirs.append(json.loads(run([sys.executable, "-m", __spec__.name, "--plain-keras"]).stdout))
            out = Path(folder) / str(i)
            figures = train("labels", "imdb", out, preset="article", epochs=1)
            # `fit` alone, as theirs: without start-up and reading.
            ours.append(figures["texts"] / figures["texts_per_second"])
    return min(theirs), min(ours)


def main() -> None:
    """Show an epoch's time beside plain Keras's, then the test accuracy of each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=5, help="train with the seeds 1 to this; 0: only time an epoch"
    )
    parser.add_argument("--repeats", type=int, default=2, help="epochs timed of each; 0: none")
    parser.add_argument("--fresh", action="store_true", help="train again what was trained before")
    parser.add_argument("--plain-keras", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain_keras:
        print(plain_keras_epoch())
        return
    results = Results("article_labels", ["what", "test accuracy", "seconds"])
    if options.repeats:
        theirs, ours = epoch_times(options.repeats)
        results.add("plain Keras, one epoch", "", f"{theirs:.1f}", seconds=theirs)
        results.add("foretell, one epoch", "", f"{ours:.1f} ({ours / theirs:.2f} of Keras's)", seconds=ours)
    found = []
    for seed in range(1, options.seeds + 1):
        figures = measured("article", seed, fresh=options.fresh)
        found.append(figures["accuracy"])
        results.add(f"seed {seed}", f"{figures['accuracy']:.2%}", f"{figures['seconds']:.0f}", **figures)
    if found:
        spread = f"{statistics.mean(found):.2%} ({min(found):.2%} to {max(found):.2%})"
        results.add("mean (least to most)", spread, "", accuracies=found)


if __name__ == "__main__":
    main()
