"""Splits: stratified, seeded, never the same text on both sides."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.data.examples import Examples
from foretell.data.split import count_leaks, separate, split, text_key

FRACTIONS = st.floats(0.05, 0.9)
SEEDS = st.integers(0, 2**31 - 1)
LABELS = st.sampled_from("abc")


@given(
    st.lists(st.tuples(st.sampled_from(["x", "X ", "y z", "y\nZ", "w", "v", "u"]), LABELS)), FRACTIONS, SEEDS
)
def test_equal_texts_are_never_on_both_sides(rows: list[tuple[str, str]], fraction: float, seed: int) -> None:
    examples = Examples([text for text, _ in rows], [label for _, label in rows])
    parts = split(examples, fraction, seed)
    train, held = parts.train, parts.held_out
    assert {text_key(text) for text in train.texts}.isdisjoint(map(text_key, held.texts))
    both = [*zip(train.texts, train.labels, strict=True), *zip(held.texts, held.labels, strict=True)]
    assert Counter(both) == Counter(rows)
    assert len(train) or not rows


@given(st.lists(LABELS, min_size=2, max_size=80), FRACTIONS, SEEDS)
def test_each_label_keeps_its_share_to_within_one(labels: list[str], fraction: float, seed: int) -> None:
    examples = Examples([f"text {i}" for i in range(len(labels))], labels)
    held = Counter(split(examples, fraction, seed).held_out.labels)
    for label, count in Counter(labels).items():
        share = count * fraction
        least = 0 if count == 1 else min(math.floor(share), count - 1)
        most = 0 if count == 1 else min(math.ceil(share), count - 1)
        assert least <= held[label] <= most


def test_the_seed_decides_and_order_is_kept() -> None:
    examples = Examples([f"text {i:03}" for i in range(200)], ["a", "b"] * 100)
    first, again, other = (split(examples, 0.1, seed) for seed in (1, 1, 2))
    assert first.held_out == again.held_out != other.held_out
    assert len(first.held_out) == 20
    assert first.train.texts == sorted(first.train.texts)


def test_labels_seen_once_and_repeated_texts_are_told() -> None:
    examples = Examples(["one", "two", "Two ", "three", "four"], ["rare", "a", "b", "a", "b"])
    parts = split(examples, 0.4, 1)
    assert "rare" in parts.train.labels
    assert parts.leaks == 1
    assert parts.notes == [
        "leak avoided: 1 text repeats another; identical texts are kept on one side",
        "1 text has more than one label",
        "a label seen once is learned from but not held out: 'rare'",
    ]


@pytest.mark.parametrize("fraction", [0.0, -1.0])
def test_nothing_is_held_out_at_zero(fraction: float) -> None:
    examples = Examples(["a", "b"], ["x", "y"])
    parts = split(examples, fraction, 1)
    assert (parts.train, len(parts.held_out)) == (examples, 0)


def test_a_leak_between_given_sides_is_kept_out_of_training() -> None:
    train, test = (
        Examples(["a", "B", "c"], ["x", "y", "x"]),
        Examples(["b", "d"], ["y", "x"], name="test.csv"),
    )
    assert count_leaks(train, test) == 1
    parts = separate(train, test)
    assert (parts.train.texts, parts.held_out.texts) == (["a", "c"], ["b", "d"])
    assert parts.notes == ["leak: 1 text is in test.csv too; not learned from"]
    assert count_leaks(parts.train, test) == 0
