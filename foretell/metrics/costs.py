"""The threshold of a classifier with two labels at which its mistakes cost least."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from foretell.arrays import Array, Float64s, Mask
from foretell.errors import SettingsError, UsageError
from foretell.metrics import Report

HALF = 0.5


class Costs(NamedTuple):
    """What a false positive and a false negative cost; an answer that is right costs nothing."""

    fp: float
    fn: float


def parsed_costs(text: str) -> dict[str, float]:
    """Return the costs of a text like fp=5,fn=1.

    Raises:
        UsageError: it is no such text.
    """
    pairs = (part.partition("=") for part in text.replace(" ", "").split(","))
    try:
        return {name: float(value) for name, _, value in pairs}
    except ValueError:
        raise UsageError("costs like fp=5,fn=1", text, where="--cost") from None


def costs_of(given: Mapping[str, float] | str) -> Costs:
    """Return the costs of a mapping with the keys fp and fn.

    Raises:
        SettingsError: other keys, or a cost that is not a finite number above 0.
    """
    if isinstance(given, str):
        raise SettingsError('costs, such as {"fp": 5, "fn": 1}', repr(given), where="cost")
    kinds = (int, float, np.number)
    are_costs = all(
        isinstance(cost, kinds) and cost is not True and 0 < cost < math.inf
        for cost in given.values()
    )
    if set(given) != {"fp", "fn"} or not are_costs:
        raise SettingsError(
            "the costs fp and fn, numbers above 0",
            ", ".join(f"{name}={value!r}" for name, value in given.items()) or "none",
            where="cost",
        )
    return Costs(**given)


def cost_report(is_positive: Mask, probability: Array, costs: Costs) -> Report:
    """Choose the threshold with the lowest cost on texts of which the label, [text], is known.

    A text is positive from the threshold on. Of thresholds that cost the same, the one nearest to
    0.5 is chosen.

    Returns:
        `costs`; `chosen`, `at_half` and `by_probability` (at 0.5, and at fp / (fp + fn), the
        threshold that costs least where probabilities are calibrated, Elkan 2001), each with
        `threshold`, `cost` (the mean cost of a text), `false_positives` and `false_negatives`. The
        cost of `chosen` is too low as an estimate for new texts, because the threshold was chosen
        on these texts.
    """
    probability = probability.astype(np.float64)
    chosen = best_threshold(is_positive, probability, costs)
    return {
        "costs": costs._asdict(),
        "chosen": _at(chosen, is_positive, probability, costs),
        "at_half": _at(HALF, is_positive, probability, costs),
        "by_probability": _at(costs.fp / sum(costs), is_positive, probability, costs),
    }


def best_threshold(is_positive: Mask, probability: Float64s, costs: Costs) -> float:
    """Return the threshold with the lowest cost; arguments as for `cost_report`."""
    levels, place = np.unique(probability, return_inverse=True)
    positives = np.bincount(place, weights=is_positive, minlength=len(levels))
    negatives = np.bincount(place, weights=~is_positive, minlength=len(levels))
    # Entry i: texts are positive from levels[i] on; the last one: none is.
    missed = np.append(0, np.cumsum(positives))
    alarms = np.append(np.cumsum(negatives[::-1])[::-1], 0)
    total = costs.fp * alarms + costs.fn * missed
    # From above the level before, exclusive, to the level itself.
    low = np.append(-np.inf, levels)
    high = np.append(levels, 1.0)
    if levels[-1] >= 1.0:
        # No threshold up to 1 leaves out a probability of 1.
        total = total[:-1]
        low = low[:-1]
        high = high[:-1]
    optimal = np.flatnonzero(total <= total.min() + 1e-9 * max(total.min(), 1.0))
    low = np.maximum(low[optimal], 0.0)
    high = high[optimal]
    thresholds = np.where((low < HALF) & (high >= HALF), HALF, (low + high) / 2)
    return float(thresholds[np.abs(thresholds - HALF).argmin()])


def _at(threshold: float, is_positive: Mask, probability: Float64s, costs: Costs) -> Report:
    says = probability >= threshold
    alarms = int((says & ~is_positive).sum())
    missed = int((~says & is_positive).sum())
    return {
        "threshold": threshold,
        "cost": (costs.fp * alarms + costs.fn * missed) / len(is_positive),
        "false_positives": alarms,
        "false_negatives": missed,
    }
