"""What a language model answers, by its definition: everything is read again for each word."""

from __future__ import annotations

import itertools

import numpy as np

from foretell.runtime.words import sampling
from foretell.runtime.words.predictor import WordsRuntime

PROMPT = "the mind adapts"


def logp_after(runtime: WordsRuntime, ids: list[int]) -> np.ndarray:
    """Return the log-probability of each next word: everything is read again from the start."""
    logits, _ = runtime.network.read(ids)
    return sampling.log_softmax(logits[0].astype(np.float64))


def log_probability(runtime: WordsRuntime, ids: list[int], start: int = 1) -> float:
    """Return the log-probability of the ids from `start` on, each after those before it."""
    return sum(logp_after(runtime, ids[:i])[ids[i]] for i in range(start, len(ids)))


def prompt_ids(runtime: WordsRuntime, text: str = PROMPT) -> list[int]:
    return [end_of_line(runtime), *runtime.tokenizer.encode(text)]


def stream_of(runtime: WordsRuntime, lines: list[str]) -> list[int]:
    """Return the ids of whole lines."""
    end = end_of_line(runtime)
    return [
        end,
        *itertools.chain.from_iterable([*runtime.tokenizer.encode(line), end] for line in lines),
    ]


def end_of_line(runtime: WordsRuntime) -> int:
    """Return the id of the end of a line, which the model must have."""
    end = runtime.tokenizer.end_of_line
    assert end is not None
    return end
