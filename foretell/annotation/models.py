"""What learns from the answers: the quick model after each answer, a whole model now and then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foretell.annotation.answers import Answer
from foretell.annotation.pool import Pool
from foretell.annotation.ranking import Ranker, Ranking, WholeModel
from foretell.annotation.training import Training, TrainingOptions
from foretell.arrays import Probabilities
from foretell.errors import ForetellError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model


class Models:
    """The models of one annotation. `rank` is called from one thread only.

    Args:
        pool: the texts.
        labels: the names of the labels.
        seed: of everything random.
        training: how whole models are trained; None: they are not.
        model: a model directory whose predictions help from the first text on; None: there is none.

    Attributes:
        training: the training in the background.

    Raises:
        ArtifactError: `model` cannot be trusted.
        UsageError: it is for another job, or has none of the labels.
    """

    def __init__(
        self,
        pool: Pool,
        labels: Sequence[str],
        seed: int,
        training: TrainingOptions | None = None,
        model: str | Path | None = None,
    ) -> None:
        self.training = Training(training)
        self._options = training
        self._pool, self._labels, self._seed = pool, labels, seed
        self._given = None if model is None else _opened(model, labels)
        self._ranker: Ranker | None = None
        self._whole: WholeModel | None = None
        self._ranked = 0

    @property
    def ranker(self) -> Ranker:
        """What ranks the texts; it is made the first time."""
        if self._ranker is None:
            self._ranker = Ranker(self._pool, self._labels, self._seed)
        return self._ranker

    def rank(self, version: int, answers: Sequence[Answer]) -> Ranking | None:
        """Return a ranking for the answers; None: nothing is new since the last one."""
        has_new_model = self._ranked > 0 and self._take_model()
        self._start_training(answers)
        if version == self._ranked and not has_new_model:
            return None
        self._ranked = version
        return self.ranker.rank(version, answers, self._whole)

    def _take_model(self) -> bool:
        """Take over a model that was given or trained; return whether there is a new one.

        The first text does not wait for it: it predicts the whole pool.
        """
        if self.training.poll() and self._options is not None:
            try:
                runtime = _opened(self._options.out, self._labels)
            except ForetellError as error:
                self.training.fail(str(error))
                return False
            self._whole = WholeModel(self._predicted(runtime), self.training.texts)
            return True
        if self._given is not None:
            runtime, self._given = self._given, None
            self._whole = WholeModel(self._predicted(runtime))
            return True
        return False

    def _start_training(self, answers: Sequence[Answer]) -> None:
        chosen = [each for each in answers if each.part == "train" and each.label is not None]
        self.training.start_if_due([each.text for each in chosen], [each.label or "" for each in chosen])

    def _predicted(self, runtime: LabelsRuntime) -> Probabilities:
        """Return the probability of each label for the pool, [text, label].

        Labels that the model lacks get the probability of a model that knows nothing.
        """
        rows = runtime.predict_proba(self._pool.texts)
        result = np.full((len(rows), len(self._labels)), 1 / len(self._labels), np.float32)
        place_of = {label: place for place, label in enumerate(self._labels)}
        for column, label in enumerate(runtime.labels):
            if label in place_of:
                result[:, place_of[label]] = rows[:, column]
        scaled: Probabilities = result / np.maximum(result.sum(axis=1, keepdims=True), 1e-9)
        return scaled


def _opened(model: str | Path, labels: Sequence[str]) -> LabelsRuntime:
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
