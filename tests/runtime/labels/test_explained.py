"""The values of an explanation are comparable and cannot be changed."""

from __future__ import annotations

import dataclasses

import pytest

from foretell.runtime.labels.explanation import Explanation, Word

WORD = Word("good", 0, 4, 0.5, 0.6, None, True)
EXPLANATION = Explanation("good", "pos", 0.75, (WORD,), (0.75,), 1, None)


def test_equal_values_are_equal_and_a_label_can_be_replaced() -> None:
    assert dataclasses.replace(EXPLANATION) == EXPLANATION
    relabelled = dataclasses.replace(EXPLANATION, label=1)
    assert (type(relabelled), relabelled.label) == (Explanation, 1)
    assert relabelled != EXPLANATION


def test_they_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        EXPLANATION.label = "neg"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        WORD.effect = 1.0  # type: ignore[misc]
