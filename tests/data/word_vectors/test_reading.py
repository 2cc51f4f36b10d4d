"""Word vectors of every format, what is kept of them, and what cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from foretell.data.word_vectors import read_word_vectors
from foretell.errors import DataError, SettingsError
from tests.data.word_vectors.vector_files import (
    DIMENSION,
    MATRIX,
    WORDS,
    binary_of,
    is_near,
    text_of,
    write,
    write_array,
)

HEADER = f"{len(WORDS)} {DIMENSION}\n"
FILES: dict[str, str | bytes] = {
    "glove.txt": text_of(),
    "word2vec.txt": HEADER + text_of(),
    "fasttext.vec": HEADER + text_of(end=" \n"),
    "tabs.txt": text_of().replace(" ", "\t"),
    "windows.txt": "\ufeff" + text_of(end="\r\n"),
    "no line end.txt": text_of().rstrip("\n"),
    "word2vec.bin": binary_of(),
    "gensim.bin": binary_of(line_end=b""),
    "unnamed": binary_of(),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", FILES)
def test_every_format_of_one_file(tmp_path: Path, name: str, packed: bool) -> None:
    content = FILES[name]
    data = content.encode() if isinstance(content, str) else content
    data = gzip.compress(data) if packed else data
    path = write(tmp_path / (f"{name}.gz" if packed else name), data)
    vectors = read_word_vectors(path)
    assert vectors.words == WORDS
    assert vectors.dimension == DIMENSION
    assert vectors.rows.dtype == np.int8
    assert vectors.scales.dtype == np.float32
    assert is_near(vectors)
    assert vectors.name == path.name
    assert vectors.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["a.txt", "a.bin", "a.npy", "a.safetensors"])
def test_the_most_frequent_and_the_words_that_are_asked_for_are_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name in ("a.txt", "a.bin"):
        write(path, text_of() if name == "a.txt" else binary_of())
    else:
        write_array(tmp_path, name, MATRIX)
    vectors = read_word_vectors(path, words=["don't", "PARIS"], frequent=1)
    assert vectors.words == ["the", "Paris", "n't", "do"]
    assert is_near(vectors, MATRIX[[0, 2, 3, 4]])
    assert read_word_vectors(path, frequent=2).words == WORDS[:2]


def test_of_a_word_that_occurs_twice_the_first_row_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", text_of() + text_of(["the"], -MATRIX[:1]))
    assert is_near(read_word_vectors(path))


def test_words_may_contain_spaces_as_in_gloves_largest_file(tmp_path: Path) -> None:
    words = [". . .", "at name@domain.com"]
    assert (
        read_word_vectors(write(tmp_path / "a.txt", text_of(["the", *words], MATRIX[:3]))).words[1:] == words
    )


def test_a_file_of_any_size_needs_memory_for_the_rows_that_are_kept_only(tmp_path: Path) -> None:
    size, dimension = 20_000, 50
    matrix = np.random.default_rng(0).normal(size=(size, dimension)).astype(np.float32)
    save_file({"embeddings": matrix}, tmp_path / "a.safetensors")
    np.save(tmp_path / "a.npy", matrix)
    words = [f"w{i}" for i in range(size)]
    write(tmp_path / "a.vocab.txt", "\n".join(words))
    write(tmp_path / "b.txt", text_of(words, matrix))
    for name in ("a.npy", "a.safetensors", "b.txt"):
        tracemalloc.start()
        try:
            vectors = read_word_vectors(tmp_path / name, words=words[::1000], frequent=100)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(vectors.words) == 100 + 19
        # A block of 4,096 rows twice; the matrix has 4,000,000 bytes.
        assert peak < 2_300_000, name


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("glove.6B.50d.txt", text_of())
    return file.getvalue()


WIDER = np.concatenate([MATRIX, MATRIX[:, :1]], axis=1)
LINES = text_of().splitlines(keepends=True)
BAD_FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "found nothing: it is empty"),
    "empty, gzip": (gzip.compress(b""), "found nothing: it is empty"),
    "a short line": (
        "".join([*LINES[:3], "good 0.1 0.2\n"]),
        r"line 4: expected 4 numbers after the word 'good', found 2; the file is damaged or was cut",
    ),
    "a long line": (
        text_of(WORDS[:2], MATRIX[:2]) + text_of(["good"], WIDER[:1]),
        r"line 3: expected 4 numbers after the word 'good', found 5",
    ),
    "cut in a line": (text_of()[:-20], r"line 6: expected 4 numbers after the word '水', found [123]"),
    "NaN": (LINES[0] + "good 0.1 nan 0.2 0.3\n", r"line 2: expected numbers from -1,000,000 .* found nan"),
    "infinity": (LINES[0] + "good 0.1 inf 0.2 0.3\n", r"line 2: expected numbers .* found inf"),
    "a word for a number": (
        LINES[0] + "good 0.1 much 0.2 0.3\n",
        r"line 2: expected numbers .* found 'much'",
    ),
    "fewer words than stated": (
        f"9 {DIMENSION}\n" + text_of(),
        "expected 9 words, as the first line states, found 6; the file was cut",
    ),
    "more words than stated": (f"5 {DIMENSION}\n" + text_of(), "expected 5 words, .* found 6; correct"),
    "no words": ("0 4\n", "found no words"),
    "another width than stated": ("6 3\n" + text_of(), "line 2: expected 3 numbers .* found 4"),
    "a dimension of zero": ("6 0\n", "expected a dimension of 1 to 16,384, found 0"),
    "an enormous dimension": ("1 400000000\nx 1\n", "expected a dimension of 1 to 16,384, found 400,000,000"),
    "prose": ("It is a truth universally acknowledged\n", "found the first line 'It is a truth"),
    "a list of counts": ("the 2300\nof 1200\n", "found the first line 'the 2300'"),
    "a table": ("text,label\ngood,pos\n", "found the first line 'text,label'"),
    "a line without end": ("x" * (1 << 20), "found a line of more than 1,048,576 bytes|found the first line"),
    "binary, cut in a row": (
        binary_of()[:-9],
        "found only .* bytes at the end; the file is damaged or was cut",
    ),
    "binary, cut after a row": (
        binary_of(line_end=b"", count=8),
        "expected 8 words, as the first line states, found 6",
    ),
    "binary, more than stated": (binary_of(count=2), "expected 2 words, as the first line states, found 6"),
    "binary without words": (
        b"2 4\n" + bytes(9000),
        "expected a word, a space and its numbers until the end of the file",
    ),
    "binary, NaN": (
        b"1 2\nx " + struct.pack("<2f", 1, float("nan")),
        "word 1: expected numbers from .*, found nan",
    ),
    "a zip archive": (zipped(), "expected word vectors, found a zip archive; unpack it, then give"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "expected word vectors, found a PNG image"),
    "a fastText model": (
        (793712314).to_bytes(4, "little") + bytes(40),
        r"expected word vectors, found a model of fastText; download or write its vectors as text \(\.vec\)",
    ),
    "gzip, cut": (gzip.compress(text_of().encode())[:-12], "expected a whole gzip file, found one that ends"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, kind: str) -> None:
    content, message = BAD_FILES[kind]
    path = write(tmp_path / "a.txt", content)
    with pytest.raises(DataError, match=message) as raised:
        read_word_vectors(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a file of word vectors, found a folder"):
        read_word_vectors(tmp_path)
    with pytest.raises(DataError, match="expected a file or folder that exists, found nothing"):
        read_word_vectors(tmp_path / "none.txt")


def test_vectors_of_another_language_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", text_of([*WORDS[:5], "."]))
    with pytest.raises(
        DataError, match=r"expected vectors for words of the texts, found none; use vectors of"
    ):
        read_word_vectors(path, words=["guten", "Morgen", ".", "5"])
    many = ["the", *(f"wort{chr(97 + i % 26)}{i}" for i in range(200))]
    with pytest.raises(DataError, match="found 1 of 201 words"):
        read_word_vectors(path, words=many)


def test_few_known_words_are_a_note(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", text_of())
    (note,) = read_word_vectors(path, words=["the", "guten", "Morgen", "Welt"]).notes
    assert note.startswith("a.txt: only 25 % of the words of the texts have a vector")
    assert read_word_vectors(path, words=["the", "Morgen"]).notes == ()


def test_a_negative_number_of_frequent_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="frequent: expected at least 0, found -1"):
        read_word_vectors(write(tmp_path / "a.txt", text_of()), frequent=-1)


@pytest.mark.parametrize(
    ("name", "licence", "note"),
    [
        ("glove.6B.50d.txt", "PDDL-1.0", ""),
        ("glove.840B.300d.txt", "PDDL-1.0", ""),
        (
            "cc.de.300.vec",
            "CC-BY-SA-3.0",
            "fastText's published vectors are under CC-BY-SA-3.0, a share-alike",
        ),
        ("crawl-300d-2M.vec", "CC-BY-SA-3.0", "a share-alike licence"),
        ("wiki.simple.vec", "CC-BY-SA-3.0", "a share-alike licence"),
        ("numberbatch-en.txt", "CC-BY-SA-4.0", "a share-alike licence"),
        ("mine.vec", None, "if these are fastText's published vectors"),
        ("mine.txt", None, ""),
    ],
)
def test_the_licence_of_published_vectors(tmp_path: Path, name: str, licence: str | None, note: str) -> None:
    vectors = read_word_vectors(write(tmp_path / name, text_of()))
    assert vectors.licence == licence
    assert note in " ".join(vectors.notes)
    assert bool(vectors.notes) == bool(note)


@pytest.mark.parametrize("change", [lambda data: data[: len(data) // 2], lambda data: data[10:]])
@pytest.mark.parametrize("name", ["a.bin", "a.vec", "a.npy", "a.safetensors"])
def test_damage_is_an_error_of_foretell_or_harmless(
    tmp_path: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    random = np.random.default_rng(1)
    if name in ("a.bin", "a.vec"):
        path = write(tmp_path / name, binary_of() if name == "a.bin" else HEADER + text_of())
    else:
        path = write_array(tmp_path, name, MATRIX)
    whole = path.read_bytes()
    with pytest.raises(DataError):
        read_word_vectors(write(path, change(whole)))
    for _ in range(60):
        damaged = bytearray(whole)
        for at in random.integers(len(whole), size=3):
            damaged[at] = random.integers(256)
        try:
            vectors = read_word_vectors(write(path, bytes(damaged)))
        except DataError:
            continue
        assert np.isfinite(vectors.dense()).all()
