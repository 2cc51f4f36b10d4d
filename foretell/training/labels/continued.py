"""From examples to the split of a training, whether it begins or continues a classifier.

A training that continues learns from new examples beside old ones, or beside what stands in for
them. Its metrics on the old data stand beside those on the new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Integers
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.checks import similar_label_notes
from foretell.data.examples import Examples
from foretell.data.label_types import ordered
from foretell.data.split import Split, make_split
from foretell.data.text_keys import text_key
from foretell.errors import DataError, SettingsError
from foretell.metrics import label_metrics
from foretell.readable import percent
from foretell.runtime.seen import seen_by
from foretell.training.events import Listener, Note
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.replay import MAX_UNLABELLED, Replay, replayed
from foretell.training.labels.unseen import Measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Continued:
    """What a training continues. Made by `split_of`.

    Attributes:
        ancestor: the classifier.
        replay: what stands in for its old examples; None: they are there, as `old`.
        old: the old examples; None: they are gone.
        old_keys: the `text_key` of each old example that is no new one.
    """

    ancestor: Ancestor
    replay: Replay | None
    old: Examples | None
    old_keys: frozenset[bytes]

    @property
    def counts(self) -> dict[str, int]:
        """What is learned from again and how many texts each, ready for JSON."""
        if self.replay is not None:
            return self.replay.counts
        return {"examples": 0 if self.old is None else len(set(self.old.texts))}

    @property
    def digest(self) -> str:
        """What decides the training beside its texts."""
        return f"continues {self.ancestor.model.sha256}, {self.old is not None}"


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
        valid: validation set, which is measured on and nothing else; None: none.
        unlabelled: texts without labels.
        hints: words for each label, or None.
        old: the old examples of the classifier; None: they are gone.

    Raises:
        SettingsError: old examples of no classifier.
        DataError: no new examples of a classifier, labels of another type, or hints beside a
            classifier; as `make_split`.
    """

    if ancestor is None:
        if old is not None:
            raise SettingsError(
                "the classifier whose old examples these are (--continue, continue_from)",
                "none",
                where="old",
            )
        split = make_split(
            new,
            valid=valid,
            unlabelled=unlabelled,
            hints=hints,
        )
        return split, None
    new, notes = _checked_new(new, hints, ancestor, () if old is None else old.labels)
    if old is None and valid is not None:
        valid, more_notes = _unseen(valid, ancestor, "they are not measured on")
        notes += more_notes
    own = frozenset(map(text_key, new.texts))
    more = [text for text in unlabelled if old is not None or text_key(text) not in own]
    examples = new
    replay = None
    if old is None:
        replay = replayed(ancestor, new.texts, more, settings)
        more = more[MAX_UNLABELLED:]
    else:
        examples = joined([new, old], f"{new.name} and {old.name}")
    split = make_split(
        examples,
        valid=valid,
        unlabelled=more,
        known=ancestor.labels,
    )
    old_keys = () if old is None else map(text_key, old.texts)
    return replace(split, notes=(*notes, *split.notes)), Continued(
        ancestor=ancestor, replay=replay, old=old, old_keys=frozenset(old_keys) - own
    )


def _checked_new(
    new: Examples, hints: Examples | None, ancestor: Ancestor, old: Iterable[str]
) -> tuple[Examples, list[str]]:
    """Return the new examples that the old model has not learned from, with labels of its type; and
    notes.

    What it has learned from would be measured as if it had not. Text labels, as in a CSV, get its
    type.
    """
    left_out = "they are left out; to learn from them again give them as old examples (--old)"
    new, notes = _unseen(new, ancestor, left_out)
    if hints is not None or not len(new):
        expected, found = ("new examples", "none") if hints is None else ("no label hints", "some")
        fix = notes[0] if notes else ""
        raise DataError(f"{expected} to continue a classifier", found, where=new.name, fix=fix)
    kind = ancestor.model.label_type if new.label_type == "text" else new.label_type
    try:
        ordered([*new.labels, *old, *ancestor.labels], kind)
    except ValueError as error:
        raise DataError(
            f"labels of the type of those of {ancestor.name} ({ancestor.labels[0]!r} is one)",
            f"the type {new.label_type}",
            where=new.name,
            fix="give labels of the same type",
        ) from error
    if set(new.labels) - set(ancestor.labels):
        notes += similar_label_notes([*new.labels, *ancestor.labels])
    return replace(new, label_type=kind), notes


def _unseen(examples: Examples, ancestor: Ancestor, consequence: str) -> tuple[Examples, list[str]]:
    """Return the examples that a classifier has not learned from, and notes."""
    is_seen, what = seen_by(ancestor.model.path, examples.texts)
    if not what:
        return examples, []
    places = [place for place, seen in enumerate(is_seen) if not seen]
    return examples.select(places, examples.name), [f"{what} of {ancestor.name}: {consequence}"]


def joined(parts: Sequence[Examples], name: str) -> Examples:
    """Return the examples of several parts, one after another; labels are of the type of the first
    part's.
    """
    weights = [weight for part in parts for weight in part.weights or [1.0] * len(part)]
    return Examples(
        [text for part in parts for text in part.texts],
        [label for part in parts for label in part.labels],
        name=name,
        weights=weights if any(part.weights is not None for part in parts) else None,
        label_type=parts[0].label_type,
    )


def continued_metrics(
    model: Model, continued: Continued, measured: Measured | None, listener: Listener
) -> dict[str, object]:
    """Return `continued` of metrics.json, and report it.

    `measured` are the answers of the new classifier, in memory, to texts that it has not seen.
    `old` and `new` are the metrics on old and new examples, each None where there are none.
    """
    found: dict[str, dict[str, float] | None] = {"new": None, "old": None}
    ancestor = continued.ancestor
    labels = model.labels
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
                listener(Note(text))
    if found["old"] is None:
        reason = "none were given"
        if continued.old is not None:
            reason = "none were left to measure on"
        listener(Note(f"old examples: not measured, because {reason}"))
    return {
        "sha256": list(ancestor.model.lineage),
        "replayed": continued.counts,
        "new_labels": [label for label in labels if label not in ancestor.labels],
        **found,
    }


def _metrics(true: Integers, answers: Integers, labels: list[str]) -> dict[str, float]:
    found = label_metrics(true, answers, labels)
    return {"texts": len(true), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}
