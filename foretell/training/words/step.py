"""One training step and one evaluation step of the language model, as TensorFlow functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from foretell.arrays import Float32s, Int32s
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.networks.words import LstmNetwork, States
from foretell.training.words.clipping import clipped
from foretell.training.words.data import NONE, reading_order
from foretell.training.words.token_file import TokenFile

_MAX_LOGITS = 1 << 25
"""The most logits that evaluation computes at a time: 128 MB."""

_JUDGED_EVERY = 8
"""With a sampled softmax, the steps from one whose training accuracy is measured to the next: the
logits of all words read all output weights, which takes a tenth of a step."""
_JUDGED_STREAMS = 8
_JUDGED_WORDS = 4
"""The accuracy is that of the last words of the window, of the first streams."""

_ENDING_SHARE = 1 / 8
"""The last part of the steps, in which the softmax is sampled from more words. Few words teach
faster, but the weights that fit a sample best are not quite those that fit all words best."""

_AVERAGED_ENDING_SHARE = 1 / 4
"""The same with word dropout, where weights are averaged: their loss goes on falling as long as
more words are sampled."""

CLIP_NORM = 0.25
"""The largest global norm of a gradient. Plain SGD at a rate of 20 needs one so small
(docs/experiments.md, "Language models: SGD compared with Adam"; Merity et al. 2018 clip AWD-LSTM to
the same).
"""

DRAWN_WORDS = 1_024
"""Words that the softmax of a training step is sampled from, where the vocabulary is larger:
several times as fast as all words, for the same validation loss (docs/experiments.md)."""

ENDING_FACTOR = 4
"""Factor on the number of sampled words in the last part of a training."""

# Seed stride between steps; each random choice of a step adds another, smaller number.
_SEED_STRIDE = 2_000


class NetworkResult(NamedTuple):
    """The result of a network's training.

    Attributes:
        weights: those of the best epoch where there is validation, else the last.
        metrics: the metrics.
        valid_logs: log-probabilities of every validation token but the first, float32 [token - 1];
            None: there is no validation.
        valid_hidden: the hidden values before the first of these tokens, float32 [token,
            embedding], at most as many as the cache is fitted on; None: there is no validation, or
            no state.
    """

    weights: Weights
    metrics: dict[str, object]
    valid_logs: Float32s | None = None
    valid_hidden: Float32s | None = None


class Steps:
    """The step functions of one network, and its optimiser, whose `variables` belong in a
    checkpoint.
    """

    def __init__(self, network: LstmNetwork, settings: WordsSettings) -> None:
        self.network = network
        self.settings = settings
        self.optimizer = keras.optimizers.SGD(0.0)
        self.optimizer.build(network.trainable_variables)
        # AutoGraph writes a temporary file for each function, which a command leaves: it ends by
        # `os._exit`.
        self.train = tf.function(self._train, autograph=False)
        self.evaluate = tf.function(self._evaluate, autograph=False)
        self.hidden = tf.function(
            lambda ids, _, states: network.hidden(ids, states), autograph=False
        )

    def _train(
        self, ids: Tensor, targets: Tensor, states: States, seed: Tensor, rate: Tensor, words: int
    ) -> tuple[Tensor, Tensor, States]:
        """Do one training step on a window of every stream.

        Args:
            ids, targets: int32 [stream, step]; targets of NONE are left out of the loss.
            states: carried from the window before; no gradient goes back through them (truncated
                backpropagation, Williams & Peng 1990).
            seed: int32 [2]: all randomness of the step comes from it.
            rate: the learning rate.
            words: number of words in the softmax: fewer than there are are sampled.

        Returns:
            mean loss in nats; accuracy (with a sampled softmax, that of a few words, and NaN in
            most steps); the states after the window.
        """
        variables = self.network.trainable_variables
        weights = tf.cast(tf.reshape(targets, [-1]) != NONE, tf.float32)
        with tf.GradientTape() as tape:
            losses, right, judged, states = self.forward(ids, targets, states, seed, words)
            loss = tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.learning_rate.assign(rate)
        # A single window with a huge gradient must not undo an hour of training.
        self.optimizer.apply(clipped(gradients, CLIP_NORM), variables)
        return loss, right / judged, states

    def forward(
        self, ids: Tensor, targets: Tensor, states: States, seed: Tensor, words: int
    ) -> tuple[Tensor, Tensor, Tensor, States]:
        """Compute one window of every stream in training; see `_train`.

        Returns:
            the loss of each target, [stream · step]; how many of the targets that are judged are
            the likeliest word, and how many are judged; the states after the window.
        """
        hidden, states = self.network.hidden(ids, states, seed)
        rows = tf.reshape(hidden, [-1, hidden.shape[-1]])  # [stream · step, embedding]
        wanted = tf.reshape(targets, [-1])  # [stream · step]
        if words < self.network.size:
            losses = sampled_loss(self.network, rows, tf.maximum(wanted, 0), words, seed)
            return losses, *self._judged(hidden, targets, seed), states
        logits = self.network.logits(rows, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.maximum(wanted, 0), logits=logits
        )
        return losses, *_right_and_judged(logits, wanted), states

    def _judged(self, hidden: Tensor, targets: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many of a few targets are the likeliest word, and how many were compared:
        mostly 0.
        """
        rows = tf.reshape(hidden[:_JUDGED_STREAMS, -_JUDGED_WORDS:], [-1, hidden.shape[-1]])
        wanted = tf.reshape(targets[:_JUDGED_STREAMS, -_JUDGED_WORDS:], [-1])
        judged: tuple[Tensor, Tensor] = tf.cond(
            seed[1] // _SEED_STRIDE % _JUDGED_EVERY == 0,
            lambda: _right_and_judged(self.network.logits(rows), wanted),
            lambda: (tf.constant(0.0), tf.constant(0.0)),
        )
        return judged

    def _evaluate(
        self, ids: Tensor, targets: Tensor, states: States
    ) -> tuple[Tensor, Tensor, States]:
        """Score one window of every stream, over the whole vocabulary.

        Returns:
            loss in nats, [stream, step]; 1 where the likeliest word is the target, [stream, step];
            both 0 for a target of NONE; the states after the window.
        """
        hidden, states = self.network.hidden(ids, states)
        rows = tf.reshape(hidden, [-1, hidden.shape[-1]])
        wanted = tf.reshape(targets, [-1])
        losses = []
        right = []
        # The logits of a million words for a thousand rows would take 4 GB: a few rows at a time.
        slice_rows = max(1, _MAX_LOGITS // self.network.size)
        for first in range(0, rows.shape[0], slice_rows):
            logits = self.network.logits(rows[first : first + slice_rows])
            words = wanted[first : first + slice_rows]
            weights = tf.cast(words != NONE, tf.float32)
            slice_losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=tf.maximum(words, 0), logits=logits
            )
            losses.append(slice_losses * weights)
            right.append(_right(logits, words) * weights)
        shape = tf.shape(targets)
        return (
            tf.reshape(tf.concat(losses, 0), shape),
            tf.reshape(tf.concat(right, 0), shape),
            states,
        )


class Predictions(NamedTuple):
    """What a network predicts for every token of a text but the first.

    Attributes:
        logs: log-probabilities in nats, float32 [token - 1].
        right: 1 where the token was the likeliest, else 0; float32 [token - 1].
    """

    logs: Float32s
    right: Float32s


def predict(steps: Steps, tokens: TokenFile, check: Callable[[], None]) -> Predictions:
    """Predict every token but the first with the whole softmax; `check` is called before each
    window.
    """
    losses, right = _in_order(steps, steps.evaluate, tokens, check)
    return Predictions(-losses, right)


def hidden_values(steps: Steps, tokens: TokenFile, check: Callable[[], None]) -> Float32s:
    """Return the hidden value before every token but the first, [token - 1, embedding]; see
    `predict`.
    """
    (hidden,) = _in_order(steps, steps.hidden, tokens, check)
    return hidden


def _in_order(
    steps: Steps,
    step: Callable[..., Sequence[Tensor]],
    tokens: TokenFile,
    check: Callable[[], None],
) -> Iterator[Float32s]:
    """Yield what a step function gives of every token but the last, in the order of the text."""
    order = reading_order(len(tokens), steps.settings)
    order = order._replace(tokens=len(tokens) - 1)
    states = steps.network.first_states(order.streams)
    windows = []
    for window in range(order.windows):
        check()
        *values, states = step(*order.batch(tokens, window), states)
        windows.append([value.numpy() for value in values])
    for result in zip(*windows, strict=True):
        yield order.in_order(np.concatenate(result, axis=1))


def softmax_words(size: int, *, ending: bool = False) -> int:
    """Return how many words the softmax of a step has: all `size`, or a sample, larger in the
    `ending`.
    """
    drawn = DRAWN_WORDS
    if ending:
        drawn *= ENDING_FACTOR
    return min(drawn, size)


def _right(logits: Tensor, targets: Tensor) -> Tensor:
    return tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == targets, tf.float32)


def _right_and_judged(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many targets are the likeliest word, and how many targets there are."""
    weights = tf.cast(targets != NONE, tf.float32)
    return tf.reduce_sum(_right(logits, targets) * weights), tf.reduce_sum(weights)


def ending_after(steps: int, settings: WordsSettings) -> int:
    """Return after how many of the steps the last part of the training begins."""
    share = _AVERAGED_ENDING_SHARE if settings.word_dropout else _ENDING_SHARE
    return math.ceil((1 - share) * steps)


def seed_of(settings: WordsSettings, step: int) -> Int32s:
    """Return the seed of one training step, int32 [2]: the run's seed and a number of this step
    alone.
    """
    run = (settings.seed + step // 1_000_000) % (2**31)
    return np.array([run, step % 1_000_000 * _SEED_STRIDE], np.int32)


def drawn_words(size: int, count: int, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the words that a step's softmax is sampled from, each once, and how likely each was
    drawn.

    Of a vocabulary of `size`, `count` words are drawn: int32 and float32 [word]. The most frequent
    ones are always among them. The others are drawn without replacement, with inclusion
    probabilities nearly in proportion to 1 / rank: a random number shifts a grid over their sums
    (systematic sampling, Madow 1949).
    """
    # The sum of log((rank + 1) / rank), to which the chances are proportional, over ranks after
    # `certain`.
    spreads = [math.log((size + 1) / (certain + 1)) for certain in range(count)]
    # The fewest certain words for which no other word has a chance above 1.
    certain = next(c for c, s in enumerate(spreads) if s >= (count - c) * math.log1p(1 / (c + 1)))
    drawn = count - certain
    spread = spreads[certain]
    shift = tf.random.stateless_uniform(
        [], seed + tf.constant([0, 1_000]), dtype=tf.float64, alg="philox"
    )
    places = (tf.range(drawn, dtype=tf.float64) + shift) / drawn
    ranks = tf.minimum(tf.floor((certain + 1) * tf.exp(places * spread)), size)
    chances = drawn * tf.math.log1p(1 / ranks) / spread
    words = tf.concat([tf.range(certain), tf.cast(ranks, tf.int32) - 1], axis=0)
    return words, tf.concat([tf.ones(certain), tf.cast(chances, tf.float32)], axis=0)


def sampled_loss(
    network: LstmNetwork, hidden: Tensor, targets: Tensor, count: int, seed: Tensor
) -> Tensor:
    """Estimate the cross-entropy of each row from few words of a large vocabulary (sampled
    softmax).

    `count` words are drawn, shared by all rows (Jozefowicz et al. 2016). A word that is drawn with
    chance p stands for 1 / p words, so log p is subtracted from its logit. The expected sum over
    the drawn words is then the sum over the vocabulary without the target (importance sampling,
    Bengio & Senécal 2008; Horvitz & Thompson 1952). The target itself is always included.

    Hidden values [row, embedding] and targets, int32 [row], to losses in nats, float [row].
    """
    words, chances = drawn_words(network.size, count, seed)
    others = network.logits_of(hidden, words, -tf.math.log(chances))
    # A draw that is the row's own target would count it twice.
    is_own = words[None, :] == targets[:, None]
    return _cross_entropy(network.logit_of_own(hidden, targets), others, is_own)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _cross_entropy(own: Tensor, others: Tensor, is_own: Tensor) -> object:
    """Return −log softmax of the own logit [row] among itself and the others [row, word], without
    `is_own`.

    The gradient is explicit, since it needs only what the loss has computed. TensorFlow's automatic
    one reads and writes the logits more often, which takes a tenth of a step.
    """
    others = tf.where(is_own, -math.inf, others)
    largest = tf.maximum(tf.reduce_max(others, axis=1), own)
    weights = tf.exp(others - largest[:, None])
    own_weight = tf.exp(own - largest)
    total = tf.reduce_sum(weights, axis=1) + own_weight

    def gradient(d_loss: Tensor) -> list[Tensor | None]:
        return [d_loss * (own_weight / total - 1.0), weights * (d_loss / total)[:, None], None]

    return tf.math.log(total) + largest - own, gradient
