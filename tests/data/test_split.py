"""Checks before training, and the split."""

from __future__ import annotations

import pytest

from foretell.data.checks import data_notes, similar_label_notes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import DataError


def test_a_leak_between_given_sides_is_kept_out_of_training() -> None:
    # Lower case alone leaves "ß" and the final sigma as they are.
    train = Examples(["a", "B", "Die  STRASSE", "ΟΔΟΣ", "d"], list("xyxyy"), name="train.csv")
    valid = Examples(["b", "die straße", "οδος", "e"], list("yxyx"), name="valid.csv")
    split = make_split(train, valid=valid, unlabelled=["A ", "new", "E", "b", "new"])
    assert (split.train.texts, split.train.name) == (["a", "d"], "train.csv")
    assert split.valid is valid
    assert split.unlabelled == ("new", "new")
    assert [note for note in split.notes if "removed" in note] == [
        "removed 3 training texts that are also in the validation set (valid.csv)",
        "removed 3 unlabelled texts that are also in the training or validation set",
    ]


@pytest.mark.parametrize(
    ("texts", "label", "message"),
    [
        (["d"], "z", "expected the labels x, y, found z"),
        (["a", "b", "c"], "y", "not in the validation set, found none of x, y; give a validation"),
        (["b"], "y", "not in the validation set, found none of y; give a validation"),
        (["B"], "x", "not in the validation set, found none of y; give a validation"),
    ],
)
def test_a_validation_set_that_does_not_go_with_the_training_texts_is_refused(
    texts: list[str], label: str, message: str
) -> None:
    valid = Examples(texts, [label] * len(texts), name="valid.csv")
    with pytest.raises(DataError, match=rf"valid\.csv: .*{message}"):
        make_split(Examples(["a", "b", "c"], ["x", "y", "x"]), valid=valid)


def test_texts_with_different_labels_are_counted_but_not_soft_labels() -> None:
    texts = ["a", "A ", "b", "b", "c"]
    labels = ["x", "y", "x", "x", "y"]
    for weights, notes in (
        (None, ("1 text has different labels in different records",)),
        ([0.7, 0.3, 1.0, 1.0, 1.0], ()),
    ):
        examples = Examples(texts, labels, weights=weights)
        assert make_split(examples).notes == notes


def test_labels_that_differ_only_in_case_or_white_space_are_named_with_their_counts() -> None:
    labels = ["good"] * 3 + ["Good", " good", "bad", "very  bad", "Very bad"]
    assert data_notes(Examples(["two words"] * len(labels), labels)) == [
        "labels that look alike (case, white space, invisible or similar letters): ' good' (1) and 'Good' (1) and "
        "'good' (3), "
        "'Very bad' (1) and 'very  bad' (1)"
    ]


def test_labels_that_look_alike_are_named() -> None:
    labels = [
        "ham",
        "ham\u200b",
        "h\u0430m",
        "Größe",
        "Gro\u0308\u00dfe",
        "spam\u00a0",
        "spam",
        "other",
    ]
    (note,) = similar_label_notes(labels)
    assert note.count(" and ") == 4
    assert "other" not in note
