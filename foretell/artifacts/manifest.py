"""The manifest: the size and SHA-256 of each file of a model directory, verified before the file is
used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, TypeVar

from foretell.errors import ChangedFileError, MissingFileError, NewerFormatError, NotAModelError

FORMAT_VERSION = 1
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
METRICS = "metrics.json"
CARD = "README.md"
MANIFEST = "manifest.json"
RUN = "run"
FILES = (CONFIG, TOKENIZER, WEIGHTS, METRICS, CARD)
LINEAR = "linear.safetensors"
"""The n-gram linear model: only where a classifier has one."""
TFIDF = "tfidf.safetensors"
"""Linear models of TF-IDF values: only where a classifier has some."""
TEACHER = "teacher.safetensors"
"""The linear model of a kept teacher's embeddings: only where a classifier keeps its teacher."""
TEACHER_GRAPH = "teacher.onnx"
TEACHER_TOKENIZER = "teacher_tokenizer.json"
TEACHER_LICENCE = "teacher_LICENSE"
KNESER_NEY = "kneser_ney.safetensors"
"""The Kneser–Ney model: only where a language model has one."""
PARTS = (LINEAR, TFIDF, TEACHER, TEACHER_GRAPH, TEACHER_TOKENIZER, TEACHER_LICENCE, KNESER_NEY)
"""The files that only some models have."""

# A name, never a path, so that no file outside the directory is read.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COPY_AGAIN = "copy the model again, or train it again"

MAX_MANIFEST = 1 << 20
MAX_CONFIG = 1 << 26
"""Maximum bytes of the files whose size no other file gives."""
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

# A directory that is replaced faster than it is read gives up after this many attempts.
_MAX_ATTEMPTS = 6

Value = TypeVar("Value")


class Entry(NamedTuple):
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """A manifest that was read.

    Attributes:
        content: the file.
        entries: size and SHA-256 of each file that it lists, without README.md. No prediction reads
            the model card, so it may be edited.
    """

    content: bytes
    entries: dict[str, Entry]


def manifest_json(contents: dict[str, bytes], version: str) -> bytes:
    """Return the manifest of these files, name to content; of README.md, which may be edited, it
    has no entry.
    """
    listed = {name: content for name, content in contents.items() if name != CARD}
    return seal({"foretell": version, "files": digests(listed)})


def digests(contents: dict[str, bytes]) -> dict[str, dict[str, object]]:
    """Return size and SHA-256 of each of these files, name to content."""
    return {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }


def seal(values: dict[str, object]) -> bytes:
    """Return the file of these values, with the SHA-256 of their JSON as one more value."""
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return json.dumps({**values, "sha256": digest}, indent=2).encode() + b"\n"


def is_model(path: Path) -> bool:
    """Return whether foretell wrote this directory, complete or not."""
    return any("foretell" in (_object(path / name) or {}) for name in (CONFIG, MANIFEST))


def read_consistently(path: Path, read: Callable[[Manifest], Value]) -> Value:
    """Return what `read` makes of the files of one manifest, also while the directory is being
    replaced.

    Files of the directory that took its place differ from the manifest that was read before. So an
    error of `read_manifest` or `read` is raised only if the same manifest gives it twice in
    succession.
    """
    before: bytes | None = None
    attempts = 0
    while True:
        manifest = None
        attempts = attempts + 1
        try:
            manifest = read_manifest(path)
            return read(manifest)
        except (NotAModelError, MissingFileError, ChangedFileError):
            content = b"" if manifest is None else manifest.content
            if content == before or attempts == _MAX_ATTEMPTS:
                raise
            before = content


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the model directory `path`.

    Raises:
        NotAModelError: the path is no directory, or not a model directory.
        NewerFormatError: a newer version of foretell wrote it.
        MissingFileError: the manifest is missing.
        ChangedFileError: the manifest is invalid, names a file outside the directory, or lacks one.
    """
    found = ""
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing there"
    elif not is_model(path):
        found = "a directory that foretell did not write"
    if found:
        raise NotAModelError(
            "a foretell model directory",
            found,
            where=path,
            fix="check the path: the directory that --out named in training, before all texts",
        )
    version = (_object(path / CONFIG) or {}).get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise NewerFormatError(
            f"format version {FORMAT_VERSION} or older",
            f"version {version}",
            where=path / CONFIG,
            fix="install a newer foretell",
        )
    content = _read(path / MANIFEST, MAX_MANIFEST)
    entries = _entries(path / MANIFEST, content)
    for name in FILES:
        if name not in entries and name != CARD:
            raise changed(path / MANIFEST, f"an entry for {name}", "none")
    # Directories of foretell 0.1 list the card too.
    entries.pop(CARD, None)
    return Manifest(content, entries)


def read_card(path: Path) -> dict[str, bytes]:
    """Return README.md of a model directory by its name, as it is now; {} where it was deleted.

    Raises:
        ChangedFileError: it is no regular file, or larger than 64 MiB.
    """
    try:
        return {CARD: _read(path / CARD, MAX_CONFIG)}
    except MissingFileError:
        return {}


def read_verified(path: Path, name: str, entry: Entry, *, keep: bool = True) -> bytes:
    """Return the content of one file, after a check against its entry in the manifest.

    Without `keep` the file is not read into memory, and nothing of it is returned.

    Raises:
        MissingFileError, ChangedFileError
    """
    with _open(path / name) as file:
        if (size := os.fstat(file.fileno()).st_size) != entry.size:
            raise changed(path / name, f"{entry.size} bytes", f"{size}")
        content = file.read(entry.size) if keep else b""
        found = hashlib.sha256(content) if keep else hashlib.file_digest(file, "sha256")
    if (digest := found.hexdigest()) != entry.sha256:
        raise changed(path / name, f"SHA-256 {entry.sha256[:12]}…", f"{digest[:12]}…")
    return content


def _entries(path: Path, content: bytes) -> dict[str, Entry]:
    manifest = json_object(content)
    sealed = {name: value for name, value in (manifest or {}).items() if name != "sha256"}
    files = sealed.get("files")
    if not isinstance(files, dict) or seal(sealed) != content:
        raise changed(path, "a manifest as it was written", "another")
    return {name: _entry(path, name, values) for name, values in files.items()}


def _entry(path: Path, name: str, values: object) -> Entry:
    if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST:
        raise changed(path, "names of files in this directory", repr(name))
    match values:
        case {"size": int(size), "sha256": str(sha256)} if _SHA256.fullmatch(sha256):
            if type(size) is int:
                return Entry(size, sha256)
    raise changed(path, f"the size and SHA-256 of {name}", repr(values)[:100])


def changed(path: Path, expected: str, found: str) -> ChangedFileError:
    """Return the error of a file that is not as it was written."""
    return ChangedFileError(expected, found, where=path, fix=_COPY_AGAIN)


def _object(path: Path) -> dict[str, object] | None:
    """Return the JSON object in a file; None where the file has none."""
    try:
        return json_object(_read(path, MAX_CONFIG))
    except (OSError, MissingFileError, ChangedFileError):
        return None


def _read(path: Path, max_bytes: int) -> bytes:
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise changed(path, f"at most {max_bytes} bytes", str(size))
        return file.read(max_bytes)


def _open(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one. Anything else, such as a device, is not opened at
    all.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise changed(path, "a regular file", "something else")
        # Where a FIFO has taken its place since, to open it would wait for a writer.
        file = open(os.open(path, os.O_RDONLY | _NO_WAIT), "rb")  # noqa: PTH123, SIM115
    except FileNotFoundError as error:
        raise MissingFileError("this file", "none", where=path, fix=_COPY_AGAIN) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise changed(path, "a regular file", "something else")
    return file


def json_object(content: bytes) -> dict[str, object] | None:
    """Return a JSON object; None where the content is something else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
