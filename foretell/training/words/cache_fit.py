"""Fitting the parameters of a language model's continuous cache on validation text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from foretell.metrics import perplexity_of
from foretell.ngrams.cache import ContinuousCache, fill, probabilities
from foretell.training.budget import Budget
from foretell.training.events import Listener, Note

MAX_TOKENS = 30_000
"""Validation tokens that the parameters are fitted on: about three seconds of work."""

SIZE = 500
"""Words in the cache that is fitted; larger and smaller ones use the same parameters."""

_THETAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5)

MIN_TOKENS = 1_000
"""With fewer tokens the parameters depend on chance; then, for want of time, none are fitted."""

_MARGIN = 2.0
"""Safety factor on the duration of the fit: the weight is fitted too, and the machine may get slower."""

# The prior of the weight: that of the Penn Treebank, worth 20 predictions.
_PRIOR, _PRIOR_COUNT = ContinuousCache().weight, 20.0
_MAX_WEIGHT = 0.95


@dataclass(frozen=True)
class CacheFit:
    """The parameters of a cache.

    Attributes:
        cache: the parameters.
        figures: cache_gain, the part by which a cache of 500 words lowers the perplexity of the first 30,000
            validation tokens (negative: raises).
    """

    cache: ContinuousCache
    figures: dict[str, float]


def tokens_in_time(
    hidden: NDArray[np.floating], words: NDArray[np.integer], budget: Budget, seconds: float
) -> int:
    """Return how many tokens the cache can be fitted on in so many seconds; 0 where MIN_TOKENS are too many.

    Args:
        hidden, words: as for `fit_cache`.
        budget: its clock is read. Without a limit there is nothing to measure.
        seconds: may be taken.
    """
    if budget.deadline is None:
        return len(words)
    began, few = budget.seconds(), min(len(words), MIN_TOKENS)
    probabilities(_THETAS[0], hidden[:few], words[:few], SIZE, first=0)
    took = budget.seconds() - began
    whole = _MARGIN * took * len(_THETAS)
    fitting = len(words) if whole <= 0 else int(few * max(0.0, seconds - took) / whole)
    return min(len(words), fitting) if fitting >= few else 0


def fit_cache(
    model_logs: NDArray[np.floating],
    hidden: NDArray[np.floating],
    words: NDArray[np.integer],
    listener: Listener,
) -> CacheFit:
    """Return the θ of a grid and the weight that maximise the likelihood of a text.

    Args:
        model_logs: log-probability of each word by the model without a cache, [token].
        hidden: the hidden value before each, [token, embedding].
        words: the words, [token].
        listener: is called with the result.
    """
    fits = []
    for theta in _THETAS:
        cached, pairs = probabilities(theta, hidden, words, SIZE, first=0)
        weight = fit_weight(model_logs, cached, fill(pairs.astype(np.float64)))
        fitted = ContinuousCache(theta, weight)
        fits.append((perplexity_of(fitted.logs(model_logs, cached, pairs)), theta, fitted))
    perplexity, _, best = min(fits, key=lambda fit: fit[:2])
    before = perplexity_of(model_logs)
    text = f"continuous cache of {SIZE} words: theta {best.theta:g}, weight {best.weight:.0%}"
    text = f"{text}, validation perplexity {perplexity:,.1f} with --cache {SIZE}"
    listener(Note(text=f"{text} (without: {before:,.1f})"))
    return CacheFit(best, {"cache_gain": 1 - perplexity / before})


def fit_weight(
    model_logs: NDArray[np.floating], cached: NDArray[np.floating], filled: NDArray[np.floating]
) -> float:
    """Return the λ that maximises the likelihood of a text, with a prior.

    Args:
        model_logs: log-probability of each word by the model without a cache, [token].
        cached: the probability by the cache, [token].
        filled: the part of λ that each cache has, [token].
    """
    # log((1 - λ n) p + λ n c) = log p + log(1 + λ n (c / p - 1)), which is concave in λ.
    slopes = filled * (cached * np.exp(-np.maximum(model_logs, -50.0)) - 1)

    def loss(weight: float) -> float:
        prior = _PRIOR * np.log(weight) + (1 - _PRIOR) * np.log1p(-weight)
        return -float(np.log1p(weight * slopes).sum() + _PRIOR_COUNT * prior)

    return float(minimize_scalar(loss, bounds=(1e-4, _MAX_WEIGHT), method="bounded").x)
