"""Models on the Hub as directories in the cache, at one commit: foretell's own, and sentence encoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from foretell.artifacts import manifest
from foretell.errors import HubError, NotAModelError
from foretell.hub.client import (
    Address,
    Snapshot,
    download,
    in_cache,
    is_address,
    parse,
    require_hub,
    snapshot,
)

ON_HUB = (*manifest.FILES, *manifest.PARTS, manifest.MANIFEST)
"""Everything that is pushed or downloaded; run/, with report and log, never is."""

# Small files, which show whether the repository is a model at all.
_FIRST = {manifest.CONFIG: manifest.MAX_CONFIG, manifest.MANIFEST: manifest.MAX_MANIFEST}
# As sentence-transformers and the exporters of ONNX name them, the first one that there is.
_GRAPHS = ("model.onnx", "onnx/model.onnx")
_TOKENIZER = "tokenizer.json"
_BESIDE = ("sentence_bert_config.json", "tokenizer_config.json", "config.json", "LICENSE", "LICENSE.txt")

Fetched = tuple[Path, Address]
"""A folder in the cache, in which nothing is verified yet, and its address with the commit hash."""

Listener = Callable[[Address], None]


def local_path(model: str | Path, *, listener: Listener | None = None) -> str | Path:
    """Return the directory of a model: the one in the cache for an address on the Hub.

    Args:
        model: a model directory, which is returned as it is, or `hf://owner/name[@revision]`.
        listener: gets the address with the commit hash of what was fetched.

    Raises:
        UsageError, MissingExtraError, HubError, NotAModelError: see `fetch`.
    """
    return _local(model, fetch, listener)


def local_encoder(encoder: str | Path, *, listener: Listener | None = None) -> str | Path:
    """Return the folder of a sentence encoder: the one in the cache for an address on the Hub.

    Raises:
        UsageError, MissingExtraError, HubError: see `fetch_encoder`.
    """
    return _local(encoder, fetch_encoder, listener)


def _local(model: str | Path, fetched: Callable[[Address], Fetched], listener: Listener | None) -> str | Path:
    if not is_address(model):
        return model
    require_hub()
    path, address = fetched(parse(str(model)))
    if listener is not None:
        listener(address)
    return path


def fetch(address: Address) -> Fetched:
    """Download a model into the cache of the Hub, unless it is there.

    The revision becomes a commit hash first. Only files with the names of a model directory are downloaded,
    and each only if its size is that of the manifest. A commit that is in the cache needs no connection.
    Without one, or with HF_HUB_OFFLINE, a branch is the commit that it was at the last download.

    Raises:
        HubError: the Hub cannot be reached, there is no such repository or revision, or no access to it.
        NotAModelError: the repository holds no foretell model.
        ArtifactError: the manifest is damaged, or a file has another size than it gives.
    """
    source = in_cache("model", address)
    if source is None or source.address != address or not _is_whole(source):
        source = snapshot("model", address)
    if any(source.sizes.get(name, most + 1) > most for name, most in _FIRST.items()):
        raise _not_a_model(source)
    for name in _FIRST:
        download(source, name)
    # The card is no part of a pushed manifest, and may be edited on the Hub.
    for name, entry in _entries(source).items():
        if (size := source.sizes.get(name)) not in (None, entry.size):
            raise manifest.changed(Path(name), f"{entry.size} bytes", str(size))
        if size is not None:
            download(source, name)
    return source.folder, source.address


def _is_whole(source: Snapshot) -> bool:
    return manifest.MANIFEST in source.sizes and _entries(source).keys() <= source.sizes.keys()


def _entries(source: Snapshot) -> dict[str, manifest.Entry]:
    """Return the files that the model's manifest lists.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: as for any model directory.
    """
    if not manifest.is_model(source.folder):
        raise _not_a_model(source)
    entries = manifest.read_manifest(source.folder).entries
    return {name: entry for name, entry in entries.items() if name in ON_HUB}


def _not_a_model(source: Snapshot) -> NotAModelError:
    return NotAModelError(
        expected="a foretell model", found="a repository that foretell did not write",
        where=str(source.address), fix="check the name",
    )  # fmt: skip


def fetch_encoder(address: Address) -> Fetched:
    """Download a sentence encoder, such as a repository of sentence-transformers, unless it is in the cache.

    Its folder, named NAME@COMMIT, has model.onnx, tokenizer.json and what states the window and the licence.

    Raises:
        HubError: the Hub cannot be reached or refuses, or the repository holds no such encoder.
    """
    source = in_cache("model", address)
    if source is None or source.address != address or not (_encoder_folder(source) / _GRAPHS[0]).is_file():
        source = snapshot("model", address)
    folder = _encoder_folder(source)
    # The graph is downloaded last.
    if (folder / _GRAPHS[0]).is_file():
        return folder, source.address
    graph = next((name for name in _GRAPHS if name in source.sizes), None)
    if graph is None or _TOKENIZER not in source.sizes:
        raise HubError(
            expected=f"an encoder with {_GRAPHS[1]} and {_TOKENIZER}", found="a repository without them",
            where=str(source.address), fix="export it to ONNX, and give the folder",
        )  # fmt: skip
    for each in (*_BESIDE, _TOKENIZER):
        if each in source.sizes:
            download(source, each, folder / each)
    download(source, graph, folder / _GRAPHS[0])
    return folder, source.address


def _encoder_folder(source: Snapshot) -> Path:
    # The name is the encoder's name in the run and in the model.
    name = source.address.repository.partition("/")[2]
    return source.folder / "encoder" / f"{name}@{source.address.revision}"
