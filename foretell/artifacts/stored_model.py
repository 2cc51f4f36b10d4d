"""The files of a model directory to a `Model`: each is checked against the others before it is
used.

Hashes detect damage. What was written on purpose, hashes included, is checked here: sizes and types
before anything large is read; settings, tokenizer, labels and weights against each other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from safetensors.numpy import load as load_safetensors

from foretell.arrays import Array
from foretell.artifacts import manifest
from foretell.artifacts.kept_teacher import KeptTeacher, check_encoder_tokenizer
from foretell.artifacts.model import Model, check_model, wrong_weights
from foretell.artifacts.stored_tokenizer import stored_tokenizer
from foretell.artifacts.weights import (
    Shapes,
    Weights,
    bytes_of,
    check_size,
    check_weights,
    network_size,
)
from foretell.config import Settings, from_dict
from foretell.data.label_types import LABEL_TYPES
from foretell.errors import ChangedFileError, ForetellError, MissingFileError
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.checked_arrays import Numbers
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, LabelwiseEnsemble
from foretell.ngrams.kneser_ney import Interpolation, KneserNey
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import tfidf_models

Part = TypeVar("Part")
Combining = TypeVar("Combining", bound=Numbers)

_MEGABYTE = 1 << 20
_MAX_SIZES = {
    manifest.CONFIG: 64 * _MEGABYTE,
    manifest.METRICS: 64 * _MEGABYTE,
    manifest.TOKENIZER: 256 * _MEGABYTE,
    manifest.TEACHER: 256 * _MEGABYTE,
    # An ONNX file is one protocol buffer, of 2 GiB at most.
    manifest.TEACHER_GRAPH: 2048 * _MEGABYTE,
    manifest.TEACHER_TOKENIZER: 64 * _MEGABYTE,
    manifest.TEACHER_LICENCE: _MEGABYTE,
}
_MAX_SIZE = 4096 * _MEGABYTE
_MAX_FILES = 64
_MAX_UNCHECKED = 256 * _MEGABYTE
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_stored(path: Path, listed: manifest.Manifest) -> Model:
    """Verify every file that the manifest of a model directory lists, and return the model of
    them.
    """
    # Hashing takes most of the time of a large model and building the tokenizer most of a small
    # one's.
    with ThreadPoolExecutor(1, thread_name_prefix="foretell-verify") as other:
        files = _Files(path, listed)
        files.begin(other, manifest.WEIGHTS)
        config = files.json(manifest.CONFIG)
        with reading(path / manifest.CONFIG):
            settings, labels = _described(config)
        with reading(path / manifest.TOKENIZER):
            tokenizer = stored_tokenizer(files.read(manifest.TOKENIZER).decode(), settings)
        with reading(path / manifest.CONFIG):
            shapes = check_size(settings, network_size(settings, tokenizer), len(labels))
        weights = _weights(path, files, shapes)
    ensemble = LabelwiseEnsemble if getattr(settings, "multi_label", "") else Ensemble
    model = Model(
        job=config["job"],
        preset=config["preset"],
        settings=settings,
        labels=labels,
        label_type=config.get("label_type", "text"),
        text_columns=tuple(config.get("text_columns", ())),
        linear=files.part(manifest.LINEAR, LinearModel.from_arrays),
        tfidf=files.part(manifest.TFIDF, tfidf_models) or (),
        teacher=_teacher(path, files),
        kneser_ney=files.part(manifest.KNESER_NEY, KneserNey.from_arrays),
        ensemble=_numbers(ensemble, "ensemble", config, path) or NETWORK_ALONE,
        interpolation=_numbers(Interpolation, "interpolation", config, path),
        cache=_numbers(ContinuousCache, "cache", config, path),
        tokenizer=tokenizer,
        weights=weights,
        metrics=files.json(manifest.METRICS),
        ancestors=tuple(config.get("ancestors", ())),
        path=path,
        sha256=hashlib.sha256(listed.content).hexdigest(),
        written_by=str(config.get("foretell", ""))[:100],
        files=listed.entries,
    )
    files.verify_others()
    check_model(model)
    return model


def _weights(path: Path, files: _Files, shapes: Shapes) -> Weights:
    """Return the weights of the network; the size of their file is checked before it is read."""
    # Names and shapes take up to a megabyte more.
    n_bytes = bytes_of(shapes)
    files.check_size(manifest.WEIGHTS, n_bytes, n_bytes + _MEGABYTE)
    content = files.read(manifest.WEIGHTS)
    with reading(path / manifest.WEIGHTS):
        weights: Weights = load_safetensors(content)
        check_weights(weights, shapes)
    return weights


def _teacher(path: Path, files: _Files) -> KeptTeacher | None:
    """Return a classifier's kept teacher; its graph is checked where it is opened
    (`runtime.encoder`).
    """
    if not files.has(manifest.TEACHER):
        return None
    for name in (manifest.TEACHER_GRAPH, manifest.TEACHER_TOKENIZER):
        if not files.has(name):
            raise manifest.changed(path / manifest.MANIFEST, f"an entry for {name}", "none")
    graph = files.read(manifest.TEACHER_GRAPH)
    tokenizer = files.read(manifest.TEACHER_TOKENIZER)
    licence = None
    if files.has(manifest.TEACHER_LICENCE):
        licence = files.read(manifest.TEACHER_LICENCE)
    with reading(path / manifest.TEACHER_TOKENIZER):
        check_encoder_tokenizer(tokenizer)
    return files.part(
        manifest.TEACHER, lambda arrays: KeptTeacher.from_arrays(arrays, graph, tokenizer, licence)
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise whatever the content of a file leads to as ChangedFileError, but for errors of the
    system.
    """
    try:
        yield
    except (OSError, MissingFileError, ChangedFileError):
        raise
    # Libraries raise bare exceptions of their own, and a value of a wrong type fails in any way.
    except Exception as error:
        found = str(error)
        if isinstance(error, ForetellError):
            found = f"{error.where} {error.found}".strip()
        raise ChangedFileError(
            "a file that foretell writes for this model",
            found[:200] or type(error).__name__,
            where=path,
            fix="train the model again",
        ) from error


class _Files:
    """The files of one manifest; each is read or verified once."""

    def __init__(self, path: Path, listed: manifest.Manifest) -> None:
        self._path = path
        self._entries = listed.entries
        self._left = set(self._entries)
        if len(listed.entries) > _MAX_FILES:
            raise manifest.changed(
                path / manifest.MANIFEST, f"{_MAX_FILES} files", str(len(listed.entries))
            )
        for name in self._entries:
            self.check_size(name, 0, _MAX_SIZES.get(name, _MAX_SIZE))
        self._begun: dict[str, Future[bytes]] = {}

    def begin(self, pool: Executor, name: str) -> None:
        """Begin to read a file on another thread; `read` then waits for it.

        A large file waits until its size has been compared with the settings.
        """
        if self._entries[name].size <= _MAX_UNCHECKED:
            self._begun[name] = pool.submit(self._read, name)

    def has(self, name: str) -> bool:
        return name in self._entries

    def check_size(self, name: str, low: int, high: int) -> None:
        """Check the size of a file that the manifest gives, in bytes, before it is read."""
        size = self._entries[name].size
        if not low <= size <= high:
            expected = f"{low} to {high} bytes, as its settings give"
            raise manifest.changed(self._path / name, expected, str(size))

    def read(self, name: str) -> bytes:
        """Return the verified content of a file."""
        self._left.discard(name)
        begun = self._begun.pop(name, None)
        return self._read(name) if begun is None else begun.result()

    def _read(self, name: str) -> bytes:
        return manifest.read_verified(self._path, name, self._entries[name])

    def json(self, name: str) -> dict[str, Any]:
        content = self.read(name)
        with reading(self._path / name):
            value = json.loads(content)
            if not isinstance(value, dict):
                raise ValueError(f"JSON that is no object: {str(value)[:40]}")
        return value

    def part(self, name: str, make: Callable[[dict[str, Array]], Part]) -> Part | None:
        """Return a part that only some models have; None where there is no such file."""
        if not self.has(name):
            return None
        content = self.read(name)
        with reading(self._path / name):
            return make(load_safetensors(content))

    def verify_others(self) -> None:
        for name in sorted(self._left):
            manifest.read_verified(self._path, name, self._entries[name], keep=False)


def _described(config: dict[str, Any]) -> tuple[Settings, list[str]]:
    """Return the settings and the labels of config.json, if it is what foretell writes."""
    job = config["job"]
    version = config["format_version"]
    if job not in ("words", "labels"):
        raise ValueError(f"the job {str(job)[:40]!r}")
    if type(version) is not int or not 1 <= version <= manifest.FORMAT_VERSION:
        raise ValueError(f"the format version {str(version)[:40]}")
    preset = config["preset"]
    labels = config["labels"] or []
    settings = config["settings"]
    if not isinstance(preset, str) or not isinstance(settings, dict):
        raise ValueError(f"the preset {str(preset)[:40]!r} or settings of another type")
    if not _are_texts(labels):
        raise ValueError("labels that are no texts")
    if not _are_texts(config.get("text_columns", [])):
        raise ValueError("names of text columns that are no texts")
    if config.get("label_type", "text") not in LABEL_TYPES:
        raise ValueError(f"labels of the type {str(config['label_type'])[:40]!r}")
    ancestors = config.get("ancestors", [])
    if not isinstance(ancestors, list) or not all(map(_SHA256.fullmatch, ancestors)):
        raise ValueError("ancestors that are no SHA-256")
    return from_dict(job, settings), labels


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _numbers(
    kind: type[Combining], name: str, config: Mapping[str, object], path: Path
) -> Combining | None:
    """Return the numbers that config.json has of a name; None: it has none."""
    if config.get(name) is None:
        return None
    try:
        return kind.from_dict(config[name])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise wrong_weights(name, str(error)[:200], path) from error
