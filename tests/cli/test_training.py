"""What both trainings share: options, notes that are shown once, and advice at the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foretell.artifacts.model import Model
from foretell.cli.train_words import Training, advice, check_possible, without_notes
from foretell.config import Settings
from foretell.errors import SettingsError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Event, Note, silent
from foretell.training.options import TrainOptions


def test_the_baseline_is_named_where_it_is_better_with_what_is_not_yet_on() -> None:
    metrics: dict[str, Any] = {"accuracy": 0.8, "baseline_accuracy": 0.9}
    alone = advice(_model(replace(LABELS_PRESETS["base"], linear=False), metrics))
    assert "linear model alone is more accurate here (90.00 % against 80.00 %)" in alone
    assert "--linear" in alone
    assert "--linear" not in advice(_model(LABELS_PRESETS["base"], metrics))
    assert advice(_model(LABELS_PRESETS["base"], {**metrics, "accuracy": 0.9})) == ""
    metrics = {"valid_perplexity": 90.0, "baseline_perplexity": 80.0}
    words = advice(_model(replace(WORDS_PRESETS["base"], kneser_ney=False), metrics))
    assert "Kneser-Ney model alone has a lower perplexity here (80.0 against 90.0)" in words
    assert "--kneser-ney" in words
    assert "--kneser-ney" not in advice(_model(WORDS_PRESETS["base"], metrics))


def _model(settings: Settings, metrics: dict[str, Any]) -> Model:
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=False, vocabulary=2)
    return Model(job="labels", preset="base", settings=settings, tokenizer=tokenizer, metrics=metrics)


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
