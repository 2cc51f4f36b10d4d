"""The Hugging Face Hub: addresses, files of one commit in the cache, data sets, and one line for
each error.

huggingface_hub does the work, with its cache, its token and its offline mode; it is imported in
functions.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

from foretell.errors import DataError, HubError, UsageError
from foretell.machine import require
from foretell.readable import listed

if TYPE_CHECKING:
    from huggingface_hub.utils.tqdm import tqdm

LIBRARY = "foretell"
SCHEME = "hf://"
CONVERTED = "refs/convert/parquet"
"""The branch on which the Hub keeps a data set as Parquet."""

_LOG_IN = "log in with: hf auth login, or set HF_TOKEN"
# The Hub's own rule for the two names, and a revision that is a branch, a tag or a commit hash.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CACHED = re.compile(r"(?:.*/)?models--([^/]*)/snapshots/([0-9a-f]{40})", re.DOTALL)
_FILE = re.compile(rf"{SCHEME}datasets/({_NAME}/[^/@]+)(@[^/]+)?/([^#]+)")
# config/split/0000.parquet, as the Hub converts; of a very large set only the first part is
# converted.
_PARQUET = re.compile(r"([^/]+)/(?:partial-)?([^/]+)/\d{4,}\.parquet")
_A_FILE = f"name one file of a data set: {SCHEME}datasets/OWNER/NAME/FILE"

MAX_BYTES = 16 << 30
"""Maximum size of the files of one download, which the Hub announces."""
MAX_SECONDS = 4 * 3600
"""Time limit of one download."""

Sizes = Mapping[str, int]
"""The size of each file of a repository in bytes, by its name."""
Kind = Literal["model", "dataset"]
Part = Literal["train", "valid", "test"]
_SPLITS: dict[Part | None, str] = {"valid": "validation", "test": "test"}


class Address(NamedTuple):
    """A repository on the Hub, "owner/name", and its revision: a branch, a tag or a commit hash."""

    repository: str
    revision: str = "main"

    def __str__(self) -> str:
        revision = f"@{self.revision}".removesuffix("@main")
        return f"{SCHEME}{self.repository}{revision}"


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
            "an address like hf://owner/name or hf://owner/name@revision",
            repr(text[:200]),
            fix="check the name",
        )
    return Address(repository, revision) if at else Address(repository)


def address_of(path: str | Path | None) -> Address | None:
    """Return the address and commit hash of a folder in the cache; None: it is another one."""
    match = _CACHED.fullmatch(Path(path or "").as_posix())
    if match is None:
        return None
    repository = match[1].replace("--", "/")
    return Address(repository, match[2]) if is_repository(repository) else None


def require_hub() -> None:
    """Check that huggingface_hub is installed, without importing it; raise MissingExtraError if
    not.
    """
    require(("huggingface_hub",), "hf:// and foretell push", "hub")


def files_of(kind: Kind, address: Address) -> tuple[Address, Sizes]:
    """Return the address with a commit hash, and the size of each file of that commit by its name,
    in the cache or not.

    Without an answer of the Hub it is the commit of the last download.
    """
    require_hub()
    from huggingface_hub import HfApi, get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(library_name=LIBRARY)
    name = address.repository
    with asking(str(address)):
        commit = api.resolve_revision(name, repo_type=kind, revision=address.revision).resolved
        # It becomes the name of a folder.
        if not _COMMIT.fullmatch(commit):
            raise HubError("a commit of 40 hexadecimal digits", repr(commit)[:100], where=address)
        try:
            tree = get_cached_repo_tree(name, repo_type=kind, revision=commit)
        except CachedRepoTreeNotFoundError:
            listing = api.list_repo_tree(name, repo_type=kind, revision=commit, recursive=True)
            tree = [each for each in listing if isinstance(each, RepoFile)]
    return Address(name, commit), dict(sorted((each.path, each.size) for each in tree))


def download(kind: Kind, address: Address, names: Iterable[str], sizes: Sizes) -> Path:
    """Download files of a commit into the cache, unless they are there, and return their folder.

    Names that the repository does not have are left out. `sizes` are those of `files_of`.

    Raises:
        HubError: the files have more than `MAX_BYTES`, the Hub sends more than it announced, or it
            takes more than `MAX_SECONDS`; or as `asking`.
    """
    from huggingface_hub import snapshot_download

    wanted = [name for name in names if name in sizes]
    size = sum(sizes[name] for name in wanted)
    if size > MAX_BYTES:
        raise HubError(
            f"files of at most {MAX_BYTES >> 30} GiB",
            f"{size:,} bytes",
            where=address,
            fix="download it with: hf download",
        )
    with asking(str(address)), bounded(size + len(wanted), MAX_SECONDS) as progress:
        # It lets no name of a file lead out of this folder.
        folder = snapshot_download(
            address.repository,
            repo_type=kind,
            revision=address.revision,
            allow_patterns=[glob.escape(name) for name in wanted],
            library_name=LIBRARY,
            tqdm_class=progress,
        )
    return Path(folder)


def data_files(text: str, part: Part | None) -> tuple[str, list[Path]]:
    """Download what the address of a data set names into the cache, unless it is there.

    `hf://owner/name[@revision][#[configuration/]split]` is a split of the Parquet files that the
    Hub keeps of a data set, whatever its own format; `hf://datasets/owner/name[@revision]/path` is
    one file of it.

    Args:
        text: the address.
        part: what the caller needs where the address names no split; None: train, or the only
            split.

    Returns:
        The address with the commit hash and the split, and the files in their order.

    Raises:
        UsageError: not an address.
        MissingExtraError: huggingface_hub is not installed.
        HubError: the Hub cannot be reached, there is no such repository or revision, or no access
            to it.
        DataError: no such file, configuration or split.
    """
    if one := _FILE.fullmatch(text):
        address, sizes = files_of("dataset", parse(f"{SCHEME}{one[1]}{one[2] or ''}"))
        shown = f"{SCHEME}datasets/{address.repository}@{address.revision}/{one[3]}"
        chosen = [one[3]]
        if one[3] not in sizes:
            found = listed(sizes) or "none"
            raise DataError(f"a file {one[3]}", found, where=address)
    else:
        body, _, fragment = text.partition("#")
        address = parse(body) if "@" in body else Address(parse(body).repository, CONVERTED)
        address, sizes = files_of("dataset", address)
        split, chosen = _split(sizes, fragment, part, address)
        shown = f"{address}#{split}"
    folder = download("dataset", address, chosen, sizes)
    return shown, [folder / name for name in chosen]


def _split(
    names: Iterable[str], asked: str, part: Part | None, address: Address
) -> tuple[str, list[str]]:
    """Return the configuration and split that are asked for, or needed, and its files."""
    splits: dict[tuple[str, str], list[str]] = {}
    for match in filter(None, map(_PARQUET.fullmatch, names)):
        splits.setdefault((match[1], match[2]), []).append(match[0])
    configuration, _, split = asked.rpartition("/")
    if not configuration:
        configuration = _only((name for name, _ in splits), "default")
    if not split:
        split = _SPLITS.get(part, "train")
        if part is None:
            split = _only((name for of, name in splits if of == configuration), split)
    chosen = f"{configuration}/{split}"
    if (configuration, split) not in splits:
        every = ["/".join(each) for each in sorted(splits)]
        fix = _A_FILE
        if every:
            fix = f"name one: {SCHEME}{address.repository}#{every[0]}"
        raise DataError(
            f"the split '{chosen}' in Parquet",
            listed(every) or "none",
            where=address,
            fix=fix,
        )
    return chosen, splits[configuration, split]


def _only(names: Iterable[str], usual: str) -> str:
    """Return the only one of these names; where there are several, or none, the usual one."""
    different = set(names)
    return different.pop() if len(different) == 1 else usual


@contextlib.contextmanager
def bounded(max_count: int, seconds: float) -> Iterator[type[tqdm]]:
    """End what is downloaded meanwhile with an OSError after `seconds`.

    huggingface_hub itself limits the time of each read only, and compares the size of a file after
    its last byte only.

    Yields:
        The class of the progress bar to download with, which raises it beyond `max_count` bytes or
        files.
    """
    from huggingface_hub import get_session
    from huggingface_hub.utils.tqdm import tqdm

    deadline = time.monotonic() + seconds

    def check_time() -> None:
        if time.monotonic() > deadline:
            raise OSError(f"a download that is not complete after {seconds:g} seconds")

    class Progress(tqdm):
        count = 0.0

        def update(self, n: float | None = 1) -> bool | None:
            check_time()
            self.count += n or 0
            if self.count > max_count:
                raise OSError("more bytes than announced")
            shown: bool | None = super().update(n)
            return shown

    session = get_session()
    library = importlib.import_module(type(session).__module__.partition(".")[0])

    # A progress bar is updated once for many megabytes: a server that drips is noticed here.
    class Stream(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: IO[bytes]) -> None:
            self.close = stream.close
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            for part in self.stream:
                check_time()
                yield part

    def watch(response: Any) -> None:
        response.stream = Stream(response.stream)

    session.event_hooks["response"].append(watch)
    try:
        yield Progress
    finally:
        session.event_hooks["response"].remove(watch)


@contextlib.contextmanager
def asking(where: str) -> Iterator[None]:
    """Raise whatever huggingface_hub fails with as a HubError; show progress on a terminal only."""
    from huggingface_hub import errors
    from huggingface_hub.utils.tqdm import disable_progress_bars

    # Where the cache replaces an answer it writes the server's message, which may quote the token.
    library = logging.getLogger("huggingface_hub")
    level = library.level
    library.setLevel(logging.ERROR)
    try:
        with contextlib.nullcontext() if sys.stderr.isatty() else disable_progress_bars():
            yield
    except Exception as error:
        reason: BaseException = error
        if isinstance(error, errors.RevisionResolutionError | errors.LocalEntryNotFoundError):
            # Nothing in the cache can replace the answer: the cause says why there was none.
            reason = error.__cause__ or error
        known = _known(reason, where)
        if known is None:
            raise
        # Not chained: a message of the server may quote the token, and --debug would show it.
        raise known from None
    finally:
        library.setLevel(level)


_KNOWN = {
    "OfflineModeIsEnabled": (
        "all of it in the cache",
        "not all",
        "unset HF_HUB_OFFLINE, or open it once with a connection",
    ),
    "RepositoryNotFoundError": (
        "a repository",
        "none, or a private or gated one that no token here can read",
        f"check the name, ask for access on its page, or {_LOG_IN}",
    ),
    "RevisionNotFoundError": (
        "a branch, tag or commit of it",
        "none",
        f"check what follows the @, or {_A_FILE}",
    ),
}
"""Exceptions of huggingface_hub: what was expected, what was found, and the fix."""


def _known(error: BaseException, where: str) -> HubError | None:
    """Return the error of a failed request; None: something else has failed."""
    from huggingface_hub import constants, errors, get_token

    def one_line(message: object) -> str:
        text = str(message)
        if token := get_token():
            text = text.replace(token, "***")
        return " ".join(text.split())[:200]

    known = [_KNOWN[each.__name__] for each in type(error).__mro__ if each.__name__ in _KNOWN]
    fix = ""
    if known:
        expected, found, fix = known[0]
    elif isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        expected = "the Hub to answer"
        found = f"HTTP status {status}: {one_line(error.server_message or 'no reason given')}"
        if status in (401, 403):
            expected = "a token"
            found = f"none, or one that lacks permission ({status})"
            fix = _LOG_IN
    elif type(error).__module__.partition(".")[0] in ("httpx", "httpx2"):
        # Errors of the connection are those of the client's HTTP library.
        expected = f"an answer of the Hub ({constants.ENDPOINT})"
        found = type(error).__name__
        fix = "check the connection; what was opened before is in the cache"
    elif isinstance(error, OSError | ValueError | RuntimeError):
        # No space for the cache, a card that the Hub refuses, or a failed upload.
        expected = "the Hub to accept this, and a cache that can be written"
        found = one_line(f"{error} {error.__cause__ or ''}")
    else:
        return None
    return HubError(expected, found, where=where, fix=fix)
