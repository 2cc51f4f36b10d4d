"""The data of a training: training and validation texts without leaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from foretell.data.examples import Examples
from foretell.data.text_keys import places_of_equal, text_key
from foretell.errors import DataError
from foretell.readable import listed

MIN_TEXTS = 30
"""Different texts below which a part of them shows nothing about the others."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The data of one training, no text in more than one part of it.

    Attributes:
        train: the training texts with their labels.
        valid: the validation texts with their labels; None: there are none.
        unlabelled: the texts without labels, none of them in `train` or `valid`.
        hints: words for each label; None: there are none.
        notes: what was removed, and what else is worth knowing; one sentence each.
    """

    train: Examples
    valid: Examples | None
    unlabelled: tuple[str, ...] = ()
    hints: Examples | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_only_hints(self) -> bool:
        """Whether no text has a label, so that the model learns from hints alone."""
        return self.hints is not None and not len(self.train)


def make_split(
    examples: Examples,
    *,
    valid: Examples | None = None,
    unlabelled: Iterable[str] = (),
    hints: Examples | None = None,
    known: Sequence[str] = (),
) -> Split:
    """Return the data of a training; remove what would leak from one part into the other.

    Two texts are equal where they differ only in case and white space. Texts of `valid` are removed
    from training. Texts of `unlabelled` that have a label elsewhere are removed.

    Args:
        examples: texts with labels.
        valid: the validation set; None: there is none, and the training holds out some texts.
        unlabelled: texts without labels.
        hints: words for labels; None: none. `examples` themselves: no text has a label.
        known: labels of a classifier that is continued, which `valid` may have too.

    Raises:
        DataError: `hints` are on a label that no text has.
            `valid` has a label that the training texts lack, or leaves too little to train on.
    """
    hinted = set[str]() if hints is None else set(hints.labels)
    if hints is not None and (unknown := sorted(hinted.difference(examples.labels))):
        raise DataError(
            f"the labels of the training texts ({listed(examples.label_names)})",
            listed(unknown),
            where=hints.name,
            fix="correct the name of the label, or label a text with it",
        )
    if valid is None:
        groups = places_of_equal(examples.keys)
        notes = _notes_on_groups(examples, list(groups.values()))
        split = Split(train=examples, valid=None, notes=tuple(notes))
        keys = set(groups)
    else:
        split, keys = _given(examples, valid, known)
    if hints is examples:
        split = replace(split, train=examples.select(()))
    given = list(unlabelled)
    notes = list(split.notes)
    kept = tuple(text for text in given if text_key(text) not in keys)
    if removed := len(given) - len(kept):
        notes.append(
            f"removed {_texts(removed, 'unlabelled')} also in the training or validation set"
        )
    return replace(split, unlabelled=kept, hints=hints, notes=tuple(notes))


def _given(examples: Examples, valid: Examples, known: Sequence[str]) -> tuple[Split, set[bytes]]:
    """Return `examples` without the texts of `valid`, and the keys of all texts."""
    valid_keys = set(valid.keys)
    keys = examples.keys
    kept = [place for place, key in enumerate(keys) if key not in valid_keys]
    train = examples
    notes = []
    if removed := len(examples) - len(kept):
        train = examples.select(kept, examples.name)
        notes.append(
            f"removed {_texts(removed, 'training')} also in the validation set ({valid.name})"
        )
    _check_labels(examples, train, valid, known)
    return Split(
        train=train, valid=valid if len(valid) else None, notes=tuple(notes)
    ), valid_keys.union(keys)


def _check_labels(
    examples: Examples, train: Examples, valid: Examples, known: Sequence[str]
) -> None:
    """Check that `train`, the texts of `examples` that are not in `valid`, goes with `valid`."""
    labels = train.label_names
    lost = sorted(set(examples.label_names).difference(labels))
    if not len(train) or lost:
        found = f"none of {listed(lost)}" if lost else "none"
        fix = "give a validation set of other texts"
        raise DataError(
            "training texts of each label that are not in the validation set",
            found,
            where=valid.name,
            fix=fix,
        )
    used = set(valid.labels) if valid.sets is None else set(valid.sets.used())
    if unknown := sorted(used.difference(labels, known)):
        fix = "give training texts of these labels too, or leave them out of the validation set"
        raise DataError(
            f"the labels {listed(labels)}",
            listed(unknown),
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


def _texts(count: int, kind: str) -> str:
    return f"1 {kind} text that is" if count == 1 else f"{count:,} {kind} texts that are"
