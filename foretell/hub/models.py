"""Models on the Hub as directories in the cache, at one commit: foretell's own, and sentence encoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from foretell.artifacts import manifest
from foretell.artifacts.kept_teacher import GRAPHS, TOKENIZER
from foretell.errors import HubError, NotAModelError
from foretell.hub.client import Address, download, file_names, is_address, parse, pinned, require_hub

ON_HUB = (*manifest.FILES, *manifest.PARTS, manifest.MANIFEST)
"""Everything that is pushed or downloaded; run/, with report and log, never is."""

# Files that state an encoder's window and its licence.
_BESIDE = ("sentence_bert_config.json", "tokenizer_config.json", "config.json", "LICENSE", "LICENSE.txt")

Listener = Callable[[Address], None]


def local_path(model: str | Path, *, listener: Listener | None = None) -> str | Path:
    """Return the directory of a model: the one in the cache for an address on the Hub.

    What is not in the cache is downloaded: only files with the names of a model directory. The revision
    becomes a commit hash first. A commit that is in the cache needs no connection. Without one, or with
    HF_HUB_OFFLINE, a branch is the commit that it was at the last download.

    Args:
        model: a model directory, which is returned as it is, or `hf://owner/name[@revision]`.
        listener: gets the address with the commit hash of what was fetched.

    Raises:
        UsageError: not an address.
        MissingExtraError: huggingface_hub is not installed.
        HubError: the Hub cannot be reached, there is no such repository or revision, or no access to it.
        NotAModelError: the repository holds no foretell model.
    """
    if not is_address(model):
        return model
    address = _pinned(str(model))
    # Two small files show whether the repository is a model at all.
    folder = download("model", address, (manifest.CONFIG, manifest.MANIFEST))
    if not (folder / manifest.MANIFEST).is_file() or not manifest.is_model(folder):
        raise NotAModelError(
            expected="a foretell model", found="a repository that foretell did not write",
            where=str(address), fix="check the name",
        )  # fmt: skip
    folder = download("model", address, ON_HUB)
    if listener is not None:
        listener(address)
    return folder


def local_encoder(encoder: str | Path, *, listener: Listener | None = None) -> str | Path:
    """Return the folder of a sentence encoder: the one in the cache for an address on the Hub.

    Of a repository, such as one of sentence-transformers, the graph, tokenizer.json and the files that state
    the window and the licence are downloaded.

    Raises:
        UsageError, MissingExtraError: as `local_path`.
        HubError: the Hub cannot be reached or refuses, or the repository holds no such encoder.
    """
    if not is_address(encoder):
        return encoder
    address = _pinned(str(encoder))
    names = file_names("model", address)
    graph = next((name for name in GRAPHS if name in names), None)
    if graph is None or TOKENIZER not in names:
        raise HubError(
            expected=f"an encoder with {GRAPHS[1]} and {TOKENIZER}", found="a repository without them",
            where=str(address), fix="export it to ONNX, and give the folder",
        )  # fmt: skip
    folder = download("model", address, (graph, TOKENIZER, *_BESIDE))
    if listener is not None:
        listener(address)
    return folder


def _pinned(text: str) -> Address:
    address = parse(text)
    require_hub()
    return pinned("model", address)
