"""A teacher: a sentence encoder from outside that labels unlabelled texts for the members of the ensemble.

Logistic regression on the encoder's embeddings of the labelled texts answers the unlabelled ones, and
students learn from these answers (Hinton, Vinyals and Dean, 2015, "Distilling the Knowledge in a Neural
Network"). Embeddings of a text's beginning and of its end are used too, where that is better out of fold.
The teacher is used in training only, unless the classifier keeps it. For the texts of a fold, it learns from
the other folds alone, as its students do: otherwise their out-of-fold predictions would know the answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.metrics import log_loss, mean_accuracy
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.events import Note
from foretell.training.labels.dense_fit import DenseFit
from foretell.training.labels.folds import Folds
from foretell.training.labels.members import Candidate, Chosen, choose
from foretell.training.labels.rows import Mask, Rows
from foretell.training.labels.tokenized import Soft, TokenizedTexts
from foretell.training.run import Run

MAX_TAUGHT = 10_000
"""Unlabelled texts that a teacher labels, at most: 20 seconds on two processors for short ones."""

_LABELLED, _TAUGHT, _SPLIT = "teacher/labelled", "teacher/taught", "teacher/split_texts"

_CHUNK = 256
"""Texts between two looks at the time."""

_OTHER_KIND = 0.1
"""With so much less certainty of the unlabelled texts than of the labelled ones a note is given."""


class Encoded(Protocol):
    """Embeddings of texts; `foretell.runtime.encoder.Encoded` is one."""

    @property
    def split_texts(self) -> int:
        """How many texts were longer than the encoder's window."""

    def features(self) -> Float32s:
        """Return float32 [text, number]: the mean embedding, then those of the beginning and of the end."""


@runtime_checkable
class Encoder(Protocol):
    """A sentence encoder; `foretell.runtime.encoder.SentenceEncoder` is one."""

    name: str
    sha256: str
    dimension: int
    n_features: int

    def encode_counted(self, texts: Sequence[str], *, check: Callable[[], object]) -> Encoded:
        """Return the embeddings of texts; `check` is called often and may raise to stop it."""

    def files(self) -> EncoderFiles:
        """Return its files, to be kept in a classifier."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """Embeddings of the labelled texts and of those that the teacher labels.

    Attributes:
        labelled: float32 [labelled text, number].
        taught: float32 [taught text, number].
        split_texts: how many texts were longer than the encoder's window.
    """

    labelled: Float32s
    taught: Float32s
    split_texts: int

    def first(self, count: int) -> Embedded:
        """Return the first `count` numbers of each text."""
        return replace(self, labelled=self.labelled[:, :count], taught=self.taught[:, :count])

    def saved(self) -> dict[str, npt.NDArray[Any]]:
        """Return arrays for a checkpoint, with which nothing is encoded again."""
        return {_LABELLED: self.labelled, _TAUGHT: self.taught, _SPLIT: np.array([self.split_texts])}


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """What students learn from.

    Attributes:
        texts: the texts that it labels, as they are written.
        tokenized: the same texts.
        embedded: the embeddings that it uses.
        rows: the labelled texts.
        chosen: its penalty, and its logits of held-out labelled texts: it can be a member itself.
        saved: arrays for a checkpoint.
        metrics: ready for JSON.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    embedded: Embedded
    rows: Rows
    chosen: Chosen
    saved: dict[str, npt.NDArray[Any]]
    metrics: dict[str, Any] = field(default_factory=dict)
    _known: dict[bytes, Soft] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    @property
    def n_taught(self) -> int:
        """Number of texts that it labels."""
        return len(self.texts)

    def answers(self, inside: Mask) -> Soft:
        """Return probabilities [taught text, label] after learning from the labelled texts `inside`."""
        with self._lock:
            key = inside.tobytes()
            if key not in self._known:
                fit: DenseFit = self.chosen.candidate.on(inside)
                model = None
                for strength in self.chosen.path():
                    model = fit.fit(strength, model)
                assert model is not None
                scores = self.embedded.taught @ model.weights + model.bias
                self._known[key] = np.exp(linear_log_probabilities(scores)).astype(np.float32)
            return self._known[key]


def choose_teacher(
    encoder: Encoder, rows: Rows, unlabelled: Sequence[str], folds: Folds, run: Run
) -> Teacher | None:
    """Return the teacher that an encoder becomes; None where the time limit leaves no time for it.

    Args:
        encoder: the encoder.
        rows: the labelled texts.
        unlabelled: the texts of `rows.unlabelled` as they are written.
        folds: of the labelled texts.
        run: its latest checkpoint may have the embeddings.

    Raises:
        ArtifactError: the encoder fails.
        Interrupted: training was stopped.
    """
    embedded = _embed(encoder, rows.texts, unlabelled, run)
    if embedded is None:
        return None
    # Means over all tokens alone, and with those of the beginning and of the end of each text.
    widths = sorted({encoder.dimension, embedded.labelled.shape[1]})
    parts = [embedded.first(width) for width in widths]
    choices = [choose(_candidate(part.labelled, rows), rows, folds, run.interrupt.check) for part in parts]
    held = folds.held
    losses = [
        rows.outputs.loss(rows.targets[held], each.logs[held]) if held.any() else 0.0 for each in choices
    ]
    best = int(np.argmin(losses))
    n_taught = len(embedded.taught)
    teacher = Teacher(
        texts=unlabelled[:n_taught],
        tokenized=rows.unlabelled.part(0, n_taught),
        embedded=parts[best],
        rows=rows,
        chosen=choices[best],
        saved=embedded.saved(),
    )
    metrics = _metrics(encoder, teacher, folds)
    _report(metrics, run)
    return replace(teacher, metrics=metrics)


def _embed(encoder: Encoder, labelled: Sequence[str], unlabelled: Sequence[str], run: Run) -> Embedded | None:
    """Return the embeddings of all labelled texts, and of as many unlabelled ones as the time limit allows.

    Those of an interrupted run are returned as they are; None where the time limit leaves no time for all
    labelled texts.
    """
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _LABELLED in checkpoint.arrays:
        parts = [checkpoint.arrays[name].astype(np.float32, copy=False) for name in (_LABELLED, _TAUGHT)]
        return Embedded(labelled=parts[0], taught=parts[1], split_texts=int(checkpoint.arrays[_SPLIT][0]))
    listener, n, texts = run.options.listener, len(labelled), [*labelled, *unlabelled[:MAX_TAUGHT]]
    listener(
        Note(text=f"the teacher ({encoder.name}) reads {n:,} labelled and {len(texts) - n:,} other texts")
    )
    began, seconds = time.monotonic(), run.budget.for_stage("teacher")
    parts, split_texts = [np.zeros((0, encoder.n_features), np.float32)], 0
    for first in range(0, len(texts), _CHUNK):
        if first and time.monotonic() - began > seconds:
            if first < n:
                listener(Note(text="the time limit leaves no time for the teacher: it is left out"))
                return None
            listener(Note(text=f"the time limit leaves the teacher time for {first - n:,} unlabelled texts"))
            break
        encoded = encoder.encode_counted(texts[first : first + _CHUNK], check=run.interrupt.check)
        parts.append(encoded.features())
        split_texts += encoded.split_texts
    vectors = np.concatenate(parts)
    embedded = Embedded(labelled=vectors[:n], taught=vectors[n:], split_texts=split_texts)
    if run.checkpoints.due():
        run.checkpoints.save(0, embedded.saved(), {})
    return embedded


def _candidate(embeddings: Float32s, rows: Rows) -> Candidate:
    return Candidate(
        name="teacher",
        on=lambda inside: DenseFit(embeddings, inside & rows.is_labelled, rows.soft, rows.weights),
        finished=lambda _, model: model,
    )


def _metrics(encoder: Encoder, teacher: Teacher, folds: Folds) -> dict[str, Any]:
    held, rows = folds.held, teacher.rows
    probabilities, targets = np.exp(teacher.chosen.logs[held]), rows.targets[held]
    taught = teacher.answers(np.ones(len(rows.texts), bool))
    return {
        "name": encoder.name,
        "sha256": encoder.sha256,
        "strength": teacher.chosen.strength,
        "texts": teacher.n_taught,
        "split_texts": teacher.embedded.split_texts,
        "reads_ends": teacher.embedded.labelled.shape[1] > encoder.dimension,
        "accuracy": mean_accuracy(targets, probabilities) if len(targets) else None,
        "log_loss": log_loss(targets, probabilities) if len(targets) else None,
        "certainty": float(probabilities.max(axis=1).mean()) if len(targets) else None,
        "unlabelled_certainty": float(taught.max(axis=1).mean()) if len(taught) else None,
    }


def _report(metrics: dict[str, Any], run: Run) -> None:
    listener = run.options.listener
    accuracy, certainty, unlabelled = (
        metrics[name] for name in ("accuracy", "certainty", "unlabelled_certainty")
    )
    known = [] if accuracy is None else [f"out-of-fold accuracy {accuracy:.2%}"]
    if metrics["reads_ends"]:
        known.append("it uses where texts begin and end")
    if unlabelled is not None:
        known.append(f"it labels {metrics['texts']:,} texts with {unlabelled:.0%} certainty")
    listener(Note(text=f"teacher ({metrics['name']}): {', '.join(known)}"))
    if metrics["split_texts"]:
        text = f"{metrics['split_texts']:,} texts are longer than the teacher reads at once"
        listener(Note(text=f"{text}: they were split, and the embeddings averaged"))
    if certainty is not None and unlabelled is not None and unlabelled < certainty - _OTHER_KIND:
        text = f"the teacher is less certain of the unlabelled texts than of labelled ones ({certainty:.0%})"
        listener(Note(text=f"{text}: are they of the same kind?"))
