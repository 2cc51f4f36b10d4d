"""The metrics of a language model as a keyboard uses it: accuracy of the next word, and keystrokes saved.

After A. Hard et al., "Federated Learning for Mobile Keyboard Prediction", 2018 (arXiv 1811.03604), section 4,
which counts how often the next word is the first suggestion (top-1), or among the first three (top-3), of all
words. Every token of the text counts, marks and ends of lines too. An unknown word counts as not suggested,
and `<unk>` is never a suggestion.

Keystrokes: what a word costs without suggestions is defined in `foretell.text.line_encoder`. Three words are
suggested, the most probable ones that begin with the letters typed so far. Accepting one costs one key, which
writes the white space after it too. Somebody who writes accepts a word as soon as it is suggested, unless it
is finished as fast. Marks and ends of lines are not among these suggestions: they cost one key anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s, Floats, Integers, Logits, TokenIds
from foretell.metrics.bootstrap import method, ratio_intervals
from foretell.ngrams.cache import ContinuousCache, distributions
from foretell.ngrams.ensemble import softmax
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey

SUGGESTIONS = 3
CACHE = 500
"""Words in the cache, where none was asked for."""

BLOCK = 50
"""Positions that are drawn together in a resample: words near one another are not independent."""

METRICS = ("top1_accuracy", "top3_accuracy", "keystrokes_saved")

_MAX_LETTERS = 24
_AT_ONCE = 1_000_000
"""Probabilities in memory at once, of each of the models."""

Flags = npt.NDArray[np.bool_]


class Keyboard:
    """The words of a vocabulary as somebody types them; see `foretell.text.line_encoder.Typed`."""

    def __init__(self, words: Sequence[str], keys: Sequence[int], hidden: Collection[int]) -> None:
        self.size = len(words)
        self._can_come: Flags = np.ones(self.size, np.bool_)
        self._can_come[list(hidden)] = False
        self._is_typed = self._can_come & (np.array(keys) > 1)
        # The last column tells apart words that begin alike.
        self._letters = np.zeros([self.size, _MAX_LETTERS + 1], np.int32)
        self._letters[:, -1] = np.arange(self.size)
        for id, word in enumerate(words):
            points = [ord(letter) for letter in word[:_MAX_LETTERS]]
            self._letters[id, : len(points)] = points

    def suggested(self, probabilities: Floats, targets: TokenIds, costs: Integers) -> Suggested:
        """Return how the words that followed, [position], were suggested by probabilities [position, word].

        Of equally probable words the lower ids come first. `costs` are their keys without suggestions.
        """
        given = np.take_along_axis(probabilities, targets[:, None], axis=1)
        better = probabilities > given
        better |= (probabilities == given) & (np.arange(self.size) < targets[:, None])
        better &= self._can_come
        rank = better.sum(axis=1)
        better &= self._is_typed
        is_late = better.sum(axis=1) >= SUGGESTIONS
        keys = np.ones(len(targets), np.int64)
        keys[is_late] += self._letters_before(better[is_late], targets[is_late])
        can_come = self._can_come[targets]
        keys = np.where(self._is_typed[targets], np.minimum(keys, costs), costs)
        return Suggested((rank < 1) & can_come, (rank < SUGGESTIONS) & can_come, keys)

    def _letters_before(self, better: Flags, targets: TokenIds) -> Integers:
        """Return the letters that are typed before each word is among the three suggested, [position].

        A word that is more probable stands in the way as long as both begin alike, so the third of these,
        by the letters that they share with the word, decides. Three are more probable at every position.
        """
        first = self._letters[:, 0]
        better &= first == first[targets][:, None]
        places, words = np.divmod(np.flatnonzero(better), self.size)
        # The first column that differs is the number of letters that are equal.
        shared = (self._letters[words] == self._letters[targets[places]]).argmin(axis=1)
        order = np.lexsort((-shared, places))
        counts = np.bincount(places, minlength=len(targets))
        third = np.cumsum(counts) - counts + SUGGESTIONS - 1
        letters = np.ones(len(targets), np.int64)
        has_third = counts >= SUGGESTIONS
        letters[has_third] += shared[order[third[has_third]]]
        return letters


class Suggested(NamedTuple):
    """Of each position of a text: whether the word was the first suggestion, among three; keys for it."""

    top1: Flags
    top3: Flags
    keys: Integers


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A language model; `output` gives logits [row, word] of hidden values [row, embedding]."""

    output: Callable[[Floats], Logits]
    kneser_ney: KneserNey | None
    interpolation: Interpolation | None
    cache: ContinuousCache


class Measurement:
    """Measures each part of a model on a text that is read in order, with so many words in the cache."""

    def __init__(self, keyboard: Keyboard, parts: Parts, cache: int = CACHE) -> None:
        self._keyboard, self._parts, self._size = keyboard, parts, cache
        self._hidden: Floats | None = None
        self._followed: TokenIds = np.zeros(0, np.int64)
        self._read: TokenIds = np.zeros(0, np.int64)
        self._costs: list[Integers] = []
        self._found: dict[str, list[Suggested]] = {}

    def add(self, ids: TokenIds, costs: Integers, hidden: Floats) -> None:
        """Measure the next part of the text.

        Args:
            ids: the token before it, and its tokens, int [position + 1].
            costs: the keys of its tokens without suggestions, [position].
            hidden: the network's hidden value before each token, [position, embedding].
        """
        rows = max(1, _AT_ONCE // self._keyboard.size)
        for start in range(0, len(hidden), rows):
            stop = min(start + rows, len(hidden))
            targets = ids[start + 1 : stop + 1]
            for name, probabilities in self._probabilities(ids[start : stop + 1], hidden[start:stop]):
                found = self._keyboard.suggested(probabilities, targets, costs[start:stop])
                self._found.setdefault(name, []).append(found)
        self._costs.append(costs)

    def _probabilities(self, ids: TokenIds, hidden: Floats) -> list[tuple[str, Floats]]:
        """Return the probabilities [position, word] of each part, and of the model as it grows together."""
        parts = self._parts
        model: Floats = softmax(parts.output(hidden))
        found = [("network", model)]
        if parts.kneser_ney is not None and parts.interpolation is not None:
            counted, lengths = self._counted(parts.kneser_ney, ids[:-1])
            weights = np.array(parts.interpolation.weights, np.float32)[lengths][:, None]
            model = (1 - weights) * model + weights * counted
            found += [("kneser_ney", counted), ("both", model)]
        return [*found, ("cache", self._with_cache(model, hidden, ids[1:]))]

    def _counted(self, kneser_ney: KneserNey, ids: TokenIds) -> tuple[Float32s, Integers]:
        read = np.concatenate([self._read, ids])
        longest = kneser_ney.order - 1
        ends = range(len(self._read) + 1, len(read) + 1)
        rows = [kneser_ney.distribution(read[max(0, end - longest) : end]) for end in ends]
        self._read = read[-longest:]
        return np.stack([row for row, _ in rows]), np.array([length for _, length in rows])

    def _with_cache(self, model: Floats, hidden: Floats, targets: TokenIds) -> Floats:
        before = hidden[:0] if self._hidden is None else self._hidden
        every = np.concatenate([before, hidden])
        followed = np.concatenate([self._followed, targets])
        cached, pairs = distributions(
            self._parts.cache.theta, every, followed, self._size, first=len(before), n_words=model.shape[1]
        )
        weights = self._parts.cache.weights(pairs).astype(np.float32)[:, None]
        self._hidden, self._followed = every[-self._size :], followed[-self._size :]
        with_cache: Floats = (1 - weights) * model + weights * cached
        return with_cache

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of each part, with intervals, ready for JSON; empty: nothing was measured."""
        if not self._costs or not sum(map(len, self._costs)):
            return {}
        costs = np.concatenate(self._costs)
        models = {
            name: _metrics(Suggested(*map(np.concatenate, zip(*parts, strict=True))), costs)
            for name, parts in self._found.items()
        }
        how = {**method(), "name": f"percentile bootstrap over blocks of {BLOCK} words"}
        return {
            "positions": len(costs), "cache_words": self._size, "models": models, "interval_method": how
        }  # fmt: skip


def _metrics(found: Suggested, costs: Integers) -> dict[str, Any]:
    """Return the metrics of one model, and the 95 % interval of each."""
    ones = np.ones(len(costs), np.int64)
    parts = (found.top1, found.top3, costs - found.keys)
    wholes = (ones, ones, costs)
    starts = np.arange(0, len(costs), BLOCK)
    blocks = [[np.add.reduceat(each.astype(np.float64), starts) for each in side] for side in (parts, wholes)]
    values = [float(part.sum() / whole.sum()) for part, whole in zip(parts, wholes, strict=True)]
    ends = ratio_intervals(np.stack(blocks[0], axis=1), np.stack(blocks[1], axis=1))
    return {**dict(zip(METRICS, values, strict=True)), "intervals": dict(zip(METRICS, ends, strict=True))}


def headline(suggestions: Mapping[str, Any], *, with_cache: bool = False) -> dict[str, float]:
    """Return the metrics of the model as it predicts: of network and Kneser–Ney model, or the network."""
    models = suggestions.get("models", {})
    name = "cache" if with_cache else next((each for each in ("both", "network") if each in models), None)
    return {key: models[name][key] for key in METRICS} if name in models else {}
