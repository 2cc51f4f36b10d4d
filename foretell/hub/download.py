"""`fetch`: a model on the Hub as a model directory in the cache, at one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foretell.artifacts import manifest
from foretell.errors import HubError, NoAnswerError, NotAModelError
from foretell.hf.address import Address, is_address, parse
from foretell.hf.client import LIBRARY, asking, hub_api, require_hub
from foretell.hub.files import ON_HUB

# Small files, which show whether the repository is a model at all.
_FIRST = (manifest.CONFIG, manifest.MANIFEST)


@dataclass(frozen=True)
class Fetched:
    """A model that was downloaded, or was in the cache.

    Attributes:
        path: the model directory. Nothing in it is verified yet: open it as any other.
        address: its address with the commit hash.
    """

    path: Path
    address: Address


def local_path(model: str | Path, *, listener: Callable[[Address], None] | None = None) -> str | Path:
    """Return the directory of a model: the one in the cache for an address on the Hub.

    Args:
        model: a model directory, which is returned as it is, or `hf://owner/name[@revision]`.
        listener: gets the address with the commit hash of what was fetched.

    Raises:
        UsageError, MissingExtraError, HubError, NotAModelError: see `fetch`.
    """
    if not is_address(model):
        return model
    fetched = fetch(parse(str(model)))
    if listener is not None:
        listener(fetched.address)
    return fetched.path


def fetch(address: Address) -> Fetched:
    """Download a model into the cache of the Hub, unless it is there.

    The revision becomes a commit hash first. Only files with the names of a model directory are downloaded,
    and each only if its size is that of the manifest. A commit that is in the cache needs no connection.
    Without one, or with HF_HUB_OFFLINE, a branch is the commit that it was at the last download.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        HubError: the Hub cannot be reached, there is no such repository or revision, or no access to it.
        NotAModelError: the repository holds no foretell model.
        ChangedFileError: the manifest is damaged, or a file has another size than it gives.
    """
    require_hub()
    if (cached := _cached(address)) is not None:
        return cached
    on_hub = _on_hub(address)
    first = _download(address, _FIRST)
    pinned = address.at(first.name)
    if on_hub is not None and on_hub.commit != first.name:
        raise HubError(
            expected="one commit", found="a new one meanwhile", where=str(address), fix="try again"
        )
    listed = _listed(first, pinned)
    if on_hub is not None:
        for name, entry in listed.items():
            if on_hub.sizes.get(name) not in (None, entry.size):
                raise manifest.changed(Path(name), f"{entry.size} bytes", str(on_hub.sizes[name]))
    # The card is no part of a pushed manifest, and may be edited on the Hub.
    _download(pinned, [*listed, manifest.MANIFEST])
    return Fetched(first, pinned)


@dataclass(frozen=True)
class _OnHub:
    """The commit of a revision, and the size in bytes of each of its files."""

    commit: str
    sizes: dict[str, int | None]


def _cached(address: Address) -> Fetched | None:
    """Return the model of a commit that is complete in the cache; None: it has to be asked for."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(address.repository, manifest.MANIFEST, revision=address.revision)
    folder = Path(found).parent if isinstance(found, str) else None
    if folder is None or folder.name != address.revision:
        return None
    is_whole = all((folder / name).is_file() for name in _listed(folder, address))
    return Fetched(folder, address) if is_whole else None


def _on_hub(address: Address) -> _OnHub | None:
    """Return what the Hub has; None: it does not answer.

    Raises:
        HubError: no such repository or revision, or no access.
        NotAModelError: it holds no foretell model.
    """
    try:
        with asking(str(address)):
            info = hub_api().model_info(address.repository, revision=address.revision, files_metadata=True)
    except NoAnswerError:
        return None
    sizes = {each.rfilename: each.size for each in info.siblings or ()}
    if not set(_FIRST) <= set(sizes):
        raise _not_a_model(address)
    for name, most in zip(_FIRST, (manifest.MAX_CONFIG, manifest.MAX_MANIFEST), strict=True):
        if (sizes[name] or 0) > most:
            raise _not_a_model(address)
    return _OnHub(info.sha or "", sizes)


def _listed(folder: Path, address: Address) -> dict[str, manifest.Entry]:
    """Return the files that a model's manifest lists.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: as for any model directory.
    """
    if not manifest.is_model(folder):
        raise _not_a_model(address)
    entries = manifest.read_manifest(folder).entries
    return {name: entry for name, entry in entries.items() if name in ON_HUB}


def _not_a_model(address: Address) -> NotAModelError:
    return NotAModelError(
        expected="a foretell model",
        found="a repository that foretell did not write",
        where=str(address),
        fix="check the name",
    )


def _download(address: Address, names: Sequence[str]) -> Path:
    """Return the snapshot folder, named by its commit hash, with those of these files that there are."""
    from huggingface_hub import snapshot_download

    with asking(str(address)):
        path: str = snapshot_download(
            address.repository,
            revision=address.revision,
            allow_patterns=list(names),
            library_name=LIBRARY,
        )
    return Path(path)
