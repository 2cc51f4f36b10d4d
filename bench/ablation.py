"""What each ingredient of `base` with unlabelled texts is worth: each left out, three seeds.

On a part of IMDB's reviews that takes minutes, not hours: 5,000 with labels, 20,000 without, tested on
5,000 with labels of other films. IMDB's test part is not read.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
from pathlib import Path
from statistics import mean

from bench.parts import Files, measure, write
from bench.record import OUT, Results

WITHOUT: dict[str, list[str]] = {
    "all of it": [],
    "without vectors of texts": ["--no-text-vectors"],
    "without vectors of words": ["--no-word-vectors"],
    "without either": ["--no-text-vectors", "--no-word-vectors"],
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
        found = [
            measure(given, OUT / "ablation" / "model", "--preset", "base", "--seed", str(seed + 1), *flags)
            for seed in range(options.seeds)
        ]
        whole = [each.whole for each in found]
        means = [mean(whole), mean(each.network for each in found), mean(each.linear for each in found)]
        shown = [f"{value:.1%}" for value in means]
        spread = f"{min(whole):.1%} to {max(whole):.1%}"
        runs = [dataclasses.asdict(each) for each in found]
        seconds = f"{mean(each.seconds for each in found):.0f}"
        results.add(name, shown[0], spread, *shown[1:], seconds, runs=runs)


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
