"""What each ingredient of `base` with unlabelled texts is worth: each left out, three seeds.

On a part of IMDB's reviews that takes minutes, not hours: 5,000 with labels, 20,000 without, tested on
5,000 with labels of other films. IMDB's test part is not read.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
from pathlib import Path

from bench.parts import Files, measure_seeds, write
from bench.record import OUT, Results

WITHOUT: dict[str, list[str]] = {
    "all of it": [],
    "without vectors of texts": ["--no-text-vectors"],
    "without vectors of words": ["--no-cooccurrence-embeddings"],
    "without either": ["--no-text-vectors", "--no-cooccurrence-embeddings"],
    "without fitting the linear model again at the end": ["--no-refit"],
}
LABELLED, UNLABELLED, TESTED = 5_000, 20_000, 5_000


def main() -> None:
    """Train with each ingredient left out, and show the means on other films."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to this")
    options = parser.parse_args()
    files = _files(OUT / "ablation")
    columns = ["what", "answer", "spread", "network alone", "linear model alone", "seconds"]
    results = Results("ablation", columns)
    ways = {name: (files, flags) for name, flags in WITHOUT.items()}
    ways["without unlabelled texts"] = (dataclasses.replace(files, unlabelled=None), [])
    for name, (given, flags) in ways.items():
        found = measure_seeds(given, OUT / "ablation" / "model", options.seeds, "--preset", "base", *flags)
        means = found.mean
        whole, *parts = (f"{each:.1%}" for each in (means.whole, means.network, means.linear))
        runs = [dataclasses.asdict(run) for run in found.runs]
        results.add(name, whole, found.spread, *parts, f"{means.seconds:.0f}", runs=runs)


def _files(folder: Path) -> Files:
    from foretell.data.named import imdb

    train, unsup = imdb("train"), imdb("unsup")
    by_label: dict[str, list[str]] = {"neg": [], "pos": []}
    for text, label in zip(train.texts, train.labels, strict=True):
        by_label[label].append(text)
    # The archive numbers the reviews of each label film by film, and they come in the order of their paths.
    numbers = sorted(range(12_500), key=lambda number: f"{number}_")
    learned, tested = [], []
    for label, texts in by_label.items():
        in_films = [text for _, text in sorted(zip(numbers, texts, strict=True))]
        tested += [(text, label) for text in in_films[-TESTED // 2 :]]
        others = in_films[: -TESTED // 2]
        learned += [(text, label) for text in random.Random(1).sample(others, LABELLED // 2)]
    return write(folder, learned, tested, random.Random(2).sample(unsup.texts, UNLABELLED))


if __name__ == "__main__":
    main()
