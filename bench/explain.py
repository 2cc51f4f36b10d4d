"""Whether explanations are faithful, and how long one takes: variants of a text in one batch, or each alone.

The deletion test (as in Samek et al. 2017): from each of 500 test reviews of IMDB the 5, 10 and 20 % of the
words with the largest effects are removed. The probability of the predicted label should fall, and faster
than where random words are removed, the most frequent or the rarest. An effect (leave-one-out) is that of one
word, so the effect of many words together does not follow from it.
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
from bench.record import OUT, Results
from bench.records import imdb, texts_of
from bench.texts import every_word, reviews, zipf_text
from bench.timing import times, within_95

PARTS = (0.05, 0.10, 0.20)
DRAWS = 5
ORDERS = (
    "largest effects",
    "largest linear contributions",
    f"random ({DRAWS} draws)",
    "most frequent",
    "rarest",
)
PRESETS = ("quick", "base", "best")
WORDS, VOCABULARY, ROUNDS = (60, 200, 400), 30_000, 9


def orders(why: Any, ids: list[int], random: np.random.Generator) -> list[list[list[int]]]:
    """Return in which orders the words of an explanation are removed, as `ORDERS` names them.

    Args:
        why: the explanation.
        ids: of its words; the lower, the more frequent.
        random: draws the random orders.

    Returns:
        For each name the places of the words, one list for each draw.
    """
    effects = sorted(range(len(ids)), key=lambda place: -why.words[place].effect)
    linear = sorted(range(len(ids)), key=lambda place: -(why.words[place].linear or 0))
    frequent = sorted(range(len(ids)), key=lambda place: ids[place])
    rare = sorted(range(len(ids)), key=lambda place: -ids[place])
    draws = [random.permutation(len(ids)).tolist() for _ in range(DRAWS)]
    return [[effects], [linear], draws, [frequent], [rare]]


def without(why: Any, places: Sequence[int]) -> str:
    """Return the text of an explanation without the words at `places`."""
    text, at, kept = why.text, 0, []
    for place in sorted(places):
        word = why.words[place]
        # A space, so that the words on its two sides stay apart.
        kept += [text[at : word.start], " "]
        at = word.end
    return "".join([*kept, text[at:]])


def command_of(model: Path) -> str:
    """Return the command that trained a model, from its record of the training."""
    record = model / "run" / "request.json"
    if not record.exists():
        return "(a model without the record of its training)"
    program, *arguments = json.loads(record.read_text(encoding="utf-8"))["command_line"]
    return shlex.join([Path(program).name, *arguments])


def deletion(model: Any, texts: list[str], seed: int, command: str) -> None:
    """Show how far the probability of each text's label falls when words are removed.

    Args:
        model: the classifier.
        texts: what it predicts.
        seed: of the random words.
        command: the command that trained the model, kept with the figures.
    """
    random, tokenizer = np.random.default_rng(seed), model._runtime.tokenizer
    whys = model.explain(texts)
    columns = [model.classes_.tolist().index(why.label) for why in whys]
    before = np.array([why.probability for why in whys])
    by_text = [orders(why, _by_rank(tokenizer, why.text), random) for why in whys]
    print(f"Fall of the mean probability, {before.mean():.4f} before, and in brackets changed labels\n")
    results = Results("explain", ["words removed", *ORDERS])
    for part in PARTS:
        cells, figures = [], {}
        for which, name in enumerate(ORDERS):
            draws = [
                [_cut(why, ordered[which][draw], part) for why, ordered in zip(whys, by_text, strict=True)]
                for draw in range(len(by_text[0][which]))
            ]
            after = np.array([model.predict_proba(cut)[np.arange(len(texts)), columns] for cut in draws])
            fall, changed = float((before - after).mean()), float((after < 0.5).mean())
            cells.append(f"{-fall:+.3f} ({changed:.1%})")
            figures[name] = {"fall": fall, "changed": changed}
        results.add(f"{part:.0%}", *cells, before=float(before.mean()), orders=figures, command=command)


def _cut(why: Any, order: list[int], part: float) -> str:
    """Return the text without this fraction of its words, at least one, where it has any."""
    return without(why, order[: max(1, round(part * len(order)))])


def _by_rank(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text's words: by frequency, the unknown ones as the rarest."""
    ids = [id for id, start, end in tokenizer.encode_with_offsets(text) if end > start]
    return [tokenizer.size if id == tokenizer.unknown else id for id in ids]


def speed(model: Any) -> None:
    """Show the time for the explanation of one review of 200 words."""
    (text,) = reviews(1)
    taken = times(lambda: model.explain(text), 100, warm=5)
    results = Results("explain_speed", ["what", "median", "95 % within", "target"])
    median, late = statistics.median(taken), within_95(taken)
    results.add(
        f"explain a review of 200 words ({len(model.explain(text).words)} tokens), "
        f"{model.preset}, {model.network}, {model.units} units",
        f"{1e3 * median:.1f} ms",
        f"{1e3 * late:.1f} ms",
        "≤ 100 ms",
        seconds=median,
        within_95=late,
    )
    print()


def ways(folder: Path) -> None:
    """Show the time for an explanation with the variants of the text in one batch, and one after another.

    The two take turns, so that other work on the machine affects both.
    """
    columns = ["sizes of", "words", "variants", "median", "fastest", "median processor time"]
    results = Results("explain_ways", columns)
    for name in PRESETS:
        in_a_batch, one_by_one = (random_model(name, folder / name) for _ in range(2))
        one_by_one._network._variants = None
        runtimes = {"in one batch": in_a_batch, "one after another": one_by_one}
        for n_words in WORDS:
            text = zipf_text(n_words, words=VOCABULARY)
            taken: dict[str, list[tuple[float, float]]] = {how: [] for how in runtimes}
            for _ in range(1 + ROUNDS):
                for how, runtime in runtimes.items():
                    start = time.perf_counter(), time.process_time()
                    runtime.explain(text)
                    taken[how].append((time.perf_counter() - start[0], time.process_time() - start[1]))
            for how, rounds in taken.items():
                # The first round warms up.
                wall, processor = zip(*rounds[1:], strict=True)
                figures = (statistics.median(wall), min(wall), statistics.median(processor))
                cells = (f"{1e3 * seconds:.1f} ms" for seconds in figures)
                results.add(name, n_words, how, *cells, seconds=figures)
    print()


def random_model(name: str, path: Path) -> Any:
    """Open a classifier with the sizes of a preset and random weights; the first call writes it."""
    from foretell.artifacts.directory import write_model
    from foretell.artifacts.model import Model
    from foretell.artifacts.weights import network_size, weight_shapes
    from foretell.presets import preset
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
    parser.add_argument("model", nargs="?", help="a model directory for IMDB (default: train quick)")
    parser.add_argument("--reviews", type=int, default=500, help="test reviews (default: 500)")
    parser.add_argument("--only-ways", action="store_true", help="only the times, with random weights")
    parser.add_argument("--seed", type=int, default=1, help="of the training, the reviews and random words")
    options = parser.parse_args()
    os.environ.update(environment())
    with tempfile.TemporaryDirectory() as folder:
        ways(Path(folder))
    if options.only_ways:
        return
    import foretell

    model = OUT / "explain" / "quick" if options.model is None else Path(options.model)
    if options.model is None:
        train("labels", "imdb", model, preset="quick", unlabelled="imdb", seed=options.seed)
    opened: Any = foretell.load(model)
    speed(opened)
    texts = texts_of(imdb("test"))
    chosen = np.random.default_rng(options.seed).choice(len(texts), options.reviews, replace=False)
    command = command_of(model)
    print(f"The model: preset `{opened.preset}`, seed {opened.seed}, trained by `{command}`")
    deletion(opened, [texts[i] for i in chosen], options.seed, command)


if __name__ == "__main__":
    main()
