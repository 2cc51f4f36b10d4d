"""Training on several workers, whose weights are averaged every few steps (local SGD, Stich 2019).

Each worker reads a share of the text with its own state, as the ordinary loop does. The command
hands out the words of the next steps, averages the weights, and alone measures epochs and saves
checkpoints. `foretell.cluster.averaging` has the workers on Ray.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.networks import set_weights, weights_of
from foretell.networks.lstm_layer import Precision
from foretell.networks.words import LstmNetwork, States
from foretell.training.words.loop import Loop
from foretell.training.words.step import Batch, Steps, Trained, ending_after


class Trainer:
    """The network of one worker, which trains for some steps at a time."""

    def __init__(self, settings: WordsSettings, size: int, precision: Precision) -> None:
        self._network = LstmNetwork(settings, size, precision)
        self._steps = Steps(self._network, settings)
        self._carried: States = ()

    def train(self, weights: Weights, batches: Sequence[Batch]) -> Trained:
        set_weights(self._network, weights)
        self._carried = self._carried or self._network.first_states(len(batches[0].ids))
        means = []
        for batch in batches:
            loss, accuracy, self._carried = self._steps.train(
                *self._steps.inputs(batch, self._carried)
            )
            means.append((loss, accuracy))
        return Trained(weights_of(self._network), np.array(means, np.float64))


class AveragedLoop(Loop):
    """The training loop of the command: a round of some steps of all workers where `Loop` does one
    step.
    """

    def _compile(self) -> None:
        assert self.team is not None
        self.team.open(
            self.settings, self.network.size, self.network.precision, self.run.interrupt.check
        )

    def _step(self) -> None:
        assert self.team is not None
        state = self.state
        steps = range(state.step, state.step + self._steps_of_round(self.team.average_every))
        batches = [[self._batch(step, worker) for step in steps] for worker in range(self.workers)]
        trained = self.team.train(weights_of(self.network), batches, self.run.interrupt.check)
        weights = [each.weights for each in trained]
        mean = {name: np.mean([each[name] for each in weights], axis=0) for name in weights[0]}
        set_weights(self.network, mean)
        for loss, accuracy in np.mean([each.means for each in trained], axis=0).tolist():
            state.add(loss, accuracy)
        self.time.step_done(len(steps))

    def _steps_of_round(self, most: int) -> int:
        """Return the steps until the next average: not beyond an epoch, or the last part of the
        training.
        """
        step = self.state.step
        total = self.steps_in_all()
        ends = [self.epoch_steps - step % self.epoch_steps, total - step]
        if not self.state.ending:
            ends.append(ending_after(total, self.settings) - step)
        return max(1, min(most, *ends))
