"""The metrics of `evaluate` for a language model: the score of a text, and suggestions of the next
word.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice

import numpy as np

from foretell.arrays import TokenIds
from foretell.metrics import Report
from foretell.metrics.bootstrap import interval, resamples
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.suggestions import CACHE, Keyboard, Measurement, headline
from foretell.runtime.words.networks import ArticleNetwork, LstmNetwork, State
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.scoring import Score, score_lstm
from foretell.text.tokenizer import keys_of

MAX_POSITIONS = 100_000
"""Tokens at the beginning of a text on which suggestions are measured."""

_MAX_CHARACTERS = 1_000_000

_PARTS = 50
"""Parts of a text that are scored one by one, for the interval of a difference."""


def evaluate_words(
    runtime: WordsRuntime, lines: Iterable[str], *, cache: int = 0, seconds: float = math.inf
) -> Report:
    """Return the metrics of a language model on a text.

    Args:
        runtime: the language model.
        lines: the text, read once; its beginning is kept for the suggestions.
        cache: words in a continuous cache; 0: none.
        seconds: the suggestions are measured on as many tokens as that allows.

    Returns:
        The fields of `Score`. Where tokens are words and the network has a state, also `headline`
        of `foretell.ngrams.suggestions`, and `suggestions`: the metrics of each part of the model.

    Raises:
        SettingsError, DataError: as `WordsRuntime.score`.
    """
    network = runtime.network_for(cache)
    lstm = runtime.lstm
    if runtime.tokenizer.is_open or lstm is None or isinstance(network, ArticleNetwork):
        return asdict(runtime.score(lines, cache=cache))
    beginning = _Beginning(runtime, lstm, cache, seconds)
    read = beginning.kept([lines] if isinstance(lines, str) else lines)
    score = score_lstm(
        network, runtime.tokenizer, read, threads=runtime.threads, watch=beginning.measure
    )
    suggestions = beginning.measurement.metrics()
    return {
        **asdict(score),
        **headline(suggestions, with_cache=bool(cache)),
        "suggestions": suggestions,
    }


def compare_words(
    runtime: WordsRuntime, before: WordsRuntime, text: Iterable[str], seconds: float = math.inf
) -> Report:
    """Return the metrics of a language model, and of an older one, on a text.

    A word that is new to the older one is `<unk>` there, so perplexities per token differ in their
    tokens. Bits per byte can always be compared. `interval` is that of their difference, by the
    bootstrap over parts of the text. Parts are scored from the end of the text on until the
    `seconds` are over, at least one.
    """
    stop = time.monotonic() + seconds
    lines = list(text)
    cuts = np.linspace(0, len(lines), min(_PARTS, len(lines)) + 1).astype(int).tolist()
    now = list[Score]()
    then = list[Score]()
    for first, last in reversed(list(itertools.pairwise(cuts))):
        if now and time.monotonic() > stop:
            break
        now.append(runtime.score(lines[first:last]))
        then.append(before.score(lines[first:last]))
    sizes = np.array([part.bytes for part in now], np.float64)
    differences = np.array(
        [a.bits_per_byte - b.bits_per_byte for a, b in zip(now, then, strict=True)]
    )
    places = np.concatenate(list(resamples(len(sizes))))
    difference = interval((differences * sizes)[places].sum(axis=1) / sizes[places].sum(axis=1))
    whole = Score.together(now)
    whole_before = Score.together(then)
    return {
        "bits_per_byte": whole.bits_per_byte,
        "perplexity": whole.perplexity,
        "bits_per_byte_before": whole_before.bits_per_byte,
        "perplexity_before": whole_before.perplexity,
        "tokens": whole.tokens,
        "unknown": whole.unknown / max(1, whole.words),
        "interval": difference,
        "has_dropped": bool(difference is not None and difference[0] > 0 and len(sizes) > 1),
    }


class _Beginning:
    """The beginning of a text, on which suggestions are measured while the text is scored."""

    def __init__(
        self, runtime: WordsRuntime, lstm: LstmNetwork, cache: int, seconds: float
    ) -> None:
        model = runtime.model
        self._tokenizer = runtime.tokenizer
        self._keyboard = keyboard = Keyboard(*self._tokenizer.typed())
        parts = model.kneser_ney, model.interpolation, model.cache or ContinuousCache()
        self.measurement = Measurement(keyboard, lstm.output, *parts, cache or CACHE)
        # The state of a network with a cache begins with two parts of the cache.
        self._place_of_hidden = 2 if cache else 0
        self._lines = list[str]()
        self._seconds = seconds
        self._unknown = self._unknown_keys()
        self._left = MAX_POSITIONS

    def kept(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield lines, and keep the first of them."""
        left = _MAX_CHARACTERS
        for line in lines:
            if left > 0:
                self._lines.append(line[:left])
                left -= len(line)
            yield line

    def measure(self, ids: TokenIds, state: State) -> None:
        """Measure the ids [step + 1] but the first, by the network's state after the last but
        one.
        """
        began = time.monotonic()
        count = min(len(ids) - 1, self._left)
        ids = ids[: count + 1]
        costs = self._keyboard.keys[ids[1:]]
        is_unknown = ids[1:] == (-1 if self._tokenizer.unknown is None else self._tokenizer.unknown)
        keys = list(islice(self._unknown, int(is_unknown.sum())))
        if not count or len(keys) < is_unknown.sum() or self._seconds <= 0:
            self._left = 0
            return
        costs[is_unknown] = keys
        self._left -= count
        self.measurement.add(ids, costs, state[self._place_of_hidden][0, :count])
        self._seconds -= time.monotonic() - began

    def _unknown_keys(self) -> Iterator[int]:
        """Yield the keys of each unknown word of the lines that were kept."""
        for text in self._lines:
            for word in self._tokenizer.runs(text):
                if self._tokenizer.id(word) in (None, self._tokenizer.unknown):
                    yield keys_of(word)
