"""Training on several workers, whose weights are averaged every few steps (local SGD, Stich 2019).

Each worker reads a share of the text with its own state and its own optimizer, as the ordinary loop does.
The command hands out the words of the next steps, averages the weights, and alone measures epochs and saves
checkpoints. `foretell.cluster.averaging` has the workers on Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.networks.lstm_layer import Precision
from foretell.networks.words import LstmNetwork
from foretell.training.run import Run
from foretell.training.words.data import TokenizedCorpus
from foretell.training.words.loop import Loop
from foretell.training.words.state import TrainedNetwork
from foretell.training.words.step import Batch, Steps, ending_after

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Trained:
    """What a worker has after its steps: the weights, and loss and accuracy of each step, [step, 2]."""

    weights: Arrays
    means: npt.NDArray[np.float64]


class Workers(Protocol):
    """Processes that train: `count` of them, with `average_every` steps between two averages.

    `check` is called while a call takes time, and may raise.
    """

    count: int
    average_every: int

    def open(
        self, settings: WordsSettings, size: int, precision: Precision, check: Callable[[], None]
    ) -> None:
        """Make the network in each worker."""

    def train(
        self, weights: Arrays, batches: Sequence[Sequence[Batch]], moments: Arrays, check: Callable[[], None]
    ) -> list[Trained]:
        """Train all workers from the same weights.

        Args:
            weights: of the network.
            batches: of each worker.
            moments: of the optimizer, for a worker that has not trained yet.
            check: see above.

        Returns:
            What each worker has; nothing of one that has died, in whose place a new one has been started.

        Raises:
            RunError: workers die again and again.
        """

    def moments(self) -> list[Arrays]:
        """Return the optimizer's variables of each worker that has trained."""


class Trainer:
    """The network of one worker, which trains for some steps at a time."""

    def __init__(self, settings: WordsSettings, size: int, precision: Precision) -> None:
        self._network = LstmNetwork(settings, size, precision)
        self._steps = Steps(self._network, settings)
        self._carried = self._network.first_states(1)
        self._is_new = True

    def train(self, weights: Arrays, moments: Arrays, batches: Sequence[Batch]) -> Trained:
        """Train from these weights; `moments` are taken where this worker has none of its own."""
        _assign(self._network.trainable_variables, weights)
        if self._is_new:
            _assign(self._steps.optimizer.variables, moments)
            self._carried = self._network.first_states(len(batches[0].ids))
            self._is_new = False
        means = []
        for batch in batches:
            inputs = self._steps.inputs(batch, self._carried)
            loss, accuracy, self._carried = self._steps.train(*inputs)
            means.append((loss, accuracy))
        return Trained(_values(self._network.trainable_variables), np.array(means, np.float64))

    def moments(self) -> Arrays:
        """Return the optimizer's variables; none before the first steps."""
        return [] if self._is_new else _values(self._steps.optimizer.variables)


def _values(variables: Sequence[Any]) -> Arrays:
    return [np.array(variable.numpy()) for variable in variables]


def _assign(variables: Sequence[Any], values: Arrays) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _mean(arrays: Sequence[Arrays]) -> Arrays:
    """Return the mean of arrays of several workers, in the type of each."""
    return [np.mean(each, axis=0).astype(each[0].dtype) for each in zip(*arrays, strict=True)]


class AveragedLoop(Loop):
    """The training loop of the command: a round of some steps of all workers where `Loop` does one step."""

    def __init__(
        self,
        run: Run,
        corpus: TokenizedCorpus,
        settings: WordsSettings,
        workers: Workers,
        start: Weights | None = None,
    ) -> None:
        super().__init__(run, corpus, settings, start, workers=workers.count)
        self._team = workers
        self._is_in_round = False

    def measure(self) -> TrainedNetwork:
        """Restore the best weights and return them with their metrics."""
        trained = super().measure()
        trained.metrics["workers"] = self.workers
        return trained

    def _compile(self) -> None:
        self._team.open(self.settings, self.network.size, self.network.precision, self.run.interrupt.check)

    def _step(self) -> None:
        at, variables = self.state.at, self.network.trainable_variables
        steps = range(at.step, at.step + self._steps_of_round())
        batches = [[self._batch(step, worker) for step in steps] for worker in range(self.workers)]
        moments = _values(self.steps.optimizer.variables)
        self._is_in_round = True
        trained = self._team.train(_values(variables), batches, moments, self.run.interrupt.check)
        self._is_in_round = False
        _assign(variables, _mean([each.weights for each in trained]))
        for loss, accuracy in np.mean([each.means for each in trained], axis=0).tolist():
            self.state.add(loss, accuracy)
        at.step += len(steps)
        self.time.step_done(len(steps))

    def _steps_of_round(self) -> int:
        """Return the steps until the next average: not beyond an epoch, or the last part of the training."""
        step, total = self.state.at.step, self.steps_in_all()
        ends = [self.epoch_steps - step % self.epoch_steps, total - step]
        if not self.state.at.ending:
            ends.append(ending_after(total, self.settings) - step)
        return max(1, min(self._team.average_every, *ends))

    def _save(self) -> None:
        if not self._is_in_round and (moments := [each for each in self._team.moments() if each]):
            _assign(self.steps.optimizer.variables, _mean(moments))
        super()._save()
