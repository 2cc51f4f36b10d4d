"""The training loop of the `lstm` language model: windows with carried state, validation, best weights.

Everything random depends on the seed and the step alone, so a resumed run computes the same bits.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import cast

import numpy as np
import numpy.typing as npt

from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.errors import Interrupted, RunError
from foretell.metrics import perplexity_of
from foretell.networks import set_weights, weights_of
from foretell.networks.words import LstmNetwork
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Note, Progress
from foretell.training.interrupt import diverged, interrupted
from foretell.training.precision import precision_for
from foretell.training.run import Run
from foretell.training.schedule import AVERAGED_FLOOR, FLOOR, learning_rate
from foretell.training.words.continued import continued_weights
from foretell.training.words.data import TokenizedCorpus, plan_for
from foretell.training.words.state import Meter, State, TrainedNetwork, WeightAverage
from foretell.training.words.step import (
    Batch,
    Predictions,
    Steps,
    ending_after,
    hidden_values,
    predict,
    seed_of,
    softmax_words,
)
from foretell.training.words.time_limit import LoopTime
from foretell.training.words.token_file import TokenFile
from foretell.training.words.validation_fit import MAX_TOKENS

_LOG_LINES = 200
"""Lines of metrics.jsonl that a whole run writes, apart from those of the epochs."""

_SHOW_SECONDS = 0.25
"""Seconds between two `Progress` events."""


def train_lstm(loop: Loop) -> TrainedNetwork:
    """Train, from the run's latest checkpoint where it has one.

    Between two steps or two windows of validation, at most a second of work each, an interruption saves a
    checkpoint and stops. The metrics at the end are measured again where they were interrupted.

    Raises:
        RunError: the loss is not finite before the end of the first epoch.
        Interrupted: after a checkpoint.
    """
    with loop.run.interrupt.deferred():
        loop.train()
        return loop.measure()


class Loop:
    """One training in memory, which begins with the weights `start` of a language model, or with new ones.

    Attributes:
        corpus: the text; with a time limit, with less to measure.
        compared: the text that epochs are compared on; with a time limit, a part of the text that the final
            metrics are of.
        average: of the weights, which is measured and kept in their place; None: `weight_averaging` is off.
        workers: processes that train, each on a share of the text.
    """

    def __init__(
        self,
        run: Run,
        corpus: TokenizedCorpus,
        settings: WordsSettings,
        start: Weights | None = None,
        *,
        workers: int = 1,
    ) -> None:
        self.run, self.corpus, self.settings, self.workers = run, corpus, settings, workers
        self.listener = run.options.listener
        # A token of an open vocabulary is not called a word.
        self.unit = "tokens" if corpus.tokenizer.is_open else "words"
        self.plan = plan_for(len(corpus.train) // workers, settings)
        self.epoch_steps = self.plan.passes(settings, run.options.given) * self.plan.windows
        self.words_a_step = workers * self.plan.tokens / self.plan.windows
        self.total = self.epoch_steps * settings.epochs
        saved = run.checkpoints.latest()
        size = corpus.tokenizer.size
        # A resumed run keeps its precision, whatever the measurement gives on this machine now.
        wanted = settings.precision if saved is None else saved.state["precision"]
        rows = self.plan.streams * settings.window
        precision = precision_for(wanted, rows, settings.embedding_size, softmax_words(settings, size))
        self.network = LstmNetwork(settings, size, precision)
        self.steps = Steps(self.network, settings)
        self.state = State(self.network.first_states(self.plan.streams))
        self.time = LoopTime(run.budget, 4 * settings.window * self.plan.streams + 1)
        self.compared = corpus.measured
        self._latest: Predictions | None = None
        self._of_best: Predictions | None = None
        self._note(*self._unusual())
        if saved is None and start is not None:
            set_weights(self.network, continued_weights(weights_of(self.network), start))
        self.average = WeightAverage(self.network) if settings.weight_averaging else None
        if saved is not None:
            self._restore(saved)
        self._began = time.monotonic() - self.state.at.seconds
        self._shown, self._shown_step = time.monotonic(), self.state.at.step

    def _note(self, *texts: str) -> None:
        for text in texts:
            self.listener(Note(text=text))

    def _unusual(self) -> list[str]:
        """Return what is unusual about this training."""
        settings, size, notes = self.settings, self.network.size, []
        if self.corpus.valid is None and settings.valid_fraction > 0:
            notes.append("too little text for validation: the weights of the last step are kept")
        notes += self.plan.notes(settings, self.epoch_steps // self.plan.windows)
        if (words := softmax_words(settings, size)) < size:
            last = softmax_words(settings, size, ending=True)
            text = f"sampled softmax: {words:,} of {size:,} words in a step, {last:,} at the end of the"
            notes.append(f"{text} training; validation metrics use all words")
        if self.network.precision == "mixed_bfloat16":
            notes.append("matrix products of training are computed in bfloat16, validation in float32")
        return notes

    def steps_in_all(self) -> int:
        """Return the number of steps: those planned, or those that fit in the time limit."""
        return self.run.budget.steps(self.state.at.step, self.total)

    def prepare(self) -> None:
        """Compile the step and, with a time limit, decide how much text is measured and reserve the time."""
        if self._is_training():
            self._compile()
        if self.run.budget.deadline is None:
            return
        self.time.probe(
            lambda count: self._predictions(self.corpus.measured.part(0, count)), len(self.corpus.measured),
            sum(value.nbytes for value in (*self._arrays().values(), *weights_of(self.network).values())),
        )  # fmt: skip
        # A resumed training measures what it measured before: epochs are compared.
        if not self.state.at.step:
            self.corpus, self.compared, notes = self.time.measured(
                self.corpus, self.settings.epochs, self.unit
            )
            self._note(*notes)
        at_end, compared = len(self.corpus.measured), len(self.compared)
        # Where epochs are compared on all of it, the end is measured with the best one.
        self.time.keep(at_end + (compared if compared < at_end else 0))

    def _compile(self) -> None:
        inputs = self.steps.inputs(self._batch(self.state.at.step), self.state.carried)
        graph = self.steps.train.get_concrete_function(*inputs).graph
        if self.state.at.step == 0:
            self.run.log_graph(graph)

    def train(self) -> None:
        """Continue to the last step, or until validation has not improved for `patience` epochs."""
        try:
            if self.state.at.unmeasured:
                self._end_epoch()
                self._save()
            while self._is_training():
                self._advance()
        except Interrupted:
            self._save()
            raise interrupted(self.state.at.step, self.run.out) from None

    def _is_training(self) -> bool:
        return self.state.at.step < self.steps_in_all() and not self.state.at.stopped

    def _advance(self) -> None:
        """Do one step and what follows it: logging, the end of an epoch, a checkpoint."""
        at = self.state.at
        if not at.ending and at.step >= ending_after(self.steps_in_all(), self.settings):
            self._begin_ending()
        before = at.step
        self._step()
        if not math.isfinite(self.state.epoch.loss):
            self._diverged()
            return
        if self.average is not None:
            self.average.after(before, at.step)
        if at.step // (line := max(1, self.total // _LOG_LINES)) > before // line:
            self._log(**self.state.means())
            self.state.logged = Meter()
        self._show()
        ended = at.step % self.epoch_steps == 0 or at.step >= self.steps_in_all()
        if ended:
            self.run.budget.pause()
            self._end_epoch()
        if self._is_training() and self.run.interrupt.at(at.step):
            raise interrupted(at.step, self.run.out)
        if ended or self.run.checkpoints.due():
            self._save()

    def _begin_ending(self) -> None:
        """Sample more words from now on, and measure the pace anew."""
        words = self._softmax_words()
        self.state.at.ending = True
        if self._softmax_words() > words:
            # The first of these steps is compiled, which does not count for the pace.
            self.run.budget.pause()
            self.time.pace_changes()

    def _softmax_words(self) -> int:
        return softmax_words(self.settings, self.network.size, ending=self.state.at.ending)

    def _diverged(self) -> None:
        """Stop where the loss is not finite: with the best weights, if there are any."""
        step, rate = self.state.at.step, self.settings.learning_rate
        if not self.state.best_weights:
            raise diverged(step, rate, self.run.out)
        text = f"the loss was not finite after step {step:,}: restored the weights of the best epoch"
        self._note(f"{text}; set a lower learning rate than {rate:g}")
        self.state.at.stopped = True

    def _step(self) -> None:
        state = self.state
        inputs = self.steps.inputs(self._batch(state.at.step), state.carried)
        loss, accuracy, state.carried = self.steps.train(*inputs)
        state.add(float(loss), float(accuracy))
        state.at.step += 1
        self.time.step_done()

    def _batch(self, step: int, worker: int = 0) -> Batch:
        """Return what one worker does in a step."""
        settings, number = self.settings, step * self.workers + worker
        pass_number, window = divmod(step, self.plan.windows)
        # Each pass enters the corpus at another token, so that windows and empty states differ.
        random = np.random.default_rng([settings.seed, pass_number * self.workers + worker])
        n, entry = len(self.corpus.train), int(random.integers(self.plan.tokens))
        share = self.corpus.train.part(n * worker // self.workers, n * (worker + 1) // self.workers)
        ids, targets = self.plan.batch(share, window, entry)
        floor = FLOOR if self.average is None else AVERAGED_FLOOR
        rate = learning_rate(step, self.steps_in_all(), settings.learning_rate, floor)
        return Batch(ids, targets, window == 0, seed_of(settings, number), rate, self._softmax_words())

    def _end_epoch(self) -> None:
        at, means = self.state.at, self.state.epoch_means()
        valid: dict[str, float] = {}
        is_best = False
        if self.corpus.valid is not None:
            at.unmeasured = True
            with contextlib.nullcontext() if self.average is None else self.average.in_place():
                loss, accuracy = self.evaluate()
                at.unmeasured = False
                is_best = self._compare(loss)
            valid = {"valid_loss": loss, "valid_accuracy": accuracy}
        at.train_loss, at.train_accuracy = means["loss"], means["accuracy"]
        self._log(**means, **valid)
        epoch, epochs = self._epoch(), self.settings.epochs
        self.listener(EpochDone(epoch=epoch, epochs=epochs, step=at.step, is_best=is_best, **means, **valid))
        self.state.epoch = Meter()

    def evaluate(self) -> tuple[float, float]:
        """Return loss (nats a token) and accuracy on the validation text."""
        began = self.run.budget.seconds()
        self._latest = self._predictions(self.compared)
        self.time.evaluated(self.run.budget.seconds() - began, len(self.compared))
        return self._latest.loss_and_accuracy()

    def _predictions(self, text: TokenFile) -> Predictions:
        return predict(self.steps, text, self.run.interrupt.check)

    def _compare(self, loss: float) -> bool:
        """Keep the weights and return True where the validation loss is the lowest so far."""
        at = self.state.at
        # Nothing is less than NaN: an epoch with such a loss is never the best, not even the first.
        if loss < (math.inf if at.best is None else at.best):
            at.best, at.epochs_without_best = loss, 0
            self.state.best_weights, self._of_best = weights_of(self.network), self._latest
            return True
        at.epochs_without_best += 1
        at.stopped = at.epochs_without_best == self.settings.patience
        return False

    def measure(self) -> TrainedNetwork:
        """Restore the best weights and return them with their metrics."""
        if self.state.best_weights:
            set_weights(self.network, self.state.best_weights)
        elif self.average is not None:
            self.average.put()
        has_valid, at = self.corpus.valid is not None, self.state.at
        predictions = self._of_best
        if predictions is None or len(self.compared) < len(self.corpus.measured):
            # Only a part was measured, or an earlier process did it.
            predictions = self._predictions(self.corpus.measured)
        self.time.ended()
        perplexity = perplexity_of(predictions.logs)
        metrics: dict[str, object] = {
            "network_accuracy": float(predictions.right.mean()),
            "perplexity": perplexity,
            "valid_perplexity": perplexity if has_valid else None,
            "measured_on": "validation text" if has_valid else "training text",
            f"measured_{self.unit}": len(predictions.logs),
            "train_loss": at.train_loss,
            "train_accuracy": at.train_accuracy,
            "steps": at.step,
            self.unit: self.workers * self.plan.tokens,
            "vocabulary": self.network.size,
            "precision": self.network.precision,
            "seconds": self.run.budget.seconds(),
            f"{self.unit}_per_second": at.step * self.words_a_step / (time.monotonic() - self._began),
        }
        weights = weights_of(self.network)
        if (valid := self.corpus.valid) is None:
            return TrainedNetwork(weights, metrics)
        count = self.time.hidden_in_time(min(len(valid) - 1, MAX_TOKENS))
        part = valid.part(0, count + 1)
        hidden = hidden_values(self.steps, part, self.run.interrupt.check) if count else None
        return TrainedNetwork(weights, metrics, predictions.logs, hidden)

    def _epoch(self) -> int:
        return math.ceil(self.state.at.step / self.epoch_steps)

    def _log(self, **values: float) -> None:
        step = self.state.at.step
        speed = step * self.words_a_step / max(1e-9, time.monotonic() - self._began)
        self.run.log(step=step, epoch=self._epoch(), speed=speed, **values)

    def _show(self) -> None:
        now, at = time.monotonic(), self.state.at
        if now - self._shown < _SHOW_SECONDS:
            return
        a_step = (now - self._shown) / (at.step - self._shown_step)
        self._shown, self._shown_step = now, at.step
        steps = self.steps_in_all()
        progress = Progress(
            step=at.step,
            steps=steps,
            epoch=self._epoch(),
            epochs=self.settings.epochs,
            speed=self.words_a_step / a_step,
            unit=self.unit,
            seconds_left=(steps - at.step) * a_step,
            best=at.best,
            **self.state.means(),
        )
        self.listener(progress)

    def _arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays of a checkpoint."""
        slots = enumerate(self.steps.optimizer.variables)
        return {
            **self.state.arrays(),
            **{f"weights/{name}": value for name, value in weights_of(self.network).items()},
            **({} if self.average is None else self.average.arrays()),
            **{f"optimizer/{k}": np.array(variable.numpy()) for k, variable in slots},
        }

    def _save(self) -> None:
        self.state.at.seconds = time.monotonic() - self._began
        values = {
            **self.state.values(),
            "precision": self.network.precision,
            "measured": len(self.corpus.measured),
            "compared": len(self.compared),
            "workers": self.workers,
        }
        began = self.run.budget.seconds()
        path = self.run.checkpoints.save(self.state.at.step, self._arrays(), values)
        self.time.saved(self.run.budget.seconds() - began)
        self.listener(Checkpointed(path=path, step=self.state.at.step))

    def _restore(self, saved: Checkpoint) -> None:
        if saved.state["workers"] != self.workers:
            raise RunError(
                expected=f"as many workers as before ({saved.state['workers']})", found=str(self.workers),
                where=str(self.run.out), fix="resume with --workers and --cluster as it was begun",
            )  # fmt: skip
        set_weights(self.network, cast(Weights, saved.under("weights")))
        for name, value in saved.under("optimizer").items():
            self.steps.optimizer.variables[int(name)].assign(value)
        if self.average is not None:
            self.average.restore(saved.under("average"))
        self.state = State.from_checkpoint(saved)
        self.corpus = self.corpus.measured_to(saved.state["measured"])
        self.compared = self.corpus.measured.part(0, saved.state["compared"])
        self.run.rewind(saved.step)
        self._note(f"resumed after step {saved.step:,} of {self.total:,}")
