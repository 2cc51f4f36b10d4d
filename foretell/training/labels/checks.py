"""What a classifier's training is given: what goes together, what is used, and what must not
change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from foretell.config import LabelsSettings
from foretell.data.decode import sha256_of
from foretell.data.split import Split
from foretell.data.word_vectors import vector_files
from foretell.errors import SettingsError
from foretell.training.labels.continued import Continued
from foretell.training.labels.soft import Answering
from foretell.training.labels.teacher import Encoder
from foretell.training.run import Request

Rule = tuple[bool, str, str, str, str]
"""Whether an error applies, and its expected, found, where and fix."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What was given beside the examples: word vectors, a teacher, hints, an old classifier."""

    vectors: str | Path | None = None
    teacher: Encoder | Answering | None = None
    keep_teacher: bool = False
    continued: Continued | None = None

    @property
    def answering(self) -> Answering | None:
        """The teacher that answers with labels; None: there is none."""
        return self.teacher if isinstance(self.teacher, Answering) else None

    @property
    def encoder(self) -> Encoder | None:
        """The teacher that encodes sentences; None: there is none."""
        return None if isinstance(self.teacher, Answering) else self.teacher

    def digests(self) -> Iterator[str]:
        """Yield what decides the training beside its examples."""
        if files := vector_files(self.vectors):
            yield sha256_of(*files)
        if self.teacher is not None:
            yield self.teacher.sha256
        if self.keep_teacher:
            yield "keep_teacher"
        if self.continued is not None:
            yield self.continued.digest


def check_together(split: Split, settings: LabelsSettings, outside: Outside) -> None:
    """Raise SettingsError for what does not go together."""
    given = {"vectors": outside.vectors, "teacher": outside.teacher, "label_hints": split.hints}
    names = [name for name, value in given.items() if value is not None]
    learned = list(names)
    if split.unlabelled:
        learned.append("unlabelled")
    no_encoder = ""
    if outside.answering is not None:
        no_encoder = "a teacher that is no encoder"
    other = no_encoder
    if split.has_only_hints:
        other = "label-hints alone"
    is_continued = outside.continued is not None
    several = bool(settings.multi_label)
    rules: list[Rule] = [
        (
            is_continued and several,
            "a classifier with one label for each text, which can be continued",
            "several labels for each text",
            "continue",
            "train a new model on all data",
        ),
        (
            is_continued and bool(other),
            "a classifier to continue, which has its own weights",
            f"{other} too",
            "continue",
            f"leave {other} out",
        ),
        (
            several and bool(names),
            f"no {', '.join(names)} where texts may have several labels",
            ", ".join(names),
            "multi-label",
            f"drop {', '.join(names)}",
        ),
        (
            bool(learned) and not settings.linear,
            "a preset with linear models",
            f"the network '{settings.network}' alone",
            ", ".join(learned),
            "choose --preset base, or set --linear",
        ),
        *_on_teacher(split, settings, outside, no_encoder),
    ]
    for applies, expected, found, where, fix in rules:
        if applies:
            raise SettingsError(expected, found, where=where, fix=fix)


def _on_teacher(
    split: Split, settings: LabelsSettings, outside: Outside, no_encoder: str
) -> list[Rule]:
    has_teacher = outside.teacher is not None
    is_kept = outside.keep_teacher
    return [
        (
            is_kept and outside.encoder is None,
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
            has_teacher and not is_kept and not split.unlabelled,
            "unlabelled texts, which the teacher labels",
            "none",
            "teacher",
            "give more texts of the same kind, without labels, or keep the teacher "
            "(--keep-teacher)",
        ),
    ]


def request_of(split: Split, settings: LabelsSettings, outside: Outside) -> Request:
    """Return what a run is resumed only with: the settings, and a digest of texts, labels and other
    files.

    Each text has its length before it so that none can run into the next.
    """
    digest = hashlib.sha256()
    for text in chain(_strings(split), outside.digests()):
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
    if split.hints is not None:
        yield f"{len(split.hints)} hints"
        yield from chain(split.hints.texts, split.hints.labels)
