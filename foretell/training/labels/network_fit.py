"""The training of a network step by step: followed, interrupted, and resumed to the last bit.

Keras keeps everything that decides the next step in variables: weights, the seed generators of
dropout, the optimiser's slots, the sums of the metrics. A checkpoint holds these, the place in the
epoch and the best weights so far; the order of the texts follows from seed and epoch.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foretell.arrays import Array
from foretell.config import LabelsSettings
from foretell.metrics import log_loss, mean_accuracy
from foretell.metrics.multi_label import DEFAULT_THRESHOLD, label_accuracy, mean_log_loss, micro_f1
from foretell.training.budget import SECONDS_TO_WRITE, learning_rate
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Note, Progress
from foretell.training.interrupt import diverged, interrupted
from foretell.training.labels.compiled import CompactNetwork, Means, epoch_order
from foretell.training.labels.stages import Stages
from foretell.training.labels.tokens import LabelledTokens

if TYPE_CHECKING:
    import keras

EMBEDDINGS = "embeddings"
"""Where a checkpoint has the embeddings that training began with, of all words."""

# Seconds between two Progress events; and how many lines of metrics.jsonl a whole run leaves.
_PROGRESS_SECONDS = 0.2
_LOGGED_LINES = 200


@dataclass(frozen=True)
class Plan:
    """How long to train; after `patience` epochs without a better validation result it ends (0:
    never).
    """

    steps_per_epoch: int
    epochs: int
    patience: int

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch


def enough_labels(settings: LabelsSettings, n_texts: int) -> bool:
    """Return whether `n_texts` texts make `settings.min_steps` steps in `settings.epochs` epochs or
    fewer.
    """
    return math.ceil(n_texts / settings.batch_size) * settings.epochs >= settings.min_steps


def make_plan(settings: LabelsSettings, n_texts: int, given: frozenset[str] = frozenset()) -> Plan:
    """Return the plan for `n_texts` texts.

    There are at least `min_steps` steps, in whole epochs, and no epoch after the first ends after
    more than `max_steps` steps. Patience keeps its proportion to the number of epochs. Epochs among
    the settings that the user gave, `given`, are not changed by the default of a bound, and
    patience stays.
    """
    steps = math.ceil(n_texts / settings.batch_size)
    epochs = settings.epochs
    patience = settings.patience
    if "epochs" not in given or "min_steps" in given:
        epochs = max(epochs, math.ceil(settings.min_steps / steps))
    if settings.max_steps and ("epochs" not in given or "max_steps" in given):
        epochs = min(epochs, max(1, settings.max_steps // steps))
    if "patience" not in given:
        patience = math.ceil(patience * epochs / settings.epochs)
    return Plan(steps, epochs, patience)


@dataclass
class Standing:
    """The state of a training between two steps; every field is saved in checkpoints.

    Epochs, batches and steps are those done, batches in the current epoch. Loss and accuracy are of
    the last whole epoch. The best epoch, from 1, has the highest validation accuracy; of equal ones
    the lowest loss.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    accuracy: float = math.nan
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    best_loss: float | None = None
    best_accuracy: float = 0.0
    best_epoch: int = 0


@dataclass
class Fitting:
    """One classifier in training; `fit` brings it to its end or raises `Interrupted`.

    Without validation texts there is no early stopping and no best epoch.
    """

    network: CompactNetwork
    settings: LabelsSettings
    plan: Plan
    train: LabelledTokens
    valid: LabelledTokens | None
    stages: Stages
    keeps_best: bool
    standing: Standing = field(default_factory=Standing)
    _best: list[Array] = field(default_factory=list)
    _metric_sums: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.stages.run
        self._model = self.network.model
        self._began = time.perf_counter()
        self._seconds_before = 0.0
        self._step_before = 0
        self._shown, self._log_every = 0.0, max(1, self.plan.steps // _LOGGED_LINES)

    def fit(self) -> None:
        """Train on to the end, then leave the last or the best weights in the network."""
        here = self.standing
        self._began = time.perf_counter()
        self._seconds_before = here.seconds
        self._step_before = here.step
        while not self._is_over():
            means = self._train_epoch()
            here.loss = means["loss"]
            here.accuracy = means["accuracy"]
            if not math.isfinite(here.loss):
                self._diverged()
                break
            self._end_epoch()
        if self._best and self.keeps_best:
            for variable, value in zip(self._model.trainable_variables, self._best, strict=True):
                variable.assign(value)

    def _train_epoch(self) -> Means:
        """Do the steps of an epoch that are left, and return the means over the epoch."""
        here = self.standing
        size = self.settings.batch_size
        order = epoch_order(self.train.texts, self.settings, here.epoch)
        self._model.reset_metrics()
        # In a resumed epoch Keras's metrics go on from the sums that they had.
        for variable, value in zip(self._model.metrics_variables, self._metric_sums, strict=False):
            variable.assign(value)
        self._metric_sums = []
        means = Means()
        while here.batch < self.plan.steps_per_epoch:
            places = order[here.batch * size : (here.batch + 1) * size]
            rate = learning_rate(here.step, self._steps(), self.settings.learning_rate)
            means = self.network.step(self.train, places, rate)
            here.batch = here.batch + 1
            here.step = here.step + 1
            self.run.budget.step_done()
            self._report(means)
            # What follows the last step of an epoch belongs to it: `_end_epoch` saves and stops
            # after that.
            ends = here.step >= self._steps() or here.batch == self.plan.steps_per_epoch
            if ends or not math.isfinite(means["loss"]):
                break
            self._save_or_stop()
        return means

    def _save_or_stop(self) -> None:
        """Between two steps, write a checkpoint when it is time for one, and stop when that was
        asked for.
        """
        here = self.standing
        stop = self.run.interrupt.at(here.step)
        if stop or self.run.checkpoints.due():
            here.seconds = self._seconds()
            self._save()
        if stop and not self._is_over():
            raise interrupted(here.step, self.run.out)

    def _diverged(self) -> None:
        """Raise where there are no best weights to go on with."""
        here = self.standing
        rate = self.settings.learning_rate
        if not self._best or not self.keeps_best:
            raise diverged(here.step, rate, self.run.out)
        text = f"the loss was not finite after step {here.step:,}: restored the weights of epoch"
        fix = (
            f"{here.best_epoch} (best validation result); set a lower --learning-rate than {rate:g}"
        )
        self.run.options.listener(Note(text=f"{text} {fix}"))

    def _steps(self) -> int:
        """Return how many steps there will be in all: those of the plan, or those that fit in the
        budget.
        """
        budget = self.run.budget
        n_valid = 0 if self.valid is None else len(self.valid.targets)
        # After the last step the validation texts are read twice, each time in less than half of
        # what steps with as many texts take.
        budget.keep(SECONDS_TO_WRITE + budget.pace * math.ceil(n_valid / self.settings.batch_size))
        return budget.steps(self.standing.step, self.plan.steps)

    def _is_over(self) -> bool:
        here = self.standing
        if here.step and here.step >= self._steps():
            return True
        waited = here.epoch - here.best_epoch if here.best_loss is not None else 0
        return here.epoch >= self.plan.epochs or 0 < self.plan.patience <= waited

    def _end_epoch(self) -> None:
        self.run.budget.pause()
        here = self.standing
        here.epoch = here.epoch + 1
        here.batch = 0
        is_best = self._measure()
        here.seconds = self._seconds()
        names = ("epoch", "loss", "accuracy", "valid_loss", "valid_accuracy")
        measured = {name: getattr(here, name) for name in names}
        done = EpochDone(**measured, epochs=self.plan.epochs, step=here.step, is_best=is_best)
        self.run.options.listener(done)
        self.run.log(step=here.step, **measured, speed=self._speed())
        self._save_or_stop()

    def _measure(self) -> bool:
        """Measure on the validation texts; keep the weights and return True if they are the best so
        far.
        """
        here = self.standing
        if self.valid is None:
            return False
        targets = self.valid.targets
        probabilities = self.network.predict(self.valid.texts)
        if self.settings.multi_label:
            decided = probabilities >= DEFAULT_THRESHOLD
            valid_loss = mean_log_loss(targets, probabilities, 1e-7)
            here.valid_accuracy = label_accuracy(targets, decided)
            # Most labels apply to few texts, so that accuracy hardly changes.
            chosen_by = micro_f1(targets, decided)
        else:
            valid_loss = log_loss(targets, probabilities, 1e-7)
            here.valid_accuracy = chosen_by = mean_accuracy(targets, probabilities)
        here.valid_loss = valid_loss
        # By accuracy first: few texts are soon learned by heart, certainty grows, and the lowest
        # loss belongs to an epoch that knew nothing yet.
        best = (-1.0, 0.0) if here.best_loss is None else (here.best_accuracy, -here.best_loss)
        # A loss of NaN is never the best, whatever accuracy its guesses had.
        if math.isnan(valid_loss) or (chosen_by, -valid_loss) <= best:
            return False
        here.best_loss = valid_loss
        here.best_accuracy = chosen_by
        here.best_epoch = here.epoch
        self._best = [variable.numpy() for variable in self._model.trainable_variables]
        return True

    def _variables(self) -> dict[str, list[keras.Variable]]:
        return {"model": self._model.variables, "optimizer": self._model.optimizer.variables}

    def _save(self) -> None:
        # Between two epochs the metrics hold nothing that the next one needs.
        metric = self._model.metrics_variables if self.standing.batch else []
        parts = {**self._variables(), "metric": metric}
        values = {name: [each.numpy() for each in variables] for name, variables in parts.items()}
        arrays = {**self.stages.arrays, EMBEDDINGS: self.network.embeddings}
        for name, each in {**values, "best": self._best}.items():
            arrays |= {f"{name}/{place:03d}": value for place, value in enumerate(each)}
        path = self.run.checkpoints.save(
            self.standing.step, arrays, dataclasses.asdict(self.standing)
        )
        self.run.options.listener(Checkpointed(path=path, step=self.standing.step))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where `checkpoint` was saved."""
        self.standing = Standing(**checkpoint.state)

        def saved(part: str) -> list[Array]:
            return [value for _, value in sorted(checkpoint.under(part).items())]

        for part, variables in self._variables().items():
            for variable, value in zip(variables, saved(part), strict=True):
                variable.assign(value)
        self._best = saved("best")
        self._metric_sums = saved("metric")

    def _seconds(self) -> float:
        """Return the seconds of the whole training, those before it was resumed included."""
        return self._seconds_before + time.perf_counter() - self._began

    def _speed(self) -> float:
        """Return texts per second since training began or was resumed."""
        texts = (self.standing.step - self._step_before) * self.settings.batch_size
        return texts / max(time.perf_counter() - self._began, 1e-9)

    def _report(self, means: Means) -> None:
        here = self.standing
        now = time.perf_counter()
        if here.step % self._log_every == 0:
            self.run.log(step=here.step, epoch=here.epoch + 1, **means, speed=self._speed())
        if now - self._shown < _PROGRESS_SECONDS:
            return
        self._shown, steps = now, self._steps()
        per_step = (now - self._began) / (here.step - self._step_before)
        progress = Progress(
            step=here.step,
            steps=steps,
            epoch=here.epoch + 1,
            epochs=self.plan.epochs,
            **means,
            speed=self._speed(),
            unit="texts",
            seconds_left=per_step * (steps - here.step),
            best=here.best_loss,
        )
        self.run.options.listener(progress)
