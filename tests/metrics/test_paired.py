"""Two classifiers on the same texts: McNemar's test and the paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from foretell.metrics.paired import differences, mcnemar


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 3), (1, 9), (12, 2), (0, 5)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    n = only_a + only_b
    expected = stats.binomtest(only_a, n).pvalue if n else 1.0
    found = mcnemar(a, b)
    assert found == {"only_a_right": only_a, "only_b_right": only_b, "p_value": pytest.approx(expected)}


def test_a_difference_that_is_in_every_text_has_an_interval_above_0() -> None:
    true = np.arange(200) % 2
    a = np.where(np.arange(200) % 4 == 0, 1 - true, true)
    found = differences(true, a, true, 2)
    assert found["accuracy"]["difference"] == pytest.approx(0.25)
    low, high = found["accuracy"]["interval"]
    assert 0.15 < low < 0.25 < high < 0.35
    assert found["macro_f1"]["interval"][0] > 0


def test_pairing_makes_the_interval_narrower_than_two_of_their_own() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 2, 300)
    a = np.where(random.random(300) < 0.3, 1 - true, true)
    b = a.copy()
    b[:10] = true[:10]
    low, high = differences(true, a, b, 2)["accuracy"]["interval"]
    assert low >= 0
    assert high - low < 0.04


def test_equal_classifiers_do_not_differ() -> None:
    true = np.array([0, 1, 2, 1])
    found = differences(true, np.array([0, 1, 1, 1]), np.array([0, 1, 1, 1]), 3)
    assert found["accuracy"] == {"difference": 0, "interval": [0, 0]}
    assert found["macro_f1"] == {"difference": 0, "interval": [0, 0]}
