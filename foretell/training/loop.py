"""One training loop for every network: steps, time, checkpoints, progress, interrupts, resuming.

The loop is the same for all; what is trained is given to it as a `Trainable`: a step with its
batches, an evaluation, and what a checkpoint holds of them::

    trainable = TrainableWords(run, corpus, settings)
    loop = TrainingLoop(run, trainable, trainable.schedule)
    if saved is not None:
        loop.restore(saved)
    loop.train()

`advance` does one step or several: a compiled call of the article's does up to 100. It is given the
number of all steps, which a time limit changes, for the learning rate. All that a step changes
besides the loop's own state is in `arrays` and `values`, so that a resumed training computes the
same bits.

A classifier's network has several epochs of `epoch_steps` steps; its `evaluate` returns the
validation loss with `chosen_by`, the accuracy, by which the best epoch is chosen. Where that must
not decide (few texts, the article's network), the schedule has `keeps_best=False`.

A network on folds is trained by an `UnsavedLoop`: the same steps without events, log, checkpoint
and time limit. Its `advance` may raise an exception of its own to give up, and reads the pace from
`loop.budget.pace`.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from foretell.arrays import Array
from foretell.artifacts.weights import Weights
from foretell.errors import Interrupted, RunError
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoint, named
from foretell.training.events import Checkpointed, EpochDone, Event, Note, Progress
from foretell.training.interrupt import interrupted
from foretell.training.run import Run

LOG_LINES = 200
"""Lines of metrics.jsonl that a whole run writes, apart from those of the epochs."""

PROGRESS_SECONDS = 0.25
"""Seconds between two `Progress` events."""

_BYTES_PER_SECOND = 50e6
"""Of a checkpoint, hashing and syncing included; measured once there is one."""

_BEST = "best"


class StepsAhead(NamedTuple):
    """Where a training stands.

    Attributes:
        done: steps done.
        total: all steps of the training, as far as known.
        limit: how many may be done before something follows them, at least 1.
    """

    done: int
    total: int
    limit: int


class StepMeans(NamedTuple):
    """Mean loss in nats and accuracy of one step; the accuracy is NaN where it was not measured."""

    loss: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured on validation data.

    The best epoch has the highest `chosen_by`; of equal ones, the lowest loss. A loss of NaN is
    never the best.
    """

    loss: float
    accuracy: float
    chosen_by: float = 0.0

    def is_better_than(self, other: Evaluation | None) -> bool:
        if math.isnan(self.loss):
            return False
        if other is None:
            return True
        return (self.chosen_by, -self.loss) > (other.chosen_by, -other.loss)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long to train, and how it is shown.

    Attributes:
        steps: all steps, unless a time limit ends them.
        epoch_steps: steps of an epoch.
        patience: epochs without a better evaluation after which training ends; 0: never.
        learning_rate: the peak; a training that diverges names it.
        unit: what the speed counts, such as "words".
        units_a_step: how many of them a step reads.
        keeps_best: whether the weights of the best epoch are restored at the end.
    """

    steps: int
    epoch_steps: int
    patience: int = 0
    learning_rate: float
    unit: str
    units_a_step: float
    keeps_best: bool = True

    @property
    def epochs(self) -> int:
        """Number of epochs; the last one may be shorter."""
        return math.ceil(self.steps / self.epoch_steps)


class Trainable(Protocol):
    """What a loop trains."""

    def advance(self, ahead: StepsAhead) -> Sequence[StepMeans]:
        """Do the next steps, from 1 to `ahead.limit` of them; return the means of each."""

    def evaluate(self) -> Evaluation | None:
        """Measure on validation data; None: there is none. May raise `Interrupted`."""

    def weights(self) -> Weights:
        """Return a copy of the weights that `evaluate` measures."""

    def set_weights(self, weights: Weights) -> None:
        """Set the weights to some that `weights` returned."""

    def seconds_after_steps(self) -> float:
        """Return the seconds to reserve for what follows the last step."""

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a checkpoint."""

    def values(self) -> dict[str, object]:
        """Return the plain values of a checkpoint."""

    def restore(self, saved: Checkpoint) -> None:
        """Take the arrays of a checkpoint, and the values in its `state["trainable"]`."""


@dataclass
class Meter:
    """A running mean of loss and accuracy: their sums, and how many steps have a loss, and an
    accuracy.
    """

    loss: float = 0.0
    accuracy: float = 0.0
    steps: int = 0
    judged: int = 0

    def add(self, step: StepMeans) -> None:
        """Include one more step."""
        self.loss += step.loss
        self.steps += 1
        if not math.isnan(step.accuracy):
            self.accuracy += step.accuracy
            self.judged += 1

    def means(self) -> dict[str, float]:
        """Return the mean loss and accuracy so far, each only where a step has one."""
        sums = {"loss": (self.loss, self.steps), "accuracy": (self.accuracy, self.judged)}
        return {name: value / count for name, (value, count) in sums.items() if count}


@dataclass
class LoopState:
    """What the loop itself changes; every field is saved in checkpoints.

    Attributes:
        step: training steps done.
        seconds: training time up to the last checkpoint, that of earlier processes included.
        loss, accuracy: means of the last epoch that has ended.
        best: the evaluation of the best epoch; None: none yet.
        best_epoch: that epoch, from 1; 0: none yet.
        epochs_without_best: epochs since then.
        has_stopped: whether the training has ended: by its last step or the time limit, by
            `patience`, or by a loss that is not finite.
        is_unmeasured: an epoch has ended and its evaluation was interrupted.
        epoch: means of this epoch.
        line: means since the last line of metrics.jsonl.
    """

    step: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    accuracy: float = math.nan
    best: Evaluation | None = None
    best_epoch: int = 0
    epochs_without_best: int = 0
    has_stopped: bool = False
    is_unmeasured: bool = False
    epoch: Meter = field(default_factory=Meter)
    line: Meter = field(default_factory=Meter)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> LoopState:
        """Rebuild a state from what `dataclasses.asdict` returned for it."""
        best = values["best"]
        rebuilt = {
            "best": None if best is None else Evaluation(**best),
            "epoch": Meter(**values["epoch"]),
            "line": Meter(**values["line"]),
        }
        return cls(**{**values, **rebuilt})

    def add(self, means: Sequence[StepMeans]) -> None:
        """Include some more steps."""
        self.step += len(means)
        for step in means:
            self.epoch.add(step)
            self.line.add(step)

    def epoch_means(self) -> dict[str, float]:
        """Return the loss and accuracy of this epoch: where it has none, those of the last one."""
        return {"loss": self.loss, "accuracy": self.accuracy, **self.epoch.means()}

    def means(self) -> dict[str, float]:
        """Return those since the last line of metrics.jsonl: where it has none, the epoch's."""
        return {**self.epoch_means(), **self.line.means()}


class TrainingLoop:
    """One training: it goes on to its last step, or saves a checkpoint and stops.

    Attributes:
        run: where it is saved, logged and followed.
        budget: the time limit.
        state: where it stands.
        best_weights: those of the best epoch; empty: none, or they are not kept.
    """

    def __init__(self, run: Run, trainable: Trainable, schedule: Schedule) -> None:
        self.run = run
        self.budget = run.budget
        self.trainable = trainable
        self.schedule = schedule
        self.state = LoopState()
        self.best_weights: Weights = {}
        self._save_seconds = 0.0
        self._start_clocks()

    def _start_clocks(self) -> None:
        now = time.monotonic()
        self._began = now - self.state.seconds
        self._shown = now
        self._shown_step = self.state.step

    def restore(self, saved: Checkpoint) -> None:
        """Go back to where `saved` was saved."""
        self.state = LoopState.from_values(saved.state["loop"])
        self.best_weights = saved.under(_BEST)
        self.trainable.restore(saved)
        self._start_clocks()
        self._emit(Note(f"resumed after step {saved.step:,} of {self.schedule.steps:,}"))

    def train(self) -> None:
        """Continue to the last step, or until `patience` epochs were no better; then restore the
        weights of the best epoch, if they are kept.

        An interruption is answered between two calls of `advance`, or by `evaluate`.

        Raises:
            RunError: the loss is not finite, and there are no weights to restore.
            Interrupted: after a checkpoint.
        """
        try:
            if self.state.is_unmeasured:
                self._end_epoch()
            while self.is_training():
                self._advance()
                self._save_or_stop()
        except Interrupted:
            self._save()
            raise interrupted(self.state.step, self.run.out) from None
        # What follows need not repeat more than a few seconds of it.
        if self.run.checkpoints.due(part=0.1):
            self._save()
        if self.best_weights:
            self.trainable.set_weights(self.best_weights)

    def reserve(self) -> None:
        """Reserve the time for what follows the last step, and for a checkpoint."""
        if self.budget.deadline is None:
            return
        if not self._save_seconds:
            size = sum(value.nbytes for value in self._arrays().values())
            self._save_seconds = size / _BYTES_PER_SECOND
        self.budget.keep(self.trainable.seconds_after_steps() + self._save_seconds)

    def is_training(self) -> bool:
        """Whether steps are left."""
        return self.state.step < self.steps() and not self.state.has_stopped

    def steps(self) -> int:
        """Return the number of all steps: those planned, or those that fit in the time limit."""
        return self.budget.steps(self.state.step, self.schedule.steps)

    def seconds(self) -> float:
        """Return the seconds of the training, those of earlier processes included."""
        return max(1e-9, time.monotonic() - self._began)

    def speed(self) -> float:
        """Return the units per second of the whole training."""
        return self.state.step * self.schedule.units_a_step / self.seconds()

    def _advance(self) -> None:
        """Do some steps and what follows them: a line, an event, an evaluation."""
        state = self.state
        before = state.step
        means = self.trainable.advance(self._ahead())
        state.add(means)
        self.budget.step_done(len(means))
        self.reserve()
        if not math.isfinite(state.epoch.loss):
            self._diverged()
            return
        line = max(1, self.schedule.steps // LOG_LINES)
        if state.step // line > before // line:
            self._log(**state.means())
            state.line = Meter()
        self._show()
        is_over = state.step >= self.steps()
        if is_over or state.step % self.schedule.epoch_steps == 0:
            # The end is the end, also where measuring takes less time than was reserved for it: the
            # learning rate has come to its end too.
            state.has_stopped = is_over
            self.budget.pause()
            self._end_epoch()
            self.reserve()

    def _save_or_stop(self) -> None:
        if not self.is_training():
            return
        if self.run.interrupt.at(self.state.step):
            raise interrupted(self.state.step, self.run.out)
        if self.run.checkpoints.due():
            self._save()

    def _ahead(self) -> StepsAhead:
        """Return the steps until something follows them: an epoch's end, the last one, a stop."""
        step = self.state.step
        total = self.steps()
        epoch_steps = self.schedule.epoch_steps
        ends = [step - step % epoch_steps + epoch_steps, total]
        stop = self.run.interrupt.stop_after_steps
        if stop is not None and stop > step:
            ends.append(stop)
        return StepsAhead(step, total, max(1, min(ends) - step))

    def _diverged(self) -> None:
        """Stop where the loss is not finite: with the best weights, if there are any."""
        state = self.state
        rate = self.schedule.learning_rate
        if not self.best_weights:
            raise RunError(
                "a finite loss",
                "NaN or infinity",
                where=f"step {state.step:,} of {self.run.out}",
                fix=f"restart with a lower learning rate than {rate:g}",
            )
        text = f"the loss was not finite after step {state.step:,}: restored the weights of epoch"
        fix = f"{state.best_epoch} (best validation result); set a lower learning rate"
        self._emit(Note(f"{text} {fix} (--learning-rate) than {rate:g}"))
        state.has_stopped = True

    def _end_epoch(self) -> None:
        state = self.state
        means = state.epoch_means()
        state.is_unmeasured = True
        evaluation = self.trainable.evaluate()
        state.is_unmeasured = False
        is_best = False
        measured: dict[str, float] = {}
        if evaluation is not None:
            is_best = self._compare(evaluation)
            measured = {"valid_loss": evaluation.loss, "valid_accuracy": evaluation.accuracy}
        state.loss = means["loss"]
        state.accuracy = means["accuracy"]
        self._log(**means, **measured)
        done = EpochDone(
            epoch=self.epoch(),
            epochs=self.schedule.epochs,
            step=state.step,
            is_best=is_best,
            **means,
            **measured,
        )
        self._emit(done)
        state.epoch = Meter()

    def _compare(self, evaluation: Evaluation) -> bool:
        """Keep the weights and return True where the evaluation is the best so far."""
        state = self.state
        if evaluation.is_better_than(state.best):
            state.best = evaluation
            state.best_epoch = self.epoch()
            state.epochs_without_best = 0
            if self.schedule.keeps_best:
                self.best_weights = self.trainable.weights()
            return True
        state.epochs_without_best += 1
        if state.epochs_without_best == self.schedule.patience:
            state.has_stopped = True
        return False

    def epoch(self) -> int:
        """Return the epoch that the last step belongs to, from 1."""
        return math.ceil(self.state.step / self.schedule.epoch_steps)

    def _show(self) -> None:
        now = time.monotonic()
        state = self.state
        steps = self.steps()
        if now - self._shown < PROGRESS_SECONDS and state.step < steps:
            return
        a_step = max(1e-9, now - self._shown) / (state.step - self._shown_step)
        self._shown = now
        self._shown_step = state.step
        progress = Progress(
            step=state.step,
            steps=steps,
            epoch=self.epoch(),
            epochs=self.schedule.epochs,
            speed=self.schedule.units_a_step / a_step,
            unit=self.schedule.unit,
            seconds_left=(steps - state.step) * a_step,
            best=None if state.best is None else state.best.loss,
            **state.means(),
        )
        self._emit(progress)

    def _emit(self, event: Event) -> None:
        self.run.options.listener(event)

    def _log(self, **values: float) -> None:
        self.run.log(step=self.state.step, epoch=self.epoch(), speed=self.speed(), **values)

    def _arrays(self) -> dict[str, Array]:
        return {**self.trainable.arrays(), **named(_BEST, self.best_weights)}

    def _save(self) -> None:
        began = self.budget.seconds()
        self.state.seconds = self.seconds()
        values = {"loop": dataclasses.asdict(self.state), "trainable": self.trainable.values()}
        path = self.run.checkpoints.save(self.state.step, self._arrays(), values)
        self.budget.pause()
        self._save_seconds = self.budget.seconds() - began
        self._emit(Checkpointed(path=path, step=self.state.step))


class UnsavedLoop(TrainingLoop):
    """A short training within a run that leaves nothing behind but its weights.

    It has no time limit, events, log or checkpoint. An interruption is raised as `Interrupted`, and
    a resumed run repeats it.
    """

    def __init__(self, run: Run, trainable: Trainable, schedule: Schedule) -> None:
        super().__init__(run, trainable, schedule)
        self.budget = Budget(0)

    def train(self) -> None:
        """Do all steps, then restore the weights of the best epoch, if they are kept."""
        while self.is_training():
            self.run.interrupt.check()
            self._advance()
        if self.best_weights:
            self.trainable.set_weights(self.best_weights)

    def _emit(self, event: Event) -> None:
        """Show nothing."""

    def _log(self, **values: float) -> None:
        """Log nothing."""
