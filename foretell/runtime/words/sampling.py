"""Sampling of the next word: pure functions on log-probabilities, in nats.

Every filter takes and returns an array [word]. A word that is ruled out has minus infinity; the
others are *not* normalised again, which `draw` does. No filter changes its argument, and each
leaves at least one word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Floats, Logits, LogProbabilities, Mask, TokenIds
from foretell.errors import ArtifactError, SettingsError

# Words whose maximum is computed first, so that few blocks are examined word by word.
BLOCK = 128
# The sum of exponentials below which float32 loses digits.
MIN_SUM = 1e-30


@dataclass(frozen=True)
class Sampling:
    """The settings of sampling. The defaults sample from the model's own distribution.

    Attributes:
        temperature: divides the log-probabilities; 0 takes the most probable word (greedy), 1
            changes nothing.
        top_k: keep the k most probable words; 0: all.
        top_p: keep the smallest set of most probable words whose probabilities sum to p or more; 1:
            all.
        min_p: keep the words with at least this fraction of the highest probability; 0: all.
        repetition_penalty: multiplies the log-probability of words that occurred before; 1: none.

    Raises:
        SettingsError: a value out of its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        check_value(
            0 <= self.temperature < math.inf,
            "a number of at least 0",
            "temperature",
            self.temperature,
        )
        check_value(self.top_k >= 0, "a whole number of at least 0", "top-k", self.top_k)
        check_value(0 < self.top_p <= 1, "a number above 0 and at most 1", "top-p", self.top_p)
        check_value(0 <= self.min_p <= 1, "a number from 0 to 1", "min-p", self.min_p)
        penalty = self.repetition_penalty
        check_value(
            0 < penalty <= 100, "a number above 0, up to 100", "repetition-penalty", penalty
        )


def check_value(holds: bool, expected: str, where: str, value: float) -> None:
    """Raise SettingsError where a value is out of its range."""
    if not holds:
        raise SettingsError(expected, repr(value), where=where)


def log_softmax(logits: Logits, kind: type[np.floating] = np.float64) -> LogProbabilities:
    """Return the log-probabilities of `logits` [..., word]: x - log Σ exp x.

    For float32 logits, a float32 result loses nothing and is processed faster.

    Raises:
        ArtifactError: a logit is NaN, or the largest one infinite.
    """
    # exp is much faster in the logits' own precision; only the sum is float64.
    shifted = logits - _highest(logits)
    log_z = np.log(np.exp(shifted).sum(axis=-1, keepdims=True, dtype=np.float64))
    logp: LogProbabilities = shifted.astype(kind, copy=False)
    logp -= log_z
    return logp


def log_probabilities_of(logits: Logits, words: TokenIds) -> LogProbabilities:
    """Return the log-probability of one word for each row of logits [row, word], float32 [row].

    Raises:
        ArtifactError: a logit is NaN, or the largest one infinite.
    """
    given = logits[np.arange(len(words)), words]
    with np.errstate(over="ignore"):
        sums = _sum_of_exp(logits)
    # Subtracting each row's maximum first takes a third of the time. It is needed only where the
    # sum is outside the range in which float32 has all its digits.
    if not (sums.min() > MIN_SUM and sums.max() < np.inf):
        highest = _highest(logits)
        sums = _sum_of_exp(logits - highest)
        given = given - highest[:, 0]
    return given - np.log(sums)


def _highest(logits: Logits) -> Logits:
    """Return the largest of each row, [..., 1]; weights may be finite and too large to compute
    with.
    """
    highest: Logits = logits.max(axis=-1, keepdims=True)
    if not np.isfinite(highest).all():
        raise ArtifactError(
            "finite logits of the network",
            "NaN or infinity",
            fix="train the model again",
        )
    return highest


def _sum_of_exp(logits: Logits) -> Floats:
    # einsum sums rows in half the time of sum(axis=1).
    sums: Floats = np.einsum("rw->r", np.exp(logits))
    return sums


def rule_out(logp: LogProbabilities, words: list[int]) -> LogProbabilities:
    """Rule out `words`, unless no other word is possible."""
    kept = logp.copy()
    kept[..., words] = -np.inf
    return kept if np.isfinite(kept).any() else logp


def penalize_repetition(
    logp: LogProbabilities, seen: TokenIds | Mask, penalty: float
) -> LogProbabilities:
    """Multiply the log-probabilities of words `seen`, ids or a mask [word], by `penalty`.

    After CTRL (Keskar et al. 2019, section 4.1), which divides logits. On log-probabilities, never
    above 0, it is p ↦ p^penalty, which does not depend on a constant added to all logits.
    """
    if penalty == 1.0 or not len(seen):
        return logp
    penalized = logp.copy()
    # Ids may repeat in `seen`: read from `logp`, so that each word is penalised once.
    penalized[seen] = logp[seen] * penalty
    return penalized


def apply_temperature(logp: LogProbabilities, temperature: float) -> LogProbabilities:
    """Divide by `temperature` (above 0): below 1 sharpens, above 1 flattens."""
    # Differences to the maximum are divided: they cannot all become minus infinity at a tiny
    # temperature.
    if temperature == 1.0:
        return logp
    cooled: LogProbabilities = logp - logp.max()
    with np.errstate(over="ignore"):
        # In float32 a temperature can round to 0.
        cooled /= max(temperature, float(np.finfo(cooled.dtype).tiny))
    return cooled


def keep_only(logp: LogProbabilities, words: TokenIds) -> LogProbabilities:
    """Rule out all but `words`, unless none of them is possible."""
    kept = np.full_like(logp, -np.inf)
    kept[..., words] = logp[..., words]
    return kept if np.isfinite(kept).any() else logp


def keep_top_k(logp: LogProbabilities, k: int) -> LogProbabilities:
    """Keep the `k` most probable words; of equally probable ones, those with the lower ids. 0 keeps
    all.
    """
    if k == 0 or k >= len(logp):
        return logp
    values = logp
    if k <= len(logp) // BLOCK:
        # At least k words have the k-th largest of the blocks' maxima or more, and few more than k.
        maxima = np.maximum.reduceat(logp, np.arange(0, len(logp), BLOCK))
        values = logp[logp >= np.partition(maxima, -k)[-k]]
    # np.partition is very slow with thousands of equal values, such as minus infinity.
    values = values[values > -np.inf]
    return _keep_best(logp, k, values.min() if k >= len(values) else np.partition(values, -k)[-k])


def keep_top_p(logp: LogProbabilities, p: float) -> LogProbabilities:
    """Keep the smallest set of most probable words whose probabilities sum to `p` or more.

    Nucleus sampling (Holtzman et al. 2020, equation 2). Of equally probable words the lower ids
    come first.
    """
    if p >= 1.0:
        return logp
    weights = _exp(logp)
    total = weights.sum(dtype=np.float64)
    # Words with less than an equal share of 1 - p have less than 1 - p together: the others are
    # enough. Sorting all of 10,000 words takes longer than the network.
    probable = logp[weights >= (1 - p) * total / len(logp)]
    ordered = np.sort(probable)[::-1]
    cumulative = np.cumsum(np.exp(ordered - ordered[0]), dtype=np.float64)
    last = min(int(np.searchsorted(cumulative, p * total)), len(ordered) - 1)
    return _keep_best(logp, last + 1, ordered[last])


def keep_min_p(logp: LogProbabilities, p: float) -> LogProbabilities:
    """Keep the words whose probability is at least `p` times the highest one (Nguyen et al.
    2024).
    """
    if p == 0.0:
        return logp
    return np.where(logp >= logp.max() + math.log(p), logp, logp.dtype.type(-np.inf))


def _keep_best(logp: LogProbabilities, size: int, threshold: np.floating) -> LogProbabilities:
    """Keep the `size` most probable words, given the smallest log-probability among them."""
    ids = np.flatnonzero(logp >= threshold)
    if len(ids) > size:
        tied = np.flatnonzero(logp[ids] == threshold)
        ids = np.delete(ids, tied[len(tied) - (len(ids) - size) :])
    return keep_only(logp, ids)


def top_ids(logp: LogProbabilities, k: int) -> TokenIds:
    """Return the ids of the `k` most probable words, the most probable first, equally probable ones
    by id.

    Words that are ruled out are not among them, so there may be fewer.
    """
    ids = np.flatnonzero(np.isfinite(keep_top_k(logp, k)))
    return ids[np.argsort(-logp[ids], kind="stable")]


def sample_id(logp: LogProbabilities, sampling: Sampling, random: np.random.Generator) -> int:
    """Return one word id: temperature, top-k, top-p and min-p, in that order, then `draw`."""
    if sampling.temperature == 0.0:
        return int(logp.argmax())
    logp = apply_temperature(logp, sampling.temperature)
    logp = keep_top_p(keep_top_k(logp, sampling.top_k), sampling.top_p)
    return draw(keep_min_p(logp, sampling.min_p), random)


def draw(logp: LogProbabilities, random: np.random.Generator) -> int:
    """Draw one word id from the distribution whose log-probabilities are `logp` [word] plus a
    constant.
    """
    cumulative = np.cumsum(_exp(logp), dtype=np.float64)
    # Rounding can move the draw to the end of the sum: then the last word with a weight is taken.
    last = int(cumulative.searchsorted(cumulative[-1]))
    return min(int(cumulative.searchsorted(random.random() * cumulative[-1], side="right")), last)


def _exp(logp: LogProbabilities) -> Floats:
    # In one array: allocating another takes as long as the rest.
    weights: Floats = logp - logp.max()
    return np.exp(weights, out=weights)
