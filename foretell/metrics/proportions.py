"""The confidence interval of a share of few texts.

With few texts the bootstrap is too narrow, and has no width where all texts are right. The exact interval
(Clopper and Pearson 1934) holds for any number of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from foretell.metrics.bootstrap import LEVEL


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that was measured on a random sample.

    Attributes:
        value: the figure.
        low, high: its 95 % confidence interval.
        texts: number of texts in the sample.
    """

    value: float
    low: float
    high: float
    texts: int


def share_of(hits: int, texts: int) -> Estimate | None:
    """Return the share `hits` / `texts` with its exact 95 % confidence interval; None: there are no texts.

    >>> share_of(0, 50).high < 0.08
    True
    """
    if not texts:
        return None
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    low = float(betaincinv(hits, texts - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, texts - hits, 1 - tail)) if hits < texts else 1.0
    return Estimate(hits / texts, low, high, texts)
