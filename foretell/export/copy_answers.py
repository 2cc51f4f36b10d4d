"""What a copy of a model answers to the ids of a text, whichever program runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Float32s
from foretell.export.source import Rows, Source

Inputs = Mapping[str, NDArray[np.generic]]
Run = Callable[[Inputs], Rows]
"""Runs a copy on `ids` [text, step] and the states of a stateful model [text, unit]. It returns probabilities
[text, label], or logits [text, word] (stateful: [text, step, word])."""


class Answer(Protocol):
    """The probabilities [place, choice] after the ids of a text.

    A classifier has one place. A language model has one for each word after which it can predict; the last is
    the one after the last word.
    """

    def __call__(self, ids: Sequence[int], tfidf_scores: Float32s | None = None, /) -> Rows:
        """Return them; `tfidf_scores` is float32 [1, column], None: zeros."""


def answer_of(run: Run, source: Source) -> Answer:
    """Return the function that answers ids by a copy of a model."""
    if source.kind == "classifier":
        return _classifier_answer(run, source)
    if source.kind == "windowed":
        return lambda ids, _=None, /: softmax(run({"ids": windows(ids, source.window)}))
    states = {name: np.zeros((1, units), np.float32) for name, units in source.states.items()}
    return lambda ids, _=None, /: softmax(run({"ids": np.array([ids], np.int64), **states})[0])


def _classifier_answer(run: Run, source: Source) -> Answer:
    n_columns = len(source.tfidf[0].bias) if source.tfidf else 0

    def answer(ids: Sequence[int], tfidf_scores: Float32s | None = None, /) -> Rows:
        # A text without words is one padding id.
        inputs: dict[str, NDArray[np.generic]] = {"ids": np.array([ids or [0]], np.int64)}
        if source.tfidf:
            zeros = np.zeros((1, n_columns), np.float32)
            inputs["tfidf_scores"] = zeros if tfidf_scores is None else tfidf_scores
        return run(inputs)

    return answer


def windows(ids: Sequence[int], window: int) -> NDArray[np.float32]:
    """Return every window of ids as the article's network reads it: [place, window, 1]."""
    return np.lib.stride_tricks.sliding_window_view(np.array(ids, np.float32), window)[:, :, None]


def softmax(logits: Rows) -> Rows:
    """Return probabilities [place, word] in float64."""
    scaled: Rows = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return scaled
