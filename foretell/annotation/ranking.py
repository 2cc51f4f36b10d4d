"""One fit of the quick model, and what follows from it: suggestions, the next texts, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.annotation.answers import Answer
from foretell.annotation.figures import (
    RECENT,
    Figures,
    changed_share,
    changes_little,
    model_figures,
    sample_figures,
)
from foretell.annotation.pool import Places, Pool
from foretell.annotation.quick_model import QuickModel
from foretell.annotation.selection import densities, information, select
from foretell.arrays import Float32s, Probabilities

QUEUE = 30
"""Texts that are chosen at a time: more than a person answers until the next fit is done."""

_NEAR = 20
"""Texts that were answered last, which the next ones should differ from."""

Labelled = tuple[Places, Places]
"""The places of texts, and of their labels."""


@dataclass(frozen=True, eq=False)
class WholeModel:
    """What a trained model, foretell's own or one that is served, predicts for the pool.

    Attributes:
        probabilities: float32 [text, label].
        texts: number of labelled texts that it learned from; None: unknown.
    """

    probabilities: Probabilities
    texts: int | None = None


@dataclass(frozen=True, eq=False)
class Ranking:
    """The result of one fit.

    Attributes:
        version: of the answers that it is made of.
        probabilities: of each label for each text, float32 [text, label].
        queue: places of the texts to show next, in order; reserved texts are not among them.
        figures: measured on random texts.
    """

    version: int
    probabilities: Probabilities
    queue: tuple[int, ...]
    figures: Figures


class Ranker:
    """Makes rankings of one pool. It keeps what does not depend on the answers.

    Args:
        pool: the texts.
        labels: the names of the labels.
        seed: of the decomposition's random start.

    Attributes:
        quick: the quick model of the pool.
        embeddings: a vector of length 1 for each text, float32 [text, dimension].
    """

    def __init__(self, pool: Pool, labels: Sequence[str], seed: int) -> None:
        self._pool, self._labels = pool, labels
        self._place_of_label = {label: place for place, label in enumerate(labels)}
        self.quick = QuickModel(pool.texts, labels)
        self.embeddings: Float32s = self.quick.embeddings(abs(seed))
        self._densities = densities(self.embeddings, abs(seed))

    def rank(self, version: int, answers: Sequence[Answer], whole: WholeModel | None = None) -> Ranking:
        """Fit to the answers and choose the next texts.

        Args:
            version: of the answers.
            answers: all that were not undone, in order.
            whole: a trained model, whose predictions count as much as the quick model's.
        """
        quick = self.probabilities(answers)
        used = quick if whole is None else _pooled(quick, whole.probabilities)
        queue = self.queue(used, answers, QUEUE)
        return Ranking(version, used, tuple(queue), self._figures(answers, quick, used, whole))

    def probabilities(self, answers: Sequence[Answer]) -> Probabilities:
        """Return the quick model's probability of each label for each text, float32 [text, label]."""
        return self.quick.probabilities(*self.labelled(answers, "train"))

    def queue(self, probabilities: Probabilities, answers: Sequence[Answer], count: int) -> list[int]:
        """Return the places of the next texts to show, in order; none of them is reserved."""
        answered = np.array([self._pool.place(each.text) for each in answers], np.int64)
        is_free = ~(self._pool.reserved | self._pool.is_repeat)
        is_free[answered] = False
        scores = information(probabilities, self._densities)
        return select(scores, self.embeddings, np.flatnonzero(is_free), answered[-_NEAR:], count)

    def labelled(self, answers: Sequence[Answer], part: str) -> Labelled:
        """Return the texts of one part that have a label."""
        chosen = [each for each in answers if each.part == part and each.label is not None]
        places = np.array([self._pool.place(each.text) for each in chosen], np.int64)
        return places, np.array([self._place_of_label[each.label or ""] for each in chosen], np.int64)

    def _figures(
        self, answers: Sequence[Answer], quick: Probabilities, used: Probabilities, whole: WholeModel | None
    ) -> Figures:
        places, truth = self.labelled(answers, "test")
        found = Figures(
            **sample_figures(answers, self._labels), **model_figures(truth, used[places], self._labels)
        )
        if whole is not None and whole.texts is not None:
            own = model_figures(truth, whole.probabilities[places], self._labels)
            found = replace(found, model_accuracy=own["accuracy"], model_texts=whole.texts)
        if len(answers) <= RECENT:
            return found
        before = self.probabilities(answers[:-RECENT])
        changed = changed_share(before[self._pool.drawn], quick[self._pool.drawn])
        return replace(found, changed=changed, changes_little=changes_little(changed, answers))


def _pooled(one: Probabilities, other: Probabilities) -> Probabilities:
    """Return the logarithmic opinion pool of two models with equal weights, [text, label]."""
    product = np.sqrt(np.maximum(one, 1e-9) * np.maximum(other, 1e-9))
    result: Probabilities = (product / product.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
