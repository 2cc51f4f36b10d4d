"""Likely label errors from out-of-fold probabilities: confident learning.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels". A
text counts for label k where its probability of k is at least the mean probability of k among the
texts that are labelled k; where that is so for several labels, for the most probable one. So a
label that the model finds hard is not suspected as a whole. A text that counts for another label
than its own is a likely label error (the off-diagonal entries of the paper's confident joint). They
are ranked by margin: the probability of the other label minus that of the given one.
"""

from __future__ import annotations

import numpy as np

from foretell.arrays import Array, Integers


def find_label_errors(given: Integers, probabilities: Array) -> tuple[Integers, Integers]:
    """Find texts whose label is probably wrong.

    Args:
        given: the given label of each text, [text].
        probabilities: [text, label], from models that were not fitted to the text.

    Returns:
        The texts, the largest margin first, and the label that each probably has, int64 [suspect]
        both.
    """
    probabilities = probabilities.astype(np.float64)
    n_labels = probabilities.shape[1]
    own = probabilities[np.arange(len(given)), given]
    n_texts = np.bincount(given, minlength=n_labels)
    thresholds = np.bincount(given, weights=own, minlength=n_labels) / np.maximum(n_texts, 1)
    # A label without a text has no threshold, and nothing is suggested to be of it.
    counts = (probabilities >= thresholds) & (n_texts > 0)
    confident = np.where(counts, probabilities, -1.0)
    suggested = confident.argmax(axis=1)
    margins = confident.max(axis=1) - own
    places = np.flatnonzero((suggested != given) & counts.any(axis=1) & (margins > 0))
    places = places[np.argsort(-margins[places], kind="stable")]
    return places, suggested[places]
