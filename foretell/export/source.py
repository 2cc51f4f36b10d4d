"""The model that is exported: opened, verified, and able to answer, so that a copy can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Float32s
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, WordsSettings
from foretell.data.label_types import json_value, values_of_names
from foretell.export.token_rules import token_rules
from foretell.hub.models import local_path
from foretell.ngrams.cache import HALF, ContinuousCache
from foretell.ngrams.labelwise import LabelwiseEnsemble
from foretell.ngrams.tfidf import TfidfModel
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.words.predictor import WordsRuntime

TFIDF = "tfidf.safetensors"
"""The file with a classifier's linear models of TF-IDF values."""

KNESER_NEY = "kneser_ney.safetensors"
"""The file with a language model's Kneser–Ney model, see `foretell.ngrams.kneser_ney`."""

Rows = NDArray[np.floating]
Precision = Literal["float32", "int8"]

Kind = Literal["classifier", "stateful", "windowed"]
"""What a copy takes and gives. classifier: the ids of a text to the probability of each label; stateful: ids
and LSTM states to logits and states; windowed: the article's windows of raw integers to logits."""


class Source:
    """A model directory, opened to be exported.

    Args:
        path: the model directory.

    Attributes:
        path: the same.
        model: the verified model, without a kept teacher.
        has_teacher: whether the model keeps a teacher, which no export holds.
        kind: what a copy takes and gives.
        tfidf: the linear models of TF-IDF values whose scores a copy takes as `tfidf_scores`; (): none.
        labels: the labels as text, in the order of the answers; [] for words.
        classes: the values that the labels stand for, in the same order.
        thresholds: where texts may have several labels, the probability from which a text gets each; or None.
        states: the LSTM states of a stateful model, name to number of units, in the order of the layers.
        window: the number of words that a windowed model reads; 0 for the others.
        length: the maximum number of words that a classifier's network reads; 0 for words.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(local_path(path))
        model = read_model(self.path)
        self.has_teacher = model.teacher is not None and bool(model.ensemble.linear)
        self.model: Model = replace(model, teacher=None)
        self.tfidf: tuple[TfidfModel, ...] = model.tfidf if model.ensemble.linear else ()
        self.labels = list(model.labels or ())
        ensemble = model.ensemble
        self.thresholds = list(ensemble.thresholds) if isinstance(ensemble, LabelwiseEnsemble) else None
        self.classes = values_of_names(self.labels, model.label_type)
        self.states: dict[str, int] = {}
        self.window = self.length = 0
        self.kind: Kind = "classifier"
        self._runtime = open_model(self.model)
        settings = model.settings
        if isinstance(settings, WordsSettings):
            if settings.traits.carries_state:
                self.kind, self.states = "stateful", _states(settings)
            else:
                self.kind, self.window = "windowed", settings.window
        else:
            assert isinstance(settings, LabelsSettings)
            self.length = settings.length

    def ids(self, text: str) -> list[int]:
        """Return the ids that a copy of the model takes for one line of text."""
        ids = self.model.tokenizer.encode(text)
        end = self.model.tokenizer.end_of_line
        # A language model's stream starts after the end of a line.
        return [end, *ids] if self.model.job == "words" and end is not None else ids

    def tfidf_scores(self, text: str) -> Float32s | None:
        """Return the scores that a copy takes with one text, float32 [1, column]; None if it takes none."""
        if not self.tfidf:
            return None
        ids = [self.model.tokenizer.encode(text)]
        by_model = [model.scores(ids, [text]) for model in self.tfidf]
        scores: Float32s = np.sum(by_model, axis=0, dtype=np.float32)
        return scores

    def decide(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which labels a text gets, [text, label]: the most probable, or those at their thresholds."""
        if self.thresholds is None:
            best: NDArray[np.bool_] = rows.argmax(axis=1)[:, None] == np.arange(rows.shape[1])
            return best
        return rows >= np.array(self.thresholds, np.float32)

    def answers_with_teacher(self, texts: Sequence[str]) -> Rows:
        """Return the answers of the classifier with its kept teacher."""
        return LabelsRuntime.open(self.path).predict_proba(texts)

    def answers(self, texts: Sequence[str]) -> Rows:
        """Return foretell's own answers: the probability of each label or each next word, [text, choice].

        Those of a classifier are without a kept teacher.
        """
        if isinstance(self._runtime, LabelsRuntime):
            return self._runtime.predict_proba(texts)
        return np.stack([_next_words(self._runtime, text) for text in texts])

    def description(self, format: str, precision: Precision) -> dict[str, object]:
        """Return the content of model.json about the model."""
        model, cache = self.model, self.model.cache or ContinuousCache()
        return {
            "foretell": self.model.written_by,
            "format": format,
            "precision": precision,
            "answer": "without teacher" if self.has_teacher else "whole",
            "job": self.model.job,
            "preset": self.model.preset,
            "labels": [json_value(label) for label in self.classes] or None,
            "thresholds": self.thresholds,
            "length": self.length or None,
            "states": self.states or None,
            "window": self.window or None,
            "tfidf": TFIDF if self.tfidf else None,
            "kneser_ney": None if model.kneser_ney is None else KNESER_NEY,
            "interpolation": None if model.interpolation is None else list(model.interpolation.weights),
            "cache": {**cache.to_dict(), "half": HALF} if self.states else None,
            "tokens": token_rules(model.tokenizer),
        }


def _states(settings: WordsSettings) -> dict[str, int]:
    return {f"{part}_{k}": settings.units for k in range(1, settings.layers + 1) for part in ("h", "c")}


def _next_words(runtime: WordsRuntime, text: str) -> Rows:
    """Return the probability of each next word [word]; NaN for those that foretell never predicts."""
    tokenizer = runtime.tokenizer
    row = np.full(tokenizer.size, np.nan)
    for candidate in runtime.next(text, k=tokenizer.size):
        row[tokenizer.id(candidate.word)] = candidate.probability
    return row
