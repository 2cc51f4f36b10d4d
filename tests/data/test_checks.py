"""Checks of examples before training: what cannot be learned from, and what looks wrong."""

from __future__ import annotations

import pytest

from foretell.data.checks import check_learnable, data_notes, is_single, rare_label_notes
from foretell.data.examples import Examples
from foretell.data.options import Arguments
from foretell.errors import DataError


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (Examples([], [], dropped={"an empty text": 2}), r"found none \(2 dropped with an empty text\)"),
        (Examples(["a", "b"], ["x", "x"]), "expected two labels or more, found only 'x', 2 times"),
        (Examples(list("abcdef"), list("123456")), "6 different labels for 6 texts"),
    ],
)
def test_what_cannot_be_learned_is_told(examples: Examples, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_learnable(examples)


def test_two_labels_can_be_learned() -> None:
    check_learnable(Examples(["a", "b"], ["x", "y"]))


def test_the_error_names_the_argument_of_the_interface() -> None:
    examples = Examples(["a", "b"], ["x", "x"])
    with pytest.raises(DataError, match=r"name it with label='COLUMN'$"):
        check_learnable(examples)
    with pytest.raises(DataError, match=r"name it with --label COLUMN$"):
        check_learnable(examples, Arguments(label="--label {}"))
    with pytest.raises(DataError, match=r"; add texts with another label$"):
        check_learnable(examples, Arguments(label=None))


def test_labels_that_differ_only_in_case_or_white_space_are_named_with_their_counts() -> None:
    labels = ["good"] * 3 + ["Good", " good", "bad", "very  bad", "Very bad"]
    examples = Examples(["two words"] * len(labels), labels)
    assert data_notes(examples, single=0) == [
        "labels that differ only in case or white space: ' good' (1) and 'Good' (1) and 'good' (3); "
        "'Very bad' (1) and 'very  bad' (1)"
    ]
    assert data_notes(Examples(["two words"] * 2, ["good", "goods"]), single=0) == []


def test_many_similar_labels_are_shortened() -> None:
    labels = [name for i in range(8) for name in (f"l{i}", f"L{i}")]
    [note] = data_notes(Examples(["two words"] * 16, labels), single=0)
    assert note.endswith("'L4' (1) and 'l4' (1); 3 more")


@pytest.mark.parametrize(("single", "warns"), [(51, True), (50, False), (0, False)])
def test_texts_of_a_single_token_are_suspect_above_one_half(single: int, warns: bool) -> None:
    texts = [" id-17 "] * single + ["two words"] * (100 - single)
    n_single = sum(is_single(text, text.split()) for text in texts)
    expected = ["51 % of the texts consist of a single token"] if warns else []
    notes = data_notes(Examples(texts, ["x"] * 100), single=n_single)
    assert [note.split(":")[0] for note in notes] == expected


def test_words_without_spaces_between_them_are_no_identifier() -> None:
    assert is_single("user_17-a", ["user_17", "-", "a"])
    assert is_single(" 好 ", ["好"])
    assert not is_single("很好吃", ["很", "好", "吃"])
    assert not is_single("two words", ["two", "words"])


def test_labels_without_validation_texts_are_named_the_rarest_first() -> None:
    train = ["a"] * 9 + ["c"] * 2 + ["b"] * 2 + ["d"]
    assert rare_label_notes(train, ["a"]) == [
        "3 labels have no validation text (training texts in brackets): 'd' (1), 'b' (2), 'c' (2)"
    ]
    assert rare_label_notes(train, ["a", "b", "c"]) == [
        "1 label has no validation text (training texts in brackets): 'd' (1)"
    ]
    assert rare_label_notes(train, ["a", "b", "c", "d"]) == []
    [many] = rare_label_notes([f"l{i}" for i in range(9)], [])
    assert many.endswith("'l4' (1) and 4 more")


def test_no_examples_give_no_notes() -> None:
    assert data_notes(Examples([], []), single=0) == []
