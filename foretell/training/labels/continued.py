"""From examples to the split of a training, whether it begins or continues a classifier.

A training that continues learns from new examples beside old ones, or beside what stands in for
them. Its metrics on the old data stand beside those on the new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Integers
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.checks import similar_label_notes
from foretell.data.examples import Examples
from foretell.data.label_types import ordered
from foretell.data.split import Split, make_split, text_key
from foretell.errors import DataError, SettingsError
from foretell.metrics import label_metrics
from foretell.readable import percent
from foretell.runtime.labels.seen import seen_by
from foretell.training.events import Listener, Note
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.replay import MAX_UNLABELLED, replayed_texts
from foretell.training.labels.rows import joined
from foretell.training.labels.unseen import Measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Continued:
    """What a training continues. Made by `split_of`.

    `has_old`: the old examples are there, and are trained on again; `old_keys` are the `text_key`
    of each. `replayed` is what is learned from again and how many texts each, ready for JSON.
    """

    ancestor: Ancestor
    has_old: bool
    old_keys: frozenset[bytes]
    replayed: dict[str, int]

    def digest(self) -> str:
        """Return what decides the training beside its texts."""
        return f"continues {self.ancestor.model.sha256}, {self.has_old}"


def split_of(
    new: Examples,
    settings: LabelsSettings,
    ancestor: Ancestor | None = None,
    *,
    valid: Examples | None = None,
    unlabelled: Iterable[str] = (),
    hints: Examples | None = None,
    old: Examples | None = None,
) -> tuple[Split, Continued | None]:
    """Return the data of a training, and what it continues.

    Old examples of a classifier that is continued are trained on again. Without them, unlabelled
    and made-up texts have the old model's probabilities as soft labels (`replay.py`). No metric is
    measured on these.

    Args:
        new: the examples.
        settings: of the classifier.
        ancestor: the classifier to continue; None: the training begins.
        valid: validation set; None: a fraction of the examples.
        unlabelled: texts without labels.
        hints: words for each label, or None.
        old: the old examples of the classifier; None: they are gone.

    Raises:
        SettingsError: old examples of no classifier.
        DataError: no new examples of a classifier, labels of another type, or hints beside a
            classifier; as `make_split`.
    """

    def split(examples: Examples, more: Iterable[str]) -> Split:
        fraction = settings.fraction_for(len(examples))
        return make_split(
            examples,
            valid=valid,
            fraction=fraction,
            seed=settings.seed,
            unlabelled=more,
            hints=hints,
        )

    if ancestor is None:
        if old is not None:
            expected = "the classifier whose old examples these are (--continue, continue_from)"
            raise SettingsError(expected=expected, found="none", where="old")
        return split(new, unlabelled), None
    new, notes = _checked_new(new, hints, ancestor, () if old is None else old.labels)
    more = list(unlabelled)
    own = frozenset(map(text_key, new.texts))
    if old is not None:
        others = {"examples": old}
    else:
        more = [text for text in more if text_key(text) not in own]
        others = replayed_texts(ancestor, new.texts, more, settings)
        more = more[MAX_UNLABELLED:]
    examples = joined(
        [new, *others.values()], new.name if old is None else f"{new.name} and {old.name}"
    )
    keys = frozenset(text_key(text) for part in others.values() for text in part.texts) - own
    made = split(examples, more)
    not_measured = frozenset[bytes]() if old is not None else keys
    return replace(made, not_measured=not_measured, notes=(*notes, *made.notes)), Continued(
        ancestor=ancestor,
        has_old=old is not None,
        old_keys=keys if old is not None else frozenset(),
        replayed={name: len(set(part.texts)) for name, part in others.items()},
    )


def _checked_new(
    new: Examples, hints: Examples | None, ancestor: Ancestor, old: Iterable[str]
) -> tuple[Examples, list[str]]:
    """Return the new examples that the old model has not learned from, with labels of its type; and
    notes.

    What it has learned from would be measured as if it had not. Text labels, as in a CSV, get its
    type.
    """
    (is_seen, what), notes = seen_by(ancestor.model.path, new.texts), list[str]()
    if what:
        new = new.select([place for place, seen in enumerate(is_seen) if not seen], new.name)
        left_out = "they are left out; to learn from them again give them as old examples (--old)"
        notes = [f"{what} of {ancestor.name}: {left_out}"]
    if hints is not None or not len(new):
        expected, found = ("new examples", "none") if hints is None else ("no label hints", "some")
        fix = notes[0] if notes else ""
        raise DataError(
            expected=f"{expected} to continue a classifier", found=found, where=new.name, fix=fix
        )
    kind = ancestor.model.label_type if new.label_type == "text" else new.label_type
    try:
        ordered([*new.labels, *old, *ancestor.labels], kind)
    except ValueError as error:
        raise DataError(
            expected=f"labels of the type of those of {ancestor.name} "
            f"({ancestor.labels[0]!r} is one)",
            found=f"the type {new.label_type}",
            where=new.name,
            fix="give labels of the same type",
        ) from error
    if set(new.labels) - set(ancestor.labels):
        notes += similar_label_notes([*new.labels, *ancestor.labels])
    return replace(new, label_type=kind), notes


def continued_metrics(
    model: Model, continued: Continued, measured: Measured | None, listener: Listener
) -> dict[str, object]:
    """Return `continued` of metrics.json, and report it.

    `measured` are the answers of the new classifier, in memory, to texts that it has not seen.
    `old` and `new` are the metrics on old and new examples, each None where there are none.
    """
    found: dict[str, dict[str, float] | None] = {"new": None, "old": None}
    ancestor = continued.ancestor
    labels = list(model.labels or [])
    if measured is not None:
        is_old = np.array([text_key(text) in continued.old_keys for text in measured.texts], bool)
        true = measured.targets
        answers = measured.answers.argmax(axis=1)
        for name, rows in (("new", ~is_old), ("old", is_old)):
            if rows.any():
                found[name] = of_rows = _metrics(true[rows], answers[rows], labels)
                text = (
                    f"{name} examples: accuracy {percent(of_rows['accuracy'])} on "
                    f"{rows.sum():,} texts"
                )
                listener(Note(text=text))
    if found["old"] is None:
        reason = "none were left to measure on" if continued.has_old else "none were given"
        listener(Note(text=f"old examples: not measured, because {reason}"))
    return {
        "sha256": list(ancestor.lineage),
        "replayed": continued.replayed,
        "new_labels": [label for label in labels if label not in ancestor.labels],
        **found,
    }


def _metrics(true: Integers, answers: Integers, labels: list[str]) -> dict[str, float]:
    found = label_metrics(true, answers, labels)
    return {"texts": len(true), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}
