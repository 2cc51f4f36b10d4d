"""The training loop of the `lstm` language model: windows with carried state, held-out loss, best weights.

Everything random depends on the seed and the step alone, never on how the step was reached, so a checkpoint
need only hold numbers that the steps have made: weights, the optimiser's moments, the carried state, sums.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.metrics import perplexity_of
from foretell.networks import set_weights, weights_of
from foretell.networks.words import LstmNetwork
from foretell.training.budget import SECONDS_TO_WRITE, Budget
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Listener, Progress, Said
from foretell.training.interrupt import Interrupt, diverged, interrupted
from foretell.training.precision import precision_for
from foretell.training.run import Run
from foretell.training.schedule import learning_rate
from foretell.training.words.data import TokenFile, plan_for
from foretell.training.words.step import Steps, seed_of, softmax_words

Floats = np.ndarray[Any, Any]

_LOG_LINES = 200
_SHOW_SECONDS = 0.25
_MOST_TRAINING_TOKENS_SCORED = 100_000

_TOKENS_TRIED = 20_000


@dataclass
class Meter:
    """A running mean of loss and accuracy."""

    loss: float = 0.0
    accuracy: float = 0.0
    steps: int = 0

    def add(self, loss: float, accuracy: float) -> None:
        """Take one more step into the mean."""
        self.loss += loss
        self.accuracy += accuracy
        self.steps += 1

    def means(self) -> dict[str, float]:
        """Return the mean loss and accuracy so far."""
        count = max(1, self.steps)
        return {"loss": self.loss / count, "accuracy": self.accuracy / count}


@dataclass
class Position:
    """Where training stands: what a checkpoint holds beside the arrays."""

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    epochs_without_best: int = 0
    stopped: bool = False
    train_loss: float = math.nan
    train_accuracy: float = math.nan


@dataclass(frozen=True)
class Trained:
    """What training leaves.

    Attributes:
        weights: the best ones, where a part was held out, else the last.
        metrics: the figures.
        held_out_logs: what they give the held-out text, see `Loop.predictions`; None: nothing was held out.
    """

    weights: Weights
    metrics: dict[str, Any]
    held_out_logs: Floats | None


def train_lstm(
    run: Run,
    tokens: TokenFile,
    held_out: TokenFile | None,
    size: int,
    settings: WordsSettings,
    listener: Listener,
    stop_after_steps: int | None = None,
    budget: Budget | None = None,
) -> Trained:
    """Train, from the run's latest checkpoint where it has one, and return the weights and the figures.

    Args:
        run: the training.
        tokens: the text to learn from.
        held_out: the text to watch training by, more than a window of it; None: the last step is kept.
        size: how many ids there are.
        settings: every setting.
        listener: is told what happens.
        stop_after_steps: stop as at Ctrl-C once so many steps are done.
        budget: the time that training may take; None: as much as it takes.

    Raises:
        DataError: fewer tokens than one window.
        Interrupted: after a checkpoint.
    """
    loop = Loop(run, tokens, held_out, size, settings, listener, budget)
    loop.budget.keep(loop.seconds_to_end())
    with Interrupt(stop_after_steps) as interrupt:
        loop.train(interrupt)
    return loop.measure()


class Loop:
    """One training in memory. See `train_lstm`."""

    def __init__(
        self,
        run: Run,
        tokens: TokenFile,
        held_out: TokenFile | None,
        size: int,
        settings: WordsSettings,
        listener: Listener,
        budget: Budget | None = None,
    ) -> None:
        self.budget = Budget(0) if budget is None else budget
        self.run, self.settings, self.listener = run, settings, listener
        self.tokens, self.held_out = tokens, held_out
        self.plan = plan_for(len(self.tokens), settings)
        # A small corpus is passed over several times in each epoch: else there are too few steps to learn.
        passes = max(1, math.ceil(settings.min_steps / (self.plan.windows * settings.epochs)))
        self.epoch_steps = passes * self.plan.windows
        self.total = self.epoch_steps * settings.epochs
        saved = run.checkpoints.latest()
        # A run goes on as it began, be the probe of another opinion now.
        wanted = settings.precision if saved is None else saved.state["precision"]
        rows = self.plan.streams * settings.window
        precision = precision_for(wanted, rows, settings.embedding_size, softmax_words(settings, size))
        self.network = LstmNetwork(settings, size, precision)
        self.steps = Steps(self.network, settings)
        self.states = self.network.first_states(self.plan.streams)
        self.best_weights: dict[str, np.ndarray[Any, Any]] = {}
        self.at, self.epoch, self.logged = Position(), Meter(), Meter()
        self._say(passes)
        if saved is not None:
            self._restore(saved)
        self._began = time.monotonic() - self.at.seconds
        self._shown, self._shown_step = time.monotonic(), self.at.step

    def steps_in_all(self) -> int:
        """Return how many steps there will be: those planned, or those that fit in the budget."""
        return self.budget.steps(self.at.step, self.total)

    def _say(self, passes: int) -> None:
        if self.held_out is None and self.settings.valid_fraction > 0:
            text = "too little text to hold a part out: training stops after its last step, not at its best"
            self.listener(Said(text=text))
        if self.plan.streams < self.settings.streams or passes > 1:
            text = f"a small corpus: {self.plan.streams} streams instead of {self.settings.streams}"
            self.listener(Said(text=f"{text}, {passes} passes over it in each epoch"))
        if self.steps.sampled:
            text = (
                f"the softmax is sampled: {self.settings.negatives:,} of {self.network.size:,} words a step"
            )
            self.listener(Said(text=f"{text}; held-out figures are exact"))
        if self.network.precision == "mixed_bfloat16":
            text = "training multiplies in bfloat16; held-out figures are in float32"
            self.listener(Said(text=text))

    def train(self, interrupt: Interrupt) -> None:
        """Go on to the last step, or to where the held-out loss has not improved for `patience` epochs."""
        log_every = max(1, self.total // _LOG_LINES)
        while self.at.step < self.steps_in_all() and not self.at.stopped:
            self._step()
            if not math.isfinite(self.epoch.loss):
                self._diverged()
                break
            if self.at.step % log_every == 0:
                self._log(**self.logged.means())
                self.logged = Meter()
            self._show()
            in_all = self.steps_in_all()
            ended = self.at.step % self.epoch_steps == 0 or self.at.step >= in_all
            if ended:
                self.budget.pause()
                self._end_epoch()
            if self.at.step < in_all and not self.at.stopped and interrupt.at(self.at.step):
                self._save()
                raise interrupted(self.at.step, self.run.out)
            if ended or self.run.checkpoints.due():
                self._save()

    def _diverged(self) -> None:
        """Stop where the loss is no number any more: go on with the best weights, if there are any."""
        rate = self.settings.learning_rate
        if not self.best_weights:
            raise diverged(self.at.step, rate, self.run.out)
        text = f"the loss was not finite after step {self.at.step:,}: the best epoch before that is kept"
        self.listener(Said(text=f"{text}; a lower --learning-rate than {rate:g} would have gone on"))

    def _step(self) -> None:
        step = self.at.step
        pass_number, window = divmod(step, self.plan.windows)
        if window == 0:
            self.states = self.network.first_states(self.plan.streams)
        # Each pass enters the corpus elsewhere, so that windows and empty states fall on other words.
        entry = int(np.random.default_rng([self.settings.seed, pass_number]).integers(self.plan.tokens))
        ids, targets = self.plan.batch(self.tokens, window, entry)
        rate = tf.constant(learning_rate(step, self.steps_in_all(), self.settings.learning_rate), tf.float32)
        seed = seed_of(self.settings, step)
        loss, accuracy, self.states = self.steps.train(ids, targets, self.states, seed, rate)
        if step == 0 and self.run.has_tensorboard:
            self.run.log_graph(
                self.steps.train.get_concrete_function(ids, targets, self.states, seed, rate).graph
            )
        for meter in (self.epoch, self.logged):
            meter.add(float(loss), float(accuracy))
        self.at.step += 1
        self.budget.step_done()

    def _end_epoch(self) -> None:
        means = self.epoch.means()
        self.at.train_loss, self.at.train_accuracy = means["loss"], means["accuracy"]
        valid: dict[str, float] = {}
        is_best = False
        if self.held_out is not None:
            loss, accuracy = self.evaluate(self.held_out)
            valid = {"valid_loss": loss, "valid_accuracy": accuracy}
            is_best = self._compare(loss)
        epoch = math.ceil(self.at.step / self.epoch_steps)
        self._log(**means, **valid)
        self.listener(
            EpochDone(
                epoch=epoch,
                epochs=self.settings.epochs,
                step=self.at.step,
                **means,
                **valid,
                is_best=is_best,
            )
        )
        self.epoch = Meter()

    def _compare(self, loss: float) -> bool:
        # Nothing is less than NaN: an epoch of such a loss is never the best, be it the first.
        if loss < (math.inf if self.at.best is None else self.at.best):
            self.at.best, self.at.epochs_without_best = loss, 0
            self.best_weights = weights_of(self.network)
            return True
        self.at.epochs_without_best += 1
        self.at.stopped = self.at.epochs_without_best == self.settings.patience
        return False

    def seconds_to_end(self) -> float:
        """Return about how long measuring the last epoch and writing the model will take."""
        if self.budget.deadline is None or self.held_out is None:
            return SECONDS_TO_WRITE
        few = self.held_out.part(0, min(len(self.held_out), _TOKENS_TRIED))
        self.evaluate(few)  # compiles
        began = time.monotonic()
        self.evaluate(few)
        took = (time.monotonic() - began) * len(self.held_out) / len(few)
        # Measured once for the epoch, and once for the figures.
        return SECONDS_TO_WRITE + 2 * took

    def evaluate(self, tokens: TokenFile) -> tuple[float, float]:
        """Return exact loss (nats a token) and accuracy."""
        logs, right = self.predictions(tokens)
        return -float(logs.mean()), float(right.mean())

    def predictions(self, tokens: TokenFile) -> tuple[Floats, Floats]:
        """Predict every token but the first.

        Returns:
            their log-probabilities, and 1 for those that were the likeliest; float32 [token - 1] both.
        """
        plan = dataclasses.replace(plan_for(len(tokens), self.settings), tokens=len(tokens) - 1)
        states = self.network.first_states(plan.streams)
        windows = []
        for window in range(plan.windows):
            *found, states = self.steps.evaluate(*plan.batch(tokens, window), states)
            windows.append([each.numpy() for each in found])
        losses, right = (np.concatenate(each, axis=1) for each in zip(*windows, strict=True))
        return -plan.in_order(losses), plan.in_order(right)

    def measure(self) -> Trained:
        """Take the best weights and return them with the figures of the model."""
        if self.best_weights:
            set_weights(self.network, self.best_weights)
        scored = self.held_out
        if scored is None:
            scored = self.tokens.part(0, min(len(self.tokens), _MOST_TRAINING_TOKENS_SCORED))
        logs, right = self.predictions(scored)
        perplexity = perplexity_of(logs)
        seconds = time.monotonic() - self._began
        words = round(self.at.step * self.plan.tokens / self.plan.windows)
        metrics = {
            "accuracy": float(right.mean()),
            "perplexity": perplexity,
            "valid_perplexity": None if self.held_out is None else perplexity,
            "measured_on": "training text" if self.held_out is None else "held-out text",
            "measured_words": len(logs),
            "train_loss": self.at.train_loss,
            "train_accuracy": self.at.train_accuracy,
            "steps": self.at.step,
            "words": self.plan.tokens,
            "vocabulary": self.network.size,
            "precision": self.network.precision,
            "seconds": seconds,
            "words_per_second": words / seconds,
        }
        return Trained(weights_of(self.network), metrics, None if self.held_out is None else logs)

    def _log(self, **values: float) -> None:
        epoch = (self.at.step - 1) // self.epoch_steps + 1
        self.run.log(step=self.at.step, epoch=epoch, speed=self._speed(), **values)

    def _speed(self) -> float:
        words = self.at.step * self.plan.tokens / self.plan.windows
        return words / max(1e-9, time.monotonic() - self._began)

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown < _SHOW_SECONDS:
            return
        a_step = (now - self._shown) / (self.at.step - self._shown_step)
        self._shown, self._shown_step = now, self.at.step
        means = (self.logged if self.logged.steps else self.epoch).means()
        self.listener(
            Progress(
                step=self.at.step,
                steps=self.steps_in_all(),
                epoch=(self.at.step - 1) // self.epoch_steps + 1,
                epochs=self.settings.epochs,
                speed=self.plan.tokens / self.plan.windows / a_step,
                unit="words",
                seconds_left=(self.steps_in_all() - self.at.step) * a_step,
                best=self.at.best,
                **means,
            )
        )

    def _save(self) -> None:
        self.at.seconds = time.monotonic() - self._began
        arrays = {f"weights/{name}": value for name, value in weights_of(self.network).items()}
        arrays |= {f"best/{name}": value for name, value in self.best_weights.items()}
        arrays |= {
            f"optimizer/{k}": np.array(v.numpy()) for k, v in enumerate(self.steps.optimizer.variables)
        }
        arrays |= {f"states/{k}": np.array(v.numpy()) for k, v in enumerate(self.states)}
        parts = {part: dataclasses.asdict(getattr(self, part)) for part in ("at", "epoch", "logged")}
        state = {**parts, "precision": self.network.precision}
        path = self.run.checkpoints.save(self.at.step, arrays, state)
        self.listener(Checkpointed(path=path, step=self.at.step))

    def _restore(self, saved: Checkpoint) -> None:
        def under(prefix: str) -> dict[str, np.ndarray[Any, Any]]:
            start = f"{prefix}/"
            return {name.removeprefix(start): v for name, v in saved.arrays.items() if name.startswith(start)}

        set_weights(self.network, under("weights"))
        self.best_weights = under("best")
        for name, value in under("optimizer").items():
            self.steps.optimizer.variables[int(name)].assign(value)
        self.states = [tf.constant(value) for _, value in sorted(under("states").items(), key=_number)]
        self.at = Position(**saved.state["at"])
        self.epoch, self.logged = Meter(**saved.state["epoch"]), Meter(**saved.state["logged"])
        self.run.rewind(saved.step)
        self.listener(Said(text=f"resumed after step {saved.step:,} of {self.total:,}"))


def _number(item: tuple[str, Any]) -> int:
    return int(item[0])
