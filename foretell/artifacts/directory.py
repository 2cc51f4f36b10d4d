"""The model directory: written completely or not at all, and verified before it is used.

Its files have the names that Hugging Face uses. None can execute code: JSON, Markdown and
safetensors; and of a kept teacher an ONNX graph::

    config.json             format version, job, preset, every setting, labels, ensemble or
                            interpolation weights, parameters of a language model's cache
    tokenizer.json          the tokenizer
    model.safetensors       the weights of the network
    linear.safetensors      the n-gram linear model of a classifier, where it has one
    tfidf.safetensors       linear models of TF-IDF values of a classifier, where it has some
    teacher.safetensors     the linear model of a kept teacher's embeddings, where a classifier
                            keeps one
    teacher.onnx            the kept teacher: the graph of a sentence encoder, as it was given; its
                            tokenizer is teacher_tokenizer.json, its licence, if there is one,
                            teacher_LICENSE
    kneser_ney.safetensors  the Kneser–Ney model of a language model, where it has one
    metrics.json            metrics of the training
    README.md               the model card, which may be edited
    manifest.json           size and SHA-256 of each of the above but README.md
    run/                    log and report of the training; not in the manifest, and not needed for
                            prediction
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save as save_safetensors

from foretell.artifacts import manifest, replacement
from foretell.artifacts.model import Model, check_model
from foretell.artifacts.stored_model import read_stored
from foretell.artifacts.weights import check_size, check_weights, network_size
from foretell.config import to_dict
from foretell.errors import ArtifactError, ChangedFileError
from foretell.ngrams.tfidf import tfidf_arrays

# File managers and sync tools create these in any folder; they contain no data of the user.
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def check_writable(path: str | Path) -> None:
    """Check, before training, that a model directory may be written at `path`.

    An empty directory and a model directory may be replaced.

    Raises:
        ArtifactError: `path` is something else, or its directory is not writable.
    """
    target = Path(path).resolve()
    fix = "choose another --out"
    with replacement.typed(ArtifactError, "a place to write in", target, fix):
        if target.exists():
            _check_ours(target)
        parent = target.parent
        while not parent.exists():
            parent = parent.parent
    if not parent.is_dir():
        raise ArtifactError("a directory to write in", "a file", where=parent, fix=fix)
    with replacement.typed(ArtifactError, "a directory to write in", parent, fix):
        # Permissions alone do not say it: of root, of read-only and of virtual file systems.
        tempfile.TemporaryDirectory(dir=parent, prefix=".foretell-").cleanup()


def write_model(model: Model, path: str | Path, *, run: Path | None = None) -> None:
    """Write `model` as a model directory at `path`, completely or not at all.

    At every moment `path` is either the old directory or the new one (see `replacement` for file
    systems that cannot exchange two names).

    Args:
        model: the model with its weights.
        path: the directory; an older model there is replaced.
        run: a directory that becomes run/ in it, by renaming.

    Raises:
        ArtifactError: the weights are not those of the network or not finite, `path` is not a model
            directory, or it cannot be written (disk full, no permission). The old directory at
            `path` is unchanged.
    """
    target = Path(path).resolve()
    check_writable(target)
    unpack(_contents(model, target.name), target)
    if run is not None:
        # After the model: if the process ends before this, --resume still finds the run in its
        # place.
        fix = "the model itself is complete: move or delete the run by hand"
        with replacement.typed(ArtifactError, "to move the run into the model", run, fix):
            shutil.move(run, target / manifest.RUN)
            replacement.sync_directory(target)


def unpack(contents: dict[str, bytes], path: str | Path) -> None:
    """Write the files of a model directory, name to content, completely or not at all; see `pack`.

    Raises:
        ArtifactError: `path` is not a model directory, or cannot be written; it is unchanged.
    """
    target = Path(path).resolve()
    fix = "free some space or choose another directory; the old model there is unchanged"
    failures = replacement.typed(ArtifactError, "to write the model", target, fix)
    with failures, replacement.new_directory(target) as new:
        for name, content in contents.items():
            replacement.write_synced(new / name, content)
        replacement.sync_directory(new)
        check_writable(target)
        replacement.take_place(new, target)


def read_model(path: str | Path) -> Model:
    """Read a model, also while its directory is being replaced, and verify every file.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: see each class.
        ArtifactError: it cannot be read, or its parts do not fit each other.
    """
    path = Path(path)
    with replacement.typed(ArtifactError, "a readable model", path):
        return manifest.read_consistently(path, lambda listed: read_stored(path, listed))


def _contents(model: Model, name: str) -> dict[str, bytes]:
    """Return every file of the directory, name to content, in the order of writing."""
    # Imported here: reading a model does not need them.
    from importlib import metadata

    from foretell.artifacts import card

    weights = model.weights
    metrics = _json(model.metrics)
    model = replace(model, metrics=json.loads(metrics))
    check_model(model)
    size = network_size(model.settings, model.tokenizer)
    check_weights(weights, check_size(model.settings, size, len(model.labels)))
    version = metadata.version("foretell")
    contents = {
        manifest.CONFIG: _json(_config(model, version)),
        manifest.TOKENIZER: model.tokenizer.to_json().encode(),
        manifest.WEIGHTS: save_safetensors(
            {key: np.ascontiguousarray(weight) for key, weight in weights.items()}
        ),
        manifest.METRICS: metrics,
        manifest.CARD: card.model_card(model, name, version).encode(errors="replace"),
    }
    if model.linear is not None:
        contents[manifest.LINEAR] = save_safetensors(model.linear.to_arrays())
    if model.tfidf:
        contents[manifest.TFIDF] = save_safetensors(tfidf_arrays(model.tfidf))
    if model.teacher is not None:
        files = model.teacher.files
        contents |= {
            manifest.TEACHER: save_safetensors(model.teacher.to_arrays()),
            manifest.TEACHER_GRAPH: files.graph,
            manifest.TEACHER_TOKENIZER: files.tokenizer,
        }
        if files.licence is not None:
            contents[manifest.TEACHER_LICENCE] = files.licence
    if model.kneser_ney is not None:
        contents[manifest.KNESER_NEY] = save_safetensors(model.kneser_ney.to_arrays())
    contents[manifest.MANIFEST] = manifest.manifest_json(contents, version)
    return contents


def _config(model: Model, version: str) -> dict[str, object]:
    config = {
        "format_version": manifest.FORMAT_VERSION,
        "foretell": version,
        "job": model.job,
        "preset": model.preset,
        "settings": to_dict(model.settings),
        "labels": model.labels or None,
    }
    if model.label_type != "text":
        config["label_type"] = model.label_type
    if model.text_columns:
        config["text_columns"] = list(model.text_columns)
    if model.ancestors:
        config["ancestors"] = list(model.ancestors)
    if model.job == "labels":
        return {**config, "ensemble": model.ensemble.to_dict()}
    parts = {"interpolation": model.interpolation, "cache": model.cache}
    return {**config, **{name: part and part.to_dict() for name, part in parts.items()}}


def _check_ours(target: Path) -> None:
    expected = "a model directory, or no such path"
    fix = "choose another --out, or move it away"
    if not target.is_dir():
        raise ArtifactError(expected, "a file", where=target, fix=fix)
    names = {entry.name for entry in target.iterdir()} - _LITTER
    foreign = sorted(names - {*manifest.FILES, *manifest.PARTS, manifest.MANIFEST, manifest.RUN})
    if foreign or (names and not manifest.is_model(target)):
        found = "a directory of another program"
        if foreign:
            found = f"another file in it: {foreign[0]}"
        raise ArtifactError(expected, found, where=target, fix=fix)


def _json(value: object) -> bytes:
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    # A lone surrogate, which UTF-8 cannot encode, is written as a JSON escape.
    return text.encode(errors="backslashreplace") + b"\n"


def _plain(value: object) -> object:
    """Return NumPy's values as Python's; NaN and infinity, which JSON does not have, as None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def pack(path: Path) -> dict[str, bytes]:
    """Return the verified files of a model directory without run/, name to content, and README.md
    as it is.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: see each class.
    """

    def read(listed: manifest.Manifest) -> dict[str, bytes]:
        files = {
            name: manifest.read_verified(path, name, entry)
            for name, entry in listed.entries.items()
        }
        return {**files, **manifest.read_card(path), manifest.MANIFEST: listed.content}

    return manifest.read_consistently(path, read)


class Home:
    """The model directory of a model in memory: one that the user named, or a temporary one.

    A temporary directory is deleted with the last reference to its `Home` in the process that made
    it; a forked child does not delete it. Pickled, a `Home` contains the files, and opens in a
    temporary directory.

    Attributes:
        path: the model directory, absolute.
        sha256: that of the model in memory (`Model.sha256`); "": there is none yet.
    """

    path: Path
    sha256: str = ""

    def __init__(self, path: str | Path | None = None) -> None:
        if path is not None:
            self.path = Path(path).expanduser().absolute()
            return
        folder = tempfile.mkdtemp(prefix="foretell-")
        self.path = Path(folder) / "model"
        weakref.finalize(self, _delete, folder, os.getpid())

    def save(self, path: str | Path) -> None:
        """Copy the model directory to `path`, without run/; to its own path: check that it is the
        same.
        """
        files = self.__getstate__()["files"]
        target = Path(path).expanduser()
        if target.resolve() != self.path.resolve():
            unpack(files, target)

    def __getstate__(self) -> dict[str, dict[str, bytes]]:
        files = pack(self.path)
        if self.sha256 not in ("", hashlib.sha256(files[manifest.MANIFEST]).hexdigest()):
            raise ChangedFileError(
                "the model as it was opened",
                "another model",
                where=self.path,
                fix="load it from where it is now",
            )
        return {"files": files}

    def __setstate__(self, state: dict[str, dict[str, bytes]]) -> None:
        Home.__init__(self)
        unpack(state["files"], self.path)


def _delete(folder: str, pid: int) -> None:
    # A forked child has the object, too, and ends while its parent still uses the files.
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
