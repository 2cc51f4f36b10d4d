"""The choice of linear members: what is saved of it, and the time limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foretell.presets import LABELS_PRESETS
from foretell.training.labels import member_choice
from foretell.training.labels.folds import make_folds
from foretell.training.labels.member_choice import choose_members, saved
from tests.training.labels.few import few_texts


def run_of(left: float, arrays: dict[str, Any] | None = None) -> Any:
    notes: list[str] = []
    return SimpleNamespace(
        budget=SimpleNamespace(left=lambda: left),
        interrupt=SimpleNamespace(check=lambda: None),
        options=SimpleNamespace(listener=lambda event: notes.append(event.text)),
        checkpoints=SimpleNamespace(
            latest=lambda: None if arrays is None else SimpleNamespace(arrays=arrays),
            due=lambda: False,
        ),
        notes=notes,
    )


def test_a_saved_choice_is_taken_and_too_little_time_leaves_members_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labelled, tokenizer = few_texts(n=30)
    tokens: Any = SimpleNamespace(tokenizer=tokenizer, vectors=None, balance=None)
    folds, settings = make_folds(labelled.texts, labelled.targets, 5, seed=1), LABELS_PRESETS["base"]
    short = run_of(0.0)
    chosen = choose_members(labelled, tokens, folds, settings, short)
    assert [each.candidate.name for each in chosen] == ["ngrams"]
    assert short.notes == ["the time limit ended the choice of linear models after ngrams"]
    whole = choose_members(labelled, tokens, folds, settings, run_of(float("inf")))
    monkeypatch.setattr(member_choice, "choose", None)
    again = choose_members(labelled, tokens, folds, settings, run_of(1.0, saved(whole)))
    assert [each.strength for each in again] == [each.strength for each in whole]
    for before, after in zip(whole, again, strict=True):
        np.testing.assert_array_equal(before.logs, after.logs)
