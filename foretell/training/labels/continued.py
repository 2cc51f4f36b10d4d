"""From examples to the split of a training, whether it begins or continues a classifier.

A training that continues learns from new examples beside old ones, or beside what stands in for them. Its
metrics on the old data stand beside those on the new.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Integers
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.label_types import ordered
from foretell.data.split import Split, make_split, text_key
from foretell.errors import DataError, SettingsError
from foretell.metrics import label_metrics
from foretell.training.events import Listener, Note
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.metrics import Measured
from foretell.training.labels.replay import MAX_UNLABELLED, replayed_texts
from foretell.training.labels.rows import joined

_Z = 1.96
"""Standard errors of a difference that is more than noise, at the level of 95 %."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Continued:
    """What a training continues. Made by `split_of`.

    `has_old`: whether the old examples are there, and are trained on again; `old_keys` are the
    `text_key` of each. `replayed` is what is learned from again and how many texts each, ready for JSON.
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

    Where a classifier is continued with its old examples, these are trained on again. Without them,
    unlabelled and made-up texts are trained on with the old model's probabilities as soft labels
    (`training.labels.replay`). No metric is measured on these.

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
        DataError: no new examples of a classifier, labels of another type, or hints beside a classifier; as
            `make_split`.
    """

    def split(examples: Examples, more: Iterable[str]) -> Split:
        fraction = settings.fraction_for(len(examples))
        return make_split(
            examples, valid=valid, fraction=fraction, seed=settings.seed, unlabelled=more, hints=hints
        )

    if ancestor is None:
        if old is not None:
            expected = "the classifier whose old examples these are (--continue, continue_from)"
            raise SettingsError(expected=expected, found="none", where="old")
        return split(new, unlabelled), None
    _check_new(new, hints, ancestor)
    more, own = list(unlabelled), frozenset(map(text_key, new.texts))
    if old is not None:
        others = {"examples": old}
    else:
        more = [text for text in more if text_key(text) not in own]
        others = replayed_texts(ancestor, new.texts, more, settings)
        more = more[MAX_UNLABELLED:]
    examples = joined([new, *others.values()], new.name if old is None else f"{new.name} and {old.name}")
    keys = frozenset(text_key(text) for part in others.values() for text in part.texts) - own
    return replace(split(examples, more), not_measured=frozenset() if old is not None else keys), Continued(
        ancestor=ancestor,
        has_old=old is not None,
        old_keys=keys if old is not None else frozenset(),
        replayed={name: len(set(part.texts)) for name, part in others.items()},
    )


def _check_new(new: Examples, hints: Examples | None, ancestor: Ancestor) -> None:
    """Check that there are new examples, and that the old labels are of the type of theirs."""
    if hints is not None or not len(new):
        expected, found = ("new examples", "none") if hints is None else ("no label hints", "some")
        raise DataError(expected=f"{expected} to continue a classifier", found=found, where=new.name)
    try:
        ordered([*new.labels, *ancestor.labels], new.label_type)
    except ValueError as error:
        raise DataError(
            expected=f"labels of the type of those of {ancestor.name} ({ancestor.labels[0]!r} is one)",
            found=f"the type {new.label_type}",
            where=new.name,
            fix="give labels of the same type",
        ) from error


def continued_metrics(
    model: Model, continued: Continued, measured: Measured | None, listener: Listener
) -> dict[str, object]:
    """Return `continued` of metrics.json, and report it; with a warning where the old data lose accuracy.

    `measured` are the answers of the new classifier, in memory, to texts that it has not seen. `old` and
    `new` are the metrics on old and new examples, each None where there are none.
    """
    ancestor, labels, new, of_old = continued.ancestor, list(model.labels or []), None, None
    if measured is not None:
        is_old = np.array([text_key(text) in continued.old_keys for text in measured.texts], bool)
        true, answers = measured.targets, measured.answers.argmax(axis=1)
        new, of_old = (
            _metrics(true[rows], answers[rows], labels) if rows.any() else None for rows in (~is_old, is_old)
        )
    old, sentence, has_dropped = _beside_stored(of_old, ancestor)
    if new is not None:
        listener(Note(text=f"new examples: accuracy {new['accuracy']:.2%} on {new['texts']:,} texts"))
    listener(Note(text=f"old data: {sentence}"))
    if has_dropped:
        text = "warning: the accuracy on the old data is lower than before by more than chance"
        listener(Note(text=f"{text}; give more of the old examples with old, or train on all data"))
    return {
        "sha256": list(ancestor.lineage),
        "replayed": continued.replayed,
        "new_words": model.tokenizer.size - ancestor.model.tokenizer.size,
        "new_labels": [label for label in labels if label not in ancestor.labels],
        "new": new,
        "old": old,
        "measured_on": sentence,
    }


def _metrics(true: Integers, answers: Integers, labels: list[str]) -> dict[str, float]:
    found = label_metrics(true, answers, labels)
    return {"texts": len(true), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}


def _beside_stored(
    new: dict[str, float] | None, ancestor: Ancestor
) -> tuple[dict[str, object] | None, str, bool]:
    """Return the metrics on old examples with the old model's own validation metrics, on other old texts.

    Besides a sentence on them, and whether the accuracy is lower than before by more than chance.
    The old model has learned from these texts, so its accuracy on them would be far too high. The difference
    of two accuracies on different texts is noise up to 1.96 standard errors.
    """
    stored, confusion = (ancestor.model.metrics.get(name) for name in ("accuracy", "confusion"))
    n = int(np.sum(confusion.get("counts", 0))) if isinstance(confusion, dict) else 0
    before = stored if n and isinstance(stored, float) else None
    if new is None:
        known = "" if before is None else f"; the old model had {before:.2%} on {n:,} texts"
        return None, f"not measured, because no old examples were given{known}", False
    now, sentence = new["accuracy"], f"accuracy {new['accuracy']:.2%} on {new['texts']:,} old examples"
    if before is None:
        return {**new}, sentence, False
    variance = sum(max(p * (1 - p), 1 / (4 * of)) / of for p, of in ((before, n), (now, new["texts"])))
    has_dropped = before - now > _Z * math.sqrt(variance)
    more = {"accuracy_before": before, "texts_before": n, "has_dropped": has_dropped}
    return {**new, **more}, f"{sentence}, before {before:.2%} (on {n:,} other texts)", has_dropped
