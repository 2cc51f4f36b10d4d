"""Texts that are equal or nearly the same, texts with two labels, and texts in two parts of a
split.

Equal texts differ only in case and white space. Near-duplicates have the same letters and digits in
the same order: they differ also in punctuation, emoji and other symbols. A letter is compared with
its accents and vowel signs, after Unicode's normalization NFKC, without case.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from foretell.data.examples import Examples
from foretell.data.split import places_of_equal, plain_text
from foretell.ngrams.characters import stream_safe
from foretell.surveying.counts import label_counts

_MARKS = frozenset({"Mn", "Mc"})
# They choose how an emoji is shown.
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_EXAMPLES = 20


class _Kept(dict[int, int | None]):
    """For `str.translate`: letters, their marks and digits as they are, None for what is left
    out.
    """

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        is_mark = unicodedata.category(character) in _MARKS and code not in _VARIATION_SELECTORS
        self[code] = kept = code if character.isalnum() or is_mark else None
        return kept


_KEPT = _Kept()


def _letters(text: str) -> bytes:
    """Return the letters and digits of a text, without case; b"": it has none."""
    text = unicodedata.normalize("NFKC", stream_safe(text)).casefold()
    return text.translate(_KEPT).encode("utf-8", "surrogatepass")


def near_duplicates(texts: Iterable[str]) -> list[list[int]]:
    """Return groups of texts with the same letters and digits: their places in `texts`, ascending.

    Texts without a letter or digit are in no group.
    """
    groups = places_of_equal(map(_letters, texts))
    return [group for letters, group in groups.items() if letters and len(group) > 1]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Groups of texts that are equal or near-duplicates, as places in the texts, ascending.

    Attributes:
        equal: texts that differ only in case and white space.
        near: of texts that differ also in punctuation and other symbols, the first of each that is
            different.
    """

    equal: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]

    @property
    def duplicates(self) -> int:
        """Texts that are equal to an earlier one."""
        return sum(len(group) - 1 for group in self.equal)

    @property
    def near_duplicates(self) -> int:
        """Distinct texts that have the letters and digits of an earlier one."""
        return sum(len(group) - 1 for group in self.near)


def find_repeats(texts: Sequence[str]) -> Repeats:
    groups = list(places_of_equal(map(plain_text, texts)).values())
    near = near_duplicates(texts[group[0]] for group in groups)
    return Repeats(
        tuple(tuple(group) for group in groups if len(group) > 1),
        tuple(tuple(groups[i][0] for i in group) for group in near),
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
    counts = ((group, Counter(labels[place] for place in group)) for group in repeats.equal)
    return tuple(
        Conflict(group, dict(each.most_common())) for group, each in counts if len(each) > 1
    )


@dataclass(frozen=True, slots=True)
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
    equal, near = (_pairs(train.texts, other.texts, key) for key in (plain_text, _letters))
    known = {place for _, place in equal}
    near = [pair for pair in near if pair[1] not in known]
    return Overlap(
        part=part,
        name=other.name,
        texts=len(other),
        equal=len(equal),
        near=len(near),
        examples=(*equal, *near)[:_EXAMPLES],
        new_labels=tuple(sorted(set(label_counts(other)) - set(label_counts(train)))),
    )


def _pairs(
    train: Sequence[str], other: Sequence[str], key: Callable[[str], bytes]
) -> list[tuple[int, int]]:
    """Return the place of each text of `other` with the key of a text of `train`, behind the first
    such.
    """
    first = {each: places[0] for each, places in places_of_equal(map(key, train)).items() if each}
    return sorted(
        (first[each], place) for place, each in enumerate(map(key, other)) if each in first
    )
