"""One model in memory, as its directory was at one moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_weights_of
from foretell.artifacts.model import Model
from foretell.runtime.gates import layer_units
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.words.predictor import WordsRuntime
from foretell.service.batching import Batcher
from foretell.service.schemas import Layer, ModelCard

Fingerprint = tuple[int, int, int]


class LoadedModel:
    """A model in memory. It answers even when its directory has changed or disappeared.

    Args:
        path: the model directory.
        name: the name that clients use.

    Attributes:
        card: what GET /v1/models returns.
        fingerprint: of the directory when the model was opened.

    Raises:
        ArtifactError: the directory cannot be trusted.
    """

    def __init__(self, path: Path, name: str) -> None:
        # Taken first: a change while the model is opened is then noticed afterwards.
        self.fingerprint = fingerprint(path)
        self._runtime = open_model(path)
        self.card = _card(self._runtime.model, name, self.fingerprint)
        self._batchers: dict[str, Batcher[Any, bytes]] = {}
        self._weights: Model | None = None

    @property
    def labels(self) -> LabelsRuntime:
        """The classifier."""
        assert isinstance(self._runtime, LabelsRuntime)
        return self._runtime

    @property
    def words(self) -> WordsRuntime:
        """The language model."""
        assert isinstance(self._runtime, WordsRuntime)
        return self._runtime

    def batcher(self, verb: str, make: Callable[[], Batcher[Any, bytes]]) -> Batcher[Any, bytes]:
        """Return the batcher of one verb; `make` makes it the first time."""
        if verb not in self._batchers:
            self._batchers[verb] = make()
        return self._batchers[verb]

    def with_weights(self) -> Model:
        """Return the model with its weights, which are read the first time.

        Raises:
            ArtifactError: the files are missing, or are no longer those of this model.
        """
        if self._weights is None:
            model = self._runtime.model
            self._weights = replace(model, weights=read_weights_of(model))
        return self._weights


def fingerprint(path: Path) -> Fingerprint | None:
    """Return a value that changes when a model directory is written again; None if it is missing."""
    try:
        status = (path / manifest.MANIFEST).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _card(model: Model, name: str, written: Fingerprint | None) -> ModelCard:
    return ModelCard(
        id=name,
        # None: the directory was being replaced at that moment.
        created=int(time.time()) if written is None else written[1] // 10**9,
        owned_by="foretell",
        job=model.job,
        preset=model.preset,
        tokens=model.tokenizer.style,
        words=model.tokenizer.size - model.tokenizer.specials,
        labels=model.labels,
        multi_label=bool(getattr(model.settings, "multi_label", "")),
        layers=[Layer(name=layer, units=units) for layer, units in layer_units(model.settings).items()],
        state="fresh",
    )
