"""Named data sets: downloaded from their publishers, verified by hash, and cached.

`imdb` is the Large Movie Review Dataset (Maas et al., 2011, "Learning Word Vectors for Sentiment Analysis"):
25,000 training, 25,000 test and 50,000 unlabelled reviews. It comes from, in this order: the cache; the
archive in the folder that the environment's FORETELL_DATA names; its publisher. Since the archive exists in
more than one packing, its reviews are checked rather than its bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from foretell.data.decode import note
from foretell.data.records import Record
from foretell.errors import DataError

ImdbPart = Literal["train", "test", "unsup"]

NAMED = frozenset({"imdb", "meditations"})
"""Named corpora, for language models."""
NAMED_EXAMPLES = frozenset({"imdb", "reviews"})
"""Named sets of examples, for classifiers."""

IMDB_ARCHIVE = "aclImdb_v1.tar.gz"
IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
# SHA-256 of "path NUL text NUL" over the reviews in order of their paths ("train/neg/0_3.txt").
IMDB_PART_SHA256: dict[ImdbPart, str] = {
    "test": "84fd9a2e58155929af384fe10e45a17724b5a9568469cf290f39cfd6829bda37",
    "train": "e982db9598717d922ca579d6fa793316604d6a817e1281eec8ad8058f4f6d9a7",
    "unsup": "0db358589c63de5c8e6af519dc5f8e123f323cb62358b9fd7aaac092cf59f937",
}
MAX_DOWNLOAD_BYTES = 100 << 20
"""Maximum bytes of the archive; it has 84 million."""


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


def imdb(part: ImdbPart, *, notes: list[str] | None = None) -> list[Record]:
    """Return one part of the movie reviews, verified, in order of their paths, labelled "neg" or "pos".

    The first call reads the archive, which takes seconds; later calls read the cache.

    Args:
        part: "train" (25,000), "test" (25,000) or "unsup" (50,000 whose label is "unsup").
        notes: a list to which a note is added on where the reviews came from, if not from the cache.

    Raises:
        DataError: no cache, no local archive and no network; or reviews that are not the published ones.
    """
    content = _cached(part)
    if content is None:
        contents = _from_archive([] if notes is None else notes)
        # Without a cache, the next call reads the archive again.
        with contextlib.suppress(OSError):
            for each, found in contents.items():
                _write_whole(_cache_file(each), zlib.compress(found, 1))
        content = contents[part]
    items = content.decode("utf-8").split("\0")
    reviews = ((path.split("/", 2)[1], text) for path, text in zip(items[0:-1:2], items[1::2], strict=True))
    return [Record(text, label, {"text": text, "label": label}) for label, text in reviews]


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
    """Return the parts from the archive in the folder FORETELL_DATA, or from the publisher's."""
    local = Path(os.environ.get("FORETELL_DATA", "")) / IMDB_ARCHIVE
    if os.environ.get("FORETELL_DATA") and local.is_file():
        note(notes, f"imdb: read from {local}")
        with local.open("rb") as archive:
            return read_imdb_archive(archive, str(local))
    note(notes, f"imdb: downloaded from {IMDB_URL}")
    return read_imdb_archive(io.BytesIO(_download()), IMDB_URL)


def read_imdb_archive(archive: IO[bytes], where: str) -> dict[ImdbPart, bytes]:
    """Read the reviews from an archive and check them against the published ones.

    Each part is "path NUL text NUL" over its reviews, in order of their paths.
    """
    import tarfile

    fix = f"download it again from {IMDB_URL}"
    try:
        reviews = _reviews_in(archive)
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        expected, found = "the archive of the movie reviews", f"damage ({error})"
        raise DataError(expected=expected, found=found, where=where, fix=fix) from error
    pieces: dict[ImdbPart, list[bytes]] = {part: [] for part in IMDB_PART_SHA256}
    for name in sorted(reviews):
        split, kind, _ = name.split("/")
        part: ImdbPart = "unsup" if kind == "unsup" else ("train" if split == "train" else "test")
        pieces[part] += (name.encode(), b"\0", reviews[name], b"\0")
    contents = {part: b"".join(each) for part, each in pieces.items()}
    for part, content in contents.items():
        if (digest := hashlib.sha256(content).hexdigest()) != IMDB_PART_SHA256[part]:
            found = f"{content.count(0) // 2:,} reviews of {part} whose SHA-256 is {digest[:12]}…"
            raise DataError(expected="the 100,000 published reviews", found=found, where=where, fix=fix)
    return contents


def _reviews_in(archive: IO[bytes]) -> dict[str, bytes]:
    """Return the reviews of an archive by their path."""
    import tarfile

    reviews: dict[str, bytes] = {}
    with tarfile.open(fileobj=archive, mode="r|gz") as members:
        for member in members:
            name = member.name.removeprefix("./").removeprefix("aclImdb/")
            folders = name.split("/")
            is_review = len(folders) == 3 and folders[1] in ("neg", "pos", "unsup")
            if is_review and name.endswith(".txt") and (file := members.extractfile(member)) is not None:
                reviews[name] = file.read()
            # The archive keeps a list of all members, which one pass does not need.
            members.members = []  # type: ignore[attr-defined]
    return reviews


def _download() -> bytes:
    """Download the archive into memory; what is in it is verified by the hash of each part."""
    import urllib.request

    try:
        with urllib.request.urlopen(IMDB_URL, timeout=60) as reply:
            content: bytes = reply.read(MAX_DOWNLOAD_BYTES + 1)
        if len(content) > MAX_DOWNLOAD_BYTES:
            raise OSError(f"more than {MAX_DOWNLOAD_BYTES:,} bytes")
    except OSError as error:
        fix = f"set FORETELL_DATA to a folder that holds {IMDB_ARCHIVE}"
        expected = "the movie reviews from their publisher"
        raise DataError(expected=expected, found=f"{error}", where=IMDB_URL, fix=fix) from error
    return content
