"""Very many labels: the memory is stated beforehand, and linear models that need too much are left out."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from trainers import train

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.presets import LABELS_PRESETS
from foretell.training.events import Note
from foretell.training.labels import many_labels
from foretell.training.labels.many_labels import memory_needed, without_linear

SETTINGS = with_changes(
    LABELS_PRESETS["base"],
    {"units": 4, "embedding_size": 4, "epochs": 1, "min_steps": 1, "folds": 0, "valid_fraction": 0.2},
)
SCRIPT = Path(__file__).with_name("train_many_labels.py")


def numbered(n_texts: int, n_labels: int) -> Examples:
    rng = random.Random(1)
    labels = [f"label {i % n_labels}" for i in range(n_texts)]
    texts = [
        f"word{i % n_labels} {' '.join(f'w{rng.randint(0, 500)}' for _ in range(8))}" for i in range(n_texts)
    ]
    return Examples(texts, labels, name="made up")


def test_too_many_labels_leave_linear_models_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_labels, "MAX_CELLS", 100)
    monkeypatch.setattr("foretell.training.labels.one_member.MAX_CELLS", 100)
    monkeypatch.setattr(many_labels, "STATED_FROM", 1_000)
    notes: list[str] = []
    model = train(
        numbered(60, 6), SETTINGS, out=tmp_path / "m", unlabelled=["a text more"],
        listener=lambda event: notes.append(event.text) if isinstance(event, Note) else None,
    )  # fmt: skip
    assert any("too many for linear models" in note and "no texts without labels" in note for note in notes)
    assert any(note.startswith("the training needs at most 1.") and "6 labels" in note for note in notes)
    assert model.linear is None
    assert "baseline_accuracy" not in model.metrics
    assert model.metrics["unlabelled_texts"] == 0


def test_few_labels_change_nothing_and_need_less_memory() -> None:
    few, many = (make_split(numbered(400, n), fraction=0.2, seed=1) for n in (4, 100))
    assert without_linear(few, SETTINGS) == (few, SETTINGS, "")
    assert memory_needed(few, SETTINGS) < memory_needed(many, SETTINGS)
    assert many_labels.memory_note(few, SETTINGS) == ""


@pytest.mark.soak
@pytest.mark.parametrize(("n_texts", "n_labels"), [(25_000, 10_000), (6_000, 1_000)])
def test_a_training_with_many_labels_needs_no_more_memory_than_stated(
    tmp_path: Path, n_texts: int, n_labels: int
) -> None:
    arguments = [str(tmp_path / "m"), str(n_texts), str(n_labels)]
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["labels"] == n_labels
    assert 0.2 * found["stated"] < found["peak"] < found["stated"], found
