"""Classifiers that continue a classifier."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import dataclasses
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from trainers import Notes

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.label_types import LabelType
from foretell.data.split import make_split
from foretell.data.text_keys import text_key
from foretell.errors import DataError, Interrupted, RunError, SettingsError
from foretell.ngrams.keys import ngram_keys
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels import network
from foretell.training.labels.ancestor import (
    Ancestor,
    columns_for,
    keys_for,
    read_ancestor,
    settings_for,
)
from foretell.training.labels.continued import joined, split_of
from foretell.training.labels.replay import made_up_texts, replayed
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions

SIZES: dict[str, Any] = {"units": 4, "embedding_size": 6, "folds": 2, "length": 30, "seed": 3}
TINY = with_changes(LABELS_PRESETS["quick"], SIZES)


def softmax(scores: np.ndarray) -> np.ndarray:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def test_columns_of_more_labels_keep_the_odds_of_the_old() -> None:
    one = np.array([[0.7], [-2.0]], np.float32)
    assert np.array_equal(columns_for(one, ["a", "c"], ["a", "c"]), one)
    three = softmax(columns_for(one, ["a", "c"], ["a", "b", "c"]))
    np.testing.assert_allclose(np.log(three[:, 2] / three[:, 0]), one[:, 0], atol=1e-5)
    scores = np.array([[1.0, 2.0, 6.0]], np.float32)
    five = columns_for(scores, ["b", "c", "e"], ["a", "b", "c", "d", "e"])
    np.testing.assert_array_equal(five, [[3.0, 1.0, 2.0, 3.0, 6.0]])


@given(
    st.lists(st.lists(st.integers(2, 9), min_size=1, max_size=3), min_size=1), st.integers(0, 30)
)
def test_keys_of_a_larger_vocabulary(ngrams: list[list[int]], more: int) -> None:
    old = 10
    new = 10 + more

    def keys(size: int) -> np.ndarray:
        each = (
            ngram_keys(np.array(ids), np.array([0, len(ids)]), size, len(ids)) for ids in ngrams
        )
        return np.array([found[-1] for found, _ in each])

    np.testing.assert_array_equal(keys_for(keys(old), old, new), keys(new))


def test_settings_that_the_weights_depend_on_stay() -> None:
    quick = LABELS_PRESETS["quick"]
    own = with_changes(quick, {"epochs": 3, "minutes": 0.2})
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=True, vocabulary=9)
    model = Model(
        job="labels", preset="quick", settings=own, tokenizer=tokenizer, labels=["a", "b"]
    )

    def settings(model: Model, name: str | None, changes: dict[str, object]) -> Any:
        return settings_for(name, changes, cast(Ancestor, SimpleNamespace(model=model)))[0]

    # All but the time limit, which was for other texts.
    usual = {"seed": 7, "minutes": quick.minutes}
    assert settings(model, None, {"seed": 7}) == with_changes(own, usual)
    assert settings(model, None, {"minutes": 3.0}).minutes == 3
    article = {"network": "article", "learning_rate": 0.001}
    others = (({"units": 7}, "units"), ({"tokens": "char"}, "tokens"), (article, "network"))
    for changes, name in others:
        with pytest.raises(SettingsError, match=f"{name}.*as in the model to continue"):
            settings(model, None, changes)
    with pytest.raises(
        SettingsError, match=r"expected embedding-size 64.*found 100; leave it, or the"
    ):
        settings(model, "base", {})
    several = dataclasses.replace(model, settings=with_changes(own, {"multi_label": ";"}))
    given = settings(several, "quick", {"seed": 7})
    assert given == with_changes(LABELS_PRESETS["quick"], {"seed": 7, "multi_label": ";"})


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (["1", "2", "10"], ["2", "10"], "integer"),
        (["0.5", "2.0"], ["0.5"], "number"),
        (["True", "False"], ["True"], "boolean"),
        (["good"], ["1", "2"], None),
        (["1"], ["True", "False"], None),
    ],
)
def test_old_labels_have_the_type_of_the_new_or_are_refused(
    old: list[str], new: list[str], kind: LabelType | None
) -> None:
    given = Examples(
        ["text"] * len(new), new, label_type=kind or ("boolean" if "True" in new else "integer")
    )
    model = SimpleNamespace(path=None, label_type="text")
    known = cast(Ancestor, SimpleNamespace(name="old-model", labels=old, model=model))
    before = Examples(["before"] * len(old), old)
    if kind is not None:
        with pytest.raises(DataError, match="labels of the type of those of old-model"):
            split_of(given, TINY, known, old=Examples(["neither"], ["neutral"]))
        assert split_of(given, TINY, known, old=before)[0].train.label_type == kind
        return
    with pytest.raises(DataError, match=f"labels of the type of those of old-model .'{old[0]}'"):
        split_of(given, TINY, known, old=before)


def examples(labels: str, n: int, seed: int = 0, name: str = "made up") -> Examples:
    """Return texts whose words show their label."""
    rng = random.Random(f"{labels}{seed}")
    named = [labels[i % len(labels)] for i in range(n)]
    texts = []
    for label in named:
        words = [f"{label}{rng.randint(0, 9)}" for _ in range(3)]
        texts.append(" ".join(words + [f"w{rng.randint(0, 20)}" for _ in range(4)]))
    return Examples(texts, named, name=name)


@pytest.fixture(scope="module", autouse=True)
def short() -> Iterator[None]:
    """Trainings of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("foretell.training.labels.replay.MIN_TEXTS", 60)
        yield


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Ancestor:
    out = tmp_path_factory.mktemp("models") / "january"
    split = make_split(examples("ab", 60))
    train_labels(split, TINY, TrainOptions(out=out, preset="quick"))
    return read_ancestor(out)


def continued(
    ancestor: Ancestor, new: Examples, out: Path, old: Examples | None = None, **how: Any
) -> Model:
    split, what = split_of(new, TINY, ancestor, old=old)
    return train_labels(split, TINY, TrainOptions(out=out, preset="quick", **how), continued=what)


@pytest.fixture(scope="module")
def without_old(old: Ancestor, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Notes]:
    out = tmp_path_factory.mktemp("models") / "february"
    notes = Notes()
    continued(old, examples("cd", 40), out, listener=notes)
    return out, notes


def test_without_old_examples_old_labels_are_remembered(without_old) -> None:
    out, notes = without_old
    model = read_model(out)
    runtime = LabelsRuntime(out)
    assert model.labels == ["a", "b", "c", "d"]
    test = examples("abcd", 80, seed=9)
    right = [
        runtime.labels[row.argmax()] == label
        for row, label in zip(runtime.predict_proba(test.texts), test.labels, strict=True)
    ]
    assert np.mean(right) > 0.8
    found = model.metrics["continued"]
    assert found["old"] is None
    assert found["new_labels"] == ["c", "d"]
    assert found["replayed"]["made_up_texts"] > 50
    # Made-up texts have no part in the metrics.
    assert found["new"]["texts"] == np.sum(model.metrics["confusion"]["counts"]) == 40
    assert "old examples: not measured, because none were given" in notes


def test_ancestors_are_named_by_hash(
    old: Ancestor, without_old, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    february = read_ancestor(without_old[0])
    manifest = (old.model.directory / "manifest.json").read_bytes()
    assert february.model.ancestors == (hashlib.sha256(manifest).hexdigest(),)
    card = (without_old[0] / "README.md").read_text()
    assert february.model.ancestors[0] in card
    config = json.loads((without_old[0] / "config.json").read_text())
    assert config["ancestors"] == list(february.model.ancestors)
    # The old model has seen old examples that are held out: no part of it answers them.
    monkeypatch.setattr(network, "take_over_classifier", None)
    march = continued(
        february, examples("ac", 30, seed=2), tmp_path / "march", old=examples("abcd", 80)
    )
    assert march.ancestors == february.model.lineage
    assert len(march.ancestors) == 2
    assert "ancestor" not in march.metrics["members"]
    remembered = march.metrics["continued"]
    assert remembered["sha256"] == list(march.ancestors)
    assert remembered["old"]["texts"] > 60
    assert remembered["new"]["texts"] <= 30
    assert remembered["old"]["accuracy"] > 0.8
    assert remembered["replayed"] == {"examples": 80}


def test_it_resumes_bit_for_bit_and_only_with_the_same_ancestor(
    old: Ancestor, without_old, tmp_path: Path
) -> None:
    out = tmp_path / "cut"
    new = examples("cd", 40)
    with pytest.raises(Interrupted):
        continued(old, new, out, stop_after_steps=7)
    other = dataclasses.replace(old, model=dataclasses.replace(old.model, sha256="0" * 64))
    with pytest.raises(RunError, match="the data"):
        continued(other, new, out, resume=True)
    resumed = continued(old, new, out, resume=True)
    whole = read_model(without_old[0])
    for name, weight in (whole.weights or {}).items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    np.testing.assert_array_equal(whole.linear.weights, resumed.linear.weights)


def test_made_up_texts_depend_on_the_seed_alone(old: Ancestor) -> None:
    new = examples("cd", 40).texts
    made = replayed(old, new, (), TINY)
    assert made.texts == replayed(old, new, (), TINY).texts
    assert set(made.texts) != set(made_up_texts(old, new, with_changes(TINY, {"seed": 4})))
    assert not set(map(text_key, made.texts)) & set(map(text_key, new))
    assert made.texts == [text.strip() for text in made.texts]
    # Of texts of one word many that are made up would be these texts.
    short = ["a1", "b2"]
    assert not {*replayed(old, short, (), TINY).texts} & {*short}
    # As many of each label as there were, and frequent words more often than rare ones.
    answers = SimpleNamespace(
        labels=["a", "b"],
        predict_proba=lambda texts: np.array([[text < "b", text >= "b"] for text in texts], float),
    )
    before = dataclasses.replace(old.model, metrics={"labels": {"a": {"support": 8}}})
    skewed = dataclasses.replace(old, model=before, runtime=cast(LabelsRuntime, answers))
    drawn = Counter(" ".join(made_up_texts(skewed, new, TINY)).split())
    known = old.model.tokenizer
    words = [known.word(place) for place in range(known.specials, known.size)]
    of_a = [drawn[word] for word in words if word < "b"]
    assert sum(of_a) > 2 * sum(drawn[word] for word in words if word >= "b")
    assert sum(of_a[:3]) > sum(of_a[-3:])
    # A label that no held-out text had is remembered, too.
    assert any(drawn[word] for word in words if word.startswith("b"))
    # A new label may stand before the old ones.
    rows = made.part(["A", "a", "b"]).rows
    assert set(rows.label.tolist()) == {1, 2}
    np.testing.assert_allclose(np.bincount(rows.text, rows.target), 1, atol=1e-5)


def test_what_cannot_be_continued(old: Ancestor) -> None:
    with pytest.raises(DataError, match=r"new examples to continue a classifier.*found none"):
        split_of(Examples([], []), TINY, old)
    with pytest.raises(DataError, match="no label hints to continue a classifier"):
        split_of(examples("ab", 20), TINY, old, hints=examples("ab", 2))
    with pytest.raises(SettingsError, match="the classifier whose old examples these are"):
        split_of(examples("ab", 20), TINY, old=examples("ab", 2))
    with pytest.raises(
        DataError, match=r"found none; 60 of the 60 texts were in the training data of january"
    ):
        split_of(examples("ab", 60), TINY, old)


def test_texts_that_the_old_model_has_learned_are_no_new_ones(old: Ancestor) -> None:
    known = examples("ab", 60)
    new = examples("AB", 30, seed=5)
    both = Examples([*known.texts, *new.texts], [*known.labels, *new.labels], weights=[2.0] * 90)
    again = examples("ab", 70)
    _, shared = split_of(new, TINY, old, old=joined([known, new], "both"))
    assert shared is not None
    assert shared.old_keys == set(map(text_key, known.texts))
    split, _ = split_of(new, TINY, old, valid=again)
    assert split.valid is not None
    assert not set(split.valid.texts) & set(known.texts)
    assert any("they are not measured on" in note for note in split.notes)
    split, _ = split_of(both, TINY, old, old=known)
    weights = dict(zip(split.train.texts, split.train.weights or (), strict=True))
    assert weights == dict.fromkeys(known.texts, 1.0) | dict.fromkeys(new.texts, 2.0)
    assert [text for text in split.train.texts if text in new.texts] == new.texts
    assert (
        "60 of the 90 texts were in the training data of january: they are left out"
        in split.notes[0]
    )
    assert "look alike" in split.notes[1]


def test_texts_that_the_old_model_labels_are_no_validation_texts_and_no_new_ones(
    old: Ancestor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.training.labels.plan.MANY_TEXTS", 4)
    new = examples("cd", 40)
    metrics = continued(old, new, tmp_path / "m").metrics
    assert metrics["valid_texts"] == np.sum(metrics["confusion"]["counts"]) <= 4
    _, what = split_of(new, TINY, old, unlabelled=[new.texts[0], "unlike any other"])
    assert what is not None
    assert what.replay is not None
    assert "unlike any other" in what.replay.texts
    assert new.texts[0] not in what.replay.texts
