"""What a classifier's training is given: what goes together, what is used, and what must not
change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from foretell.config import MAX_CHARACTERS, MAX_FOLDED_TEXTS, LabelsSettings
from foretell.data.soft import Answering
from foretell.data.split import Split
from foretell.errors import SettingsError
from foretell.training.events import Listener, Note
from foretell.training.labels.continued import Continued
from foretell.training.run import Request

MAX_CELLS = 40_000_000
"""Texts times labels up to which linear models are fitted; they need several arrays [text,
label].
"""

_ONLY_WITH_MEMBERS = (
    f"only a classifier with several linear models learns from it: up to "
    f"{MAX_FOLDED_TEXTS:,} labelled "
    "texts, or short ones"
)


def has_many_members(split: Split, settings: LabelsSettings) -> bool:
    """Return whether the classifier has several linear members."""
    few = len(split.train) <= MAX_FOLDED_TEXTS
    short = split.valid is not None and sum(map(len, split.train.texts)) <= MAX_CHARACTERS
    return settings.linear and (
        bool(settings.multi_label) or (settings.folds > 0 and (few or short))
    )


def uses_outside(
    split: Split, settings: LabelsSettings, outside: Mapping[str, object], listener: Listener
) -> bool:
    """Return whether word vectors and a teacher are used; a note names what is not."""
    if settings.multi_label or has_many_members(split, settings):
        return True
    names = {"vectors": "word vectors", "teacher": "a teacher", "label_hints": "label hints"}
    for key, value in outside.items():
        # Hints alone are what such a classifier learns from, too.
        if value is not None and not (key == "label_hints" and split.has_only_hints):
            listener(Note(text=f"{names[key]}: not used, because {_ONLY_WITH_MEMBERS}"))
    return False


def fitting(
    split: Split, settings: LabelsSettings, listener: Listener
) -> tuple[Split, LabelsSettings]:
    """Return a split and settings without linear models where there are too many labels for them.

    Unlabelled texts are left out too: a linear model would label them.
    """
    n = len(split.train)
    n_labels = len(split.train.label_names)
    if not settings.linear or n * n_labels <= MAX_CELLS:
        return split, settings
    unlabelled = " and no texts without labels" if split.unlabelled else ""
    text = (
        f"{n_labels:,} labels and {n:,} texts are too many for linear models: the network "
        f"learns alone"
    )
    listener(Note(text=f"{text}{unlabelled}"))
    alone = replace(settings, linear=False, folds=0)
    return replace(split, unlabelled=()), alone


def check_together(
    split: Split,
    settings: LabelsSettings,
    continued: Continued | None,
    outside: Mapping[str, object],
    *,
    keep_teacher: bool,
) -> None:
    """Raise SettingsError for what does not go together; `outside` has vectors, teacher and
    label_hints.
    """
    several = bool(settings.multi_label)
    alone = f"the network '{settings.network}' alone"
    given = [name for name, value in outside.items() if value is not None]
    learned = [*given, *(["unlabelled"] if split.unlabelled else [])]
    base = "choose --preset base, or set --linear"
    has_teacher = "teacher" in given
    no_encoder = "a teacher that is no encoder" if isinstance(outside["teacher"], Answering) else ""
    other = "label-hints alone" if split.has_only_hints else no_encoder
    rules: list[tuple[bool, str, str, str, str]] = [
        (
            continued is not None and several,
            "a classifier with one label for each text, which can be continued",
            "several labels for each text",
            "continue",
            "train a new model on all data",
        ),
        (
            continued is not None and bool(other),
            "a classifier to continue, which has its own weights",
            f"{other} too",
            "continue",
            f"leave {other} out",
        ),
        *(
            (
                several,
                f"no {name} where texts may have several labels",
                name,
                "multi-label",
                f"drop {name}",
            )
            for name in given
        ),
        *(
            (not settings.linear, "a preset with linear models", alone, name, base)
            for name in learned
        ),
        (
            keep_teacher and (bool(no_encoder) or not has_teacher),
            "a teacher to keep",
            no_encoder or "none",
            "keep_teacher",
            "give an encoder (--teacher)",
        ),
        (
            has_teacher and settings.balance,
            "a teacher without class weights: its shares are true",
            "balance",
            "teacher",
            "leave out one of the two",
        ),
        (
            has_teacher and not keep_teacher and not split.unlabelled,
            "unlabelled texts, which the teacher labels",
            "none",
            "teacher",
            "give more texts of the same kind, without labels, or keep the teacher "
            "(--keep-teacher)",
        ),
    ]
    for applies, expected, found, where, fix in rules:
        if applies:
            raise SettingsError(expected=expected, found=found, where=where, fix=fix)


def request_of(split: Split, settings: LabelsSettings, *more: str) -> Request:
    """Return what a run is resumed only with: the settings, and a digest of texts, labels and other
    files.

    Each text has its length before it so that none can run into the next.
    """
    digest = hashlib.sha256()
    for text in chain(_strings(split), filter(None, more)):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return Request(job="labels", settings=settings, data=digest.hexdigest())


def _strings(split: Split) -> Iterator[str]:
    for part in (split.train, split.valid):
        if part is not None:
            yield f"{len(part)} examples"
            yield from chain(part.texts, part.labels, map(repr, part.weights or ()))
            if part.sets is not None:
                yield from (
                    *part.sets.names,
                    hashlib.sha256(part.sets.values.tobytes()).hexdigest(),
                )
    yield from split.unlabelled
    if split.hints is not None and not split.has_only_hints:
        yield f"{len(split.hints)} hints"
        yield from chain(split.hints.texts, split.hints.labels)
