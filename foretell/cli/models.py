"""Model directories that commands are given: verified, and for the right job."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime


def open_model(model: str) -> Model:
    """Open and verify a model directory for either job."""
    from foretell.artifacts.directory import open_verified

    return open_verified(model)


def open_words(model: str) -> WordsRuntime:
    """Open a model directory that must be for words.

    Raises:
        UsageError: it is for labels.
    """
    from foretell.runtime.words.predictor import WordsRuntime

    return WordsRuntime.open(model)


def open_labels(model: str) -> LabelsRuntime:
    """Open a model directory that must be for labels.

    Raises:
        UsageError: it is for words.
    """
    from foretell.runtime.labels.classifier import LabelsRuntime

    return LabelsRuntime.open(model)
