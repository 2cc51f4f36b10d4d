"""Texts that are equal or nearly the same, texts with two labels, and texts in two parts of a
split.

Equal texts differ only in case and white space. What near-duplicates are: `near`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from foretell.data.examples import Examples
from foretell.data.near import near_duplicates, nearly_in
from foretell.data.text_keys import equal_texts, places_of_equal
from foretell.surveying.counts import label_counts

_EXAMPLES = 20


@dataclass(frozen=True)
class Repeats:
    """Groups of texts that are equal or near-duplicates, as places in the texts, ascending.

    Attributes:
        equal: texts that differ only in case and white space.
        near: near-duplicates; of equal texts the first.
    """

    equal: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]

    @property
    def duplicates(self) -> int:
        """Texts that are equal to an earlier one."""
        return sum(len(group) - 1 for group in self.equal)

    @property
    def near_duplicates(self) -> int:
        """Different texts that are near-duplicates of an earlier one."""
        return sum(len(group) - 1 for group in self.near)


def find_repeats(texts: Sequence[str]) -> Repeats:
    groups = list(equal_texts(texts).values())
    near = near_duplicates([texts[group[0]] for group in groups])
    return Repeats(
        tuple(tuple(group) for group in groups if len(group) > 1),
        tuple(tuple(groups[i][0] for i in group) for group in near),
    )


@dataclass(frozen=True)
class Conflict:
    """One text with more than one label.

    Attributes:
        places: of the equal texts.
        labels: how many of them have each label, the most frequent first.
    """

    places: tuple[int, ...]
    labels: dict[str, int]


def conflicts(repeats: Repeats, labels: Sequence[str]) -> tuple[Conflict, ...]:
    """Return the equal texts that have more than one label."""
    counts = ((group, Counter(labels[place] for place in group)) for group in repeats.equal)
    return tuple(
        Conflict(group, dict(each.most_common())) for group, each in counts if len(each) > 1
    )


@dataclass(frozen=True)
class Overlap:
    """Texts that are in the training data and in another part of a split.

    Attributes:
        part: the other part: "valid" or "test".
        name: of its source.
        texts: number of texts in the other part.
        equal: how many of these are equal to a training text.
        near: how many others are near-duplicates of one.
        examples: for up to 20 of them a pair of places: in the training data, in the other part.
        new_labels: labels of the other part that no training text has.
    """

    part: str
    name: str
    texts: int
    equal: int
    near: int
    examples: tuple[tuple[int, int], ...]
    new_labels: tuple[str, ...]


def overlap(train: Examples, other: Examples, part: str) -> Overlap:
    """Count the texts of another part of a split that the training data has too."""
    places_of = places_of_equal(train.keys)
    equal = []
    for place, key in enumerate(other.keys):
        if places := places_of.get(key):
            equal.append((places[0], place))
    seen = {place for _, place in equal}
    near = nearly_in(train.texts, other.texts)
    nearly = sorted((first, place) for place, first in near.items() if place not in seen)
    equal.sort()
    return Overlap(
        part=part,
        name=other.name,
        texts=len(other),
        equal=len(equal),
        near=len(nearly),
        examples=(*equal, *nearly)[:_EXAMPLES],
        new_labels=tuple(sorted(set(label_counts(other)) - set(label_counts(train)))),
    )
