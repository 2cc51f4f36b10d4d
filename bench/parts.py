"""A classifier on records of our own: trained as a user does, and measured whole and in its parts."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bench.commands import foretell

Records = list[tuple[str, str]]
"""Texts with their labels."""


@dataclass(frozen=True)
class Files:
    """Records written as files."""

    learned: Path
    tested: Path
    unlabelled: Path | None


@dataclass(frozen=True)
class Measured:
    """Accuracies on the tested records, and the seconds of the training."""

    whole: float
    network: float
    linear: float
    seconds: float


@dataclass(frozen=True)
class OverSeeds:
    """What several seeds have given."""

    runs: list[Measured]

    @property
    def mean(self) -> Measured:
        """The mean of each figure."""
        names = [field.name for field in dataclasses.fields(Measured)]
        return Measured(**{name: mean(getattr(run, name) for run in self.runs) for name in names})

    @property
    def spread(self) -> str:
        """The lowest and the highest accuracy of the whole."""
        whole = [run.whole for run in self.runs]
        return f"{min(whole):.1%} to {max(whole):.1%}"


def write(folder: Path, learned: Records, tested: Records, unlabelled: Sequence[str] = ()) -> Files:
    """Write records to learn from, records to test on and texts without labels into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("learned", learned), ("tested", tested)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    path = folder / "unlabelled.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in unlabelled), encoding="utf-8")
    return Files(folder / "learned.csv", folder / "tested.csv", path if unlabelled else None)


def measure_seeds(files: Files, out: Path, seeds: int, *options: str) -> OverSeeds:
    """Measure with the seeds 1 to `seeds`; see `measure`."""
    return OverSeeds([measure(files, out, "--seed", str(seed + 1), *options) for seed in range(seeds)])


def measure(files: Files, out: Path, *options: str) -> Measured:
    """Train by the command line into `out`, over what may be there, and test the model and its parts."""
    import numpy as np

    from foretell.artifacts.directory import open_verified
    from foretell.data.examples import read_examples
    from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
    from foretell.runtime.labels.classifier import LabelsRuntime

    more = [] if files.unlabelled is None else ["--unlabelled", files.unlabelled]
    done = foretell("train", "labels", files.learned, *more, *options, "--out", out, "--restart")
    opened, examples = open_verified(out), read_examples(str(files.tested))

    def accuracy(ensemble: Ensemble) -> float:
        runtime = LabelsRuntime(dataclasses.replace(opened, ensemble=ensemble))
        found = np.array(runtime.labels)[runtime.predict_proba(examples.texts).argmax(axis=1)]
        return float(np.mean(found == np.array(examples.labels)))

    linear = Ensemble(network=0.0, linear=1.0)
    return Measured(accuracy(opened.ensemble), accuracy(NETWORK_ALONE), accuracy(linear), done.seconds)


def tfidf_accuracy(learned: list[tuple[str, Any]], tested: list[tuple[str, Any]], **vectorizer: Any) -> float:
    """Return that of TF-IDF of 1-2 grams and logistic regression, as scikit-learn's users write it.

    Args:
        learned, tested: records to learn from and to test on.
        **vectorizer: more settings of `TfidfVectorizer`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **vectorizer)
    (texts, labels), (test_texts, test_labels) = zip(*learned, strict=True), zip(*tested, strict=True)
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=1000)).fit(texts, labels)
    return float(model.score(test_texts, test_labels))
