"""What both trainings share: options, notes that are shown once, and advice at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foretell.cli.training import Training, check_possible, comparison, without_notes
from foretell.errors import SettingsError
from foretell.training.events import Event, Note, silent
from foretell.training.options import TrainOptions


def test_the_baseline_is_named_where_it_is_better() -> None:
    better = comparison({"accuracy": 0.8, "baseline_accuracy": 0.9})
    assert "linear model alone is more accurate here (90.00 % against 80.00 %)" in better
    assert "--linear" in better
    assert comparison({"accuracy": 0.9, "baseline_accuracy": 0.9}) == ""
    words = comparison({"valid_perplexity": 90.0, "baseline_perplexity": 80.0})
    assert "Kneser-Ney model alone has a lower perplexity here (80.0 against 90.0)" in words
    assert "--kneser-ney" in words
    assert comparison({"accuracy": 0.9, "valid_perplexity": None}) == ""


def test_notes_that_were_shown_are_not_repeated() -> None:
    heard: list[Event] = []
    listener = without_notes(heard.append, ["read as cp1252"])
    for text in ("read as cp1252", "something new"):
        listener(Note(text=text))
    assert heard == [Note(text="something new")]


def test_the_options_of_the_trainers() -> None:
    training = Training(out=Path("m"), resume=True, tensorboard=Path("logs"))
    options = training.options(preset="best", baseline=False, listener=silent, started=12.5)
    assert options == TrainOptions(
        out=Path("m"), preset="best", resume=True, tensorboard=Path("logs"), baseline=False, started=12.5
    )


@pytest.mark.parametrize(
    "wrong",
    [{"checkpoint_seconds": 0.0}, {"checkpoint_seconds": float("nan")}, {"resume": True, "restart": True}],
)
def test_what_cannot_be_trained_with_is_refused_at_once(tmp_path: Path, wrong: dict[str, Any]) -> None:
    check_possible(Training(out=tmp_path / "m"))
    with pytest.raises(SettingsError):
        check_possible(Training(out=tmp_path / "m", **wrong))
