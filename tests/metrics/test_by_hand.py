"""Reported metrics beside tables worked out by hand, or by a slower program."""

from __future__ import annotations

import math

import numpy as np
import pytest

from foretell.metrics import bits_per_byte, label_metrics, perplexity_of
from foretell.metrics.bootstrap import (
    differences,
    ratio_intervals,
    resamples,
)
from foretell.metrics.costs import Costs, best_threshold, cost_report
from foretell.metrics.multi_label import multi_label_metrics
from foretell.ngrams.suggestions import Keyboard


@pytest.mark.parametrize(
    ("halvings", "n_bytes", "spelled", "bits"),
    # A probability of 1 / 2 is one bit; each byte of an unknown word is eight.
    [(10, 5, 0, 2.0), (0, 4, 4, 8.0), (10, 4, 2, 6.5), (3, 1, 0, 3.0)],
)
def test_bits_per_byte(halvings: int, n_bytes: int, spelled: int, bits: float) -> None:
    assert bits_per_byte(-halvings * math.log(2), n_bytes, spelled) == pytest.approx(bits)


def test_perplexity_is_two_to_the_mean_bits_of_a_word() -> None:
    assert perplexity_of(np.log([1 / 2, 1 / 2, 1 / 32])) == pytest.approx(2 ** (7 / 3))


def test_the_calibration_of_several_labels_is_that_of_each_decision() -> None:
    # Decisions that are right: 0.9 yes, 0.8 no, 0.6 yes, 0.6 no; wrong: 0.9 yes, 0.8 no.
    targets = np.array([[1, 0, 1], [0, 1, 0]], float)
    probabilities = np.array([[0.9, 0.2, 0.6], [0.9, 0.2, 0.4]])
    decided = probabilities >= 0.5
    found = multi_label_metrics(targets, decided, probabilities, list("abc"), [0.5] * 3)
    # Of 0.9 and 0.8 half is right, of 0.6 all: gaps of 0.4, 0.3 and 0.4.
    assert found["calibration_error"] == pytest.approx((0.4 + 0.3 + 0.4) / 3)
    assert found["log_loss"] == pytest.approx(
        -np.log([0.9, 0.8, 0.6, 0.1, 0.2, 0.6]).mean(), abs=1e-9
    )


def test_what_is_as_probable_as_the_threshold_is_positive() -> None:
    positive = np.array([True, False, True, False])
    probability = np.array([0.5, 0.5, 0.4, 0.6])
    found = cost_report(positive, probability, Costs(1, 1))["at_half"]
    assert (found["false_positives"], found["false_negatives"], found["cost"]) == (2, 1, 0.75)
    dear = cost_report(positive, probability, Costs(4, 2))
    assert dear["at_half"]["cost"] == (2 * 4 + 2) / 4
    assert dear["by_probability"]["threshold"] == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("probability", "costs", "threshold"),
    [
        # Any threshold from above 0.3 to 0.9 costs nothing: 0.5 is one.
        ([0.3, 0.9], Costs(1, 1), 0.5),
        # From above 0.6 to 0.9: the middle.
        ([0.6, 0.9], Costs(1, 1), 0.75),
        ([0.1, 0.2], Costs(1, 1), 0.15),
    ],
)
def test_of_thresholds_that_cost_the_same(
    probability: list[float], costs: Costs, threshold: float
) -> None:
    positive = np.array([False, True])
    found = best_threshold(positive, np.array(probability), costs)
    assert found == pytest.approx(threshold)


def test_of_two_ranges_of_the_best_thresholds_the_one_near_a_half_is_chosen() -> None:
    positive = np.array([True, False, True])
    # One mistake is made up to 0.3, and from above 0.4 to 0.8.
    assert best_threshold(positive, np.array([0.3, 0.4, 0.8]), Costs(1, 1)) == 0.5


@pytest.mark.parametrize(("costs", "threshold"), [(Costs(fp=5, fn=1), 0.7), (Costs(1, 5), 0.3)])
def test_the_dearer_mistake_is_avoided(costs: Costs, threshold: float) -> None:
    positive = np.array([False, True, False, True])
    probability = np.array([0.2, 0.4, 0.6, 0.8])
    assert best_threshold(positive, probability, costs) == pytest.approx(threshold)
    assert cost_report(positive, probability, costs)["chosen"]["cost"] == 0.25


@pytest.mark.parametrize("blocks", [9, 10, 40])
def test_intervals_of_ratios_draw_whole_blocks(blocks: int) -> None:
    random = np.random.default_rng(blocks)
    wholes = random.integers(1, 50, (blocks, 2)).astype(float)
    parts = wholes * random.random((blocks, 1))
    found = ratio_intervals(parts, wholes)
    if blocks < 10:
        assert found == [None, None]
        return
    for column, ends in enumerate(found):
        values = [
            parts[drawn, column].sum() / wholes[drawn, column].sum()
            for drawn in np.concatenate(list(resamples(blocks)))
        ]
        assert ends == pytest.approx(np.quantile(values, [0.025, 0.975]))


def test_neighbours_that_depend_on_each_other_make_the_interval_longer() -> None:
    """Of a hundred words in ten blocks the width is that of ten words, where blocks are alike."""
    words = np.repeat(np.random.default_rng(1).integers(2, size=40), 10).astype(float)
    ones = np.ones((400, 1))
    [alone] = ratio_intervals(words[:, None], ones)
    [together] = ratio_intervals(words.reshape(40, 10).sum(axis=1)[:, None], np.full((40, 1), 10.0))
    assert alone is not None
    assert together is not None
    ratio = (together[1] - together[0]) / (alone[1] - alone[0])
    assert ratio == pytest.approx(math.sqrt(10), rel=0.2)


def test_differences_are_of_the_same_texts() -> None:
    random = np.random.default_rng(2)
    true, other = random.integers(3, size=(2, 90))
    # B is right where A is, so that the interval of unpaired draws would be longer.
    a = np.where(random.random(90) < 0.5, true, other)
    b = np.where(random.random(90) < 0.3, true, a)
    names = list("xyz")
    found = differences(true, a, b, [label_metrics(true, ids, names) for ids in (a, b)])
    for key, change in found.items():
        of_each = []
        for drawn in np.concatenate(list(resamples(90))):
            first, second = (label_metrics(true[drawn], ids[drawn], names) for ids in (a, b))
            of_each.append(second[key] - first[key])
        assert change["interval"] == pytest.approx(np.quantile(of_each, [0.025, 0.975]))
        assert change["difference"] > 0


def test_a_word_of_rank_three_is_among_three_and_one_of_rank_four_is_not() -> None:
    words = ["<pad>", "aa", "ba", "ca", "da", "ea"]
    keyboard = Keyboard(words, [9] * 6, [0])
    rows = np.array([[0.0, 0.4, 0.3, 0.2, 0.07, 0.03]] * 5)
    found = keyboard.suggested(rows, np.arange(1, 6), np.full(5, 9))
    assert found.top1.tolist() == [True, False, False, False, False]
    assert found.top3.tolist() == [True, True, True, False, False]
    # One key takes a suggestion. The others come first after their first letter.
    assert found.keys.tolist() == [1, 1, 1, 2, 2]
