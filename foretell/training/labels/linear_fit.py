"""Fit the linear model of n-grams: logistic regression whose features naive Bayes has weighted.

Each n-gram is scaled by its log-count ratio, how much oftener texts of a label hold it than other
texts do (Wang and Manning, 2012, "Baselines and Bigrams"), so that the L2 penalty is weak for
informative n-grams. A second penalty, in proportion to how many texts hold the n-gram, keeps common
ones from explaining everything (the quadratic part of dropout: Wager, Wang and Liang, 2013,
"Dropout Training as Adaptive Regularization"). Both are folded into the scale of
`logistic.Problem`: ratio / √(penalty + count_penalty · count · ratio²).
"""

from __future__ import annotations

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from foretell.arrays import Float32s, Floats, Integers, Mask, NgramKeys, TokenIds
from foretell.ngrams.counting import CountedTexts, count_ngrams
from foretell.ngrams.linear import LinearModel
from foretell.training.labels.logistic import FREE, Check, Design, Goal, Problem, ignore
from foretell.training.labels.rows import Rows

# Measured on validation parts of IMDB's training reviews (other films) and of small sets: texts of
# ten words to hundreds, two to fifty labels, even and uneven. Any from a third to three times these
# does nearly as well.
PENALTY = 3.0
COUNT_PENALTY = 0.01
MAX_WEIGHTS = 2_000_000

# Counts of the average label in the ratio that no text has shown.
_SMOOTHING = 2.0
# The n-grams that add this part of the scores' variance together are left out: two thirds of those
# of IMDB.
_NEGLIGIBLE = 0.001
# Fixed, so that the machine has no say in the order of sums.
_BLOCKS = 4
_FEW_ENTRIES = 1 << 20


def fit_ngrams(
    ids: TokenIds, starts: Integers, targets: Floats, size: int, weights: Floats | None = None
) -> LinearModel:
    """Count the n-grams of texts and fit the model.

    Args:
        ids, starts: int32 [word] and [text + 1], text i is ids[starts[i]:starts[i + 1]].
        targets: [text, label], each row the probabilities of the labels.
        size: ids from 0 to size - 1 are known.
        weights: as `Goal` has them; None: 1 each.
    """
    counted = count_ngrams(ids, starts, size, max_ngrams=default_max_ngrams(np.shape(targets)[-1]))
    return fit_counted(counted, targets, np.ones(len(starts) - 1) if weights is None else weights)


def default_max_ngrams(n_labels: int) -> int:
    """Return how many n-grams to keep, so that the weights are two million at most."""
    return max(MAX_WEIGHTS // (1 if n_labels == 2 else n_labels), 1)


def fit_counted(
    counted: CountedTexts,
    targets: Floats,
    weights: Floats,
    penalty: float = PENALTY,
    check: Check = ignore,
) -> LinearModel:
    """Fit the model to texts whose n-grams are counted; as `fit_ngrams` otherwise.

    Texts of weight 0 have no part in it, so one count serves several fits.
    """
    rows = (weights if weights.ndim == 1 else weights.max(axis=1)) > 0
    counted = select_texts(counted, rows)
    goal = Goal(targets[rows], weights[rows])
    design = _design(counted)
    scale = _scale(design, goal, penalty)
    fitted: Float32s = scale * Problem(design, goal, scale, check).minimum()
    fitted[-1:] += goal.offset
    kept = influential(fitted[:-1], np.diff(counted.starts))
    return LinearModel(counted.keys[kept], fitted[kept], fitted[-1], counted.size, counted.longest)


def select_texts(counted: CountedTexts, rows: Mask) -> CountedTexts:
    """Leave out all texts but `rows` [text], and the n-grams that too few of those hold."""
    if rows.all():
        return counted
    kept = rows[counted.texts]
    counts = per_feature(counted, kept)
    enough = counts >= counted.fewest
    kept &= np.repeat(enough, np.diff(counted.starts))
    texts = (np.cumsum(rows, dtype=np.int32) - 1)[counted.texts[kept]]
    starts = np.append(0, np.cumsum(counts[enough]))
    return dataclasses.replace(
        counted,
        keys=counted.keys[enough],
        starts=starts,
        texts=texts,
        n_texts=int(rows.sum()),
        fewest=counted.fewest[enough],
    )


def per_feature(counted: CountedTexts, entries: Mask) -> Integers:
    """Return how many of some entries, bool [entry], each feature has, [feature]."""
    return np.diff(np.append(0, np.cumsum(entries))[counted.starts])


def matrix_of(counted: CountedTexts) -> sparse.csc_array:
    """Return the matrix [text, feature] of zeros and ones."""
    entries = (np.ones(len(counted.texts), np.float32), counted.texts, counted.starts)
    return sparse.csc_array(entries, shape=(counted.n_texts, len(counted.keys)))


def influential(weights: Float32s, counts: Integers) -> NgramKeys:
    """Return the features, ascending, without which the scores of the texts would be noticeably
    different.
    """
    variance = (weights.astype(np.float64) ** 2).sum(axis=1) * counts
    order = np.argsort(variance, kind="stable")
    so_far = np.cumsum(variance[order])
    return np.sort(order[so_far > _NEGLIGIBLE * variance.sum()])


def _design(counted: CountedTexts) -> Design:
    """Return the matrix of `matrix_of` in blocks; zeros and ones are their own squares."""
    starts = counted.starts
    texts = counted.texts
    n_texts = counted.n_texts
    cuts = np.searchsorted(starts, np.arange(1, _BLOCKS) * len(texts) // _BLOCKS)
    ones = np.ones(len(texts), np.float32)
    blocks = []
    for low, high in itertools.pairwise([0, *cuts.tolist(), len(counted.keys)]):
        inside = slice(starts[low], starts[high])
        entries = (ones[inside], texts[inside], starts[low : high + 1] - starts[low])
        block = sparse.csc_array(entries, shape=(n_texts, high - low))
        blocks.append((block, block.T, block.T))
    # Threads would cost more than they save. They end with the design.
    return Design(blocks, ThreadPoolExecutor(_BLOCKS).map if len(texts) > _FEW_ENTRIES else map)


def _scale(design: Design, goal: Goal, penalty: float) -> Float32s:
    """Return the scale [feature + 1, column] of the parameters."""
    # The weight of the texts of each label that hold a feature, and of all texts that do.
    mass = design.sums(goal.weights * goal.targets)[:-1]
    counts = design.sums(goal.weights)[:-1]
    label = mass + _SMOOTHING * goal.share
    others = np.maximum(counts - mass, 0) + _SMOOTHING * (1 - goal.share)
    ratio = np.log(label / label.sum(axis=0)) - np.log(others / others.sum(axis=0))
    scale = ratio / np.sqrt(penalty + COUNT_PENALTY * counts * ratio**2)
    return np.pad(scale, ((0, 1), (0, 0)), constant_values=FREE).astype(np.float32)


class NgramFit:
    """The n-gram linear model of rows whose texts are counted, for one penalty after another."""

    def __init__(self, counted: CountedTexts, rows: Rows) -> None:
        self._counted = counted
        self._rows = rows

    def fit(
        self, strength: float, start: LinearModel | None = None, check: Check = ignore
    ) -> LinearModel:
        """Fit the model with a penalty of 1 / `strength`; `check` may raise to stop it."""
        del start
        rows = self._rows
        counted = select_texts(self._counted, np.isin(np.arange(self._counted.n_texts), rows.texts))
        return fit_counted(counted, rows.targets, rows.cell_weights, 1 / strength, check)

    def scores(self, parameters: LinearModel, texts: Integers) -> Float32s:
        """Return the scores [text, column] of the counted texts at some places."""
        places = np.searchsorted(self._counted.keys, parameters.keys)
        matrix = matrix_of(self._counted)[:, places].tocsr()[texts]
        scores: Float32s = matrix @ parameters.weights + parameters.bias
        return scores

    def model(self, parameters: LinearModel) -> LinearModel:
        """Return the model for predictions."""
        return parameters
