"""The network `lstm` of a language model, as the training loop trains it: windows with carried
state, validation, the average of the weights.

Everything random depends on the seed and the step alone, so a resumed run computes the same bits.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from foretell.arrays import Array, Float32s
from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.metrics import perplexity_of
from foretell.networks import set_weights, weights_of
from foretell.networks.lstm_layer import Precision
from foretell.networks.words import LstmNetwork, States
from foretell.training.budget import AVERAGED_FLOOR, FLOOR, learning_rate
from foretell.training.checkpoints import Checkpoint, named, numbered, restore_numbered
from foretell.training.loop import Evaluation, Schedule, StepMeans, StepsAhead, TrainingLoop
from foretell.training.run import Run
from foretell.training.words.data import TokenizedCorpus, reading_order, unit_of
from foretell.training.words.distance import DISTANCES, MAX_COMPARED, best_distance, between
from foretell.training.words.initial import continued_weights, initialise
from foretell.training.words.kneser_ney_fit import KneserNeyFit
from foretell.training.words.precision import precision_for
from foretell.training.words.step import (
    NetworkResult,
    Predictions,
    Steps,
    ending_after,
    hidden_values,
    predict,
    seed_of,
    softmax_words,
)
from foretell.training.words.time_limit import (
    DISTANCES_SHARE,
    EPOCHS_SHARE,
    EVALUATION_SHARE,
    HIDDEN_SHARE,
    MIN_COMPARED,
    LoopTime,
)
from foretell.training.words.token_file import TokenFile
from foretell.training.words.validation_fit import MAX_TOKENS
from foretell.training.words.weight_average import WeightAverage

_INITIALISING_SHARE = 1 / 16
"""The part of the time left that counting co-occurrences may take."""


class TrainableWords:
    """The network of a language model in training, which begins with the weights of the model
    `before`, or with new ones.

    Attributes:
        corpus: the text; with a time limit, with less to measure.
        compared: the text that epochs are compared on; with a time limit, a part of the text that
            the final metrics are of.
        average: of the weights, which is measured and kept in their place; None: without
            `word_dropout`.
        carried: the LSTM state after the last window.
        start: the weights that a continued training started from; None: new ones.
        is_ending: whether the last part of the training has begun, which samples more words for the
            softmax. It does not follow from the step: a time limit changes the number of steps
            while they run.
    """

    def __init__(
        self,
        run: Run,
        corpus: TokenizedCorpus,
        settings: WordsSettings,
        before: Model | None,
    ) -> None:
        self.run = run
        self.corpus = corpus
        self.settings = settings
        self.unit = unit_of(corpus.tokenizer)
        self.start: Weights | None = None
        self._of_distances = MAX_COMPARED
        self.order = reading_order(len(corpus.train), settings)
        self.passes = self.order.passes(settings, run.options.given)
        saved = run.resumed()
        self.network = LstmNetwork(settings, corpus.tokenizer.size, self._precision(saved))
        self.steps = Steps(self.network, settings)
        self.carried: States = self.network.first_states(self.order.streams)
        self.is_ending = False
        self.time = LoopTime(run.budget, 4 * settings.window * self.order.streams + 1)
        self.compared = corpus.measured
        self._measured: Predictions | None = None
        self._of_best: Predictions | None = None
        self._note_unusual()
        if before is not None:
            self.start = continued_weights(weights_of(self.network), before.weights)
            set_weights(self.network, self.start)
        elif saved is None:
            initialise(self.network, corpus.train, run.budget.share(_INITIALISING_SHARE))
        self.average: WeightAverage | None = None
        if settings.word_dropout:
            self.average = WeightAverage(self.network)
        self.loop = TrainingLoop(run, self, self._schedule())
        if saved is not None:
            self.loop.restore(saved)

    def _precision(self, saved: Checkpoint | None) -> Precision:
        """Return the precision of matrix products; a resumed run keeps its own, whatever the
        measurement gives on this machine now.
        """
        if saved is not None:
            precision: Precision = saved.state["trainable"]["precision"]
            return precision
        settings = self.settings
        if settings.precision != "auto":
            return settings.precision
        columns = max(softmax_words(self.corpus.tokenizer.size), 4 * settings.units)
        return precision_for(self.order.streams * settings.window, settings.embedding_size, columns)

    def _schedule(self) -> Schedule:
        epoch_steps = self.passes * self.order.windows
        return Schedule(
            steps=epoch_steps * self.settings.epochs,
            epoch_steps=epoch_steps,
            patience=self.settings.patience,
            learning_rate=self.settings.learning_rate,
            unit=self.unit,
            units_a_step=self.order.tokens / self.order.windows,
        )

    def _note_unusual(self) -> None:
        size = self.network.size
        words = softmax_words(size)
        if self.corpus.valid is None and self.settings.valid_fraction > 0:
            self.run.note("too little text for validation: the weights of the last step are kept")
        for note in self.order.notes(self.settings, self.passes):
            self.run.note(note)
        if words < size:
            self.run.note(
                f"sampled softmax: {words:,} of {size:,} words in a step, "
                f"{softmax_words(size, ending=True):,} at the end of the training; validation "
                "metrics use all words"
            )
        if self.network.precision == "mixed_bfloat16":
            self.run.note(
                "matrix products of training are computed in bfloat16, validation in float32"
            )

    def prepare(self) -> None:
        """Compile the step and, with a time limit, decide how much text is measured and reserve the
        time.
        """
        if self.loop.is_training():
            self._compile()
        if self.run.budget.deadline is None:
            return
        tokens = len(self.corpus.measured)
        self.time.probe(
            lambda count: self._predictions(self.corpus.measured.part(0, count)), tokens
        )
        # A resumed training measures what it measured before: epochs are compared.
        if not self.loop.state.step:
            self._measure_what_fits(tokens)
        at_end = len(self.corpus.measured)
        # Where epochs are compared on all of it, the end is measured with the best one.
        if len(self.compared) < at_end:
            at_end += len(self.compared)
        if self.start is not None:
            predictions = 2 * len(DISTANCES)
            share = DISTANCES_SHARE / predictions
            low = self.time.min_tokens
            self._of_distances = self.time.tokens_in(share, MAX_COMPARED, low)
            at_end += predictions * self._of_distances
        self.time.at_end = at_end
        self.loop.reserve()

    def _measure_what_fits(self, tokens: int) -> None:
        unit = self.unit
        low = self.time.min_tokens
        at_end = self.time.tokens_in(EVALUATION_SHARE, tokens, low)
        share = EPOCHS_SHARE / self.settings.epochs
        compared = self.time.tokens_in(share, at_end, max(low, MIN_COMPARED))
        self._measure_to(at_end, compared)
        if at_end < tokens:
            self.run.note(
                f"the time limit is short: {at_end:,} {unit} are measured instead of {tokens:,}"
            )
        if compared < at_end:
            self.run.note(
                f"epochs are compared on {compared:,} {unit}, which saves time; the final metrics "
                f"are of {at_end:,}"
            )

    def _measure_to(self, at_end: int, compared: int) -> None:
        self.corpus = self.corpus.measured_to(at_end)
        self.compared = self.corpus.measured.part(0, compared)

    def _compile(self) -> None:
        inputs = self._inputs(self.loop.state.step, self.loop.steps())
        function = self.steps.train.get_concrete_function(*inputs)
        if self.loop.state.step == 0:
            self.run.log_graph(function.graph)

    def advance(self, ahead: StepsAhead) -> Sequence[StepMeans]:
        """Do one step."""
        if not self.is_ending and ahead.done >= ending_after(ahead.total, self.settings):
            self.is_ending = True
            # The first of these steps is compiled, which does not count for the pace.
            self.run.budget.pause()
        inputs = self._inputs(ahead.done, ahead.total)
        loss, accuracy, self.carried = self.steps.train(*inputs)
        if self.average is not None:
            self.average.after(ahead.done + 1)
        return [StepMeans(float(loss), float(accuracy))]

    def _inputs(self, step: int, steps: int) -> tuple[object, ...]:
        """Return what a step learns from; a pass begins with no state."""
        settings = self.settings
        pass_number, window = divmod(step, self.order.windows)
        # Each pass enters the corpus at another token, so that windows and empty states differ.
        random = np.random.default_rng([settings.seed, pass_number])
        entry = int(random.integers(self.order.tokens))
        ids, targets = self.order.batch(self.corpus.train, window, entry)
        states = self.carried
        if not window:
            states = self.network.first_states(self.order.streams)
        floor = AVERAGED_FLOOR if self.average else FLOOR
        rate = learning_rate(step, steps, settings.learning_rate, floor)
        words = softmax_words(self.network.size, ending=self.is_ending)
        seed = tf.constant(seed_of(settings, step))
        return ids, targets, states, seed, tf.constant(rate, tf.float32), words

    def evaluate(self) -> Evaluation | None:
        """Measure the text that epochs are compared on; None: there is no validation text."""
        if self.corpus.valid is None:
            return None
        began = self.run.budget.seconds()
        with self._averaged():
            self._measured = self._predictions(self.compared)
        self.time.evaluated(self.run.budget.seconds() - began, len(self.compared))
        return Evaluation(
            loss=-float(self._measured.logs.mean()), accuracy=float(self._measured.right.mean())
        )

    def _averaged(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    def _predictions(self, text: TokenFile) -> Predictions:
        return predict(self.steps, text, self.run.interrupt.check)

    def weights(self) -> Weights:
        """Return the weights that were measured; the loop asks for those of the best epoch."""
        self._of_best = self._measured
        with self._averaged():
            return weights_of(self.network)

    def set_weights(self, weights: Weights) -> None:
        """Set the weights of the network."""
        set_weights(self.network, weights)

    def seconds_after_steps(self) -> float:
        """Return the seconds to reserve for what follows the last step."""
        return self.time.seconds_after_steps()

    def go_back(self, before: Model, fits: Sequence[KneserNeyFit]) -> KneserNeyFit | None:
        """Set the weights to the best ones between those of the old model and the trained ones.

        Returns:
            the Kneser–Ney model of `fits` that was chosen with them; None: there is none.
        """
        self._put_average()
        assert self.start is not None
        trained = weights_of(self.network)
        at = functools.partial(between, self.start, trained)

        def measure(share: float, text: TokenFile) -> Float32s:
            set_weights(self.network, at(share))
            return self._predictions(text).logs

        chosen = best_distance(measure, self.corpus, before, fits, self._of_distances)
        set_weights(self.network, at(chosen.share))
        self._of_best = None
        text = f"continued: {chosen.share:.0%} of the way from the old weights to the trained ones"
        if self.corpus.old is not None:
            text += f", perplexity of old text {math.expm1(chosen.growth):+.1%}"
        self.run.note(text)
        return chosen.kneser_ney

    def _put_average(self) -> None:
        if self.average is not None and not self.loop.best_weights:
            self.average.put()
            self.average = None

    def measure(self) -> NetworkResult:
        """Return the best weights, or the last ones, with their metrics; a resumed run measures
        them again.
        """
        valid = self.corpus.valid
        self._put_average()
        predictions = self._of_best
        if predictions is None or len(self.compared) < len(self.corpus.measured):
            # Only a part was measured, or an earlier process did it.
            predictions = self._predictions(self.corpus.measured)
        self.time.ended()
        weights = weights_of(self.network)
        metrics = self._metrics(predictions)
        if valid is None:
            return NetworkResult(weights, metrics)
        hidden = None
        tokens = min(len(valid) - 1, MAX_TOKENS)
        count = self.time.tokens_in(HIDDEN_SHARE, tokens)
        if count >= min(tokens, self.time.min_tokens):
            part = valid.part(0, count + 1)
            hidden = hidden_values(self.steps, part, self.run.interrupt.check)
        return NetworkResult(weights, metrics, predictions.logs, hidden)

    def _metrics(self, predictions: Predictions) -> dict[str, object]:
        state = self.loop.state
        perplexity = perplexity_of(predictions.logs)
        of_valid: dict[str, object] = {
            "valid_perplexity": perplexity,
            "measured_on": "validation text",
        }
        if self.corpus.valid is None:
            of_valid = {"valid_perplexity": None, "measured_on": "training text"}
        return {
            "network_accuracy": float(predictions.right.mean()),
            "perplexity": perplexity,
            **of_valid,
            f"measured_{self.unit}": len(predictions.logs),
            "train_loss": state.loss,
            "train_accuracy": state.accuracy,
            "steps": state.step,
            self.unit: self.order.tokens,
            "vocabulary": self.network.size,
            "precision": self.network.precision,
            "seconds": self.run.budget.seconds(),
            f"{self.unit}_per_second": self.loop.speed(),
        }

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a checkpoint: weights, optimiser, carried state, average."""
        arrays = named("weights", weights_of(self.network))
        arrays |= numbered("optimizer", self.steps.optimizer.variables)
        arrays |= numbered("states", self.carried)
        if self.average is not None:
            arrays |= numbered("average", self.average.means)
        return arrays

    def values(self) -> dict[str, object]:
        """Return the plain values of a checkpoint."""
        return {
            "is_ending": self.is_ending,
            "precision": self.network.precision,
            "measured": len(self.corpus.measured),
            "compared": len(self.compared),
        }

    def restore(self, saved: Checkpoint) -> None:
        """Take the values of a checkpoint."""
        values = saved.state["trainable"]
        set_weights(self.network, saved.under("weights"))
        restore_numbered(saved, "optimizer", self.steps.optimizer.variables)
        states = saved.under("states")
        self.carried = [tf.constant(states[str(k)]) for k in range(len(states))]
        if self.average is not None:
            restore_numbered(saved, "average", self.average.means)
        self.is_ending = values["is_ending"]
        self._measure_to(values["measured"], values["compared"])
