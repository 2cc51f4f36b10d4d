"""Confidence intervals of metrics by the bootstrap over texts, and tests of two classifiers on the
same ones.

The texts are drawn again with replacement, as many as there are, and every metric is computed of
each draw (a resample). The interval of a metric is between two quantiles of its values (the
percentile bootstrap: Efron and Tibshirani 1993, chapter 13).

Where every text is right, each resample is all right too, and the interval has no width. It then
says nothing about the errors that more texts would show: with n texts and none wrong, up to 3 / n
of all texts can be wrong (the rule of three).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foretell.arrays import Float64s, Floats, Integers, Mask
from foretell.metrics import Report, ratio

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEVEL = 0.95
RESAMPLES = 1000
SEED = 0

Interval = list[float]
"""The lower and the upper end."""

_OF_ALL_LABELS = ("accuracy", "balanced_accuracy", "macro_f1")
"""The metrics of `LabelCounts` that have one value for all labels."""

# Numbers of one block of resamples.
_AT_ONCE = 1 << 21


def method() -> Report:
    """Return how the intervals are made, for the report: `name`, `level`, `resamples`, `seed`."""
    return {
        "name": "percentile bootstrap over texts",
        "level": LEVEL,
        "resamples": RESAMPLES,
        "seed": SEED,
    }


def resamples(n_texts: int) -> Iterator[Integers]:
    """Yield blocks of resamples, each int64 [resample, text]: the places of the texts that were
    drawn.

    The same number of texts, at least 1, always gives the same draws.
    """
    random = np.random.default_rng(SEED)
    block = min(max(_AT_ONCE // n_texts, 1), RESAMPLES)
    for first in range(0, RESAMPLES, block):
        yield random.integers(0, n_texts, (min(block, RESAMPLES - first), n_texts))


def interval(values: Floats) -> Interval | None:
    """Return the interval of the values of a metric, [resample]; NaN: undefined there; None: in
    all.
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return [low, high]


@dataclass(frozen=True, eq=False)
class LabelCounts:
    """Texts of a label that got it, texts of it, and texts that got it; each float64 [resample,
    label].
    """

    hits: Float64s
    support: Float64s
    predicted: Float64s

    @classmethod
    def of(cls, true_ids: Integers, predicted_ids: Integers, n_labels: int) -> LabelCounts:
        """Count the labels of each resample of texts."""
        # Imported here: metrics of a training need no SciPy.
        from scipy import sparse

        n_texts = len(true_ids)
        every = np.ones(n_texts)
        right = (true_ids == predicted_ids).astype(np.float64)
        parts = [
            sparse.csr_array((given, (np.arange(n_texts), ids)), shape=(n_texts, n_labels))
            for given, ids in ((right, true_ids), (every, true_ids), (every, predicted_ids))
        ]
        return cls(*np.split(sums(sparse.hstack(parts, "csr")), 3, axis=1))

    @property
    def f1(self) -> Float64s:
        """F1, [resample, label]; NaN where a label is neither true nor predicted."""
        return ratio(2 * self.hits, self.support + self.predicted, np.nan)

    @property
    def macro_f1(self) -> Float64s:
        """Macro F1 [resample], over the labels that occur in the resample."""
        f1 = self.f1
        occurs = ~np.isnan(f1)
        return ratio(np.where(occurs, f1, 0).sum(axis=1), occurs.sum(axis=1), np.nan)

    @property
    def balanced_accuracy(self) -> Float64s:
        """Mean recall [resample], of the labels that occur in the resample."""
        recall = ratio(self.hits, self.support, 0.0)
        return ratio(recall.sum(axis=1), (self.support > 0).sum(axis=1), np.nan)

    @property
    def accuracy(self) -> Float64s:
        """Accuracy, [resample]."""
        accuracy: Float64s = self.hits.sum(axis=1) / self.support.sum(axis=1)
        return accuracy


def label_intervals(true_ids: Integers, predicted_ids: Integers, names: Sequence[str]) -> Report:
    """Return the intervals of what `foretell.metrics.label_metrics` gives, for the same arguments.

    Returns:
        `accuracy`, `balanced_accuracy`, `macro_f1` and `labels` (precision, recall and f1 of each;
        None where a metric is undefined in all resamples).
    """
    counts = LabelCounts.of(true_ids, predicted_ids, len(names))
    by_label = {
        "precision": ratio(counts.hits, counts.predicted, np.nan).astype(np.float32),
        "recall": ratio(counts.hits, counts.support, np.nan).astype(np.float32),
        "f1": counts.f1.astype(np.float32),
    }
    return {
        **{key: interval(getattr(counts, key)) for key in _OF_ALL_LABELS},
        "labels": {
            name: {key: interval(values[:, place]) for key, values in by_label.items()}
            for place, name in enumerate(names)
        },
    }


def sums(values: Float64s | csr_array) -> Float64s:
    """Return the sums of `values` [text, column] over each resample, [resample, column]."""
    n_texts = values.shape[0]
    blocks = []
    for drawn in resamples(n_texts):
        counts = np.stack([np.bincount(places, minlength=n_texts) for places in drawn])
        blocks.append(counts.astype(np.float64) @ values)
    return np.concatenate(blocks)


_MIN_BLOCKS = 10


def ratio_intervals(parts: Float64s, wholes: Float64s) -> list[Interval | None]:
    """Return the interval of each ratio of sums, of `parts` and `wholes` [block, ratio].

    Blocks of neighbouring texts or words are drawn, since neighbours depend on one another (block
    bootstrap: Künsch 1989). Of fewer than ten blocks the intervals would be too short, so there is
    none.
    """
    if len(parts) < _MIN_BLOCKS:
        return [None] * parts.shape[1]
    above, below = np.split(sums(np.concatenate([parts, wholes], axis=1)) / len(parts), 2, axis=1)
    return [interval(values) for values in ratio(above, below, np.nan).T]


def mcnemar(correct_a: Mask, correct_b: Mask) -> Report:
    """Return McNemar's exact test of two classifiers that have the same accuracy under the null
    hypothesis.

    Only the texts that one of them alone gets right count. Under the null hypothesis each of these
    is a fair coin (McNemar 1947; exact binomial, two-sided: Dietterich 1998).

    Returns:
        `only_a_right` and `only_b_right`, numbers of texts, and `p_value`, 1 where both are 0.
    """
    from scipy.stats import binomtest

    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    p_value = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {"only_a_right": only_a, "only_b_right": only_b, "p_value": p_value}


def differences(
    true_ids: Integers, predicted_a: Integers, predicted_b: Integers, metrics: Sequence[Report]
) -> dict[str, Report]:
    """Return how much higher the metrics of B are, with intervals of the paired bootstrap.

    Both classifiers are measured on the same resamples of the texts, so that hard texts count for
    both. Ids are [text]; `metrics` are what `label_metrics` gives of each.

    Returns:
        `accuracy`, `balanced_accuracy` and `macro_f1`, each with `difference` (B minus A) and its
        `interval`.
    """
    n_labels = len(metrics[0]["labels"])
    a, b = (LabelCounts.of(true_ids, ids, n_labels) for ids in (predicted_a, predicted_b))
    return {
        key: {
            "difference": metrics[1][key] - metrics[0][key],
            "interval": interval(getattr(b, key) - getattr(a, key)),
        }
        for key in _OF_ALL_LABELS
    }


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric that was measured on a random sample of texts, and its 95 % confidence interval."""

    value: float
    low: float
    high: float
    texts: int


def share_of(hits: int, texts: int) -> Estimate | None:
    """Return the share `hits` / `texts` with its exact 95 % confidence interval; None: there are no
    texts.
    """
    if not texts:
        return None
    from scipy.stats import binomtest

    ends = binomtest(hits, texts).proportion_ci(LEVEL)
    return Estimate(hits / texts, float(ends.low), float(ends.high), texts)
