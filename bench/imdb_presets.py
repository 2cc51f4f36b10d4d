"""quick, base and best on IMDB with its unlabelled reviews: test accuracy, calibration error, time.

The last three columns are accuracies of each classifier on the validation part, a tenth of the training
reviews.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.commands import evaluate, foretell
from bench.record import OUT, Results, mean_and_range


def main() -> None:
    """Train each preset with each seed, as a user does; the test set is read once for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["quick", "base", "best"])
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to N (default: 3)")
    options = parser.parse_args()
    columns = ["preset", "seed", "test accuracy", "calibration error", "seconds of the command"]
    results = Results("imdb_presets", [*columns, "validation: linear model", "network", "ensemble"])
    for preset in options.presets:
        accuracies = []
        for seed in range(1, options.seeds + 1):
            trained, tested = train_and_test(f"{preset}-{seed}", "--preset", preset, "--seed", str(seed))
            accuracies.append(tested["accuracy"])
            cells = (
                f"{tested['accuracy']:.2%}",
                f"{tested['calibration_error']:.2%}",
                f"{trained['command']:.0f}",
            )
            validation = (trained[name] for name in ("baseline_accuracy", "network_accuracy", "accuracy"))
            figures = {"trained": trained, "tested": tested["accuracy"]}
            results.add(preset, seed, *cells, *(f"{each:.2%}" for each in validation), **figures)
        if len(accuracies) > 1:
            spread = mean_and_range(accuracies, ".2%")
            results.add(preset, "mean (range)", spread, "", "", "", "", "", accuracies=accuracies)


def train_and_test(name: str, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on IMDB with its unlabelled reviews and test the model.

    Args:
        name: of the model directory under out/bench/imdb_presets.
        *options: of `foretell train labels`.

    Returns:
        The figures of the training, with the seconds of the whole command as "command"; those of the test.
    """
    out: Path = OUT / "imdb_presets" / name
    out.parent.mkdir(parents=True, exist_ok=True)
    done = foretell(
        "train", "labels", "imdb", "--unlabelled", "imdb", *options, "--out", out, "--json", "--restart"
    )
    return {**json.loads(done.stdout), "command": done.seconds}, evaluate(out, "imdb")


if __name__ == "__main__":
    main()
