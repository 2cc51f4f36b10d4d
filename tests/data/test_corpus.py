"""Corpora: lines from anywhere, read more than once, in constant memory."""

from __future__ import annotations

import gzip
import io
import sys
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from foretell.data.corpus import MAX_LINE, Corpus, corpus_of, open_corpus
from foretell.data.records import Record
from foretell.errors import DataError


def test_files_folders_and_gzip_are_read_in_order_more_than_once(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "2.txt.gz").write_bytes(gzip.compress(b"third\r\n\r\nfourth"))
    (folder / "a.txt").write_text("first\n\n  \nsecond\n")
    (folder / "ignored.dat").write_bytes(b"\0\1")
    (tmp_path / "last.txt").write_text("fifth")
    corpus = open_corpus([folder, tmp_path / "last.txt"])
    assert list(corpus) == list(corpus) == ["first", "second", "third", "fourth", "fifth"]
    assert corpus.name == "books and 1 more"
    # The digest is of the lines, not of their wrapping.
    assert (
        corpus.digest() == Corpus.from_texts(["first\nsecond", "third", "fourth", "fifth"]).digest()
    )


def test_a_folder_leaves_out_what_is_no_plain_text_and_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("first")
    (folder / "b.txt").write_text("second")
    (folder / "c.txt").write_bytes(b"PK\x03\x04 a zip archive")
    (folder / "d.pdf").write_bytes(b"%PDF-1.7")
    (folder / "e.tar.gz").write_bytes(gzip.compress(b"name" + bytes(508)))
    corpus = open_corpus(folder)
    assert list(corpus) == ["first", "second"]
    assert corpus.notes == [
        "notes: left out 3 files that are not plain text: c.txt, d.pdf, e.tar.gz"
    ]


def test_an_iterator_gives_the_corpus_of_a_list_and_its_copy_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    texts = ["one\ntwo", "", "three"]
    kept = Corpus.from_texts(texts)
    spooled = Corpus.from_texts(iter(texts))
    assert list(kept) == list(kept) == list(spooled) == list(spooled) == ["one", "two", "three"]
    # On Linux it has no name, so that nothing is left where the process is killed.
    assert len(list(tmp_path.iterdir())) == (sys.platform != "linux")
    del spooled
    assert list(tmp_path.iterdir()) == []


def test_standard_input_can_be_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("é\nzwei\n".encode("cp1252"))))
    corpus = open_corpus("-")
    assert list(corpus) == list(corpus) == ["é", "zwei"]
    assert corpus.notes == ["standard input: read as cp1252"]


def test_named_corpora_and_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "foretell.data.named.imdb", lambda part, **_: [Record(f"a review of {part}")]
    )
    assert list(open_corpus("imdb")) == ["a review of train", "a review of unsup"]
    assert list(open_corpus("imdb", part="test")) == ["a review of test"]
    words = " ".join(open_corpus("meditations", part="test")).split()
    assert (words[:3], len(words)) == (["In", "a", "sense,"], 89)


def test_one_endless_line_is_cut_at_white_space_and_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    words = 1_000_000
    with path.open("w") as file:
        for _ in range(words // 1000):
            file.write("seven12 " * 1000)
    tracemalloc.start()
    count = 0
    for line in open_corpus(path):
        assert len(line) <= MAX_LINE
        count += line.count("seven12")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == words
    assert peak < 9 * MAX_LINE


def test_bad_corpora_are_each_told(tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n\n")
    (tmp_path / "folder").mkdir()
    for source, message in (
        ("nowhere.txt", "exists"),
        (tmp_path / "blank.txt", "white space"),
        ([], "found none"),
        (tmp_path / "folder", "none below the folder"),
    ):
        with pytest.raises(DataError, match=message):
            list(open_corpus(source))
    for texts, message in (
        (["a", 3], "record 2: expected a text, found 3"),
        (3, "found int"),
        ([], "expected texts"),
        ([" "], "expected texts"),
        (iter(["", "\n"]), "expected texts"),
    ):
        with pytest.raises(DataError, match=message):
            Corpus.from_texts(texts)


def test_a_column_of_a_table_is_a_corpus(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "body": ["one\ntwo", None, "three"]})
    corpus = Corpus.from_texts(frame, "notes")
    assert list(corpus) == list(corpus) == ["one", "two", "three"]
    assert corpus.notes == ["DataFrame: texts from the column 'body'"]
    assert list(Corpus.from_texts(frame, text="id")) == ["1", "2", "3"]
    # A file with a table is read as text, with a note, unless its column is named.
    (tmp_path / "reviews.csv").write_text("text,label\na b,x\n")
    assert list(corpus_of(tmp_path / "reviews.csv", "text")) == ["a b"]
    with pytest.raises(DataError, match="a column named 'body'"):
        corpus_of(tmp_path / "reviews.csv", "body")
    (note,) = open_corpus([tmp_path / "reviews.csv"]).notes
    assert "reviews.csv is a table" in note
    assert "foretell train labels" in note
