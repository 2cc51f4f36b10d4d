"""What learns while a person answers: one fit after another gives suggestions, next texts and metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from foretell.annotation.answers import Answer
from foretell.annotation.metrics import (
    RECENT,
    Metrics,
    changed_share,
    changes_little,
    model_metrics,
    sample_metrics,
)
from foretell.annotation.pool import Places, Pool
from foretell.annotation.quick_model import QuickModel
from foretell.annotation.selection import densities, information, select
from foretell.arrays import Float32s, Float64s, Probabilities
from foretell.errors import UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model

QUEUE = 30
"""Texts that are chosen at a time: more than a person answers until the next fit is done."""

_NEAR = 20
"""Texts that were answered last, which the next ones should differ from."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The result of one fit.

    Attributes:
        version: of the answers that it is made of.
        probabilities: of each label for each text, float32 [text, label].
        queue: places of the texts to show next, in order; reserved texts are not among them.
        metrics: measured on random texts.
        is_complete: whether the model that was given had its part in it.
    """

    version: int
    probabilities: Probabilities
    queue: tuple[int, ...]
    metrics: Metrics
    is_complete: bool


class Ranker:
    """Makes rankings of one pool. It keeps what does not depend on the answers.

    Args:
        pool: the texts.
        labels: the names of the labels.
        seed: of the decomposition's random start.
        model: a model whose predictions count as much as the quick model's, from the second ranking on: the
            first text does not wait until it has predicted the whole pool. None: there is none.
    """

    def __init__(
        self, pool: Pool, labels: Sequence[str], seed: int, model: LabelsRuntime | None = None
    ) -> None:
        self._pool, self._labels, self._seed, self._model = pool, labels, abs(seed), model
        self._place_of_label = {label: place for place, label in enumerate(labels)}
        self._is_first = True

    @cached_property
    def quick(self) -> QuickModel:
        """The quick model of the pool; counting its features takes seconds for thousands of texts."""
        return QuickModel(self._pool.texts, self._labels)

    @cached_property
    def embeddings(self) -> Float32s:
        """A vector of length 1 for each text, float32 [text, dimension]."""
        return self.quick.embeddings(self._seed)

    @cached_property
    def _densities(self) -> Float64s:
        return densities(self.embeddings, self._seed)

    def rank(self, version: int, answers: Sequence[Answer]) -> Ranking:
        """Fit to the answers and choose the next texts.

        Args:
            version: of the answers.
            answers: all that were not undone, in order.
        """
        quick = used = self.probabilities(answers)
        is_complete = self._model is None or not self._is_first
        if self._model is not None and is_complete:
            used = _pooled(quick, self._of_model)
        self._is_first = False
        queue = self.queue(used, answers, QUEUE)
        return Ranking(version, used, tuple(queue), self._metrics(answers, quick, used), is_complete)

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

    def labelled(self, answers: Sequence[Answer], part: str) -> tuple[Places, Places]:
        """Return the places of the texts of one part that have a label, and of their labels."""
        chosen = [each for each in answers if each.part == part and each.label is not None]
        places = np.array([self._pool.place(each.text) for each in chosen], np.int64)
        return places, np.array([self._place_of_label[each.label or ""] for each in chosen], np.int64)

    @cached_property
    def _of_model(self) -> Probabilities:
        """What the model that was given predicts for the pool, float32 [text, label].

        Labels that it lacks get the probability of a model that knows nothing.
        """
        assert self._model is not None
        rows = self._model.predict_proba(self._pool.texts)
        result = np.full((len(rows), len(self._labels)), 1 / len(self._labels), np.float32)
        for column, label in enumerate(self._model.labels):
            if label in self._place_of_label:
                result[:, self._place_of_label[label]] = rows[:, column]
        scaled: Probabilities = result / np.maximum(result.sum(axis=1, keepdims=True), 1e-9)
        return scaled

    def _metrics(self, answers: Sequence[Answer], quick: Probabilities, used: Probabilities) -> Metrics:
        places, truth = self.labelled(answers, "test")
        found = Metrics(
            **sample_metrics(answers, self._labels), **model_metrics(truth, used[places], self._labels)
        )
        if len(answers) <= RECENT:
            return found
        before = self.probabilities(answers[:-RECENT])
        changed = changed_share(before[self._pool.drawn], quick[self._pool.drawn])
        return replace(found, changed=changed, changes_little=changes_little(changed, answers))


class Refitting:
    """Calls a function in a thread of its own whenever there is something new.

    Args:
        fit: makes a ranking of the newest answers.
    """

    def __init__(self, fit: Callable[[], Ranking]) -> None:
        self._fit = fit
        self._changed = threading.Condition()
        self._is_asked, self._ends = True, False
        self._error: BaseException | None = None
        self._latest: Ranking | None = None
        # Not joined by Python at exit where `close` was not called.
        self._thread = threading.Thread(target=self._work, name="foretell-annotation", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Let the thread fit again, after the fit that it works on now."""
        with self._changed:
            self._is_asked = True
            self._changed.notify_all()

    def wait(self, version: int, seconds: float) -> Ranking | None:
        """Return the newest ranking, once it is of `version` or newer or the time is over.

        Raises:
            BaseException: what a fit raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._has(version), seconds)
            if self._error is not None:
                raise self._error
            return self._latest

    def close(self) -> None:
        """End the thread after the fit that it works on now."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self._thread.join()

    def _has(self, version: int) -> bool:
        return self._latest is not None and self._latest.version >= version

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_asked or self._ends)
                if self._ends:
                    return
                self._is_asked = False
            try:
                ranking = self._fit()
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._latest = ranking
                self._is_asked = self._is_asked or not ranking.is_complete
                self._changed.notify_all()


def opened_model(model: str | Path, labels: Sequence[str]) -> LabelsRuntime:
    """Return a model directory that can suggest labels.

    Raises:
        ArtifactError: it cannot be trusted.
        UsageError: it is for another job, or has none of the labels.
    """
    runtime = open_model(model)
    if not isinstance(runtime, LabelsRuntime):
        raise UsageError(expected="a model for labels", found="one for words", where=str(model))
    if not set(runtime.labels) & set(labels):
        raise UsageError(
            expected=f"a model with one of the labels ({', '.join(labels)[:200]})",
            found=", ".join(runtime.labels)[:200],
            where=str(model),
        )
    return runtime


def _pooled(one: Probabilities, other: Probabilities) -> Probabilities:
    """Return the logarithmic opinion pool of two models with equal weights, [text, label]."""
    product = np.sqrt(np.maximum(one, 1e-9) * np.maximum(other, 1e-9))
    result: Probabilities = (product / product.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
