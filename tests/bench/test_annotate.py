"""The benchmark of `foretell label` (see `conftest.py`)."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from bench.annotate import CASES, Case, Simulation, _needed, _thinned, made
from bench.records import DataSet
from tests.bench.conftest import Bench


def test_annotate(bench: Bench) -> None:
    options = ("--cases", "TREC", "CR, 10 % wrong", "--seeds", "1", "--labels", "20")
    rows = bench("annotate", *options)["annotate"]
    assert [row[:2] for row in rows] == [["TREC", "accuracy"], ["CR, 10 % wrong", "accuracy"]]
    for row in rows:
        assert all(re.match(r"\d+\.\d%", cell) for cell in row[2:4])
        assert row[4] in ("10", "20", "not reached")
        assert all(re.match(r"[+-]\d+\.\d%", cell) for cell in row[5:7])


def test_a_label_is_thinned_out() -> None:
    records = [(str(n), "rare" if n % 5 == 0 else "often") for n in range(1000)]
    counts = Counter(label for _, label in _thinned(records, "rare", 0.02, 1))
    assert counts == {"often": 784, "rare": 16}
    few = [(str(n), "rare" if n % 100 == 0 else "often") for n in range(1000)]
    counts = Counter(label for _, label in _thinned(few, "rare", 0.02, 1))
    assert counts == {"often": 490, "rare": 10}


def test_the_person_is_wrong_as_often_as_asked_and_orders_do_not_repeat(bench: Bench) -> None:
    del bench
    records = [(f"text {n} of {n % 7}", "ab"[n % 2]) for n in range(400)]
    simulation = Simulation(DataSet(records, records[:9]), 1, Case("CR", wrong=0.1))
    wrong = sum(given != "ab"[n % 2] for n, given in enumerate(simulation._answer))
    assert 25 <= wrong <= 55
    order = simulation.in_order(3)
    chosen = [place for _ in range(10) for place in order([], 8)]
    assert len(set(chosen)) == 80
    assert not simulation._pool.reserved[chosen].any()


def test_labels_needed() -> None:
    curve = np.array([0.1, 0.5, 0.7, 0.8])
    assert _needed(np.array([0.6, 0.8, 0.9, 0.9]), curve) == "20"
    assert _needed(curve - 0.1, curve) == "not reached"


def test_development_leaves_the_test_part_alone(bench: Bench) -> None:
    del bench
    whole, data = made(CASES["TREC"], 1, is_test=True), made(CASES["TREC"], 1, is_test=False)
    assert set(data.train) | set(data.test) == set(whole.train)
    assert not set(data.train) & set(data.test)
    assert {case.figure for case in CASES.values()} == {"accuracy", "macro_f1"}
