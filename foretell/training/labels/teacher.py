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

import numpy as np

from foretell.arrays import Float32s, Mask
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.errors import DataError, SettingsError
from foretell.metrics import mean_accuracy
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.runtime.encoder import Encoded, SentenceEncoder
from foretell.training.labels.corpus import LabelsCorpus
from foretell.training.labels.logistic import LogisticFit
from foretell.training.labels.members import Chosen, Evidence, Member, choose
from foretell.training.labels.rows import Rows, soft_rows
from foretell.training.labels.stages import Training

MAX_TAUGHT = 10_000
"""Unlabelled texts that a teacher labels, at most: 20 seconds on two processors for short ones."""

_STAGE = "teacher"

_CHUNK = 256
"""Texts between two looks at the time."""


class OutsideEncoder:
    """An encoder that Python code gave; its embeddings are scaled to the length 1."""

    def __init__(self, name: str, encode: Callable[[list[str]], list[object]]) -> None:
        """Encode one text, which shows the dimension; `encode` returns [text, number] for texts."""
        self.name = name
        self._encode = encode
        self.dimension = 0
        probe = self._vectors(["text"])
        self.dimension = self.n_features = probe.shape[1]
        self.sha256 = hashlib.sha256(probe.round(3).tobytes()).hexdigest()

    def encode_counted(self, texts: Sequence[str], *, check: Callable[[], object]) -> Encoded:
        """Return the embeddings of texts."""
        check()
        return Encoded(self._vectors(texts), np.zeros((len(texts), 0), np.float32), split_texts=0)

    def files(self) -> EncoderFiles:
        """Raise SettingsError: such an encoder cannot be kept."""
        raise SettingsError(
            "a folder with model.onnx and tokenizer.json, which can be kept",
            self.name,
            where="teacher",
        )

    def _vectors(self, texts: Sequence[str]) -> Float32s:
        where = f"teacher ({self.name})"
        expected = f"finite embeddings [text, number] of {len(texts)} texts"
        vectors = np.asarray(list(self._encode(list(texts))), np.float32)
        shape = (len(texts), self.dimension or vectors.shape[-1])
        if vectors.shape != shape or not np.isfinite(vectors).all():
            raise DataError(expected, f"the shape {vectors.shape}", where=where)
        scaled: Float32s = vectors / np.maximum(
            np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
        )
        return scaled


Encoder = SentenceEncoder | OutsideEncoder


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """What students learn from: it labels unlabelled texts from the place `first` on.

    `embeddings` [text, number] are those of its texts. `chosen` has its penalty, and its logits of
    held-out labelled texts: it can be a member itself.
    """

    first: int
    embeddings: Float32s
    member: Member
    chosen: Chosen
    metrics: dict[str, object]
    _known: dict[bytes, Rows] = field(default_factory=dict)

    def rows(self, inside: Mask) -> Rows:
        """Source: the rows of its texts, after learning from the labelled texts `inside`."""
        if (key := inside.tobytes()) not in self._known:
            fitted = self.member.fitted_on_path(self.chosen.strength, inside)
            scores = fitted.parameters.scores(self.embeddings)
            answers = np.exp(linear_log_probabilities(scores)).astype(np.float32)
            self._known[key] = soft_rows(answers).moved(self.first)
        return self._known[key]


def choose_teacher(
    encoder: Encoder, evidence: Evidence, corpus: LabelsCorpus, training: Training
) -> Teacher | None:
    """Return the teacher that an encoder becomes; None: the time limit leaves no time for it."""
    embedded = _embed(encoder, corpus, training)
    if embedded is None:
        return None
    labelled, taught = embedded
    # Means over all tokens alone, and with those of the beginning and of the end of each text.
    widths = sorted({encoder.dimension, labelled.shape[1]})
    found = [_member(labelled[:, :width], corpus) for width in widths]
    choices = [choose(each, evidence, training.check) for each in found]
    best = 0
    accuracy = None
    if len(evidence.targets):
        best = int(np.argmin([evidence.loss(each.logits) for each in choices]))
        accuracy = mean_accuracy(evidence.targets, choices[best].logits)
    return Teacher(
        first=corpus.n_given,
        embeddings=taught[:, : widths[best]],
        member=found[best],
        chosen=choices[best],
        metrics={
            "name": encoder.name,
            "sha256": encoder.sha256,
            "texts": len(taught),
            "kept": False,
            "accuracy": accuracy,
        },
    )


def _member(embeddings: Float32s, corpus: LabelsCorpus) -> Member:
    """Return logistic regression on the embeddings [text, number] of labelled texts as a member."""
    return Member(
        name="teacher",
        prepare=lambda rows, _: LogisticFit(lambda texts: embeddings[texts], rows),
        sources=(corpus.labelled,),
    )


def _embed(
    encoder: Encoder, corpus: LabelsCorpus, training: Training
) -> tuple[Float32s, Float32s] | None:
    """Return the embeddings of all labelled texts, and of as many unlabelled ones as the time limit
    allows.

    None where the time limit leaves no time for all labelled texts.
    """
    n = corpus.n_given
    texts = corpus.texts[: n + MAX_TAUGHT]
    distinct = list(dict.fromkeys(texts))
    n_labelled = len(set(texts[:n]))
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
                training.run.note(f"the time limit leaves the teacher ({encoder.name}) {text}")
                break
            training.run.stage(f"teacher: {start:,} of {len(distinct):,} texts", 0.05)
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
