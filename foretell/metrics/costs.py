"""The threshold of a classifier with two labels at which its mistakes cost least."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.arrays import Array, Float64s
from foretell.errors import SettingsError
from foretell.metrics import Report

FOLDS = 5
SEED = 0
HALF = 0.5

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Costs:
    """What the two mistakes cost; an answer that is right costs nothing.

    Attributes:
        fp: of a false positive, above 0.
        fn: of a false negative, above 0.

    Raises:
        SettingsError: a cost that is not a finite number above 0.
    """

    fp: float
    fn: float

    def __post_init__(self) -> None:
        for name in ("fp", "fn"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise SettingsError(expected="a number above 0", found=repr(value), where=f"cost, {name}")

    @property
    def by_probability(self) -> float:
        """The threshold that costs least where probabilities are calibrated (Elkan 2001)."""
        return self.fp / (self.fp + self.fn)


def costs_of(given: Mapping[str, float]) -> Costs:
    """Return the costs of a mapping with the keys fp and fn.

    Raises:
        SettingsError: other keys, or a cost that is not above 0.
    """
    if set(given) != {"fp", "fn"}:
        raise SettingsError(
            expected="the costs fp and fn", found=", ".join(map(str, given)) or "none", where="cost"
        )
    return Costs(**given)


def cost_report(is_positive: Flags, probability: Array, costs: Costs) -> Report:
    """Choose the threshold with the lowest cost on texts of which the label, [text], is known.

    A text is positive from the threshold on. Of thresholds that cost the same, the one nearest to 0.5 is
    chosen.

    Returns:
        `costs`; `chosen`, `at_half` and `by_probability` (at 0.5, and at the threshold that follows from
        calibrated probabilities), each with `threshold`, `cost` (the mean cost of a text), `false_positives`
        and `false_negatives`; and `cross_validated_cost`: the mean cost of a text where the threshold is
        chosen on the other four fifths of the texts, None with fewer than five texts. The cost of `chosen` is
        too low as an estimate for new texts, because the threshold was chosen on these texts.
    """
    probability = probability.astype(np.float64)
    chosen = best_threshold(is_positive, probability, costs)
    return {
        "costs": {"fp": costs.fp, "fn": costs.fn},
        "chosen": _at(chosen, is_positive, probability, costs),
        "at_half": _at(HALF, is_positive, probability, costs),
        "by_probability": _at(costs.by_probability, is_positive, probability, costs),
        "cross_validated_cost": _cross_validated(is_positive, probability, costs),
    }


def best_threshold(is_positive: Flags, probability: Float64s, costs: Costs) -> float:
    """Return the threshold with the lowest cost; arguments as for `cost_report`."""
    levels, place = np.unique(probability, return_inverse=True)
    positives = np.bincount(place, weights=is_positive, minlength=len(levels))
    negatives = np.bincount(place, weights=~is_positive, minlength=len(levels))
    # Entry i: texts are positive from levels[i] on; the last one: none is.
    missed = np.append(0, np.cumsum(positives))
    alarms = np.append(np.cumsum(negatives[::-1])[::-1], 0)
    total = costs.fp * alarms + costs.fn * missed
    # From above the level before, exclusive, to the level itself.
    low, high = np.append(-np.inf, levels), np.append(levels, 1.0)
    if levels[-1] >= 1.0:
        # No threshold up to 1 leaves out a probability of 1.
        total, low, high = total[:-1], low[:-1], high[:-1]
    optimal = np.flatnonzero(total <= total.min() + 1e-9 * max(total.min(), 1.0))
    low, high = np.maximum(low[optimal], 0.0), high[optimal]
    thresholds = np.where((low < HALF) & (high >= HALF), HALF, (low + high) / 2)
    return float(thresholds[np.abs(thresholds - HALF).argmin()])


def _at(threshold: float, is_positive: Flags, probability: Float64s, costs: Costs) -> Report:
    says = probability >= threshold
    alarms, missed = int((says & ~is_positive).sum()), int((~says & is_positive).sum())
    return {
        "threshold": threshold,
        "cost": (costs.fp * alarms + costs.fn * missed) / len(is_positive),
        "false_positives": alarms,
        "false_negatives": missed,
    }


def _cross_validated(is_positive: Flags, probability: Float64s, costs: Costs) -> float | None:
    n_texts = len(is_positive)
    if n_texts < FOLDS:
        return None
    folds = np.random.default_rng(SEED).permutation(n_texts) % FOLDS
    total = 0.0
    for fold in range(FOLDS):
        out = folds == fold
        threshold = best_threshold(is_positive[~out], probability[~out], costs)
        total += _at(threshold, is_positive[out], probability[out], costs)["cost"] * int(out.sum())
    return total / n_texts
