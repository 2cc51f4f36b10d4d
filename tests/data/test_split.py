"""Checks before training, and the split."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.data.checks import check_learnable, data_notes, is_single
from foretell.data.examples import Examples
from foretell.data.split import Split, make_split, text_key
from foretell.errors import DataError

FRACTIONS = st.floats(0.05, 0.9)
SEEDS = st.integers(0, 2**31 - 1)
LABELS = st.sampled_from("abc")


def generated(seed: int, n: int) -> Examples:
    """Examples with repeated texts, several labels for some of them, and a rare label."""
    r = random.Random(seed)
    texts = [f"text {r.randrange(n * 3 // 4)}{' ' * r.randrange(2)}" for _ in range(n)]
    return Examples(texts, [r.choices(["a", "b", "c", "rare"], [50, 30, 19, 1])[0] for _ in range(n)])


def digest(split: Split) -> str:
    assert split.valid is not None
    parts = [[part.texts, part.labels] for part in (split.train, split.valid)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("n", "fraction", "seed", "expected"),
    [
        (500, 0.1, 1, "95fd76193dcf6f5c"),
        (2000, 0.05, 1, "b876f851bd2f0e93"),
    ],
)
def test_the_split_is_the_one_that_earlier_versions_made(
    n: int, fraction: float, seed: int, expected: str
) -> None:
    # A run that is resumed, and a metric that is measured again, need the same validation texts.
    assert digest(make_split(generated(n, n), fraction=fraction, seed=seed)) == expected


def test_the_split_by_a_given_validation_set_is_the_one_that_earlier_versions_made() -> None:
    split = make_split(generated(5, 400), valid=generated(6, 100), fraction=0.1, seed=1)
    assert (len(split.train), digest(split)) == (318, "aa5204f06bb8c2e1")


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["x", "X ", "y z", "y\nZ", "w", "v", "u"]), LABELS)), FRACTIONS, SEEDS
)
def test_equal_texts_are_never_on_both_sides(rows: list[tuple[str, str]], fraction: float, seed: int) -> None:
    examples = Examples([text for text, _ in rows], [label for _, label in rows])
    split = make_split(examples, fraction=fraction, seed=seed)
    train, valid = split.train, split.valid or Examples([], [])
    assert {text_key(text) for text in train.texts}.isdisjoint(map(text_key, valid.texts))
    both = [*zip(train.texts, train.labels, strict=True), *zip(valid.texts, valid.labels, strict=True)]
    assert Counter(both) == Counter(rows)
    assert len(train) or not rows


@settings(max_examples=30)
@given(st.lists(LABELS, min_size=2, max_size=80), FRACTIONS, SEEDS)
def test_each_label_keeps_its_share_to_within_one(labels: list[str], fraction: float, seed: int) -> None:
    examples = Examples([f"text {i}" for i in range(len(labels))], labels)
    valid = make_split(examples, fraction=fraction, seed=seed).valid
    counts = Counter([] if valid is None else valid.labels)
    for label, count in Counter(labels).items():
        share = count * fraction
        lower = 0 if count == 1 else min(math.floor(share), count - 1)
        upper = 0 if count == 1 else min(math.ceil(share), count - 1)
        assert lower <= counts[label] <= upper


def test_a_leak_between_given_sides_is_kept_out_of_training() -> None:
    # Lower case alone leaves "ß" and the final sigma as they are.
    train = Examples(["a", "B", "Die  STRASSE", "ΟΔΟΣ", "d"], list("xyxyy"), name="train.csv")
    valid = Examples(["b", "die straße", "οδος", "e"], list("yxyx"), name="valid.csv")
    split = make_split(train, valid=valid, fraction=0.1, seed=1, unlabelled=["A ", "new", "E", "b", "new"])
    assert (split.train.texts, split.train.name) == (["a", "d"], "train.csv")
    assert split.valid is valid
    assert split.unlabelled == ("new", "new")
    assert [note for note in split.notes if "removed" in note] == [
        "removed 3 training texts that are also in the validation set (valid.csv)",
        "removed 2 unlabelled texts that are also in the validation set",
        "removed 1 unlabelled text that is also in the training set",
    ]


@pytest.mark.parametrize(
    ("texts", "label", "message"),
    [
        (["d"], "z", "expected the labels x, y, found z"),
        (["a", "b", "c"], "y", "not in the validation set, found none; give a validation"),
        (["b"], "y", "not in the validation set, found only 'x'; give a validation"),
    ],
)
def test_a_validation_set_that_does_not_go_with_the_training_texts_is_refused(
    texts: list[str], label: str, message: str
) -> None:
    valid = Examples(texts, [label] * len(texts), name="valid.csv")
    with pytest.raises(DataError, match=rf"valid\.csv: .*{message}"):
        make_split(Examples(["a", "b", "c"], ["x", "y", "x"]), valid=valid, fraction=0.1, seed=1)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from("uvwxyz"), LABELS), min_size=1), st.lists(st.sampled_from("uvwxyzst"))
)
def test_no_unlabelled_text_is_in_another_part(rows: list[tuple[str, str]], unlabelled: list[str]) -> None:
    examples = Examples([text for text, _ in rows], [label for _, label in rows])
    split = make_split(examples, fraction=0.3, seed=1, unlabelled=unlabelled)
    assert list(split.unlabelled) == [text for text in unlabelled if text not in examples.texts]


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (Examples([], [], dropped={"an empty text": 2}), r"found none \(2 dropped with an empty text\)"),
        (Examples(["a", "b"], ["x", "x"]), "expected two labels or more, found only 'x', 2 times"),
        (Examples([*map(str, range(30))], [*map(str, range(30))]), "30 different labels for 30 texts"),
    ],
)
def test_what_cannot_be_learned_is_told(examples: Examples, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_learnable(examples)


def test_labels_that_differ_only_in_case_or_white_space_are_named_with_their_counts() -> None:
    labels = ["good"] * 3 + ["Good", " good", "bad", "very  bad", "Very bad"]
    assert data_notes(Examples(["two words"] * len(labels), labels), single=0) == [
        "labels that differ only in case or white space: ' good' (1) and 'Good' (1) and 'good' (3); "
        "'Very bad' (1) and 'very  bad' (1)"
    ]


def test_texts_of_a_single_token_are_suspect_above_one_half() -> None:
    examples = Examples(["id-17"] * 100, ["x"] * 100)
    assert data_notes(examples, single=51)[0].startswith("51 % of the texts consist of a single token:")
    assert data_notes(examples, single=50) == []
    # Words without spaces between them are no identifier.
    single = [("user_17-a", ["user_17", "-", "a"]), (" 好 ", ["好"])]
    several = [("很好吃", ["很", "好", "吃"]), ("two words", ["two", "words"])]
    assert [is_single(*each) for each in single + several] == [True, True, False, False]
