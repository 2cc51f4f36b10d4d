"""The named sets: verified, cached, and honest about where they come from."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from pathlib import Path

import pytest

from foretell.data import named
from foretell.data.corpus import open_corpus
from foretell.data.examples import read_examples
from foretell.errors import DataError
from tests.data.test_formats import pairs

# A set of five reviews in place of the published 100,000, and what is no review.
FEW = {
    "train/pos/0_9.txt": "fine",
    "train/neg/1_2.txt": "dull é",
    "test/neg/0_1.txt": "bad",
    "test/pos/0_8.txt": "good",
    "train/unsup/0_0.txt": "unknown",
    "README": "no",
    "train/other/0_1.txt": "no",
}
PARTS = {
    "train": b"train/neg/1_2.txt\0dull \xc3\xa9\0train/pos/0_9.txt\0fine\0",
    "test": b"test/neg/0_1.txt\0bad\0test/pos/0_8.txt\0good\0",
    "unsup": b"train/unsup/0_0.txt\0unknown\0",
}
DATA = Path(os.environ.get("FORETELL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def archive(path: Path, reviews: dict[str, str]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in reviews.items():
            info = tarfile.TarInfo(f"./aclImdb/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; no archive and no network."""
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FORETELL_DATA", raising=False)
    monkeypatch.setattr(named, "IMDB_URL", "http://127.0.0.1:9/aclImdb_v1.tar.gz")
    return tmp_path / "cache"


@pytest.fixture
def published(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of FEW in the folder FORETELL_DATA, which counts as the published one."""
    path = tmp_path / named.IMDB_ARCHIVE
    archive(path, FEW)
    digests = {part: hashlib.sha256(text).hexdigest() for part, text in PARTS.items()}
    monkeypatch.setattr(named, "IMDB_PART_SHA256", digests)
    monkeypatch.setenv("FORETELL_DATA", str(tmp_path))
    assert not cache.exists()
    return path


@pytest.mark.soak
@pytest.mark.skipif(
    not (DATA / named.IMDB_ARCHIVE).is_file(),
    reason="needs aclImdb_v1.tar.gz: set FORETELL_DATA to the folder that holds it",
)
def test_the_published_reviews(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_DATA", str(DATA))
    train = read_examples("imdb")
    assert train.notes == [f"imdb: read from {DATA / named.IMDB_ARCHIVE}"]
    monkeypatch.delenv("FORETELL_DATA")
    assert cache.exists()
    for part in (train, read_examples("imdb", part="test")):
        assert part.labels.count("pos") == part.labels.count("neg") == 12_500
    assert len(named.imdb("unsup")) == 50_000
    assert next(iter(open_corpus("imdb"))) == train.texts[0]


def test_the_cache_has_what_the_archive_has(
    published: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    train = named.imdb("train", notes=notes)
    assert pairs(train) == [("dull é", "neg"), ("fine", "pos")]
    assert notes == [f"imdb: read from {published}"]
    monkeypatch.delenv("FORETELL_DATA")
    assert named.imdb("train", notes=notes) == train
    assert pairs(named.imdb("test")) == [("bad", "neg"), ("good", "pos")]
    assert pairs(named.imdb("unsup")) == [("unknown", "unsup")]
    assert len(notes) == 1
    for path in cache.iterdir():
        path.write_bytes(named.sample("meditations.txt").read_bytes())
    with pytest.raises(DataError, match="set FORETELL_DATA to a folder that holds aclImdb_v1"):
        named.imdb("test")


def test_a_download_is_read_also_where_the_cache_cannot_be_written(
    published: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", str(published / "elsewhere"))
    monkeypatch.setattr(named, "IMDB_URL", published.as_uri())
    cache.write_text("a file where the folder should be")
    notes: list[str] = []
    assert pairs(named.imdb("test", notes=notes)) == [("bad", "neg"), ("good", "pos")]
    assert notes == [f"imdb: downloaded from {published.as_uri()}"]


def test_another_download_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other"
    monkeypatch.setattr(named, "IMDB_URL", path.as_uri())
    for content, message in (
        (b"x" * 2000, "expected the archive of the movie reviews, found .*; set FORETELL_DATA"),
        (gzip.compress(b"x" * 5000)[:-9], "expected the archive of the movie reviews, found"),
        (None, "expected the 100,000 published reviews, found 2 reviews of test"),
    ):
        archive(path, FEW) if content is None else path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            named.imdb("train")
    assert not cache.exists()


@pytest.mark.usefixtures("published")
def test_a_cache_that_has_changed_is_not_read(cache: Path) -> None:
    before = named.imdb("train")
    (file,) = cache.glob("imdb-train-*")
    file.write_bytes(zlib.compress(PARTS["train"].replace(b"fine", b"vile")))
    assert named.imdb("train") == before
    assert zlib.decompress(file.read_bytes()) == PARTS["train"]


@pytest.mark.usefixtures("published")
def test_reviews_without_end_are_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_bytes = len("finedull ébadgoodunknown".encode())
    monkeypatch.setattr(named, "_MAX_UNPACKED", n_bytes)
    assert len(named.imdb("test")) == 2
    shutil.rmtree(cache)
    monkeypatch.setattr(named, "_MAX_UNPACKED", n_bytes - 1)
    with pytest.raises(DataError, match=f"found more than {n_bytes - 1} bytes of reviews"):
        named.imdb("test")
