"""`--balance` on uneven sets: accuracy, macro F1 and log loss, by the most probable label and by p / share.

The sets are drawn from the training records of few-labels.zip: up to 1,000 texts with very uneven labels to
train on, and up to 3,000 others with the same shares to measure on.
"""

from __future__ import annotations

import argparse
import random
import warnings
from collections import defaultdict
from statistics import mean

import numpy as np
import numpy.typing as npt

from bench.record import Results
from bench.records import Records, few_labels, labels_of, texts_of

TRAINED, MEASURED = 1_000, 3_000
SETS: dict[str, tuple[str, int, float]] = {
    "MR, 10 % positive": ("MR", 2, 9.0),
    "CR, 5 % negative": ("CR", 2, 19.0),
    "germeval18, 10 % offensive": ("germeval18", 2, 9.0),
    "banking77, 20 labels, long tail": ("banking77", 20, 1.3),
}
"""Name of the set, number of its labels, and how many times as frequent each label is as the next one."""


def main() -> None:
    """Train with and without class weights, with each seed, and show the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=2, help="train with the seeds 1 to N (default: 2)")
    parser.add_argument("--preset", default="quick")
    options = parser.parse_args()
    columns = [
        "set",
        "training",
        "accuracy",
        "macro F1",
        "log loss",
        "accuracy by p / share",
        "macro F1 by p / share",
    ]
    results = Results("balance", columns)
    for name in options.sets:
        for balance in (False, True):
            runs = [measure(name, options.preset, seed + 1, balance=balance) for seed in range(options.seeds)]
            cells = [f"{mean(run[i] for run in runs):.3f}" for i in range(len(runs[0]))]
            results.add(name, "--balance" if balance else "as it is", *cells, runs=runs)


def measure(name: str, preset: str, seed: int, *, balance: bool) -> list[float]:
    """Return the figures of one training, in the order of the columns."""
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    from foretell import TextClassifier

    records = uneven(*SETS[name])
    n = min(TRAINED, len(records) // 2)
    train, held = records[:n], records[n : n + MEASURED]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = TextClassifier(preset=preset, seed=seed, balance=balance).fit(
            texts_of(train), labels_of(train)
        )
    rows = model.predict_proba(texts_of(held))
    shares = np.array([labels_of(train).count(label) / len(train) for label in model.classes_])
    true = np.array(labels_of(held))

    def figures(scores: npt.NDArray[np.floating]) -> list[float]:
        predicted = model.classes_[scores.argmax(axis=1)]
        return [float(accuracy_score(true, predicted)), float(f1_score(true, predicted, average="macro"))]

    return [*figures(rows), float(log_loss(true, rows, labels=model.classes_)), *figures(rows / shares)]


def uneven(name: str, n_labels: int, factor: float) -> Records:
    """Return shuffled training records of a set, each label `factor` times as frequent as the next one."""
    records = few_labels(name).train.copy()
    random.Random(1).shuffle(records)
    by_label: dict[str, Records] = defaultdict(list)
    for record in records:
        by_label[record[1]].append(record)
    order = sorted(by_label, key=lambda label: (-len(by_label[label]), label))[:n_labels]
    parts = [factor**-place for place in range(n_labels)]
    # As many as the most frequent label has, or as there is room for.
    total = min(len(by_label[order[0]]) / (parts[0] / sum(parts)), TRAINED + MEASURED)
    chosen = [
        record
        for label, part in zip(order, parts, strict=True)
        for record in by_label[label][: max(4, round(total * part / sum(parts)))]
    ]
    random.Random(2).shuffle(chosen)
    return chosen


if __name__ == "__main__":
    main()
