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
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s, LogProbabilities
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.events import Note
from foretell.training.labels.dense_fit import DenseFit
from foretell.training.labels.tokens import Soft, TokenizedTexts
from foretell.training.run import Run

MAX_TAUGHT = 10_000
"""Unlabelled texts that a teacher labels, at most: 20 seconds on two processors for short ones."""

_LABELLED, _TAUGHT = "teacher/labelled", "teacher/taught"

# Texts that are encoded between two looks at the time, and the part of the remaining time that they may take.
_CHUNK, _MAX_TIME_SHARE = 256, 1 / 4


class Encoded(Protocol):
    """Embeddings of texts; `foretell.runtime.encoder.Encoded` is one."""

    @property
    def split_texts(self) -> int:
        """How many texts were longer than the encoder's window."""

    def features(self) -> Float32s:
        """Return float32 [text, number]: the mean embedding, then those of the beginning and of the end."""


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """What a teacher says of unlabelled texts.

    Attributes:
        texts: the texts that it labels, as they are written.
        tokenized: the same texts.
        n_labelled: number of labelled texts.
        answers: gives its probabilities of their labels, float32 [taught text, label], where it has learned
            from the labelled texts `rows`, bool [labelled text].
        figures: ready for JSON.
        labelled: embeddings of the labelled texts, float32 [text, number].
        logs: its log-probabilities [text, label] of held-out labelled texts.
    """

    texts: Sequence[str]
    tokenized: TokenizedTexts
    n_labelled: int
    answers: Callable[[npt.NDArray[np.bool_]], Soft]
    labelled: Float32s
    logs: LogProbabilities
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def n_taught(self) -> int:
        """Number of texts that it labels."""
        return len(self.texts)


class Answers:
    """Answers of logistic regression on embeddings, kept for each choice of labelled texts."""

    def __init__(
        self,
        embedded: Embedded,
        soft: Soft,
        weights: npt.NDArray[np.float64],
        strengths: Sequence[float],
    ) -> None:
        """Prepare the answers.

        Args:
            embedded: the embeddings.
            soft: float32 [labelled text, label], what the teacher learns from.
            weights: float64 [labelled text].
            strengths: inverse penalties; each fit is the start of the next, and the last one counts.
        """
        self._embedded, self._soft, self._weights, self._strengths = embedded, soft, weights, strengths
        self._known: dict[bytes, Soft] = {}
        self._lock = Lock()

    def __call__(self, rows: npt.NDArray[np.bool_]) -> Soft:
        """Return the probabilities [taught text, label] after learning from the labelled texts `rows`."""
        with self._lock:
            key = rows.tobytes()
            if key not in self._known:
                fit, model = DenseFit(self._embedded.labelled, rows, self._soft, self._weights), None
                for strength in self._strengths:
                    model = fit.fit(strength, model)
                assert model is not None
                scores = self._embedded.taught @ model.weights + model.bias
                self._known[key] = np.exp(linear_log_probabilities(scores)).astype(np.float32)
            return self._known[key]


def embed(encoder: Encoder, labelled: Sequence[str], unlabelled: Sequence[str], run: Run) -> Embedded | None:
    """Return the embeddings of all labelled texts, and of as many unlabelled ones as the time limit allows.

    Args:
        encoder: the encoder.
        labelled: the labelled texts.
        unlabelled: the others, of which the first `MAX_TAUGHT` are used at most.
        run: the training in progress; its latest checkpoint has the embeddings, or they are saved in a new
            one where they took long.

    Returns:
        The embeddings; None where the time limit leaves no time for all labelled texts.
    """
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _LABELLED in checkpoint.arrays:
        split_texts = int(checkpoint.state.get("split_texts", 0))
        return Embedded(
            labelled=checkpoint.arrays[_LABELLED].astype(np.float32, copy=False),
            taught=checkpoint.arrays[_TAUGHT].astype(np.float32, copy=False),
            split_texts=split_texts,
        )
    began, seconds = time.monotonic(), _MAX_TIME_SHARE * run.budget.left()
    texts = [*labelled, *unlabelled[:MAX_TAUGHT]]
    parts, split_texts = [np.zeros((0, encoder.n_features), np.float32)], 0
    for first in range(0, len(texts), _CHUNK):
        if first and time.monotonic() - began > seconds:
            if first < len(labelled):
                run.options.listener(
                    Note(text="the time limit leaves no time for the teacher: it is left out")
                )
                return None
            text = f"the time limit leaves the teacher time for {first - len(labelled):,} unlabelled texts"
            run.options.listener(Note(text=text))
            break
        encoded = encoder.encode_counted(texts[first : first + _CHUNK], check=run.interrupt.check)
        parts.append(encoded.features())
        split_texts += encoded.split_texts
    vectors = np.concatenate(parts)
    n = len(labelled)
    embedded = Embedded(labelled=vectors[:n], taught=vectors[n:], split_texts=split_texts)
    if run.checkpoints.due():
        arrays = {_LABELLED: embedded.labelled, _TAUGHT: embedded.taught}
        run.checkpoints.save(0, arrays, {"split_texts": split_texts})
    return embedded
