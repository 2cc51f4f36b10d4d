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
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.metrics import log_loss, mean_accuracy
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.labels.folds import Folds
from foretell.training.labels.logistic import LogisticFit
from foretell.training.labels.members import Candidate, Chosen, choose
from foretell.training.labels.rows import Mask, Rows
from foretell.training.labels.stages import Training
from foretell.training.labels.tokenized import Soft, TokenizedTexts

MAX_TAUGHT = 10_000
"""Unlabelled texts that a teacher labels, at most: 20 seconds on two processors for short ones."""

_STAGE = "teacher"

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
class Teacher:
    """What students learn from: it labels texts, which have the embeddings [text, number].

    `chosen` has its penalty, and its logits of held-out labelled texts: it can be a member itself.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    embeddings: Float32s
    chosen: Chosen
    _known: dict[bytes, Soft] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    def answers(self, inside: Mask) -> Soft:
        """Return probabilities [text, label] of its texts after learning from the labelled ones `inside`."""
        with self._lock:
            key = inside.tobytes()
            if key not in self._known:
                _, model = self.chosen.fitted_to(inside)
                scores = self.embeddings @ model.weights + model.bias
                self._known[key] = np.exp(linear_log_probabilities(scores)).astype(np.float32)
            return self._known[key]


def choose_teacher(
    encoder: Encoder, rows: Rows, folds: Folds, training: Training
) -> tuple[Teacher, dict[str, Any]] | None:
    """Return the teacher that an encoder becomes, and its metrics, ready for JSON.

    None: the time limit leaves no time for it.

    Raises:
        ArtifactError: the encoder fails.
        Interrupted: training was stopped.
    """
    embedded = _embed(encoder, rows.texts, training)
    if embedded is None:
        return None
    labelled, taught, held = embedded["labelled"], embedded["taught"], folds.held
    # Means over all tokens alone, and with those of the beginning and of the end of each text.
    widths = sorted({encoder.dimension, labelled.shape[1]})
    choices = [choose(member(labelled[:, :width], rows), rows, folds, training.check) for width in widths]
    losses = [
        rows.outputs.loss(rows.targets[held], each.logs[held]) if held.any() else 0.0 for each in choices
    ]
    best = int(np.argmin(losses))
    teacher = Teacher(
        texts=training.split.unlabelled[: len(taught)],
        tokenized=rows.unlabelled.part(0, len(taught)),
        embeddings=taught[:, : widths[best]],
        chosen=choices[best],
    )
    metrics = _metrics(encoder, teacher, rows, held)
    metrics |= {
        "split_texts": int(embedded["split_texts"][0]),
        "reads_ends": widths[best] > encoder.dimension,
    }
    _report(metrics, training)
    return teacher, metrics


def member(embeddings: Float32s, rows: Rows) -> Candidate:
    """Return logistic regression on the embeddings [text, number] of the rows as a member."""
    return Candidate(
        name="teacher",
        fit=partial(LogisticFit, lambda inside: embeddings[inside]),
        finished=lambda _, model: [model],
        learned=rows.labelled,
    )


def _embed(encoder: Encoder, labelled: Sequence[str], training: Training) -> dict[str, Array] | None:
    """Return the embeddings of all labelled texts, and of as many unlabelled ones as the time limit allows.

    None where the time limit leaves no time for all labelled texts.
    """
    if before := training.stages.found(_STAGE):
        return before
    n, texts = len(labelled), [*labelled, *training.split.unlabelled[:MAX_TAUGHT]]
    training.note(f"the teacher ({encoder.name}) reads {n:,} labelled and {len(texts) - n:,} other texts")
    began, seconds = time.monotonic(), training.run.budget.for_stage("teacher")
    parts, split_texts = [np.zeros((0, encoder.n_features), np.float32)], 0
    for first in range(0, len(texts), _CHUNK):
        if first and time.monotonic() - began > seconds:
            if first < n:
                training.note("the time limit leaves no time for the teacher: it is left out")
                return None
            training.note(f"the time limit leaves the teacher time for {first - n:,} unlabelled texts")
            break
        encoded = encoder.encode_counted(texts[first : first + _CHUNK], check=training.check)
        parts.append(encoded.features())
        split_texts += encoded.split_texts
    vectors = np.concatenate(parts)
    found = {"labelled": vectors[:n], "taught": vectors[n:], "split_texts": np.array([split_texts])}
    training.stages.keep(_STAGE, found)
    return found


def _metrics(encoder: Encoder, teacher: Teacher, rows: Rows, held: Mask) -> dict[str, Any]:
    probabilities, targets = np.exp(teacher.chosen.logs[held]), rows.targets[held]
    taught = teacher.answers(np.ones(len(rows.texts), bool))
    return {
        "name": encoder.name,
        "sha256": encoder.sha256,
        "strength": teacher.chosen.strength,
        "texts": len(teacher.texts),
        "accuracy": mean_accuracy(targets, probabilities) if len(targets) else None,
        "log_loss": log_loss(targets, probabilities) if len(targets) else None,
        "certainty": float(probabilities.max(axis=1).mean()) if len(targets) else None,
        "unlabelled_certainty": float(taught.max(axis=1).mean()) if len(taught) else None,
    }


def _report(metrics: dict[str, Any], training: Training) -> None:
    accuracy, certainty, unlabelled = (
        metrics[name] for name in ("accuracy", "certainty", "unlabelled_certainty")
    )
    known = [] if accuracy is None else [f"out-of-fold accuracy {accuracy:.2%}"]
    if metrics["reads_ends"]:
        known.append("it uses where texts begin and end")
    if unlabelled is not None:
        known.append(f"it labels {metrics['texts']:,} texts with {unlabelled:.0%} certainty")
    training.note(f"teacher ({metrics['name']}): {', '.join(known)}")
    if metrics["split_texts"]:
        text = f"{metrics['split_texts']:,} texts are longer than the teacher reads at once"
        training.note(f"{text}: they were split, and the embeddings averaged")
    if certainty is not None and unlabelled is not None and unlabelled < certainty - _OTHER_KIND:
        text = f"the teacher is less certain of the unlabelled texts than of labelled ones ({certainty:.0%})"
        training.note(f"{text}: are they of the same kind?")
