"""How long a prediction takes: one review, batches, the next word, each further word, and a cold start.

The models are trained for a moment only: time depends on their sizes, not on what they have learned.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from bench.commands import environment, run, script, train
from bench.commands import foretell as run_foretell
from bench.record import Results
from bench.texts import every_word, zipf_text

REVIEW_WORDS, BATCHES, BATCH = 200, 10, 64
# Of the classifiers that answer reviews of their own lengths.
TRAINED_ON, ANSWERED, TURNS = 2_000, 2_000, 3


def times(call: Callable[[], object], repeats: int, warm: int = 20) -> list[float]:
    """Return the seconds of each of `repeats` calls, after `warm` calls that do not count."""
    for _ in range(warm):
        call()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def reviews(count: int) -> list[str]:
    """Return `count` different texts of exactly 200 words, made from the reviews that ship with foretell."""
    text = files("foretell.samples").joinpath("reviews.csv").read_text(encoding="utf-8")
    words = [word for row in csv.DictReader(io.StringIO(text)) for word in row["text"].split()]
    starts = [17 * i % (len(words) - REVIEW_WORDS) for i in range(count)]
    return [" ".join(words[start : start + REVIEW_WORDS]) for start in starts]


def classifier(results: Results, folder: Path) -> None:
    """Show one review and batches, each beside Keras's `predict` on the same network."""
    import foretell

    with as_file(files("foretell.samples") / "reviews.csv") as path:
        train("labels", path, folder, preset="article", epochs=1)
    model: Any = foretell.load(folder)
    one, many = reviews(1), reviews(BATCHES * BATCH)
    taken = times(lambda: model.predict_proba(one), 500)
    results.add("a review of 200 words, warm", *_spread(taken), "≤ 1 ms", seconds=statistics.median(taken))
    network, ids = _keras_network(folder, many)
    ours, theirs = [], []
    for _ in range(3):
        ours += times(lambda: model.predict_proba(many), 2, warm=1)
        theirs += times(lambda: network.predict(ids, batch_size=BATCH, verbose=0), 2, warm=1)
    rates = [len(many) / min(found) for found in (ours, theirs)]
    results.add(
        "Keras predict, batches of 64, ids given", f"{rates[1]:,.0f} reviews/s", "", "", rate=rates[1]
    )
    ratio = f"{rates[0] / rates[1]:.1f} times Keras"
    results.add(
        "foretell, the same texts, text given", f"{rates[0]:,.0f} reviews/s", ratio, "≥ 2", rate=rates[0]
    )


def own_lengths(results: Results, folder: Path) -> None:
    """Show how many reviews of IMDB a second are answered, each as long as it is, beside Keras's `predict`.

    Keras is given ids, padded. foretell is given texts, for its whole answer (words, network, linear model,
    ensemble), and ids, for that of the network alone. The best of three turns counts, as of all ways.
    """
    from foretell.data.named import imdb

    trained, asked = imdb("train"), imdb("test")
    some, others = (
        np.random.default_rng(1).choice(len(part.texts), count, replace=False)
        for part, count in ((trained, TRAINED_ON), (asked, ANSWERED))
    )
    folder.mkdir()
    train_csv, asked_csv = folder / "train.csv", folder / "asked.csv"
    for path, part, chosen in ((train_csv, trained, some), (asked_csv, asked, others)):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [("text", "label"), *((part.texts[i], part.labels[i]) for i in chosen)]
            )
    texts = [asked.texts[i] for i in others]
    for preset in ("article", "base"):
        train("labels", train_csv, folder / preset, preset=preset, epochs=1)
    for preset in ("article", "base"):
        ways = _ways(folder / preset, texts) | _in_8_bits(folder / preset, asked_csv, texts)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TURNS):
            for name, way in ways.items():
                taken[name] += times(way, 1, warm=1)
        rates = {name: len(texts) / min(seconds) for name, seconds in taken.items()}
        fastest = max(rate for name, rate in rates.items() if name.startswith("Keras"))
        for name, rate in rates.items():
            ratio = "" if name.startswith("Keras") else f"{rate / fastest:.1f} times Keras"
            results.add(
                f"{preset}, own lengths: {name}", f"{rate:,.0f} reviews/s", ratio, "≥ 3" if ratio else "",
                rate=rate,
            )  # fmt: skip


def _ways(folder: Path, texts: list[str]) -> dict[str, Callable[[], object]]:
    """Return how the texts are answered by Keras and by foretell."""
    import tensorflow as tf

    import foretell

    model: Any = foretell.load(folder)
    network, ids = _keras_network(folder, texts)
    found: dict[str, Callable[[], object]] = {
        f"Keras predict, ids, {ids.shape[1]} steps": lambda: network.predict(ids, batch_size=BATCH, verbose=0)
    }
    if not model._runtime._fixed_length:
        # As many steps as the longest text of each batch has.
        batches = [ids[i : i + BATCH] for i in range(0, len(ids), BATCH)]
        cut = [batch[:, : np.count_nonzero(batch, axis=1).max()] for batch in batches]
        signature = tf.TensorSpec((None, None), tf.int32)
        data = tf.data.Dataset.from_generator(lambda: iter(cut), output_signature=signature)
        data = data.apply(tf.data.experimental.assert_cardinality(len(cut)))
        found["Keras predict, ids, steps of each batch's longest"] = lambda: network.predict(data, verbose=0)
    of_texts = [each[-model.length :] for each in model._runtime.tokenizer.encode_batch(texts)]
    found["foretell, ids, the network alone"] = lambda: model._runtime._network(of_texts)
    found["foretell, texts, the whole answer"] = lambda: model.predict_proba(texts)
    return found


def _in_8_bits(folder: Path, data: Path, texts: list[str]) -> dict[str, Callable[[], object]]:
    """Return how `export --int8`'s model answers the ids, in batches like foretell's own."""
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.labels.network import BATCH as ROWS
    from foretell.runtime.session import Session
    from foretell.text.padding import pad_end

    out = folder.with_name(f"{folder.name}-int8")
    run_foretell("export", folder, "--int8", "--data", data, "--max-loss", "1", "--out", out)
    runtime, session = LabelsRuntime.open(folder), Session(out / "model.onnx")
    ids = sorted(runtime.tokenizer.encode_batch(texts), key=len)
    batches = [pad_end(ids[i : i + ROWS], len(ids[-1]))[0] for i in range(0, len(ids), ROWS)]
    answer = runtime._threads.map
    return {
        "foretell export --int8, ids, the whole answer": lambda: list(
            answer(lambda batch: session.run(None, {"ids": batch}), batches)
        )
    }


def _keras_network(folder: Path, texts: list[str]) -> tuple[Any, Any]:
    """Return the model's network in Keras with its weights, and the ids [text, step] of `texts`."""
    from foretell.artifacts.directory import read_model
    from foretell.artifacts.weights import network_size
    from foretell.networks import set_weights
    from foretell.networks.labels import labels_network
    from foretell.text.padding import pad_end, pad_front

    model = read_model(folder)
    settings: Any = model.settings
    size = network_size(settings, model.tokenizer)
    # Keras's own LSTM, not our kernel in its place.
    os.environ["FORETELL_LSTM_KERNEL"] = "0"
    network = labels_network(settings, size, len(model.labels or []))
    set_weights(network, model.weights)
    ids = model.tokenizer.encode_batch(texts)
    padded = (
        pad_end(ids, settings.length)[0] if settings.network == "bilstm" else pad_front(ids, settings.length)
    )
    return network, np.where(padded < size, padded, model.tokenizer.unknown).astype("int32")


def language_model(results: Results, folder: Path) -> None:
    """Show the next word and each further word, of the base preset with as many words as it may know."""
    import foretell
    from foretell.config import WORDS_PRESETS

    size = WORDS_PRESETS["base"].vocabulary
    corpus = folder.with_suffix(".txt")
    corpus.write_text(every_word(size) + zipf_text(20_000, words=size), encoding="utf-8")
    options = {"min_count": 1, "epochs": 1, "min_steps": 1, "streams": 256, "valid_fraction": 0.0}
    train("words", corpus, folder, **options)
    model: Any = foretell.load(folder)
    prompt = corpus.read_text(encoding="utf-8")[:60]
    taken = times(lambda: model.next(prompt, k=5), 200)
    results.add(f"next, base, {size:,} words", *_spread(taken), "≤ 5 ms", seconds=statistics.median(taken))
    short, long = (_word_times(model, prompt, words) for words in (100, 2000))
    results.add("each further word", *_spread(short), "≤ 1 ms", seconds=statistics.median(short))
    late = long[-100:]
    results.add("the same, after 1,900 words", *_spread(late), "the same", seconds=statistics.median(late))


def _word_times(model: Any, prompt: str, words: int) -> list[float]:
    """Return the seconds between one word of a continuation and the next."""
    clock = [time.perf_counter() for _ in model.complete(prompt, words=words, seed=1, stream=True)]
    return [later - earlier for earlier, later in itertools.pairwise(clock)]


def cold(results: Results, model: Path, repeats: int) -> None:
    """Show what a command takes from nothing, beyond what Python itself takes."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "foretell --help": [*script(), "--help"],
        "foretell classify": [*script(), "classify", str(model), "A lovely surprise, well worth the money."],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            found[name].append(run(command).seconds)
    base = statistics.median(found["python -c pass"])
    for name, taken in found.items():
        more = statistics.median(taken) - base
        target = "" if name.startswith("python") else f"+{1e3 * more:.0f} ms (≤ 350)"
        results.add(f"{name}, cold", *_spread(taken), target, seconds=statistics.median(taken), beyond=more)


def _spread(seconds: list[float]) -> tuple[str, str]:
    """Return the median, and the 95th of a hundred, in milliseconds."""
    at_95 = sorted(seconds)[int(0.95 * (len(seconds) - 1))]
    return f"{1e3 * statistics.median(seconds):.2f} ms", f"{1e3 * at_95:.2f} ms"


def main() -> None:
    """Show everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="cold starts of each kind")
    repeats = parser.parse_args().repeats
    os.environ.update(environment())
    results = Results("predict", ["what", "median", "95 of 100 within", "target"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classifier(results, folder / "labels")
        own_lengths(results, folder / "own-lengths")
        language_model(results, folder / "words")
        cold(results, folder / "labels", repeats)


if __name__ == "__main__":
    main()
