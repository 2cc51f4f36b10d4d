from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.runtime.labels.evaluation import classification_report

NAMES = ["anger", "joy", "none"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=40))
def test_the_report_equals_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    from sklearn import metrics

    true, predicted = map(list, zip(*pairs, strict=True))
    report = classification_report(true, predicted, None, NAMES)
    assert report["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted))
    macro = metrics.f1_score(true, predicted, average="macro", zero_division=0)
    assert report["macro_f1"] == pytest.approx(macro)
    assert report["confusion"]["counts"] == metrics.confusion_matrix(true, predicted, labels=NAMES).tolist()
    each = metrics.precision_recall_fscore_support(true, predicted, labels=NAMES, zero_division=0)
    for name, *expected in zip(NAMES, *each, strict=True):
        assert list(report["labels"][name].values()) == pytest.approx(expected)


def test_log_loss_equals_scikit_learn_and_all_is_json() -> None:
    from sklearn import metrics

    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], 50)
    true = random.choice(NAMES, 50).tolist()
    predicted = [NAMES[i] for i in probabilities.argmax(axis=1)]
    report = classification_report(true, predicted, probabilities, NAMES)
    assert report["log_loss"] == pytest.approx(metrics.log_loss(true, probabilities, labels=NAMES))
    assert json.loads(json.dumps(report)) == report


def test_a_label_that_the_model_does_not_know_counts_as_an_error() -> None:
    report = classification_report(["b", "z"], ["b", "b"], np.array([[0.1, 0.9], [0.2, 0.8]]), ["a", "b"])
    assert report["accuracy"] == 0.5
    assert report["labels"]["z"] == {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert report["confusion"]["names"] == ["a", "b", "z"]
    assert report["log_loss"] is None


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one text"):
        classification_report([], [], None, NAMES)
    with pytest.raises(DataError, match="2 predictions"):
        classification_report(["joy", "joy"], ["joy"], None, NAMES)
