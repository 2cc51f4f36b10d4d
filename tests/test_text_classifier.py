"""TextClassifier: a scikit-learn estimator in every way that texts allow."""

# ruff: noqa: N803, N806  (scikit-learn calls its data X)

from __future__ import annotations

import dataclasses
import inspect
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

import foretell
from foretell import TextClassifier
from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, to_dict
from foretell.data.checks import check_learnable
from foretell.data.split import Split
from foretell.errors import DataError, SettingsError
from foretell.text.tokenizer import Tokenizer
from foretell.training.options import TrainOptions

TINY: dict[str, Any] = {"units": 4, "embedding_size": 8, "epochs": 2, "min_steps": 8, "learning_rate": 0.05}
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
    assert sorted(parameters) == sorted(["preset", *names])
    assert all(parameters[name].default is None for name in names)


def test_it_learns(fitted: TextClassifier) -> None:
    assert fitted.score(TEXTS, LABELS) > 0.9
    assert fitted.classes_.tolist() == ["negative", "positive"]
    assert "accuracy" in fitted.metrics_


def test_list_iterator_and_array_agree(fitted: TextClassifier) -> None:
    labels = fitted.predict(TEXTS)
    assert isinstance(labels, list)
    lazily = fitted.predict(iter(TEXTS))
    assert isinstance(lazily, Iterator)
    assert list(lazily) == labels
    as_array = fitted.predict(np.array(TEXTS))
    assert isinstance(as_array, np.ndarray)
    assert as_array.tolist() == labels
    assert fitted.predict(pd.Series(TEXTS)).tolist() == labels
    assert fitted.predict(pd.DataFrame({"text": TEXTS})).tolist() == labels
    np.testing.assert_allclose(
        np.stack(list(fitted.predict_proba(iter(TEXTS)))), fitted.predict_proba(TEXTS), atol=1e-6
    )
    assert fitted.predict([]) == []


def test_explanations_of_one_a_list_and_an_iterator_agree(fitted: TextClassifier) -> None:
    one_by_one = [fitted.explain(text) for text in TEXTS[:3]]
    assert fitted.explain(TEXTS[:3]) == one_by_one
    lazily = fitted.explain(iter(TEXTS[:3]))
    assert isinstance(lazily, Iterator)
    assert list(lazily) == one_by_one
    assert fitted.explain(np.array(TEXTS[:3])) == one_by_one
    assert fitted.explain([]) == []
    with pytest.raises(DataError, match="expected a text"):
        fitted.explain([3])


def test_an_explanation_names_the_word_that_decided(fitted: TextClassifier) -> None:
    for text, label in zip(TEXTS, LABELS, strict=True):
        found = fitted.explain(text)
        assert (found.text, found.label) == (text, label)
        assert found.probability == pytest.approx(fitted.predict_proba([text]).max(), abs=1e-6)
        assert max(found.words, key=lambda word: word.effect).text in ("good", "awful")
        assert found.running[-1] == found.probability


def test_an_explanation_has_the_label_as_it_was_given() -> None:
    numbered = tiny().fit(TEXTS, [10 if label == "positive" else 9 for label in LABELS])
    assert numbered.explain(TEXTS[:2])[0].label == 10
    assert type(numbered.explain(TEXTS[1]).label) is int
    with pytest.raises(NotFittedError):
        tiny().explain("text")


def test_an_iterator_is_answered_while_it_is_read(fitted: TextClassifier) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for text in TEXTS:
            read += 1
            yield text

    next(fitted.predict(texts()))
    assert read < len(TEXTS)


def test_probabilities_are_in_the_order_of_the_classes() -> None:
    labels = [9, 10] * 12
    model = tiny().fit(TEXTS, labels)
    assert model.classes_.tolist() == [9, 10]
    assert model.predict(["good thing", "awful thing"]) == [9, 10]
    good, awful = model.classify(["good thing", "awful thing"])
    assert (good.label, awful.label) == (9, 10)
    assert list(good.probabilities) == [9, 10]
    assert good.probabilities[9] == good.probability > good.probabilities[10]
    rows = model.predict_proba(["good thing", "awful thing"])
    assert rows.argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_classify_gives_verdicts_that_agree_with_predict(fitted: TextClassifier) -> None:
    verdicts = fitted.classify(TEXTS)
    assert [verdict.label for verdict in verdicts] == fitted.predict(TEXTS)
    rows = [list(verdict.probabilities.values()) for verdict in verdicts]
    np.testing.assert_allclose(rows, fitted.predict_proba(TEXTS), atol=1e-6)
    assert list(verdicts[0].probabilities) == fitted.classes_.tolist()
    assert all(verdict.reason == "" and verdict.flags == () for verdict in verdicts)
    assert [verdict.label for verdict in fitted.classify(np.array(TEXTS))] == fitted.predict(TEXTS)
    lazily = fitted.classify(iter(TEXTS))
    assert isinstance(lazily, Iterator)
    assert [verdict.label for verdict in lazily] == fitted.predict(TEXTS)


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
    assert [verdict.flags for verdict in odd] == [
        ("empty",),
        ("mostly unknown words",),
        ("far longer than any seen in training",),
        ("far shorter than any seen in training",),
    ]
    with pytest.raises(SettingsError, match="abstain-below"):
        fitted.classify(iter(TEXTS), abstain_below=80)


def test_three_labels_and_a_data_frame() -> None:
    frame = pd.DataFrame(
        {"text": [f"{w} thing {n}" for n in range(8) for w in "abc"], "label": list("xyz") * 8}
    )
    model = tiny().fit(frame)
    assert model.classes_.tolist() == ["x", "y", "z"]
    assert model.predict_proba(["a thing"]).shape == (1, 3)


def test_the_same_seed_gives_the_same_model(fitted: TextClassifier) -> None:
    again = tiny().fit(TEXTS, LABELS)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))


def test_saved_loaded_and_pickled_it_answers_the_same(fitted: TextClassifier, tmp_path: Path) -> None:
    expected = fitted.predict_proba(TEXTS)
    fitted.save(tmp_path / "m")
    loaded = foretell.load(tmp_path / "m")
    assert isinstance(loaded, TextClassifier)
    for copy in (loaded, TextClassifier.load(tmp_path / "m"), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(copy.predict_proba(TEXTS), expected)
    assert loaded.get_params()["units"] == 4


def test_in_a_pipeline() -> None:
    shout = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    pipeline = Pipeline([("shout", shout), ("classifier", tiny())]).fit(TEXTS, LABELS)
    assert pipeline.score(TEXTS, LABELS) > 0.9


def test_grid_search_and_cross_validation() -> None:
    search = GridSearchCV(tiny(), {"units": np.array([3, 4])}, cv=2).fit(TEXTS, LABELS)
    assert search.best_params_["units"] in (3, 4)
    assert search.predict(["good thing"])[0] in ("negative", "positive")
    assert len(cross_val_score(tiny(), TEXTS, LABELS, cv=2)) == 2


def test_clone_is_not_fitted(fitted: TextClassifier) -> None:
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    for ask in (copy.predict, copy.predict_proba, copy.classify):
        with pytest.raises(NotFittedError):
            ask(["x"])
    with pytest.raises(NotFittedError):
        copy.save("nowhere")


@pytest.mark.parametrize(
    ("texts", "labels", "says"),
    [
        (["a", "b"], ["x", "x"], "label"),
        (["a", "b"], ["x"], "2 labels"),
        (["a", "b"], None, "y"),
        ("a text", ["x"], "several texts"),
        ([1, 2], ["x", "y"], r"X\[0\]"),
        (["a", "b"], ["x", None], r"y\[1\]"),
        (["a", "b", "c"], [0.0, float("nan"), 1.0], r"y\[1\]"),
        (["a", "b"], [["x", "y"], ["x", "y"]], "shape"),
        (["a", "b", "c"], [0.5, 1.5, 2.25], "Unknown label type"),
    ],
)
def test_what_cannot_be_learned_from(texts: Any, labels: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tiny().fit(texts, labels)


def test_parameters_out_of_range() -> None:
    with pytest.raises(SettingsError, match="units"):
        tiny(units=0).fit(TEXTS, LABELS)
    with pytest.raises(SettingsError, match="preset"):
        tiny(preset="huge").fit(TEXTS, LABELS)


def test_what_is_not_text_is_refused(fitted: TextClassifier) -> None:
    with pytest.raises(DataError, match=r"X\[1\]"):
        fitted.predict(["good", None])
    with pytest.raises(DataError, match=r"X\[1\]"):
        fitted.classify(["good", None])
    with pytest.raises(DataError, match="several texts"):
        fitted.classify("good")


def test_check_estimator_as_far_as_scikit_learn_tests_text() -> None:
    with warnings.catch_warnings():
        # scikit-learn runs few of its checks on estimators that take no numbers; the next test runs them all.
        warnings.simplefilter("ignore", SkipTestWarning)
        check_estimator(TextClassifier())


class NumbersAsText(TextClassifier):
    """A TextClassifier that reads a row of numbers as words, so that all of scikit-learn's checks can run."""

    def __init__(self, preset: str = "base", *, seed: int | None = None) -> None:
        super().__init__(preset, seed=seed, **TINY)

    def fit(self, X: Any, y: Any = None) -> NumbersAsText:
        X, y = validate_data(self, X, y, dtype="float64")
        super().fit(_rows_as_texts(X), y)
        return self

    def predict(self, X: Any) -> Any:
        return np.array(super().predict(self._texts(X)))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(self._texts(X))

    def _texts(self, X: Any) -> list[str]:
        check_is_fitted(self)
        return _rows_as_texts(validate_data(self, X, reset=False, dtype="float64"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        return tags


def _rows_as_texts(rows: Any) -> list[str]:
    return [" ".join(f"c{column}v{round(float(v))}" for column, v in enumerate(row)) for row in rows]


EXPECTED_FAILURES = {
    "check_classifiers_one_label": "one label only is an error here: there is nothing to learn",
    "check_fit2d_1sample": "likewise one text, with its one label; the error says so in other words",
}


def count_words(split: Split, settings: LabelsSettings, options: TrainOptions) -> None:
    """Stand in for the trainer: a real model directory in milliseconds, its weights counted (naive Bayes).

    With its input and output gates open and its forget gate shut, an LSTM's output is tanh(tanh(x)); the mean
    of that over a text is a vote of its words.
    """
    examples = split.train
    check_learnable(examples)
    labels = sorted(set(examples.labels))
    tokenizer = Tokenizer.train(examples.texts, "words", lowercase=True, vocabulary=30_000, min_count=1)
    counts = np.ones((tokenizer.size, len(labels)))
    for text, label in zip(examples.texts, examples.labels, strict=True):
        np.add.at(counts, (tokenizer.encode(text), labels.index(label)), 1.0)
    odds = np.log(counts / counts.sum(axis=0))
    n, wide = (
        len(labels),
        LabelsSettings(**{**to_dict(settings), "units": len(labels), "embedding_size": len(labels)}),
    )
    shut, opened = np.full(n, -30.0), np.full(n, 30.0)
    forward = {
        "kernel": np.concatenate([np.zeros((n, n)), np.zeros((n, n)), np.eye(n), np.zeros((n, n))], axis=1),
        "recurrent_kernel": np.zeros((n, 4 * n)),
        "bias": np.concatenate([opened, shut, np.zeros(n), opened]),
    }
    mean = np.zeros((6 * n, n))
    mean[2 * n : 3 * n] = 40 * np.eye(n)
    outputs = mean if n > 2 else mean @ np.array([[-1.0], [1.0]])
    weights = {"embedding": odds - odds.mean(axis=1, keepdims=True), "output/kernel": outputs}
    weights["output/bias"] = np.zeros(outputs.shape[1])
    for direction in ("forward", "backward"):
        weights |= {f"lstm_{direction}/{name}": value for name, value in forward.items()}
    arrays = {name: value.astype(np.float32) for name, value in weights.items()}
    write_model(
        Model(
            job="labels",
            preset=options.preset,
            settings=wide,
            tokenizer=tokenizer,
            weights=arrays,
            labels=labels,
        ),
        options.out,
    )


def test_check_estimator_on_numbers_written_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell.training.labels import train

    monkeypatch.setattr(train, "train_labels", count_words)
    check_estimator(NumbersAsText(), expected_failed_checks=EXPECTED_FAILURES, on_skip=None)
