"""Addresses of models on the Hugging Face Hub: `hf://owner/name[@revision]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from foretell.errors import UsageError

SCHEME = "hf://"
MAIN = "main"
"""The branch that an address without a revision means."""

# The Hub's own rule for the two names, and a revision that is a branch, a tag or a commit hash.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """A model on the Hub.

    Attributes:
        repository: "owner/name".
        revision: a branch, a tag or a commit hash.
    """

    repository: str
    revision: str = MAIN

    def __str__(self) -> str:
        pinned = "" if self.revision == MAIN else f"@{self.revision}"
        return f"{SCHEME}{self.repository}{pinned}"

    def at(self, commit: str) -> Address:
        """Return the address of the same model at one commit."""
        return replace(self, revision=commit)


def is_address(model: object) -> bool:
    """Return whether a model is given as an address on the Hub, valid or not."""
    return isinstance(model, str) and model.startswith(SCHEME)


def parse(text: str) -> Address:
    """Return the address that a text names.

    >>> parse("hf://owner/name@v2")
    Address(repository='owner/name', revision='v2')

    Raises:
        UsageError: it is none.
    """
    repository, at, revision = text.removeprefix(SCHEME).partition("@")
    if not text.startswith(SCHEME) or not is_repository(repository) or (at and not _is_revision(revision)):
        raise UsageError(
            expected="an address like hf://owner/name or hf://owner/name@revision",
            found=repr(text[:200]),
            fix="check the name",
        )
    return Address(repository, revision or MAIN)


def is_repository(name: str) -> bool:
    """Return whether a text is the name of a repository: "owner/name"."""
    # The Hub refuses these two, and the cache's folder names rely on it.
    return bool(_REPOSITORY.fullmatch(name)) and "--" not in name and ".." not in name


def address_of(path: str | Path | None) -> Address | None:
    """Return the address, with its commit hash, of a model directory in the cache of the Hub.

    Args:
        path: a model directory, `models--owner--name/snapshots/COMMIT` where it came from the Hub.

    Returns:
        None where the directory is another one.
    """
    if path is None:
        return None
    commit, snapshots, folder = ([*reversed(Path(path).parts)] + [""] * 3)[:3]
    repository = folder.removeprefix("models--").replace("--", "/")
    is_cached = folder.startswith("models--") and snapshots == "snapshots" and _COMMIT.fullmatch(commit)
    return Address(repository, commit) if is_cached and is_repository(repository) else None


def _is_revision(text: str) -> bool:
    # The cache keeps the commit of a branch in a file of its name: no name leads out of the folder.
    return bool(_REVISION.fullmatch(text)) and ".." not in text
