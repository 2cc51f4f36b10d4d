"""Choosing the next word: pure functions on log-probabilities, in nats.

Every filter takes and returns an array [word]; a word that is ruled out gets minus infinity, and what is left
is *not* normalised again: `choose` does that. None changes its argument, and each leaves at least one word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretell.errors import SettingsError

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]

SMALL_SET = 128


@dataclass(frozen=True)
class Sampling:
    """How `choose` is steered. The defaults sample from the model's own distribution.

    Attributes:
        temperature: divides the log-probabilities; 0 takes the likeliest word (greedy), 1 changes nothing.
        top_k: only the k likeliest words; 0: all.
        top_p: only the smallest set of likeliest words whose probabilities reach p; 1: all.
        min_p: only words at least this part as likely as the likeliest; 0: all.
        repetition_penalty: multiplies the log-probability of words seen before; 1: none.

    Raises:
        SettingsError: a value out of its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        _require(0 <= self.temperature < math.inf, "a number of at least 0", "temperature", self.temperature)
        _require(self.top_k >= 0, "a whole number of at least 0", "top-k", self.top_k)
        _require(0 < self.top_p <= 1, "a number above 0 and at most 1", "top-p", self.top_p)
        _require(0 <= self.min_p <= 1, "a number from 0 to 1", "min-p", self.min_p)
        penalty = self.repetition_penalty
        _require(0 < penalty < math.inf, "a number above 0", "repetition-penalty", penalty)


def _require(holds: bool, expected: str, where: str, value: float) -> None:
    if not holds:
        raise SettingsError(expected=expected, found=repr(value), where=where)


def log_softmax(logits: Floats) -> Floats:
    """Return the log-probabilities of `logits` over the last axis, in float64: x - log Σ exp x."""
    # In the logits' own precision, in which exp is much faster; only the sum is float64.
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_z = np.log(np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float64))
    logp: Floats = np.subtract(shifted, log_z, dtype=np.float64)
    return logp


def without(logp: Floats, words: list[int]) -> Floats:
    """Rule out `words`, unless nothing else is possible."""
    kept = logp.copy()
    kept[..., words] = -np.inf
    return kept if np.isfinite(kept).any() else logp


def penalize_repetition(logp: Floats, seen: Integers, penalty: float) -> Floats:
    """Multiply the log-probabilities of the word ids in `seen` by `penalty`.

    After CTRL (Keskar et al. 2019, section 4.1), which divides logits: on log-probabilities, never above 0,
    it means p ↦ p^penalty, which does not depend on how the logits happen to be shifted.
    """
    if penalty == 1.0 or not len(seen):
        return logp
    penalized = logp.copy()
    # Ids may repeat in `seen`: gather first, so that each word is penalised once.
    penalized[seen] = logp[seen] * penalty
    return penalized


def apply_temperature(logp: Floats, temperature: float) -> Floats:
    """Divide by `temperature` (above 0): below 1 sharpens, above 1 flattens."""
    # Differences to the best are divided: they cannot all become minus infinity at a tiny temperature.
    if temperature == 1.0:
        return logp
    with np.errstate(over="ignore"):
        cooled: Floats = (logp - logp.max()) / temperature
    return cooled


def keep_top_k(logp: Floats, k: int) -> Floats:
    """Keep the `k` likeliest words; of equally likely ones, those with the lower ids. 0 keeps all."""
    if k == 0 or k >= len(logp):
        return logp
    return _keep_best(logp, k, np.partition(logp, -k)[-k])


def keep_top_p(logp: Floats, p: float) -> Floats:
    """Keep the smallest set of likeliest words whose probabilities sum to `p` or more.

    Nucleus sampling (Holtzman et al. 2020, equation 2). Of equally likely words the lower ids come first.
    """
    if p >= 1.0:
        return logp
    # Selecting among thousands of equal values, such as minus infinity, is very slow.
    possible = logp[np.isfinite(logp)]
    highest = possible.max()
    enough = p * np.exp(possible - highest).sum()
    # The set is nearly always small; sorting the whole vocabulary would cost more than all else here.
    few = min(SMALL_SET, len(possible))
    ordered = np.sort(np.partition(possible, -few)[-few:])[::-1]
    cumulative = np.cumsum(np.exp(ordered - highest))
    if cumulative[-1] < enough:
        ordered = np.sort(possible)[::-1]
        cumulative = np.cumsum(np.exp(ordered - highest))
    size = min(int(np.searchsorted(cumulative, enough)) + 1, len(ordered))
    return _keep_best(logp, size, ordered[size - 1])


def keep_min_p(logp: Floats, p: float) -> Floats:
    """Keep the words whose probability is at least `p` times the likeliest one's (Nguyen et al. 2024)."""
    if p == 0.0:
        return logp
    return np.where(logp >= logp.max() + math.log(p), logp, -np.inf)


def _keep_best(logp: Floats, size: int, threshold: float) -> Floats:
    """Keep the `size` likeliest words, given the log-probability of the least likely of them."""
    kept = logp > threshold
    ties = np.flatnonzero(logp == threshold)
    kept[ties[: size - int(kept.sum())]] = True
    return np.where(kept, logp, -np.inf)


def likeliest(logp: Floats, k: int) -> Integers:
    """Return the ids of the `k` likeliest words, the likeliest first, equally likely ones by id.

    Words that are ruled out are never among them, so there may be fewer.
    """
    ids = np.flatnonzero(np.isfinite(keep_top_k(logp, k)))
    return ids[np.argsort(-logp[ids], kind="stable")]


def shape(logp: Floats, sampling: Sampling) -> Floats:
    """Apply temperature, top-k, top-p and min-p, in that order. Temperature 0 keeps only the likeliest."""
    if sampling.temperature == 0.0:
        return keep_top_k(logp, 1)
    logp = apply_temperature(logp, sampling.temperature)
    logp = keep_top_k(logp, sampling.top_k)
    logp = keep_top_p(logp, sampling.top_p)
    return keep_min_p(logp, sampling.min_p)


def choose(logp: Floats, random: np.random.Generator) -> int:
    """Draw one word id from the distribution that `logp` [word] describes up to a constant."""
    cumulative = np.cumsum(np.exp(logp - logp.max()))
    drawn = int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))
    # Rounding can put the draw on the very end: the last word that has a probability.
    return min(drawn, int(np.searchsorted(cumulative, cumulative[-1])))


def beam_step(scores: Floats, logp: Floats, beams: int) -> tuple[Integers, Integers, Floats]:
    """Extend every beam by every word and keep the best `beams` of them.

    Args:
        scores: log-probability of each beam so far, [beam].
        logp: log-probabilities of the next word after each beam, [beam, word].
        beams: how many to keep.

    Returns:
        For each beam that is kept, best first: the beam it extends, the word added, its new score. Ruled-out
        words (minus infinity) are never taken, so fewer than `beams` may come back.
    """
    total = (scores[:, None] + logp).ravel()
    best = likeliest(total, beams)
    return best // logp.shape[1], best % logp.shape[1], total[best]
