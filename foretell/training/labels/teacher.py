"""A teacher: a sentence encoder from outside that labels unlabelled texts for the members of the
ensemble.

Logistic regression on the encoder's embeddings of the labelled texts answers the unlabelled ones,
and students learn from these answers (Hinton, Vinyals and Dean, 2015, "Distilling the Knowledge in
a Neural Network"). Embeddings of a text's beginning and of its end are used too, where that is
better out of fold. The teacher is used in training only, unless the classifier keeps it. For the
texts of a fold, it learns from the other folds alone, as its students do: otherwise their
out-of-fold predictions would know the answers.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from foretell.arrays import Float32s, Mask
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.errors import DataError, RunError, SettingsError
from foretell.metrics import mean_accuracy
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.runtime.encoder import Encoded, SentenceEncoder
from foretell.training.labels.folds import Folds
from foretell.training.labels.logistic import LogisticFit
from foretell.training.labels.members import Candidate, Chosen, choose, fitted_to
from foretell.training.labels.rows import Rows
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import Soft, TokenizedTexts

MAX_TAUGHT = 10_000
"""Unlabelled texts that a teacher labels, at most: 20 seconds on two processors for short ones."""

_STAGE = "teacher"

KEPT = "with out= the answers so far are kept, and resume=True asks for the others"
"""What to do where a teacher fails."""

_CHUNK = 256
"""Texts between two looks at the time."""


class OutsideEncoder:
    """An encoder that Python code gave; its embeddings are scaled to the length 1."""

    def __init__(self, name: str, encode: Callable[[list[str]], Any]) -> None:
        """Encode one text, which shows the dimension; `encode` returns [text, number] for texts."""
        self.name = name
        self._encode = encode
        probe = self._vectors(["text"])
        self.dimension = self.n_features = probe.shape[1]
        self.sha256 = hashlib.sha256(probe.round(3).tobytes()).hexdigest()

    def encode_counted(self, texts: Sequence[str], *, check: Callable[[], object]) -> Encoded:
        """Return the embeddings of texts."""
        check()
        return Encoded(self._vectors(texts), np.zeros((len(texts), 0), np.float32), split_texts=0)

    def files(self) -> EncoderFiles:
        """Raise SettingsError: such an encoder cannot be kept."""
        expected = "a folder with model.onnx and tokenizer.json, which can be kept"
        raise SettingsError(expected=expected, found=self.name, where="teacher")

    def _vectors(self, texts: Sequence[str]) -> Float32s:
        where = f"teacher ({self.name})"
        expected = f"finite embeddings [text, number] of {len(texts)} texts"
        try:
            found = self._encode(list(texts))
            vectors = np.asarray(found if hasattr(found, "shape") else list(found), np.float32)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise RunError(expected=expected, found=found, where=where, fix=KEPT) from error
        shape = (len(texts), getattr(self, "dimension", vectors.shape[-1] if vectors.ndim else 0))
        if vectors.shape != shape or not np.isfinite(vectors).all():
            raise DataError(expected=expected, found=f"the shape {vectors.shape}", where=where)
        scaled: Float32s = vectors / np.maximum(
            np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
        )
        return scaled


Encoder = SentenceEncoder | OutsideEncoder


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """What students learn from: it labels texts, which have the embeddings [text, number].

    `chosen` has its penalty, and its logits of held-out labelled texts: it can be a member itself.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    embeddings: Float32s
    candidate: Candidate
    chosen: Chosen
    _known: dict[bytes, Soft] = field(default_factory=dict)

    def answers(self, inside: Mask) -> Soft:
        """Return probabilities [text, label] of its texts after learning from the labelled ones
        `inside`.
        """
        if (key := inside.tobytes()) not in self._known:
            _, model = fitted_to(self.candidate, self.chosen.strength, inside)
            scores = self.embeddings @ model.weights + model.bias
            self._known[key] = np.exp(linear_log_probabilities(scores)).astype(np.float32)
        return self._known[key]


def choose_teacher(
    encoder: Encoder, rows: Rows, folds: Folds, training: Training
) -> tuple[Teacher, dict[str, object]] | None:
    """Return the teacher that an encoder becomes, and its metrics, ready for JSON.

    None: the time limit leaves no time for it.
    """
    embedded = _embed(encoder, rows.texts, training)
    if embedded is None:
        return None
    labelled, taught = embedded
    targets = rows.targets[folds.held]
    held = folds.held
    # Means over all tokens alone, and with those of the beginning and of the end of each text.
    widths = sorted({encoder.dimension, labelled.shape[1]})
    found = [_member(labelled[:, :width], rows) for width in widths]
    choices = [choose(each, rows, folds, training.check) for each in found]
    losses = [rows.outputs.loss(targets, each.logs[held]) if held.any() else 0 for each in choices]
    best = int(np.argmin(losses))
    teacher = Teacher(
        texts=training.split.unlabelled[: len(taught)],
        tokenized=rows.unlabelled.part(0, len(taught)),
        embeddings=taught[:, : widths[best]],
        candidate=found[best],
        chosen=choices[best],
    )
    metrics = {"name": encoder.name, "sha256": encoder.sha256, "texts": len(taught), "kept": False}
    accuracy = mean_accuracy(targets, teacher.chosen.logs[held]) if held.any() else None
    return teacher, {**metrics, "accuracy": accuracy}


def _member(embeddings: Float32s, rows: Rows) -> Candidate:
    """Return logistic regression on the embeddings [text, number] of the rows as a member."""
    return Candidate(
        name="teacher",
        fit=partial(LogisticFit, lambda inside: embeddings[inside]),
        finished=lambda _, model: model,
        learned=rows.labelled,
    )


def _embed(
    encoder: Encoder, labelled: Sequence[str], training: Training
) -> tuple[Float32s, Float32s] | None:
    """Return the embeddings of all labelled texts, and of as many unlabelled ones as the time limit
    allows.

    None where the time limit leaves no time for all labelled texts.
    """
    n = len(labelled)
    texts = [*labelled, *training.split.unlabelled[:MAX_TAUGHT]]
    distinct = list(dict.fromkeys(texts))
    n_labelled = len(set(labelled))
    before = training.stages.found(_STAGE)
    parts = [before.get("vectors", np.zeros((0, encoder.n_features), np.float32))]
    is_cut = bool(before.get("is_cut", 0))
    first = len(parts[0])
    is_late = training.within(training.run.budget.for_stage("teacher"))
    try:
        for start in range(first, 0 if is_cut else len(distinct), _CHUNK):
            if is_cut := is_late() and start > first:
                left = f"time for {start - n_labelled:,} unlabelled texts"
                text = left if start >= n_labelled else "no time: it is left out"
                training.note(f"the time limit leaves the teacher ({encoder.name}) {text}")
                break
            training.begin(f"teacher: {start:,} of {len(distinct):,} texts", 0.05)
            encoded = encoder.encode_counted(distinct[start : start + _CHUNK], check=training.check)
            parts.append(encoded.features())
    finally:
        vectors = np.concatenate(parts)
        training.stages.keep(
            _STAGE, {"vectors": vectors, "is_cut": np.array(is_cut)}, now=len(parts) > 1
        )
    if len(vectors) < n_labelled:
        return None
    known = dict(zip(distinct, vectors, strict=False))
    rows = [known[text] for text in itertools.takewhile(known.__contains__, texts)]
    taught = np.array(rows[n:], np.float32).reshape(-1, encoder.n_features)
    return np.array(rows[:n], np.float32), taught
