"""Several labels a text: foretell beside scikit-learn's one-vs-rest logistic regression of TF-IDF
values.

The texts are made of real ones: one, two or three records of a set of few-labels.zip are joined to
one text, which has all their labels; one text in ten is of another set, so that none of the labels
applies. Training texts are joined of training records, test texts of test records.
"""

from __future__ import annotations

import random
import time
import warnings
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.data import Records, few_labels
from bench.harness import Results, mean_and_range, parser_of

STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse penalties of the logistic regression: the one with the best micro F1 on a fifth of the
texts.
"""
OTHERS = {"TREC": "CR", "banking77": "MR"}
MAX_LABELS = 30


class Joined(NamedTuple):
    """Texts, and the labels of each."""

    texts: list[str]
    labels: list[list[str]]


def main() -> None:
    """Train both on each set with each number of texts, and show F1 and log loss on the test
    texts.
    """
    parser = parser_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=list(OTHERS), choices=list(OTHERS))
    parser.add_argument("--texts", nargs="+", type=int, default=[800, 3_000], help="to train with")
    parser.add_argument(
        "--seeds", type=int, default=2, help="train with the seeds 1 to N (default: 2)"
    )
    options = parser.parse_args()
    columns = [
        "set",
        "labels",
        "texts",
        "classifier",
        "micro F1",
        "macro F1",
        "exact",
        "log loss",
        "seconds",
    ]
    seeds = range(1, options.seeds + 1)
    results = Results("multi_label", columns, seeds)
    for name in options.sets:
        for n in options.texts:
            by_name: dict[str, list[dict[str, float]]] = {}
            for seed in seeds:
                train = joined(name, "train", n, seed)
                test = joined(name, "test", 1_000, 0)
                for title, found in measure(train, test, seed).items():
                    by_name.setdefault(title, []).append(found)
            n_labels = len({label for labels in train.labels for label in labels})
            for title, runs in by_name.items():
                each = {key: [run[key] for run in runs] for key in runs[0]}
                cells = [
                    mean_and_range(each[key], ".3f")
                    for key in ("micro", "macro", "exact", "log_loss")
                ]
                cells.append(f"{mean(each['seconds']):.0f}")
                results.add(name, n_labels, f"{n:,}", title, *cells, runs=runs)


def measure(train: Joined, test: Joined, seed: int) -> dict[str, dict[str, float]]:
    """Return the metrics of foretell, of it at thresholds of 0.5, and of scikit-learn."""
    from sklearn.preprocessing import MultiLabelBinarizer

    from foretell import TextClassifier

    binarizer = MultiLabelBinarizer().fit(train.labels)
    y = binarizer.transform(train.labels)
    truth = binarizer.transform(test.labels)
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = TextClassifier("quick", seed=seed).fit(train.texts, y)
    seconds = time.monotonic() - began
    rows = model.predict_proba(test.texts)
    began = time.monotonic()
    beside = one_vs_rest(train.texts, y, test.texts)
    return {
        "foretell": metrics(truth, np.asarray(model.predict(test.texts)), rows, seconds),
        "foretell, thresholds of 0.5": metrics(truth, (rows >= 0.5).astype(int), rows, seconds),
        "TF-IDF, one-vs-rest": metrics(
            truth, (beside >= 0.5).astype(int), beside, time.monotonic() - began
        ),
    }


def metrics(
    truth: npt.NDArray[Any], predicted: npt.NDArray[Any], rows: npt.NDArray[Any], seconds: float
) -> dict[str, float]:
    """Return micro and macro F1, the share of texts with exactly the right labels, and log loss per
    label.
    """
    from sklearn.metrics import accuracy_score, f1_score

    given = np.clip(np.where(truth == 1, rows, 1 - rows), 1e-7, 1)
    return {
        "micro": float(f1_score(truth, predicted, average="micro", zero_division=0)),
        "macro": float(f1_score(truth, predicted, average="macro", zero_division=0)),
        "exact": float(accuracy_score(truth, predicted)),
        "log_loss": float(-np.log(given).mean()),
        "seconds": seconds,
    }


def one_vs_rest(
    texts: list[str], y: npt.NDArray[Any], tested: list[str]
) -> npt.NDArray[np.float64]:
    """Return scikit-learn's probabilities [text, label], with a penalty chosen on a fifth of the
    texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    def fitted(strength: float, some: list[str], labels: npt.NDArray[Any]) -> Any:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        regression = OneVsRestClassifier(LogisticRegression(C=strength, max_iter=1_000))
        with warnings.catch_warnings():
            # A label that no text of a part has.
            warnings.simplefilter("ignore")
            return make_pipeline(vectorizer, regression).fit(some, labels)

    def micro_f1(strength: float) -> float:
        predicted = fitted(strength, texts[:n], y[:n]).predict(texts[n:])
        return float(f1_score(y[n:], predicted, average="micro", zero_division=0))

    n = len(texts) * 4 // 5
    rows: npt.NDArray[np.float64] = fitted(max(STRENGTHS, key=micro_f1), texts, y).predict_proba(
        tested
    )
    return rows


def joined(name: str, part: str, n: int, seed: int) -> Joined:
    """Return `n` texts, each of up to three records of a set, with all their labels."""
    data = few_labels(name)
    others = few_labels(OTHERS[name])
    frequent = labels_of_most(data.train)
    of_part = data.train if part == "train" else data.test
    records = [record for record in of_part if record[1] in frequent]
    foreign = others.train if part == "train" else others.test
    rng = random.Random(f"{name} {part} {seed}")
    texts = []
    labels = []
    for _ in range(n):
        chosen = rng.sample(records, rng.choice([1, 1, 2, 2, 3])) if rng.random() < 0.9 else []
        texts.append(" ".join(text for text, _ in chosen) or rng.choice(foreign)[0])
        labels.append(sorted({label for _, label in chosen}))
    return Joined(texts, labels)


def labels_of_most(records: Records) -> set[str]:
    """Return the most frequent labels, `MAX_LABELS` at most."""
    names = [label for _, label in records]
    return set(sorted(set(names), key=lambda name: (-names.count(name), name))[:MAX_LABELS])


if __name__ == "__main__":
    main()
