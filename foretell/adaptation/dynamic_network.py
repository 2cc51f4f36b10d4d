"""A network that learns from a text while it scores it (dynamic evaluation).

Krause, Kahembwe, Murray and Renals, "Dynamic Evaluation of Neural Sequence Models", ICML 2018. The text is
read in segments of a few words. After the words of a segment have been scored, one step down the gradient g
of their mean loss changes the weights θ, which the training left at θ_0::

    m ← mean of g² over all segments so far
    θ ← θ - η g / (√m + ε) + λ (θ_0 - θ)

No word is scored by weights that have learned from it. The paper takes m from the training text, which a
model directory does not have; here it is of the text that is scored.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from foretell.arrays import Logits, LogProbabilities, TokenIds
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.networks import set_weights
from foretell.networks.words import LstmNetwork, States
from foretell.runtime.words.networks import State, StreamNetwork
from foretell.training.gradients import clipped

SEGMENT = 16
"""Words between two steps. With 8, scoring takes nearly twice the time."""

# Chosen on validation text of two corpora: docs/experiments.md.
_RATE, _DECAY, _EPSILON = 3e-3, 2e-2, 1e-3

# A segment whose gradient is many times the usual one must not undo what was learned.
_MAX_NORM = 1.0

_SEGMENT_IDS = tf.TensorSpec([None], tf.int32)


class DynamicNetwork(StreamNetwork):
    """An `LstmNetwork` whose `score_later` changes its weights; `advance` and `read` use them as they are.

    State: the hidden values of the words read last, [stream, step, embedding], then h and c of each layer.

    Args:
        settings: those of the model.
        weights: those of the model.
    """

    def __init__(self, settings: WordsSettings, weights: Weights) -> None:
        self._network = LstmNetwork(settings, len(weights["embedding"]))
        set_weights(self._network, weights)
        self._width = settings.embedding_size
        self._trained = [tf.constant(each.value) for each in self._network.trainable_variables]
        self._squares = [tf.Variable(tf.zeros_like(each)) for each in self._trained]
        self._segments = tf.Variable(0.0)
        state = [tf.TensorSpec([1, settings.units])] * (2 * settings.layers)
        # The last segment of a text may be shorter.
        self._learn = tf.function(self._score_and_learn, input_signature=[_SEGMENT_IDS, state])

    def zero_state(self) -> State:
        """See `StreamNetwork.zero_state`."""
        states = (np.asarray(state) for state in self._network.first_states(1))
        return (np.zeros((1, 0, self._width), np.float32), *states)

    def advance(self, ids: TokenIds, state: State) -> tuple[Logits, State]:
        """See `StreamNetwork.advance`."""
        hidden, after = self._network.hidden(tf.constant(ids, tf.int32), _states(state))
        rows = self._network.logits(tf.reshape(hidden, [-1, self._width]))
        logits: Logits = rows.numpy().reshape(*ids.shape, -1)
        return logits, _state([hidden], after)

    def read(self, ids: list[int]) -> tuple[Logits, State]:
        """See `WordNetwork.read`; at least one id."""
        logits, state = self.advance(np.array([ids], np.int64), self.zero_state())
        return logits[:, -1], state

    def score_later(self, ids: TokenIds, state: State) -> tuple[Callable[[], LogProbabilities], State]:
        """See `StreamNetwork.score_later`. The segments are those of `ids`, the last may be shorter."""
        states, logps, hidden = _states(state), [], []
        for start in range(0, len(ids) - 1, SEGMENT):
            segment = tf.constant(ids[start : start + SEGMENT + 1], tf.int32)
            of_segment, read, states = self._learn(segment, states)
            logps.append(of_segment.numpy())
            hidden.append(read)
        scored = np.concatenate(logps)
        return lambda: scored, _state(hidden, states)

    def _score_and_learn(self, ids: Tensor, states: States) -> tuple[Tensor, Tensor, States]:
        """Score one segment, then learn from it.

        Args:
            ids: int32 [step + 1].
            states: h and c of each layer; no gradient goes back through them.

        Returns:
            log-probabilities of each id but the first, [step]; hidden values, [1, step, embedding]; states.
        """
        network, variables = self._network, self._network.trainable_variables
        with tf.GradientTape() as tape:
            hidden, after = network.hidden(ids[None, :-1], states)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=ids[1:], logits=network.logits(hidden[0])
            )
            loss = tf.reduce_mean(losses)
        gradients = clipped(tape.gradient(loss, [each.value for each in variables]), _MAX_NORM)
        self._segments.assign_add(1.0)
        for variable, gradient, trained, square in zip(
            variables, gradients, self._trained, self._squares, strict=True
        ):
            square.assign_add((tf.square(gradient) - square) / self._segments)
            step = _RATE * gradient / (tf.sqrt(square) + _EPSILON)
            variable.assign_add(_DECAY * (trained - variable.value) - step)
        return -losses, hidden, after


def _states(state: State) -> States:
    return [tf.constant(part) for part in state[1:]]


def _state(hidden: list[Tensor], states: States) -> State:
    return (tf.concat(hidden, axis=1).numpy(), *(state.numpy() for state in states))
