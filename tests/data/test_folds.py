"""Folds of labelled texts: what is held out together."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foretell.data.folds import FEW_OF_LABEL, folds_of, make_folds, note_on_few, note_on_unknown
from foretell.data.text_keys import text_key


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=6, max_size=60),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.integers(0, 9),
    st.booleans(),
)
def test_equal_texts_are_never_on_both_sides(
    given_texts: list[tuple[int, int]], n_folds: int, first: float, seed: int, several: bool
) -> None:
    change = random.Random(seed)
    spellings = ("text  {}", "Text {}", " TEXT {} ")
    texts = [change.choice(spellings).format(number) for number, _ in given_texts]
    labels = np.array([label for _, label in given_texts], np.int32)
    targets = np.eye(3, dtype=np.float32)[labels] if several else labels
    for fitted, held in folds_of(texts, targets, n_folds, seed, first):
        sides = [
            {number for (number, _), is_in in zip(given_texts, side, strict=True) if is_in}
            for side in (fitted, held)
        ]
        assert not sides[0] & sides[1]
        assert (fitted | held).all()
        assert n_folds == 1 or fitted.any() or not held.any()


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=2, max_size=40),
    st.integers(2, 5),
    st.integers(0, 9),
)
def test_every_text_is_held_out_and_only_labels_of_one_text_are_unknown_then(
    given_texts: list[tuple[int, int]], n_folds: int, seed: int
) -> None:
    """A text whose label no other text has is what a new text with a new label is: a miss."""
    texts = [f"text {number}" for number, _ in given_texts]
    # Equal texts have one label here.
    label_of = dict(given_texts)
    labels = np.array([label_of[number] for number, _ in given_texts], np.int32)
    folds = make_folds(texts, labels, n_folds, seed)
    assert folds.held.all()
    different = {
        label: {text_key(texts[i]) for i in np.flatnonzero(labels == label)} for label in labels
    }
    alone = [len(different[label]) == 1 for label in labels]
    for fitted, held in folds:
        for place in np.flatnonzero(held):
            assert (labels[place] in labels[fitted]) == (not alone[place])
    note = note_on_unknown(folds, labels)
    assert note.startswith(f"{sum(alone)} text") or (note == "" and not any(alone))


def test_labels_of_one_text_are_spread_evenly_too() -> None:
    labels = np.repeat(np.arange(10, dtype=np.int32), [1, 4] * 5)
    folds = make_folds([f"text {place}" for place in range(25)], labels, 5, 1)
    assert sorted(folds.fold_of[labels % 2 == 0]) == [0, 1, 2, 3, 4]


@given(st.integers(2, 2000), st.integers(2, 500))
def test_few_texts_of_each_label_are_a_caution(n_texts: int, n_labels: int) -> None:
    note = note_on_few(n_texts, n_labels)
    assert bool(note) == (n_texts / n_labels < FEW_OF_LABEL)
    assert not note or note.startswith(f"with {n_texts / n_labels:.1f} texts of each label")
