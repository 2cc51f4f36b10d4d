"""Which texts to label next: uncertain ones, of which there are many like it, unlike each other."""

from __future__ import annotations

import numpy as np

from foretell.arrays import Float32s, Float64s, Integers, Probabilities

DENSITY_POWER = 0.5
"""How much density counts. Of 0, 0.5 and 1, 0.5 needed the fewest labels (docs/experiments.md)."""

NEIGHBOURS = 10
"""Texts that density is measured on."""

_SAMPLE = 2_000
_SHORTLIST = 400


def uncertainty(probabilities: Probabilities) -> Float64s:
    """Return 1 - margin: 1 minus the difference of the two largest probabilities, [text]."""
    top = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:]
    result: Float64s = 1 - (top[:, 1] - top[:, 0])
    return result


def information(probabilities: Probabilities, density: Float64s) -> Float64s:
    """Return how informative the label of each text is expected to be, [text].

    Uncertainty times density (Settles and Craven 2008, "information density"): the most uncertain texts are
    often unlike all others, and teach little about them.
    """
    result: Float64s = uncertainty(probabilities) * density**DENSITY_POWER
    return result


def densities(embeddings: Float32s, seed: int) -> Float64s:
    """Return the mean similarity of each text to the texts most similar to it, [text], 0 to 1.

    They are searched among 2,000 texts that are drawn at random.
    """
    n = len(embeddings)
    sample = np.random.default_rng(seed).permutation(n)[:_SAMPLE]
    k = min(NEIGHBOURS + 1, len(sample))
    means = [np.zeros(0)]
    for first in range(0, n, 1024):
        near = embeddings[first : first + 1024] @ embeddings[sample].T
        means.append(np.partition(near, -k, axis=1)[:, -k:].mean(axis=1))
    result: Float64s = np.clip(np.concatenate(means), 1e-3, 1).astype(np.float64)
    return result


def select(
    scores: Float64s, embeddings: Float32s, candidates: Integers, near: Integers, count: int
) -> list[int]:
    """Return up to `count` candidates with high scores that are unlike each other and unlike those in `near`.

    Args:
        scores: [text], not negative.
        embeddings: unit vectors, float32 [text, dimension].
        candidates: places of texts.
        near: places of texts that were labelled last or wait to be labelled.
        count: how many.
    """
    shortlist = candidates[np.argsort(-scores[candidates], kind="stable")[:_SHORTLIST]]
    rows = embeddings[shortlist]
    closest = np.zeros(len(shortlist))
    if len(near):
        closest = np.maximum(closest, (rows @ embeddings[near].T).max(axis=1))
    left, chosen = scores[shortlist] + 1e-9, []
    for _ in range(min(count, len(shortlist))):
        # A small part is left to the score alone: equal texts differ in nothing else.
        best = int(np.argmax(left * (1.001 - np.clip(closest, 0, 1))))
        chosen.append(int(shortlist[best]))
        left[best] = -1
        closest = np.maximum(closest, rows @ rows[best])
    return chosen
