"""Rows: what members learn, wherever it comes from.

A row is a text, a label, a target and a weight. A text with one certain label is one row with the
target 1. A soft label is several rows of one text, whose targets are probabilities. Where texts may
have several labels, each known label of a text is a row with the target 1 or 0, and an unknown one
is no row. Rows are sparse: an array [text, label] is made for the texts of one fit or batch only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
from scipy import sparse

from foretell.arrays import Array, Float32s, Float64s, Int32s, Integers, Mask

Targets = Int32s
"""The place of each text's label among the labels, [text]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows of some texts, in the order of the texts.

    Attributes:
        text: int32 [row], the place of the text among all texts, ascending.
        label: int32 [row], the place of the label.
        target: float32 [row], the probability of the label; of several labels 1 or 0.
        weight: float64 [row], how much the text counts.
        n_labels: number of labels.
        has_several: whether a text may have several labels.
    """

    text: Int32s
    label: Int32s
    target: Float32s
    weight: Float64s
    n_labels: int
    has_several: bool = False

    def __len__(self) -> int:
        return len(self.text)

    def select(self, rows: Mask) -> Rows:
        """Return the rows where `rows` [row] is true."""
        return replace(
            self,
            text=self.text[rows],
            label=self.label[rows],
            target=self.target[rows],
            weight=self.weight[rows],
        )

    def of_texts(self, texts: Mask) -> Rows:
        """Return the rows of the texts where `texts` [text] is true."""
        return self.select(texts[self.text])

    def moved(self, by: int) -> Rows:
        """Return the rows of texts that stand `by` places later."""
        return replace(self, text=self.text + np.int32(by))

    def followed_by(self, others: Rows) -> Rows:
        """Return these rows and those of later texts."""
        return replace(
            self,
            text=np.append(self.text, others.text),
            label=np.append(self.label, others.label),
            target=np.append(self.target, others.target),
            weight=np.append(self.weight, others.weight),
        )

    @cached_property
    def texts(self) -> Integers:
        """The places of the texts that have rows, [text], ascending."""
        return np.unique(self.text)

    @property
    def is_soft(self) -> bool:
        """Whether some text has a soft label."""
        return not self.has_several and bool((self.target < 1).any())

    @cached_property
    def _place(self) -> Integers:
        return np.searchsorted(self.texts, self.text)

    @cached_property
    def weights(self) -> Float64s:
        """How much each text counts, [text]."""
        found = np.zeros(len(self.texts))
        found[self._place] = self.weight
        return found

    @cached_property
    def cell_weights(self) -> Float64s:
        """How much each text counts, [text]; of several labels [text, label], 0 for unknown."""
        if not self.has_several:
            return self.weights
        found = np.zeros((len(self.texts), self.n_labels))
        found[self._place, self.label] = self.weight
        return found

    @property
    def targets(self) -> Float32s:
        """The targets of the texts, float32 [text, label], 0 where there is no row."""
        return self._dense(0.0)

    @property
    def mass(self) -> sparse.csr_array:
        """Target times weight, float64 [label, text], sparse."""
        places = (self.label, self._place)
        shape = (self.n_labels, len(self.texts))
        return sparse.csr_array((self.target * self.weight, places), shape=shape)

    def truth(self) -> Array:
        """Return the labels to measure on: int32 [text], the most probable one.

        Of several labels they are float32 [text, label], NaN where a label is unknown.
        """
        if self.has_several:
            return self._dense(np.nan)
        order = np.lexsort((-self.target, self.text))
        first = np.searchsorted(self.text[order], self.texts)
        return self.label[order][first]

    def _dense(self, unknown: float) -> Float32s:
        found = np.full((len(self.texts), self.n_labels), unknown, np.float32)
        found[self._place, self.label] = self.target
        return found


Source = Callable[[Mask], Rows]
"""Gives rows, where the labels of the texts `inside` [text] may be seen and no others."""


def joined_rows(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several sources, whose texts follow one another."""
    return reduce(Rows.followed_by, parts)


def hard_rows(targets: Array, weights: Float64s, n_labels: int) -> Rows:
    """Return the rows of texts from place 0 on, for their labels.

    Args:
        targets: int32 [text], or float32 [text, label] of several labels, NaN for unknown.
        weights: float64 [text].
        n_labels: number of labels.
    """
    if targets.ndim == 1:
        text = np.arange(len(targets))
        label = targets
        target = np.ones(len(targets))
    else:
        text, label = np.nonzero(~np.isnan(targets))
        target = targets[text, label]
    return Rows(
        text=text.astype(np.int32),
        label=label.astype(np.int32),
        target=target.astype(np.float32),
        weight=weights[text],
        n_labels=n_labels,
        has_several=targets.ndim > 1,
    )


def soft_rows(probabilities: Float32s, *, smallest: float = 0.0) -> Rows:
    """Return the rows of soft labels [text, label], of texts from place 0 on, each with the
    weight 1.

    Args:
        probabilities: [text, label].
        smallest: leave out labels with a lower probability, except the most probable one.
    """
    kept = probabilities >= max(smallest, float(np.finfo(np.float32).tiny))
    kept[np.arange(len(kept)), probabilities.argmax(axis=1)] = True
    shares = np.where(kept, probabilities, 0)
    shares = shares / shares.sum(axis=1, keepdims=True)
    text, label = np.nonzero(kept)
    return Rows(
        text=text.astype(np.int32),
        label=label.astype(np.int32),
        target=shares[text, label].astype(np.float32),
        weight=np.ones(len(text)),
        n_labels=probabilities.shape[1],
    )
