"""The metrics of a training as sentences and rows."""

from __future__ import annotations

import pytest

from foretell.metrics.shown import number, remarks_on, result_of, rows_of, tiles_of

FOLDS = "out-of-fold predictions of 5 folds (a.csv)"
PARTS = {"accuracy": 0.897, "linear_accuracy": 0.906, "network_accuracy": 0.675, "measured_on": FOLDS}


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (
            {"accuracy": 0.85, "measured_on": FOLDS, "seconds": 65.0},
            f"Accuracy 85.00 % on {FOLDS}, trained in 1 min 05 s.",
        ),
        (
            {"perplexity": 77.25, "measured_on": "validation text", "seconds": 3},
            "Perplexity 77.25 on validation text, trained in 3 s.",
        ),
        (
            {"perplexity": 9.5, "measured_on": "validation text", "tokens": 3},
            "Perplexity per token 9.5 on validation text.",
        ),
        (
            {"accuracy": 1.0, "perplexity": 1.01, "measured_on": "the last 1,000 iterations"},
            "Accuracy 100.00 % on training text (the last 1,000 iterations).",
        ),
        (
            {"accuracy": 1.0, "measured_on": "training texts, while training"},
            "Accuracy 100.00 % on training texts, while training.",
        ),
        ({"accuracy": 0.5, "micro_f1": 0.6}, "Subset accuracy 50.00 % on validation texts."),
        (
            {"not_measured": "too few different texts to measure (4)"},
            "No accuracy: too few different texts to measure (4).",
        ),
        ({"seconds": 1.0}, "No metrics, trained in 1 s."),
    ],
)
def test_the_result_is_one_sentence(metrics: dict[str, object], sentence: str) -> None:
    assert result_of(metrics) == sentence


def test_a_network_far_behind_is_explained() -> None:
    (remark,) = remarks_on(PARTS)
    assert "network alone has 67.50 %, the linear models 90.60 %, both 89.70 %" in remark
    assert "within chance" not in remark
    confusion = {"names": ["a", "b"], "counts": [[100, 50], [50, 100]]}
    (remark,) = remarks_on({**PARTS, "confusion": confusion})
    assert "within chance for 300 texts" in remark
    (remark,) = remarks_on({**PARTS, "accuracy": 0.7, "confusion": confusion})
    assert "within chance" not in remark
    assert remarks_on({**PARTS, "network_accuracy": 0.9}) == []
    assert remarks_on({"accuracy": 0.5, "caution": "expect a little less"}) == ["Expect a little less."]


def test_rows_and_tiles_begin_with_the_most_important() -> None:
    metrics = {
        "loss": 0.01,
        "seconds": 61.0,
        "accuracy": 0.5,
        "own": 3,
        "table": {},
        "is": True,
        "caution": "x",
    }
    assert rows_of(metrics) == [
        ("Accuracy", "50.00 %"), ("Training loss (nats)", "0.01"), ("Time", "1 min 01 s"), ("Own", "3")
    ]  # fmt: skip
    assert tiles_of(metrics) == [("Accuracy", "50.00 %"), ("Time", "1 min 01 s")]
    assert rows_of({"accuracy": float("nan"), "steps": 10**400}) == [
        ("Accuracy", "not a number"), ("Steps", "too large to show")
    ]  # fmt: skip


def test_what_can_be_shown_is_a_finite_number() -> None:
    assert [number(value) for value in (1, 0.5, True, float("nan"), 1e31, "1", None)] == [
        1.0, 0.5, None, None, None, None, None
    ]  # fmt: skip
