"""Fitting the interpolation weights of network and Kneser–Ney model on validation text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.metrics import perplexity_of
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey
from foretell.training.events import Listener, Note
from foretell.training.words.kneser_ney_fit import KneserNeyFit

_ITERATIONS = 100

# The weight of each context length has a prior: the weight over all lengths, worth 20 predictions.
_PRIOR_COUNT = 20.0


@dataclass(frozen=True)
class InterpolationFit:
    """The interpolation of network and Kneser–Ney model.

    Attributes:
        kneser_ney: the Kneser–Ney model.
        interpolation: its weights.
        figures: perplexity and valid_perplexity, of both together, and network_perplexity.
    """

    kneser_ney: KneserNey
    interpolation: Interpolation
    figures: dict[str, float]


def interpolate(
    network_logs: NDArray[np.floating], kneser_ney: KneserNeyFit, listener: Listener
) -> InterpolationFit:
    """Fit the interpolation weights and measure both models together.

    Args:
        network_logs: the network's log-probabilities of the tokens that `kneser_ney.logs` is about, [token].
        kneser_ney: the Kneser–Ney model and its predictions.
        listener: is called with the result.
    """
    logs, lengths = kneser_ney.logs, kneser_ney.lengths
    fitted = fit_interpolation(network_logs, logs, lengths, kneser_ney.model.order - 1)
    both = perplexity_of(fitted.logs(network_logs, logs, lengths))
    alone = perplexity_of(network_logs)
    weight = float(np.array(fitted.weights)[lengths].mean())
    text = (
        f"interpolation: mean weight of the Kneser–Ney model {weight:.0%}, validation perplexity {both:,.1f}"
    )
    listener(Note(text=f"{text} (network alone: {alone:,.1f})"))
    figures = {"perplexity": both, "valid_perplexity": both, "network_perplexity": alone}
    return InterpolationFit(kneser_ney.model, fitted, figures)


def fit_interpolation(
    network: NDArray[np.floating],
    kneser_ney: NDArray[np.floating],
    lengths: NDArray[np.integer],
    max_length: int,
) -> Interpolation:
    """Return the weights that maximise the likelihood of a text, by expectation-maximisation.

    Args:
        network: the network's log-probability of each word, [prediction].
        kneser_ney: the Kneser–Ney model's.
        lengths: number of context words that the Kneser–Ney model used, [prediction].
        max_length: the greatest possible length.
    """
    odds = np.exp(np.clip(kneser_ney - network, -50, 50))
    of_all = _weight(odds, 0.5, 2.0)
    return Interpolation(
        tuple(_weight(odds[lengths == length], of_all, _PRIOR_COUNT) for length in range(max_length + 1))
    )


def _weight(odds: NDArray[np.floating], prior: float, prior_count: float) -> float:
    """Return the weight of the Kneser–Ney model; its prior is worth `prior_count` predictions."""
    weight = prior
    for _ in range(_ITERATIONS):
        # The posterior probability that the Kneser–Ney model generated each word.
        posterior = weight * odds / (1 - weight + weight * odds)
        weight = (float(posterior.sum()) + prior_count * prior) / (len(odds) + prior_count)
    return weight
