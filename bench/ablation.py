"""What each ingredient of a preset with unlabelled texts contributes: each left out in turn, three seeds.

On a part of IMDB's training reviews that takes minutes, not hours: 5,000 with labels, 20,000 without, tested
on 5,000 with labels whose films are not among the others. IMDB's test reviews are not read.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from bench.ensembles import measure_seeds
from bench.record import OUT, Results
from bench.records import DataSet, write

INGREDIENTS = {
    "text_vectors": "without text vectors",
    "cooccurrence_embeddings": "without co-occurrence embeddings",
    "refit": "without the last fit of the linear model",
}
"""Settings that are on or off, and the row of a preset without one."""
LABELLED, UNLABELLED, TESTED = 5_000, 20_000, 5_000


def main() -> None:
    """Train with each ingredient left out, and show the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["base"], help="default: base")
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to N (default: 3)")
    options = parser.parse_args()
    folder: Path = OUT / "ablation"
    data = _data()
    files = write(folder, data)
    labelled = write(folder / "labelled", DataSet(data.train, data.test))
    columns = ["preset", "variant", "ensemble: mean (range)", "network", "linear model", "seconds"]
    results = Results("ablation", columns)
    for preset in options.presets:
        variants = {name: (files, flags) for name, flags in _variants(preset).items()}
        variants["without the unlabelled texts"] = (labelled, [])
        for name, (given, flags) in variants.items():
            over = measure_seeds(given, folder / "model", options.seeds, "--preset", preset, *flags)
            alone = f"{over.mean.network:.1%}", f"{over.mean.linear:.1%}"
            results.add(preset, name, over.ensemble, *alone, f"{over.mean.seconds:.0f}", runs=over.figures)


def _variants(preset: str) -> dict[str, list[str]]:
    """Return the flags of each variant: those ingredients left out that the preset has."""
    from foretell.presets import LABELS_PRESETS

    settings = LABELS_PRESETS[preset]
    flags = {name: f"--no-{name.replace('_', '-')}" for name in INGREDIENTS if getattr(settings, name)}
    variants: dict[str, list[str]] = {"everything": []}
    variants.update((INGREDIENTS[name], [flag]) for name, flag in flags.items())
    both = [flags[name] for name in ("text_vectors", "cooccurrence_embeddings") if name in flags]
    if len(both) > 1:
        variants["without text vectors and co-occurrence embeddings"] = both
    return variants


def _data() -> DataSet:
    from foretell.data.named import imdb

    reviews, unlabelled = imdb("train"), imdb("unsup")
    by_label: dict[str, list[str]] = {"neg": [], "pos": []}
    for text, label in zip(reviews.texts, reviews.labels, strict=True):
        by_label[label].append(text)
    train, test = [], []
    for label, texts in by_label.items():
        # The archive numbers the reviews of each label film by film; they come in the order of their paths.
        numbers = sorted(range(len(texts)), key=lambda number: f"{number}_")
        by_film = [text for _, text in sorted(zip(numbers, texts, strict=True))]
        test += [(text, label) for text in by_film[-TESTED // 2 :]]
        others = by_film[: -TESTED // 2]
        train += [(text, label) for text in random.Random(1).sample(others, LABELLED // 2)]
    return DataSet(train, test, random.Random(2).sample(unlabelled.texts, UNLABELLED))


if __name__ == "__main__":
    main()
