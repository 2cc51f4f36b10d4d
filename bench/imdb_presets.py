"""quick, base and best on IMDB, with its unlabelled reviews: test accuracy, time, and each part alone."""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from bench.commands import evaluate, foretell
from bench.record import OUT, Results


def main() -> None:
    """Train each preset with each seed, as a user does, and read the test set once for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["quick", "base", "best"])
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to this")
    options = parser.parse_args()
    columns = ["preset", "seed", "test accuracy", "calibration error", "seconds, all of the command"]
    results = Results("imdb_presets", [*columns, "held out: linear", "network", "both"])
    for preset in options.presets:
        found = []
        for seed in range(1, options.seeds + 1):
            out: Path = OUT / "presets" / f"{preset}-{seed}"
            out.parent.mkdir(parents=True, exist_ok=True)
            done = foretell(
                "train", "labels", "imdb", "--unlabelled", "imdb", "--preset", preset, "--seed", str(seed),
                "--out", out, "--json", "--restart",
            )  # fmt: skip
            trained, tested = json.loads(done.stdout), evaluate(out, "imdb")
            found.append(tested["accuracy"])
            names = ("baseline_accuracy", "network_accuracy", "accuracy")
            parts = [f"{trained[name]:.2%}" for name in names]
            cells = (f"{tested['accuracy']:.2%}", f"{tested['calibration_error']:.2%}", f"{done.seconds:.0f}")
            results.add(preset, seed, *cells, *parts, trained=trained, tested=tested["accuracy"])
        if len(found) > 1:
            spread = f"{statistics.mean(found):.2%} ({min(found):.2%} to {max(found):.2%})"
            results.add(preset, "mean", spread, "", "", "", "", "", accuracies=found)


if __name__ == "__main__":
    main()
