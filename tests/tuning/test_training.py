"""One trial in this process: figures, answers and the size of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tuning.tiny import TINY

from foretell.config import to_dict, with_changes
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.presets import preset
from foretell.training.labels import fold_networks
from foretell.tuning.answers import read_answers
from foretell.tuning.data import LabelsData, WordsData, files_of, read_data
from foretell.tuning.training import run_trial
from foretell.tuning.trials import Task

pytest.importorskip("tensorflow")

Reviews = tuple[list[str], list[str]]


def task_of(folder: Path, job: Any, changes: dict[str, Any], seconds: float = 60.0) -> Task:
    settings = with_changes(preset(job, "base"), changes)
    return Task(number=3, settings=to_dict(settings), preset="base", seconds=seconds, folder=str(folder))


def test_a_trial_of_a_classifier(reviews: Reviews, tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []
    data = LabelsData(examples=Examples(*reviews))
    changes = {**TINY, "units": 4, "valid_fraction": 0.3}
    end = run_trial(task_of(tmp_path / "3", "labels", changes), data, sent.append, lambda: False)
    assert (end["event"], end["number"], end["is_limited"]) == ("done", 3, False)
    assert 0 < end["size_mb"] < 1
    assert [(each["event"], each["tenth"]) for each in sent] == [("figure", 10)]
    answers = read_answers(tmp_path / "3")
    assert answers is not None
    right = answers.probabilities.argmax(axis=1) == answers.targets
    assert len(right) == end["figures"]["valid_texts"] == 18
    assert right.mean() == pytest.approx(end["figures"]["accuracy"])


@pytest.mark.soak
def test_answers_out_of_fold_are_of_every_text(
    reviews: Reviews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_EPOCHS", "_STEPS"):
        monkeypatch.setattr(fold_networks, name, 1)
    data = LabelsData(examples=Examples(*reviews))
    changes = {**TINY, "units": 4, "folds": 2, "text_vectors": False}
    end = run_trial(task_of(tmp_path / "3", "labels", changes), data, lambda _: None, lambda: False)
    answers = read_answers(tmp_path / "3")
    assert answers is not None
    assert np.bincount(answers.targets).tolist() == [30, 30]
    right = answers.probabilities.argmax(axis=1) == answers.targets
    assert right.mean() == pytest.approx(end["figures"]["accuracy"])


def test_a_trial_that_the_driver_stops_leaves_nothing(reviews: Reviews, tmp_path: Path) -> None:
    data = LabelsData(examples=Examples(*reviews))
    end = run_trial(task_of(tmp_path / "3", "labels", TINY), data, lambda _: None, lambda: True)
    assert end["event"] == "pruned"
    assert not (tmp_path / "3").exists()


def test_a_trial_that_fails_names_the_error_in_one_line(tmp_path: Path) -> None:
    data = LabelsData(examples=Examples(["one", "two"], ["a", "a"]))
    end = run_trial(task_of(tmp_path / "3", "labels", TINY), data, lambda _: None, lambda: False)
    assert end["event"] == "failed"
    assert end["error"].startswith("examples: expected two labels or more, found")
    assert "\n" not in end["error"]


def test_the_data_is_the_same_after_it_was_written(reviews: Reviews, tmp_path: Path) -> None:
    held = Examples(["x \ud800", "y"], ["good", "bad"], name="held")
    data = LabelsData(examples=replace(Examples(*reviews), weights=[1.5] * 60), valid=held, unlabelled=("z",))
    data.write(tmp_path)
    again = read_data(tmp_path)
    assert isinstance(again, LabelsData)
    assert again == data
    assert again.digest() == data.digest() != replace(data, unlabelled=()).digest()
    assert [name for name, _ in files_of(tmp_path)] == ["labels.json"]


def test_the_text_is_the_same_after_it_was_written(tmp_path: Path) -> None:
    data = WordsData(corpus=Corpus.from_texts(["one\r\ntwo", "", "three"]), valid=Corpus.from_texts(["four"]))
    data.write(tmp_path)
    again = read_data(tmp_path)
    assert isinstance(again, WordsData)
    assert again.valid is not None
    assert (list(again.corpus), list(again.valid)) == (["one", "two", "three"], ["four"])
    assert again.digest() == data.digest()
    assert data.sample() == ["one", "two", "three"]


def test_what_was_removed_from_the_data_is_noted(reviews: Reviews) -> None:
    texts, labels = reviews
    held = Examples(texts[:4], labels[:4], name="held")
    data = LabelsData(examples=Examples(texts, labels, notes=["read as UTF-8"]), valid=held)
    notes = data.notes(preset("labels", "base"))
    assert notes[0] == "read as UTF-8"
    assert any(
        "removed 4 training texts that are also in the validation set (held)" in note for note in notes
    )
