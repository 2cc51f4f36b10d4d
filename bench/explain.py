"""Whether explanations are faithful, and how long one takes: side by side, and one variant after another.

The deletion test (as in Samek et al. 2017): from each of 500 test reviews of IMDB the 5, 10 and 20 % of the
words that an explanation names most are taken out; the probability of the label that was given should fall,
and faster than where random words go, the most frequent or the rarest. A word's effect is measured for that
word alone, so nothing says beforehand what many of them do together.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.commands import environment, train
from bench.predict import reviews, times
from bench.record import OUT, Results
from bench.texts import every_word, zipf_text

PARTS = (0.05, 0.10, 0.20)
DRAWS = 5
WORDS, VOCABULARY, ROUNDS = (60, 200, 400), 30_000, 9


def orders(why: Any, ids: list[int], random: np.random.Generator) -> dict[str, list[list[int]]]:
    """Return in which orders the words of an explanation are taken out: their places, one list a draw.

    Args:
        why: the explanation.
        ids: of its words; the lower, the more frequent.
        random: draws the random orders.
    """
    named = sorted(range(len(ids)), key=lambda place: -why.words[place].effect)
    linear = sorted(range(len(ids)), key=lambda place: -(why.words[place].linear or 0))
    frequent = sorted(range(len(ids)), key=lambda place: ids[place])
    rare = sorted(range(len(ids)), key=lambda place: -ids[place])
    return {
        "named by foretell": [named],
        "named by the linear model": [linear],
        "random": [random.permutation(len(ids)).tolist() for _ in range(DRAWS)],
        "the most frequent": [frequent],
        "the rarest": [rare],
    }


def without(why: Any, places: Sequence[int]) -> str:
    """Return the text of an explanation with the words at `places` taken out."""
    text, at, kept = why.text, 0, []
    for place in sorted(places):
        word = why.words[place]
        # A space, so that what stood on its two sides stays apart.
        kept += [text[at : word.start], " "]
        at = word.end
    return "".join([*kept, text[at:]])


def made_by(model: Path) -> str:
    """Return the command that trained a model, as its own record of the training tells it."""
    record = model / "run" / "request.json"
    if not record.exists():
        return "(a model without the record of its training)"
    program, *arguments = json.loads(record.read_text(encoding="utf-8"))["command_line"]
    return shlex.join([Path(program).name, *arguments])


def deletion(results: Results, model: Any, texts: list[str], seed: int, made: str) -> None:
    """Show how far the probability of each text's label falls, by which words are taken out.

    Args:
        results: where it is shown.
        model: the classifier.
        texts: what it labels.
        seed: of the random words.
        made: the command that trained the model, kept with the figures.
    """
    random, tokenizer = np.random.default_rng(seed), model._runtime.tokenizer
    whys = model.explain(texts)
    columns = [model.classes_.tolist().index(why.label) for why in whys]
    before = np.array([why.probability for why in whys])
    by_text = [orders(why, _by_rank(tokenizer, why.text), random) for why in whys]
    for part in PARTS:
        for name in by_text[0]:
            draws = [
                [_cut(why, found[name][draw], part) for why, found in zip(whys, by_text, strict=True)]
                for draw in range(len(by_text[0][name]))
            ]
            after = np.array([model.predict_proba(cut)[np.arange(len(texts)), columns] for cut in draws])
            fall, turned = float((before - after).mean()), float((after < 0.5).mean())
            cells = (f"{part:.0%}", name, f"{before.mean():.4f}", f"{after.mean():.4f}", f"{fall:+.4f}")
            results.add(*cells, f"{turned:.1%}", part=part, order=name, fall=fall, turned=turned, made=made)


def _cut(why: Any, order: list[int], part: float) -> str:
    """Return the text without this part of its words, at least one, where it has any."""
    return without(why, order[: max(1, round(part * len(order)))])


def _by_rank(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text's words: by frequency, the unknown ones as the rarest."""
    ids = [id for id, start, end in tokenizer.encode_with_offsets(text) if end > start]
    return [tokenizer.size if id == tokenizer.unknown else id for id in ids]


def speed(model: Any) -> None:
    """Show what the explanation of one review of 200 words takes."""
    (text,) = reviews(1)
    taken = times(lambda: model.explain(text), 100, warm=5)
    results = Results("explain_speed", ["what", "median", "95 of 100 within", "target"])
    at_95 = sorted(taken)[94]
    median = statistics.median(taken)
    results.add(
        f"explain a review of 200 words ({len(model.explain(text).words)} tokens), "
        f"{model.preset}, {model.network}, {model.units} units",
        f"{1e3 * median:.1f} ms",
        f"{1e3 * at_95:.1f} ms",
        "≤ 100 ms",
        seconds=median,
        at_95=at_95,
    )
    print()


def ways(folder: Path) -> None:
    """Show what an explanation takes with the variants read side by side, and one after another.

    The two take turns, so that other work on the machine meets both.
    """
    columns = ["network", "words", "how", "median", "best", "median processor time"]
    results = Results("explain_ways", columns)
    for name in ("quick", "base", "best"):
        together, one_by_one = (random_model(name, folder / name) for _ in range(2))
        one_by_one._network._variants = None
        runtimes = {"side by side": together, "one after another": one_by_one}
        for n_words in WORDS:
            text = zipf_text(n_words, words=VOCABULARY)
            taken: dict[str, list[tuple[float, float]]] = {how: [] for how in runtimes}
            for _ in range(1 + ROUNDS):
                for how, runtime in runtimes.items():
                    start = time.perf_counter(), time.process_time()
                    runtime.explain(text)
                    taken[how].append((time.perf_counter() - start[0], time.process_time() - start[1]))
            for how, rounds in taken.items():
                # The first one warms up.
                wall, processor = zip(*rounds[1:], strict=True)
                figures = (statistics.median(wall), min(wall), statistics.median(processor))
                cells = (f"{1e3 * seconds:.1f} ms" for seconds in figures)
                results.add(f"sizes of {name}", n_words, how, *cells, seconds=figures)
    print()


def random_model(name: str, path: Path) -> Any:
    """Open a classifier with a preset's sizes and random weights; the first call writes it."""
    from foretell.artifacts.directory import write_model
    from foretell.artifacts.model import Model
    from foretell.artifacts.weights import network_size, weight_shapes
    from foretell.config import preset
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.text.tokenizer import Tokenizer

    if not path.exists():
        settings: Any = preset("labels", name)
        tokenizer = Tokenizer.train(
            [every_word(VOCABULARY)], "words", lowercase=True, vocabulary=settings.vocabulary, min_count=1
        )
        shapes = weight_shapes(settings, network_size(settings, tokenizer), 2)
        random = np.random.default_rng(0)
        weights = {key: random.normal(0, 0.1, shape).astype(np.float32) for key, shape in shapes.items()}
        parts: dict[str, Any] = {"settings": settings, "tokenizer": tokenizer, "weights": weights}
        write_model(Model(job="labels", preset=name, labels=["negative", "positive"], **parts), path)
    return LabelsRuntime.open(path)


def main() -> None:
    """Show the times first, then the deletion test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", help="a model directory for IMDB; left out: train quick")
    parser.add_argument("--reviews", type=int, default=500, help="test reviews to take words out of")
    parser.add_argument("--only-ways", action="store_true", help="only the time, with random weights")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of reviews, and of random words")
    options = parser.parse_args()
    os.environ.update(environment())
    with tempfile.TemporaryDirectory() as folder:
        ways(Path(folder))
    if options.only_ways:
        return
    import foretell
    from foretell.data.named import imdb

    model = options.model
    if model is None:
        model = OUT / "explain" / "quick"
        model.parent.mkdir(parents=True, exist_ok=True)
        train("labels", "imdb", model, preset="quick", unlabelled="imdb", seed=options.seed)
    opened: Any = foretell.load(Path(model))
    speed(opened)
    texts = imdb("test").texts
    chosen = np.random.default_rng(options.seed).choice(len(texts), options.reviews, replace=False)
    command = made_by(Path(model))
    print(f"The model: preset `{opened.preset}`, seed {opened.seed}, made by `{command}`\n")
    columns = ["words taken out", "which", "probability before", "after", "fall", "another answer"]
    results = Results("explain", columns)
    deletion(results, opened, [texts[i] for i in chosen], options.seed, command)


if __name__ == "__main__":
    main()
