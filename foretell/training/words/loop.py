"""The training loop of the `lstm` language model: windows with carried state, validation, best
weights.

Everything random depends on the seed and the step alone, so a resumed run computes the same bits.
"""

from __future__ import annotations

import contextlib
import math
import time

import numpy as np

from foretell.arrays import Array
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.errors import Interrupted, RunError
from foretell.metrics import perplexity_of
from foretell.networks import set_weights, weights_of
from foretell.networks.words import LstmNetwork
from foretell.training.budget import AVERAGED_FLOOR, FLOOR, learning_rate
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Note, Progress
from foretell.training.interrupt import diverged, interrupted
from foretell.training.precision import precision_for
from foretell.training.run import Run
from foretell.training.words.data import TokenizedCorpus, plan_for
from foretell.training.words.initial import continued_weights, initialise
from foretell.training.words.state import Meter, State, TrainedNetwork, WeightAverage
from foretell.training.words.step import (
    Batch,
    Predictions,
    Steps,
    Workers,
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

_INITIALISING_SHARE = 1 / 16
"""The part of the time left that counting co-occurrences may take."""

_SHOW_SECONDS = 0.25
"""Seconds between two `Progress` events."""


class Loop:
    """One training in memory, which begins with the weights `start` of a language model, or with
    new ones.

    Attributes:
        corpus: the text; with a time limit, with less to measure.
        compared: the text that epochs are compared on; with a time limit, a part of the text that
            the final metrics are of.
        average: of the weights, which is measured and kept in their place; None: without
            `word_dropout`.
        workers: how many processes train, each on a share of the text: this one, or those of
            `team`.
    """

    def __init__(
        self,
        run: Run,
        corpus: TokenizedCorpus,
        settings: WordsSettings,
        start: Weights | None = None,
        team: Workers | None = None,
    ) -> None:
        self.run = run
        self.corpus = corpus
        self.settings = settings
        self.team = team
        self.workers = workers = 1 if team is None else team.count
        self.listener = run.options.listener
        # A token of an open vocabulary is not called a word.
        self.unit = "tokens" if corpus.tokenizer.is_open else "words"
        self.plan = plan_for(len(corpus.train) // workers, settings)
        self.epoch_steps = self.plan.passes(settings, run.options.given) * self.plan.windows
        self.words_a_step = workers * self.plan.tokens / self.plan.windows
        self.total = self.epoch_steps * settings.epochs
        saved = run.resumed()
        size = corpus.tokenizer.size
        # A resumed run keeps its precision, whatever the measurement gives on this machine now.
        precision = None if saved is None else saved.state["precision"]
        rows = self.plan.streams * settings.window
        precision = precision or precision_for(rows, settings.embedding_size, softmax_words(size))
        self.network = LstmNetwork(settings, size, precision)
        self.steps = Steps(self.network, settings)
        self.state = State(self.network.first_states(self.plan.streams))
        self.time = LoopTime(run.budget, 4 * settings.window * self.plan.streams + 1)
        self.compared = corpus.measured
        self._of_best: Predictions | None = None
        self._note(*self._unusual())
        if saved is None and start is not None:
            set_weights(self.network, continued_weights(weights_of(self.network), start))
        elif saved is None:
            initialise(self.network, corpus.train, run.budget.share(_INITIALISING_SHARE))
        self.average = WeightAverage(self.network) if settings.word_dropout else None
        if saved is not None:
            self._restore(saved)
        self._began = time.monotonic() - self.state.seconds
        self._shown = time.monotonic()
        self._shown_step = self.state.step

    def _note(self, *texts: str) -> None:
        for text in texts:
            self.listener(Note(text=text))

    def _unusual(self) -> list[str]:
        settings = self.settings
        size = self.network.size
        notes = []
        if self.corpus.valid is None and settings.valid_fraction > 0:
            notes.append("too little text for validation: the weights of the last step are kept")
        notes += self.plan.notes(settings, self.epoch_steps // self.plan.windows)
        if (words := softmax_words(size)) < size:
            last = softmax_words(size, ending=True)
            text = (
                f"sampled softmax: {words:,} of {size:,} words in a step, {last:,} at the "
                f"end of the"
            )
            notes.append(f"{text} training; validation metrics use all words")
        if self.network.precision == "mixed_bfloat16":
            notes.append(
                "matrix products of training are computed in bfloat16, validation in float32"
            )
        return notes

    def steps_in_all(self) -> int:
        """Return the number of steps: those planned, or those that fit in the time limit."""
        return self.run.budget.steps(self.state.step, self.total)

    def prepare(self) -> None:
        """Compile the step and, with a time limit, decide how much text is measured and reserve the
        time.
        """
        if self._is_training():
            self._compile()
        if self.run.budget.deadline is None:
            return
        tokens = len(self.corpus.measured)
        time = self.time
        unit = self.unit
        time.probe(
            lambda count: self._predictions(self.corpus.measured.part(0, count)),
            tokens,
            sum(
                value.nbytes
                for value in (*self._arrays().values(), *weights_of(self.network).values())
            ),
        )
        # A resumed training measures what it measured before: epochs are compared.
        if not self.state.step:
            at_end = time.tokens_in_time(tokens)
            compared = time.tokens_of_epochs(at_end, self.settings.epochs)
            self._measure_to(at_end, compared)
            if at_end < tokens:
                text = (
                    f"the time limit is short: {at_end:,} {unit} are measured instead of {tokens:,}"
                )
                self._note(text)
            if compared < at_end:
                text = f"epochs are compared on {compared:,} {unit}, which saves time"
                self._note(f"{text}; the final metrics are of {at_end:,}")
        at_end = len(self.corpus.measured)
        compared = len(self.compared)
        # Where epochs are compared on all of it, the end is measured with the best one.
        time.keep(at_end + (compared if compared < at_end else 0))

    def _measure_to(self, at_end: int, compared: int) -> None:
        self.corpus = self.corpus.measured_to(at_end)
        self.compared = self.corpus.measured.part(0, compared)

    def _compile(self) -> None:
        inputs = self.steps.inputs(self._batch(self.state.step), self.state.carried)
        graph = self.steps.train.get_concrete_function(*inputs).graph
        if self.state.step == 0:
            self.run.log_graph(graph)

    def train(self) -> None:
        """Continue to the last step, or until validation has not improved for `patience` epochs.

        Between two steps or two windows of validation, at most a second of work each, an
        interruption saves a checkpoint and stops.

        Raises:
            RunError: the loss is not finite before the end of the first epoch.
            Interrupted: after a checkpoint.
        """
        try:
            if self.state.unmeasured:
                self._end_epoch()
                self._save()
            while self._is_training():
                self._advance()
        except Interrupted:
            self._save()
            raise interrupted(self.state.step, self.run.out) from None

    def _is_training(self) -> bool:
        return self.state.step < self.steps_in_all() and not self.state.stopped

    def _advance(self) -> None:
        """Do one step and what follows it: logging, the end of an epoch, a checkpoint."""
        state = self.state
        before = state.step
        if not state.ending and before >= ending_after(self.steps_in_all(), self.settings):
            state.ending = True
            # The first of these steps is compiled, which does not count for the pace.
            self.run.budget.pause()
        self._step()
        if not math.isfinite(state.epoch.loss):
            self._diverged()
            return
        if self.average is not None:
            self.average.after(before, state.step)
        if state.step // (line := max(1, self.total // _LOG_LINES)) > before // line:
            self._log(**state.means())
            state.logged = Meter()
        self._show()
        ended = state.step % self.epoch_steps == 0 or state.step >= self.steps_in_all()
        if ended:
            self.run.budget.pause()
            self._end_epoch()
        if self._is_training() and self.run.interrupt.at(state.step):
            raise interrupted(state.step, self.run.out)
        if ended or self.run.checkpoints.due():
            self._save()

    def _diverged(self) -> None:
        """Stop where the loss is not finite: with the best weights, if there are any."""
        step = self.state.step
        rate = self.settings.learning_rate
        if not self.state.best_weights:
            raise diverged(step, rate, self.run.out)
        text = (
            f"the loss was not finite after step {step:,}: restored the weights of the best epoch"
        )
        self._note(f"{text}; set a lower learning rate than {rate:g}")
        self.state.stopped = True

    def _step(self) -> None:
        state = self.state
        inputs = self.steps.inputs(self._batch(state.step), state.carried)
        loss, accuracy, state.carried = self.steps.train(*inputs)
        state.add(float(loss), float(accuracy))
        self.time.step_done()

    def _batch(self, step: int, worker: int = 0) -> Batch:
        settings = self.settings
        number = step * self.workers + worker
        pass_number, window = divmod(step, self.plan.windows)
        # Each pass enters the corpus at another token, so that windows and empty states differ.
        random = np.random.default_rng([settings.seed, pass_number * self.workers + worker])
        n = len(self.corpus.train)
        entry = int(random.integers(self.plan.tokens))
        share = self.corpus.train.part(n * worker // self.workers, n * (worker + 1) // self.workers)
        ids, targets = self.plan.batch(share, window, entry)
        floor = FLOOR if self.average is None else AVERAGED_FLOOR
        rate = learning_rate(step, self.steps_in_all(), settings.learning_rate, floor)
        words = softmax_words(self.network.size, ending=self.state.ending)
        return Batch(ids, targets, window == 0, seed_of(settings, number), rate, words)

    def _end_epoch(self) -> None:
        state = self.state
        means = self.state.epoch_means()
        valid: dict[str, float] = {}
        is_best = False
        if self.corpus.valid is not None:
            state.unmeasured = True
            with contextlib.nullcontext() if self.average is None else self.average.in_place():
                found = self.evaluate()
                state.unmeasured = False
                loss = -float(found.logs.mean())
                is_best = self._compare(loss)
            self._of_best = found if is_best else self._of_best
            valid = {"valid_loss": loss, "valid_accuracy": float(found.right.mean())}
        state.train_loss = means["loss"]
        state.train_accuracy = means["accuracy"]
        self._log(**means, **valid)
        epoch = self._epoch()
        epochs = self.settings.epochs
        self.listener(
            EpochDone(
                epoch=epoch, epochs=epochs, step=state.step, is_best=is_best, **means, **valid
            )
        )
        state.epoch = Meter()

    def evaluate(self) -> Predictions:
        """Return the predictions of the text that epochs are compared on."""
        began = self.run.budget.seconds()
        found = self._predictions(self.compared)
        self.time.evaluated(self.run.budget.seconds() - began, len(self.compared))
        return found

    def _predictions(self, text: TokenFile) -> Predictions:
        return predict(self.steps, text, self.run.interrupt.check)

    def _compare(self, loss: float) -> bool:
        """Keep the weights and return True where the validation loss is the lowest so far."""
        state = self.state
        # Nothing is less than NaN: an epoch with such a loss is never the best, not even the first.
        if loss < (math.inf if state.best is None else state.best):
            state.best = loss
            state.epochs_without_best = 0
            state.best_weights = weights_of(self.network)
            return True
        state.epochs_without_best += 1
        state.stopped = state.epochs_without_best == self.settings.patience
        return False

    def measure(self) -> TrainedNetwork:
        """Restore the best weights and return them with their metrics; a resumed run measures them
        again.
        """
        state = self.state
        valid = self.corpus.valid
        if state.best_weights:
            set_weights(self.network, state.best_weights)
        elif self.average is not None:
            self.average.put()
        predictions = self._of_best
        if predictions is None or len(self.compared) < len(self.corpus.measured):
            # Only a part was measured, or an earlier process did it.
            predictions = self._predictions(self.corpus.measured)
        self.time.ended()
        perplexity = perplexity_of(predictions.logs)
        metrics: dict[str, object] = {
            "network_accuracy": float(predictions.right.mean()),
            "perplexity": perplexity,
            "valid_perplexity": None if valid is None else perplexity,
            "measured_on": "training text" if valid is None else "validation text",
            f"measured_{self.unit}": len(predictions.logs),
            "train_loss": state.train_loss,
            "train_accuracy": state.train_accuracy,
            "steps": state.step,
            self.unit: self.workers * self.plan.tokens,
            "vocabulary": self.network.size,
            "precision": self.network.precision,
            "seconds": self.run.budget.seconds(),
            f"{self.unit}_per_second": self._speed(),
            **({} if self.team is None else {"workers": self.workers}),
        }
        weights = weights_of(self.network)
        if valid is None:
            return TrainedNetwork(weights, metrics)
        count = self.time.hidden_in_time(min(len(valid) - 1, MAX_TOKENS))
        part = valid.part(0, count + 1)
        hidden = hidden_values(self.steps, part, self.run.interrupt.check) if count else None
        return TrainedNetwork(weights, metrics, predictions.logs, hidden)

    def _epoch(self) -> int:
        return math.ceil(self.state.step / self.epoch_steps)

    def _speed(self) -> float:
        return self.state.step * self.words_a_step / max(1e-9, time.monotonic() - self._began)

    def _log(self, **values: float) -> None:
        self.run.log(step=self.state.step, epoch=self._epoch(), speed=self._speed(), **values)

    def _show(self) -> None:
        now = time.monotonic()
        state = self.state
        if now - self._shown < _SHOW_SECONDS:
            return
        a_step = (now - self._shown) / (state.step - self._shown_step)
        self._shown = now
        self._shown_step = state.step
        steps = self.steps_in_all()
        progress = Progress(
            step=state.step,
            steps=steps,
            epoch=self._epoch(),
            epochs=self.settings.epochs,
            speed=self.words_a_step / a_step,
            unit=self.unit,
            seconds_left=(steps - state.step) * a_step,
            best=state.best,
            **state.means(),
        )
        self.listener(progress)

    def _arrays(self) -> dict[str, Array]:
        slots = enumerate(self.steps.optimizer.variables)
        return {
            **self.state.arrays(),
            **{f"weights/{name}": value for name, value in weights_of(self.network).items()},
            **({} if self.average is None else self.average.arrays()),
            **{f"optimizer/{k}": np.array(variable.numpy()) for k, variable in slots},
        }

    def _save(self) -> None:
        self.state.seconds = time.monotonic() - self._began
        values = {
            "training": self.state.values(),
            "precision": self.network.precision,
            "measured": len(self.corpus.measured),
            "compared": len(self.compared),
            "workers": self.workers,
        }
        began = self.run.budget.seconds()
        path = self.run.checkpoints.save(self.state.step, self._arrays(), values)
        self.time.saved(self.run.budget.seconds() - began)
        self.listener(Checkpointed(path=path, step=self.state.step))

    def _restore(self, saved: Checkpoint) -> None:
        if saved.state["workers"] != self.workers:
            raise RunError(
                expected=f"as many workers as before ({saved.state['workers']})",
                found=str(self.workers),
                where=str(self.run.out),
                fix="resume with --workers and --cluster as it was begun",
            )
        set_weights(self.network, saved.under("weights"))
        for name, value in saved.under("optimizer").items():
            self.steps.optimizer.variables[int(name)].assign(value)
        if self.average is not None:
            self.average.restore(saved.under("average"))
        self.state = State.from_checkpoint(saved)
        self._measure_to(saved.state["measured"], saved.state["compared"])
        self._note(f"resumed after step {saved.step:,} of {self.total:,}")
