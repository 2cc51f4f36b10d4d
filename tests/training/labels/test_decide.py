"""Training with few labels: decided on folds, resumed to the bit, never worse for unlabelled texts."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import Interrupted
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.budget import Budget
from foretell.training.events import Note
from foretell.training.labels import decide, fold_networks
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions
from tests.training.labels.few import few_rows

SETTINGS = with_changes(
    LABELS_PRESETS["base"], {"units": 4, "embedding_size": 4, "length": 12, "batch_size": 16, "minutes": 0.0}
)


@pytest.fixture(autouse=True)
def short_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_networks, "_EPOCHS", 2)
    monkeypatch.setattr(fold_networks, "_STEPS", 6)


def train(out: Path, *, n: int = 60, settings: LabelsSettings = SETTINGS, **given: Any) -> Any:
    rows, _ = few_rows(n=n)
    labels = [("bad", "good")[target] for target in rows.targets]
    valid = given.pop("valid", None)
    unlabelled = few_rows(n=n + 50)[0].texts[n:] if given.pop("unlabelled", False) else ()
    examples = Examples(list(rows.texts), labels, name="made up")
    fraction = settings.fraction_for(n)
    split = make_split(examples, valid=valid, fraction=fraction, seed=1, unlabelled=unlabelled)
    return train_labels(split, settings, TrainOptions(out=out, **given))


def test_a_few_labels_are_all_learned_from_and_metrics_are_out_of_fold(tmp_path: Path) -> None:
    notes: list[str] = []
    model = train(tmp_path / "m", listener=lambda event: notes.append(getattr(event, "text", "")))
    metrics = model.metrics
    assert metrics["texts"] == 60
    assert metrics["valid_texts"] == 0
    assert metrics["measured_on"].startswith("out-of-fold predictions of 5 folds")
    assert sum(each["support"] for each in metrics["labels"].values()) == 60
    assert "60 predictions" in metrics["decided_by"]
    assert metrics["accuracy"] > 0.8
    assert any("linear models (" in note for note in notes)
    assert any("out-of-fold accuracy" in note and note.startswith("network") for note in notes)
    card = (tmp_path / "m" / "README.md").read_text()
    assert "out-of-fold predictions of 5 folds" in card
    runtime, texts = LabelsRuntime.open(tmp_path / "m"), few_rows(n=20)[0]
    answers = runtime.predict_proba(texts.texts)
    assert (answers.argmax(axis=1) == texts.targets).mean() > 0.8
    one = runtime.explain(texts.texts[0])
    assert one.probability == pytest.approx(answers[0].max(), abs=1e-6)


def test_interrupted_and_resumed_it_is_as_if_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(tmp_path / "whole", unlabelled=True)
    with pytest.raises(Interrupted):
        train(tmp_path / "m", unlabelled=True, stop_after_steps=3, checkpoint_seconds=1e-9)
    monkeypatch.setattr(fold_networks, "_train", None)
    resumed = train(tmp_path / "m", unlabelled=True, resume=True)
    assert resumed.ensemble == whole.ensemble
    for name, weights in whole.weights.items():
        np.testing.assert_array_equal(weights, resumed.weights[name])
    np.testing.assert_array_equal(whole.linear.weights, resumed.linear.weights)
    for before, after in zip(whole.tfidf, resumed.tfidf, strict=True):
        np.testing.assert_array_equal(before.weights, after.weights)


def test_a_validation_set_is_for_the_metrics(tmp_path: Path) -> None:
    rows, _ = few_rows(n=90)
    valid = Examples(list(rows.texts[60:]), [("bad", "good")[t] for t in rows.targets[60:]], name="new")
    model = train(tmp_path / "m", valid=valid)
    assert model.metrics["measured_on"] == "validation texts (new)"
    assert sum(each["support"] for each in model.metrics["labels"].values()) == len(valid)
    assert "60 predictions" in model.metrics["decided_by"]


def test_with_more_labels_validation_texts_stop_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.config.MAX_WITHOUT_VALIDATION", 40)
    monkeypatch.setattr(decide, "MAX_WITHOUT_VALIDATION", 40)
    settings = with_changes(SETTINGS, {"epochs": 2, "min_steps": 1})
    model = train(tmp_path / "m", settings=settings)
    assert model.metrics["valid_texts"] == 6
    assert model.metrics["measured_on"].startswith("validation texts")
    assert "6 predictions" in model.metrics["decided_by"]
    assert "5 folds" in model.metrics["decided_by"]
    monkeypatch.setattr(decide, "MAX_FOLDED_TEXTS", 40)
    model = train(tmp_path / "m2", settings=settings)
    assert model.metrics["decided_by"].startswith("linear models and their weights: validation texts")
    assert set(model.metrics["members"]) == {"ngrams", "tfidf", "bayes", "centroids", "svd", "pooled"}


def test_without_time_for_the_folds_the_network_has_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_networks, "_MARGIN", 1e9)
    notes: list[str] = []
    settings = with_changes(SETTINGS, {"minutes": 5.0})
    listener = lambda event: notes.append(event.text) if isinstance(event, Note) else None  # noqa: E731
    model = train(tmp_path / "m", settings=settings, listener=listener)
    assert model.ensemble.network == 0
    assert any("too short for out-of-fold predictions" in note for note in notes)
    assert LabelsRuntime.open(tmp_path / "m").predict_proba(["a1ing word2"]).shape == (1, 2)


def test_with_less_time_the_networks_of_the_folds_have_fewer_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(fold_networks, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(Budget, "left", lambda _: 33.0)
    notes: list[str] = []
    listener = lambda event: notes.append(event.text) if isinstance(event, Note) else None  # noqa: E731
    model = train(tmp_path / "m", listener=listener)
    assert "the time limit shortens the networks of the folds: 4 instead of 6 steps" in notes
    assert "60 predictions" in model.metrics["decided_by"]


def test_two_texts_are_enough_to_end_with_a_model(tmp_path: Path) -> None:
    model = train(tmp_path / "m", n=2)
    assert model.metrics["not_measured"].startswith("too few different texts to measure (2")
    assert LabelsRuntime.open(tmp_path / "m").predict_proba(["a1ing"]).shape == (1, 2)
