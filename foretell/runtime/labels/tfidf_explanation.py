"""The scores of a TF-IDF model for a text, for the text without each word, and for each beginning of it.

A score depends on how often each feature occurs. Leaving out a word takes the features away that it is a part
of, and joins its neighbours to new ones; ending the text at a word takes all later ones away. So each variant
is described by the changes of its counts, and all variants together cost little more than the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foretell.arrays import Float64s, Integers, NgramKeys
from foretell.ngrams.characters import LONGEST, CodePoints, ngrams_of_points, normalized
from foretell.ngrams.keys import ngram_keys
from foretell.ngrams.tfidf import TfidfFeatures, TfidfModel, find
from foretell.runtime.labels.linear_scores import LinearScores
from foretell.text.tokenizer import Span

_SPACE, _NEVER = 32, 0x110000
"""Code points: what words are separated by, and one that no text has."""


Changes = tuple[Integers, Integers, int]
"""Variants and features, [change] each, whose counts change by the number."""


class Occurrences(NamedTuple):
    """Features in a text, [occurrence] each: the feature, and the first and the last word it is a part of."""

    features: Integers
    first: Integers
    last: Integers


@dataclass(frozen=True, eq=False)
class Characters:
    """A text as code points, with a single space before, between and after what white space separates.

    Attributes:
        points: uint32 [character].
        owner: int64 [character], the token that a character belongs to; -1 for a space.
        starts, ends: int64 [token], where the characters of each token are.
    """

    points: CodePoints
    owner: Integers
    starts: Integers
    ends: Integers


def tfidf_scores(model: TfidfModel, text: str, spans: Sequence[Span]) -> LinearScores:
    """Return the model's scores for a text and its variants.

    Args:
        model: the model.
        text: the text.
        spans: (id, start, end) of each of its tokens.
    """
    ids = np.array([id for id, _, _ in spans], np.int64)
    characters = characters_of(text, spans)
    found = _occurrences(model.features, ids, characters)
    counts = np.bincount(found.features, minlength=len(model))
    sums = _Sums(model, counts)
    without = sums.changed(len(ids), _removed(found), _joined(model.features, ids, characters))
    upto = sums.upto(len(ids), found, _ended(model.features, characters))
    return LinearScores(sums.whole(), without, upto, _contributions(model, found, counts, len(ids), sums))


class _Sums:
    """The sums that a score is made of, and how they change."""

    def __init__(self, model: TfidfModel, counts: Integers) -> None:
        self._model, self._counts = model, counts
        present = np.flatnonzero(counts)
        values = self.value(present, counts[present])
        self.numerator = values @ model.weights[present].astype(np.float64)
        self.power = float((values**model.norm).sum())

    def value(self, features: Integers, counts: Integers) -> Float64s:
        """Return the TF-IDF values before they are divided by the norm."""
        logs = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0.0)
        values: Float64s = logs * self._model.idf[features].astype(np.float64)
        return values

    def whole(self) -> Float64s:
        """Return the scores of the text, [column]."""
        row: Float64s = self._scores(self.numerator[None], np.array([self.power]))[0]
        return row

    def changed(self, n: int, *changes: Changes) -> Float64s:
        """Return the scores of `n` variants, [variant, column].

        Args:
            n: number of variants.
            changes: variants and features, [change] each, whose counts change by the number.
        """
        variant = np.concatenate([each[0] for each in changes])
        feature = np.concatenate([each[1] for each in changes])
        by = np.concatenate([np.full(len(each[0]), each[2]) for each in changes])
        pairs, place = np.unique(variant * len(self._model) + feature, return_inverse=True)
        variant, feature = np.divmod(pairs, len(self._model))
        before = self._counts[feature]
        after = before + np.bincount(place, by, len(pairs)).astype(np.int64)
        numerator, power = self._differences(n, variant, feature, before, after)
        return self._scores(self.numerator + numerator, self.power + power)

    def upto(self, n: int, found: Occurrences, ended: tuple[Integers, Integers]) -> Float64s:
        """Return the scores of the text up to and with each word, [word, column].

        Args:
            n: number of words.
            found: the text's features.
            ended: words and features, [pair] each: what the text has only where it ends at the word.
        """
        order = np.lexsort((found.last, found.features))
        feature, last = found.features[order], found.last[order]
        begins = np.append(True, feature[1:] != feature[:-1])[: len(feature)]
        place = np.arange(len(feature))
        rank = place - np.maximum.accumulate(np.where(begins, place, 0))
        steps = self._differences(n, last, feature, rank, rank + 1)
        numerator, power = np.cumsum(steps[0], axis=0), np.cumsum(steps[1])
        # How often the text has had these features so far.
        word, extra = np.unique(np.stack(ended), axis=1) if len(ended[0]) else ended
        times = _pair_counts(*ended, word, extra)
        packed = feature * (n + 1) + last
        so_far = np.searchsorted(packed, extra * (n + 1) + word, side="right")
        so_far -= np.searchsorted(packed, extra * (n + 1), side="left")
        more = self._differences(n, word, extra, so_far, so_far + times)
        return self._scores(numerator + more[0], power + more[1])

    def _differences(
        self, n: int, variant: Integers, feature: Integers, before: Integers, after: Integers
    ) -> tuple[Float64s, Float64s]:
        """Return how changed counts change numerator [variant, column] and power [variant]."""
        old, new = self.value(feature, before), self.value(feature, after)
        weights = self._model.weights[feature].astype(np.float64)
        columns = [np.bincount(variant, (new - old) * column, n) for column in weights.T]
        power: Float64s = np.zeros(n)
        power += np.bincount(variant, new**self._model.norm - old**self._model.norm, n)
        return np.stack(columns, axis=1), power

    def _scores(self, numerator: Float64s, power: Float64s) -> Float64s:
        # Sums of what is added and taken away again can miss 0 by the last digit.
        norm = np.maximum(power, 0) ** (1 / self._model.norm)
        share = np.where(norm > 1e-6, 1 / np.maximum(norm, 1e-6), 0.0)
        scores: Float64s = numerator * share[:, None] + self._model.bias
        return scores


def characters_of(text: str, spans: Sequence[Span]) -> Characters:
    """Return the characters of a text, each with the token that it belongs to."""
    pieces, owners, before = [" "], [-1], 0
    starts, ends = np.zeros(len(spans), np.int64), np.zeros(len(spans), np.int64)
    for token, (_, start, end) in enumerate(spans):
        # What no token covers belongs to the token after it, unless white space separates them.
        lead_start = start
        while lead_start > before and not text[lead_start - 1].isspace():
            lead_start -= 1
        if lead_start > before and owners[-1] >= 0:
            pieces.append(" ")
            owners.append(-1)
        piece = normalized(text[lead_start:end])
        starts[token] = len(owners)
        pieces.append(piece)
        owners += [token] * len(piece)
        ends[token] = len(owners)
        before = max(before, end)
    if owners[-1] >= 0:
        pieces.append(" ")
        owners.append(-1)
    points = np.frombuffer("".join(pieces).encode("utf-32-le", "surrogatepass"), np.uint32)
    return Characters(points, np.array(owners), starts, ends)


def _occurrences(features: TfidfFeatures, ids: NgramKeys, characters: Characters) -> Occurrences:
    """Return the occurrences of all features of a text."""
    parts = []
    whole = np.array([0, len(ids)])
    for n, (keys, at) in enumerate(ngram_keys(ids, whole, features.size, features.longest), 1):
        parts.append((find(features.words, keys), at, at + n - 1))
    if len(features.characters):
        owner, points = characters.owner, characters.points
        for n, (keys, at) in enumerate(ngrams_of_points(points, features.alphabet), 2):
            end = at + n - 1
            first = np.where(owner[at] < 0, owner[np.minimum(at + 1, len(owner) - 1)], owner[at])
            last = np.where(owner[end] < 0, owner[end - 1], owner[end])
            parts.append((_character_features(features, keys), first, last))
    return _known(parts)


def _removed(found: Occurrences) -> Changes:
    """Return each word with the features that it is a part of."""
    lengths = found.last - found.first + 1
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(found.first, lengths) + offsets, np.repeat(found.features, lengths), -1


def _joined(
    features: TfidfFeatures, ids: NgramKeys, characters: Characters
) -> tuple[Integers, Integers, int]:
    """Return each word with the features that its neighbours make where it is left out."""
    middle = np.arange(1, len(ids) - 1) if features.longest > 1 else np.zeros(0, np.int64)
    parts: list[tuple[Integers, Integers, Integers]] = []
    if len(middle):
        pairs = np.stack([ids[middle - 1], ids[middle + 1]], axis=1).ravel()
        keys = list(ngram_keys(pairs, np.arange(0, len(pairs) + 1, 2), features.size, 2))[1]
        parts.append((find(features.words, keys[0]), middle[keys[1] // 2], middle[keys[1] // 2]))
    if len(features.characters):
        tokens = np.arange(len(ids))
        owner, points = characters.owner, characters.points
        left, right = characters.starts - 1, np.minimum(characters.ends, len(points) - 1)
        inside = (characters.ends > characters.starts) & ((owner[left] >= 0) | (owner[right] >= 0))
        contexts = _contexts(points, left[inside], right[inside])
        parts.append(_crossing(features, contexts, tokens[inside]))
    found = _known(parts)
    return found.first, found.features, 1


def _ended(features: TfidfFeatures, characters: Characters) -> tuple[Integers, Integers]:
    """Return each word with the features that end with it only where the text ends there."""
    if not len(features.characters):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    points, owner, ends = characters.points, characters.owner, characters.ends
    cut = np.flatnonzero((ends > characters.starts) & (owner[np.minimum(ends, len(owner) - 1)] >= 0))
    space = np.full(len(cut), len(points), np.int64)
    contexts = _contexts(np.append(points, np.uint32(_SPACE)), ends[cut] - 1, space)
    found = _known([_crossing(features, contexts, cut)])
    return found.first, found.features


class _Contexts(NamedTuple):
    """Characters on both sides of a gap, one context after another.

    Attributes:
        points: uint32 [character]; contexts are separated by a character that no text has.
        context: int64 [character], which context.
        gap: int64 [context], the first character after the gap.
    """

    points: CodePoints
    context: Integers
    gap: Integers


def _contexts(points: CodePoints, left: Integers, right: Integers) -> _Contexts:
    """Return what is around gaps: up to four characters of the same word to `left` and from `right` on."""
    reach = LONGEST - 1
    before = left[:, None] - np.arange(reach - 1, -1, -1)
    after = right[:, None] + np.arange(reach)
    rows = np.full((len(left), 2 * reach + 1), _NEVER, np.uint32)
    rows[:, :reach] = np.where(before >= 0, points[np.maximum(before, 0)], _NEVER)
    rows[:, reach:-1] = np.where(after < len(points), points[np.minimum(after, len(points) - 1)], _NEVER)
    # Only the characters up to the nearest space on each side are in the same word.
    past_left = np.cumsum(rows[:, reach - 1 :: -1][:, :reach] == _SPACE, axis=1) - (
        rows[:, reach - 1 :: -1][:, :reach] == _SPACE
    )
    rows[:, :reach] = np.where(past_left[:, ::-1] > 0, _NEVER, rows[:, :reach])
    is_space = rows[:, reach:-1] == _SPACE
    rows[:, reach:-1] = np.where(np.cumsum(is_space, axis=1) - is_space > 0, _NEVER, rows[:, reach:-1])
    context = np.repeat(np.arange(len(left)), rows.shape[1])
    return _Contexts(rows.ravel(), context, np.arange(len(left)) * rows.shape[1] + reach)


def _crossing(
    features: TfidfFeatures, contexts: _Contexts, tokens: Integers
) -> tuple[Integers, Integers, Integers]:
    """Return the features that contain characters on both sides of a gap, and the token of each."""
    found: list[Integers] = [np.zeros(0, np.int64)]
    owners: list[Integers] = [np.zeros(0, np.int64)]
    if len(tokens):
        for n, (keys, at) in enumerate(ngrams_of_points(contexts.points, features.alphabet), 2):
            context = contexts.context[at]
            crosses = (at < contexts.gap[context]) & (at + n > contexts.gap[context])
            found.append(_character_features(features, keys[crosses]))
            owners.append(tokens[context[crosses]])
    owner = np.concatenate(owners)
    return np.concatenate(found), owner, owner


def _character_features(features: TfidfFeatures, keys: NgramKeys) -> Integers:
    places = find(features.characters, keys)
    return np.where(places < 0, -1, places + len(features.words))


def _known(parts: Sequence[tuple[Integers, Integers, Integers]]) -> Occurrences:
    empty = [np.zeros(0, np.int64)] * 3
    features, first, last = (np.concatenate(each) for each in zip(empty, *parts, strict=True))
    known = features >= 0
    return Occurrences(features[known], first[known], last[known])


def _pair_counts(words: Integers, features: Integers, word: Integers, feature: Integers) -> Integers:
    """Return how often each pair of `word` and `feature` occurs among the pairs of the first two."""
    if not len(words):
        return np.zeros(0, np.int64)
    bound = int(features.max()) + 1
    packed = np.sort(words * bound + features)
    searched = word * bound + feature
    return np.searchsorted(packed, searched, side="right") - np.searchsorted(packed, searched)


def _contributions(model: TfidfModel, found: Occurrences, counts: Integers, n: int, sums: _Sums) -> Float64s:
    """Return each word's part of the score less the bias, [word, column].

    The part of a feature is divided equally among its occurrences and their words.
    """
    norm = max(sums.power, 1e-12) ** (1 / model.norm)
    words, features, _ = _removed(found)
    lengths = found.last - found.first + 1
    share = np.repeat(1 / lengths, lengths) / counts[features]
    values = sums.value(features, counts[features]) * share / norm
    weights = model.weights[features].astype(np.float64)
    return np.stack([np.bincount(words, values * column, n) for column in weights.T], axis=1)
