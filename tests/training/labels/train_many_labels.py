"""A program: train with many labels, and print the memory that was stated and the peak that was used."""

from __future__ import annotations

import json
import random
import resource
import sys
from pathlib import Path

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.many_labels import memory_needed, without_linear
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions


def main() -> None:
    """Train as the arguments say: directory, number of texts, number of labels."""
    out, n_texts, n_labels = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(1)
    labels = [f"label {i % n_labels}" for i in range(n_texts)]
    texts = [
        f"word{i % n_labels} {' '.join(f'w{rng.randint(0, 5_000)}' for _ in range(8))}"
        for i in range(n_texts)
    ]
    # Short: the memory is the same as of many epochs.
    settings = with_changes(
        LABELS_PRESETS["base"], {"epochs": 1, "min_steps": 1, "max_steps": 400, "minutes": 4.0}
    )
    split = make_split(
        Examples(texts, labels, name="made up"), fraction=settings.fraction_for(n_texts), seed=1
    )
    fitting, changed, _ = without_linear(split, settings)
    stated = memory_needed(fitting, changed)
    model = train_labels(split, settings, TrainOptions(out=out))
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"stated": stated, "peak": peak, "labels": len(model.labels or ())}) + "\n")


if __name__ == "__main__":
    main()
