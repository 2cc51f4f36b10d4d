"""The metrics of `evaluate` for a language model: the score of a text, and suggestions of the next word."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import numpy as np

from foretell.arrays import Integers, TokenIds
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.suggestions import CACHE, Keyboard, Measurement, Parts, headline
from foretell.runtime.words.predictor import WordsRuntime
from foretell.text.line_encoder import keys_of, typed
from foretell.text.tokenizer import Tokenizer

MAX_POSITIONS = 100_000
"""Tokens at the beginning of a text on which suggestions are measured: more hardly narrow the intervals."""

_MAX_CHARACTERS = 1_000_000
_STEPS = 256


def evaluate_words(
    runtime: WordsRuntime, lines: Iterable[str], *, cache: int = 0, seconds: float = math.inf
) -> dict[str, Any]:
    """Return the metrics of a language model on a text.

    Args:
        runtime: the language model.
        lines: the text, read once; its beginning is kept for the suggestions.
        cache: words in a continuous cache; 0: none.
        seconds: the suggestions are measured on as many tokens as that allows.

    Returns:
        The fields of `Score`. Where tokens are words and the network has a state, also `headline` of
        `foretell.ngrams.suggestions`, and `suggestions`: the metrics of each part of the model.

    Raises:
        SettingsError, DataError: as `WordsRuntime.score`.
    """
    beginning: list[str] = []
    score = asdict(runtime.score(_kept([lines] if isinstance(lines, str) else lines, beginning), cache=cache))
    network = runtime.lstm
    if runtime.tokenizer.is_open or network is None:
        return score
    model, vocabulary = runtime.model, typed(runtime.tokenizer)
    parts = Parts(
        output=network.output,
        kneser_ney=model.kneser_ney,
        interpolation=model.interpolation,
        cache=model.cache or ContinuousCache(),
    )
    measured = Measurement(Keyboard(*vocabulary), parts, cache or CACHE)
    ids, costs = _typed_text(runtime.tokenizer, beginning)
    state, end = network.zero_state(), time.monotonic() + seconds
    for start in range(0, len(ids) - 1, _STEPS):
        if time.monotonic() >= end:
            break
        chunk = ids[start : start + _STEPS + 1]
        _, state = network.score_later(chunk, state)
        measured.add(chunk, costs[start + 1 : start + len(chunk)], state[0][0])
    found = measured.metrics()
    return {**score, **headline(found, with_cache=bool(cache)), "suggestions": found}


def _kept(lines: Iterable[str], beginning: list[str]) -> Iterator[str]:
    """Yield lines, and keep the first of them."""
    left = _MAX_CHARACTERS
    for line in lines:
        if left > 0:
            beginning.append(line[:left])
            left -= len(line)
        yield line


def _typed_text(tokenizer: Tokenizer, lines: list[str]) -> tuple[TokenIds, Integers]:
    """Return the tokens of a text after an end of line, as `score` reads them, and the keys of each."""
    end, unknown = tokenizer.end_of_line, -1 if tokenizer.unknown is None else tokenizer.unknown
    ids, costs = ([], []) if end is None else ([end], [0])
    for line in chain.from_iterable(each.split("\n") for each in lines):
        words = tokenizer.words(line)
        known = map(tokenizer.id, words)
        ids += [unknown if id is None else id for id in known]
        costs += map(keys_of, words)
        if words and end is not None:
            ids.append(end)
            costs.append(0)
        if len(ids) > MAX_POSITIONS:
            break
    return np.array(ids[: MAX_POSITIONS + 1], np.int64), np.array(costs[: MAX_POSITIONS + 1], np.int64)
