"""Folds of labelled texts: each part is answered by models that were fitted to the other parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Array, Int32s, Integers, Mask
from foretell.data.label_sets import parts_of_groups
from foretell.data.split import MIN_TEXTS, places_of_equal, text_key
from foretell.training.labels.tokens import Targets

MIN_OF_LABEL = 5
"""Different texts of each label below which out-of-fold predictions show nothing."""

MANY_TEXTS = 100
"""With so many different texts a rare label does not keep the others from being measured."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """Which texts are held out together.

    `fold_of` is int32 [text], from 0; -1: the text is in training always. Where no text is held
    out, so that nothing can be measured, `not_measured` says why.
    """

    fold_of: Int32s
    not_measured: str = ""

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


def other_folds(fold_of: Integers) -> Iterator[tuple[Mask, Mask]]:
    """Yield the texts of the other folds and those of each fold, bool [text]; twice the same of a
    single one.

    What is fitted to the first answers the second. A single fold is a validation set, where that is
    the same.
    """
    folds = np.unique(fold_of)
    for fold in folds:
        inside = fold_of == fold
        yield ~inside if len(folds) > 1 else inside, inside


def folds_to_decide(texts: Sequence[str], targets: Array, n_folds: int, seed: int) -> Folds:
    """Return the folds on which a training decides and is measured: none where different texts are
    too few.

    Of a few sentences, each held-out one is unlike all others. Its answer shows nothing, and
    weights and temperature fitted on such answers would flatten all probabilities.
    """
    if reason := too_few(texts, targets):
        return Folds(fold_of=np.full(len(texts), -1, np.int32), not_measured=reason)
    if targets.ndim == 1:
        return make_folds(texts, targets, n_folds, seed)
    groups = list(places_of_equal(map(text_key, texts)).values())
    n = min(n_folds, len(groups))
    return Folds(fold_of=parts_of_groups(groups, targets, [1 / n] * n, seed))


def too_few(texts: Sequence[str], targets: Array) -> str:
    """Return why these labelled texts are too few to measure on, or "" where they are not."""
    different = np.array(
        [places[0] for places in places_of_equal(map(text_key, texts)).values()], int
    )
    found = targets[different]
    of_label = np.bincount(found) if targets.ndim == 1 else (found == 1).sum(axis=0)
    rarest = of_label[of_label > 0].min(initial=len(different))
    if len(different) >= MANY_TEXTS or (len(different) >= MIN_TEXTS and rarest >= MIN_OF_LABEL):
        return ""
    return (
        f"too few different texts to measure ({len(different)}, of the rarest label {rarest}): "
        f"{MANY_TEXTS} are enough, or {MIN_TEXTS} with {MIN_OF_LABEL} of each label"
    )


def make_folds(texts: Sequence[str], targets: Targets, n_folds: int, seed: int) -> Folds:
    """Return the folds of labelled texts, fewer than `n_folds` where there are fewer texts.

    Each label is spread evenly over the folds. Texts that differ only in case and white space stay
    together, so no fold is tested on a text that it was fitted to. A label with one such group of
    texts is never held out: without it, the model of its fold would not know the label.
    """
    groups = places_of_equal(map(text_key, texts))
    by_label: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        by_label[Counter(targets[group].tolist()).most_common(1)[0][0]].append(group)
    n_folds = min(n_folds, len(groups))
    generator = np.random.default_rng(seed)
    fold_of = np.full(len(texts), -1, np.int32)
    next_fold = 0
    for label in sorted(label for label, members in by_label.items() if len(members) > 1):
        # The next label begins where this one ends: rare labels fill the folds evenly.
        for place in generator.permutation(len(by_label[label])):
            fold_of[by_label[label][place]] = next_fold % n_folds
            next_fold += 1
    return Folds(fold_of=fold_of)
