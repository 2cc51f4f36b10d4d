"""A training that continues a classifier: new examples beside old ones, or beside what stands in for them.

Its metrics on the old data stand beside those on the new.
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
from foretell.training.labels.metrics import Measured
from foretell.training.labels.replay import made_up_texts, replayed_unlabelled
from foretell.training.labels.tokens import targets_of

_Z = 1.96
"""Standard errors of a difference that is more than noise, at the level of 95 %."""

_P_VALUE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Continued:
    """What a training continues. Make one with `continued_split`.

    Attributes:
        ancestor: the classifier.
        has_old: whether the old examples are there, and are trained on again.
        old_keys: the `text_key` of each old example.
        old_valid: old data that is only measured on, or None.
        replayed: what is replayed and how many texts each, ready for JSON.
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


def continued_split(
    new: Examples,
    ancestor: Ancestor,
    *,
    old: Examples | None = None,
    old_valid: Examples | None = None,
    valid: Examples | None = None,
    unlabelled: Iterable[str] = (),
    settings: LabelsSettings,
) -> tuple[Split, Continued]:
    """Return the data of a training that continues a classifier.

    With the old examples, these are trained on again. Without them, unlabelled and made-up texts are trained
    on with the old model's probabilities as soft labels (`training.labels.replay`). No metric is measured on
    these.

    Args:
        new: the new examples.
        ancestor: the classifier to continue.
        old: the old examples; None: they are gone.
        old_valid: old data to measure on only. Its texts are removed from `new` and `old`.
        valid: validation set of new examples; None: a fraction of the examples.
        unlabelled: texts without labels.
        settings: of the classifier.

    Raises:
        DataError: no new examples, one label in all, an unknown label in `old_valid`; as `make_split`.
    """
    if not len(new):
        raise DataError(expected="new examples", found="none", where=new.name)
    more, replayed = list(unlabelled), dict[str, int]()
    if old is not None:
        parts = [new, old]
        replayed["examples"] = len(old)
    else:
        known = set(map(text_key, new.texts))
        kept = [text for text in more if text_key(text) not in known]
        made = made_up_texts(ancestor, new.texts, settings)
        parts = [new, made]
        replayed["made_up_texts"] = len(set(made.texts))
        if kept:
            parts.append(replayed_unlabelled(ancestor, kept))
            replayed["unlabelled_texts"] = len(set(parts[-1].texts))
            more = kept[replayed["unlabelled_texts"] :]
    examples = joined(parts, new.name if old is None else f"{new.name} and {old.name}")
    examples = replace(examples, label_type=_label_type(new, ancestor))
    if old_valid is not None:
        examples = _without(examples, old_valid)
        _check_labels(old_valid, {*ancestor.labels, *examples.labels})
    split = make_split(
        examples,
        valid=valid,
        fraction=settings.fraction_for(len(examples)),
        seed=settings.seed,
        unlabelled=more,
    )
    own = set(map(text_key, new.texts))
    others = parts[1:] if old is None else []
    not_measured = frozenset(text_key(text) for part in others for text in part.texts) - own
    continued = Continued(
        ancestor=ancestor,
        has_old=old is not None,
        old_keys=frozenset(map(text_key, () if old is None else old.texts)) - own,
        old_valid=old_valid,
        replayed=replayed,
    )
    return replace(split, not_measured=not_measured), continued


def _label_type(new: Examples, ancestor: Ancestor) -> LabelType:
    """Return the type of the new labels, where the old ones can have it too; else they are text."""
    try:
        ordered([*new.labels, *ancestor.labels], new.label_type)
    except ValueError:
        return "text"
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

    Args:
        model: the new classifier, in memory.
        continued: what it continues.
        measured: its answers to texts that they have not seen, or None.
        listener: is called with notes.

    Returns:
        `sha256` of the ancestors, `replayed`, `new_words`, `new_labels`; `old` and `new`, the metrics on old
        and new examples, each None where there are none; `agreement`, the share of the measured new examples
        with an old label that get the same label as from the old model; and `measured_on`, one sentence.
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
        result["new"] = _metrics(measured, labels, ~is_old)
        result["agreement"] = _agreement(measured, ancestor, labels, ~is_old)
        if is_old.any():
            result["old"] = _beside_stored(_metrics(measured, labels, is_old), ancestor)
    if continued.old_valid is not None:
        result["old"] = _paired(model, continued, labels)
    result["measured_on"] = _sentence(result, continued)
    _report(result, listener)
    return result


def _metrics(measured: Measured, labels: list[str], rows: Any) -> dict[str, Any] | None:
    if not rows.any():
        return None
    found = label_metrics(measured.targets[rows], measured.answers[rows].argmax(axis=1), labels)
    return {"texts": int(rows.sum()), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}


def _agreement(measured: Measured, ancestor: Ancestor, labels: list[str], rows: Any) -> float | None:
    """Return how often the old and the new model agree on new texts whose label the old model knows."""
    known = np.array([label in ancestor.labels for label in labels])
    chosen = np.flatnonzero(rows & known[measured.targets])
    if not len(chosen):
        return None
    texts = [measured.texts[place] for place in chosen.tolist()]
    before = ancestor.probabilities(texts, labels).argmax(axis=1)
    return float((before == measured.answers[chosen].argmax(axis=1)).mean())


def _beside_stored(new: dict[str, Any] | None, ancestor: Ancestor) -> dict[str, Any] | None:
    """Add the old model's own validation metrics, on other texts of the old data.

    The old model has learned from these texts, so its accuracy on them would be far too high. The difference
    of two accuracies on different texts is noise up to 1.96 standard errors.
    """
    if new is None:
        return None
    metrics, n = ancestor.model.metrics, _measured_texts(ancestor)
    before = metrics.get("accuracy")
    if not n or not isinstance(before, float):
        return new
    variance = sum(
        max(p * (1 - p), 1 / (4 * k)) / k for p, k in ((before, n), (new["accuracy"], new["texts"]))
    )
    lost = before - new["accuracy"]
    return {
        **new,
        "accuracy_before": before,
        "texts_before": n,
        "has_dropped": lost > _Z * math.sqrt(variance),
    }


def _measured_texts(ancestor: Ancestor) -> int:
    """Return on how many texts the old model was measured; 0: on its training texts, or unknown."""
    confusion = ancestor.model.metrics.get("confusion")
    if not isinstance(confusion, dict):
        return 0
    return int(np.sum(confusion.get("counts", 0)))


def _paired(model: Model, continued: Continued, labels: list[str]) -> dict[str, Any]:
    """Return the metrics on the old data that neither model has trained on, of both models."""
    assert continued.old_valid is not None
    texts, true = continued.old_valid.texts, targets_of(continued.old_valid.labels, labels)
    with tempfile.TemporaryDirectory() as folder:
        # The metrics are part of the model directory, so the model is written once before they are known.
        write_model(model, Path(folder) / "model")
        now = LabelsRuntime.open(Path(folder) / "model").predict_proba(texts).argmax(axis=1)
    before = continued.ancestor.probabilities(texts, labels).argmax(axis=1)
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
    old, metrics = result["old"], continued.ancestor.model.metrics
    if old is None:
        stored, n = metrics.get("accuracy"), _measured_texts(continued.ancestor)
        known = f"; the old model had {stored:.2%} on {n:,} texts" if n and isinstance(stored, float) else ""
        agreement = result.get("agreement")
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
