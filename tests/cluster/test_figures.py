"""Figures that add up: the report of the sums is the report of all texts at once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foretell.cluster.figures import LabelSums, labels_report, words_report
from foretell.errors import DataError
from foretell.runtime.labels.evaluation import evaluation_report

NAMES = ("a", "b", "c")


def sums_of(labels: list[str], rows: np.ndarray) -> dict[str, object]:
    sums = LabelSums(NAMES)
    for label, row in zip(labels, rows.tolist(), strict=True):
        values = dict(zip(NAMES, row, strict=True))
        sums.add(label, max(values, key=values.__getitem__), values)
    return json.loads(json.dumps(sums.to_dict()))  # type: ignore[no-any-return]


@pytest.mark.parametrize("known", [True, False])
def test_the_report_is_that_of_all_texts(known: bool) -> None:
    random = np.random.default_rng(3)
    rows = random.dirichlet((0.6, 0.6, 0.6), 700).astype(np.float32)
    # Probabilities on the edges of the steps and the bins.
    rows[:4] = np.array([[1, 0, 0], [0.6, 0.2, 0.2], [0.5, 0.25, 0.25], [0.7001, 0.2, 0.0999]], np.float32)
    labels = random.choice(["a", "b", "c" if known else "other"], 700).tolist()
    parts = [sums_of(labels[i : i + 100], rows[i : i + 100]) for i in range(0, 700, 100)]
    expected = evaluation_report(labels, rows, NAMES)
    report = labels_report(parts)
    # Intervals need the answer of each text.
    assert report.keys() == expected.keys() - {"intervals", "interval_method"}
    for name in ("texts", "accuracy", "labels", "confusion"):
        assert report[name] == expected[name]
    assert (report["log_loss"] is None) == (not known)
    for name in ("macro_f1", "calibration_error", *(["log_loss"] if known else [])):
        assert report[name] == pytest.approx(expected[name], rel=1e-6)
    assert [row.values() for row in report["coverage"]] != []
    for row, wanted in zip(report["coverage"], expected["coverage"], strict=True):
        assert row == pytest.approx(wanted)


def test_no_text_with_a_label_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one text with a label"):
        labels_report([LabelSums(NAMES).to_dict()])


def test_scores_add_up() -> None:
    part = {
        "tokens": 2, "words": 2, "characters": 10, "bytes": 12, "unknown": 0, "log_probability": -4.0,
        "bits": 6.0,
    }  # fmt: skip
    report = words_report([part, part])
    assert report["tokens"] == 4
    assert report["perplexity"] == pytest.approx(np.exp(2))
    assert report["bits_per_character"] == pytest.approx(8 / np.log(2) / 20)
    assert report["bits_per_byte"] == pytest.approx(12 / 24)
    assert "bits" not in report
    with pytest.raises(DataError, match="at least one word"):
        words_report([{**part, "tokens": 0}])
