"""Cross-validation: every text is answered by a model that has not seen it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

from foretell import TextClassifier
from foretell.data.examples import Examples
from foretell.errors import DataError, SettingsError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.labels import train

SIZES: dict[str, Any] = {
    "units": 4,
    "embedding_size": 4,
    "batch_size": 8,
    "folds": 0,
    "epochs": 1,
    "min_steps": 1,
}
ESTIMATOR = TextClassifier("base", verbose=0, **SIZES)


def examples(n: int = 30) -> Examples:
    """Texts whose words show the label, the first two of them equal but for case."""
    texts = [f"{('dull bad', 'good fine')[i % 2]} film {i}" for i in range(n)]
    texts[2] = texts[0].upper()
    return Examples(texts, [("neg", "pos")[i % 2] for i in range(n)], name="made up")


def test_no_model_has_seen_what_it_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[set[str]] = []
    answered: list[set[str]] = []
    train_labels = train.train_labels
    predict = LabelsRuntime.predict_proba

    def spied_train(split: Any, *given: Any, **options: Any) -> Any:
        parts = [split.train, *([] if split.valid is None else [split.valid])]
        seen.append({text.casefold() for part in parts for text in part.texts})
        return train_labels(split, *given, **options)

    def spied_predict(self: LabelsRuntime, texts: list[str]) -> Any:
        answered.append({text.casefold() for text in texts})
        return predict(self, texts)

    monkeypatch.setattr(train, "train_labels", spied_train)
    monkeypatch.setattr(LabelsRuntime, "predict_proba", spied_predict)
    # The label of one text is unknown where it is asked for: a wrong answer.
    given = examples()
    given.labels[5] = "odd"
    estimator = TextClassifier("base", verbose=1, **SIZES)
    report = estimator.evaluate(given.texts, given.labels, folds=2, by=["a", "b", "c"] * 10)
    assert all(not one & other for one, other in zip(seen, answered, strict=True))
    texts = [text.casefold() for text in given.texts]
    assert answered[0] | answered[1] == {*texts}
    assert (report["texts"], report["folds"]) == (30, 2)
    assert 0.9 < report["accuracy"] <= 29 / 30
    assert report["labels"]["odd"]["f1"] == 0
    assert 0.5 < report["log_loss"] < 1.5
    assert [row["texts"] for row in report["slices"]["values"]] == [10, 10, 10]
    assert {name: row["support"] for name, row in report["labels"].items()} == {
        "neg": 15,
        "odd": 1,
        "pos": 14,
    }
    note = "1 text has a label that no other text has: counted as answered wrongly"
    shown = capsys.readouterr().err
    assert note in shown
    assert "accuracy on stratified folds can be a few points too high" in shown


def test_where_only_one_label_is_left_it_is_the_answer() -> None:
    texts = [f"film {i}" for i in range(6)]
    report = ESTIMATOR.evaluate(texts, ["one"] * 5 + ["odd"], folds=2)
    assert (report["texts"], report["accuracy"]) == (6, 5 / 6)


def test_an_estimator_need_not_be_fitted_and_stays_as_it_is() -> None:
    given = examples()
    report = ESTIMATOR.evaluate(given.texts, given.labels, folds=2)
    assert (
        report["measured_on"]
        == "answers of 2 models, each to the texts that it was trained without"
    )
    assert not hasattr(ESTIMATOR, "classes_")
    with pytest.raises(SettingsError, match="folds: expected 2 folds or more, found 1"):
        ESTIMATOR.evaluate(given.texts, given.labels, folds=1)
    with pytest.raises(DataError, match="two labels or more"):
        ESTIMATOR.evaluate(["a", "b"], ["x", "x"], folds=2)
