"""A classifier is continued: with the old examples and without, with new labels and words; and resumed."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.artifacts.directory import read_model
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import text_key
from foretell.errors import DataError, Interrupted, RunError, SettingsError, UsageError
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.events import Note
from foretell.training.labels.ancestor import Ancestor, read_ancestor
from foretell.training.labels.continued import continued_split
from foretell.training.labels.replay import made_up_texts
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions

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
    return read_ancestor(out, LabelsRuntime.open)


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
    february = read_ancestor(without_old[0], LabelsRuntime.open)
    manifest = (old.model.directory / "manifest.json").read_bytes()
    import hashlib

    assert february.model.ancestors == (hashlib.sha256(manifest).hexdigest(),)
    card = (without_old[0] / "README.md").read_text()
    assert february.model.ancestors[0] in card
    config = json.loads((without_old[0] / "config.json").read_text())
    assert config["ancestors"] == list(february.model.ancestors)
    notes: list[str] = []
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
        train_labels(split, TINY, TrainOptions(out=tmp_path / "x"), start=_start(), continued=what)
    with pytest.raises(DataError, match="new examples, found none"):
        continued_split(Examples([], []), old, settings=TINY)


def test_a_language_model_is_no_classifier_to_continue(tmp_path: Path) -> None:
    from foretell.data.corpus import Corpus
    from foretell.training.words.train import train_words
    from tests.training.words.small import SMALL

    tiny = with_changes(SMALL, {"units": 2, "embedding_size": 2, "epochs": 1, "valid_fraction": 0.0})
    train_words(Corpus.from_texts(["a b c d e f g"] * 20), tiny, TrainOptions(out=tmp_path / "words"))
    with pytest.raises(UsageError, match="a classifier to continue, found a language model"):
        read_ancestor(tmp_path / "words", LabelsRuntime.open)


def _start():
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
