"""How long a prediction takes: one review, a batch, the next word, each further word, and a cold start.

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

from bench.commands import run, script, train
from bench.record import Results
from bench.texts import every_word, zipf_text

REVIEW_WORDS, BATCHES, BATCH = 200, 10, 64


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


def _keras_network(folder: Path, texts: list[str]) -> tuple[Any, Any]:
    """Return the model's network in Keras with its weights, and the ids [text, step] of `texts`."""
    from foretell.artifacts.model_directory import read_model
    from foretell.networks import set_weights
    from foretell.networks.labels import labels_network
    from foretell.padding import pad_front

    model = read_model(folder)
    settings: Any = model.settings
    # Keras's own LSTM, not our kernel in its place.
    os.environ["FORETELL_LSTM_KERNEL"] = "0"
    network = labels_network(settings, model.tokenizer.size, len(model.labels or []))
    set_weights(network, model.weights)
    ids = [found[-settings.length :] for found in model.tokenizer.encode_batch(texts)]
    return network, pad_front(ids, settings.length).astype("int32")


def language_model(results: Results, folder: Path) -> None:
    """Show the next word and each further word, of the base preset with as many words as it may know."""
    import foretell
    from foretell.config import WORDS_PRESETS

    size = WORDS_PRESETS["base"].vocabulary
    corpus = folder.with_suffix(".txt")
    corpus.write_text(every_word(size) + zipf_text(20_000, words=size), encoding="utf-8")
    options = {"min_count": 1, "epochs": 1, "min_steps": 1, "streams": 256, "held_out": 0.0}
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    results = Results("predict", ["what", "median", "95 of 100 within", "target"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classifier(results, folder / "labels")
        language_model(results, folder / "words")
        cold(results, folder / "labels", repeats)


if __name__ == "__main__":
    main()
