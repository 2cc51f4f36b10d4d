"""The scores of the n-gram linear model for a text, the text without each word, and each beginning of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float32s, Float64s
from foretell.ngrams.linear import LinearModel
from foretell.runtime.stopping import check_stopped


@dataclass(frozen=True, eq=False)
class LinearScores:
    """A linear model's scores for a text and its variants.

    Attributes:
        whole: of the text, [column].
        without: of the text without one word, [word, column].
        upto: of the text up to and with a word, [word, column].
        contributions: each word's part of `whole` less the bias, [word, column].
    """

    whole: Float64s
    without: Float64s
    upto: Float64s
    contributions: Float64s

    def plus(self, other: LinearScores) -> LinearScores:
        """Return the scores of two models together."""
        return LinearScores(
            self.whole + other.whole,
            self.without + other.without,
            self.upto + other.upto,
            self.contributions + other.contributions,
        )


def linear_scores(model: LinearModel, ids: Sequence[int]) -> LinearScores:
    """Return the model's scores for a text and its variants, in time linear in the length of the text.

    Leaving out a word removes the n-grams that occur nowhere else, and joins its neighbours to new ones.
    """
    n, columns = len(ids), len(model.bias)
    contributions, lost, gained, new = (np.zeros((n, columns)) for _ in range(4))
    occurrences: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    weights: dict[tuple[int, ...], Float32s] = {}
    for start, stop, weight in model.contributions(ids):
        gram = tuple(ids[start:stop])
        occurrences.setdefault(gram, []).append((start, stop))
        weights[gram] = weight
    for gram, ranges in occurrences.items():
        weight = weights[gram].astype(np.float64)
        for start, stop in ranges:
            contributions[start:stop] += weight / (len(ranges) * len(gram))
        new[ranges[0][1] - 1] += weight
        first, last = _in_all(ranges)
        lost[first:last] += weight
    for i, gram, weight in _made_by_removal(model, ids):
        first, last = _in_all(occurrences[gram]) if gram in occurrences else (i, i + 1)
        if first <= i < last:
            gained[i] += weight
    whole = model.scores([ids])[0].astype(np.float64)
    upto = model.bias.astype(np.float64) + np.cumsum(new, axis=0)
    return LinearScores(whole, whole - lost + gained, upto, contributions)


def _in_all(ranges: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the words that are in every one of the ranges, as a range, which may be empty."""
    return max(start for start, _ in ranges), min(stop for _, stop in ranges)


def _made_by_removal(
    model: LinearModel, ids: Sequence[int]
) -> Iterator[tuple[int, tuple[int, ...], Float32s]]:
    """Yield (i, n-gram, weight) of each known n-gram that contains neighbours on both sides of word i."""
    reach = model.longest - 1
    flat: list[int] = []
    owner: list[int] = []
    gap: list[int] = []
    for i in range(len(ids)):
        check_stopped()
        before, after = ids[max(0, i - reach) : i], ids[i + 1 : i + 1 + reach]
        # Padding separates the neighbours of different words: no n-gram contains it.
        context = [*before, *after, 0]
        gap += [len(flat) + len(before)] * len(context)
        owner += [i] * len(context)
        flat += context
    made = {
        (owner[start], tuple(flat[start:stop])): weight
        for start, stop, weight in model.contributions(flat)
        if start < gap[start] < stop
    }
    for (i, gram), weight in made.items():
        yield i, gram, weight
