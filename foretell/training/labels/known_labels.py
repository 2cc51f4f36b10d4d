"""Loss and accuracy of a network whose texts may have several labels: unknown labels, NaN, count nowhere."""

from __future__ import annotations

from typing import Any

from keras import ops

_SMALLEST = 1e-7


def known_loss(targets: Any, probabilities: Any) -> Any:
    """Return the binary cross-entropy of each text, summed over its known labels, [batch].

    A sum, not a mean: with many labels the gradient of each stays as large as with few.
    """
    known = ops.logical_not(ops.isnan(targets))
    true = ops.where(known, targets, 0.0)
    given = ops.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    losses = -(true * ops.log(given) + (1 - true) * ops.log(1 - given))
    return ops.sum(ops.where(known, losses, 0.0), axis=-1)


def known_accuracy(targets: Any, probabilities: Any) -> Any:
    """Return the share of right decisions at 0.5 among the known labels of each text, [batch]."""
    known = ops.cast(ops.logical_not(ops.isnan(targets)), "float32")
    right = ops.cast(ops.equal(targets > 0.5, probabilities > 0.5), "float32")
    return ops.sum(known * right, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)
