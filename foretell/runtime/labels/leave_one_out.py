"""The probability of a label for a text without each of its words, and up to each of them.

- effect (leave-one-out): the change of the label's log-odds when this one word is left out of the
  text and nothing takes its place;
- running verdict: the label's probability for the text up to and with a word, as if the text ended
  there.

Both are answers of the same function that predicts, to variants of the text. Effects need not add
up: two words with the same meaning may each have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from foretell.arrays import Float64s, Probabilities
from foretell.ngrams.ensemble import logit
from foretell.runtime.labels.explanation import Explanation, Word
from foretell.runtime.stopping import check_stopped
from foretell.text.tokenizer import Span

MAX_CHARACTERS = 100_000
"""Of a longer text, what is done in one piece, such as its tokenization, would keep other threads
waiting.
"""
MAX_LEFT_OUT = 400
MAX_POINTS = 100
"""Variants without words (where they are bounded), and points of the running verdict, at most."""
MAX_READ = 1_000_000
"""Words of all bounded variants of one kind together: of longer texts there are fewer variants."""

_VARIANTS_AT_ONCE = 64
_CHARACTERS_AT_ONCE = 1 << 16

Answer = Callable[[list[list[int]], list[str]], Probabilities]
"""Returns the probabilities [text, label] for the ids of each text, and the texts."""

Variants = Iterator[tuple[list[int], str]]
"""Ids and text of each variant."""


def explain(
    text: str,
    spans: Sequence[Span],
    answer: Answer,
    labels: Sequence[Any],
    *,
    length: int,
    first: int = 0,
    label: int | None = None,
    labelwise: bool = False,
    bounded: bool = False,
) -> Explanation:
    """Explain a label of a text.

    Args:
        text: the text.
        spans: of each of its tokens; the `first` ones are no words of the text.
        answer, labels: the classifier, and its labels.
        length: ids of a text that the network reads, at most: its last ones.
        first: see `spans`.
        label: the place of the label; None: the most probable one.
        labelwise: whether a text may have several labels, each with odds of its own.
        bounded: whether words of a long text are left out together, `MAX_LEFT_OUT` times at most.
    """
    ids = [id for id, _, _ in spans]
    words = spans[first:]
    (whole,) = answer([ids], [text])
    place = int(whole.argmax()) if label is None else label
    together = _stride(len(words), MAX_LEFT_OUT) if bounded else 1
    stride = _stride(len(words), MAX_POINTS)
    # A bound on the memory, and on the time to the next look at the clock.
    at_once = max(1, min(_VARIANTS_AT_ONCE, _CHARACTERS_AT_ONCE // max(1, len(text))))
    without = _rows(_without(ids, text, words, first, together), answer, len(labels), at_once)
    upto = _rows(_beginnings(ids, text, words, first, stride), answer, len(labels), at_once)
    odds = _log_odds(np.vstack([whole, without]), place, labelwise=labelwise)
    effects = (odds[0] - odds[1:]) / together
    return Explanation(
        text=text,
        label=labels[place],
        probability=float(whole[place]),
        words=tuple(
            Word(
                text[start:end],
                start,
                end,
                effect=float(effects[i // together]),
                without=float(without[i // together, place]),
                is_read=i + first >= len(ids) - length,
            )
            for i, (_, start, end) in enumerate(words)
        ),
        # Up to its end the text is whole.
        running=(*upto[:, place].tolist(), float(whole[place])) if words else (),
        stride=stride,
        together=together,
    )


def _stride(n_words: int, most: int) -> int:
    """Return how many words there are to a variant, so that there are few enough of them."""
    most = max(1, min(most, MAX_READ // max(1, n_words)))
    return max(1, -(-n_words // most))


def _without(
    ids: list[int], text: str, words: Sequence[Span], first: int, together: int
) -> Variants:
    """Yield ids and text without each word, or without each few consecutive words."""
    for at in range(0, len(words), together):
        left_out = words[at : at + together]
        start = left_out[0][1]
        end = left_out[-1][2]
        yield ids[: first + at] + ids[first + at + together :], text[:start] + text[end:]


def _beginnings(
    ids: list[int], text: str, words: Sequence[Span], first: int, stride: int
) -> Variants:
    """Yield ids and text up to every `stride`-th word, except the last."""
    for n in range(stride, len(words), stride):
        yield ids[: first + n], text[: words[n - 1][2]]


def _rows(variants: Variants, answer: Answer, n_labels: int, at_once: int) -> Probabilities:
    """Return the probabilities [variant, label]."""
    rows = [np.zeros((0, n_labels), np.float32)]
    while part := list(islice(variants, at_once)):
        check_stopped()
        rows.append(answer([ids for ids, _ in part], [text for _, text in part]))
    return np.concatenate(rows)


def _log_odds(rows: Probabilities, label: int, *, labelwise: bool) -> Float64s:
    """Return the log-odds of a label, [row], from both sides: near 1 a float32 has too few
    digits.
    """
    if labelwise:
        return logit(rows[:, label])
    smallest = np.finfo(np.float32).tiny
    others = np.delete(rows, label, axis=1).sum(axis=1, dtype=np.float64)
    odds: Float64s = np.log(np.maximum(rows[:, label].astype(np.float64), smallest))
    odds -= np.log(np.maximum(others, smallest))
    return odds
