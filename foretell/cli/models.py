"""Model directories that commands are given: verified, and for the right job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foretell.errors import UsageError

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
    opened = open_model(model)
    if opened.job != "words":
        raise _wrong_job("words", "labels", model, "foretell classify or explain")
    from foretell.runtime.words.predictor import WordsRuntime

    return WordsRuntime.from_model(opened)


def open_labels(model: str) -> LabelsRuntime:
    """Open a model directory that must be for labels.

    Raises:
        UsageError: it is for words.
    """
    opened = open_model(model)
    if opened.job != "labels":
        raise _wrong_job("labels", "words", model, "foretell next, complete or score")
    from foretell.runtime.labels.classifier import LabelsRuntime

    return LabelsRuntime.from_model(opened)


def _wrong_job(expected: str, found: str, model: str, commands: str) -> UsageError:
    return UsageError(
        expected=f"a model for {expected}",
        found=f"one for {found}",
        where=model,
        fix=f"use {commands} with it",
    )
