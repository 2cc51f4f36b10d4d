"""Hints on labels: a mapping or a file, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foretell.data.examples import Examples
from foretell.data.label_hints import check_hinted_labels, read_label_hints
from foretell.errors import DataError


def test_a_mapping_and_a_file_give_the_same_words(tmp_path: Path) -> None:
    path = tmp_path / "hints.csv"
    path.write_text("label,text\nneg,bad awful\npos,good\npos,a great film\n")
    of_file = read_label_hints(path)
    assert list(zip(of_file.labels, of_file.texts, strict=True)) == [
        ("neg", "bad awful"),
        ("pos", "good"),
        ("pos", "a great film"),
    ]
    of_mapping = read_label_hints({"neg": ["bad", "awful"], 1: "good"})
    assert (of_mapping.labels, of_mapping.texts) == (["neg", "1"], ["bad awful", "good"])
    assert of_file.name == of_mapping.name == "label hints"


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ({"pos": "good"}, "words for two labels or more, found only 'pos'"),
        ({}, "words for two labels or more, found none"),
        ({"pos": "good", "neg": " "}, "label hints, 'neg': expected words"),
        ({"pos": "good", "neg": []}, "label hints, 'neg': expected words"),
        ({"pos": "good", "neg": 3}, "label hints, 'neg': expected words"),
        ({"pos": "good", "neg": ["bad", None]}, "label hints, 'neg': expected words"),
    ],
)
def test_other_things_than_words_are_refused(hints: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_label_hints(hints)


def test_a_label_that_no_text_has_is_refused() -> None:
    hints = read_label_hints({"pos": "good", "postive": "great", "neg": "bad"})
    examples = Examples(["fine", "dull"], ["pos", "neg"])
    message = r"the labels of the training texts \(neg, pos\), found postive; correct the name"
    with pytest.raises(DataError, match=message):
        check_hinted_labels(hints, examples)
