"""A teacher's answers from files and tables: every form is read, and each wrong one is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.training.labels.soft import Answering, answered, read_soft

LABELS = ["bad", "good", "so"]
COLUMNS = "text,good,bad,so\nfine,0.7,0.2,0.1\ndull,0.1,0.8,0.1\n"
PAIRS = "text,label,confidence\nfine,good,0.7\ndull,bad,0.8\n"


def written(tmp_path: Path, content: str) -> Path:
    (tmp_path / "soft.csv").write_text(content)
    return tmp_path / "soft.csv"


def values_of(found: Answering) -> np.ndarray:
    return np.asarray(found.ask(found.texts))


@pytest.mark.parametrize("labels", [LABELS, []], ids=["known", "unknown"])
def test_a_column_for_each_label(labels: list[str], tmp_path: Path) -> None:
    found = read_soft(written(tmp_path, COLUMNS), labels)
    assert found.texts == ("fine", "dull")
    order = [found.labels.index(label) for label in LABELS]
    np.testing.assert_allclose(
        values_of(found)[:, order], [[0.2, 0.7, 0.1], [0.8, 0.1, 0.1]], atol=1e-6
    )


def test_a_label_with_or_without_its_probability(tmp_path: Path) -> None:
    found = read_soft(written(tmp_path, PAIRS), LABELS)
    np.testing.assert_allclose(values_of(found), [[0.15, 0.7, 0.15], [0.8, 0.1, 0.1]], atol=1e-6)
    certain = read_soft(written(tmp_path, "text,label\nfine,good\ndull,bad\n"))
    assert certain.labels == ["bad", "good"]
    np.testing.assert_array_equal(values_of(certain), [[0, 1], [1, 0]])


def test_equal_texts_are_one_and_are_found_by_their_words(tmp_path: Path) -> None:
    found = read_soft(written(tmp_path, COLUMNS + "Fine ,0.7,0.2,0.1\n"), LABELS)
    assert found.texts == ("fine", "dull")
    answers = found.ask(["dull", "other", "FINE"])
    assert np.isnan(answers[1]).all()
    np.testing.assert_array_equal(answers[[2, 0]], values_of(found))


def test_other_answers_to_the_same_texts_have_another_digest() -> None:
    first, second = (
        answered(["fine", "dull"], values, ["bad", "good"], "soft.csv")
        for values in ([[0.2, 0.8], [0.9, 0.1]], [[0.9, 0.1], [0.2, 0.8]])
    )
    assert first.sha256 != second.sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,good,bad,others\nfine,1,0,0\n", r"a column for each label \(bad, good, so\)"),
        (
            "text,label\nfine,good\ndull,poor\n",
            "text 2: expected one of .* bad, good, so, found 'poor'",
        ),
        (
            "text,label\nfine,good\ndull,\n",
            "text 2: expected one of the labels bad, good, so, found None",
        ),
        (
            COLUMNS + "flat,-0.1,1,0.1\n",
            "soft.csv, text 3: expected a probability from 0 to 1, found '-0.1'",
        ),
        (
            "text,label,probability\nflat,bad,87\n",
            "text 1: expected a probability from 0 to 1, found '87'",
        ),
        (COLUMNS + "flat,,1,0\n", "text 3: expected a probability from 0 to 1, found ''"),
        (COLUMNS + "flat,1,1,0\n", "text 3: .* found a sum of 2"),
        (COLUMNS + "fine,0.1,0.8,0.1\n", r"found two different ones for 'fine' \(texts 1 and 3\)"),
    ],
)
def test_bad_files_are_one_line(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_soft(written(tmp_path, content), LABELS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "values", ["no array", [[0.5, 0.5]], None, [["a", "b", "c"]], [0.2, 0.3, 0.5]]
)
def test_arrays_of_another_shape_are_one_line(values: Any) -> None:
    with pytest.raises(DataError, match=r"of the shape \(1, 3\)"):
        answered(["a text"], values, LABELS, "teacher")
    # Sums that are rounded are made 1.
    found = answered(["a text"], [[0.33, 0.33, 0.33]], LABELS, "teacher")
    np.testing.assert_allclose(values_of(found).sum(axis=1), 1)
