"""A training with a time limit that is resumed when no time is left."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from trainers import train

from foretell.artifacts.directory import open_verified
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.errors import Interrupted
from foretell.presets import LABELS_PRESETS

SMALL = {
    "units": 4, "embedding_size": 4, "length": 8, "batch_size": 8, "epochs": 3, "min_steps": 1, "folds": 0,
    "valid_fraction": 0.2, "linear": False, "minutes": 10.0,
}  # fmt: skip


def test_without_time_a_resumed_training_measures_and_writes_what_it_has(tmp_path: Path) -> None:
    settings = with_changes(LABELS_PRESETS["base"], SMALL)
    names = ["bad", "good"] * 22
    examples = Examples([f"{name} text n{k}" for k, name in enumerate(names)], names, name="made up")
    with pytest.raises(Interrupted):
        train(examples, settings, out=tmp_path / "m", stop_after_steps=2)
    (tmp_path / "m.run" / "spent.json").write_text('{"seconds": 600}')
    model = train(examples, settings, out=tmp_path / "m", resume=True)
    assert model.metrics["steps"] == 3
    assert math.isfinite(model.metrics["valid_loss"])
    assert 0 <= model.metrics["accuracy"] <= 1
    assert model.metrics["seconds"] > 600
    open_verified(tmp_path / "m")
