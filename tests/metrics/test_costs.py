"""Thresholds by cost, likely label errors, and metrics as sentences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import SettingsError
from foretell.metrics.costs import Costs, best_threshold, costs_of
from foretell.metrics.label_errors import find_label_errors
from foretell.metrics.shown import by_f1, result_of, rows_of, tiles_of

texts = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])), min_size=1, max_size=20
)


def cost_at(threshold: float, positive: np.ndarray, probability: np.ndarray, costs: Costs) -> float:
    says = probability >= threshold
    return float(costs.fp * (says & ~positive).sum() + costs.fn * (~says & positive).sum())


@settings(deadline=None, max_examples=40)
@given(texts, st.sampled_from([(1, 1), (5, 1), (1, 7.5)]))
def test_no_threshold_costs_less(rows: list[tuple[bool, float]], pair: tuple[float, float]) -> None:
    positive, probability = (np.array(column) for column in zip(*rows, strict=True))
    costs = Costs(*pair)
    found = best_threshold(positive, probability, costs)
    assert 0 <= found <= 1
    tried = [cost_at(each, positive, probability, costs) for each in np.linspace(0, 1, 101)]
    assert cost_at(found, positive, probability, costs) == pytest.approx(min(tried))


@pytest.mark.parametrize(
    "costs",
    [{"fp": 0, "fn": 1}, {"fp": 1}, {}, {"fp": 1, "fn": float("nan")}, {"fp": "5", "fn": 1}],
)
def test_costs_that_mean_nothing(costs: dict[str, float]) -> None:
    with pytest.raises(
        SettingsError, match=r"expected the costs fp and fn, numbers above 0, found \w+"
    ):
        costs_of(costs)
    with pytest.raises(SettingsError, match="such as"):
        costs_of("fp=1,fn=5")


def test_by_hand() -> None:
    # Thresholds: (0.9 + 0.8 + 0.1) / 3 = 0.6 and (0.7 + 0.3) / 2 = 0.5.
    given = np.array([0, 0, 0, 1, 1])
    positive = np.array([0.1, 0.2, 0.9, 0.7, 0.3])
    places, suggested = find_label_errors(given, np.column_stack([1 - positive, positive]))
    assert (places.tolist(), suggested.tolist()) == ([2, 4], [1, 0])
    # Thresholds 0.45, 0.9 and 0.3: the second text has enough for the third label alone.
    rows = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.05, 0.9, 0.05], [0.4, 0.3, 0.3]])
    places, suggested = find_label_errors(np.array([0, 0, 1, 2]), rows)
    assert (places.tolist(), suggested.tolist()) == ([1], [2])


def test_a_hard_label_is_not_suspected_as_a_whole() -> None:
    # Label 1 never gets more than 0.45, so 0.55 for label 0 is no reason to suspect these texts.
    given = np.array([0] * 10 + [1] * 10)
    positive = np.array([0.1] * 10 + [0.45] * 10)
    assert not len(find_label_errors(given, np.column_stack([1 - positive, positive]))[0])
    # Nor is another label where the given one is more probable.
    positive = np.array([0.05, 0.45, 0.3])
    rows = np.column_stack([1 - positive, positive])
    assert not len(find_label_errors(np.array([0, 0, 1]), rows)[0])
    # A label without texts is never suggested.
    assert not len(find_label_errors(np.array([0, 0]), np.array([[0.1, 0.9], [0.8, 0.2]]))[0])


FOLDS = "out-of-fold predictions of 5 folds (a.csv)"


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (
            {"accuracy": 0.85, "measured_on": FOLDS, "seconds": 65.0},
            f"Accuracy 85.00 % on {FOLDS}, trained in 1 min 05 s.",
        ),
        (
            {"accuracy": 1.0, "perplexity": 1.01, "measured_on": "the last 1,000 iterations"},
            "Accuracy 100.00 % on training text (the last 1,000 iterations).",
        ),
        ({"accuracy": 0.5, "micro_f1": 0.6}, "Subset accuracy 50.00 % on validation texts."),
        (
            {"not_measured": "too few different texts (4)"},
            "No accuracy: too few different texts (4).",
        ),
        ({"seconds": 1.0}, "No metrics, trained in 1 s."),
        ({"valid_loss": 1e4}, "Log loss (nats) 10,000 on validation texts."),
    ],
)
def test_the_result_is_one_sentence(metrics: dict[str, object], sentence: str) -> None:
    assert result_of(metrics) == sentence


def test_rows_and_tiles_begin_with_the_most_important() -> None:
    metrics = {"loss": 0.01, "seconds": 61.0, "accuracy": 0.5, "own": 3, "table": {}, "is": True}
    metrics["caution"] = "x"
    assert rows_of(metrics) == [
        ("Accuracy", "50.00 %"),
        ("Training loss (nats)", "0.0100"),
        ("Time", "1 min 01 s"),
        ("Own", "3"),
    ]
    assert tiles_of(metrics) == [("Accuracy", "50.00 %"), ("Time", "1 min 01 s")]
    for where in ("training texts, while training", "label hints, while training"):
        (tile, _) = tiles_of({**metrics, "measured_on": where})
        assert tile == ("Accuracy on training text", "50.00 %")
    assert rows_of({"accuracy": float("nan"), "steps": 10**400}) == [
        ("Accuracy", "not a number"),
        ("Steps", "too large to show"),
    ]


def test_labels_without_texts_are_not_among_the_worst() -> None:
    labels = {
        "a": {"f1": 0.5, "support": 2},
        "b": {"f1": 0.0, "support": 0},
        "c": {"f1": 0.5, "support": 3},
    }
    assert by_f1(labels) == ["c", "a"]
