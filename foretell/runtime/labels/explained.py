"""The values of an explanation: one word's effect, and all words of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """The effect of one word.

    Attributes:
        text: the word as it is written, `text[start:end]` of the whole.
        start, end: where it is, in Unicode code points.
        effect: log-odds of the label with the word minus without it, in nats; above 0 the word makes the
            label more probable.
        without: the label's probability without the word.
        linear: its contribution to the linear model's score for the label, in nats; None where the ensemble
            has no linear model.
        is_read: whether the network reads it: of a long text it reads the end. Words before that affect only
            the linear model.
    """

    text: str
    start: int
    end: int
    effect: float
    without: float
    linear: float | None
    is_read: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a text has its label: the values of an `Explanation`.

    Attributes:
        text: the text.
        label: the most probable label.
        probability: its probability, 0 to 1.
        words: every word of the text, in order.
        running: the label's probability after `stride` words, 2 · `stride` words and so on, and at last after
            all of them, which is `probability`.
        stride: words from one point of `running` to the next: 1 up to 400 words, 2 up to 800, ...
        linear_bias: the linear model's score without any word, in nats; with the contributions of all words
            it is the whole score: the linear model's weight in the ensemble times its logit for the label,
            less the mean of its logits for the others (of two labels: its log-odds). None where the ensemble
            has no linear model.
        teacher: the share of a kept teacher in that score, in nats, which no word has: contributions, bias
            and this add up to it. None where the model keeps no teacher.
    """

    text: str
    label: Any
    probability: float
    words: tuple[Word, ...]
    running: tuple[float, ...]
    stride: int
    linear_bias: float | None
    teacher: float | None = None
