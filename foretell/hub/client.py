"""The Hugging Face Hub: addresses, downloads at one commit, and one line for each error.

huggingface_hub does the work, with its cache, its token and its offline mode; it is imported in functions.
"""

from __future__ import annotations

import glob
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from foretell.errors import ForetellError, HubError, NoAnswerError, UsageError
from foretell.machine import TO_USE_HUB, require

LIBRARY = "foretell"
SCHEME = "hf://"
MAIN = "main"
"""The branch that an address without a revision means."""

_LOG_IN = "log in with: hf auth login, or set HF_TOKEN"
# The Hub's own rule for the two names, and a revision that is a branch, a tag or a commit hash.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")

Kind = Literal["model", "dataset"]


@dataclass(frozen=True)
class Address:
    """A repository on the Hub.

    Attributes:
        repository: "owner/name".
        revision: a branch, a tag or a commit hash.
    """

    repository: str
    revision: str = MAIN

    def __str__(self) -> str:
        pinned = "" if self.revision == MAIN else f"@{self.revision}"
        return f"{SCHEME}{self.repository}{pinned}"

    def at(self, revision: str) -> Address:
        """Return the address of the same repository at another revision."""
        return replace(self, revision=revision)


def is_address(model: object) -> bool:
    """Return whether a model is given as an address on the Hub, valid or not."""
    return isinstance(model, str) and model.startswith(SCHEME)


def is_repository(name: str) -> bool:
    """Return whether a text is the name of a repository: "owner/name"."""
    return bool(_REPOSITORY.fullmatch(name)) and "--" not in name and ".." not in name


def parse(text: str) -> Address:
    """Return the address that a text names.

    >>> parse("hf://owner/name@v2")
    Address(repository='owner/name', revision='v2')

    Raises:
        UsageError: it is none.
    """
    repository, at, revision = text.removeprefix(SCHEME).partition("@")
    # The cache keeps the commit of a branch in a file of its name: no name leads out of the folder.
    is_revision = bool(_REVISION.fullmatch(revision)) and ".." not in revision
    if not text.startswith(SCHEME) or not is_repository(repository) or (at and not is_revision):
        raise UsageError(
            expected="an address like hf://owner/name or hf://owner/name@revision",
            found=repr(text[:200]), fix="check the name",
        )  # fmt: skip
    return Address(repository, revision or MAIN)


def address_of(path: str | Path | None) -> Address | None:
    """Return the address and commit hash of a folder in the cache; None: it is another one."""
    commit, snapshots, folder = ([*reversed(Path(path or "").parts)] + [""] * 3)[:3]
    repository = folder.removeprefix("models--").replace("--", "/")
    is_cached = folder.startswith("models--") and snapshots == "snapshots" and _COMMIT.fullmatch(commit)
    return Address(repository, commit) if is_cached and is_repository(repository) else None


def folder_name(path: str | Path) -> str:
    """Return the name of a folder; of one in the cache NAME@COMMIT."""
    address = address_of(path)
    if address is None:
        return Path(path).resolve().name
    return f"{address.repository.partition('/')[2]}@{address.revision}"


def require_hub() -> None:
    """Check that huggingface_hub is installed, without importing it.

    Raises:
        MissingExtraError: it is not; `fix` is the install command.
    """
    require(("huggingface_hub",), "hf:// and foretell push", TO_USE_HUB)


def pinned(kind: Kind, address: Address) -> Address:
    """Return the address with the commit hash of its revision; without an answer, the one in the cache."""
    from huggingface_hub import HfApi

    where, revision = str(address), address.revision
    with asking(where):
        api = HfApi(library_name=LIBRARY)
        commit = api.resolve_revision(address.repository, repo_type=kind, revision=revision).resolved
    # It becomes the name of a folder.
    if not _COMMIT.fullmatch(commit):
        raise HubError(expected="a commit of 40 hexadecimal digits", found=repr(commit)[:100], where=where)
    return address.at(commit)


def file_names(kind: Kind, address: Address) -> list[str]:
    """Return the names of all files of a commit, in the cache or not."""
    from huggingface_hub import HfApi, get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    repository, revision = address.repository, address.revision
    with asking(str(address)):
        try:
            return [each.path for each in get_cached_repo_tree(repository, repo_type=kind, revision=revision)]
        except CachedRepoTreeNotFoundError:
            return HfApi(library_name=LIBRARY).list_repo_files(repository, repo_type=kind, revision=revision)


def download(kind: Kind, address: Address, names: Iterable[str]) -> Path:
    """Download files of a commit into the cache, unless they are there, and return their folder.

    Args:
        kind: of the repository.
        address: with the commit hash.
        names: those that the repository does not have are left out.
    """
    from huggingface_hub import snapshot_download

    patterns = [glob.escape(name) for name in names]
    with asking(str(address)):
        # It lets no name of a file lead out of this folder.
        folder = snapshot_download(
            address.repository, repo_type=kind, revision=address.revision, allow_patterns=patterns,
            library_name=LIBRARY,
        )  # fmt: skip
    return Path(folder)


@contextmanager
def asking(where: str, *, token: str | None = None) -> Iterator[None]:
    """Raise whatever huggingface_hub fails with as one HubError; show progress on a terminal, no warnings.

    Args:
        where: the address that was asked for.
        token: the token that was given; it is removed from the server's messages.
    """
    from huggingface_hub import errors, get_token
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    secret = token or get_token()
    hides = not (sys.stderr.isatty() or are_progress_bars_disabled())
    if hides:
        disable_progress_bars()
    # Where the cache replaces an answer it writes the server's message, which may quote the token.
    library = logging.getLogger("huggingface_hub")
    level = library.level
    library.setLevel(logging.ERROR)
    try:
        yield
    except ForetellError:
        raise
    except Exception as error:
        # Where nothing in the cache can replace the answer, the cause says why there was none.
        replaced = isinstance(error, errors.RevisionResolutionError | errors.LocalEntryNotFoundError)
        known = _known(error.__cause__ or error if replaced else error, where, secret)
        if known is None:
            raise
        # Not chained: a message of the server may quote the token, and --debug would show it.
        raise known from None
    finally:
        library.setLevel(level)
        if hides:
            enable_progress_bars()


def _known(error: BaseException, where: str, secret: str | None) -> HubError | None:
    """Return the error of a failed request; None: something else has failed."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        fix = "unset HF_HUB_OFFLINE, or open it once with a connection"
        return NoAnswerError(expected="all of it in the cache", found="not all", where=where, fix=fix)
    if isinstance(error, errors.HfHubHTTPError):
        return _refusal(where, error, secret)
    # Errors of the connection are those of the client's HTTP library.
    if type(error).__module__.partition(".")[0] in ("httpx", "httpx2"):
        expected, fix = f"an answer of the Hub ({constants.ENDPOINT})", "check the connection"
        found, fix = type(error).__name__, f"{fix}; what was opened before is in the cache"
        return NoAnswerError(expected=expected, found=found, where=where, fix=fix)
    if isinstance(error, OSError):
        found, where = error.strerror or _without(secret, str(error)), str(error.filename or where)
        return HubError(expected="a cache that can be written", found=found, where=where)
    if isinstance(error, ValueError | RuntimeError):
        # A card that the Hub refuses, or a failed upload.
        found = _without(secret, f"{error} {error.__cause__ or ''}")
        return HubError(expected="the Hub to accept this", found=found, where=where)
    return None


def _refusal(where: str, error: BaseException, secret: str | None) -> HubError:
    from huggingface_hub import errors

    assert isinstance(error, errors.HfHubHTTPError)
    status, anonymous = error.response.status_code, secret is None
    if isinstance(error, errors.GatedRepoError):
        expected, found = "access to the repository", "a gated one"
        fix = f"ask for access on its page{f', then {_LOG_IN}' if anonymous else ''}"
    elif isinstance(error, errors.RepositoryNotFoundError):
        expected, fix = "a repository", f"check the name, or {_LOG_IN}"
        rest = ", which needs a token" if anonymous else " that this token cannot read"
        found = f"none, or a private one{rest}"
    elif isinstance(error, errors.RevisionNotFoundError):
        expected, found, fix = "a branch, tag or commit of it", "none", "check what follows the @"
    elif status in (401, 403):
        expected, found = "a token", "none" if anonymous else f"one that lacks permission ({status})"
        fix = _LOG_IN
    else:
        kind = NoAnswerError if status >= 500 else HubError
        message = _without(secret, error.server_message or "no reason given")
        return kind(expected="the Hub to answer", found=f"HTTP status {status}: {message}", where=where)
    return HubError(expected=expected, found=found, where=where, fix=fix)


def _without(secret: str | None, message: str) -> str:
    """Return a message of the server without the token, on one line."""
    return " ".join((message.replace(secret, "***") if secret else message).split())[:200]
