"""The named sets: verified, cached, and honest about where they come from."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from foretell.data import named
from foretell.data.corpus import open_corpus
from foretell.data.examples import read_examples
from foretell.errors import DataError

# A set of five reviews in place of the published 100,000, and what is no review.
FEW = {
    "train/pos/0_9.txt": "fine",
    "train/neg/1_2.txt": "dull é",
    "test/neg/0_1.txt": "bad",
    "test/pos/0_8.txt": "good",
    "train/unsup/0_0.txt": "unknown",
    "README": "no",
    "train/neg/a.txt/b.txt": "no",
    "train/other/0_1.txt": "no",
}
PARTS = {
    "train": b"train/neg/1_2.txt\0dull \xc3\xa9\0train/pos/0_9.txt\0fine\0",
    "test": b"test/neg/0_1.txt\0bad\0test/pos/0_8.txt\0good\0",
    "unsup": b"train/unsup/0_0.txt\0unknown\0",
}
DATA = Path(os.environ.get("FORETELL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
    monkeypatch.setattr(named, "IMDB_PART_SHA256", {part: sha256(text) for part, text in PARTS.items()})
    monkeypatch.setattr(named, "IMDB_ARCHIVE_SHA256", sha256(path.read_bytes()))
    monkeypatch.setenv("FORETELL_DATA", str(tmp_path))
    assert not cache.exists()
    return path


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
    assert len(named.imdb("unsup").texts) == 50_000
    assert next(iter(open_corpus("imdb"))) == train.texts[0]


def test_the_cache_has_what_the_archive_has(
    published: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    train = named.imdb("train", notes=notes)
    assert (train.texts, train.labels) == (["dull é", "fine"], ["neg", "pos"])
    assert notes == [f"imdb: read from {published}"]
    monkeypatch.delenv("FORETELL_DATA")
    again: list[str] = []
    assert named.imdb("train", notes=again) == train
    assert named.imdb("test").labels == ["neg", "pos"]
    assert named.imdb("unsup") == named.Reviews(["unknown"], ["unsup"])
    assert again == []
    for path in cache.iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match="set FORETELL_DATA to a folder that holds aclImdb_v1"):
        named.imdb("test")


def test_a_cache_that_cannot_be_written_is_noted(published: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    notes: list[str] = []
    assert named.imdb("test", notes=notes).texts == ["bad", "good"]
    assert notes == [f"imdb: read from {published}", "imdb: the cache could not be written (File exists)"]


def test_a_download_is_read_and_thrown_away(
    published: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", str(published / "elsewhere"))
    monkeypatch.setattr(named, "IMDB_URL", published.as_uri())
    monkeypatch.setattr(named, "MAX_DOWNLOAD_BYTES", published.stat().st_size)
    notes: list[str] = []
    assert named.imdb("test", notes=notes).texts == ["bad", "good"]
    assert notes == [f"imdb: downloaded from {published.as_uri()}"]
    assert sorted(path.suffix for path in cache.iterdir()) == [".z", ".z", ".z"]


class Slow(io.BytesIO):
    """A reply that comes a byte at a time, or without an end."""

    def __init__(self, endless: bool) -> None:
        super().__init__(b"x" * 1000)
        self.endless = endless

    def read1(self, size: int = -1) -> bytes:
        return b"x" * size if self.endless else super().read1(1)


@pytest.mark.parametrize(
    ("reply", "seconds", "message"),
    [
        (Slow(True), 60.0, "more than 5,242,880 bytes"),
        (Slow(False), -1.0, "1 bytes after"),
        (io.BytesIO(b"other"), 60.0, "expected the SHA-256 c40f74a18d3b"),
    ],
)
def test_a_download_has_a_maximum_size_and_time_and_a_hash(
    cache: Path, monkeypatch: pytest.MonkeyPatch, reply: io.BytesIO, seconds: float, message: str
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: reply)
    monkeypatch.setattr(named, "MAX_DOWNLOAD_BYTES", 5 << 20)
    monkeypatch.setattr(named, "MAX_DOWNLOAD_SECONDS", seconds)
    with pytest.raises(DataError, match=message):
        named.imdb("train")
    assert not cache.exists()


def test_other_reviews_and_damage_are_refused(tmp_path: Path) -> None:
    archive(tmp_path / "other.tar.gz", FEW)
    with pytest.raises(DataError, match="expected the 100,000 published reviews, found 2 reviews of test"):
        named.read_imdb_archive(tmp_path / "other.tar.gz")
    (tmp_path / "damaged.tar.gz").write_bytes(gzip.compress(b"x" * 5000)[:-9])
    with pytest.raises(DataError, match="damage"):
        named.read_imdb_archive(tmp_path / "damaged.tar.gz")
