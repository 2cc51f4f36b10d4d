"""What is fitted on validation text: interpolation weights, and the parameters of the continuous
cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from foretell.arrays import Floats, Integers
from foretell.metrics import perplexity_of
from foretell.ngrams.cache import ContinuousCache, fill, probabilities
from foretell.ngrams.kneser_ney import Interpolation
from foretell.training.events import Listener, Note
from foretell.training.words.kneser_ney_fit import KneserNeyFit

_ITERATIONS = 100

_PRIOR_COUNT = 20.0
"""Predictions that the prior of a weight is worth."""

MAX_TOKENS = 30_000
"""Validation tokens that the parameters are fitted on: about three seconds of work."""

SIZE = 500
"""Words in the cache that is fitted; larger and smaller ones use the same parameters."""

_THETAS = (0.3, 0.4, 0.2, 0.5, 0.6, 0.1, 0.8, 1.0, 1.5)
"""The usual ones first: a time limit may leave out the last."""

_PRIOR = ContinuousCache().weight
"""The prior of the weight: that of the Penn Treebank."""

_MAX_WEIGHT = 0.95


def interpolate(
    network_logs: Floats, kneser_ney: KneserNeyFit, listener: Listener
) -> tuple[Interpolation, dict[str, float]]:
    """Fit the interpolation weights to the network's log-probabilities of the tokens of
    `kneser_ney.logs`.

    Returns:
        the weights; perplexity and valid_perplexity, of both together, and network_perplexity.
    """
    logs = kneser_ney.logs
    lengths = kneser_ney.lengths
    fitted = fit_interpolation(network_logs, logs, lengths, kneser_ney.model.order - 1)
    both = perplexity_of(fitted.logs(network_logs, logs, lengths))
    alone = perplexity_of(network_logs)
    weight = float(np.array(fitted.kneser_ney_weights)[lengths].mean())
    text = f"interpolation: mean weight of the Kneser–Ney model {weight:.0%}, validation perplexity"
    listener(Note(f"{text} {both:,.1f} (network alone: {alone:,.1f})"))
    return fitted, {"perplexity": both, "valid_perplexity": both, "network_perplexity": alone}


def fit_interpolation(
    network: Floats, kneser_ney: Floats, lengths: Integers, max_length: int
) -> Interpolation:
    """Return the weights that maximise the likelihood of a text, by expectation-maximisation.

    They are of context lengths up to `max_length`. The prior of each is the weight over all
    lengths. The arrays are [prediction]: log-probabilities of both models, and the lengths.
    """
    odds = np.exp(np.clip(kneser_ney - network, -50, 50))
    of_all = _weight(odds, 0.5, 2.0)
    return Interpolation(
        tuple(
            _weight(odds[lengths == length], of_all, _PRIOR_COUNT)
            for length in range(max_length + 1)
        )
    )


def _weight(odds: Floats, prior: float, prior_count: float) -> float:
    """Return the weight of the Kneser–Ney model; its prior is worth `prior_count` predictions."""
    weight = prior
    for _ in range(_ITERATIONS):
        # The posterior probability that the Kneser–Ney model generated each word.
        posterior = weight * odds / (1 - weight + weight * odds)
        weight = (float(posterior.sum()) + prior_count * prior) / (len(odds) + prior_count)
    return weight


def fit_cache(
    model_logs: Floats,
    hidden: Floats,
    words: Integers,
    listener: Listener,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[ContinuousCache, float]:
    """Return the θ of a grid and the weight that maximise the likelihood of a text of words
    [token].

    It is given by the log-probabilities without a cache, [token], and the hidden values before the
    words, [token, embedding]. Once `is_over`, no other θ is tried. The second result is the part by
    which the cache lowers the perplexity.
    """
    fits: list[tuple[float, float, ContinuousCache]] = []
    for theta in _THETAS:
        if fits and is_over():
            break
        cached, pairs = probabilities(theta, hidden, words, SIZE, first=0)
        weight = fit_weight(model_logs, cached, fill(pairs.astype(np.float64)))
        fitted = ContinuousCache(theta, weight)
        fits.append((perplexity_of(fitted.logs(model_logs, cached, pairs)), theta, fitted))
    perplexity, _, best = min(fits, key=lambda fit: fit[:2])
    before = perplexity_of(model_logs)
    text = f"continuous cache of {SIZE} words: theta {best.theta:g}, weight {best.weight:.0%}"
    text = f"{text}, validation perplexity {perplexity:,.1f} with --cache {SIZE}"
    listener(Note(f"{text} (without: {before:,.1f})"))
    return best, 1 - perplexity / before


def fit_weight(model_logs: Floats, cached: Floats, filled: Floats) -> float:
    """Return the λ that maximises the likelihood of a text, with a prior.

    All are [token]: log-probabilities without a cache, probabilities by it, and the part of λ that
    it has.
    """
    # log((1 - λ n) p + λ n c) = log p + log(1 + λ n (c / p - 1)), which is concave in λ.
    slopes = filled * (cached * np.exp(-np.maximum(model_logs, -50.0)) - 1)

    def loss(weight: float) -> float:
        prior = _PRIOR * np.log(weight) + (1 - _PRIOR) * np.log1p(-weight)
        return -float(np.log1p(weight * slopes).sum() + _PRIOR_COUNT * prior)

    return float(minimize_scalar(loss, bounds=(1e-4, _MAX_WEIGHT), method="bounded").x)
