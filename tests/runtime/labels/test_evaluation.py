from __future__ import annotations

import json

import numpy as np
import pytest

from foretell.data.examples import Column
from foretell.errors import DataError, UsageError
from foretell.metrics.costs import Costs
from foretell.runtime.labels.evaluation import evaluation_report

NAMES = ["anger", "joy", "none"]


def test_a_label_that_the_model_does_not_know_counts_as_an_error() -> None:
    report = evaluation_report(["b", "z"], np.array([[0.1, 0.9], [0.2, 0.8]]), ["a", "b"])
    assert report["accuracy"] == 0.5
    assert report["labels"]["z"] == {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert report["confusion"]["names"] == ["a", "b", "z"]
    assert (report["log_loss"], report["unknown_labels"]) == (None, ["z"])


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one text"):
        evaluation_report([], np.zeros((0, 3)), NAMES)


LABELS = ["neg", "pos", "pos", "neg", "pos", "neg"]
ROWS = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9], [0.45, 0.55]])


def test_each_slice_has_the_metrics_of_its_texts() -> None:
    by = Column("source", ["web", "web", "web", "mail", "mail", "web"])
    report = evaluation_report(LABELS, ROWS, ["neg", "pos"], by=by)
    slices = report["slices"]
    assert slices["column"] == "source"
    assert [row["value"] for row in slices["values"]] == ["web", "mail"]
    for row in slices["values"]:
        rows = [i for i, value in enumerate(by.values) if value == row["value"]]
        alone = evaluation_report([LABELS[i] for i in rows], ROWS[rows], ["neg", "pos"])
        for key in ("texts", "accuracy", "macro_f1", "calibration_error", "log_loss"):
            assert row[key] == alone[key]
        assert row["intervals"] == {
            key: alone["intervals"][key] for key in ("accuracy", "balanced_accuracy", "macro_f1")
        }
    assert json.loads(json.dumps(report)) == report


def test_costs_need_two_labels() -> None:
    three = np.array([[0.2, 0.3, 0.5]])
    with pytest.raises(
        UsageError, match="expected a model with two labels, for costs, found 3 labels"
    ):
        evaluation_report(["joy"], three, NAMES, costs=Costs(1, 1))
    with pytest.raises(UsageError, match="a positive label out of neg, pos, found spam"):
        evaluation_report(LABELS, ROWS, ["neg", "pos"], costs=Costs(1, 1), positive="spam")
    with pytest.raises(DataError, match="expected the labels neg, pos, for costs, found odd"):
        evaluation_report([*LABELS[:5], "odd"], ROWS, ["neg", "pos"], costs=Costs(1, 1))


def test_the_most_probable_wrong_answers_and_the_pairs_that_are_confused() -> None:
    # In order: right, wrong by 0.8, wrong by 0.6, right, wrong by 0.9.
    labels = ["neg", "neg", "pos", "pos", "odd"]
    rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7], [0.1, 0.9]])
    report = evaluation_report(labels, rows, ["neg", "pos"], texts=list("abcde"), max_mistakes=2)
    assert report["mistakes"] == [
        {"text": "e", "label": "odd", "predicted": "pos", "probability": 0.9},
        {"text": "b", "label": "neg", "predicted": "pos", "probability": 0.8},
    ]
    assert report["confused"]["different"] == 3
    assert report["confused"]["pairs"] == [
        {"label": "neg", "predicted": "pos", "texts": 1},
        {"label": "pos", "predicted": "neg", "texts": 1},
        {"label": "odd", "predicted": "pos", "texts": 1},
    ]
    # The two of 0.9, of which one is right, are in one bin.
    assert report["calibration_error"] == pytest.approx((0.8 + 0.8 + 0.6 + 0.3) / 5)
    # Recall of neg, pos and odd: a half, a half and 0.
    assert report["balanced_accuracy"] == pytest.approx(1 / 3)
    # Of texts that are not given none is shown.
    assert "mistakes" not in evaluation_report(labels, rows, ["neg", "pos"])


def test_costs_are_of_the_second_label_unless_another_is_named() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    given = (["a", "b"], probabilities, ["a", "b"])
    costs = Costs(fp=1, fn=1)
    for positive, chosen in ((None, "b"), ("a", "a")):
        found = evaluation_report(*given, costs=costs, positive=positive)["threshold"]
        assert (found["positive"], found["at_half"]["cost"]) == (chosen, 0)
