"""The benchmark of likely label errors (see `conftest.py`)."""

from __future__ import annotations

import re

from bench.label_errors import flipped, measure
from tests.bench.conftest import Bench


def test_label_errors(bench: Bench) -> None:
    rows = bench("label_errors", "--sets", "TREC", "CR", "--seeds", "1", "2")["label_errors"]
    assert [row[:3] for row in rows] == [["TREC", "36", "3"], ["CR", "24", "2"]]
    assert all(re.match(r"\d+\.\d%", cell) for row in rows for cell in row[3:10])


def test_five_per_cent_of_the_labels_become_another_one() -> None:
    labels = [str(i % 4) for i in range(200)]
    wrong, places = flipped(labels, 1)
    assert len(places) == 10
    assert {i for i in range(200) if wrong[i] != labels[i]} == places
    assert set(wrong) == set(labels)
    assert flipped(labels, 1) == (wrong, places)
    assert flipped(labels, 2)[1] != places


def test_texts_that_show_their_label_have_no_error_overlooked() -> None:
    words = {"a": "apple ant", "b": "bear bee"}
    labels = ["a", "b"] * 100
    found = measure([f"{words[label]} {i}" for i, label in enumerate(labels)], labels, 1)
    assert found.recall == found.precision == found.first == found.suggested == 1
