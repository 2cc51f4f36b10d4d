"""compare: two classifiers on the same texts."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import foretell
from foretell.config import LabelsSettings, WordsSettings
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.errors import ChangedFileError, DataError, SeenTextsWarning, UsageError
from foretell.runtime.seen import write_seen
from foretell.text_classifier import TextClassifier
from tests.builders import write_random

TEXTS = ["good", "bad", "fine", "awful", "great", "dull"]
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg"]
SMALL: dict[str, Any] = {"embedding_size": 4, "units": 4}


class Fixed:
    """An estimator that gives these probabilities [text, label]."""

    def __init__(self, probabilities: Any, labels: Sequence[object] = ("neg", "pos")) -> None:
        self._probabilities = np.array(probabilities)
        self.classes_ = np.array(labels)

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return self._probabilities[: len(texts)]


def of(*positive: float) -> Fixed:
    return Fixed([[1 - p, p] for p in positive])


def test_the_metrics_the_test_and_the_texts_that_differ() -> None:
    a = of(0.9, 0.2, 0.3, 0.1, 0.8, 0.4)
    b = of(0.8, 0.7, 0.6, 0.2, 0.9, 0.9)
    found = foretell.compare(a, b, TEXTS, LABELS)
    assert (found["texts"], found["a"]["accuracy"], found["b"]["accuracy"]) == (6, 5 / 6, 4 / 6)
    assert found["differences"]["accuracy"]["difference"] == pytest.approx(-1 / 6)
    assert found["mcnemar"] == {"only_a_right": 2, "only_b_right": 1, "p_value": 1.0}
    assert [
        tuple(each[key] for key in ("text", "a", "b", "right")) for each in found["differ"]
    ] == [
        ("dull", "neg", "pos", "a"),
        ("bad", "neg", "pos", "a"),
        ("fine", "neg", "pos", "b"),
    ]
    assert json.loads(json.dumps(found))["differ"][0]["probability_b"] == pytest.approx(0.9)


def test_three_labels_may_differ_where_neither_is_right() -> None:
    a = Fixed([[0.8, 0.1, 0.1]], ("x", "y", "z"))
    b = Fixed([[0.1, 0.8, 0.1]], ("x", "y", "z"))
    found = foretell.compare(a, b, ["text"], ["z"])
    assert [each["right"] for each in found["differ"]] == ["neither"]
    assert found["mcnemar"]["p_value"] == 1


def test_a_classifier_is_compared_as_it_is_in_memory(tmp_path: Any) -> None:
    path = write_random(tmp_path / "model", LabelsSettings(**SMALL), ["neg", "pos"])
    loaded = TextClassifier.load(path)
    assert foretell.compare(path, loaded, (TEXTS, LABELS))["differ"] == []
    accuracy = loaded.score(TEXTS, LABELS)
    probabilities = loaded.predict_proba(TEXTS)
    shutil.rmtree(path)
    other = write_random(path, LabelsSettings(**SMALL, seed=9), ["neg", "pos"])
    frame = pd.DataFrame({"text": TEXTS})
    found = foretell.compare(loaded, other, frame, [*LABELS[:5], None])
    assert found["texts"] == 5
    assert foretell.compare(loaded, other, frame, LABELS)["a"]["accuracy"] == accuracy
    for copied in (lambda: loaded.save(tmp_path / "copy"), lambda: pickle.dumps(loaded)):
        with pytest.raises(
            ChangedFileError, match="expected the model as it was opened, found another model"
        ):
            copied()
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), probabilities)


def test_a_model_that_has_seen_the_texts_is_named(tmp_path: Any) -> None:
    new, old = (
        write_random(tmp_path / name, LabelsSettings(**SMALL), ["neg", "pos"])
        for name in ("new", "old")
    )
    (old / "run").mkdir()
    write_seen(Split(train=Examples(TEXTS[:2], LABELS[:2]), valid=None), old / "run")
    with pytest.warns(SeenTextsWarning, match="^B: 2 of the 6 texts were in the") as caught:
        foretell.compare(new, TextClassifier.load(old), TEXTS, LABELS)
    assert [each.filename for each in caught] == [__file__]
    foretell.compare(old, new, TEXTS[2:], LABELS[2:])


def test_a_model_is_found_from_another_working_directory(tmp_path: Any, monkeypatch: Any) -> None:
    write_random(tmp_path / "model", LabelsSettings(**SMALL), ["neg", "pos"])
    monkeypatch.chdir(tmp_path)
    loaded = TextClassifier.load("model")
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(loaded)).predict(TEXTS) == loaded.predict(TEXTS)


def test_columns_are_matched_by_name_and_labels_keep_no_type() -> None:
    a, b = (Fixed([[0.9, 0.1]] * 2, labels) for labels in (("10", "9"), ("9", "10")))
    found = foretell.compare(a, b, ["a", "b"], [10, 9])
    assert [(each["a"], each["b"]) for each in found["differ"]] == [("10", "9"), ("10", "9")]


def test_a_continued_model_may_have_new_labels() -> None:
    a = of(0.9, 0.2, 0.8)
    b = Fixed([[0.1, 0.1, 0.8], [0.7, 0.2, 0.1], [0.2, 0.3, 0.5]], ("neg", "new", "pos"))
    found = foretell.compare(a, b, TEXTS[:3], ["pos", "neg", "new"])
    assert (found["a"]["accuracy"], found["b"]["accuracy"]) == (2 / 3, 2 / 3)
    # Recall of neg, new and pos: 1, 0, 1.
    assert found["a"]["balanced_accuracy"] == pytest.approx(2 / 3)
    better = Fixed([[0.1, 0.1, 0.8], [0.7, 0.2, 0.1], [0.2, 0.6, 0.2]], ("neg", "new", "pos"))
    found = foretell.compare(a, better, TEXTS[:3], ["pos", "neg", "new"])
    assert found["mcnemar"]["only_b_right"] == 1
    assert [each["b"] for each in found["differ"]] == ["new"]
    with pytest.raises(UsageError, match="give the model with more labels as b"):
        foretell.compare(b, a, TEXTS[:3], ["pos", "neg", "new"])


def test_any_estimator_can_be_compared(tmp_path: Any) -> None:
    model = write_random(tmp_path / "model", LabelsSettings(**SMALL), ["neg", "pos"])
    naive = make_pipeline(CountVectorizer(), MultinomialNB()).fit(TEXTS, LABELS)
    found = foretell.compare(model, naive, TEXTS, LABELS)
    assert found["b"]["accuracy"] == naive.score(TEXTS, LABELS)
    for each in found["differ"]:
        assert each["probability_b"] == pytest.approx(naive.predict_proba([each["text"]]).max())
    # Without probabilities, and without a list of its labels.
    linear = make_pipeline(CountVectorizer(), LinearSVC()).fit(TEXTS, LABELS)
    constant = SimpleNamespace(predict=lambda texts: ["pos"] * len(texts))
    found = foretell.compare(linear, constant, TEXTS, LABELS)
    assert [each["probability_a"] for each in found["differ"]] == [None] * 3
    assert found["b"]["balanced_accuracy"] == 0.5


def test_models_that_cannot_be_compared(tmp_path: Any) -> None:
    labels = write_random(tmp_path / "labels", LabelsSettings(**SMALL), ["neg", "pos"])
    others = write_random(tmp_path / "others", LabelsSettings(**SMALL), ["neg", "odd"])
    words = write_random(tmp_path / "words", WordsSettings(**SMALL))
    for other in (words, foretell.load(words)):
        with pytest.raises(UsageError, match="expected a model for labels"):
            foretell.compare(labels, other, (TEXTS, LABELS))
    with pytest.raises(UsageError, match=r"with the labels of a, .*neg, pos\), found neg, odd"):
        foretell.compare(labels, others, (TEXTS, LABELS))
    with pytest.raises(UsageError, match=r"b: expected a model directory for labels, .* found int"):
        foretell.compare(labels, 3, (TEXTS, LABELS))
    with pytest.raises(DataError, match=r"the labels of the model \(neg, pos\), found 1, 2"):
        foretell.compare(labels, labels, ["a", "b"], [1, 2])
    with pytest.raises(DataError, match="found none"):
        foretell.compare(labels, labels, [], [])
