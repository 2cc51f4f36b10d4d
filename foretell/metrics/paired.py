"""Two classifiers on the same texts: is the difference of their figures more than chance?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Integers
from foretell.metrics.bootstrap import LabelCounts, interval, resamples
from foretell.metrics.figures import label_figures

Flags = npt.NDArray[np.bool_]


def mcnemar(correct_a: Flags, correct_b: Flags) -> dict[str, Any]:
    """Return McNemar's exact test of two classifiers that have the same accuracy under the null hypothesis.

    Only the texts that one of them alone gets right count. Under the null hypothesis each of these is a fair
    coin (McNemar 1947; exact binomial, two-sided: Dietterich 1998).

    Args:
        correct_a, correct_b: whether each text is right, [text].

    Returns:
        `only_a_right` and `only_b_right`, numbers of texts, and `p_value`, 1 where both are 0.
    """
    # Imported here: figures of a training need no SciPy.
    from scipy.special import bdtr

    only_a, only_b = int((correct_a & ~correct_b).sum()), int((correct_b & ~correct_a).sum())
    tail = float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)) if only_a + only_b else 1.0
    return {"only_a_right": only_a, "only_b_right": only_b, "p_value": min(2 * tail, 1.0)}


def differences(
    true_ids: Integers, predicted_a: Integers, predicted_b: Integers, n_labels: int
) -> dict[str, dict[str, Any]]:
    """Return how much higher the figures of B are, with intervals of the paired bootstrap.

    Both classifiers are measured on the same resamples of the texts, so that hard texts count for both.

    Args:
        true_ids, predicted_a, predicted_b: [text], below `n_labels`.
        n_labels: number of labels.

    Returns:
        `accuracy` and `macro_f1`, each with `difference` (B minus A) and its `interval`.
    """
    rows = []
    for drawn in resamples(len(true_ids), n_labels):
        a, b = (LabelCounts.of(true_ids, ids, drawn, n_labels) for ids in (predicted_a, predicted_b))
        rows.append(np.stack([b.accuracy - a.accuracy, b.macro_f1 - a.macro_f1]))
    names = [str(i) for i in range(n_labels)]
    first, second = (label_figures(true_ids, ids, names) for ids in (predicted_a, predicted_b))
    keys = ("accuracy", "macro_f1")
    return {
        key: {"difference": second[key] - first[key], "interval": interval(values)}
        for key, values in zip(keys, np.concatenate(rows, axis=1), strict=True)
    }
