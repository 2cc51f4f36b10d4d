"""A Kneser–Ney model with fewer n-grams: those are kept that change its predictions most.

An n-gram h w that is left out is predicted as g(h) p_{k-1}(w | h') instead of p_k(w | h). What that
costs is the probability of the n-gram times the log-ratio of the two: the relative entropy of
Stolcke ("Entropy-based Pruning of Backoff Language Models", DARPA Broadcast News Workshop 1998), of
which the change of g(h) is left out as Seymore and Rosenfeld do (ICSLP 1996, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from foretell.arrays import Float32s, Float64s, Integers, Mask, in_parts
from foretell.ngrams.kneser_ney import KneserNey, Level

_AT_ONCE = 1 << 18
"""N-grams that are processed at a time."""


def pruned(
    model: KneserNey,
    max_ngrams: int,
    gains_of: Callable[[KneserNey], Sequence[Float32s]] | None = None,
) -> KneserNey:
    """Return a model of at most `max_ngrams` n-grams of two or more words; single words are always
    kept.

    An n-gram with which a kept n-gram begins is kept too. The weight of the order below becomes
    what the kept n-grams leave, so that the probabilities still sum to 1.

    Args:
        model: all n-grams.
        max_ngrams: how many are kept.
        gains_of: returns for each order, float32 [n-gram], what each n-gram brings; overwritten.
            None: the relative entropy, for which the text that was counted is not needed.
    """
    levels = model.levels
    if len(model) - len(levels[0].keys) <= max_ngrams:
        return model
    gains = (gains_of or _gains)(model)
    for shorter, level, gain in reversed(list(zip(gains, levels[1:], gains[1:], strict=False))):
        np.maximum.at(shorter, level.keys // model.size, gain)
    is_kept = _largest(np.concatenate(gains[1:]), max_ngrams)
    ends = np.cumsum([len(gain) for gain in gains[1:]])[:-1]
    kept = [np.ones(len(gains[0]), bool), *np.split(is_kept, ends)]
    return KneserNey(tuple(_kept(levels, kept, model.size)), model.size, model.words)


def _largest(gains: Float32s, count: int) -> Mask:
    """Return which are the `count` largest; of equal ones the first, which are shorter n-grams."""
    threshold = np.partition(gains, len(gains) - count)[len(gains) - count]
    is_kept: Mask = gains > threshold
    equal = np.flatnonzero(gains == threshold)
    is_kept[equal[: count - int(is_kept.sum())]] = True
    return is_kept


def _gains(model: KneserNey) -> list[Float32s]:
    """Return what each n-gram of each order brings, float32 [n-gram]; 0 at order 1."""
    size = model.size
    grams = model.levels[0].keys[:, None]
    joint = model.levels[0].probabilities + model.levels[0].backoffs[0] / size
    gains = [np.zeros(len(joint), np.float32)]
    for order, level in enumerate(model.levels[1:], start=2):
        contexts, words = np.divmod(level.keys, size)
        grams = np.column_stack([grams[contexts], words])
        probabilities = _last(model, order, grams)
        lower = level.backoffs[contexts] * _last(model, order - 1, grams)
        joint = joint[contexts] * probabilities
        ratio = probabilities / np.maximum(lower, np.finfo(np.float32).tiny)
        gains.append((joint * np.log(ratio)).astype(np.float32))
    return gains


def _last(model: KneserNey, order: int, grams: Integers) -> Float64s:
    """Return the probability of the last word of each n-gram, [n-gram, word], by so many orders."""
    shorter = KneserNey(model.levels[:order], model.size, model.words)
    rows = grams[:, -order:]
    found = [np.zeros(0)]
    for part in in_parts(rows, _AT_ONCE):
        # One n-gram after another as a text: the last word of each depends on its own words alone.
        found.append(shorter.probabilities(part.ravel())[0][order - 1 :: order])
    return np.concatenate(found)


def _kept(levels: Sequence[Level], kept: Sequence[Mask], size: int) -> list[Level]:
    """Return the levels with the n-grams that are `kept`, bool [n-gram] for each; without empty
    levels.
    """
    smaller = [levels[0]]
    for level, is_kept, shorter in zip(levels[1:], kept[1:], kept, strict=False):
        contexts, words = np.divmod(level.keys[is_kept], size)
        contexts = (np.cumsum(shorter) - 1)[contexts]  # their new numbers
        probabilities = level.probabilities[is_kept]
        if not len(probabilities):
            break
        taken = np.bincount(contexts, probabilities, int(shorter.sum()))
        backoffs = np.clip(1 - taken, 0, 1).astype(np.float32)
        smaller.append(Level(contexts * size + words, probabilities, backoffs))
    return smaller
