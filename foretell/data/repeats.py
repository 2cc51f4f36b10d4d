"""Texts that occur more than once: equal or nearly, with different labels, in different parts of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from foretell.data.near_duplicates import near_duplicates
from foretell.data.split import key_of_plain, plain_text


@dataclass(frozen=True, slots=True)
class Repeats:
    """Groups of texts that are equal or nearly equal, as places in the texts, ascending.

    Attributes:
        equal: texts that differ only in case and white space.
        near: the first text of each of several such groups (or a single text) that are nearly equal.
    """

    equal: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]

    @property
    def duplicates(self) -> int:
        """Texts that are equal to an earlier one."""
        return sum(len(group) - 1 for group in self.equal)

    @property
    def near_duplicates(self) -> int:
        """Distinct texts that are nearly equal to an earlier one."""
        return sum(len(group) - 1 for group in self.near)

    def whole(self, near: Sequence[int]) -> list[int]:
        """Return the places of all texts of a near group, equal ones included."""
        by_first = {group[0]: group for group in self.equal}
        return sorted(place for first in near for place in by_first.get(first, (first,)))


def find_repeats(texts: Sequence[str], *, near: bool = True) -> Repeats:
    """Find equal and nearly equal texts.

    Args:
        texts: the texts.
        near: whether to search for nearly equal texts.
    """
    groups: dict[bytes, list[int]] = {}
    plain: list[bytes] = []
    for place, text in enumerate(texts):
        normal = plain_text(text)
        group = groups.setdefault(key_of_plain(normal), [])
        if not group:
            plain.append(normal)
        group.append(place)
    firsts = [group[0] for group in groups.values()]
    found = near_duplicates(plain) if near else []
    return Repeats(
        tuple(tuple(group) for group in groups.values() if len(group) > 1),
        tuple(tuple(firsts[i] for i in group) for group in found),
    )


@dataclass(frozen=True, slots=True)
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
    found = []
    for group in repeats.equal:
        counts = Counter(labels[place] for place in group)
        if len(counts) > 1:
            found.append(Conflict(group, dict(counts.most_common())))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Texts that are in the training data and in another part of a split.

    Attributes:
        part: the other part: "valid" or "test".
        name: of its source.
        texts: number of texts in the other part.
        equal: how many of these are equal to a training text.
        near: how many others are nearly equal to one.
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


_EXAMPLES = 20


def overlap(
    repeats: Repeats, first: int, last: int, n_train: int, *, part: str, name: str, new_labels: Sequence[str]
) -> Overlap:
    """Count the texts of one part that the training data has too.

    Args:
        repeats: of the training texts, followed by those of all other parts.
        first, last: the part is the texts from `first` to `last` - 1.
        n_train: number of training texts.
        part, name, new_labels: as `Overlap` has them.
    """
    equal: dict[int, int] = {}
    near: dict[int, int] = {}
    for group in repeats.equal:
        if group[0] < n_train:
            equal |= {place: group[0] for place in group if first <= place < last}
    for group in repeats.near:
        places = repeats.whole(group)
        if places[0] < n_train:
            near |= {place: places[0] for place in places if first <= place < last and place not in equal}
    pairs = [(other, place - first) for place, other in (*equal.items(), *near.items())]
    return Overlap(
        part, name, last - first, len(equal), len(near), tuple(pairs[:_EXAMPLES]), tuple(new_labels)
    )
