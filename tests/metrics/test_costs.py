"""The threshold that costs least: against trying every threshold, and the cases at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import SettingsError
from foretell.metrics.costs import Costs, best_threshold, cost_report, costs_of

texts = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])), min_size=1, max_size=20
)


def cost_at(threshold: float, positive: np.ndarray, probability: np.ndarray, costs: Costs) -> float:
    says = probability >= threshold
    return float(costs.fp * (says & ~positive).sum() + costs.fn * (~says & positive).sum())


@settings(deadline=None, max_examples=80)
@given(texts, st.sampled_from([(1, 1), (5, 1), (1, 7.5)]))
def test_no_threshold_costs_less(rows: list[tuple[bool, float]], pair: tuple[float, float]) -> None:
    positive, probability = (np.array(column) for column in zip(*rows, strict=True))
    costs = Costs(*pair)
    found = best_threshold(positive, probability, costs)
    assert 0 <= found <= 1
    tried = [cost_at(each, positive, probability, costs) for each in np.linspace(0, 1, 101)]
    assert cost_at(found, positive, probability, costs) == pytest.approx(min(tried))


def test_a_half_is_chosen_where_it_costs_least_too() -> None:
    assert best_threshold(np.array([False, True]), np.array([0.2, 0.9]), Costs(1, 1)) == 0.5


def test_dear_false_positives_raise_the_threshold() -> None:
    random = np.random.default_rng(0)
    probability = random.random(2000)
    positive = random.random(2000) < probability
    report = cost_report(positive, probability, Costs(5, 1))
    # The probabilities are calibrated, so the threshold is near fp / (fp + fn).
    assert report["by_probability"]["threshold"] == pytest.approx(5 / 6)
    assert report["chosen"]["threshold"] == pytest.approx(5 / 6, abs=0.1)
    assert report["chosen"]["cost"] <= report["by_probability"]["cost"] < report["at_half"]["cost"]
    assert report["chosen"]["cost"] <= report["cross_validated_cost"] < report["at_half"]["cost"]
    assert report["at_half"]["false_positives"] == int(((probability >= 0.5) & ~positive).sum())
    assert report["at_half"]["false_negatives"] == int(((probability < 0.5) & positive).sum())


def test_four_texts_are_too_few_for_five_folds() -> None:
    report = cost_report(np.array([True] * 4), np.array([0.5] * 4), Costs(1, 1))
    assert report["cross_validated_cost"] is None


@pytest.mark.parametrize(
    ("costs", "message"),
    [({"fp": 0, "fn": 1}, "cost, fp: expected a number above 0, found 0"), ({"fp": 1}, "found fp"),
     ({}, "found none"), ({"fp": 1, "fn": float("nan")}, "cost, fn"), ({"fp": "5", "fn": 1}, "found '5'")],
)  # fmt: skip
def test_costs_that_mean_nothing(costs: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        costs_of(costs)
