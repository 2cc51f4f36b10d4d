"""Logistic regression with soft targets and an L2 penalty, by Newton's method.

Each Newton step is solved by conjugate gradients, which need nothing but products with the matrix
of the features (Lin, Weng and Keerthi, 2008, "Trust Region Newton Method for Large-Scale Logistic
Regression"). scikit-learn's has no soft targets and one penalty for all features.

The objective, with u [feature, column] and one scale for each parameter:

    Σ over texts of weight · cross-entropy(target, offset + Σ over features of value · scale · u)  +
    ½ ‖u‖²

Two labels have one column, the log-odds of the second; more labels have one column each. Where
texts may have several labels, each column is a logistic regression of its own.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from scipy import sparse, special

from foretell.arrays import Float32s, Float64s, Floats, Integers
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.training.labels.rows import Rows

# Of the gradient's norm at the end, as a part of its norm where u is zero. A smaller value gains
# nothing on validation texts.
_TOLERANCE = 0.01
_MAX_STEPS = 30
_MAX_PRODUCTS = 60

_BIAS_PENALTY = 0.01
"""The bias is nearly free; a label that no text has is kept from infinity."""

FREE = _BIAS_PENALTY**-0.5
"""The scale of the bias."""

Matrix: TypeAlias = sparse.csr_array | Float32s
"""Features [text, feature], sparse or dense."""

Map = Callable[..., Iterable[Float32s]]
"""As the built-in function `map`."""

Check = Callable[[], bool | None]
"""May raise to stop a fit; True ends it with what it has."""


def ignore() -> None:
    """Do nothing: a fit that nothing stops."""


class Goal:
    """What is learned, column by column: the log-odds of the second of two labels, else one for
    each label.

    Args:
        targets: [text, label], each row the probabilities of the labels.
        weights: [text], how much each text counts; or [text, label], 0 where a label is unknown:
            each label is then fitted for itself, and texts may have several.

    Attributes:
        share, offset: [1, column], the smoothed share of the texts of each label, and its score.
    """

    def __init__(self, targets: Floats, weights: Floats) -> None:
        self.is_independent = weights.ndim > 1
        self.weights: Float64s = (weights if self.is_independent else weights[:, None]).astype(
            np.float64
        )
        mass = (self.weights * targets).sum(axis=0, keepdims=True, dtype=np.float64)
        if self.is_independent:
            share = (mass + 0.5) / (self.weights.sum(axis=0, keepdims=True) + 1)
        else:
            share = (mass + 0.5) / (mass.sum() + 0.5 * mass.shape[1])
            if targets.shape[1] == 2:
                share = share[:, 1:]
                targets = targets[:, 1:]
        self.is_binary = self.is_independent or targets.shape[1] == 1
        self.share = share
        self.targets = targets
        self.offset: Float64s = np.log(share / (1 - share)) if self.is_binary else np.log(share)

    def loss(self, scores: Float64s) -> float:
        """Return the sum of the texts' losses at some scores [text, column]."""
        if self.is_binary:
            each = np.logaddexp(0, scores) - self.targets * scores
        else:
            each = special.logsumexp(scores, axis=1, keepdims=True)
            each = each - (self.targets * scores).sum(axis=1, keepdims=True)
        return float((self.weights * each).sum())

    def probabilities(self, scores: Float64s) -> Float64s:
        """Return the probabilities of some scores, both [text, column]."""
        found: Float64s = (
            special.expit(scores) if self.is_binary else special.softmax(scores, axis=1)
        )
        return found

    def ahead(self, probabilities: Float64s) -> Float64s:
        """Return the probabilities [text, column] at which a step measures the curvature.

        Newton's method measures it where the step begins. Where the target of a text is one
        improbable label of many, the loss is nearly flat there, and the step far too long. By
        Taylor's formula, what a step changes beyond the gradient's part depends on the mean of the
        curvature along it, weighted by 1 - s after the part s of the step: s = 1/3 is the centre.
        The step is taken to lead towards the targets, the less far the nearer they are. With two
        labels nothing is gained (docs/experiments.md).
        """
        if self.is_binary:
            return probabilities
        missing = self.targets - probabilities
        distance: Float64s = np.abs(missing).sum(axis=1, keepdims=True) / 2  # total variation
        return probabilities + distance / 3 * missing

    def curved(self, probabilities: Float64s, forward: Float64s) -> Float64s:
        """Return the second derivative of each text's loss times a change of its scores, [text,
        column].
        """
        if self.is_independent:
            return probabilities * (1 - probabilities) * forward
        curved = probabilities * forward
        curved -= probabilities * (curved.sum(axis=1, keepdims=True))
        return curved


@dataclass(frozen=True, eq=False)
class Problem:
    """The objective of the parameters u [feature, column]; `check` is called between two
    products.
    """

    design: Design
    goal: Goal
    scale: Float32s
    check: Check = ignore

    def minimum(self, start: Float32s | None = None) -> Float32s:
        """Minimise by Newton's method from `start` (None: zero), steps halved until they
        descend.
        """
        goal = self.goal
        at_zero = np.repeat(self.goal.offset, len(self.goal.targets), axis=0)
        u = np.zeros(self.scale.shape, np.float32)
        scores = at_zero
        first = 0.0
        if start is not None:
            # It is judged by the gradient where u is zero too.
            u = start
            scores = at_zero + self.design.scores(self.scale * start)
            first = float(np.linalg.norm(self._back(goal.probabilities(at_zero) - goal.targets)))
        loss = goal.loss(scores) + _dot(u, u) / 2
        for _ in range(_MAX_STEPS):
            probabilities = goal.probabilities(scores)
            gradient = self._back(probabilities - goal.targets) + u
            norm = float(np.linalg.norm(gradient))
            first = first or norm
            if norm <= _TOLERANCE * first or self.check():
                break
            step, moved = self._newton_step(
                gradient, goal.ahead(probabilities), min(0.3, (norm / first) ** 0.5)
            )
            slope = _dot(gradient, step)
            length = 1.0
            while True:
                new_u = u + np.float32(length) * step
                new_scores = scores + length * moved
                new_loss = goal.loss(new_scores) + _dot(new_u, new_u) / 2
                if new_loss <= loss + 1e-4 * length * slope:
                    break
                length /= 2
                if length < 1e-6:
                    return u
            u = new_u
            scores = new_scores
            loss = new_loss
        return u

    def _newton_step(
        self, gradient: Float32s, probabilities: Float64s, accuracy: float
    ) -> tuple[Float32s, Float64s]:
        """Solve Hessian · step = -gradient by conjugate gradients with a diagonal preconditioner.

        What is left of the gradient [feature, column] at the end has at most the part `accuracy` of
        its norm. Returned are the step and what it adds to the scores [text, column].
        """
        variance = self.goal.weights * probabilities * (1 - probabilities)
        diagonal = self.scale**2 * self.design.squares(variance) + 1
        step = np.zeros_like(gradient)
        moved = np.zeros_like(probabilities)
        residual = -gradient
        direction = residual / diagonal
        size = first = _dot(residual, direction)
        for _ in range(_MAX_PRODUCTS):
            if self.check():
                break
            forward = self.design.scores(self.scale * direction).astype(np.float64)
            curvature = self._back(self.goal.curved(probabilities, forward)) + direction
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

    def _back(self, values: Float64s) -> Float32s:
        """Return the gradient [feature, column] of weighted scores whose own gradient is
        `values`.
        """
        return self.scale * self.design.sums(self.goal.weights * values)


def _dot(first: Float32s, second: Float32s) -> float:
    return float(np.vdot(first, second))


class Design:
    """The features of the texts, a matrix [text, feature], and its products.

    The last feature is one that every text has: the bias. `blocks` are the columns of the matrix in
    parts, each with its transpose and the squares of that. `map` may compute them at the same time.
    """

    def __init__(self, blocks: Sequence[tuple[Matrix, Matrix, Matrix]], map: Map = map) -> None:
        self._matrices, self._transposed, self._squared = zip(*blocks, strict=True)
        self._ends = np.cumsum([each.shape[1] for each in self._matrices])
        self._map = map

    @classmethod
    def of(cls, matrix: Matrix) -> Design:
        """Return the design of a matrix, sparse or dense."""
        # Products with the transposed matrix are faster row by row too.
        transposed = matrix.T if isinstance(matrix, np.ndarray) else matrix.tocsc().T
        return cls([(matrix, transposed, transposed * transposed)])

    def scores(self, values: Float32s) -> Float32s:
        """Return [text, column]: the matrix times `values` [feature, column]."""
        parts = np.split(values, self._ends)[:-1]
        result: Float32s = (
            reduce(np.add, self._map(operator.matmul, self._matrices, parts)) + values[-1]
        )
        return result

    def sums(self, values: Floats) -> Float32s:
        """Return [feature, column]: the transposed matrix times `values` [text, column]."""
        return self._with_total(self._transposed, values)

    def squares(self, values: Floats) -> Float32s:
        """Return `sums` with every entry of the matrix squared."""
        return self._with_total(self._squared, values)

    def _with_total(self, transposed: Sequence[Matrix], values: Floats) -> Float32s:
        total = values.sum(axis=0, keepdims=True, dtype=np.float64)
        single = values.astype(np.float32)
        return np.concatenate(
            [*self._map(lambda each: each @ single, transposed), total], dtype=np.float32
        )


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """The weights of a fitted model: float32 [feature, column], and the bias [column]."""

    weights: Float32s
    bias: Float32s

    def scores(self, features: Matrix) -> Float32s:
        """Return the scores [text, column] of features [text, feature]."""
        return features @ self.weights + self.bias

    def times(self, factor: float) -> LinearWeights:
        """Return the model whose scores are `factor` times these."""
        return LinearWeights(np.float32(factor) * self.weights, np.float32(factor) * self.bias)


@dataclass(frozen=True, eq=False)
class ManyWeights:
    """The weights of a fitted model with many labels, of which only some may be kept: [feature,
    column], and the bias [column].
    """

    weights: Float32s | SparseWeights
    bias: Float32s

    def scores(self, features: sparse.csr_array) -> Float32s:
        """Return the scores [text, column] of features [text, feature]."""
        weights = self.weights
        if isinstance(weights, SparseWeights):
            entries = (weights.values, weights.columns, weights.starts)
            weights = sparse.csr_array(entries, shape=(len(weights), weights.n_columns))
            weights = (features @ weights).toarray()
        else:
            weights = features @ weights
        scores: Float32s = weights + self.bias
        return scores


Weights = TypeVar("Weights", LinearWeights, ManyWeights)


class MatrixFit(ABC, Generic[Weights]):
    """A linear model of features, fitted to some rows, for one strength after another.

    Args:
        values: gives the features [text, feature] of the texts at some places.
        rows: what is learned.
        model: makes the model for predictions; None: the weights are.
    """

    def __init__(
        self,
        values: Callable[[Integers], Matrix],
        rows: Rows,
        model: Callable[[Weights], object] | None = None,
    ) -> None:
        self.features = values(rows.texts)
        self.rows = rows
        self._values = values
        self._model: Callable[[Weights], object] | None = model

    @abstractmethod
    def fit(self, strength: float, start: Weights | None = None, check: Check = ignore) -> Weights:
        """Fit the model, from `start` on; `check` may raise to stop it."""

    def scores(self, parameters: Weights, texts: Integers) -> Float32s:
        """Return the scores [text, column] of the texts at some places."""
        return parameters.scores(self._values(texts))

    def model(self, parameters: Weights) -> Any:
        """Return the model for predictions."""
        return parameters if self._model is None else self._model(parameters)


class LogisticFit(MatrixFit[LinearWeights]):
    """Logistic regression with one L2 penalty for all features: 1 / strength, scikit-learn's C."""

    _design: Design | None = None

    def fit(
        self, strength: float, start: LinearWeights | None = None, check: Check = ignore
    ) -> LinearWeights:
        """Fit the model; from the result of a similar problem, `start`, fewer steps are needed."""
        self._design = self._design or Design.of(self.features)
        goal = Goal(self.rows.targets, self.rows.cell_weights)
        shape = self.features.shape[1] + 1, goal.targets.shape[1]
        scale: Float32s = np.full(shape, strength**0.5, np.float32)
        scale[-1] = FREE
        begun = None
        if start is not None:
            begun = (
                np.vstack([start.weights, start.bias[None] - goal.offset]).astype(np.float32)
                / scale
            )
        fitted = scale * Problem(self._design, goal, scale, check).minimum(begun)
        return LinearWeights(fitted[:-1], (fitted[-1] + goal.offset[0]).astype(np.float32))
