"""Classifiers whose tokens are parts of words: training, prediction and explanation in many scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from trainers import train

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.text.texts import TEXTS

SMALL = {
    "units": 6, "embedding_size": 5, "length": 60, "batch_size": 8, "epochs": 2, "min_steps": 1, "folds": 0,
    "vocabulary": 200, "valid_fraction": 0.25, "text_vectors": False,
}  # fmt: skip


def test_texts_in_every_script(tmp_path: Path) -> None:
    """The label is the script: a linear model of characters finds it."""
    texts = [f"{text} {number}" for number in range(8) for text in TEXTS.values()]
    labels = [name for _ in range(8) for name in TEXTS]
    settings = with_changes(LABELS_PRESETS["base"], {**SMALL, "tokens": "char"})
    train(Examples(texts, labels, name="scripts"), settings, out=tmp_path / "m")
    runtime = LabelsRuntime.open(tmp_path / "m")
    found = [verdict.label for verdict in runtime.classify(list(TEXTS.values()))]
    assert sum(map(str.__eq__, found, TEXTS)) >= 7
    for text in TEXTS.values():
        explanation = runtime.explain(text)
        assert "".join(word.text for word in explanation.words) == text
    # Nothing but bytes: a script that no training text had.
    (verdict,) = runtime.classify(["ⲁⲛⲟⲕ ⲡⲉ"])
    assert any("unknown" in flag for flag in verdict.flags)
