"""Choosing the next word: pure functions on log-probabilities, in nats.

Every filter takes and returns an array [word]; a word that is ruled out gets minus infinity, and what is left
is *not* normalised again: `choose` does that. None changes its argument, and each leaves at least one word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.errors import SettingsError

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]

# Of so many words the sum or the maximum is taken at once, to look closely at a few of these blocks only.
BLOCK = 128
# Bins of log-probability, 1 / BINS_PER_NAT wide, that find the edge of a nucleus; the last one is open.
BINS = 512
BINS_PER_NAT = 16
COUNTED_AT_ONCE = 4096
LEAST_SUM = 1e-30


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


def log_softmax(logits: Floats, kind: type[np.floating[Any]] = np.float64) -> Floats:
    """Return the log-probabilities of `logits` over the last axis: x - log Σ exp x.

    Args:
        logits: [..., word].
        kind: of the result. Next to float32 logits, a float32 result loses nothing and is handled faster.
    """
    # In the logits' own precision, in which exp is much faster; only the sum is float64.
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_z = np.log(np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float64))
    logp: Floats = shifted.astype(kind, copy=False)
    logp -= log_z
    return logp


def log_probabilities_of(logits: Floats, words: Integers) -> Floats:
    """Return the log-probability of one word in each row of logits [row, word], float32 [row]."""
    given = logits[np.arange(len(words)), words]
    with np.errstate(over="ignore"):
        sums = _sum_of_exp(logits)
    # Taking each row's maximum away first costs a third of the time, and is needed only where the sum has
    # left the range in which float32 is exact to its last digits.
    if not (sums.min() > LEAST_SUM and sums.max() < np.inf):
        most = logits.max(axis=1)
        sums, given = _sum_of_exp(logits - most[:, None]), given - most
    logp: Floats = given - np.log(sums)
    return logp


def _sum_of_exp(logits: Floats) -> Floats:
    # einsum adds up rows in half the time of sum(axis=1).
    sums: Floats = np.einsum("rw->r", np.exp(logits))
    return sums


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
    cooled: Floats = logp - logp.max()
    with np.errstate(over="ignore"):
        # In float32 a temperature can round to 0.
        cooled /= max(temperature, float(np.finfo(cooled.dtype).tiny))
    return cooled


def only(logp: Floats, words: Integers) -> Floats:
    """Rule out all but `words`, unless none of them is possible."""
    kept = np.full_like(logp, -np.inf)
    kept[..., words] = logp[..., words]
    return kept if np.isfinite(kept).any() else logp


def keep_top_k(logp: Floats, k: int) -> Floats:
    """Keep the `k` likeliest words; of equally likely ones, those with the lower ids. 0 keeps all."""
    if k == 0 or k >= len(logp):
        return logp
    return _keep_best(logp, k, _kth_largest(logp, k))


def keep_top_p(logp: Floats, p: float) -> Floats:
    """Keep the smallest set of likeliest words whose probabilities sum to `p` or more.

    Nucleus sampling (Holtzman et al. 2020, equation 2). Of equally likely words the lower ids come first.
    """
    if p >= 1.0:
        return logp
    highest = logp.max()
    weights = _exp(logp, highest)
    enough = p * weights.sum(dtype=np.float64)
    # Half the vocabulary may be in the set, which takes long to sort: only the bin at its edge is sorted.
    depths = highest - logp
    np.minimum(depths, (BINS - 1) / BINS_PER_NAT, out=depths)
    depths *= BINS_PER_NAT
    bins = depths.astype(np.int16)
    # In parts: bincount makes an int64 and a float64 of each number, which the cache should hold.
    starts = range(0, len(logp), COUNTED_AT_ONCE)
    counted = (slice(start, start + COUNTED_AT_ONCE) for start in starts)
    mass = np.cumsum(np.sum([np.bincount(bins[part], weights[part], BINS) for part in counted], axis=0))
    edge = min(int(np.searchsorted(mass, enough)), BINS - 1)
    ordered = np.sort(logp[bins == edge])[::-1]
    cumulative = (mass[edge - 1] if edge else 0.0) + np.cumsum(_exp(ordered, highest), dtype=np.float64)
    last = min(int(np.searchsorted(cumulative, enough)), len(ordered) - 1)
    return _keep_best(logp, int((bins < edge).sum()) + last + 1, ordered[last])


def keep_min_p(logp: Floats, p: float) -> Floats:
    """Keep the words whose probability is at least `p` times the likeliest one's (Nguyen et al. 2024)."""
    if p == 0.0:
        return logp
    kept: Floats = np.where(logp >= logp.max() + math.log(p), logp, logp.dtype.type(-np.inf))
    return kept


def _kth_largest(logp: Floats, k: int) -> np.floating[Any]:
    """Return the `k`-th largest value, or the smallest that is finite where fewer are."""
    values = logp
    if k <= len(logp) // BLOCK:
        # The k-th largest of the blocks' maxima is reached by k words at least, and by few more.
        maxima = np.maximum.reduceat(logp, np.arange(0, len(logp), BLOCK))
        values = logp[logp >= np.partition(maxima, -k)[-k]]
    # Selecting among thousands of equal values, such as minus infinity, is very slow.
    values = values[values > -np.inf]
    found: np.floating[Any] = values.min() if k >= len(values) else np.partition(values, -k)[-k]
    return found


def _keep_best(logp: Floats, size: int, threshold: np.floating[Any]) -> Floats:
    """Keep the `size` likeliest words, given the log-probability of the least likely of them."""
    ids = np.flatnonzero(logp >= threshold)
    if len(ids) > size:
        tied = np.flatnonzero(logp[ids] == threshold)
        ids = np.delete(ids, tied[len(tied) - (len(ids) - size) :])
    kept = np.full_like(logp, -np.inf)
    kept[ids] = logp[ids]
    return kept


def likeliest(logp: Floats, k: int) -> Integers:
    """Return the ids of the `k` likeliest words, the likeliest first, equally likely ones by id.

    Words that are ruled out are never among them, so there may be fewer.
    """
    ids = np.flatnonzero(np.isfinite(keep_top_k(logp, k)))
    return ids[np.argsort(-logp[ids], kind="stable")]


def shape(logp: Floats, sampling: Sampling) -> Floats:
    """Apply temperature, top-k, top-p and min-p, in that order. Temperature 0 keeps only the likeliest."""
    if sampling.temperature == 0.0:
        return only(logp, np.array([logp.argmax()]))
    logp = apply_temperature(logp, sampling.temperature)
    logp = keep_top_k(logp, sampling.top_k)
    logp = keep_top_p(logp, sampling.top_p)
    return keep_min_p(logp, sampling.min_p)


def pick(logp: Floats, sampling: Sampling, random: np.random.Generator) -> int:
    """Choose one word id as `sampling` says: `shape`, then `choose`."""
    return int(logp.argmax()) if sampling.temperature == 0.0 else choose(shape(logp, sampling), random)


def choose(logp: Floats, random: np.random.Generator) -> int:
    """Draw one word id from the distribution that `logp` [word] describes up to a constant."""
    weights = _exp(logp, logp.max())
    # A running sum over blocks, then inside of one: over all words it would take most of the time.
    sums = np.cumsum(np.add.reduceat(weights, np.arange(0, len(weights), BLOCK), dtype=np.float64))
    drawn = random.random() * sums[-1]
    block = _place(sums, drawn)
    inside = np.cumsum(weights[block * BLOCK : (block + 1) * BLOCK], dtype=np.float64)
    return block * BLOCK + _place(inside, drawn - (sums[block - 1] if block else 0.0))


def _exp(logp: Floats, highest: np.floating[Any]) -> Floats:
    # In one array: another would cost as much as all else.
    weights: Floats = logp - highest
    return np.exp(weights, out=weights)


def _place(cumulative: Floats, drawn: float) -> int:
    """Return the first place whose running sum is above `drawn`."""
    # Rounding can put the draw on the very end: the last place that adds anything.
    last = int(cumulative.searchsorted(cumulative[-1]))
    return min(int(cumulative.searchsorted(drawn, side="right")), last)


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
