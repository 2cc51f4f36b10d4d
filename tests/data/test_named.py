"""The named sets: verified, cached, and honest about where they come from."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import re
import tarfile
import time
from pathlib import Path

import pytest

from foretell.data import named
from foretell.data.corpus import open_corpus
from foretell.data.examples import read_examples
from foretell.errors import DataError


def archive(path: Path, reviews: dict[str, str]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in reviews.items():
            info = tarfile.TarInfo(f"aclImdb/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("empty_cache")
def test_imdb_is_whole_verified_and_fast_the_second_time(
    full_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", str(full_sets))
    train = read_examples("imdb")
    assert train.notes == [f"imdb: read from {full_sets / named.IMDB_ARCHIVE}"]
    monkeypatch.delenv("FORETELL_DATA")
    start = time.perf_counter()
    test = read_examples("imdb", part="test")
    seconds = time.perf_counter() - start
    for part in (train, test):
        assert len(part) == 25_000
        assert part.labels.count("pos") == part.labels.count("neg") == 12_500
    assert train.texts[0].startswith("Story of a man who has unnatural feelings for a pig.")
    assert len(named.imdb("unsup").texts) == 50_000
    assert seconds < 10.0, "the cache should spare reading the archive"
    assert next(iter(open_corpus("imdb"))) == train.texts[0]


def test_an_archive_with_other_reviews_is_refused(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(tmp_path / named.IMDB_ARCHIVE, {"train/pos/0_9.txt": "fine", "test/neg/0_1.txt": "bad"})
    monkeypatch.setenv("FORETELL_DATA", str(tmp_path))
    with pytest.raises(DataError, match="expected the 100,000 published reviews, found 2 reviews"):
        named.imdb("train")
    assert not empty_cache.exists()


def test_reviews_are_collected_in_order_and_other_files_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    reviews = {
        "train/pos/10_9.txt": "b",
        "train/unsup/0_0.txt": "u",
        "train/neg/0_1.txt": "a",
        "README": "no",
    }
    archive(path, reviews)
    contents = named.collect_reviews(path)
    assert contents["train"] == b"train/neg/0_1.txt\0a\0train/pos/10_9.txt\0b\0"
    assert contents["unsup"] == b"train/unsup/0_0.txt\0u\0"


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(b"x" * 5000)[:-9])
    with pytest.raises(DataError, match="damage"):
        named.collect_reviews(path)


def test_without_a_network_the_fix_is_told(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORETELL_DATA", raising=False)
    monkeypatch.setattr(named, "IMDB_URL", "http://127.0.0.1:9/aclImdb_v1.tar.gz")
    with pytest.raises(DataError, match="set FORETELL_DATA to a folder that holds aclImdb_v1"):
        named.imdb("train")
    assert list(empty_cache.iterdir()) == []


def test_a_download_with_another_hash_is_thrown_away(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(tmp_path / "other.tar.gz", {"train/pos/0_9.txt": "fine"})
    monkeypatch.delenv("FORETELL_DATA", raising=False)
    monkeypatch.setattr(named, "IMDB_URL", (tmp_path / "other.tar.gz").as_uri())
    with pytest.raises(DataError, match="expected the SHA-256 c40f74a18d3b"):
        named.imdb("train")
    assert list(empty_cache.iterdir()) == []


def test_a_damaged_cache_is_not_believed(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_cache.mkdir()
    (empty_cache / f"imdb-test-{named.IMDB_PART_SHA256['test'][:12]}.z").write_bytes(b"nonsense")
    monkeypatch.setenv("FORETELL_DATA", str(tmp_path))
    monkeypatch.setattr(named, "IMDB_URL", "http://127.0.0.1:9/")
    with pytest.raises(DataError):
        named.imdb("test")


class Slow(io.BytesIO):
    """A reply that comes a byte at a time, or without an end."""

    def __init__(self, endless: bool) -> None:
        super().__init__(b"x" * 1000)
        self.endless = endless

    def read1(self, size: int = -1) -> bytes:
        return b"x" * size if self.endless else super().read1(1)


@pytest.mark.parametrize("endless", [True, False])
def test_a_download_has_a_maximum_size_and_time(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, endless: bool
) -> None:
    monkeypatch.delenv("FORETELL_DATA", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Slow(endless))
    monkeypatch.setattr(named, "MAX_DOWNLOAD_BYTES", 5 << 20)
    monkeypatch.setattr(named, "MAX_DOWNLOAD_SECONDS", 60.0 if endless else -1.0)
    with pytest.raises(DataError, match="more than 5,242,880 bytes" if endless else "1 bytes after"):
        named.imdb("train")
    assert list(empty_cache.iterdir()) == []


def test_what_is_published_and_what_a_download_may_cost() -> None:
    assert ({"imdb", "meditations"}, {"imdb", "reviews"}) == (named.NAMED, named.NAMED_EXAMPLES)
    assert f"https://ai.stanford.edu/~amaas/data/sentiment/{named.IMDB_ARCHIVE}" == named.IMDB_URL
    assert named.IMDB_ARCHIVE == "aclImdb_v1.tar.gz"
    hashes = [named.IMDB_SHA256, named.IMDB_ARCHIVE_SHA256, *named.IMDB_PART_SHA256.values()]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes)
    assert set(named.IMDB_PART_SHA256) == {"train", "test", "unsup"}
    assert (named.MAX_DOWNLOAD_BYTES, named.MAX_DOWNLOAD_SECONDS) == (104_857_600, 1_800)


def test_reviews_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        named.Reviews([], []).texts = ["x"]  # type: ignore[misc]


# A set of five reviews in place of the published 100,000.
FEW = {
    "train/neg/1_2.txt": "dull é",
    "train/pos/0_9.txt": "fine",
    "test/neg/0_1.txt": "bad",
    "test/pos/0_8.txt": "good",
    "train/unsup/0_0.txt": "unknown",
}


@pytest.fixture
def published(tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an archive of FEW, which counts as the published one; no network."""
    folder = tmp_path / "data"
    folder.mkdir()
    archive(folder / named.IMDB_ARCHIVE, FEW)
    contents = named.collect_reviews(folder / named.IMDB_ARCHIVE)
    hashes = {part: hashlib.sha256(content).hexdigest() for part, content in contents.items()}
    monkeypatch.setattr(named, "IMDB_PART_SHA256", hashes)
    whole = hashlib.sha256(contents["test"] + contents["train"] + contents["unsup"]).hexdigest()
    monkeypatch.setattr(named, "IMDB_SHA256", whole)
    content = (folder / named.IMDB_ARCHIVE).read_bytes()
    monkeypatch.setattr(named, "IMDB_ARCHIVE_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setenv("FORETELL_DATA", str(folder))
    monkeypatch.setattr(named, "IMDB_URL", "http://127.0.0.1:9/")
    assert not empty_cache.exists()
    return folder


def test_the_cache_has_what_the_archive_has(
    published: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    train = named.imdb("train", notes=notes)
    assert (train.texts, train.labels) == (["dull é", "fine"], ["neg", "pos"])
    assert notes == [f"imdb: read from {published / named.IMDB_ARCHIVE}"]
    assert len(list(empty_cache.iterdir())) == 3
    monkeypatch.delenv("FORETELL_DATA")
    again: list[str] = []
    assert named.imdb("train", notes=again) == train
    assert named.imdb("test").labels == ["neg", "pos"]
    assert named.imdb("unsup") == named.Reviews(["unknown"], ["unsup"])
    assert again == []


def test_a_cache_that_cannot_be_written_is_noted(
    published: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_cache.write_text("a file where the folder should be")
    notes: list[str] = []
    assert named.imdb("test", notes=notes).texts == ["bad", "good"]
    assert notes[1] == "imdb: the cache could not be written (File exists)"
    empty_cache.unlink()

    def refuse(*_: object) -> None:
        raise OSError("odd")

    monkeypatch.setattr("os.fdopen", refuse)
    assert published.exists()
    named.imdb("test", notes=notes)
    assert notes[-1] == "imdb: the cache could not be written (odd)"
    # Not even the temporary file is left.
    assert list(empty_cache.iterdir()) == []


def test_a_download_is_read_and_thrown_away(
    published: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", str(published / "elsewhere"))
    url = (published / named.IMDB_ARCHIVE).as_uri()
    monkeypatch.setattr(named, "IMDB_URL", url)
    notes: list[str] = []
    assert named.imdb("test", notes=notes).texts == ["bad", "good"]
    assert notes == [f"imdb: downloaded from {url}"]
    assert len(list(empty_cache.iterdir())) == 3
    assert all(path.suffix == ".z" for path in empty_cache.iterdir())


def test_a_download_as_long_as_is_allowed_is_taken(
    published: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORETELL_DATA")
    path = published / named.IMDB_ARCHIVE
    monkeypatch.setattr(named, "IMDB_URL", path.as_uri())
    monkeypatch.setattr(named, "MAX_DOWNLOAD_BYTES", path.stat().st_size)
    assert named.imdb("test").texts == ["bad", "good"]
    for each in empty_cache.iterdir():
        each.unlink()
    monkeypatch.setattr(named, "MAX_DOWNLOAD_BYTES", path.stat().st_size - 1)
    with pytest.raises(DataError, match="more than"):
        named.imdb("test")


def test_a_cache_folder_that_cannot_be_made_stops_the_download(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_cache.write_text("a file")
    monkeypatch.delenv("FORETELL_DATA", raising=False)
    with pytest.raises(DataError, match=r"from their publisher, found .*File exists"):
        named.imdb("train")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    assert named.cache_folder() == tmp_path
    monkeypatch.setenv("FORETELL_CACHE", "")
    assert named.cache_folder().name == "foretell"


def test_samples_are_files() -> None:
    with named.sample("meditations.txt") as path:
        assert path.read_text(encoding="utf-8")


def test_folders_in_an_archive_are_no_reviews(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        folder = tarfile.TarInfo("./aclImdb/train/neg/0_1.txt")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name in ("train/neg/a.txt/b.txt", "train/other/0_1.txt", "train/neg/0_1.html"):
            tar.addfile(tarfile.TarInfo(f"./aclImdb/{name}"), io.BytesIO())
    assert set(named.collect_reviews(path).values()) == {b""}
