"""The split of examples into training and validation texts: stratified, seeded, and without
leaks.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.config import MAX_WITHOUT_VALIDATION
from foretell.data.examples import Examples
from foretell.data.label_sets import parts_of_groups
from foretell.errors import DataError
from foretell.readable import listed

MIN_TEXTS = 30
"""Different texts below which a part of them shows nothing about the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The data of one training, no text in more than one part of it.

    Attributes:
        train: the training texts with their labels.
        valid: the validation texts with their labels; None: there are none.
        unlabelled: the texts without labels, none of them in `train` or `valid`.
        hints: words for each label; None: there are none. The same as `train`: no text has a label.
        notes: what was removed, and what else is worth knowing; one sentence each.
        taught: how many of the training texts, the last ones, have a teacher's answers. They are
            never held out.
        not_measured: the `text_key` of texts whose labels are a model's: no metric is measured on
            them.
    """

    train: Examples
    valid: Examples | None
    unlabelled: tuple[str, ...] = ()
    hints: Examples | None = None
    notes: tuple[str, ...] = ()
    taught: int = 0
    not_measured: frozenset[bytes] = frozenset()

    @property
    def has_only_hints(self) -> bool:
        """Whether no text has a label, so that the model learns from hints alone."""
        return self.hints is self.train


def make_split(
    examples: Examples,
    *,
    valid: Examples | None = None,
    fraction: float,
    seed: int,
    unlabelled: Iterable[str] = (),
    hints: Examples | None = None,
) -> Split:
    """Split examples into training and validation texts; remove what would leak from one into the
    other.

    Two texts are equal where they differ only in case and white space. Without `valid`, each label
    keeps its share of the validation texts to within one text, equal texts stay together, and a
    label with one text stays in training. With `valid`, its texts are removed from training. Texts
    of `unlabelled` that have a label elsewhere are removed.

    Args:
        examples: texts with labels, in the order that both parts keep.
        valid: the validation set; None: a part of `examples`.
        fraction: the share of `examples` to validate on without `valid`, from 0 (none) to below 1.
        seed: of the random choice without `valid`.
        unlabelled: texts without labels.
        hints: words for labels; None: none. `examples` themselves: no text has a label.

    Raises:
        DataError: `hints` are on a label that no text has.
            `valid` has a label that the training texts lack, or leaves too little to train on.
    """
    if hints is not None:
        if unknown := sorted(set(hints.labels).difference(examples.labels)):
            expected = f"the labels of the training texts ({listed(examples.label_names)})"
            fix = "correct the name of the label, or label a text with it"
            raise DataError(expected=expected, found=listed(unknown), where=hints.name, fix=fix)
        fraction = 0.0 if hints is examples else fraction
    split, keys = (
        _stratified(examples, fraction, seed) if valid is None else _given(examples, valid)
    )
    if hints is examples and valid is None:
        hints = split.train
    given = list(unlabelled)
    notes = list(split.notes)
    kept = tuple(text for text in given if text_key(text) not in keys)
    if removed := len(given) - len(kept):
        notes.append(
            f"removed {_texts(removed, 'unlabelled')} also in the training or validation set"
        )
    return replace(split, unlabelled=kept, hints=hints, notes=tuple(notes))


def text_key(text: str) -> bytes:
    """Return a digest of 16 bytes that is the same for texts which differ only in case and white
    space.
    """
    return hashlib.blake2b(plain_text(text), digest_size=16).digest()


def plain_text(text: str) -> bytes:
    """Return a text without case and with single spaces, in UTF-8: equal texts have the same."""
    return " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")


def places_of_equal(keys: Iterable[bytes]) -> dict[bytes, list[int]]:
    """Return the places of equal keys by the key, in order of the first."""
    groups: dict[bytes, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return groups


def _stratified(examples: Examples, fraction: float, seed: int) -> tuple[Split, set[bytes]]:
    """Return the split of `examples` into two parts, and the keys of all texts."""
    of_key = places_of_equal(map(text_key, examples.texts))
    groups = list(of_key.values())
    keys = set(of_key)
    notes = _notes_on_groups(examples, groups)
    if len(groups) < MIN_TEXTS and len(examples) > MAX_WITHOUT_VALIDATION:
        # A few sentences, repeated.
        fraction = 0.0
    chosen = _choose_valid(examples, groups, fraction, seed) if fraction > 0 else set()
    if not chosen:
        notes += ["too few texts for a validation set"] if fraction > 0 else []
        return Split(train=examples, valid=None, notes=tuple(notes)), keys
    train = examples.select(
        (place for place in range(len(examples)) if place not in chosen), examples.name
    )
    valid = examples.select(sorted(chosen), f"{100 * fraction:g} % of {examples.name}")
    return Split(train=train, valid=valid, notes=tuple(notes)), keys


def _given(examples: Examples, valid: Examples) -> tuple[Split, set[bytes]]:
    """Return `examples` without the texts of `valid`, and the keys of all texts."""
    valid_keys = set(map(text_key, valid.texts))
    keys = [text_key(text) for text in examples.texts]
    kept = [place for place, key in enumerate(keys) if key not in valid_keys]
    train = examples
    notes = []
    if removed := len(examples) - len(kept):
        train = examples.select(kept, examples.name)
        notes.append(
            f"removed {_texts(removed, 'training')} also in the validation set ({valid.name})"
        )
    _check_labels(examples, train, valid)
    return Split(
        train=train, valid=valid if len(valid) else None, notes=tuple(notes)
    ), valid_keys.union(keys)


def _check_labels(examples: Examples, train: Examples, valid: Examples) -> None:
    """Check that `train`, the texts of `examples` that are not in `valid`, goes with `valid`."""
    labels = train.label_names
    lost = sorted(set(examples.label_names).difference(labels))
    if not len(train) or lost:
        expected = "training texts of each label that are not in the validation set"
        found = f"none of {listed(lost)}" if lost else "none"
        fix = "give a validation set of other texts"
        raise DataError(expected=expected, found=found, where=valid.name, fix=fix)
    used = set(valid.labels) if valid.sets is None else set(valid.sets.used())
    if unknown := sorted(used.difference(labels)):
        fix = "give training texts of these labels too, or leave them out of the validation set"
        raise DataError(
            expected=f"the labels {listed(labels)}",
            found=listed(unknown),
            where=valid.name,
            fix=fix,
        )


def _notes_on_groups(examples: Examples, groups: Sequence[list[int]]) -> list[str]:
    # A soft label, as of a replayed text, is several records of one text whose weights are below 1.
    whole = [weight >= 1 for weight in examples.weights or [1.0] * len(examples)]
    ambiguous = sum(
        len({examples.labels[place] for place in group if whole[place]}) > 1 for group in groups
    )
    texts = "1 text has" if ambiguous == 1 else f"{ambiguous:,} texts have"
    return [f"{texts} different labels in different records"] if ambiguous else []


def _choose_valid(
    examples: Examples, groups: Sequence[list[int]], fraction: float, seed: int
) -> set[int]:
    if examples.sets is not None:
        parts = parts_of_groups(groups, examples.sets.values, (1 - fraction, fraction), seed)
        return set(np.flatnonzero(parts == 1).tolist())
    by_label: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        counts = Counter(examples.labels[place] for place in group)
        by_label[min(counts, key=lambda label: (-counts[label], label))].append(group)
    targets = _targets(
        {label: sum(map(len, members)) for label, members in by_label.items()}, fraction
    )
    generator = np.random.default_rng(seed)
    chosen = set[int]()
    for label in sorted(by_label):
        order = generator.permutation(len(by_label[label]))
        taken = list[int]()
        # Whole groups; the last one in the random order is left in training.
        for place in order[:-1]:
            group = by_label[label][place]
            taken += group if len(taken) + len(group) <= targets[label] else []
        chosen.update(taken)
    # Equal texts may have several labels: each label stays in training.
    kept = {label for place, label in enumerate(examples.labels) if place not in chosen}
    stay = (
        group for group in groups if not kept.issuperset(examples.labels[place] for place in group)
    )
    return chosen.difference(*stay)


def _targets(sizes: dict[str, int], fraction: float) -> dict[str, int]:
    """Return how many texts of each label to validate on: largest remainders, so the sum is
    exact.
    """
    shares = {label: size * fraction for label, size in sizes.items()}
    targets = {label: math.floor(share + 1e-9) for label, share in shares.items()}
    total = max(1, round(sum(sizes.values()) * fraction))
    # The larger label first where remainders are equal, so that it does not depend on a label's
    # name alone.
    order = sorted(shares, key=lambda label: (targets[label] - shares[label], -sizes[label], label))
    for label in [label for label in order if sizes[label] > 1][
        : max(0, total - sum(targets.values()))
    ]:
        if shares[label] > targets[label]:
            targets[label] += 1
    return targets


def _texts(count: int, kind: str) -> str:
    return f"1 {kind} text that is" if count == 1 else f"{count:,} {kind} texts that are"
