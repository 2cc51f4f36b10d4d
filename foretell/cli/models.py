"""Models that commands are given, as directories or addresses on the Hub: verified, and for the right job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli.output import note
from foretell.hub.client import is_address, parse

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime


def local_model(model: str) -> str:
    """Return the directory of a model: of hf://owner/name the one in the cache, whose commit is shown.

    Raises:
        HubError: the Hub has no such model, or cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not is_address(model):
        return model
    from foretell.hub.models import local_path

    return str(local_path(model, listener=lambda address: note(f"model: {address}")))


def local_teacher(teacher: str) -> str | Path:
    """Return the folder of a sentence encoder: of hf://owner/name that in the cache, whose commit is shown.

    Raises:
        HubError: the Hub has no such encoder, or cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    from foretell.hub.models import local_encoder

    return local_encoder(teacher, listener=lambda address: note(f"teacher: {address}"))


def name_of(model: str) -> str:
    """Return the name of a model: that of its directory, or of its repository on the Hub."""
    if is_address(model):
        return parse(model).repository.partition("/")[2]
    return Path(model).resolve().name


def open_model(model: str) -> Model:
    """Open and verify a model directory for either job."""
    from foretell.artifacts.directory import open_verified

    return open_verified(local_model(model))


def open_words(model: str) -> WordsRuntime:
    """Open a model directory that must be for words.

    Raises:
        UsageError: it is for labels.
    """
    from foretell.runtime.words.predictor import WordsRuntime

    return WordsRuntime.open(local_model(model))


def open_labels(model: str) -> LabelsRuntime:
    """Open a model directory that must be for labels.

    Raises:
        UsageError: it is for words.
    """
    from foretell.runtime.labels.classifier import LabelsRuntime

    return LabelsRuntime.open(local_model(model))
