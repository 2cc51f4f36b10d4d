"""The article's training: one window of raw integers an iteration, RMSProp, 50,000 iterations.

The batch size is 1, so an iteration multiplies vectors by matrices. It reads some 3.3 million
weights and writes them with their RMSProp slots; its time is that of this memory traffic. Three
things reduce it without changing the mathematics:

* XLA compiles a loop of iterations into one program, so the weights stay where they are.
* The tape gives the gradient with respect to the pre-activations only, a few thousand numbers. The
  gradient of a weight matrix is a sum of three outer products (one for each step), which XLA
  computes inside the update. `tape.gradient(loss, kernel)` would write three matrices to memory and
  add them.
* The outer products are computed by broadcasting: XLA cannot fuse a matrix product into its
  consumer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from foretell.arrays import Array, Float32s, Int32s, Integers
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.errors import DataError
from foretell.networks import set_weights, weights_of
from foretell.networks.words import ArticleNetwork
from foretell.training.checkpoints import Checkpoint, named, numbered, restore_numbered
from foretell.training.loop import Schedule, StepMeans, StepsAhead, TrainingLoop
from foretell.training.run import Run
from foretell.training.words.step import NetworkResult
from foretell.training.words.token_file import TokenFile

DECAY = 0.9
EPSILON = 1e-10
"""TensorFlow 1's defaults of RMSPropOptimizer; its momentum, 0, is left out."""

REPORT_EVERY = 1_000
"""Number of iterations of which the averages are reported."""

CHUNK = 100
"""Iterations in one call of the compiled function at most: a signal is answered after a call."""


class OffsetWalk:
    """The offset of each iteration's window: the article's walk, with a seeded generator.

    It starts at a random offset in [0, n_input + 1], both included, moves on by n_input + 1 words,
    and restarts at such a random offset when fewer than n_input + 1 of all `words` are left. The
    target of a window is the word after it.
    """

    def __init__(self, words: int, n_input: int, seed: int) -> None:
        self._words = words
        self._stride = n_input + 1
        self._rng = np.random.default_rng(seed)
        self._offset = self._random()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self._offset > self._words - self._stride:
            self._offset = self._random()
        offset = self._offset
        self._offset += self._stride
        return offset

    def _random(self) -> int:
        return int(self._rng.integers(0, self._stride, endpoint=True))


class ArticleSteps:
    """The compiled iterations of one network on a text as integers, and its RMSProp slots.

    Those are the running mean square of each weight, in the order of `network.trainable_variables`.
    TensorFlow 1 starts them at one, not at zero, which makes its first steps small.
    """

    def __init__(self, network: ArticleNetwork, words: Integers, settings: WordsSettings) -> None:
        self.network = network
        self.n_input = settings.window
        self.rate = settings.learning_rate
        self.windows = np.lib.stride_tricks.sliding_window_view(
            words.astype(np.int32), self.n_input + 1
        )
        self.slots = [tf.Variable(tf.ones_like(v)) for v in network.trainable_variables]
        # Always CHUNK windows, and the number of those to use: another shape would be compiled
        # again.
        signature = [
            tf.TensorSpec([CHUNK, self.n_input + 1], tf.int32),
            tf.TensorSpec([], tf.int32),
        ]
        self.compiled = tf.function(
            self._run, jit_compile=True, input_signature=signature, autograph=False
        )

    def run(self, offsets: Sequence[int]) -> Float32s:
        """Do one iteration at each of at most CHUNK offsets.

        Returns:
            loss in nats and correctness (1 or 0) of each before its update, float32 [2, iteration].
        """
        # The inputs are windows, not offsets: XLA would compile a slice again for each offset.
        windows = np.zeros([CHUNK, self.n_input + 1], np.int32)
        windows[: len(offsets)] = self.windows[offsets]
        losses, right = self.compiled(windows, np.int32(len(offsets)))
        return np.stack([losses.numpy(), right.numpy()])[:, : len(offsets)]

    def _run(self, windows: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Do the first `count` of the iterations on `windows`, int32 [CHUNK, n_input + 1].

        Returns:
            loss and correctness (1 or 0) of each iteration before its update, float [CHUNK], 0
            after `count`.
        """

        def iterate(k: Tensor, losses: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            loss, hit = self.iteration(tf.gather(windows, k))
            here = tf.one_hot(k, CHUNK)
            return k + 1, losses + here * loss, right + here * hit

        none = tf.zeros([CHUNK])
        _, losses, right = tf.while_loop(
            lambda k, *_: k < count, iterate, (tf.constant(0), none, none)
        )
        return losses, right

    def iteration(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Do one iteration on a window, int32 [n_input + 1].

        Returns:
            loss in nats and correctness (1 or 0), before the update.
        """
        n = self.n_input
        with tf.GradientTape() as tape:
            logits, trace = self.network.forward(window[:n])
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=window[n:], logits=logits)[
                0
            ]
        hit = tf.cast(tf.argmax(logits[0], output_type=tf.int32) == window[n], tf.float32)
        gradients = tape.gradient(loss, [pre for _, pre in trace])
        variables = iter(self.network.trainable_variables)
        slots = iter(self.slots)
        for (inputs, _), by_step in zip(trace, gradients, strict=True):
            errors = tf.concat(by_step, axis=0)  # [step, out]
            outer = [inputs[t][:, None] * errors[t][None] for t in range(errors.shape[0])]
            _rmsprop(next(variables), next(slots), tf.add_n(outer), self.rate)  # kernel, [in, out]
            _rmsprop(
                next(variables), next(slots), tf.reduce_sum(errors, axis=0), self.rate
            )  # bias, [out]
        return loss, hit


def _rmsprop(variable: tf.Variable, slot: tf.Variable, gradient: Tensor, rate: float) -> None:
    """Update as TensorFlow 1's RMSPropOptimizer: epsilon is inside the root."""
    slot.assign(DECAY * slot + (1 - DECAY) * gradient * gradient)
    variable.assign_sub(rate * gradient * tf.math.rsqrt(slot + EPSILON))


class TrainableArticle:
    """The article's network, as the training loop trains it; its epochs are the reports.

    A checkpoint holds all that an iteration changes: the variables of `network`, the slots of
    `steps`, and loss and correctness of the last REPORT_EVERY iterations, `recent`.
    """

    def __init__(self, words: Int32s, size: int, settings: WordsSettings) -> None:
        self.network = ArticleNetwork(settings, size)
        self.steps = ArticleSteps(self.network, words, settings)
        self.walk = OffsetWalk(len(words), settings.window, settings.seed)
        self.recent = np.zeros([2, 0], np.float32)

    def advance(self, ahead: StepsAhead) -> Sequence[StepMeans]:
        """Do some iterations at the next offsets of the walk."""
        count = min(CHUNK, ahead.limit)
        done = self.steps.run([next(self.walk) for _ in range(count)])
        self.recent = np.concatenate([self.recent, done], axis=1)[:, -REPORT_EVERY:]
        return [StepMeans(*means) for means in done.T.tolist()]

    def evaluate(self) -> None:
        """Measure nothing: the article has no validation text."""

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        return weights_of(self.network)

    def set_weights(self, weights: Weights) -> None:
        """Set the weights."""
        set_weights(self.network, weights)

    def seconds_after_steps(self) -> float:
        """Reserve nothing: there is no time limit."""
        return 0.0

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of a checkpoint."""
        arrays = {"recent": self.recent, **named("weights", self.weights())}
        return arrays | numbered("slots", self.steps.slots)

    def values(self) -> dict[str, object]:
        """Return nothing: all values are arrays."""
        return {}

    def restore(self, saved: Checkpoint) -> None:
        """Take the arrays of a checkpoint, and go as far along the walk."""
        self.set_weights(saved.under("weights"))
        restore_numbered(saved, "slots", self.steps.slots)
        self.recent = saved.arrays["recent"].astype(np.float32)
        for _ in range(saved.step):
            next(self.walk)


def train_article(run: Run, tokens: TokenFile, size: int, settings: WordsSettings) -> NetworkResult:
    """Train on a text of `size` different words, from the run's latest checkpoint where it has one.

    Raises:
        DataError: too few words for the walk.
        Interrupted: after a checkpoint.
    """
    # The walk may restart n_input + 1 words in, and needs a window and its target from there.
    min_words = 2 * (settings.window + 1)
    if len(tokens) < min_words:
        raise DataError(
            f"at least {min_words} words for windows of {settings.window}",
            len(tokens),
            where="the corpus",
            fix="give more text",
        )
    article = TrainableArticle(tokens.read(0, len(tokens)), size, settings)
    schedule = Schedule(
        steps=settings.iterations,
        epoch_steps=REPORT_EVERY,
        learning_rate=settings.learning_rate,
        unit="iterations",
        units_a_step=1,
    )
    loop = TrainingLoop(run, article, schedule)
    saved = run.resumed()
    if saved is None:
        run.log_graph(article.steps.compiled.get_concrete_function().graph)
    else:
        loop.restore(saved)
    with run.interrupt.deferred():
        loop.train()
    return NetworkResult(article.weights(), _metrics(loop, article, len(tokens)))


def _metrics(loop: TrainingLoop, article: TrainableArticle, words: int) -> dict[str, object]:
    """Return the metrics; accuracy and perplexity are averages of the last 1,000 iterations."""
    loss, accuracy = article.recent.mean(axis=1, dtype=np.float64).tolist()
    speed = loop.speed()
    return {
        "accuracy": accuracy,
        "perplexity": math.exp(min(loss, 700.0)),
        "valid_perplexity": None,
        "measured_on": f"the last {article.recent.shape[1]:,} iterations",
        "steps": loop.state.step,
        "words": words,
        "vocabulary": article.network.size,
        "seconds": loop.seconds(),
        "iterations_per_second": speed,
        "words_per_second": speed * article.steps.n_input,
    }
