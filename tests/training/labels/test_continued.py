"""Classifiers that continue a classifier, or begin with a language model."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import dataclasses
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from trainers import Notes, train

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.split import text_key
from foretell.errors import DataError, Interrupted, RunError, SettingsError, UsageError
from foretell.networks.labels import labels_network
from foretell.ngrams.keys import ngram_keys
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Note
from foretell.training.labels.ancestor import (
    Ancestor,
    columns_for,
    continued_settings,
    ids_of_keys,
    keys_for,
    read_ancestor,
)
from foretell.training.labels.continued import Continued, continued_metrics, continued_split
from foretell.training.labels.estimator_split import _typed
from foretell.training.labels.metrics import Measured
from foretell.training.labels.replay import made_up_texts
from foretell.training.labels.train import train_labels
from foretell.training.labels.transfer import fitting_settings, read_language_model, take_over
from foretell.training.options import TrainOptions
from foretell.training.words.train import train_words


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


@given(st.lists(st.lists(st.integers(2, 9), min_size=1, max_size=3), min_size=1), st.integers(0, 30))
def test_keys_of_a_larger_vocabulary(ngrams: list[list[int]], more: int) -> None:
    old, new = 10, 10 + more

    def keys(size: int) -> np.ndarray:
        found = []
        for ids in ngrams:
            by_length = list(ngram_keys(np.array(ids), np.array([0, len(ids)]), size, len(ids)))
            found.append(by_length[-1][0][0])
        return np.array(found)

    np.testing.assert_array_equal(keys_for(keys(old), old, new), keys(new))
    assert [ids[ids >= 0].tolist() for ids in ids_of_keys(keys(new), new)] == ngrams


def test_settings_that_the_weights_depend_on_stay() -> None:
    own = with_changes(LABELS_PRESETS["quick"], {"epochs": 3})
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=True, vocabulary=9)
    model = Model(job="labels", preset="quick", settings=own, tokenizer=tokenizer, labels=["a", "b"])
    assert continued_settings(model, None, {"seed": 7}) == with_changes(own, {"seed": 7})
    others = (({"units": 7}, "units"), ({"tokens": "char"}, "tokens"), ({"network": "article"}, "network"))
    for changes, name in others:
        with pytest.raises(SettingsError, match=f"{name}.*as in the model to continue"):
            continued_settings(model, None, changes)
    with pytest.raises(SettingsError, match=r"expected embedding-size 64.*preset base"):
        continued_settings(model, "base", {})


def ancestor(*labels: str) -> Ancestor:
    return cast(Ancestor, SimpleNamespace(name="old-model", labels=list(labels)))


@pytest.mark.parametrize(
    ("names", "new", "expected"),
    [
        ({"1", "2", "10"}, [2, 10], [1, 2, 10]),
        ({"0.5", "2.0"}, [0.5], [0.5, 2.0]),
        ({"True", "False"}, [True], [False, True]),
        ({"b", "a"}, ["b"], ["a", "b"]),
    ],
)
def test_old_labels_get_the_type_of_the_new(names: set[str], new: list[Any], expected: list[Any]) -> None:
    found = _typed(names, np.array(new), ancestor(*sorted(names)))
    assert found.tolist() == expected
    assert [type(value) for value in found.tolist()] == [type(value) for value in expected]


@pytest.mark.parametrize(("old", "new"), [("good", [1, 2]), ("1.0", [1, 2]), ("1", [True, False])])
def test_labels_of_another_type_are_refused(old: str, new: list[Any]) -> None:
    with pytest.raises(DataError, match=f"as which '{old}' cannot be written"):
        _typed({old, *map(str, new)}, np.array(new), ancestor(old))


LABELS = ["a", "b", "c"]


class Known:
    """An old model that gives every text the label a."""

    labels = ["a", "b"]  # noqa: RUF012

    def predict_proba(self, texts: Sequence[str]) -> Any:
        return np.tile(np.array([[0.9, 0.1]], np.float32), (len(texts), 1))


def old_model(labels: list[str], **more: Any) -> Model:
    tokenizer = Tokenizer.train(["x y z"], "words", lowercase=True, vocabulary=9)
    return Model(
        job="labels",
        preset="quick",
        settings=LABELS_PRESETS["quick"],
        tokenizer=tokenizer,
        labels=labels,
        **more,
    )


def metrics_after(accuracy: float, before: float | None, n: int) -> tuple[dict[str, Any], list[str]]:
    """Return the metrics of n old and n new texts of label a, of which the new model gets a share right."""
    metrics = {} if before is None else {"accuracy": before, "confusion": {"counts": [[n, 0], [0, 0]]}}
    old = old_model(["a", "b"], metrics=metrics, sha256="1" * 64)
    ancestor = Ancestor(name="old", model=old, runtime=Known())
    texts = [f"text {i}" for i in range(2 * n)]
    answers = np.zeros((2 * n, 3), np.float32)
    answers[np.arange(2 * n), np.where(np.arange(2 * n) % n < accuracy * n, 0, 2)] = 1
    measured = Measured(texts, np.zeros(2 * n, np.int32), answers, answers > 0, None, "validation texts")
    keys = frozenset(map(text_key, texts[:n])) if before is not None else frozenset()
    what = Continued(
        ancestor=ancestor, has_old=before is not None, old_keys=keys, old_valid=None, replayed={}
    )
    notes = Notes()
    found = continued_metrics(
        old_model(LABELS), what, measured, lambda event: isinstance(event, Note) and notes.append(event.text)
    )
    return found, notes


@pytest.mark.parametrize(
    ("accuracy", "before", "n", "drops"),
    [(0.7, 0.9, 100, True), (0.8, 0.9, 20, False), (0.9, 0.9, 100, False), (1.0, 0.5, 100, False)],
)
def test_a_drop_that_is_more_than_chance_gives_a_warning(
    accuracy: float, before: float, n: int, drops: bool
) -> None:
    found, notes = metrics_after(accuracy, before, n)
    assert found["old"]["accuracy"] == accuracy
    assert found["old"]["accuracy_before"] == before
    assert found["new"]["texts"] == n
    assert found["old"]["has_dropped"] is drops
    assert any(note.startswith("warning: the accuracy on the old data") for note in notes) is drops


def test_without_old_examples_it_is_stated_that_nothing_is_known() -> None:
    found, notes = metrics_after(0.75, None, 20)
    assert found["old"] is None
    # The old model gives every text the label a.
    assert found["agreement"] == 0.75
    assert found["new_labels"] == ["c"]
    text = (
        "not measured, because no old examples were given; old and new model agree on 75.00% of the new texts"
    )
    assert notes[-1] == f"old data: {text}"


def test_what_cannot_be_measured() -> None:
    what = Continued(
        ancestor=Ancestor(name="old", model=old_model(["a", "b"]), runtime=Known()),
        has_old=False,
        old_keys=frozenset(),
        old_valid=None,
        replayed={},
    )
    found = continued_metrics(old_model(LABELS), what, None, lambda _: None)
    assert (found["new"], found["old"]) == (None, None)


TINY = with_changes(
    LABELS_PRESETS["quick"], {"units": 4, "embedding_size": 6, "folds": 2, "length": 30, "seed": 3}
)


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
        patch.setattr("foretell.training.labels.fold_networks._STEPS", 20)
        patch.setattr("foretell.training.labels.fold_networks._EPOCHS", 2)
        patch.setattr("foretell.training.labels.replay.MIN_TEXTS", 60)
        yield


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Ancestor:
    out = tmp_path_factory.mktemp("models") / "january"
    from foretell.data.split import make_split

    split = make_split(examples("ab", 60), fraction=0, seed=1)
    train_labels(split, TINY, TrainOptions(out=out, preset="quick"))
    return read_ancestor(out)


def continued(ancestor: Ancestor, new: Examples, out: Path, settings=TINY, notes=None, **more):
    options = {name: more.pop(name) for name in ("resume", "stop_after_steps") if name in more}
    split, what = continued_split(new, ancestor, settings=settings, **more)
    listener = lambda event: notes is not None and isinstance(event, Note) and notes.append(event.text)  # noqa: E731
    how = TrainOptions(out=out, preset="quick", listener=listener, **options)
    return train_labels(split, settings, how, continued=what)


@pytest.fixture(scope="module")
def without_old(old: Ancestor, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out, notes = tmp_path_factory.mktemp("models") / "february", list[str]()
    continued(old, examples("cd", 40), out, notes=notes)
    return out, notes


def test_without_old_examples_old_labels_are_remembered(without_old) -> None:
    out, notes = without_old
    model, runtime = read_model(out), LabelsRuntime.open(out)
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
    assert any("not measured, because no old examples were given" in note for note in notes)


def test_ancestors_are_named_by_hash(old: Ancestor, without_old, tmp_path: Path) -> None:
    february = read_ancestor(without_old[0])
    manifest = (old.model.directory / "manifest.json").read_bytes()
    import hashlib

    assert february.model.ancestors == (hashlib.sha256(manifest).hexdigest(),)
    card = (without_old[0] / "README.md").read_text()
    assert february.model.ancestors[0] in card
    config = json.loads((without_old[0] / "config.json").read_text())
    assert config["ancestors"] == list(february.model.ancestors)
    notes = Notes()
    test = examples("ab", 30, seed=5)
    march = continued(
        february,
        examples("ac", 30, seed=2),
        tmp_path / "march",
        old=examples("abcd", 80),
        old_valid=test,
        notes=notes,
    )
    assert march.ancestors == february.lineage
    assert len(march.ancestors) == 2
    remembered = march.metrics["continued"]
    assert remembered["sha256"] == list(march.ancestors)
    assert remembered["old"]["texts"] == 30
    assert remembered["old"]["accuracy"] > 0.8
    assert set(remembered["old"]["interval"]) <= set(map(float, remembered["old"]["interval"]))
    assert remembered["replayed"] == {"examples": 80}
    assert any("old data that neither model has trained on" in note for note in notes)


def test_it_resumes_bit_for_bit_and_only_with_the_same_ancestor(
    old: Ancestor, without_old, tmp_path: Path
) -> None:
    out, new = tmp_path / "cut", examples("cd", 40)
    with pytest.raises(Interrupted):
        continued(old, new, out, stop_after_steps=7)
    other = dataclasses.replace(old, model=dataclasses.replace(old.model, sha256="0" * 64))
    with pytest.raises(RunError, match="the data"):
        continued(other, new, out, resume=True)
    resumed, whole = continued(old, new, out, resume=True), read_model(without_old[0])
    for name, weight in (whole.weights or {}).items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    np.testing.assert_array_equal(whole.linear.weights, resumed.linear.weights)


def test_old_examples_are_measured_beside_the_new(old: Ancestor) -> None:
    new, before = examples("ac", 30, seed=4), examples("ab", 40)
    split, what = continued_split(new, old, old=before, settings=TINY)
    assert len(split.train) == 70
    assert what.old_keys == set(map(text_key, before.texts))
    assert not split.not_measured
    test = Examples(before.texts[:5], before.labels[:5], name="test")
    split, _ = continued_split(new, old, old=before, old_valid=test, settings=TINY)
    assert len(split.train) == 65
    with pytest.raises(DataError, match="found z"):
        continued_split(new, old, old_valid=Examples(["x"], ["z"], name="test"), settings=TINY)


def test_made_up_texts_depend_on_the_seed_alone(old: Ancestor) -> None:
    new = examples("cd", 40).texts
    made = made_up_texts(old, new, TINY)
    assert made.texts == made_up_texts(old, new, TINY).texts
    assert made.texts != made_up_texts(old, new, with_changes(TINY, {"seed": 4})).texts
    assert not set(map(text_key, made.texts)) & set(map(text_key, new))
    assert set(made.labels) == {"a", "b"}


def test_what_cannot_be_continued(old: Ancestor, tmp_path: Path) -> None:
    split, what = continued_split(examples("ab", 20), old, settings=TINY)
    with pytest.raises(SettingsError, match="from too"):
        train_labels(split, TINY, TrainOptions(out=tmp_path / "x"), start=start_of_words(), continued=what)
    with pytest.raises(DataError, match="new examples, found none"):
        continued_split(Examples([], []), old, settings=TINY)


def test_a_language_model_is_no_classifier_to_continue(tmp_path: Path) -> None:
    from foretell.data.corpus import Corpus
    from foretell.training.words.train import train_words
    from tests.training.words.small import SMALL

    tiny = with_changes(SMALL, {"units": 2, "embedding_size": 2, "epochs": 1, "valid_fraction": 0.0})
    train_words(Corpus.from_texts(["a b c d e f g"] * 20), tiny, TrainOptions(out=tmp_path / "words"))
    with pytest.raises(UsageError, match="a classifier to continue, found a language model"):
        read_ancestor(tmp_path / "words")


def start_of_words():
    from foretell.training.labels.transfer import LanguageModelWeights

    rng = np.random.default_rng(0)
    parts = {"kernel": (6, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
    from foretell.text.tokenizer import Tokenizer

    return LanguageModelWeights(
        name="start",
        tokenizer=Tokenizer.train(["a1 b2"], "words", lowercase=True, vocabulary=9),
        embedding=rng.normal(size=(5, 6)).astype(np.float32),
        lstm={name: rng.normal(size=shape).astype(np.float32) for name, shape in parts.items()},
    )


WORDS_SETTINGS = with_changes(
    WORDS_PRESETS["base"],
    {"units": 6, "embedding_size": 5, "epochs": 1, "min_steps": 3, "valid_fraction": 0.0},
)

LABELS_SETTINGS = with_changes(
    LABELS_PRESETS["base"],
    {
        "units": 9,
        "embedding_size": 8,
        "epochs": 2,
        "min_steps": 1,
        "batch_size": 8,
        "valid_fraction": 0.2,
        "folds": 0,
    },
)


def reviews(n=40):
    rng = random.Random(0)
    texts = [
        " ".join(rng.choice(["film", "plot", "good", "bad", f"w{i}"]) for _ in range(9)) for i in range(n)
    ]
    return Examples(
        [f"{text} n{i}" for i, text in enumerate(texts)], ["neg", "pos"] * (n // 2), name="made up"
    )


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "words"
    corpus = Corpus.from_texts(["a film with a plot, a good film"] * 40)
    train_words(corpus, WORDS_SETTINGS, TrainOptions(out=out))
    return out


def test_words_in_common_keep_their_vectors_and_the_lstm_is_taken_over(language_model):
    model = read_model(language_model)
    start = read_language_model(language_model)
    settings = fitting_settings(LABELS_SETTINGS, start)
    assert (settings.embedding_size, settings.units) == (5, 6)
    tokenizer = Tokenizer.train(["good film zzz"], "words", lowercase=True, vocabulary=100, min_count=1)
    network = labels_network(settings, tokenizer.size, 2)
    assert take_over(network, tokenizer, settings, start) == 2
    vectors = network.get_layer("embedding").embeddings.numpy()
    for word in ("good", "film"):
        theirs = model.weights["embedding"][model.tokenizer.id(word)]
        np.testing.assert_array_equal(vectors[tokenizer.id(word)], theirs)
    new = vectors[tokenizer.id("zzz")]
    assert np.isfinite(new).all()
    assert new.any()
    for direction in ("lstm_forward", "lstm_backward"):
        cell = network.get_layer(direction).cell
        np.testing.assert_array_equal(cell.recurrent_kernel, model.weights["lstm_1/recurrent_kernel"])


def test_it_is_said_and_changes_what_is_learned(language_model, tmp_path):
    said = []
    start = read_language_model(language_model)
    options = {"start": start, "listener": lambda e: said.append(e.text) if isinstance(e, Note) else None}
    with_start = train(reviews(), LABELS_SETTINGS, out=tmp_path / "a", **options)
    assert any("have their embedding from" in text for text in said)
    assert with_start.settings.units == 6
    plain = with_changes(LABELS_SETTINGS, {"units": 6, "embedding_size": 5})
    without = train(reviews(), plain, out=tmp_path / "b")
    assert not np.allclose(with_start.weights["embedding"], without.weights["embedding"])


def test_a_start_resumes_bit_for_bit_and_only_from_the_same_model(language_model, tmp_path):
    start = read_language_model(language_model)
    whole = train(reviews(), LABELS_SETTINGS, out=tmp_path / "whole", start=start)
    with pytest.raises(Interrupted):
        train(reviews(), LABELS_SETTINGS, out=tmp_path / "cut", start=start, stop_after_steps=3)
    plain = fitting_settings(LABELS_SETTINGS, start)
    with pytest.raises(RunError):
        train(reviews(), plain, out=tmp_path / "cut", resume=True)
    resumed = train(reviews(), LABELS_SETTINGS, out=tmp_path / "cut", start=start, resume=True)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])


def test_the_articles_language_model_is_refused(tmp_path):
    settings = with_changes(WORDS_PRESETS["article"], {"units": 4, "iterations": 3})
    options = TrainOptions(out=tmp_path / "words", preset="article")
    train_words(Corpus.from_texts(["a b c d e f g h i j"]), settings, options)
    with pytest.raises(UsageError, match="word vectors"):
        read_language_model(tmp_path / "words")
