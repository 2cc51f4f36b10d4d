"""Arrays of word vectors (.npy, .safetensors) and the vocabularies beside them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from foretell.data.word_vectors import read_word_vectors
from foretell.errors import DataError
from tests.data.word_vectors.vector_files import (
    MATRIX,
    WORDS,
    is_near,
    npy_of,
    text_of,
    write,
    write_array,
)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["a.npy", "a.safetensors"])
def test_an_array_with_a_vocabulary(tmp_path: Path, name: str, dtype: type) -> None:
    path = write_array(tmp_path, name, MATRIX.astype(dtype))
    vectors = read_word_vectors(path)
    assert vectors.words == WORDS
    assert is_near(vectors, MATRIX.astype(dtype).astype(np.float32))
    both = path.read_bytes() + (tmp_path / "a.vocab.txt").read_bytes()
    assert vectors.sha256 == hashlib.sha256(both).hexdigest()


def test_an_array_in_column_order(tmp_path: Path) -> None:
    assert is_near(read_word_vectors(write_array(tmp_path, "a.npy", np.asfortranarray(MATRIX))))


ROWS = {word: row for row, word in enumerate(WORDS)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.vocab", "".join(f"{word}\t17\n" for word in WORDS)),
        ("a.txt", "".join(f"{word} 17\r\n" for word in WORDS)),
        ("a.json", json.dumps(WORDS)),
        ("words.txt", "\n".join(WORDS)),
        ("vocab.json", json.dumps(dict(reversed(ROWS.items())))),
        ("tokenizer.json", json.dumps({"model": {"type": "WordPiece", "vocab": ROWS}})),
        ("tokenizer.json", json.dumps({"model": {"type": "Unigram", "vocab": [[w, -1.5] for w in WORDS]}})),
    ],
)
def test_every_vocabulary(tmp_path: Path, name: str, content: str) -> None:
    write(tmp_path / name, content)
    assert read_word_vectors(write(tmp_path / "a.npy", npy_of(MATRIX))).words == WORDS


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=MATRIX)
    return file.getvalue()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def with_nan() -> np.ndarray:
    matrix = MATRIX.copy()
    matrix[4, 1] = np.nan
    return matrix


BAD_ARRAYS: dict[str, tuple[np.ndarray, str]] = {
    "integers": (MATRIX.astype(np.int32), "expected numbers of the type float16, .* found (int32|I32)"),
    "one axis": (MATRIX[0], r"expected (a matrix \[word, dimension\]|one matrix)"),
    "three axes": (MATRIX[None], r"expected (a matrix \[word, dimension\]|one matrix)"),
    "more rows than words": (np.tile(MATRIX, (2, 1)), "vocab.txt: expected 12 words, one for .*, found 6"),
    "fewer rows than words": (MATRIX[:4], "vocab.txt: expected 4 words, one for .*, found more than 4"),
    "NaN": (with_nan(), "row 5: expected numbers from .*, found nan"),
    "no rows": (MATRIX[:0], "expected"),
}


@pytest.mark.parametrize("name", ["a.npy", "a.safetensors"])
@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_what_is_wrong_with_an_array_is_one_line(tmp_path: Path, name: str, kind: str) -> None:
    matrix, message = BAD_ARRAYS[kind]
    path = write_array(tmp_path, name, matrix)
    with pytest.raises(DataError, match=message) as raised:
        read_word_vectors(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["a.npy", "a.safetensors"])
def test_an_array_that_is_cut_is_an_error(tmp_path: Path, name: str) -> None:
    path = write_array(tmp_path, name, MATRIX)
    cut(path)
    with pytest.raises(DataError, match="found a damaged or different file"):
        read_word_vectors(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.npy", text_of().encode()),
        ("a.npy", npz()),
        ("a.safetensors", text_of().encode()),
        ("a.npy", npy_of(MATRIX)[:40]),
    ],
)
def test_a_file_that_is_no_array_is_an_error(tmp_path: Path, name: str, data: bytes) -> None:
    write(tmp_path / "a.vocab.txt", "\n".join(WORDS))
    with pytest.raises(DataError, match="found a damaged or different file"):
        read_word_vectors(write(tmp_path / name, data))


def test_a_pickle_in_an_array_is_not_opened(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], object), allow_pickle=True)
    write(tmp_path / "a.vocab.txt", "\n".join(WORDS))
    with pytest.raises(DataError, match="expected"):
        read_word_vectors(write(tmp_path / "a.npy", file.getvalue()))


def test_a_compressed_array_is_to_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found a gzip file; unpack it first"):
        read_word_vectors(write(tmp_path / "a.npy.gz", gzip.compress(npy_of(MATRIX))))


def test_bfloat16_is_named(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    write(tmp_path / "a.vocab.txt", "a\nb\n")
    path = write(tmp_path / "a.safetensors", struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(DataError, match="found BF16; convert them to float32"):
        read_word_vectors(path)


def test_one_of_several_matrices_has_to_be_named(tmp_path: Path) -> None:
    write(tmp_path / "a.vocab.txt", "\n".join(WORDS))
    save_file({"left": MATRIX, "right": MATRIX}, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match=r"expected one matrix, .*, found 2 among the tensors left \[6, 4\]"):
        read_word_vectors(tmp_path / "a.safetensors")


def test_an_array_without_a_vocabulary_names_the_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"write one word a line in the order of the rows to a\.vocab\.txt"):
        read_word_vectors(write(tmp_path / "a.npy", npy_of(MATRIX)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ("[1, 2]", "JSON of another kind"),
        ('{"a": 0, "b": 0}', "an object whose values are not the rows"),
        ('{"a": 0, "b": "1"}', "an object whose values are not the rows"),
    ],
)
def test_a_vocabulary_that_is_wrong_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=rf"a\.json: expected a list of words.* found {message}"):
        read_word_vectors(write(tmp_path / "a.npy", npy_of(MATRIX)))
