"""The learning rate by step: a linear warm-up, then a half cosine down (Loshchilov & Hutter 2017, eq. 5)."""

from __future__ import annotations

import math

WARM_UP = 0.05
"""Fraction of all steps in which the rate rises to its peak: at first Adam's second moments are noise."""

FLOOR = 0.02
"""The last rate, as a fraction of the peak."""

AVERAGED_FLOOR = 0.4
"""The same where weights are averaged: an average has something to gain only while they still move."""


def learning_rate(step: int, steps: int, peak: float, floor: float = FLOOR) -> float:
    """Return the learning rate of one training step.

    Args:
        step: 0 for the first step; beyond the last step the last rate stays.
        steps: all training steps of the run, at least 1.
        peak: the highest rate.
        floor: the last rate, as a fraction of the peak.
    """
    warm = max(1, round(steps * WARM_UP))
    if step < warm:
        return peak * (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))
