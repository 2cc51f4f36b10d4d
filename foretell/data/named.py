"""Named data sets: downloaded from their publishers, verified by hash, and cached.

`imdb` is the Large Movie Review Dataset (Maas et al., 2011, "Learning Word Vectors for Sentiment
Analysis"): 25,000 training, 25,000 test and 50,000 unlabelled reviews. It comes from, in this
order: the cache; the archive in the folder that the environment's FORETELL_DATA names; its
publisher. Since the archive exists in more than one packing, its reviews are checked rather than
its bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, Literal, cast

from foretell.data.decode import note
from foretell.data.download import download
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
_FIX = f"set FORETELL_DATA to a folder that holds {IMDB_ARCHIVE} from {IMDB_URL}"
# The published reviews have 130 MB.
_MAX_UNPACKED = 1 << 28
_REVIEW = re.compile(r"(?:\./)?aclImdb/((train|test)/(neg|pos|unsup)/[^/]+\.txt)")


def sample(name: str) -> Path:
    """Return the path of a file that ships with the package, such as "meditations.txt"."""
    return Path(__file__).parents[1] / "samples" / name


def imdb(part: ImdbPart, *, notes: list[str] | None = None) -> list[Record]:
    """Return one part of the movie reviews, verified, in order of their paths, labelled "neg" or
    "pos".

    The first call reads the archive, which takes seconds; later calls read the cache.

    Args:
        part: "train" (25,000), "test" (25,000) or "unsup" (50,000 whose label is "unsup").
        notes: a list to which a note is added on where the reviews came from, if not from the
            cache.

    Raises:
        DataError: no cache, no local archive and no network; or reviews that are not the published
            ones.
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
    reviews = (
        (path.split("/", 2)[1], text) for path, text in zip(items[0:-1:2], items[1::2], strict=True)
    )
    return [Record(text, label, {"text": text, "label": label}) for label, text in reviews]


def _cache_file(part: ImdbPart) -> Path:
    import platformdirs

    folder = os.environ.get("FORETELL_CACHE") or platformdirs.user_cache_dir("foretell")
    return Path(folder) / f"imdb-{part}-{IMDB_PART_SHA256[part][:12]}.z"


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
    """Return the parts from the archive in the folder FORETELL_DATA, or from the publisher's,
    verified.

    Each part is "path NUL text NUL" over its reviews, in order of their paths.
    """
    folder = os.environ.get("FORETELL_DATA")
    local = Path(folder or "") / IMDB_ARCHIVE
    is_local = folder is not None and local.is_file()
    where = str(local) if is_local else IMDB_URL
    note(notes, f"imdb: {'read' if is_local else 'downloaded'} from {where}")
    try:
        with local.open("rb") if is_local else io.BytesIO(download(where)) as archive:
            reviews = _reviews(archive)
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            "the archive of the movie reviews",
            str(getattr(error, "reason", error)),
            where=where,
            fix=_FIX,
        ) from error
    return {part: _verified(part, texts, where) for part, texts in reviews.items()}


def _reviews(archive: IO[bytes]) -> dict[ImdbPart, dict[str, bytes]]:
    """Return the reviews of each part by their paths in the archive."""
    reviews: dict[ImdbPart, dict[str, bytes]] = {part: {} for part in IMDB_PART_SHA256}
    size = 0
    with tarfile.open(fileobj=archive, mode="r|gz") as members:
        for member in members:
            match = _REVIEW.fullmatch(member.name)
            if match is None or not member.isfile():
                continue
            size += member.size
            if size > _MAX_UNPACKED:
                raise ValueError(f"more than {_MAX_UNPACKED:,} bytes of reviews")
            part = match[3] if match[3] == "unsup" else match[2]
            file = members.extractfile(member)
            if file is not None:
                reviews[cast("ImdbPart", part)][match[1]] = file.read()
    return reviews


def _verified(part: ImdbPart, texts: dict[str, bytes], where: str) -> bytes:
    items = sorted(texts.items())
    content = b"".join(b"%s\0%s\0" % (name.encode(), text) for name, text in items)
    digest = hashlib.sha256(content).hexdigest()
    if digest != IMDB_PART_SHA256[part]:
        raise DataError(
            "the 100,000 published reviews",
            f"{len(texts):,} reviews of {part} whose SHA-256 is {digest[:12]}…",
            where=where,
            fix=_FIX,
        )
    return content
