"""Training on several workers, whose weights are averaged every few steps (local SGD, Stich 2019).

Each worker reads a share of the text with its own state, as the ordinary training does. The command
hands out the words of the next steps, averages the weights, and alone measures epochs and saves
checkpoints. `foretell.cluster.averaging` has the workers on Ray.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.networks import set_weights, weights_of
from foretell.networks.lstm_layer import Precision
from foretell.networks.words import LstmNetwork, States
from foretell.training.loop import StepMeans, StepsAhead
from foretell.training.run import Run
from foretell.training.words.data import TokenizedCorpus
from foretell.training.words.network import TrainableWords
from foretell.training.words.step import (
    Batch,
    Predictions,
    Steps,
    WorkerResult,
    Workers,
    ending_after,
)


class Trainer:
    """The network of one worker, which trains for some steps at a time."""

    def __init__(self, settings: WordsSettings, size: int, precision: Precision) -> None:
        self._network = LstmNetwork(settings, size, precision)
        self._steps = Steps(self._network, settings)
        self._carried: States = ()

    def train(self, weights: Weights, batches: Sequence[Batch]) -> WorkerResult:
        set_weights(self._network, weights)
        self._carried = self._carried or self._network.first_states(len(batches[0].ids))
        means = []
        for batch in batches:
            inputs = self._steps.inputs(batch, self._carried)
            loss, accuracy, self._carried = self._steps.train(*inputs)
            means.append((loss, accuracy))
        return WorkerResult(weights_of(self._network), np.array(means, np.float64))


class AveragedWords(TrainableWords):
    """The training of the command: a round of some steps of all workers where `TrainableWords` does
    one step.
    """

    def __init__(
        self,
        run: Run,
        corpus: TokenizedCorpus,
        settings: WordsSettings,
        before: Model | None,
        team: Workers,
    ) -> None:
        self._team = team
        super().__init__(run, corpus, settings, before, team.count)

    def _compile(self) -> None:
        precision = self.network.precision
        self._team.open(self.settings, self.network.size, precision, self.run.interrupt.check)

    def _step(self, ahead: StepsAhead) -> Sequence[StepMeans]:
        count = min(ahead.limit, self._team.average_every)
        if not self.is_ending:
            count = min(count, ending_after(ahead.total, self.settings) - ahead.done)
        steps = range(ahead.done, ahead.done + count)
        batches = [
            [self._batch(step, ahead.total, worker) for step in steps]
            for worker in range(self.workers)
        ]
        trained = self._team.train(weights_of(self.network), batches, self.run.interrupt.check)
        weights = [result.weights for result in trained]
        mean = {name: np.mean([worker[name] for worker in weights], axis=0) for name in weights[0]}
        set_weights(self.network, mean)
        means = np.mean([result.means for result in trained], axis=0)
        return [StepMeans(*step) for step in means.tolist()]

    def _metrics(self, predictions: Predictions) -> dict[str, object]:
        return {**super()._metrics(predictions), "workers": self.workers}
