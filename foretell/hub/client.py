"""The Hugging Face Hub: addresses, downloads into its cache at one commit, and one line for each error.

Nothing that a server answers is trusted: a commit is 40 hexadecimal digits, no name leads out of the cache,
and every answer is bounded in bytes and time. So foretell downloads by itself, through the session of
huggingface_hub, into the cache that huggingface_hub has.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal, TypeVar

from foretell.errors import ForetellError, HubError, NoAnswerError, UsageError
from foretell.machine import TO_USE_HUB, require

LIBRARY = "foretell"
SCHEME = "hf://"
MAIN = "main"
"""The branch that an address without a revision means."""

MAX_ANSWER = 1 << 25
"""Bytes of an answer that lists the files of a repository."""
MAX_FILE = 1 << 35
SECONDS = 60.0
"""For an answer; for a file so long, and the time of its bytes at `MIN_SPEED` bytes a second."""
MIN_SPEED = 50_000.0

_LOG_IN = "log in with: hf auth login, or set HF_TOKEN"
_SILENCE = 20.0
# The Hub's own rule for the two names, and a revision that is a branch, a tag or a commit hash.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILE_NAME = re.compile(r"(?!\.)[^\x00-\x1f\\:/]{1,200}(?:/(?!\.)[^\x00-\x1f\\:/]{1,200}){0,9}")
T = TypeVar("T")


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

    def at(self, commit: str) -> Address:
        """Return the address of the same repository at one commit."""
        return replace(self, revision=commit)


@dataclass(frozen=True)
class Snapshot:
    """The files of a repository at one commit.

    Attributes:
        kind: "model" or "dataset".
        address: with the commit hash.
        folder: where they are in the cache once they are downloaded.
        sizes: bytes of each file, by its name.
    """

    kind: Literal["model", "dataset"]
    address: Address
    folder: Path
    sizes: dict[str, int]


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
    # The cache keeps the commit of a branch in a file of its name: no name leads out of the folder.
    is_revision = bool(_REVISION.fullmatch(revision)) and ".." not in revision
    if not text.startswith(SCHEME) or not is_repository(repository) or (at and not is_revision):
        raise UsageError(
            expected="an address like hf://owner/name or hf://owner/name@revision",
            found=repr(text[:200]), fix="check the name",
        )  # fmt: skip
    return Address(repository, revision or MAIN)


def is_repository(name: str) -> bool:
    """Return whether a text is the name of a repository: "owner/name"."""
    # The Hub refuses these two, and the cache's folder names rely on it.
    return bool(_REPOSITORY.fullmatch(name)) and "--" not in name and ".." not in name


def address_of(path: str | Path | None) -> Address | None:
    """Return the address and commit hash of a model directory in the cache; None: it is another one."""
    commit, snapshots, folder = ([*reversed(Path(path or "").parts)] + [""] * 3)[:3]
    repository = folder.removeprefix("models--").replace("--", "/")
    is_cached = folder.startswith("models--") and snapshots == "snapshots" and _COMMIT.fullmatch(commit)
    return Address(repository, commit) if is_cached and is_repository(repository) else None


def require_hub() -> None:
    """Check that huggingface_hub is installed, without importing it.

    Raises:
        MissingExtraError: it is not; `fix` is the install command.
    """
    require(("huggingface_hub",), "hf:// and foretell push", TO_USE_HUB)


def snapshot(kind: Literal["model", "dataset"], address: Address) -> Snapshot:
    """Return a revision's newest commit and its files; where the Hub does not answer, those in the cache.

    Raises:
        HubError: no such repository or revision, no access, or an answer that cannot be trusted.
        NoAnswerError: the Hub does not answer, and the cache has nothing.
    """
    url = f"api/{kind}s/{address.repository}/revision/{address.revision.replace('/', '%2F')}?blobs=true"
    try:
        with asking(str(address)):
            answer = _within(SECONDS, lambda until: b"".join(_chunks(url, MAX_ANSWER, until)))
    except NoAnswerError:
        if (cached := in_cache(kind, address)) is not None:
            return cached
        raise
    try:
        record = json.loads(answer)
        commit, siblings = record["sha"], record["siblings"]
        sizes = {each["rfilename"]: each["size"] for each in siblings if type(each.get("size")) is int}
        if not _COMMIT.fullmatch(commit):
            raise ValueError("a commit of other characters than 40 hexadecimal digits")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = str(error)[:100] if type(error) is ValueError else "another answer"
        raise HubError(expected="the files of a commit", found=found, where=str(address)) from None
    # What cannot be a name in the cache is not there: no path from a server is joined without this check.
    sizes = {name: size for name, size in sizes.items() if is_file_name(name) and 0 <= size <= MAX_FILE}
    folder = _repository_folder(kind, address)
    if commit != address.revision:
        _write(folder / "refs" / address.revision, lambda file: file.write(commit.encode()))
    return Snapshot(kind, address.at(commit), folder / "snapshots" / commit, sizes)


def is_file_name(name: object) -> bool:
    """Return whether a name is that of a file inside a folder, on every system."""
    return isinstance(name, str) and bool(_FILE_NAME.fullmatch(name))


def in_cache(kind: Literal["model", "dataset"], address: Address) -> Snapshot | None:
    """Return what the cache has of a revision, by the commit of the last download; None: nothing."""
    folder, commit = _repository_folder(kind, address), address.revision
    if not _COMMIT.fullmatch(commit):
        try:
            commit = (folder / "refs" / address.revision).read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
    files = folder / "snapshots" / commit
    if not _COMMIT.fullmatch(commit) or not files.is_dir():
        return None
    found = [path for path in files.rglob("*") if path.is_file()]
    sizes = {path.relative_to(files).as_posix(): path.stat().st_size for path in found}
    return Snapshot(kind, address.at(commit), files, sizes)


def download(source: Snapshot, name: str, target: Path | None = None) -> Path:
    """Return the path of a file of a snapshot, which is downloaded unless it is there.

    Args:
        source: the snapshot.
        name: one of its files.
        target: where the file is written; None: to its place in the cache.

    Raises:
        HubError: it cannot be downloaded, or has another size than was listed.
    """
    path, size, where = target or source.folder / name, source.sizes[name], f"{source.address}, {name}"
    if not is_file_name(name):
        raise HubError(expected="the name of a file", found=repr(name)[:100], where=str(source.address))
    if path.is_file():
        return path
    prefix = "datasets/" if source.kind == "dataset" else ""
    url = f"{prefix}{source.address.repository}/resolve/{source.address.revision}/{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if size > shutil.disk_usage(path.parent).free:
        raise HubError(expected=f"{size:,} bytes of free space", found="less", where=str(path.parent))

    def take(until: float) -> None:
        _write(path, lambda file: file.writelines(_chunks(url, size, until)), size)

    with asking(where):
        _within(SECONDS + size / MIN_SPEED, take)
    return path


def _chunks(url: str, most: int, until: float) -> Iterator[bytes]:
    """Yield the body of the answer to a GET request.

    Raises:
        HubError: it has more than `most` bytes.
        NoAnswerError: it is not complete at the time `until`.
    """
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import hf_raise_for_status

    # Not compressed: a small answer could become a large one.
    headers = {**build_hf_headers(library_name=LIBRARY), "Accept-Encoding": "identity"}
    total = 0
    with get_session().stream(
        "GET", f"{constants.ENDPOINT}/{url}", headers=headers, follow_redirects=True, timeout=_SILENCE
    ) as response:
        if not response.is_success:
            # Without its body, which has no bound. The Hub's own message is in a header.
            said = {name: text for name, text in response.headers.items() if name.startswith("x-error-")}
            hf_raise_for_status(type(response)(response.status_code, headers=said, request=response.request))
            raise HubError(expected="an answer", found=f"HTTP status {response.status_code}", where=url)
        for chunk in response.iter_raw():
            total += len(chunk)
            if total > most:
                raise HubError(expected=f"at most {most:,} bytes", found="more", where=url)
            if time.monotonic() > until:
                raise _too_slow()
            yield chunk


def _within(seconds: float, work: Callable[[float], T]) -> T:
    """Return what `work` returns for the time of its end, in a thread that is left behind at that time.

    A server that sends the header of its answer byte by byte holds up that thread alone.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(work(time.monotonic() + seconds))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="foretell-download", daemon=True).start()
    try:
        return answer.result(seconds + 1)
    except TimeoutError:
        raise _too_slow() from None


def _write(path: Path, fill: Callable[[IO[bytes]], object], size: int | None = None) -> None:
    """Write a file completely or not at all.

    Raises:
        HubError: its size is not `size`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.new")
    try:
        with new.open("xb") as file:
            fill(file)
        if size is not None and new.stat().st_size != size:
            raise HubError(expected=f"{size:,} bytes", found="fewer", where=path.name, fix="try again")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _repository_folder(kind: str, address: Address) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"{kind}s--{address.repository.replace('/', '--')}"


@contextmanager
def asking(where: str, *, token: str | None = None) -> Iterator[None]:
    """Raise whatever a request to the Hub fails with as one HubError.

    Args:
        where: the address that was asked for.
        token: the token that was given; it is removed from the server's messages.

    Raises:
        HubError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import constants, errors, get_token

    secret = token or get_token()
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise NoAnswerError(
            expected="all of it in the cache", found="not all", where=where,
            fix="unset HF_HUB_OFFLINE, or open it once with a connection",
        ) from None  # fmt: skip
    # Not chained: a message of the server may quote the token, and --debug would show it.
    except errors.HfHubHTTPError as error:
        raise _refusal(where, error, secret) from None
    except ForetellError:
        raise
    except OSError as error:
        found, where = error.strerror or str(error), error.filename or where
        raise HubError(expected="a cache that can be written", found=found, where=where) from None
    except (ValueError, RuntimeError) as error:
        # A card that the Hub refuses, or a failed upload.
        found = _without(secret, f"{error} {error.__cause__ or ''}")
        raise HubError(expected="the Hub to accept this", found=found, where=where) from None
    except Exception as error:
        # Errors of the connection are those of the client's HTTP library.
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2"):
            raise
        raise NoAnswerError(
            expected=f"an answer of the Hub ({constants.ENDPOINT})", found=type(error).__name__, where=where,
            fix="check the connection; what was opened before is in the cache",
        ) from None  # fmt: skip


def _refusal(where: str, error: Exception, secret: str | None) -> HubError:
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


def _too_slow() -> NoAnswerError:
    return NoAnswerError(
        expected="an answer of the Hub in time", found="none", fix="check the connection, and try again"
    )


def _without(secret: str | None, message: str) -> str:
    """Return a message of the server without the token, on one line."""
    return " ".join((message.replace(secret, "***") if secret else message).split())[:200]
