"""The network of one fold, described by settings and arrays, so that another process can train it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings
from foretell.training.budget import SECONDS_TO_WRITE
from foretell.training.labels.batches import EncodedTexts, batches, epoch_order, make_predictor
from foretell.training.labels.compact import new_network, restart
from foretell.training.labels.member_task import MemberWorkers
from foretell.training.labels.plan import make_plan
from foretell.training.run import Run
from foretell.training.schedule import learning_rate

_MARGIN = 1.25
"""Safety factor on the pace: other programs may run on the machine too."""

_UNTYPICAL = 2
"""The first steps compile functions; they do not count for the pace."""

SecondsLeft = Callable[[], float]
"""Returns the seconds that are left for training; infinite without a time limit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldTask:
    """What is needed to train the network of a fold.

    Attributes:
        fold: its place, from 0.
        settings: the network, with a fixed schedule.
        n_words: ids that the network knows.
        n_labels: number of labels.
        first: the values of the model's and of the optimiser's variables that training begins with.
        train: the texts of the other folds.
        held: the texts of this fold.
    """

    fold: int
    settings: LabelsSettings
    n_words: int
    n_labels: int
    first: list[npt.NDArray[Any]]
    train: EncodedTexts
    held: EncodedTexts

    @property
    def what(self) -> str:
        """What is done, for messages."""
        return f"fold {self.fold + 1}"


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldAnswer:
    """What the network of a fold says of the texts that it has not seen.

    Attributes:
        fold: its place, from 0.
        probabilities: [text, label], of `FoldTask.held`; None: the time limit left no time for it.
    """

    fold: int
    probabilities: Probabilities | None


class Workers(MemberWorkers, Protocol):
    """Processes that choose linear members and train networks of folds; `foretell.cluster.folds` on Ray."""

    def begin(self, tasks: int) -> None:
        """Start as many workers as can work on so many tasks, and do not wait for them."""

    def end(self) -> None:
        """End the workers, with what they do."""

    def answers(self, tasks: Sequence[FoldTask], run: Run) -> Iterator[FoldAnswer]:
        """Yield the answers in the order in which they are there; then the workers end.

        A task that no worker could do has no answer: the caller does it.

        Args:
            tasks: what to do.
            run: the training in progress: its time limit and its listener, and whether it has to stop.

        Raises:
            Interrupted: a signal has arrived.
            RunError: the workers are not those of this training, or their cluster has gone.
        """


class FoldTrainer:
    """Trains the networks of folds, one after another, in one compiled network.

    Args:
        model: the compiled network.
        length: steps of every batch, or None where they differ.
    """

    def __init__(self, model: Any, length: int | None) -> None:
        self._model, self._predict = model, make_predictor(model, length)

    @classmethod
    def of(cls, task: FoldTask) -> FoldTrainer:
        """Return a trainer with a network for `task`, and for the other folds of the same training."""
        return cls(new_network(task.settings, task.n_words, task.n_labels), task.train.length)

    def answer(self, task: FoldTask, left: SecondsLeft, *, after: int) -> FoldAnswer:
        """Train the network of a fold and answer the texts of the fold.

        Args:
            task: the fold.
            left: training ends at once when this network and `after` others do not fit in these seconds.
            after: how many networks are trained after this one.
        """
        restart(self._model, task.first)
        if not _train(self._model, task.train, task.settings, left, after=after):
            return FoldAnswer(fold=task.fold, probabilities=None)
        found = self._predict(task.held, task.settings.batch_size)
        return FoldAnswer(fold=task.fold, probabilities=found)


def _train(
    network: Any, texts: EncodedTexts, settings: LabelsSettings, left: SecondsLeft, *, after: int
) -> bool:
    """Train a compiled network from its first step to its last, all epochs in one call of `fit`.

    Each call makes the input pipeline anew, which takes longer than an epoch of few texts.

    Args:
        network: the network.
        texts: to train on.
        settings: the network and its schedule.
        left: training ends at once when this one and `after` others would not fit.
        after: how many networks are trained after this one.

    Returns:
        Whether training came to its end.
    """
    import keras

    epochs = make_plan(settings, len(texts)).epochs
    orders = [
        epoch_order(texts, settings.batch_size, seed=settings.seed, epoch=epoch) for epoch in range(epochs)
    ]
    order = np.concatenate(orders)
    steps = math.ceil(len(order) / settings.batch_size)

    class Follow(keras.callbacks.Callback):  # type: ignore[misc]
        began, fits = 0.0, True

        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            del logs
            self.model.optimizer.learning_rate = learning_rate(batch, steps, settings.learning_rate)
            if batch == _UNTYPICAL:
                self.began = time.monotonic()

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            del logs
            if batch < 2 * _UNTYPICAL:
                return
            pace = (time.monotonic() - self.began) / (batch + 1 - _UNTYPICAL)
            seconds = _MARGIN * pace * (steps - batch - 1 + after * steps)
            if left() < seconds + SECONDS_TO_WRITE:
                self.fits, self.model.stop_training = False, True

    follow = Follow()
    data = batches(texts, order, settings.batch_size)
    network.fit(data, shuffle=False, verbose=0, callbacks=[follow])
    return follow.fits
