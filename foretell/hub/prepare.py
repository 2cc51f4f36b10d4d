"""`prepare`: the files of a model as they are pushed: what a prediction needs, and no training text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.hub.card import hub_card
from foretell.hub.files import ON_HUB

# What may be text in metrics.json: how a figure was measured, and what else was trained with. Everything
# else there is a number or the name of a label.
_TEXTS = frozenset({"measured_on", "decided_by", "name", "sha256", "licence"})
_MAX_TEXT = 500


@dataclass(frozen=True)
class Prepared:
    """The files that will be pushed.

    Attributes:
        folder: a model directory that foretell's reader accepts.
        names: its files.
        size: bytes of all of them.
        model: the model.
    """

    folder: Path
    names: tuple[str, ...]
    size: int
    model: Model


def prepare(source: Path, folder: Path, repository: str, *, language: str | None = None) -> Prepared:
    """Write the files of a model that are pushed, and read them back.

    run/ and files of other names stay behind. metrics.json loses the texts of wrong predictions and every
    other text but how a figure was measured. The manifest is written anew: README.md is not in it, so that
    the card can be edited on the Hub.

    Args:
        source: the model directory. It is verified whole, weights included.
        folder: an empty folder.
        repository: "owner/name", for the card.
        language: see `hub_card`.

    Raises:
        ArtifactError: the model cannot be trusted (each reason has its own subclass).
        HubError: the card quotes a training text.
    """
    model = read_model(source)
    entries: dict[str, manifest.Entry] = {}
    for name in sorted(name for name in model.files if name in ON_HUB):
        content = manifest.read_verified(source, name, model.files[name])
        if name == manifest.METRICS:
            content = _json(public_metrics(model))
        if name != manifest.CARD:
            entries[name] = manifest.Entry(len(content), hashlib.sha256(content).hexdigest())
            (folder / name).write_bytes(content)
    card = (source / manifest.CARD).read_bytes().decode(errors="replace")
    readme = hub_card(model, card, repository, language=language)
    (folder / manifest.CARD).write_bytes(readme.encode())
    listed = {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in entries.items()}
    (folder / manifest.MANIFEST).write_bytes(manifest.seal({"foretell": model.written_by, "files": listed}))
    names = (*entries, manifest.CARD, manifest.MANIFEST)
    size = sum((folder / name).stat().st_size for name in names)
    return Prepared(folder, names, size, read_model(folder))


def public_metrics(model: Model) -> dict[str, Any]:
    """Return the figures of a model without texts of its training data."""
    labels = frozenset(model.labels or ())
    return {key: _public(value, key, labels) for key, value in model.metrics.items() if key != "mistakes"}


def _public(value: Any, key: str, labels: frozenset[str]) -> Any:
    """Return a value of metrics.json; None in place of a text that may be one of the training data."""
    if isinstance(value, Mapping):
        return {name: _public(item, name, labels) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_public(item, key, labels) for item in value]
    if isinstance(value, str) and value not in labels:
        # The name of a file of word vectors may be a path of this machine.
        return Path(value).name[:_MAX_TEXT] if key == "name" else _short(value) if key in _TEXTS else None
    return value


def _short(text: str) -> str | None:
    return text if len(text) <= _MAX_TEXT else None


def _json(value: object) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace") + b"\n"
