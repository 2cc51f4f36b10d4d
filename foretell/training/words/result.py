"""What the training of a language model's network results in."""

from __future__ import annotations

from typing import NamedTuple

from foretell.arrays import Float32s
from foretell.artifacts.weights import Weights


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
