"""From examples to the split of a training, whether it begins or continues a classifier.

A training that continues learns from new examples beside old ones, or beside what stands in for them. Its
metrics on the old data stand beside those on the new.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.label_types import LabelType, ordered
from foretell.data.split import Split, make_split, text_key
from foretell.errors import DataError
from foretell.metrics import label_metrics
from foretell.metrics.bootstrap import differences, mcnemar, method
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.events import Listener, Note
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.logistic import Mask
from foretell.training.labels.metrics import Measured
from foretell.training.labels.replay import made_up_texts, replayed_unlabelled
from foretell.training.labels.tokens import targets_of

_Z = 1.96
"""Standard errors of a difference that is more than noise, at the level of 95 %."""

_P_VALUE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Continued:
    """What a training continues. Made by `split_of`.

    `has_old` tells whether the old examples are there, and are trained on again; `old_keys` are the
    `text_key` of each. `old_valid` is old data that is only measured on. `replayed` is what is replayed and
    how many texts each, ready for JSON.
    """

    ancestor: Ancestor
    has_old: bool
    old_keys: frozenset[bytes]
    old_valid: Examples | None
    replayed: dict[str, int]

    def digests(self) -> list[str]:
        """Return what decides the training beside its texts: the classifier, and the old data measured on."""
        others = [] if self.old_valid is None else [*self.old_valid.texts, *self.old_valid.labels]
        return [f"continues {self.ancestor.model.sha256}, {self.has_old}", *others]


def split_of(
    new: Examples,
    settings: LabelsSettings,
    ancestor: Ancestor | None = None,
    *,
    valid: Examples | None = None,
    unlabelled: Iterable[str] = (),
    hints: Examples | None = None,
    old: Examples | None = None,
    old_valid: Examples | None = None,
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
        old_valid: old data to measure on only. Its texts are removed from `new` and `old`.

    Raises:
        DataError: no new examples of a classifier, labels of another type, an unknown label in `old_valid`,
            or hints beside a classifier; as `make_split`.
    """
    if ancestor is None:
        fraction = settings.fraction_for(len(new))
        split = make_split(
            new, valid=valid, fraction=fraction, seed=settings.seed, unlabelled=unlabelled, hints=hints
        )
        return split, None
    if hints is not None or not len(new):
        expected, found = ("new examples", "none") if hints is None else ("no label hints", "some")
        raise DataError(expected=f"{expected} to continue a classifier", found=found, where=new.name)
    more, replayed = list(unlabelled), dict[str, int]()
    if old is not None:
        parts = [new, old]
        replayed["examples"] = len(old)
    else:
        known = set(map(text_key, new.texts))
        kept = [text for text in more if text_key(text) not in known]
        parts = [new, made_up_texts(ancestor, new.texts, settings)]
        replayed["made_up_texts"] = len(set(parts[1].texts))
        if kept:
            parts.append(replayed_unlabelled(ancestor, kept))
            replayed["unlabelled_texts"] = len(set(parts[-1].texts))
            more = kept[replayed["unlabelled_texts"] :]
    examples = joined(parts, new.name if old is None else f"{new.name} and {old.name}")
    examples = replace(examples, label_type=_label_type(new, ancestor))
    if old_valid is not None:
        examples = _without(examples, old_valid)
        _check_labels(old_valid, {*ancestor.labels, *examples.labels})
    fraction = settings.fraction_for(len(examples))
    split = make_split(examples, valid=valid, fraction=fraction, seed=settings.seed, unlabelled=more)
    own = set(map(text_key, new.texts))
    others = parts[1:] if old is None else []
    not_measured = frozenset(text_key(text) for part in others for text in part.texts) - own
    return replace(split, not_measured=not_measured), Continued(
        ancestor=ancestor,
        has_old=old is not None,
        old_keys=frozenset(map(text_key, () if old is None else old.texts)) - own,
        old_valid=old_valid,
        replayed=replayed,
    )


def _label_type(new: Examples, ancestor: Ancestor) -> LabelType:
    """Return the type of the labels, which the names of the old ones must allow."""
    try:
        ordered([*new.labels, *ancestor.labels], new.label_type)
    except ValueError as error:
        raise DataError(
            expected=f"labels of the type of those of {ancestor.name} ({ancestor.labels[0]!r} is one)",
            found=f"the type {new.label_type}",
            where=new.name,
            fix="give labels of the same type",
        ) from error
    return new.label_type


def joined(parts: Sequence[Examples], name: str) -> Examples:
    """Return the examples of several parts, one after another."""
    weighted = any(part.weights is not None for part in parts)
    weights = [weight for part in parts for weight in part.weights or [1.0] * len(part)]
    return Examples(
        [text for part in parts for text in part.texts],
        [label for part in parts for label in part.labels],
        name=name,
        weights=weights if weighted else None,
    )


def _without(examples: Examples, others: Examples) -> Examples:
    """Return the examples whose texts are not among those of others."""
    keys = set(map(text_key, others.texts))
    kept = [place for place, text in enumerate(examples.texts) if text_key(text) not in keys]
    return examples.select(kept, examples.name)


def _check_labels(old_valid: Examples, labels: set[str]) -> None:
    if not len(old_valid):
        raise DataError(expected="old examples to measure on", found="none", where=old_valid.name)
    if unknown := sorted(set(old_valid.labels) - labels):
        raise DataError(
            expected=f"labels of the old or the new examples: {', '.join(sorted(labels))[:100]}",
            found=", ".join(unknown)[:100],
            where=old_valid.name,
        )


def continued_metrics(
    model: Model, continued: Continued, measured: Measured | None, listener: Listener
) -> dict[str, Any]:
    """Return `continued` of metrics.json, and report it; with a warning where the old data lose accuracy.

    `measured` are the answers of the new classifier, in memory, to texts that it has not seen. `old` and
    `new` are the metrics on old and new examples, each None where there are none, and `agreement` is the
    share of the new ones with an old label that get the same label as from the old model.
    """
    ancestor, labels = continued.ancestor, list(model.labels or [])
    result: dict[str, Any] = {
        "sha256": list(ancestor.lineage),
        "replayed": continued.replayed,
        "new_words": model.tokenizer.size - ancestor.model.tokenizer.size,
        "new_labels": [label for label in labels if label not in ancestor.labels],
        "new": None,
        "old": None,
    }
    if measured is not None:
        is_old = np.array([text_key(text) in continued.old_keys for text in measured.texts], bool)
        result["new"] = _metrics(measured, labels, ~is_old) or None
        result["agreement"] = _agreement(measured, ancestor, labels, ~is_old)
        if is_old.any():
            result["old"] = _beside_stored(_metrics(measured, labels, is_old), ancestor)
    if continued.old_valid is not None:
        result["old"] = _paired(model, ancestor, continued.old_valid, labels)
    result["measured_on"] = _sentence(result, continued)
    _report(result, listener)
    return result


def _metrics(measured: Measured, labels: list[str], rows: Mask) -> dict[str, Any]:
    if not rows.any():
        return {}
    found = label_metrics(measured.targets[rows], measured.answers[rows].argmax(axis=1), labels)
    return {"texts": int(rows.sum()), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}


def _agreement(measured: Measured, ancestor: Ancestor, labels: list[str], rows: Mask) -> float | None:
    """Return how often the old and the new model agree on new texts whose label the old model knows."""
    known = np.array([label in ancestor.labels for label in labels])
    chosen = np.flatnonzero(rows & known[measured.targets])
    if not len(chosen):
        return None
    texts = [measured.texts[place] for place in chosen.tolist()]
    before = ancestor.probabilities(texts, labels).argmax(axis=1)
    return float((before == measured.answers[chosen].argmax(axis=1)).mean())


def _stored(ancestor: Ancestor) -> tuple[float, int] | None:
    """Return the old model's own validation accuracy and its number of texts, where both are known."""
    accuracy, confusion = (ancestor.model.metrics.get(name) for name in ("accuracy", "confusion"))
    n = int(np.sum(confusion.get("counts", 0))) if isinstance(confusion, dict) else 0
    return (accuracy, n) if n and isinstance(accuracy, float) else None


def _beside_stored(new: dict[str, Any], ancestor: Ancestor) -> dict[str, Any]:
    """Add the old model's own validation metrics, on other texts of the old data.

    The old model has learned from these texts, so its accuracy on them would be far too high. The difference
    of two accuracies on different texts is noise up to 1.96 standard errors.
    """
    if (stored := _stored(ancestor)) is None:
        return new
    both = (stored, (new["accuracy"], new["texts"]))
    variance = sum(max(p * (1 - p), 1 / (4 * n)) / n for p, n in both)
    has_dropped = stored[0] - new["accuracy"] > _Z * math.sqrt(variance)
    return {**new, "accuracy_before": stored[0], "texts_before": stored[1], "has_dropped": has_dropped}


def _paired(model: Model, ancestor: Ancestor, old_valid: Examples, labels: list[str]) -> dict[str, Any]:
    """Return the metrics on the old data that neither model has trained on, of both models."""
    texts, true = old_valid.texts, targets_of(old_valid.labels, labels)
    with tempfile.TemporaryDirectory() as folder:
        # The metrics are part of the model directory, so the model is written once before they are known.
        write_model(model, Path(folder) / "model")
        now = LabelsRuntime.open(Path(folder) / "model").predict_proba(texts).argmax(axis=1)
    before = ancestor.probabilities(texts, labels).argmax(axis=1)
    after = label_metrics(true, now, labels)
    test = mcnemar(before == true, now == true)
    accuracy = differences(true, before, now, len(labels))["accuracy"]
    return {
        "texts": len(texts),
        "accuracy": after["accuracy"],
        "macro_f1": after["macro_f1"],
        "accuracy_before": float((before == true).mean()),
        "texts_before": len(texts),
        "difference": accuracy["difference"],
        "interval": accuracy["interval"],
        "p_value": test["p_value"],
        "bootstrap": method()["name"],
        "has_dropped": bool(accuracy["difference"] < 0 and test["p_value"] < _P_VALUE),
    }


def _sentence(result: dict[str, Any], continued: Continued) -> str:
    """Return what is known of the old data, as one sentence."""
    old, stored, agreement = result["old"], _stored(continued.ancestor), result.get("agreement")
    if old is None:
        known = "" if stored is None else f"; the old model had {stored[0]:.2%} on {stored[1]:,} texts"
        same = "" if agreement is None else f"; old and new model agree on {agreement:.2%} of the new texts"
        return f"not measured, because no old examples were given{known}{same}"
    where = "old data that neither model has trained on" if continued.old_valid else "old examples"
    text = f"accuracy {old['accuracy']:.2%} on {old['texts']:,} {where}"
    if "accuracy_before" not in old:
        return text
    other = "" if continued.old_valid else f" (on {old['texts_before']:,} other texts)"
    return f"{text}, before {old['accuracy_before']:.2%}{other}"


def _report(result: dict[str, Any], listener: Listener) -> None:
    new, old = result["new"], result["old"]
    if new is not None:
        listener(Note(text=f"new examples: accuracy {new['accuracy']:.2%} on {new['texts']:,} texts"))
    listener(Note(text=f"old data: {result['measured_on']}"))
    if old is not None and old.get("has_dropped"):
        text = "warning: the accuracy on the old data is lower than before by more than chance"
        listener(Note(text=f"{text}; give more of the old examples with old, or train on all data"))
