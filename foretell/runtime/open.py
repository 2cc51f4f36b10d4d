"""Open a model directory for prediction: the runtime of its job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, WordsSettings
from foretell.errors import UsageError
from foretell.hub.models import local_path

if TYPE_CHECKING:
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime

OfJob = TypeVar("OfJob", LabelsSettings, WordsSettings)


def model_of(model: str | Path | Model) -> Model:
    """Return a model that is given as in `open_model`."""
    return model if isinstance(model, Model) else read_model(local_path(model))


def settings_of(model: Model, kind: type[OfJob], fix: str) -> OfJob:
    """Return the settings of a model; UsageError: it is for the other job."""
    if isinstance(model.settings, kind):
        return model.settings
    (job,) = {"labels", "words"} - {model.job}
    raise UsageError(
        f"a model for {job}",
        f"one for {model.job}",
        where=model.path,
        fix=fix,
    )


def open_model(
    model: str | Path | Model, *, threads: int | None = None
) -> LabelsRuntime | WordsRuntime:
    """Open a model for prediction, whichever job it is for.

    Args:
        model: a model directory, an address `hf://owner/name[@revision]` on the Hugging Face Hub,
            or what `read_model` returned.
        threads: threads that compute; None: the processors that this process may use, at most 4.

    Raises:
        ArtifactError: the directory cannot be trusted (each reason has its own subclass), or the
            Hub has no such model or cannot be reached (HubError).
        MissingExtraError: an address without huggingface_hub.
        SettingsError: `threads` below 1.
    """
    opened = model_of(model)
    # Only the runtime of the job is imported: a command answers tens of milliseconds earlier.
    if opened.job == "labels":
        from foretell.runtime.labels.classifier import LabelsRuntime

        return LabelsRuntime(opened, threads=threads)
    from foretell.runtime.words.predictor import WordsRuntime

    return WordsRuntime(opened, threads=threads)
