"""The running average of a network's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from foretell.networks import Network, set_weights, weights_of

_EVERY = 8
"""Steps between two updates: weights of neighbouring steps hardly differ, and an update reads them
all.
"""

_ETA = 8.0
"""η in Shamir & Zhang: the average is mostly of the last 1 / (η + 1) of the steps, here a ninth."""


class WeightAverage:
    """A running average that forgets early steps: polynomial-decay averaging (Shamir & Zhang 2013).

    At a constant learning rate the weights move around a point of lower loss than their own, and
    their average is close to it (Polyak & Juditsky 1992). The n-th value w enters with a weight
    that falls as n grows: a ← a + (η + 1) / (n + η) · (w − a). So no number of steps has to be
    known before.

    Args:
        network: training changes its weights.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.means = [
            tf.Variable(variable, trainable=False) for variable in network.trainable_variables
        ]
        self._update = tf.function(self._move, autograph=False)

    def after(self, step: int) -> None:
        """Take the weights in where it is time: `step` steps are done."""
        n = step // _EVERY
        # Until the first update, the average is the weights of the last step.
        if step % _EVERY == 0 or n == 0:
            self._update(tf.constant(min(1.0, (_ETA + 1) / (n + _ETA)), tf.float32))

    def _move(self, share: tf.Tensor) -> None:
        for mean, variable in zip(self.means, self._network.trainable_variables, strict=True):
            mean.assign_add((tf.convert_to_tensor(variable) - mean) * share)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the average, and its own weights back at the end."""
        own = weights_of(self._network)
        self.put()
        try:
            yield
        finally:
            set_weights(self._network, own)

    def put(self) -> None:
        """Give the network the average, for good."""
        for variable, mean in zip(self._network.trainable_variables, self.means, strict=True):
            variable.assign(mean)
