"""The learning rate by step: a linear warm-up, then a half cosine down (Loshchilov & Hutter 2017, eq. 5)."""

from __future__ import annotations

import math

WARM_UP = 0.05
"""Fraction of all steps in which the rate rises to its peak: at first Adam's second moments are noise."""

FLOOR = 0.02
"""The last rate, as a fraction of the peak."""


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of one training step.

    Args:
        step: 0 for the first step; beyond the last step the last rate stays.
        steps: all training steps of the run, at least 1.
        peak: the highest rate.
    """
    warm = max(1, round(steps * WARM_UP))
    if step < warm:
        return peak * (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
