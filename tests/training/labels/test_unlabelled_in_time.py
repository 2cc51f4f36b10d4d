"""Fewer unlabelled texts where the linear model has no time for all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foretell.config import with_changes
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.linear import LinearStep
from foretell.training.labels.tokens import LabelledTokens, TokenizedTexts, Tokens
from foretell.training.labels.unlabelled_in_time import unlabelled_in_time

SETTINGS = with_changes(LABELS_PRESETS["base"], {"refit": True})


def tokens_of(n_train: int, n_unlabelled: int, n_valid: int = 5) -> Tokens:
    """Texts of ten tokens each."""

    def texts(n: int) -> TokenizedTexts:
        return TokenizedTexts(ids=np.ones(10 * n, np.int32), starts=10 * np.arange(n + 1))

    def labelled(n: int) -> LabelledTokens:
        return LabelledTokens(texts=texts(n), targets=np.zeros(n, np.int32))

    tokenizer: Any = None
    return Tokens(
        tokenizer=tokenizer, labels=["a", "b"], train=labelled(n_train),
        all_texts=texts(n_train + n_unlabelled), valid=labelled(n_valid),
    )  # fmt: skip


def run_with(left: float | None, arrays: dict[str, Any] | None = None) -> tuple[Any, list[str]]:
    notes: list[str] = []
    checkpoint = None if arrays is None else SimpleNamespace(arrays=arrays, state={})
    run = SimpleNamespace(
        budget=SimpleNamespace(deadline=left, left=lambda: left),
        checkpoints=SimpleNamespace(latest=lambda: checkpoint),
        options=SimpleNamespace(listener=lambda event: notes.append(event.text)),
    )
    return run, notes


def fitted(seconds: float) -> LinearStep:
    model: Any = object()
    return LinearStep(model=model, figures={}, seconds=seconds)


@pytest.mark.parametrize(
    ("left", "refit", "unlabelled"),
    [
        (None, True, 200),
        (1000.0, True, 200),
        # 40 seconds of 100 for two fits: 20 texts a second, of which 100 are labelled.
        (50.0, True, 100),
        (50.0, False, 200),
        (1.0, True, 0),
        (0.0, True, 0),
    ],
)
def test_as_many_texts_as_there_is_time_for(left: float | None, refit: bool, unlabelled: int) -> None:
    run, notes = run_with(left)
    settings = with_changes(SETTINGS, {"refit": refit})
    kept = unlabelled_in_time(tokens_of(100, 200), fitted(5.0), settings, run)
    assert len(kept.unlabelled) == unlabelled
    assert len(kept.train.texts) == 100
    expected = [f"the time limit leaves time for {unlabelled} of 200 unlabelled texts"]
    assert notes == (expected if unlabelled < 200 else [])


@pytest.mark.parametrize(
    ("arrays", "n"),
    [
        ({"pseudo_labels/soft": np.zeros((130, 2))}, 130),
        ({"vectors/texts": np.zeros((135, 8))}, 130),
        ({"vectors/texts": np.zeros((130, 8)), "round/soft": np.zeros((130, 2))}, 130),
        ({"model/000": np.zeros(3)}, 300),
    ],
)
def test_a_resumed_training_has_as_many_as_before(arrays: dict[str, Any], n: int) -> None:
    run, notes = run_with(1000.0, arrays)
    kept = unlabelled_in_time(tokens_of(100, 200), fitted(5.0), SETTINGS, run)
    assert len(kept.all_texts) == n
    assert not notes
