"""Prediction time: one review, reviews at their own lengths, next words, start-up.

The models are trained for one epoch only: the time depends on their sizes.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import Records, imdb, sample_reviews, texts_of, write_csv
from bench.harness import Results, environment, median_and_95, parser_of, run, script, times, train

BATCH = 64
# Of the classifiers that predict reviews at their own lengths.
TRAINED_ON = 2_000
PREDICTED = 2_000
TURNS = 3
# Of the language model: the vocabulary of `base`, and how many words are completed.
KNOWN_WORDS = 20_000
FURTHER_WORDS = (100, 2_000)

Call = Callable[[], object]


def classifier(results: Results, folder: Path) -> None:
    """Show one review, and one sentence, of `article` and of `base` with all its linear models."""
    import foretell

    review = sample_reviews(1)[0]
    sentence = " ".join(review.split()[:20])
    for preset in ("article", "base"):
        train("labels", "reviews", folder / preset, preset=preset, epochs=1)
        model: Any = foretell.load(folder / preset)
        for text, what in ((review, "a review of 200 words"), (sentence, "a sentence of 20 words")):
            taken = times(partial(model.predict_proba, [text]), 500)
            seconds = statistics.median(taken)
            limit = "≤ 1 ms" if preset == "article" else ""
            results.add(f"{what}, warm ({preset})", *median_and_95(taken), limit, seconds=seconds)


def _rates(ways: dict[str, Call], texts: int) -> dict[str, float]:
    """Return the texts per second of each way, the fastest of several turns; the ways take
    turns.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            taken[name] += times(way, 1, warm=1)
    return {name: texts / min(seconds) for name, seconds in taken.items()}


def own_lengths(folder: Path) -> None:
    """Show how many test reviews of IMDB are predicted per second, at their own lengths, beside
    Keras.

    Keras's `predict` is given padded ids. foretell is given texts, for the whole model (tokens,
    network, linear model, ensemble), and ids, for the network alone.
    """
    folder.mkdir()
    train_csv = folder / "train.csv"
    write_csv(train_csv, _some(imdb("train"), TRAINED_ON))
    predicted = _some(imdb("test"), PREDICTED)
    results = Results("predict_lengths", ["preset", "what", "reviews/s", "times Keras", "target"])
    for preset in ("article", "base"):
        train("labels", train_csv, folder / preset, preset=preset, epochs=1)
        texts = texts_of(predicted)
        ways = _ways(folder / preset, texts)
        rates = _rates(ways, len(texts))
        keras = max(rate for name, rate in rates.items() if name.startswith("Keras"))
        for name, rate in rates.items():
            is_ours = not name.startswith("Keras")
            cells = (f"{rate / keras:.1f}", "≥ 3") if is_ours else ("", "")
            results.add(preset, name, f"{rate:,.0f}", *cells, rate=rate)


def _some(records: Records, count: int) -> Records:
    """Return `count` different records, the same ones every time."""
    return [records[i] for i in np.random.default_rng(1).choice(len(records), count, replace=False)]


def _ways(folder: Path, texts: list[str]) -> dict[str, Call]:
    """Return how the texts are predicted by Keras and by foretell."""
    import foretell
    from foretell.presets import LABELS_PRESETS

    model: Any = foretell.load(folder)
    network = model.to_keras()
    ids = _padded(model, texts)
    ways: dict[str, Call] = {
        "Keras, padded to the network's length": lambda: network.predict(
            ids, batch_size=BATCH, verbose=0
        )
    }
    if LABELS_PRESETS[model.preset].is_bidirectional:
        data = _by_batch(ids)
        ways["Keras, padded to the longest text of each batch"] = lambda: network.predict(
            data, verbose=0
        )
    runtime = model._runtime
    of_texts = [
        each[-runtime.model.settings.length :] for each in runtime.tokenizer.encode_batch(texts)
    ]
    ways["foretell, ids given, the network alone"] = lambda: runtime._network(of_texts)
    ways["foretell, texts given, the whole model"] = lambda: model.predict_proba(texts)
    return ways


def _by_batch(ids: Any) -> Any:
    """Return a tf.data.Dataset of batches of padded ids, each cut to its longest text."""
    import tensorflow as tf

    batches = [ids[i : i + BATCH] for i in range(0, len(ids), BATCH)]
    cut = [batch[:, : np.count_nonzero(batch, axis=1).max()] for batch in batches]
    signature = tf.TensorSpec((None, None), tf.int32)
    data = tf.data.Dataset.from_generator(lambda: iter(cut), output_signature=signature)
    return data.apply(tf.data.experimental.assert_cardinality(len(cut)))


def _padded(model: Any, texts: list[str]) -> Any:
    """Return the ids [text, step] of texts as the Keras network reads them."""
    from foretell.runtime.labels.network import pad

    runtime = model._runtime
    settings = runtime.model.settings
    ids = runtime.tokenizer.encode_batch(texts)
    padded, _ = pad(ids, settings.length, front=not settings.is_bidirectional)
    size = model.to_keras().get_layer("embedding").input_dim
    return np.where(padded < size, padded, runtime.tokenizer.unknown or 0).astype("int32")


def language_model(results: Results, folder: Path) -> None:
    """Show the next word and each further word, of the preset base with its full vocabulary."""
    import foretell

    corpus = folder.with_suffix(".txt")
    words = [f"w{i}" for i in range(KNOWN_WORDS)] * 2
    lines = (" ".join(words[i : i + 20]) for i in range(0, len(words), 20))
    corpus.write_text("\n".join(lines), encoding="utf-8")
    options = {"epochs": 1, "min_steps": 1, "streams": 256, "valid_fraction": 0.0}
    train("words", corpus, folder, preset="base", **options)
    model: Any = foretell.load(folder)
    prompt = corpus.read_text(encoding="utf-8")[:60]
    short, long = (_word_times(model, prompt, words) for words in FURTHER_WORDS)
    late = FURTHER_WORDS[1] - FURTHER_WORDS[0]
    rows = {
        f"next word, words base with {KNOWN_WORDS:,} words, network alone": (
            times(lambda: model.next(prompt, k=5), 200),
            "≤ 5 ms",
        ),
        "each further word, the same model": (short, "≤ 1 ms"),
        f"each further word after {late:,} words": (long[late:], "the same"),
    }
    for what, (taken, target) in rows.items():
        results.add(what, *median_and_95(taken), target, seconds=statistics.median(taken))


def _word_times(model: Any, prompt: str, words: int) -> list[float]:
    """Return the seconds between one word of a continuation and the next."""
    clock = [time.perf_counter() for _ in model.complete(prompt, words=words, seed=1, stream=True)]
    return [later - earlier for earlier, later in itertools.pairwise(clock)]


def start_up(model: Path, repeats: int) -> None:
    """Show the time of whole commands, and how much longer they take than Python itself."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "foretell --help": [*script(), "--help"],
        "foretell classify": [
            *script(),
            "classify",
            str(model),
            "A lovely surprise, well worth the money.",
        ],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            taken[name].append(run(command).seconds)
    columns = ["what", "median", "95 % within", "above python -c pass", "target"]
    results = Results("predict_start_up", columns)
    bare = statistics.median(taken["python -c pass"])
    for name, seconds in taken.items():
        more = statistics.median(seconds) - bare
        cells = ("", "") if name == "python -c pass" else (f"+{1e3 * more:.0f} ms", "≤ 350 ms")
        results.add(f"{name}, cold", *median_and_95(seconds), *cells, seconds=seconds, above=more)


def main() -> None:
    """Show single predictions, own lengths, and start-up."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--repeats", type=int, default=15, help="starts of each command (default: 15)"
    )
    repeats = parser.parse_args().repeats
    # Networks that are traced in this process use Keras's own LSTM, not foretell's kernel. foretell
    # predicts without either; the trainings are processes of their own, whose speed is not
    # measured.
    os.environ.update({**environment(), "FORETELL_LSTM_KERNEL": "0"})
    results = Results("predict", ["what", "median", "95 % within", "target"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classifier(results, folder / "labels")
        language_model(results, folder / "words")
        own_lengths(folder / "own-lengths")
        start_up(folder / "labels" / "article", repeats)


if __name__ == "__main__":
    main()
