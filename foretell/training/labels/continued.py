"""A training that continues a classifier: new examples beside old ones, or beside what stands in for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.split import Split, make_split, text_key
from foretell.errors import DataError
from foretell.label_types import LabelType, ordered
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.replay import made_up_texts, replayed_unlabelled


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
    on with the old model's probabilities as soft labels (`training.labels.replay`). No figure is measured on
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
