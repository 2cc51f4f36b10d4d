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

from foretell.data.checks import data_notes, similar_label_notes
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
    return Examples(
        texts, [r.choices(["a", "b", "c", "rare"], [50, 30, 19, 1])[0] for _ in range(n)]
    )


def digest(split: Split) -> str:
    assert split.valid is not None
    parts = [[part.texts, part.labels] for part in (split.train, split.valid)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def test_the_split_is_the_one_that_earlier_versions_made() -> None:
    # A run that is resumed, and a metric that is measured again, need the same validation texts.
    for n, fraction, expected in ((500, 0.1, "95fd76193dcf6f5c"), (2000, 0.05, "b876f851bd2f0e93")):
        assert digest(make_split(generated(n, n), fraction=fraction, seed=1)) == expected
    split = make_split(generated(5, 400), valid=generated(6, 100), fraction=0.1, seed=1)
    assert (len(split.train), digest(split)) == (318, "aa5204f06bb8c2e1")


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["x", "X ", "y z", "y\nZ", "w", "v", "u"]), LABELS)),
    FRACTIONS,
    SEEDS,
)
def test_equal_texts_are_never_on_both_sides(
    rows: list[tuple[str, str]], fraction: float, seed: int
) -> None:
    examples = Examples([text for text, _ in rows], [label for _, label in rows])
    split = make_split(examples, fraction=fraction, seed=seed)
    train = split.train
    valid = split.valid or Examples([], [])
    assert {text_key(text) for text in train.texts}.isdisjoint(map(text_key, valid.texts))
    both = [
        *zip(train.texts, train.labels, strict=True),
        *zip(valid.texts, valid.labels, strict=True),
    ]
    assert Counter(both) == Counter(rows)
    assert len(train) or not rows


@settings(max_examples=30)
@given(st.lists(LABELS, min_size=2, max_size=80), FRACTIONS, SEEDS)
def test_each_label_keeps_its_share_to_within_one(
    labels: list[str], fraction: float, seed: int
) -> None:
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
    split = make_split(
        train, valid=valid, fraction=0.1, seed=1, unlabelled=["A ", "new", "E", "b", "new"]
    )
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
        make_split(Examples(["a", "b", "c"], ["x", "y", "x"]), valid=valid, fraction=0.1, seed=1)


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=25, max_size=60),
    st.integers(0, 2**32),
    FRACTIONS,
    SEEDS,
)
@settings(deadline=None)
def test_every_label_stays_in_training(
    labels: list[str], texts: int, fraction: float, seed: int
) -> None:
    """Also where a label has no text but one that others have, too."""
    rng = random.Random(texts)
    examples = Examples([str(rng.randrange(24)) for _ in labels], labels)
    assert set(make_split(examples, fraction=fraction, seed=seed).train.labels) == {*labels}


def test_texts_with_different_labels_are_counted_but_not_soft_labels() -> None:
    texts = ["a", "A ", "b", "b", "c"]
    labels = ["x", "y", "x", "x", "y"]
    for weights, notes in (
        (None, ("1 text has different labels in different records",)),
        ([0.7, 0.3, 1.0, 1.0, 1.0], ()),
    ):
        examples = Examples(texts, labels, weights=weights)
        assert make_split(examples, fraction=0.0, seed=1).notes == notes


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
