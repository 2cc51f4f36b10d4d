"""A classifier's network as the training loop trains it, resumed to the last bit.

Keras keeps everything that decides the next step in variables: weights, the seed generators of
dropout, the optimiser's slots. A checkpoint holds these; the order of the texts follows from seed
and epoch.
"""

from __future__ import annotations

import math

import numpy as np

from foretell.arrays import Array, Int64s, Probabilities
from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings
from foretell.metrics import log_loss, mean_accuracy
from foretell.metrics.multi_label import DEFAULT_THRESHOLD, label_accuracy, mean_log_loss, micro_f1
from foretell.networks import set_weights, weights_of
from foretell.training.budget import SECONDS_TO_WRITE, learning_rate
from foretell.training.checkpoints import Checkpoint, numbered, restore_numbered
from foretell.training.labels.compiled import CompactNetwork, ReadTexts, epoch_order
from foretell.training.labels.members import other_parts, parts_of
from foretell.training.labels.stages import Training
from foretell.training.loop import Evaluation, Schedule, StepMeans, StepsAhead

EMBEDDINGS = "embeddings"
"""Where a checkpoint has the embeddings that training began with, of all words."""

_UNSEEN = "unseen"
_VARIABLES = "variables"

_ENSEMBLE_SECONDS = 1e-6
"""Seconds for each measured text and each label in which the ensemble's weights are fitted after
the network: once to all these texts, and once without each part. 5 seconds with 10,000 labels.
"""


def enough_labels(settings: LabelsSettings, n_texts: int) -> bool:
    """Return whether `n_texts` texts make `settings.min_steps` steps in `settings.epochs` epochs or
    fewer.
    """
    return math.ceil(n_texts / settings.batch_size) * settings.epochs >= settings.min_steps


def make_schedule(
    settings: LabelsSettings,
    n_texts: int,
    given: frozenset[str] = frozenset(),
    *,
    keeps_best: bool = True,
) -> Schedule:
    """Return the schedule for `n_texts` texts.

    There are at least `min_steps` steps, in whole epochs, and no epoch after the first ends after
    more than `max_steps` steps, which no preset has: a time limit is the usual bound. Patience
    keeps its proportion to the number of epochs. Of the settings that the user gave, `given`,
    epochs and a time limit are not changed by a bound that was not given, such as one of a model
    that is continued, and patience stays.
    """
    steps = math.ceil(n_texts / settings.batch_size)
    epochs = settings.epochs
    patience = settings.patience
    if "epochs" not in given or "min_steps" in given:
        epochs = max(epochs, math.ceil(settings.min_steps / steps))
    is_bounded = "max_steps" in given or not given & {"epochs", "minutes"}
    if settings.max_steps and is_bounded:
        epochs = min(epochs, max(1, settings.max_steps // steps))
    if "patience" not in given:
        patience = math.ceil(patience * epochs / settings.epochs)
    return Schedule(
        steps=epochs * steps,
        epoch_steps=steps,
        patience=patience,
        learning_rate=settings.learning_rate,
        unit="texts",
        units_a_step=settings.batch_size,
        keeps_best=keeps_best,
    )


class TrainableNetwork:
    """A network, the texts that it learns from, and those that are measured after each epoch.

    Attributes:
        unseen: probabilities [text, label] of the measured texts. Each is of the epoch that is best
            on the texts of other parts: of the best epoch of all, the texts that chose it would
            seem to be answered better than others. None: no epoch has been measured.
    """

    def __init__(
        self,
        network: CompactNetwork,
        learned: ReadTexts,
        watched: ReadTexts | None,
        training: Training,
        schedule: Schedule,
    ) -> None:
        self.network = network
        self.schedule = schedule
        self.unseen: Probabilities | None = None
        self._learned = learned
        self._watched = watched
        self._training = training
        self._best_of_parts = list[Evaluation]()
        self._order: tuple[int, Int64s] = (-1, np.zeros(0, np.int64))

    def advance(self, ahead: StepsAhead) -> list[StepMeans]:
        """Do the next step."""
        settings = self._training.settings
        epoch, batch = divmod(ahead.done, self.schedule.epoch_steps)
        if self._order[0] != epoch:
            self._order = epoch, epoch_order(self._learned.texts, settings, epoch)
        places = self._order[1][batch * settings.batch_size :][: settings.batch_size]
        rate = learning_rate(ahead.done, ahead.total, settings.learning_rate)
        means = self.network.step(self._learned, places, rate)
        # In the mean of an epoch each text counts the same; its last batch may have fewer.
        share = len(places) * self.schedule.epoch_steps / len(self._learned)
        return [StepMeans(share * means["loss"], share * means["accuracy"])]

    def evaluate(self) -> Evaluation | None:
        """Measure on the watched texts."""
        if self._watched is None:
            return None
        truth = self._watched.truth
        answers = self.network.predict(self._watched.texts)
        parts = list(other_parts(parts_of(len(truth))))
        results = [self._measured(truth[others], answers[others]) for others, _ in parts]
        if self.unseen is None:
            self.unseen = answers.copy()
            self._best_of_parts = results
        for place, (_, inside) in enumerate(parts):
            if results[place].is_better_than(self._best_of_parts[place]):
                self._best_of_parts[place] = results[place]
                self.unseen[inside] = answers[inside]
        return self._measured(truth, answers)

    def _measured(self, truth: Array, answers: Probabilities) -> Evaluation:
        """Return the evaluation of some answers.

        The best epoch is chosen by accuracy: few texts are soon learned by heart, certainty grows,
        and the lowest loss belongs to an epoch that knew nothing yet.
        """
        if not self._training.settings.multi_label:
            accuracy = mean_accuracy(truth, answers)
            loss = log_loss(truth, answers, 1e-7)
            return Evaluation(loss=loss, accuracy=accuracy, chosen_by=accuracy)
        decided = answers >= DEFAULT_THRESHOLD
        # Most labels apply to few texts, so that accuracy hardly changes.
        return Evaluation(
            loss=mean_log_loss(truth, answers, 1e-7),
            accuracy=label_accuracy(truth, decided),
            chosen_by=micro_f1(truth, decided),
        )

    def weights(self) -> Weights:
        """Return a copy of the trainable weights."""
        return weights_of(self.network.model)

    def set_weights(self, weights: Weights) -> None:
        """Set the trainable weights to some that `weights` returned."""
        set_weights(self.network.model, weights)

    def seconds_after_steps(self) -> float:
        """Return the seconds to reserve for measuring and writing."""
        training = self._training
        n = 0 if self._watched is None else len(self._watched)
        # The texts are read twice, each time in less than half of what steps with as many take.
        batches = math.ceil(n / training.settings.batch_size)
        measuring = training.run.budget.pace * batches
        return SECONDS_TO_WRITE + measuring + _ENSEMBLE_SECONDS * n * len(training.corpus.labels)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a checkpoint, those of the stages before among them."""
        arrays = {**self._training.stages.arrays, EMBEDDINGS: self.network.embeddings}
        arrays |= numbered(_VARIABLES, self.network.variables())
        return arrays if self.unseen is None else {**arrays, _UNSEEN: self.unseen}

    def values(self) -> dict[str, object]:
        """Return the best results of the parts."""
        return {"best_of_parts": [vars(each) for each in self._best_of_parts]}

    def restore(self, saved: Checkpoint) -> None:
        """Take the variables of a checkpoint, and what was measured."""
        restore_numbered(saved, _VARIABLES, self.network.variables())
        self.unseen = saved.arrays.get(_UNSEEN)
        results = saved.state["trainable"]["best_of_parts"]
        self._best_of_parts = [Evaluation(**each) for each in results]
