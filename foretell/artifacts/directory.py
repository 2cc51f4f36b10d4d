"""The model directory: written whole or not at all, verified before it is used.

Hugging Face's shape. Nothing in it can execute: JSON, Markdown, safetensors and an ONNX graph of standard
operators.

=================== ===================================================================================
config.json         format version, job, preset, every setting, labels, calibration
tokenizer.json      the tokenizer
model.safetensors   the weights: the truth
linear.safetensors  the linear model that is a part of the classifier, where one is
ngrams.safetensors  the n-gram model that is a part of the language model, where one is
model.onnx          derived from them and checked equal: what the runtime opens
metrics.json        the figures of the training
README.md           a model card
manifest.json       size and SHA-256 of each of the above
run/                the training's log and report; not in the manifest, nothing reads it to predict
=================== ===================================================================================
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from foretell.aliases import METRICS, current_names
from foretell.artifacts import manifest, replacement
from foretell.artifacts.weights import Weights, check_size, check_weights, network_size, weight_shapes
from foretell.config import Job, Settings, WordsSettings, from_dict, to_dict
from foretell.errors import ArtifactError, ChangedFileError, SettingsError
from foretell.ngrams.kneser_ney import KneserNey
from foretell.ngrams.linear import LinearModel
from foretell.text.tokenizer import Tokenizer

Part = TypeVar("Part")

# The parts that only some models have.
_PARTS = (manifest.LINEAR, manifest.NGRAMS)
_READ = (manifest.CONFIG, manifest.TOKENIZER, manifest.METRICS)

# File managers and sync tools drop these into any folder; they hold nothing of the user's.
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, kw_only=True)
class Model:
    """Everything that a finished training leaves.

    Attributes:
        job: "words" or "labels".
        preset: the name of the preset it started from.
        settings: every setting as it was used.
        tokenizer: the tokenizer.
        weights: name to float32 array, named as `artifacts.weights` says.
        labels: the labels, sorted, in the order of the output; None for words.
        linear: the linear model that is mixed in, or None.
        ngrams: the n-gram model that is mixed in, or None.
        calibration: what the parts weigh, so that probabilities mean what they say, as plain values: for
            labels a `foretell.ngrams.ensemble.Ensemble`, for words a
            `foretell.ngrams.interpolation.Interpolation`; None: the network's are taken as they are.
        metrics: figures of the training; anything JSON can hold, NumPy's numbers too.
    """

    job: Job
    preset: str
    settings: Settings
    tokenizer: Tokenizer
    weights: Weights
    labels: list[str] | None = None
    linear: LinearModel | None = None
    ngrams: KneserNey | None = None
    calibration: dict[str, Any] | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A verified model directory as the runtime needs it: all but the weights, which `onnx_path` holds."""

    path: Path
    config: dict[str, Any]
    job: Job
    preset: str
    settings: Settings
    labels: list[str] | None
    linear: LinearModel | None
    ngrams: KneserNey | None
    calibration: dict[str, Any] | None
    tokenizer: Tokenizer
    onnx_path: Path
    metrics: dict[str, Any]


def check_writable(path: str | Path) -> None:
    """Check, before training, that a model directory may be written at `path`.

    Nothing there, an empty directory and an older model of foretell's may be replaced.

    Raises:
        ArtifactError: something is there that is not foretell's, or the place cannot be written to.
    """
    target = Path(path).resolve()
    fix = "choose another --out"
    try:
        if target.exists():
            _check_ours(target)
        parent = target.parent
        while not parent.exists():
            parent = parent.parent
    except OSError as error:
        raise ArtifactError(
            expected="a place to write in", found=error.strerror or str(error), where=str(target), fix=fix
        ) from error
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        found = "a directory without write permission" if parent.is_dir() else "a file"
        raise ArtifactError(expected="a directory to write in", found=found, where=str(parent), fix=fix)


def write_model(model: Model, path: str | Path, *, run: Path | None = None) -> None:
    """Write `model` as a model directory at `path`, whole or not at all.

    The ONNX graph is derived from the weights and compared with a reference before anything is replaced. Old
    directory or new one: there is no moment when `path` is neither (see `replacement` for file systems
    that cannot exchange two names).

    Args:
        model: what to write.
        path: the directory; an older model there is replaced.
        run: a directory that becomes run/ in it, by renaming.

    Raises:
        ArtifactError: the weights are not this network's or not finite, the graph differs from the
            reference, something foreign is at `path`, or the disk does not take it (full, not writable).
            What was at `path` is still whole.
        MissingExtraError: onnx is not installed.
    """
    target = Path(path).resolve()
    check_writable(target)
    write_files(_contents(model, target.name), target)
    if run is not None:
        _take_in(run, target)


def write_files(contents: dict[str, bytes], path: str | Path) -> None:
    """Write the files of a model directory, name to content, whole or not at all.

    Raises:
        ArtifactError: something foreign is at `path`, or the disk does not take it; what was there is whole.
    """
    target = Path(path).resolve()
    try:
        with replacement.new_directory(target) as new:
            for name, content in contents.items():
                replacement.write_synced(new / name, content)
            replacement.sync_directory(new)
            check_writable(target)
            replacement.take_place(new, target)
    except OSError as error:
        raise ArtifactError(
            expected="to write the model",
            found=error.strerror or str(error),
            where=str(target),
            fix="free some space or choose another place; what was there is still whole",
        ) from error


def open_verified(path: str | Path) -> Opened:
    """Verify every file of a model directory and open all but its weights.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: as each says.
        ArtifactError: it cannot be read.
    """
    return _opened(Path(path), _verified(Path(path), _READ))


def read_model(path: str | Path) -> Model:
    """Read a whole model, weights included, and verify every file.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: as each says.
        ArtifactError: it cannot be read, or its weights are not those of its network.
    """
    contents = _verified(Path(path), (*_READ, manifest.WEIGHTS))
    opened = _opened(Path(path), contents)
    try:
        weights: Weights = load_safetensors(contents[manifest.WEIGHTS])
    except Exception as error:  # safetensors raises its own exception, derived from nothing narrower
        raise _unreadable(opened.path / manifest.WEIGHTS, error) from error
    check_weights(weights, _shapes(opened.settings, opened.tokenizer, opened.labels))
    return Model(
        job=opened.job,
        preset=opened.preset,
        settings=opened.settings,
        tokenizer=opened.tokenizer,
        weights=weights,
        labels=opened.labels,
        linear=opened.linear,
        ngrams=opened.ngrams,
        calibration=opened.calibration,
        metrics=opened.metrics,
    )


def _take_in(run: Path, target: Path) -> None:
    # After the model is in place: a crash before this leaves the run where --resume looks for it.
    try:
        shutil.move(run, target / manifest.RUN)
        replacement.sync_directory(target)
    except OSError as error:
        raise ArtifactError(
            expected="to move the run into the model",
            found=error.strerror or str(error),
            where=str(run),
            fix="the model itself is written and whole: move it by hand, or delete it",
        ) from error


def _contents(model: Model, name: str) -> dict[str, bytes]:
    """Return every file of the directory, name to content, in the order they are written."""
    # Reading a model needs neither onnx nor the card.
    from foretell.artifacts import card, onnx_graph

    _check_labels(model)
    if isinstance(model.settings, WordsSettings) != (model.job == "words"):
        raise ArtifactError(expected=f"settings for {model.job}", found=type(model.settings).__name__)
    check_size(model.settings, network_size(model.settings, model.tokenizer), len(model.labels or ()))
    check_weights(model.weights, _shapes(model.settings, model.tokenizer, model.labels))
    onnx = onnx_graph.build_onnx(model.settings, model.weights).SerializeToString()
    onnx_graph.check_onnx(onnx, model.settings, model.weights)
    version = _version()
    config = {
        "format_version": manifest.FORMAT_VERSION,
        "foretell": version,
        "job": model.job,
        "preset": model.preset,
        "settings": to_dict(model.settings),
        "labels": model.labels,
        "calibration": model.calibration,
    }
    contents = {
        manifest.CONFIG: _json(config),
        manifest.TOKENIZER: model.tokenizer.to_json().encode(),
        manifest.WEIGHTS: save_safetensors(
            {key: np.ascontiguousarray(weight) for key, weight in model.weights.items()}
        ),
        manifest.ONNX: onnx,
        manifest.METRICS: _json(model.metrics),
        manifest.CARD: card.model_card(model, name, version).encode(errors="replace"),
    }
    if model.linear is not None:
        contents[manifest.LINEAR] = save_safetensors(model.linear.to_arrays())
    if model.ngrams is not None:
        contents[manifest.NGRAMS] = save_safetensors(model.ngrams.to_arrays())
    contents[manifest.MANIFEST] = manifest.manifest_json(contents, version)
    return contents


def _verified(path: Path, read: tuple[str, ...]) -> dict[str, bytes]:
    """Verify every file of the directory; return the contents of those in `read`."""
    try:
        entries = manifest.read_manifest(path)
        wanted = [name for name in (*read, *_PARTS) if name in entries]
        contents = {name: manifest.read_verified(path, name, entries[name]) for name in wanted}
        for name in entries.keys() - contents.keys():
            manifest.verify(path, name, entries[name])
    except OSError as error:
        raise ArtifactError(
            expected="a readable model", found=error.strerror or str(error), where=str(path)
        ) from error
    return contents


def _opened(path: Path, contents: dict[str, bytes]) -> Opened:
    try:
        config = json.loads(contents[manifest.CONFIG])
        job = config["job"]
        if job not in ("words", "labels"):
            raise ValueError(f"the job {job!r}")
        return Opened(
            path=path,
            config=config,
            job=job,
            preset=config["preset"],
            settings=from_dict(job, config["settings"]),
            labels=config["labels"],
            linear=_part(LinearModel.from_arrays, path / manifest.LINEAR, contents),
            ngrams=_part(KneserNey.from_arrays, path / manifest.NGRAMS, contents),
            calibration=config["calibration"],
            tokenizer=Tokenizer.from_json(contents[manifest.TOKENIZER].decode()),
            onnx_path=path / manifest.ONNX,
            metrics=current_names(json.loads(contents[manifest.METRICS]), METRICS),
        )
    except (ValueError, KeyError, TypeError, SettingsError) as error:
        raise _unreadable(path / manifest.CONFIG, error) from error


def _part(read: Callable[[Any], Part], path: Path, contents: dict[str, bytes]) -> Part | None:
    """Read a part that only some models have."""
    if path.name not in contents:
        return None
    try:
        return read(load_safetensors(contents[path.name]))
    except Exception as error:  # safetensors raises its own exception, derived from nothing narrower
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ChangedFileError:
    return ChangedFileError(
        expected="what foretell writes", found=str(error)[:200], where=str(path), fix="train the model again"
    )


def _check_ours(target: Path) -> None:
    fix = "choose another --out, or move it away"
    if not target.is_dir():
        raise ArtifactError(
            expected="a foretell model, or nothing", found="a file", where=str(target), fix=fix
        )
    names = {entry.name for entry in target.iterdir()} - _LITTER
    foreign = sorted(names - {*manifest.FILES, *_PARTS, manifest.MANIFEST, manifest.RUN})
    if foreign or (names and not manifest.is_model(target)):
        found = (
            f"{foreign[0]} in it, which is not foretell's" if foreign else "a directory of another program"
        )
        raise ArtifactError(expected="a foretell model, or nothing", found=found, where=str(target), fix=fix)


def _check_labels(model: Model) -> None:
    labels = model.labels
    if model.job == "labels":
        if labels is None or len(labels) < 2 or labels != sorted(set(labels)):
            raise ArtifactError(expected="two or more labels, sorted", found=repr(labels)[:100])
    elif labels is not None:
        raise ArtifactError(expected="no labels for words", found=repr(labels)[:100])


def _shapes(settings: Settings, tokenizer: Tokenizer, labels: list[str] | None) -> dict[str, tuple[int, ...]]:
    return weight_shapes(settings, network_size(settings, tokenizer), len(labels or ()))


def _json(value: Any) -> bytes:
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    # What UTF-8 cannot hold (half of a surrogate pair) is written as JSON's own escape.
    return text.encode(errors="backslashreplace") + b"\n"


def _plain(value: Any) -> Any:
    """Turn NumPy's values into Python's, and NaN and infinity, which JSON has not, into None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("foretell")
    except metadata.PackageNotFoundError:
        return "unknown"
