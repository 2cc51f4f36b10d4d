"""`Verdict`: the answer for one text, with flags for texts unlike those of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from foretell.data.label_types import json_value
from foretell.readable import percent
from foretell.runtime.html import card

EMPTY = "empty"
UNKNOWN_WORDS = "mostly unknown words"
LONG = "far longer than any seen in training"
SHORT = "far shorter than any seen in training"
UNEVALUATED = "unevaluated"
NONE_APPLIES = "no label reaches its threshold"
"""The reason of a verdict without labels, where texts may have several."""

# A text is flagged above this multiple of the longest training text, or below this fraction of the
# shortest.
_FAR = 2

# Labels that a notebook shows.
_ROWS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one text.

    Attributes:
        label: the most probable label, of the type that the data had; "" where the model abstains.
        probability: the most probable label's probability, 0 to 1, abstaining or not.
        probabilities: the probability of every label, in the order of `classes_`.
        reason: why there is no label, such as "below 0.8"; "" where there is one.
        flags: in what way the text differs from the training texts, which makes its answer less
            reliable: "empty" (no word), "mostly unknown words" (more than half), "far longer than
            any seen in training" (more than twice as long) or "far shorter ..." (less than half as
            long). "unevaluated": the model learned from label hints alone, so nobody knows how
            often it is right.
        labels: where texts may have several labels, those whose probability is at least their
            threshold, in the order of `classes_`. `label` has them joined by the separator,
            `probability` is the highest of all. None: each text has one label.
    """

    label: Any
    probability: float
    probabilities: dict[Any, float]
    reason: str = ""
    flags: tuple[str, ...] = ()
    labels: tuple[Any, ...] | None = None

    def plain(self) -> Verdict:
        """Return this verdict as JSON can hold it: labels that are dates as text, and text as
        keys.
        """
        if all(type(label) is str for label in self.probabilities):
            return self
        return replace(
            self,
            label=json_value(self.label),
            probabilities={str(label): value for label, value in self.probabilities.items()},
            labels=None if self.labels is None else tuple(map(json_value, self.labels)),
        )

    def _repr_html_(self) -> str:
        """Return the label, its probability and the most probable labels, for notebooks."""
        by_probability = sorted(self.probabilities.items(), key=lambda item: -item[1])
        rows = [
            (str(label), percent(probability))
            for label, probability in by_probability[:_ROWS_SHOWN]
        ]
        if notes := "; ".join(filter(None, (self.reason, *self.flags))):
            rows.append(("note", notes))
        return card(f"{self.label if self.label != '' else '(no label)'}", rows)


def flags_of(n_words: int, n_unknown: int, metrics: Mapping[str, object]) -> list[str]:
    """Return the flags of a text with so many words, of which so many are not in the vocabulary.

    The metrics of the training have the lengths of its texts, and what it learned from.
    """
    flags = []
    shortest = metrics.get("shortest_text")
    longest = metrics.get("longest_text")
    if n_words == 0:
        flags.append(EMPTY)
    elif 2 * n_unknown > n_words:
        flags.append(UNKNOWN_WORDS)
    if isinstance(longest, int) and n_words > longest * _FAR:
        flags.append(LONG)
    elif isinstance(shortest, int) and 0 < n_words < shortest / _FAR:
        flags.append(SHORT)
    if {"only_hints", "only_teacher"} & metrics.keys():
        flags.append(UNEVALUATED)
    return flags
