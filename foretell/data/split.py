"""Hold out a part of the examples: stratified, seeded, and never the same text on both sides."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from foretell.data.examples import Examples


@dataclass(frozen=True)
class Split:
    """Examples to learn from, and examples held out.

    Attributes:
        train: to learn from.
        held_out: to watch the training, or to choose by.
        notes: what is worth saying: labels seen once, repeated texts, leaks.
        leaks: texts that would have stood on both sides, and were kept to one.
    """

    train: Examples
    held_out: Examples
    notes: list[str] = field(default_factory=list)
    leaks: int = 0


def text_key(text: str) -> bytes:
    """Return what two texts share when they differ in nothing but white space and case (a 16-byte digest)."""
    return hashlib.blake2b(
        " ".join(text.casefold().split()).encode("utf-8", "surrogatepass"), digest_size=16
    ).digest()


def split(examples: Examples, fraction: float, seed: int) -> Split:
    """Hold out a part of the examples.

    Each label keeps its share, to within one record, where texts are distinct. Identical texts (after white
    space and case are folded) go to one side together. A label with one text is never held out.

    Args:
        examples: the examples.
        fraction: the part to hold out, 0 to below 1.
        seed: of the choice.

    Returns:
        The two sides, each in the order of `examples`.
    """
    groups, repeated, torn = _groups(examples)
    notes = _notes_on_groups(repeated, torn)
    if fraction <= 0.0 or not len(examples):
        return Split(examples, examples.select([], "held out"), notes)
    by_label: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        by_label[_label_of_group(examples, group)].append(group)
    generator = np.random.default_rng(seed)
    held: set[int] = set()
    targets = _targets({label: sum(map(len, members)) for label, members in by_label.items()}, fraction)
    for label in sorted(by_label):
        held.update(_choose(by_label[label], targets[label], generator))
    counts = Counter(examples.labels)
    once = sorted(label for label, count in counts.items() if count == 1)
    if once:
        shown = ", ".join(f"'{label}'" for label in once[:5]) + (" …" if len(once) > 5 else "")
        what = "a label seen once is" if len(once) == 1 else f"{len(once)} labels seen once are"
        notes.append(f"{what} learned from but not held out: {shown}")
    places = range(len(examples))
    return Split(
        examples.select((place for place in places if place not in held), examples.name),
        examples.select(sorted(held), f"{examples.name}, held out"),
        notes,
        leaks=repeated,
    )


def separate(train: Examples, held_out: Examples) -> Split:
    """Keep texts that are on both sides to the held-out side only: what is measured stays what was given."""
    keys = {text_key(text) for text in held_out.texts}
    kept = [place for place, text in enumerate(train.texts) if text_key(text) not in keys]
    leaks = len(train) - len(kept)
    if not leaks:
        return Split(train, held_out)
    texts = "text is" if leaks == 1 else "texts are"
    notes = [f"leak: {leaks:,} {texts} in {held_out.name} too; not learned from"]
    return Split(train.select(kept, train.name), held_out, notes, leaks)


def count_leaks(train: Examples, other: Examples) -> int:
    """Count the texts of `other` that are in `train` too."""
    keys = {text_key(text) for text in train.texts}
    return sum(text_key(text) in keys for text in other.texts)


def _groups(examples: Examples) -> tuple[list[list[int]], int, int]:
    """Return the places of identical texts, how many repeat another, how many groups have several labels."""
    found: dict[bytes, list[int]] = {}
    for place, text in enumerate(examples.texts):
        found.setdefault(text_key(text), []).append(place)
    groups = list(found.values())
    torn = sum(len({examples.labels[place] for place in group}) > 1 for group in groups)
    return groups, len(examples) - len(groups), torn


def _notes_on_groups(repeated: int, torn: int) -> list[str]:
    notes = []
    if repeated:
        what = "1 text repeats another" if repeated == 1 else f"{repeated:,} texts repeat another"
        notes.append(f"leak avoided: {what}; identical texts are kept on one side")
    if torn:
        what = "1 text has" if torn == 1 else f"{torn:,} texts have"
        notes.append(f"{what} more than one label")
    return notes


def _label_of_group(examples: Examples, group: Sequence[int]) -> str:
    counts = Counter(examples.labels[place] for place in group)
    return min(counts, key=lambda label: (-counts[label], label))


def _targets(sizes: dict[str, int], fraction: float) -> dict[str, int]:
    """Share out the held-out part by largest remainder: each label within one of its share, the sum exact."""
    shares = {label: size * fraction for label, size in sizes.items()}
    targets = {label: math.floor(share + 1e-9) for label, share in shares.items()}
    total = max(1, round(sum(sizes.values()) * fraction))
    # The larger label first where remainders are equal, so that it does not depend on a label's name alone.
    order = sorted(shares, key=lambda label: (targets[label] - shares[label], -sizes[label], label))
    for label in [label for label in order if sizes[label] > 1][: max(0, total - sum(targets.values()))]:
        if shares[label] > targets[label]:
            targets[label] += 1
    return targets


def _choose(groups: list[list[int]], target: int, generator: np.random.Generator) -> list[int]:
    """Choose whole groups until `target` records are held out, or nearly; at least one group stays."""
    order = generator.permutation(len(groups))
    # The last one in the order is the one that stays.
    held: list[int] = []
    for place in order[:-1]:
        group = groups[place]
        if len(held) + len(group) <= target:
            held += group
    return held
