"""Folds of labelled texts: each part is answered by models that were fitted to the other parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Array, Int32s, Mask
from foretell.data.label_sets import parts_of_groups
from foretell.data.split import MIN_TEXTS
from foretell.data.text_keys import equal_texts, text_key

MIN_OF_LABEL = 5
"""Different texts of each label below which out-of-fold predictions show nothing."""

MANY_TEXTS = 100
"""With so many different texts a rare label does not keep the others from being measured."""

FEW_OF_LABEL = 15
"""Texts of each label below which metrics on folds can be clearly too high: three in each of five
folds.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """Which texts are held out together.

    `fold_of` is int32 [text], from 0; -1: the text is in training always.
    """

    fold_of: Int32s

    @property
    def held(self) -> Mask:
        """The texts that some fold holds out, bool [text]."""
        return self.fold_of >= 0

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.fold_of.max(initial=-1)) + 1

    def __iter__(self) -> Iterator[tuple[Mask, Mask]]:
        """Yield the texts to fit to and the texts that are held out, bool [text] each, fold by
        fold.
        """
        for fold in range(self.count):
            yield self.fold_of != fold, self.fold_of == fold


def folds_of(
    texts: Sequence[str], targets: Array, n_folds: int, seed: int, first: float = 0.0
) -> Folds:
    """Return folds of labelled texts: equal ones, or the first one with a share of its own.

    Args:
        texts: as they are written; those that differ only in case and white space stay together.
        targets: int32 [text], or float32 [text, label] where texts may have several labels.
        n_folds: number of folds.
        seed: of the choice.
        first: the share of the first fold; 0: as large as the others.
    """
    n_parts = n_folds if not first else max(2, round(1 / first))
    if targets.ndim == 1:
        parts = make_folds(texts, targets, n_parts, seed).fold_of
    else:
        groups = list(equal_texts(texts).values())
        n_parts = min(n_parts, len(groups))
        parts = parts_of_groups(groups, targets, [1 / n_parts] * n_parts, seed)
    if not first:
        return Folds(fold_of=parts)
    others = 1 + (parts - 1) % max(1, n_folds - 1) if n_folds > 1 else np.full(len(parts), -1)
    return Folds(fold_of=np.where(parts > 0, others, parts).astype(np.int32))


def too_few(texts: Sequence[str], targets: Array) -> str:
    """Return why these labelled texts are too few to measure on, or "" where they are not."""
    # Of many texts the first ones show it.
    if len({text_key(text) for text in texts[: 2 * MANY_TEXTS]}) >= MANY_TEXTS:
        return ""
    different = np.array([places[0] for places in equal_texts(texts).values()], int)
    found = targets[different]
    of_label = np.bincount(found) if targets.ndim == 1 else (found == 1).sum(axis=0)
    rarest = of_label[of_label > 0].min(initial=len(different))
    if len(different) >= MANY_TEXTS or (len(different) >= MIN_TEXTS and rarest >= MIN_OF_LABEL):
        return ""
    return (
        f"too few different texts to measure ({len(different)}, of the rarest label {rarest}): "
        f"{MANY_TEXTS} are enough, or {MIN_TEXTS} with {MIN_OF_LABEL} of each label"
    )


def note_on_few(n_texts: int, n_labels: int) -> str:
    """Return how far metrics on folds of so few texts of each label can be trusted; "": there are
    enough.
    """
    if n_texts >= FEW_OF_LABEL * n_labels:
        return ""
    return (
        f"with {n_texts / n_labels:.1f} texts of each label on average, accuracy on stratified "
        "folds can be a few points too high"
    )


def cautions(folds: Folds, texts: Sequence[str], targets: Int32s) -> list[str]:
    """Return how far metrics on folds can be trusted, as sentences."""
    few = note_on_few(len(texts), int(targets.max()) + 1)
    found = (note_on_unknown(folds, targets), too_few(texts, targets), few)
    return list(filter(None, found))


def note_on_unknown(folds: Folds, targets: Array) -> str:
    """Return a sentence on texts whose label no text of the other folds has; "": there are none.

    The labels `targets` are those of `folds_of`.
    """
    if targets.ndim > 1:
        return ""
    n = sum(int((~np.isin(targets[held], targets[fitted])).sum()) for fitted, held in folds)
    have = "1 text has" if n == 1 else f"{n:,} texts have"
    return f"{have} a label that no other text has: counted as answered wrongly" if n else ""


def make_folds(texts: Sequence[str], targets: Int32s, n_folds: int, seed: int) -> Folds:
    """Return the folds of labelled texts, fewer than `n_folds` where there are fewer texts.

    Each label is spread evenly over the folds, and so are the texts whose label no other text has:
    their fold's model does not know it, as a model knows no label that is new. Texts that differ
    only in case and white space stay together, so no fold is tested on a text that it was fitted
    to.
    """
    groups = equal_texts(texts)
    by_label: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        by_label[Counter(targets[group].tolist()).most_common(1)[0][0]].append(group)
    n_folds = min(n_folds, len(groups))
    generator = np.random.default_rng(seed)
    fold_of = np.full(len(texts), -1, np.int32)
    next_fold = 0
    # Labels of one text are the last: together they are spread evenly.
    for label in sorted(by_label, key=lambda label: (len(by_label[label]) == 1, label)):
        # The next label begins where this one ends: rare labels fill the folds evenly.
        for place in generator.permutation(len(by_label[label])):
            fold_of[by_label[label][place]] = next_fold % n_folds
            next_fold += 1
    return Folds(fold_of=fold_of)
