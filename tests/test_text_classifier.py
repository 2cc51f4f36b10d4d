"""TextClassifier: a scikit-learn estimator in every way that texts allow."""

# ruff: noqa: N803  (scikit-learn calls its data X)

from __future__ import annotations

import dataclasses
import inspect
import pickle
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import foretell
from foretell import TextClassifier
from foretell.config import LabelsSettings
from foretell.errors import DataError, RunError, SettingsError
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.training.events import EpochDone, Event
from tests.builders import write_random

# One epoch: each costs a tenth of a second, however few its steps are.
TINY: dict[str, Any] = {
    "units": 4,
    "embedding_size": 8,
    "epochs": 1,
    "min_steps": 1,
    "batch_size": 4,
    "learning_rate": 0.05,
    "folds": 0,
}
TEXTS = [f"{word} thing number {n}" for n in range(12) for word in ("good", "awful")]
LABELS = ["positive", "negative"] * 12


def tiny(**changes: Any) -> TextClassifier:
    return TextClassifier(**{**TINY, **changes})


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return tiny().fit(TEXTS, LABELS)


def test_every_setting_is_a_parameter() -> None:
    names = [f.name for f in dataclasses.fields(LabelsSettings)]
    parameters = inspect.signature(TextClassifier).parameters
    assert sorted(parameters) == sorted(["preset", "verbose", *names])
    assert all(parameter.default is None for parameter in parameters.values())


def test_it_evaluates_slices_and_costs_as_the_command_does(fitted: TextClassifier) -> None:
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS, "half": ["first"] * 12 + ["second"] * 12})
    report = fitted.evaluate(frame, by="half", cost={"fp": 5, "fn": 1}, positive="negative")
    assert [row["value"] for row in report["slices"]["values"]] == ["first", "second"]
    assert report["threshold"]["positive"] == "negative"
    assert report["intervals"]["accuracy"][0] <= report["accuracy"]
    same = fitted.evaluate(
        TEXTS, LABELS, by=frame["half"], cost={"fp": 5, "fn": 1}, positive="negative"
    )
    assert same == report


def test_list_iterator_and_array_agree(fitted: TextClassifier) -> None:
    labels = fitted.predict(TEXTS)
    assert isinstance(labels, list)
    for given in (np.array(TEXTS), pd.Series(TEXTS), pd.DataFrame({"text": TEXTS})):
        assert isinstance(fitted.predict(given), np.ndarray)
        assert fitted.predict(given).tolist() == labels
    one_by_one = [fitted.explain(text) for text in TEXTS[:3]]
    assert fitted.explain(TEXTS[:3]) == fitted.explain(np.array(TEXTS[:3])) == one_by_one
    verdicts = fitted.classify(TEXTS)
    assert [verdict.label for verdict in verdicts] == labels
    rows = fitted.predict_proba(TEXTS)
    np.testing.assert_allclose(
        [[*each.probabilities.values()] for each in verdicts], rows, atol=1e-6
    )
    assert list(verdicts[0].probabilities) == fitted.classes_.tolist()
    assert all(verdict.reason == "" and verdict.flags == () for verdict in verdicts)
    for ask, answers in (
        (fitted.predict, labels),
        (fitted.explain, fitted.explain(TEXTS)),
        (fitted.classify, verdicts),
    ):
        lazily = ask(iter(TEXTS))
        assert isinstance(lazily, Iterator)
        assert list(lazily) == answers
        assert ask([]) == []
    np.testing.assert_allclose(np.stack(list(fitted.predict_proba(iter(TEXTS)))), rows, atol=1e-6)


def test_classify_abstains_and_flags(fitted: TextClassifier) -> None:
    sure, unsure = fitted.classify(["good thing number 3", "good awful"])
    least = (sure.probability + unsure.probability) / 2
    assert unsure.probability < least
    first, second = fitted.classify(["good thing number 3", "good awful"], abstain_below=least)
    assert (first.label, first.reason) == ("positive", "")
    assert (second.label, second.reason) == ("", f"below {least:g}")
    assert second.probability == pytest.approx(unsure.probability)
    # All of the texts learned from have four words.
    odd = fitted.classify(["", "good quux zebra foo", "good " * 9, "good"])
    far = "than any seen in training"
    flags = ["empty", "mostly unknown words", f"far longer {far}", f"far shorter {far}"]
    assert [verdict.flags for verdict in odd] == [(flag,) for flag in flags]
    with pytest.raises(SettingsError, match="abstain-below"):
        fitted.classify(iter(TEXTS), abstain_below=80)


def test_saved_loaded_and_pickled_it_answers_the_same(
    fitted: TextClassifier, tmp_path: Path
) -> None:
    expected = fitted.predict_proba(TEXTS)
    fitted.save(tmp_path / "m")
    loaded = foretell.load(tmp_path / "m")
    assert isinstance(loaded, TextClassifier)
    for copy in (loaded, TextClassifier.load(tmp_path / "m"), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(copy.predict_proba(TEXTS), expected)
    assert loaded.get_params()["units"] == 4


def test_rows_without_a_label_are_unlabelled_texts() -> None:
    semi = tiny().fit(TEXTS, [label if i < 12 else None for i, label in enumerate(LABELS)])
    assert semi.metrics_["unlabelled_texts"] == 12
    assert semi.metrics_["texts"] + semi.metrics_["valid_texts"] == 12
    more = tiny().fit(TEXTS[:12], LABELS[:12], unlabelled=TEXTS[12:])
    np.testing.assert_array_equal(more.predict_proba(TEXTS), semi.predict_proba(TEXTS))


@pytest.mark.filterwarnings("ignore:.* as unlabelled")
def test_unlabelled_rows_work_in_a_pipeline_and_in_cross_validation() -> None:
    same = FunctionTransformer(lambda X: [text.upper() for text in X])
    y = [label if i % 3 else -1 for i, label in enumerate([0, 1] * 12)]
    pipeline = Pipeline([("same", same), ("label", tiny())])
    assert (cross_val_score(pipeline, TEXTS, y, cv=2) == 1).all()


def test_the_score_is_of_the_texts_with_a_label(fitted: TextClassifier) -> None:
    right = fitted.predict(TEXTS)
    other = {"positive": "negative", "negative": "positive"}
    y = [None, *right[1:12], *(other[label] for label in right[12:])]
    assert fitted.score(TEXTS, y) == 11 / 23
    assert fitted.score(TEXTS, y, sample_weight=[9] + [1] * 11 + [0] * 12) == 1
    assert fitted.evaluate(TEXTS, y)["accuracy"] == 11 / 23
    for none in ([None] * 24, [1, 2] * 12):
        with pytest.raises(DataError, match=r"expected .*, found"):
            fitted.score(TEXTS, none)


def test_the_score_of_several_labels_is_that_of_evaluate(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    settings = LabelsSettings(embedding_size=4, units=4, multi_label=";")
    ensemble = LabelwiseEnsemble(network=(9.0,) * 3, offsets=(0.0,) * 3, thresholds=(0.5,) * 3)
    path = write_random(tmp_path / "m", settings, names, ensemble=ensemble)
    model = TextClassifier.load(path)
    rows = (model.predict_proba(TEXTS) >= 0.5).astype(float)
    frame = pd.DataFrame(rows, columns=names)
    lists = [[name for name, value in zip(names, row, strict=True) if value] for row in rows]
    for right in (rows, frame, frame[["c", "a", "b"]], lists, list(map(set, lists))):
        assert model.score(TEXTS, right) == model.evaluate(TEXTS, right)["accuracy"] == 1
    rows[0, 0], rows[1] = np.nan, 1 - rows[1]
    lists[2] = [*lists[2], "unknown"]
    assert model.score(TEXTS, rows) == model.score(TEXTS, lists) == 23 / 24
    assert model.score(TEXTS, rows, sample_weight=[0, 1] + [0] * 22) == 0


@pytest.mark.parametrize("kind", [int, float, np.float32])
def test_whole_numbers_are_one_label_whatever_their_type(kind: Any) -> None:
    y = [kind(label == "positive") for label in LABELS]
    model = tiny().fit(TEXTS, y, valid=(TEXTS[:4], [1, 0, 1.0, 0.0]))
    assert (model.score(TEXTS, y), model.classes_.dtype.kind) == (1, np.array(y).dtype.kind)
    for given in ([1, 0] * 12, [1.0, 0.0] * 12):
        assert model.score(TEXTS, given) == model.evaluate(TEXTS, given)["accuracy"] == 1
        assert model.evaluate(pd.DataFrame({"text": TEXTS, "label": given}))["accuracy"] == 1
    # What the model answers is a label wherever one is asked for.
    last = model.classes_[1]
    assert model.explain(TEXTS[0], label=last).label == last
    assert "threshold" in model.evaluate(TEXTS, y, cost={"fp": np.int64(2), "fn": 1}, positive=last)
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.predict(TEXTS[:2]), copy.classes_.dtype) == ([1, 0], model.classes_.dtype)


def test_numbers_are_labels_of_models_that_continue_and_of_tables() -> None:
    model = tiny().fit(TEXTS, [int(label == "positive") for label in LABELS])
    more = [f"{text} again" for text in TEXTS]
    text = pd.DataFrame(
        {"text": more, "label": [str(int(label == "positive")) for label in LABELS]}
    )
    again = TextClassifier(epochs=1).fit(text, continue_from=model)
    assert again.classes_.tolist() == [0, 1]
    assert {type(each) for each in again.predict(TEXTS)} == {int}
    y = [0.5 + (label == "positive") for label in LABELS]
    halves = tiny().fit(pd.DataFrame({0: TEXTS, 1: y}), text=0, label=1)
    assert halves.score(TEXTS, y) == halves.evaluate(TEXTS, y)["accuracy"] == 1
    with pytest.raises(ValueError, match="Unknown label type"):
        tiny().fit(TEXTS, y)


def test_dates_become_text_and_are_measured_as_dates() -> None:
    y = [date(2020 + (label == "positive"), 1, 1) for label in LABELS]
    model = tiny().fit(TEXTS, y)
    assert model.classes_.tolist() == ["2020-01-01", "2021-01-01"]
    assert model.score(TEXTS, y) == model.evaluate(TEXTS, y)["accuracy"] == 1


@pytest.mark.parametrize(("ignored", "folds"), [("first", 0), ("second", 2)])
def test_of_two_labels_of_a_text_the_one_that_has_weight_is_learned(
    ignored: str, folds: int
) -> None:
    others = ["negative" if label == "positive" else "positive" for label in LABELS]
    kept = [ignored == "second", ignored == "first"]
    weights = np.repeat(np.array(kept, float), len(TEXTS))
    clf = tiny(valid_fraction=0.0, folds=folds)
    clf.fit([*TEXTS, *TEXTS], [*LABELS, *others], sample_weight=weights)
    assert clf.score(TEXTS, LABELS if ignored == "second" else others) == 1


def test_out_resume_and_listener_are_those_of_the_command_line(
    fitted: TextClassifier, tmp_path: Path
) -> None:
    events: list[Event] = []
    it = tiny().fit(
        TEXTS, LABELS, out=tmp_path / "m", tensorboard=tmp_path / "tb", listener=events.append
    )
    assert any(isinstance(event, EpochDone) for event in events)
    assert (tmp_path / "m" / "run" / "report.html").exists()
    assert list((tmp_path / "tb").glob("events.out.tfevents*"))
    it.save(tmp_path / "m")
    assert it.report().path is not None
    # The same seed gives the same model.
    again = foretell.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    with pytest.raises(RunError, match="resume"):
        tiny().fit(TEXTS, LABELS, out=tmp_path / "n", resume=True)
