"""Named data sets: downloaded from their publishers, verified by hash, and cached.

`imdb` is the Large Movie Review Dataset (Maas et al., 2011, "Learning Word Vectors for Sentiment Analysis"):
25,000 training, 25,000 test and 50,000 unlabelled reviews. It comes from, in this order: the cache; the
archive in the folder that the environment's FORETELL_DATA names; its publisher. Since the archive exists in
more than one packing, its reviews are checked rather than its bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foretell.data.decode import note
from foretell.errors import DataError
from foretell.hashes import sha256_of

ImdbPart = Literal["train", "test", "unsup"]

NAMED = frozenset({"imdb", "meditations"})
"""Named corpora, for language models."""
NAMED_EXAMPLES = frozenset({"imdb", "reviews"})
"""Named sets of examples, for classifiers."""

IMDB_ARCHIVE = "aclImdb_v1.tar.gz"
IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
IMDB_ARCHIVE_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
# SHA-256 of "path NUL text NUL" over the reviews in order of their paths ("train/neg/0_3.txt").
IMDB_PART_SHA256: dict[ImdbPart, str] = {
    "test": "84fd9a2e58155929af384fe10e45a17724b5a9568469cf290f39cfd6829bda37",
    "train": "e982db9598717d922ca579d6fa793316604d6a817e1281eec8ad8058f4f6d9a7",
    "unsup": "0db358589c63de5c8e6af519dc5f8e123f323cb62358b9fd7aaac092cf59f937",
}
MAX_DOWNLOAD_BYTES = 100 << 20
"""Maximum bytes of the archive; it has 84 million."""
MAX_DOWNLOAD_SECONDS = 1800.0
"""Maximum seconds of the whole download."""


@dataclass(frozen=True, slots=True)
class Reviews:
    """Reviews of one part, in order of their paths.

    Attributes:
        texts: the reviews.
        labels: "neg" or "pos" for each; for the unlabelled part "unsup".
    """

    texts: list[str]
    labels: list[str]


def cache_folder() -> Path:
    """Return the folder for downloaded sets: FORETELL_CACHE if set, else the platform's folder for caches."""
    import platformdirs

    set_by_user = os.environ.get("FORETELL_CACHE")
    return Path(set_by_user) if set_by_user else Path(platformdirs.user_cache_dir("foretell"))


@contextlib.contextmanager
def sample(name: str) -> Iterator[Path]:
    """Return the path of a file that ships with the package, such as "meditations.txt"."""
    # A slow import that predictions do not need.
    import importlib.resources

    file = importlib.resources.files("foretell") / "samples" / name
    with importlib.resources.as_file(file) as path:
        yield path


def imdb(part: ImdbPart, *, notes: list[str] | None = None) -> Reviews:
    """Return one part of the movie reviews, verified.

    The first call reads the archive, which takes seconds; later calls read the cache.

    Args:
        part: "train" (25,000), "test" (25,000) or "unsup" (50,000, without labels).
        notes: a list to which a note is added on where the reviews came from, if not from the cache.

    Raises:
        DataError: no cache, no local archive and no network; or reviews that are not the published ones.
    """
    content = _cached(part)
    if content is None:
        notes = [] if notes is None else notes
        contents = _from_archive(notes)
        try:
            for each, found in contents.items():
                _write_whole(_cache_file(each), zlib.compress(found, 1))
        except OSError as error:
            # Not an error: the reviews have been read; the next call will read the archive again.
            note(notes, f"imdb: the cache could not be written ({error.strerror or error})")
        content = contents[part]
    items = content.decode("utf-8").split("\0")
    paths, texts = items[0:-1:2], items[1::2]
    return Reviews(texts, [path.split("/", 2)[1] for path in paths])


def _cache_file(part: ImdbPart) -> Path:
    return cache_folder() / f"imdb-{part}-{IMDB_PART_SHA256[part][:12]}.z"


def _cached(part: ImdbPart) -> bytes | None:
    try:
        content = zlib.decompress(_cache_file(part).read_bytes())
    except (OSError, zlib.error):
        return None
    return content if hashlib.sha256(content).hexdigest() == IMDB_PART_SHA256[part] else None


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".imdb-") as folder:
        new = Path(folder) / path.name
        new.write_bytes(data)
        new.replace(path)


def _from_archive(notes: list[str]) -> dict[ImdbPart, bytes]:
    local = Path(os.environ.get("FORETELL_DATA", "")) / IMDB_ARCHIVE
    if os.environ.get("FORETELL_DATA") and local.is_file():
        note(notes, f"imdb: read from {local}")
        return read_imdb_archive(local)
    note(notes, f"imdb: downloaded from {IMDB_URL}")
    with tempfile.TemporaryDirectory(prefix="foretell-") as folder:
        path = Path(folder) / IMDB_ARCHIVE
        _download(path)
        return read_imdb_archive(path)


def read_imdb_archive(path: Path) -> dict[ImdbPart, bytes]:
    """Read the reviews from an archive and check them against the published ones.

    Returns:
        For each part "path NUL text NUL" over its reviews, in order of their paths.

    Raises:
        DataError: the archive is damaged, or its reviews are not the published 100,000.
    """
    import tarfile

    fix = "remove the file; it is then downloaded from its publisher"
    try:
        reviews = _reviews_in(path)
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        expected, found = "the archive of the movie reviews", f"damage ({error})"
        raise DataError(expected=expected, found=found, where=str(path), fix=fix) from error
    pieces: dict[ImdbPart, list[bytes]] = {part: [] for part in IMDB_PART_SHA256}
    for name in sorted(reviews):
        split, kind, _ = name.split("/")
        part: ImdbPart = "unsup" if kind == "unsup" else ("train" if split == "train" else "test")
        pieces[part] += (name.encode(), b"\0", reviews[name], b"\0")
    contents = {part: b"".join(each) for part, each in pieces.items()}
    for part, content in contents.items():
        if (digest := hashlib.sha256(content).hexdigest()) != IMDB_PART_SHA256[part]:
            found = f"{content.count(0) // 2:,} reviews of {part} whose SHA-256 is {digest[:12]}…"
            raise DataError(expected="the 100,000 published reviews", found=found, where=str(path), fix=fix)
    return contents


def _reviews_in(path: Path) -> dict[str, bytes]:
    """Return the reviews of an archive by their path."""
    import tarfile

    reviews: dict[str, bytes] = {}
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./").removeprefix("aclImdb/")
            folders = name.split("/")
            is_review = len(folders) == 3 and folders[1] in ("neg", "pos", "unsup")
            if is_review and name.endswith(".txt") and (file := archive.extractfile(member)) is not None:
                reviews[name] = file.read()
            # The archive keeps a list of all members, which one pass does not need.
            archive.members = []  # type: ignore[attr-defined]
    return reviews


def _download(path: Path) -> None:
    """Download the archive and verify its hash."""
    import urllib.request

    try:
        with path.open("wb") as file, urllib.request.urlopen(IMDB_URL, timeout=60) as reply:
            deadline, size = time.monotonic() + MAX_DOWNLOAD_SECONDS, 0
            # read1 returns what is there: read would wait for a megabyte, however slowly it comes.
            while chunk := reply.read1(1 << 20):
                size += len(chunk)
                if size > MAX_DOWNLOAD_BYTES:
                    raise OSError(f"more than {MAX_DOWNLOAD_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{size:,} bytes after {MAX_DOWNLOAD_SECONDS / 60:g} minutes")
                file.write(chunk)
    except OSError as error:
        fix = f"set FORETELL_DATA to a folder that holds {IMDB_ARCHIVE}"
        expected = "the movie reviews from their publisher"
        raise DataError(expected=expected, found=f"{error}", where=IMDB_URL, fix=fix) from error
    if (digest := sha256_of(path)) != IMDB_ARCHIVE_SHA256:
        expected = f"the SHA-256 {IMDB_ARCHIVE_SHA256[:12]}…"
        raise DataError(expected=expected, found=f"{digest[:12]}…", where=IMDB_URL, fix="try again")
