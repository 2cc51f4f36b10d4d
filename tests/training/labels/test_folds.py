"""Folds: even, without leaks, and honest about rare labels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.training.labels.folds import make_folds

LABELLED = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(0, 2)), min_size=1, max_size=60)


@settings(deadline=None)
@given(LABELLED, st.integers(2, 6))
def test_equal_texts_stay_together_and_every_fold_knows_every_label(
    labelled: list[tuple[str, int]], n_folds: int
) -> None:
    texts = [f"{text.upper()} text" if i % 2 else f"{text}  text" for i, (text, _) in enumerate(labelled)]
    targets = np.array([label for _, label in labelled], np.int32)
    folds = make_folds(texts, targets, n_folds, seed=1)
    assert folds.count <= n_folds
    for key in {text.casefold().split()[0] for text in texts}:
        assert len({int(folds.fold_of[i]) for i, text in enumerate(texts) if text.casefold()[0] == key}) == 1
    for rows, held in folds:
        assert not (rows & held).any()
        assert (rows | held).all()
        assert rows.any() or not held.any()


def test_labels_are_spread_evenly_over_the_folds() -> None:
    targets = np.repeat(np.arange(3, dtype=np.int32), [50, 25, 7])
    folds = make_folds([f"text {i}" for i in range(82)], targets, 5, seed=3)
    for label, most in ((0, 10), (1, 5), (2, 2)):
        counts = np.bincount(folds.fold_of[targets == label], minlength=5)
        assert counts.max() <= most
        assert counts.max() - counts.min() <= 1
    assert not folds.notes
    assert (make_folds([f"text {i}" for i in range(82)], targets, 5, seed=4).fold_of != folds.fold_of).any()


def test_a_label_of_one_text_is_never_held_out_and_a_note_says_so() -> None:
    targets = np.array([0, 0, 0, 0, 0, 0, 1, 2, 2], np.int32)
    folds = make_folds([f"text {i}" for i in range(9)], targets, 5, seed=1)
    assert folds.fold_of[6] == -1
    assert folds.held.sum() == 8
    assert any(note.startswith("1 label has one text only") for note in folds.notes)
    assert any(note.startswith("1 label has fewer texts than there are folds (5)") for note in folds.notes)
