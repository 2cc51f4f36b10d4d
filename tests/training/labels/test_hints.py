"""Hints on labels: words that no labelled text has, a weight decided on folds, and no labels at all."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell import TextClassifier
from foretell.errors import DataError, Interrupted
from foretell.training.events import Note
from foretell.training.labels import fold_networks

GOOD = [f"good{i}" for i in range(20)]
BAD = [f"bad{i}" for i in range(20)]
SIZES = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 3, "valid_fraction": 0.0}
HINTS = {1: GOOD[10:], 0: " ".join(BAD[10:])}


@pytest.fixture(autouse=True)
def short_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_networks, "_EPOCHS", 1)
    monkeypatch.setattr(fold_networks, "_STEPS", 6)


def texts_of(places: range, n: int = 40, seed: int = 1) -> tuple[list[str], list[int]]:
    """Return texts with one word of their kind, from some places, and their labels."""
    rng, texts = random.Random(seed), []
    for i in range(n):
        kind = GOOD if i % 2 else BAD
        texts.append(f"the film {kind[rng.choice(places)]} was number{rng.randrange(9)} x{i}")
    return texts, [i % 2 for i in range(n)]


def classifier() -> TextClassifier:
    return TextClassifier(preset="base", verbose=False, **SIZES)


def accuracy(trained: TextClassifier) -> float:
    texts, labels = texts_of(range(10, 20), seed=2)
    return float(np.mean(np.array(trained.predict(texts)) == labels))


def test_words_of_the_hints_alone_count() -> None:
    texts, labels = texts_of(range(10))
    notes: list[str] = []
    trained = classifier().fit(
        texts,
        labels,
        label_hints=HINTS,
        listener=lambda event: notes.append(event.text) if isinstance(event, Note) else None,
    )
    assert accuracy(trained) == 1.0
    assert {"hinted_tfidf", "hinted_pooled"} <= set(trained.metrics_["members"])
    assert trained.predict(texts) == labels
    assert trained.classify(texts[:1])[0].flags == ()


def test_wrong_hints_do_no_harm() -> None:
    texts, labels = texts_of(range(20), n=120)
    trained = classifier().fit(texts, labels, label_hints={1: BAD, 0: GOOD})
    members = trained.metrics_["members"]
    assert members["hinted_tfidf"]["accuracy"] < 0.05
    of_same_values = sum(members[name]["weight"] for name in ("tfidf", "bayes", "centroids"))
    assert members["hinted_tfidf"]["weight"] < 0.5 * of_same_values
    assert accuracy(trained) > 0.95


def test_without_any_label_the_answers_are_marked_as_unevaluated(tmp_path: Path) -> None:
    texts, _ = texts_of(range(20), n=120)
    trained = classifier().fit(texts, [None] * len(texts), label_hints=HINTS, out=tmp_path / "m")
    assert accuracy(trained) > 0.95
    assert trained.classes_.tolist() == [0, 1]
    assert all("unevaluated" in verdict.flags for verdict in trained.classify(texts[:5]))
    assert trained.metrics_["measured_on"] == "label hints, while training"
    loaded = TextClassifier.load(tmp_path / "m")
    assert "unevaluated" in loaded.classify(texts[:1])[0].flags


@pytest.mark.soak
def test_other_hints_are_another_training(tmp_path: Path) -> None:
    texts, labels = texts_of(range(10))
    whole = classifier().fit(texts, labels, label_hints=HINTS)
    stopped = {"out": tmp_path / "m", "checkpoint_seconds": 1e-9}

    def stop(event: object) -> None:
        if type(event).__name__ == "Checkpointed":
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Interrupted)):
        classifier().fit(texts, labels, label_hints=HINTS, listener=stop, **stopped)
    with pytest.raises(Exception, match="the data"):
        classifier().fit(texts, labels, label_hints={**HINTS, 0: "dull"}, resume=True, **stopped)
    resumed = classifier().fit(texts, labels, label_hints=HINTS, resume=True, **stopped)
    np.testing.assert_array_equal(resumed.predict_proba(texts), whole.predict_proba(texts))


def test_a_hint_on_an_unknown_label_is_refused() -> None:
    texts, labels = texts_of(range(10))
    with pytest.raises(DataError, match="found 2"):
        classifier().fit(texts, labels, label_hints={**HINTS, 2: "odd"})
