"""One training step and one evaluation step of the language model, as TensorFlow functions."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from foretell.config import WordsSettings
from foretell.networks.words import LstmNetwork, States, Tensor
from foretell.training.adam import Adam
from foretell.training.gradients import clipped
from foretell.training.words.data import NONE

_MOST_LOGITS = 1 << 25

# Their logits take a pass over all output weights, of which a step with a sampled softmax reads few.
_STREAMS_TOLD = 8


class Steps:
    """The step functions of one network, and its optimiser.

    Args:
        network: the network to train, in place.
        settings: optimizer, clip_norm and negatives are read.

    Attributes:
        optimizer: its `variables` belong in a checkpoint.
        sampled: whether training samples the softmax, because the vocabulary is larger than `negatives`.
    """

    def __init__(self, network: LstmNetwork, settings: WordsSettings) -> None:
        self.network, self.settings = network, settings
        self.sampled = softmax_words(settings, network.size) < network.size
        kind = Adam if settings.optimizer == "adam" else keras.optimizers.SGD
        self.optimizer = kind(0.0)
        self.optimizer.build(network.trainable_variables)
        self.train = tf.function(self._train)
        self.evaluate = tf.function(self._evaluate)

    def _train(
        self, ids: Tensor, targets: Tensor, states: States, seed: Tensor, rate: Tensor
    ) -> tuple[Tensor, Tensor, States]:
        """Learn from one window of every stream.

        Args:
            ids, targets: int32 [stream, step]; a target of NONE takes no part.
            states: carried from the window before; no gradient goes back through them (truncated
                backpropagation, Williams & Peng 1990).
            seed: int32 [2], the run's seed and the step: all randomness of the step comes from it.
            rate: float, the learning rate.

        Returns:
            mean loss in nats; accuracy (where the softmax is sampled, of the last word of a few streams: the
            others' logits are never computed); the states after the window.
        """
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            hidden, states = self.network.hidden(ids, states, seed)
            rows = tf.reshape(hidden, [-1, hidden.shape[-1]])  # [stream · step, embedding]
            wanted = tf.reshape(targets, [-1])  # [stream · step]
            weights = tf.cast(wanted != NONE, tf.float32)
            if self.sampled:
                each = sampled_loss(self.network, rows, tf.maximum(wanted, 0), self.settings.negatives, seed)
                told = slice(_STREAMS_TOLD)
                accuracy = _accuracy(self.network.logits(hidden[told, -1]), targets[told, -1])
            else:
                logits = self.network.logits(rows, training=True)
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=tf.maximum(wanted, 0), logits=logits
                )
                accuracy = _accuracy(logits, wanted)
            loss = tf.reduce_sum(each * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.learning_rate.assign(rate)
        # One bad window must not undo an hour.
        self.optimizer.apply(clipped(gradients, self.settings.clip_norm), variables)
        return loss, accuracy, states

    def _evaluate(self, ids: Tensor, targets: Tensor, states: States) -> tuple[Tensor, Tensor, States]:
        """Score one window of every stream, over the whole vocabulary.

        Returns:
            loss in nats, [stream, step]; 1 where the likeliest word was the right one, [stream, step]; both 0
            for a target of NONE; the states after the window.
        """
        hidden, states = self.network.hidden(ids, states)
        rows = tf.reshape(hidden, [-1, hidden.shape[-1]])
        wanted = tf.reshape(targets, [-1])
        losses, right = [], []
        # A million words for a thousand rows would be 4 GB of logits: a few rows at a time.
        slice_rows = max(1, _MOST_LOGITS // self.network.size)
        for first in range(0, rows.shape[0], slice_rows):
            logits = self.network.logits(rows[first : first + slice_rows])
            words = wanted[first : first + slice_rows]
            weights = tf.cast(words != NONE, tf.float32)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(words, 0), logits=logits)
            losses.append(each * weights)
            right.append(_right(logits, words) * weights)
        shape = tf.shape(targets)
        return tf.reshape(tf.concat(losses, 0), shape), tf.reshape(tf.concat(right, 0), shape), states


def softmax_words(settings: WordsSettings, size: int) -> int:
    """Return how many words a training step's softmax is over: those sampled, or all `size`."""
    return min(settings.negatives or size, size)


def sampled_loss(
    network: LstmNetwork, hidden: Tensor, targets: Tensor, negatives: int, seed: Tensor
) -> Tensor:
    """Estimate the cross-entropy of a softmax over a large vocabulary from few of its words.

    `negatives` words are drawn, shared by all rows, with replacement, log-uniformly by rank: P(id) =
    log((id + 2) / (id + 1)) / log(size + 1), close to Zipf's law since ids are ranked by frequency. A drawn
    word stands for 1 / (negatives · P) words, so log(negatives · P), its expected count, is taken from its
    logit; then the mean of the sum over the draws is the true sum over the vocabulary without the target
    (importance sampling, Bengio & Senécal 2008; shared draws, Jozefowicz et al. 2016). The target itself is
    always there.

    Args:
        network: gives the logits.
        hidden: float [row, embedding].
        targets: int [row].
        negatives: how many words to draw.
        seed: int32 [2].

    Returns:
        The loss of each row in nats, float [row].
    """
    log_range = math.log(network.size + 1)
    uniform = tf.random.stateless_uniform([negatives], seed + tf.constant([0, 1_000]), alg="philox")
    drawn = tf.minimum(tf.cast(tf.exp(uniform * log_range), tf.int32) - 1, network.size - 1)
    rank = tf.cast(drawn, tf.float32)
    expected = negatives * tf.math.log1p(1.0 / (rank + 1.0)) / log_range  # [drawn]
    own = network.logit_of_own(hidden, targets)[:, None]  # [row, 1]
    others = network.logits_of(hidden, drawn) - tf.math.log(expected)  # [row, drawn]
    # A draw that is the row's own target would count it twice.
    others = tf.where(drawn[None, :] == targets[:, None], -1e9, others)
    return tf.reduce_logsumexp(tf.concat([own, others], axis=1), axis=1) - own[:, 0]


def _right(logits: Tensor, targets: Tensor) -> Tensor:
    return tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == targets, tf.float32)


def _accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    weights = tf.cast(targets != NONE, tf.float32)
    return tf.reduce_sum(_right(logits, targets) * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def seed_of(settings: WordsSettings, step: int) -> Any:
    """Return the seed of one training step, int32 [2]: the run's seed and a number that no other step has."""
    # Dropout's places and the sampled words are told apart by adding less than this stride.
    stride = 2_000
    return tf.constant([(settings.seed + step // 1_000_000) % (2**31), step % 1_000_000 * stride])
