"""The linear model beside the network: baseline, teacher of unlabelled texts, part of the answer."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from trainers import train

from foretell.artifacts.directory import read_model
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.errors import Interrupted, SettingsError
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.events import Note
from foretell.training.labels import one_member

SMALL = {
    "units": 6,
    "embedding_size": 5,
    "epochs": 3,
    "min_steps": 1,
    "batch_size": 8,
    "valid_fraction": 0.2,
    "folds": 0,
}
SETTINGS = with_changes(LABELS_PRESETS["base"], {**SMALL, "patience": 0})
FEW = with_changes(SETTINGS, {"min_steps": 19})
"""More steps than the 60 examples, less those held out, make in their epochs."""


def some_texts(n, labels, seed):
    rng = random.Random(seed)
    names = [labels[i % len(labels)] for i in range(n)]
    texts = [
        " ".join([name, *(rng.choice(["film", "plot", "scene", name]) for _ in range(9)), f"s{seed}n{i}"])
        for i, name in enumerate(names)
    ]
    return texts, names


def examples(n=60, labels=("neg", "pos"), seed=0):
    texts, names = some_texts(n, labels, seed)
    return Examples(texts, names, name="made up")


def listening():
    said = []
    return said, lambda event: said.append(event.text) if isinstance(event, Note) else None


@pytest.mark.parametrize("labels", [("neg", "pos"), ("a", "b", "c")])
def test_the_answer_is_the_mixture_that_was_measured(labels, tmp_path):
    data = examples(labels=labels)
    model = train(data, SETTINGS, out=tmp_path / "m")
    assert model.linear is not None
    found = model.metrics
    assert found["baseline_accuracy"] > 0.9
    assert found["accuracy"] >= found["network_accuracy"] - 0.1
    runtime = LabelsRuntime.open(tmp_path / "m")
    right = np.array(runtime.labels)[runtime.predict_proba(data.texts).argmax(axis=1)] == data.labels
    assert right.mean() > 0.9


@pytest.mark.parametrize("labels", [("neg", "pos"), pytest.param(("a", "b", "c"), marks=pytest.mark.soak)])
def test_unlabelled_texts_are_learned_from(labels, tmp_path):
    more, _ = some_texts(50, labels, seed=1)
    said, listener = listening()
    with_more = train(examples(labels=labels), FEW, out=tmp_path / "a", unlabelled=more, listener=listener)
    assert "50 unlabelled texts to learn from" in said
    assert any("pseudo-labels: the linear model labelled" in text for text in said)
    assert with_more.metrics["unlabelled_texts"] == 50
    assert with_more.tokenizer.id("s1n7") is not None
    without = train(examples(labels=labels), FEW, out=tmp_path / "b")
    assert with_more.metrics["steps"] > without.metrics["steps"]
    assert with_more.metrics["linear_accuracy"] >= 0.8


def test_where_labels_are_many_the_network_learns_from_them_alone(tmp_path):
    more, _ = some_texts(50, ("neg", "pos"), seed=1)
    said, listener = listening()
    with_more = train(examples(), SETTINGS, out=tmp_path / "a", unlabelled=more, listener=listener)
    assert any("pseudo-labels only help with fewer" in text for text in said)
    without = train(examples(), SETTINGS, out=tmp_path / "b")
    assert with_more.metrics["steps"] == without.metrics["steps"] == 18
    assert with_more.metrics["linear_accuracy"] >= 0.8
    assert len(with_more.linear.weights) > len(without.linear.weights)


@pytest.mark.usefixtures("enough_words")
def test_vectors_of_texts_help_to_label(tmp_path):
    more, _ = some_texts(50, ("neg", "pos"), seed=1)
    said, listener = listening()
    model = train(examples(), SETTINGS, out=tmp_path / "a", unlabelled=more, listener=listener)
    assert any("pseudo-labels with text vectors" in text for text in said)
    assert model.metrics["linear_accuracy"] > 0.9
    alone = with_changes(SETTINGS, {"text_vectors": False})
    without = train(examples(), alone, out=tmp_path / "b", unlabelled=more)
    assert not np.array_equal(model.linear.weights, without.linear.weights)


@pytest.mark.usefixtures("enough_words")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"valid_fraction": 0.0, "minutes": 0.0}, "pseudo-labels: the linear model labelled"),
        ({"minutes": 0.5}, "the time limit leaves time for 0 of 50 unlabelled texts"),
    ],
)
def test_without_valid_texts_or_time_there_are_no_vectors(tmp_path, change, expected):
    more, _ = some_texts(50, ("neg", "pos"), seed=1)
    said, listener = listening()
    settings = with_changes(SETTINGS, change)
    late = time.monotonic() - 60 * settings.minutes
    train(examples(), settings, out=tmp_path / "m", unlabelled=more, listener=listener, started=late)
    assert any(expected in text for text in said)
    assert not any("text vectors" in text for text in said)


@pytest.mark.usefixtures("enough_words")
def test_vectors_have_a_third_of_the_time(tmp_path, monkeypatch):
    given, label = [], one_member.label_by_vectors

    def noted(*arguments, seconds, **named):
        given.append(seconds)
        return label(*arguments, seconds=1.0, **named)

    monkeypatch.setattr(one_member, "label_by_vectors", noted)
    settings = with_changes(SETTINGS, {"minutes": 60.0, "epochs": 1})
    train(examples(), settings, out=tmp_path / "m", unlabelled=some_texts(50, ("neg", "pos"), seed=1)[0])
    assert given == [pytest.approx(1200, rel=0.1)]


@pytest.mark.usefixtures("enough_words")
def test_vectors_need_numba(tmp_path, monkeypatch):
    monkeypatch.setattr(one_member, "can_make_vectors", lambda: False)
    more, _ = some_texts(50, ("neg", "pos"), seed=1)
    said, listener = listening()
    train(examples(), SETTINGS, out=tmp_path / "m", unlabelled=more, listener=listener)
    assert any("need Numba" in text for text in said)


@pytest.fixture
def enough_words(monkeypatch):
    """Let the few texts of a test have vectors."""
    monkeypatch.setattr(one_member, "MIN_TOKENS", 1)


@pytest.mark.soak
@pytest.mark.usefixtures("enough_words")
@pytest.mark.parametrize(("settings", "steps"), [(SETTINGS, 18), (FEW, 30)])
def test_interrupted_with_unlabelled_texts_is_as_if_never(settings, steps, tmp_path):
    more, _ = some_texts(30, ("neg", "pos"), seed=1)
    whole = train(examples(), settings, out=tmp_path / "whole", unlabelled=more)
    assert whole.metrics["steps"] == steps
    cut, (said, listener) = {"out": tmp_path / "cut", "unlabelled": more}, listening()
    for i, stop in enumerate([2, 16]):
        with pytest.raises(Interrupted):
            train(examples(), settings, **cut, resume=i > 0, stop_after_steps=stop)
    resumed = train(examples(), settings, **cut, resume=True, listener=listener)
    assert not any("vectors" in text for text in said)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    np.testing.assert_array_equal(whole.linear.weights, resumed.linear.weights)
    assert whole.ensemble == resumed.ensemble


def test_the_linear_model_can_be_switched_off_and_is_still_compared_with(tmp_path):
    settings = with_changes(SETTINGS, {"linear": False})
    model = train(examples(), settings, out=tmp_path / "m")
    assert model.linear is None
    assert model.ensemble.linear == 0
    assert model.metrics["baseline_accuracy"] > 0.9
    assert not (tmp_path / "m" / "linear.safetensors").exists()
    silent = train(examples(), settings, out=tmp_path / "n", baseline=False)
    assert "baseline_accuracy" not in silent.metrics
    with pytest.raises(SettingsError, match="unlabelled"):
        train(examples(), settings, out=tmp_path / "o", unlabelled=["a text"])


def test_without_a_held_out_part_both_weigh_the_same(tmp_path):
    settings = with_changes(SETTINGS, {"valid_fraction": 0.0})
    model = train(examples(), settings, out=tmp_path / "m")
    assert (model.ensemble.network, model.ensemble.linear) == (0.5, 0.5)
    assert read_model(tmp_path / "m").linear is not None


def test_a_time_limit_ends_it_early_with_a_whole_model(tmp_path):
    settings = with_changes(SETTINGS, {"epochs": 10_000, "minutes": 0.1})
    model = train(examples(), settings, out=tmp_path / "m")
    assert model.metrics["epochs"] < 10_000
    # Ten seconds of patience with a machine that other programs use.
    assert model.metrics["seconds"] < 16
    assert read_model(tmp_path / "m").metrics["steps"] == model.metrics["steps"]


def test_the_linear_model_is_fitted_again_to_all_texts(tmp_path):
    before = train(examples(), with_changes(SETTINGS, {"refit": False}), out=tmp_path / "a")
    after = train(examples(), with_changes(SETTINGS, {"refit": True}), out=tmp_path / "b")
    assert before.ensemble == after.ensemble
    assert before.metrics["accuracy"] == after.metrics["accuracy"]
    assert not np.array_equal(before.linear.bias, after.linear.bias)
    for name, weight in before.weights.items():
        np.testing.assert_array_equal(weight, after.weights[name])
