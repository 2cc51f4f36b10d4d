"""Few labels, without and with unlabelled texts (see `conftest.py`)."""

from __future__ import annotations

import random
import re

import pytest

from bench import few_labels
from bench.records import DataSet
from tests.bench.conftest import Bench, installed


@pytest.mark.soak
def test_few_labels(bench: Bench) -> None:
    systems = [name for name, peer in few_labels.PEERS.items() if installed(peer.package)]
    # A sentence encoder would read a thousand texts.
    systems = [name for name in systems if name not in few_labels.OUTSIDE]
    options = "--sets", "TREC", "CR", "--draws", "3"
    arguments = "--sizes", "12", "--systems", *systems, "foretell, + vectors"
    rows = bench("few_labels", *options, *arguments, "--preset", "quick", BUCKETS=1_000)["few_labels"]
    assert [row[:2] for row in rows] == [["TREC", "12"], ["CR", "12"], ["mean", "12"]]
    assert all(re.fullmatch(r"\d+\.\d%", cell) for row in rows for cell in row[2:])


def test_few_labels_with_all_labels_leave_nothing_unlabelled(bench: Bench) -> None:
    systems = "TF-IDF", "TF-IDF of characters", "foretell, + unlabelled"
    rows = bench("few_labels", "--sets", "CR", "--sizes", "all", "--systems", *systems)["few_labels"]
    assert [row[:2] for row in rows] == [["CR", "all"]]
    # One figure each: every draw of all labels is the same for these models.
    assert [bool(re.fullmatch(r"\d+\.\d%", cell)) for cell in rows[0][2:]] == [True, True, False]
    assert rows[0][-1] == ""


def test_film_reviews_are_measured_where_they_are_named(bench: Bench) -> None:
    systems = "--systems", "TF-IDF", "foretell, + unlabelled"
    rows = bench("few_labels", "--sets", "IMDB", "--sizes", "20", "--draws", "3", *systems)["few_labels"]
    assert [row[:2] for row in rows] == [["IMDB", "20"]]
    assert all(re.fullmatch(r"\d+\.\d%", cell) for cell in rows[0][2:])


@pytest.mark.parametrize(
    ("system", "name", "size", "count"),
    [
        ("SetFit", "TREC", "300", 2),
        ("SetFit", "TREC", "1000", 2),
        ("SetFit", "TREC", "all", 0),
        ("SetFit", "waimai", "300", 0),
        ("model2vec", "TREC", "all", 1),
        ("WordLlama", "germeval18", "100", 0),
    ],
)
def test_what_others_know_is_of_english_and_setfit_is_for_few_labels(
    system: str, name: str, size: str, count: int
) -> None:
    assert len(few_labels._measured_draws(system, name, size, [3, 4])) == count


def test_a_draw_is_the_beginning_of_the_shuffled_training_part() -> None:
    records = [(f"text {i}", str(i % 2)) for i in range(20)]
    whole = DataSet(records, [("test", "0")])
    data = few_labels.draw(whole, "5", 3)
    shuffled = records.copy()
    random.Random(3).shuffle(shuffled)
    assert data == DataSet(shuffled[:5], whole.test, [text for text, _ in shuffled[5:]])
    assert whole.train == records
    assert few_labels.draw(whole, "all", 3) == DataSet(shuffled, whole.test, [])
