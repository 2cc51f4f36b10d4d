"""Fit the linear model of n-grams: logistic regression whose features naive Bayes has weighted.

Each n-gram is scaled by its log-count ratio, how much oftener texts of a label hold it than other texts do
(Wang and Manning, 2012, "Baselines and Bigrams"), so that the L2 penalty is weak for informative n-grams. A
second penalty, in proportion to how many texts hold the n-gram, keeps common ones from explaining everything
(the quadratic part of dropout: Wager, Wang and Liang, 2013, "Dropout Training as Adaptive Regularization").
Both are folded into the weights. Targets may be soft. The optimum is found by Newton's method, each step by
conjugate gradients, which needs nothing but products with the sparse matrix (Lin, Weng and Keerthi, 2008,
"Trust Region Newton Method for Large-Scale Logistic Regression").

The objective, with u [feature, column] and scale = ratio / √(penalty + count_penalty · count · ratio²):

    Σ over texts of weight · cross-entropy(target, bias + Σ over its n-grams of scale · u)  +  ½ ‖u‖²
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from foretell.arrays import Float32s, NgramKeys, TokenIds
from foretell.errors import DataError
from foretell.ngrams.counting import CountedTexts, count_ngrams
from foretell.ngrams.linear import LinearModel

Floats = npt.NDArray[np.float64]

# Measured on validation parts of IMDB's training reviews (other films) and of small sets: texts of ten words
# to hundreds, two to fifty labels, even and uneven. Any from a third to three times these does nearly as
# well.
PENALTY = 3.0
COUNT_PENALTY = 0.01
MAX_WEIGHTS = 2_000_000

# Counts of the average label in the ratio that no text has shown.
_SMOOTHING = 2.0
# The bias may go where it wants; a label that no text has is kept from infinity.
_BIAS_PENALTY = 0.01
# A smaller value gains nothing on validation texts.
_TOLERANCE = 0.01
# The n-grams that add this part of the scores' variance together are left out: two thirds of those of IMDB.
_NEGLIGIBLE = 0.001
_MAX_STEPS = 30
_MAX_PRODUCTS = 60
# Fixed, so that the machine has no say in the order of sums.
_BLOCKS = 4
_FEW_ENTRIES = 1 << 20


def fit_ngrams(
    ids: TokenIds,
    starts: npt.NDArray[np.integer],
    targets: npt.NDArray[np.floating],
    size: int,
    weights: npt.NDArray[np.floating] | None = None,
    *,
    max_ngrams: int | None = None,
    penalty: float = PENALTY,
    count_penalty: float = COUNT_PENALTY,
) -> LinearModel:
    """Count the n-grams of texts and fit the model.

    Args:
        ids: int32 [word], texts one after another.
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        targets: [text, label], each row the probabilities of the labels.
        size: ids from 0 to size - 1 are known.
        weights: [text], how much each text counts; None: 1 each.
        max_ngrams: maximum number of n-grams, the most frequent ones; None: two million weights.
        penalty: strength of the L2 penalty.
        count_penalty: strength of the penalty in proportion to the number of texts.

    Raises:
        DataError: targets that are no probabilities, or not one row a text.
        SettingsError: more words than keys have room for.
    """
    counted = count_ngrams(
        ids, starts, size, max_ngrams=max_ngrams or default_max_ngrams(np.shape(targets)[-1])
    )
    return fit_counted(counted, targets, weights, penalty=penalty, count_penalty=count_penalty)


def default_max_ngrams(n_labels: int) -> int:
    """Return how many n-grams to keep by default, so that the weights are two million at most."""
    return max(MAX_WEIGHTS // (1 if n_labels == 2 else n_labels), 1)


def fit_counted(
    counted: CountedTexts,
    targets: npt.NDArray[np.floating],
    weights: npt.NDArray[np.floating] | None = None,
    *,
    penalty: float = PENALTY,
    count_penalty: float = COUNT_PENALTY,
) -> LinearModel:
    """Fit the model to texts whose n-grams are counted; as `fit_ngrams` otherwise.

    Texts of weight 0 have no part in it, so one count serves several fits.
    """
    checked = _checked(counted, targets, weights)
    rows = checked > 0
    counted = select_texts(counted, rows)
    fitted = _fit(counted, targets[rows], checked[rows, None], penalty, count_penalty)
    kept = influential(fitted[:-1], np.diff(counted.starts))
    return LinearModel(counted.keys[kept], fitted[kept], fitted[-1], counted.size, counted.longest)


def select_texts(counted: CountedTexts, rows: npt.NDArray[np.bool_]) -> CountedTexts:
    """Leave out all texts but `rows` [text], and the n-grams that too few of those hold."""
    if rows.all():
        return counted
    kept = rows[counted.texts]
    counts = np.diff(np.append(0, np.cumsum(kept))[counted.starts])
    enough = counts >= counted.min_texts
    enough[: counted.n_words] = counts[: counted.n_words] > 0
    kept &= np.repeat(enough, np.diff(counted.starts))
    texts = (np.cumsum(rows, dtype=np.int32) - 1)[counted.texts[kept]]
    starts = np.append(0, np.cumsum(counts[enough]))
    keys, n_texts = counted.keys[enough], int(rows.sum())
    return dataclasses.replace(counted, keys=keys, starts=starts, texts=texts, n_texts=n_texts)


def influential(weights: Float32s, counts: NgramKeys) -> NgramKeys:
    """Return the features, ascending, without which the scores of the texts would be noticeably different."""
    variance = (weights.astype(np.float64) ** 2).sum(axis=1) * counts
    order = np.argsort(variance, kind="stable")
    so_far = np.cumsum(variance[order])
    return np.sort(order[so_far > _NEGLIGIBLE * variance.sum()])


def _checked(
    counted: CountedTexts, targets: npt.NDArray[np.floating], weights: npt.NDArray[np.floating] | None
) -> Floats:
    n_texts = counted.n_texts
    if targets.ndim != 2 or targets.shape[0] != n_texts or targets.shape[1] < 2 or not n_texts:
        raise DataError(
            expected=f"targets [{n_texts or 'at least 1'}, at least 2]", found=str(list(targets.shape))
        )
    if not (targets >= 0).all() or not np.allclose(targets.sum(axis=1), 1, atol=1e-3):
        raise DataError(expected="rows of probabilities", found="others", where="targets")
    checked = np.ones(n_texts) if weights is None else np.asarray(weights, np.float64)
    if checked.shape != (n_texts,) or not np.isfinite(checked).all() or (checked < 0).any():
        raise DataError(expected=f"{n_texts} finite numbers, none below 0", found="others", where="weights")
    return checked


class _Design:
    """The sparse matrix [text, feature] of zeros and ones, and its two products.

    A last feature is added that every text has: the bias.
    """

    def __init__(self, counted: CountedTexts) -> None:
        starts, texts, n_texts = counted.starts, counted.texts, counted.n_texts
        cuts = np.searchsorted(starts, np.arange(1, _BLOCKS) * len(texts) // _BLOCKS)
        ones = np.ones(len(texts), np.float32)
        self._blocks = []
        for low, high in itertools.pairwise([0, *cuts.tolist(), len(counted.keys)]):
            inside = slice(starts[low], starts[high])
            entries = (ones[inside], texts[inside], starts[low : high + 1] - starts[low])
            self._blocks.append((slice(low, high), sparse.csc_array(entries, shape=(n_texts, high - low))))
        # Threads would cost more than they save. They end with this object.
        self._map = ThreadPoolExecutor(_BLOCKS).map if len(texts) > _FEW_ENTRIES else map

    def scores(self, values: Float32s) -> Float32s:
        """Return [text, column]: the sum of `values` [feature + 1, column] over the features of each text."""
        sums: Iterable[Float32s] = self._map(lambda block: block[1] @ values[block[0]], self._blocks)
        result: Float32s = functools.reduce(np.add, sums) + values[-1]
        return result

    def sums(self, values: npt.NDArray[np.floating]) -> Float32s:
        """Return [feature + 1, column]: the sum of `values` [text, column] over the texts of each feature."""
        single = values.astype(np.float32)
        sums = self._map(lambda block: block[1].T @ single, self._blocks)
        return np.concatenate([*sums, values.sum(axis=0, keepdims=True, dtype=np.float64)], dtype=np.float32)


def _fit(
    counted: CountedTexts,
    targets: npt.NDArray[np.floating],
    weights: Floats,
    penalty: float,
    count_penalty: float,
) -> Float32s:
    """Return [feature + 1, column], the weights and last the bias, for targets [text, label]."""
    design = _Design(counted)
    sums = design.sums(weights * np.append(targets, np.ones((len(targets), 1)), axis=1))
    mass, counts = sums[:, :-1], sums[:, -1:]
    share = (mass[-1:] + 0.5) / (mass[-1:].sum() + 0.5 * mass.shape[1])
    if mass.shape[1] == 2:
        mass, share, targets = mass[:, 1:], share[:, 1:], targets[:, 1:]
    label = mass[:-1] + _SMOOTHING * share
    others = np.maximum(counts[:-1] - mass[:-1], 0) + _SMOOTHING * (1 - share)
    ratio = np.log(label / label.sum(axis=0)) - np.log(others / others.sum(axis=0))
    scale = np.full(mass.shape, _BIAS_PENALTY**-0.5, np.float32)
    scale[:-1] = ratio / np.sqrt(penalty + count_penalty * counts[:-1] * ratio**2)
    offset = np.log(share / (1 - share)) if mass.shape[1] == 1 else np.log(share)
    result = scale * _Problem(design, scale, offset.astype(np.float64), targets, weights).minimum()
    result[-1:] += offset
    return result


@dataclass(frozen=True, eq=False)
class _Problem:
    """The objective, of the parameters u [feature + 1, column].

    Attributes:
        design: the sparse matrix.
        scale: [feature + 1, column].
        offset: [1, column], the scores where u is zero.
        targets: [text, column].
        weights: [text, 1].
    """

    design: _Design
    scale: Float32s
    offset: Floats
    targets: npt.NDArray[np.floating]
    weights: Floats

    def minimum(self) -> Float32s:
        """Minimise by Newton's method from zero, steps halved until they descend."""
        u = np.zeros(self.scale.shape, np.float32)
        scores = np.repeat(self.offset, len(self.targets), axis=0)
        loss, first = self._loss(scores), 0.0
        for _ in range(_MAX_STEPS):
            probabilities = self._probabilities(scores)
            gradient = self._back(probabilities - self.targets) + u
            norm = float(np.linalg.norm(gradient))
            first = first or norm
            if norm <= _TOLERANCE * first:
                break
            step, moved = self._newton_step(gradient, probabilities, min(0.3, (norm / first) ** 0.5))
            slope, length = _dot(gradient, step), 1.0
            while True:
                new_u, new_scores = u + np.float32(length) * step, scores + length * moved
                new_loss = self._loss(new_scores) + _dot(new_u, new_u) / 2
                if new_loss <= loss + 1e-4 * length * slope:
                    break
                length /= 2
                if length < 1e-6:
                    return u
            u, scores, loss = new_u, new_scores, new_loss
        return u

    def _newton_step(
        self, gradient: Float32s, probabilities: Floats, accuracy: float
    ) -> tuple[Float32s, Floats]:
        """Solve Hessian · step = -gradient by conjugate gradients with a diagonal preconditioner.

        Returns:
            The step, and what it adds to the scores [text, column].
        """
        variance = self.weights * probabilities * (1 - probabilities)
        diagonal = self.scale**2 * self.design.sums(variance) + 1
        step, moved = np.zeros_like(gradient), np.zeros_like(probabilities)
        residual = -gradient
        direction = residual / diagonal
        size = first = _dot(residual, direction)
        for _ in range(_MAX_PRODUCTS):
            forward = self.design.scores(self.scale * direction).astype(np.float64)
            curved = probabilities * forward
            curved -= probabilities * (curved.sum(axis=1, keepdims=True))
            curvature = self._back(curved) + direction
            along = size / _dot(direction, curvature)
            step += np.float32(along) * direction
            moved += along * forward
            residual -= np.float32(along) * curvature
            better = residual / diagonal
            size, before = _dot(residual, better), size
            if size <= accuracy**2 * first:
                break
            direction = better + np.float32(size / before) * direction
        return step, moved

    def _back(self, values: Floats) -> Float32s:
        """Return the gradient [feature + 1, column] of weighted scores whose own gradient is `values`."""
        return self.scale * self.design.sums(self.weights * values)

    def _loss(self, scores: Floats) -> float:
        if scores.shape[1] == 1:
            each = np.logaddexp(0, scores) - self.targets * scores
        else:
            each = special.logsumexp(scores, axis=1, keepdims=True)
            each = each - (self.targets * scores).sum(axis=1, keepdims=True)
        return float((self.weights * each).sum())

    def _probabilities(self, scores: Floats) -> Floats:
        probabilities: Floats = (
            special.expit(scores) if scores.shape[1] == 1 else special.softmax(scores, axis=1)
        )
        return probabilities


def _dot(first: Float32s, second: Float32s) -> float:
    return float(np.vdot(first, second))
