"""The model that is exported: opened, verified, and able to answer, so that a copy can be held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.artifacts.directory import open_verified
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, WordsSettings
from foretell.export.token_rules import token_rules
from foretell.ngrams.ensemble import NETWORK_ALONE
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.words.predictor import WordsRuntime

Rows = NDArray[np.floating]


class Source:
    """A model directory, opened to be exported.

    Attributes:
        opened: the verified directory.
        network_alone: as it was given.
        job: "words" or "labels".
        settings: its settings.
        labels: the labels, in the order of the answers; none for words.
        ensemble: how the parts of a classifier are mixed.

    Args:
        path: the model directory.
        network_alone: export the network alone, without linear or Kneser–Ney model and ensemble weights.

    Raises:
        ArtifactError: the directory cannot be trusted.
    """

    def __init__(self, path: str | Path, *, network_alone: bool = False) -> None:
        opened = open_verified(path)
        if network_alone:
            opened = replace(opened, ensemble=NETWORK_ALONE, interpolation=None)
        self.opened: Model = opened
        self.network_alone = network_alone
        self.job = self.opened.job
        self.settings: Any = self.opened.settings
        self.labels = list(self.opened.labels or ())
        self._runtime = open_model(opened)
        self.ensemble = self.opened.ensemble

    @property
    def states(self) -> dict[str, int] | None:
        """The state of a language model that has one: name to number of units, in the order of the layers."""
        if not isinstance(self.settings, WordsSettings) or not self.settings.traits.carries_state:
            return None
        return {
            f"{part}_{layer}": self.settings.units
            for layer in range(1, self.settings.layers + 1)
            for part in ("h", "c")
        }

    @property
    def window(self) -> int | None:
        """The words that the article's language model reads; None for every other model."""
        return self.settings.window if self.job == "words" and self.states is None else None

    def ids(self, text: str) -> list[int]:
        """Return what a copy of the model is given for one line of text."""
        ids = self.opened.tokenizer.encode(text)
        end = self.opened.tokenizer.end_of_line
        # A language model's stream starts after the end of a line.
        return [end, *ids] if self.job == "words" and end is not None else ids

    def answers(self, texts: Sequence[str]) -> Rows:
        """Return what foretell answers: the probability of each label or each next word, [text, choice]."""
        if isinstance(self._runtime, LabelsRuntime):
            return self._runtime.predict_proba(texts)
        return np.stack([self._next(text) for text in texts])

    def _next(self, text: str) -> Rows:
        tokenizer = self.opened.tokenizer
        assert isinstance(self._runtime, WordsRuntime)
        row = np.full(tokenizer.size, np.nan)
        for candidate in self._runtime.next(text, k=tokenizer.size):
            row[tokenizer.id(candidate.word)] = candidate.probability
        return row

    def description(self, format: str, precision: str) -> dict[str, Any]:
        """Return what model.json says of the model, in a format and a precision ("float32" or "int8")."""
        return {
            "foretell": self.opened.written_by,
            "format": format,
            "precision": precision,
            "answer": "network" if self.network_alone else "whole",
            "job": self.job,
            "preset": self.opened.preset,
            "labels": self.labels or None,
            "length": self.settings.length if isinstance(self.settings, LabelsSettings) else None,
            "states": self.states,
            "window": self.window,
            "tokens": token_rules(self.opened.tokenizer),
        }
