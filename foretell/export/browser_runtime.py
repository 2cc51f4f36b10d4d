"""ONNX Runtime for browsers: the npm package onnxruntime-web in one version, checked by its digest.

It is downloaded once to the cache folder. A file that the user gives is checked as well.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import tarfile
from pathlib import Path

from foretell.artifacts.replacement import replacing, typed
from foretell.data.download import download
from foretell.errors import ArtifactError

VERSION = "1.30.0"
INTEGRITY = (
    "sha512-"
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
FOLDER = "runtime"

_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_REGISTRY = "https://registry.npmjs.org/"


def runtime_files(archive: Path | None = None) -> dict[str, bytes]:
    """Return the files of the runtime that a page needs, by their names in the exported folder.

    `archive` is the package as `npm pack` writes it; None: the one in the cache, else from the
    registry.
    """
    path = cached() if archive is None else archive
    if archive is not None or path.is_file():
        with typed(ArtifactError, f"the archive {ARCHIVE}", path):
            return _unpacked(_checked(path.read_bytes(), str(path)))
    address = f"{registry()}onnxruntime-web/-/{ARCHIVE}"
    content = _checked(_download(address), address)
    # Without a cache the package is downloaded again the next time.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_bytes(content)
    return _unpacked(content)


def cached() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("foretell") / ARCHIVE


def registry() -> str:
    """Return the address of the npm registry, with a slash."""
    # npm reads this variable in upper and lower case.
    environment = {name.lower(): value for name, value in os.environ.items()}
    return (environment.get("npm_config_registry") or _REGISTRY).rstrip("/") + "/"


def _download(address: str) -> bytes:
    try:
        return download(address)
    # An error of the URL is one of the system.
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"onnxruntime-web {VERSION} from the npm registry",
            getattr(error, "reason", error),
            where=address,
            fix=f"run npm pack onnxruntime-web@{VERSION} on another machine, and give the "
            f"file as runtime",
        ) from error


def _checked(content: bytes, where: str) -> bytes:
    digest = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != INTEGRITY:
        raise ArtifactError(
            f"onnxruntime-web {VERSION} with the digest {INTEGRITY[:19]}…",
            f"{digest[:19]}…",
            where=where,
            fix=f"delete it, or give the right file as runtime: npm pack onnxruntime-web@{VERSION}",
        )
    return content


def _unpacked(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as package:
        files = {name: package.extractfile(f"package/dist/{name}") for name in _FILES}
        # Many servers send .mjs as a file to save, which no browser runs as a module.
        content_of = {
            f"{FOLDER}/{name.replace('.mjs', '.js')}": file.read()
            for name, file in files.items()
            if file is not None
        }
    content_of[f"{FOLDER}/README.md"] = (
        f"onnxruntime-web {VERSION}, from its npm package ({INTEGRITY}).\n"
        "Copyright (c) Microsoft Corporation. MIT licence: "
        "https://github.com/microsoft/onnxruntime\n"
    ).encode()
    return content_of
