"""The metrics of a language model as a keyboard uses it: accuracy of the next word, and keystrokes
saved.

After A. Hard et al., "Federated Learning for Mobile Keyboard Prediction", 2018 (arXiv 1811.03604),
section 4, which counts how often the next word is the first suggestion (top-1), or among the first
three (top-3), of all words. Every token of the text counts, marks and ends of lines too. An unknown
word counts as not suggested, and `<unk>` is never a suggestion.

Keystrokes: what a word costs without suggestions is defined in `foretell.text.tokenizer.keys_of`.
Three words are suggested, the most probable ones that begin with the letters typed so far.
Accepting one costs one key, which writes the white space after it too. Somebody who writes accepts
a word as soon as it is suggested, unless it is finished as fast. Marks and ends of lines are not
among these suggestions: they cost one key anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from foretell.arrays import Float32s, Floats, Integers, Logits, Mask, TokenIds
from foretell.metrics import Report
from foretell.metrics.bootstrap import method, ratio_intervals
from foretell.ngrams.cache import ContinuousCache, distributions, fill
from foretell.ngrams.ensemble import softmax
from foretell.ngrams.kneser_ney import Interpolation, KneserNey

SUGGESTIONS = 3
CACHE = 500
"""Words in the cache, where none was asked for."""

BLOCK = 50
"""Positions that are drawn together in a resample: words near one another are not independent."""

METRICS = ("top1_accuracy", "top3_accuracy", "keystrokes_saved")

_MAX_LETTERS = 24
_AT_ONCE = 1_000_000
"""Probabilities in memory at once, of each of the models."""


class Keyboard:
    """The words of a vocabulary as somebody types them; see `Tokenizer.typed`."""

    def __init__(self, words: Sequence[str], keys: Sequence[int], hidden: Collection[int]) -> None:
        self.size = len(words)
        self._can_come: Mask = np.ones(self.size, np.bool_)
        self._can_come[list(hidden)] = False
        self.keys: Integers = np.array(keys, np.int64)
        self._is_typed = self._can_come & (self.keys > 1)
        # The last column tells apart words that begin alike.
        self._letters = np.zeros([self.size, _MAX_LETTERS + 1], np.int32)
        self._letters[:, -1] = np.arange(self.size)
        for id, word in enumerate(words):
            points = [ord(letter) for letter in word[:_MAX_LETTERS]]
            self._letters[id, : len(points)] = points

    def suggested(self, probabilities: Floats, targets: TokenIds, costs: Integers) -> Suggested:
        """Return how the words that followed, [position], were suggested by probabilities
        [position, word].

        Of equally probable words the lower ids come first. `costs` are their keys without
        suggestions.
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

    def _letters_before(self, better: Mask, targets: TokenIds) -> Integers:
        """Return the letters that are typed before each word is among the three suggested,
        [position].

        A word that is more probable stands in the way as long as both begin alike, so the third of
        these, by the letters that they share with the word, decides. Three are more probable at
        every position.
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
    """Of each position of a text: whether the word was the first suggestion, among three; keys for
    it.
    """

    top1: Mask
    top3: Mask
    keys: Integers


class Measurement:
    """Measures each part of a language model on a text that is read in order.

    Args:
        keyboard: its vocabulary.
        output: gives the network's logits [row, word] of hidden values [row, embedding].
        kneser_ney, interpolation: the Kneser–Ney model and its weight; None: the network is alone.
        cache: the parameters of the continuous cache.
        size: words in the cache.
    """

    def __init__(
        self,
        keyboard: Keyboard,
        output: Callable[[Floats], Logits],
        kneser_ney: KneserNey | None,
        interpolation: Interpolation | None,
        cache: ContinuousCache,
        size: int = CACHE,
    ) -> None:
        self._keyboard = keyboard
        self._output = output
        self._cache = cache
        self._size = size
        self._kneser_ney = kneser_ney
        self._interpolation = interpolation
        # The text so far, as far as what follows depends on it.
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
            for name, probabilities in self._probabilities(
                ids[start : stop + 1], hidden[start:stop]
            ):
                found = self._keyboard.suggested(probabilities, targets, costs[start:stop])
                self._found.setdefault(name, []).append(found)
        self._costs.append(costs)

    def _probabilities(self, ids: TokenIds, hidden: Floats) -> Iterator[tuple[str, Floats]]:
        """Yield the probabilities [position, word] of each part, and of the model as it grows
        together.
        """
        model: Floats = softmax(self._output(hidden))
        yield "network", model
        if self._kneser_ney is not None and self._interpolation is not None:
            counted, lengths = self._counted(self._kneser_ney, ids[:-1])
            yield "kneser_ney", counted
            weights = np.array(self._interpolation.kneser_ney_weights, np.float32)[lengths][:, None]
            model = (1 - weights) * model + weights * counted
            yield "both", model
        before = hidden[:0] if self._hidden is None else self._hidden
        every = np.concatenate([before, hidden])
        followed = np.concatenate([self._followed, ids[1:]])
        cached, pairs = distributions(
            self._cache.theta,
            every,
            followed,
            self._size,
            first=len(before),
            n_words=model.shape[1],
        )
        self._hidden, self._followed = every[-self._size :], followed[-self._size :]
        weights = (self._cache.weight * fill(pairs)).astype(np.float32)[:, None]
        yield "cache", (1 - weights) * model + weights * cached

    def _counted(self, kneser_ney: KneserNey, ids: TokenIds) -> tuple[Float32s, Integers]:
        read = np.concatenate([self._read, ids])
        longest = kneser_ney.order - 1
        ends = range(len(self._read) + 1, len(read) + 1)
        rows = [kneser_ney.distribution(read[max(0, end - longest) : end]) for end in ends]
        self._read = read[-longest:]
        return np.stack([row for row, _ in rows]), np.array([length for _, length in rows])

    def metrics(self) -> Report:
        """Return the metrics of each part, with intervals, ready for JSON; empty: nothing was
        measured.
        """
        if not sum(map(len, self._costs)):
            return {}
        costs = np.concatenate(self._costs)
        return {
            "positions": len(costs),
            "cache_words": self._size,
            "models": {name: _metrics(parts, costs) for name, parts in self._found.items()},
            "interval_method": {
                **method(),
                "name": f"percentile bootstrap over blocks of {BLOCK} words",
            },
        }


def _metrics(found: list[Suggested], costs: Integers) -> Report:
    """Return the metrics of one model, and the 95 % interval of each."""
    top1, top3, keys = map(np.concatenate, zip(*found, strict=True))
    ones = np.ones(len(costs), np.int64)
    starts = np.arange(0, len(costs), BLOCK)
    parts, wholes = (
        np.stack([np.add.reduceat(numbers.astype(np.float64), starts) for numbers in side], axis=1)
        for side in ((top1, top3, costs - keys), (ones, ones, costs))
    )
    values = (parts.sum(axis=0) / wholes.sum(axis=0)).tolist()
    ends = dict(zip(METRICS, ratio_intervals(parts, wholes), strict=True))
    return {**dict(zip(METRICS, values, strict=True)), "intervals": ends}


def headline(suggestions: Report, *, with_cache: bool = False) -> dict[str, float]:
    """Return the metrics of the model as it predicts: of network and Kneser–Ney model, or the
    network.
    """
    models = suggestions.get("models", {})
    name = (
        "cache"
        if with_cache
        else next((each for each in ("both", "network") if each in models), None)
    )
    return {key: models[name][key] for key in METRICS} if name in models else {}
