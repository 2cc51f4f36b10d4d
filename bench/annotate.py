"""Labels that `foretell label` needs, beside texts in random order: test accuracy by the number of labels.

A simulated person gives the labels of the set. The pool is 3,000 training texts; one text in five is drawn at
random for the figures and not learned from, in both orders. What learns is the quick model of `foretell
label`, which is fitted again after every ten labels. Two random orders are run for each seed: how far one is
below the other is chance. A set "with a 2 % label" has its rarest label thinned out to 2 %, in the test part
too, and is measured by macro F1; "10 % wrong" makes a tenth of the answers wrong at random.

python -m bench annotate --cases TREC --seeds 1      one set, one seed
python -m bench annotate --development               test on a fifth of the training records
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.record import Results
from bench.records import DataSet, Records, few_labels, labels_of, texts_of
from bench.requirements import archive
from foretell.annotation.answers import Answer
from foretell.annotation.pool import Pool
from foretell.annotation.ranking import Ranker
from foretell.arrays import Float64s, Integers
from foretell.metrics import label_figures

SEEDS = (1, 2, 3)
LABELS = 400
STEP = 10
RANDOM_IN_STEP = 2
POOL = 3_000
SMOOTHED = 3
"""Steps that are averaged, so that one lucky step decides nothing."""
NEXT = 50


@dataclass(frozen=True)
class Case:
    """A set, and what is made of it.

    Attributes:
        set: its name.
        rare: share of the rarest label after thinning out; 0: as it is.
        wrong: share of wrong answers.
    """

    set: str
    rare: float = 0.0
    wrong: float = 0.0

    @property
    def figure(self) -> str:
        """The figure that is measured: accuracy says nothing about a label of 2 %."""
        return "macro_f1" if self.rare else "accuracy"


CASES = {
    "TREC": Case("TREC"),
    "waimai": Case("waimai"),
    "TREC with a 2 % label": Case("TREC", rare=0.02),
    "CR, 10 % wrong": Case("CR", wrong=0.1),
}


@dataclass
class Run:
    """The figure after each step of one order of texts, and when the view said that more changes little."""

    figures: list[float] = field(default_factory=list)
    said_at: int | None = None


def main() -> None:
    """Show one row for each case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="(default: 1 2 3)")
    parser.add_argument("--labels", type=int, default=LABELS, help="(default: 400)")
    parser.add_argument("--development", action="store_true", help="leave the test part alone")
    options = parser.parse_args()
    archive("few-labels.zip")
    shown = [n for n in (50, 100, 200, options.labels) if n <= options.labels]
    columns = [
        "case", "figure", *(f"{n} labels: random" for n in shown), *(f"{n} labels: label" for n in shown),
        f"labels for what {options.labels} random ones give", "lowest difference",
        "lowest difference of two random orders", "50 more said to change little at", "gain of these 50",
        "seconds",
    ]  # fmt: skip
    results = Results("annotate", columns)
    for name in options.cases:
        start = time.perf_counter()
        runs = [
            _runs(CASES[name], seed, options.labels, is_test=not options.development)
            for seed in options.seeds
        ]
        active = [each["label"] for each in runs]
        curves = {kind: _curve([each[kind] for each in runs]) for kind in runs[0]}
        random_curve = (curves["random 1"] + curves["random 2"]) / 2
        cells = [f"{_at(curve, n):.1%}" for curve in (random_curve, curves["label"]) for n in shown]
        results.add(
            name, CASES[name].figure, *cells, _needed(curves["label"], random_curve),
            f"{_lowest(curves['label'], random_curve):+.1%}",
            f"{_lowest(curves['random 1'], curves['random 2']):+.1%}",
            _said(active), _gains(active), f"{time.perf_counter() - start:.0f}",
            curves={kind: curve.tolist() for kind, curve in curves.items()},
        )  # fmt: skip


def _runs(case: Case, seed: int, labels: int, *, is_test: bool) -> dict[str, Run]:
    """Return the run of `foretell label` and of two random orders, on one draw of the pool."""
    data = made(case, seed, is_test=is_test)
    simulation = Simulation(data, seed, case)
    runs = {"label": simulation.run(labels, simulation.informative)}
    for order in (1, 2):
        runs[f"random {order}"] = simulation.run(labels, simulation.in_order(1000 * order + seed))
    return runs


def made(case: Case, seed: int, *, is_test: bool) -> DataSet:
    """Return the pool and the test records of a case, with their true labels."""
    whole = few_labels(case.set)
    records = list(dict.fromkeys(whole.train))
    random.Random(seed).shuffle(records)
    test = whole.test
    if not is_test:
        n = len(records) // 5
        test, records = records[:n], records[n:]
    if case.rare:
        counts = Counter(labels_of(whole.train))
        rarest = min(sorted(counts), key=lambda label: counts[label])
        records, test = (_thinned(each, rarest, case.rare, seed) for each in (records, test))
    return DataSet(records[:POOL], test)


def _thinned(records: Records, rarest: str, share: float, seed: int) -> Records:
    """Leave out records of a label until it has a share; those of the others where it has less."""
    rare = [place for place, (_, label) in enumerate(records) if label == rarest]
    others = [place for place, (_, label) in enumerate(records) if label != rarest]
    rng = random.Random(seed)
    kept_rare = min(len(rare), round(share / (1 - share) * len(others)))
    kept_others = min(len(others), round((1 - share) / share * kept_rare))
    kept = {*rng.sample(rare, kept_rare), *rng.sample(others, kept_others)}
    return [record for place, record in enumerate(records) if place in kept]


Choose = Callable[[list[Answer], int], list[int]]


class Simulation:
    """One pool with a person who knows the labels.

    Args:
        data: the pool and the test records.
        seed: of all draws.
        case: what is measured, and how many answers are wrong.
    """

    def __init__(self, data: DataSet, seed: int, case: Case) -> None:
        self._case, self._test = case, data.test
        self._labels = sorted({*labels_of(data.train), *labels_of(data.test)})
        texts = texts_of(data.train)
        self._pool = Pool(texts, seed)
        given = dict(data.train)
        rng = random.Random(seed)
        self._answer = [
            rng.choice([other for other in self._labels if other != given[text]])
            if rng.random() < case.wrong
            else given[text]
            for text in self._pool.texts
        ]
        self._ranker = Ranker(self._pool, self._labels, seed)
        self._quick = self._ranker.quick
        self._said: int | None = None

    def run(self, labels: int, choose: Choose) -> Run:
        """Answer so many texts, and measure after each step."""
        run, answers = Run(), list[Answer]()
        self._said = None
        drawn = iter(self._pool.drawn.tolist())
        while len(answers) < labels:
            places = [next(drawn) for _ in range(RANDOM_IN_STEP)]
            answers += [self._answered(place, "test") for place in places]
            answers += [self._answered(place, "train") for place in choose(answers, STEP - RANDOM_IN_STEP)]
            run.figures.append(self._figure(answers))
        run.said_at = self._said
        return run

    def informative(self, answers: list[Answer], count: int) -> list[int]:
        """Return the texts that `foretell label` shows next."""
        ranking = self._ranker.rank(0, answers)
        if ranking.metrics.changes_little and self._said is None:
            self._said = len(answers)
        return list(ranking.queue[:count])

    def in_order(self, seed: int) -> Choose:
        """Return a random order of the texts that are not reserved."""
        free = np.flatnonzero(~(self._pool.reserved | self._pool.is_repeat))
        order = iter(np.random.default_rng(seed).permutation(free).tolist())
        return lambda _, count: [next(order) for _ in range(count)]

    def _answered(self, place: int, part: str) -> Answer:
        return Answer(
            text=self._pool.texts[place],
            kind="label",
            label=self._answer[place],
            part="test" if part == "test" else "train",
        )

    def _figure(self, answers: Sequence[Answer]) -> float:
        """Return the figure on the test records of the quick model that is fitted to the answers."""
        model = self._quick.model(*self._ranker.labelled(answers, "train"))
        predicted: Integers = self._quick.predict(model, texts_of(self._test)).argmax(axis=1)
        truth = np.array([self._labels.index(label) for label in labels_of(self._test)])
        return float(label_figures(truth, predicted, self._labels)[self._case.figure])


def _curve(runs: Sequence[Run]) -> Float64s:
    """Return the mean of the runs, smoothed, [step]."""
    mean = np.mean([run.figures for run in runs], axis=0)
    weights = np.ones(SMOOTHED)
    smoothed: Float64s = np.convolve(mean, weights, "same") / np.convolve(np.ones(len(mean)), weights, "same")
    return smoothed


def _at(curve: Float64s, labels: int) -> float:
    return float(curve[labels // STEP - 1])


def _needed(active: Float64s, by_chance: Float64s) -> str:
    """Return how many labels give what all random ones give."""
    reached = np.flatnonzero(active >= by_chance[-1])
    return f"{STEP * (reached[0] + 1)}" if len(reached) else "not reached"


def _lowest(one: Float64s, other: Float64s) -> float:
    return float((one - other).min())


def _said(runs: Sequence[Run]) -> str:
    said = [run.said_at for run in runs if run.said_at is not None]
    return ", ".join(map(str, said)) if said else "never"


def _gains(runs: Sequence[Run]) -> str:
    gains = list(_each_gain(runs))
    return f"{np.mean(gains):+.1%}" if gains else ""


def _each_gain(runs: Sequence[Run]) -> Iterator[float]:
    for run in runs:
        if run.said_at is not None and run.said_at + NEXT <= STEP * len(run.figures):
            first = run.said_at // STEP - 1
            yield run.figures[first + NEXT // STEP] - run.figures[first]


if __name__ == "__main__":
    main()
