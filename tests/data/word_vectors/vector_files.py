"""Files of word vectors for tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from foretell.data.word_vectors import WordVectors

WORDS = ["the", "naïve", "Paris", "n't", "do", "水"]
DIMENSION = 4
MATRIX = np.random.default_rng(3).normal(size=(len(WORDS), DIMENSION)).astype(np.float32)


def text_of(words: list[str] = WORDS, matrix: np.ndarray = MATRIX, end: str = "\n") -> str:
    rows = (" ".join(f"{value:.6f}" for value in row) for row in matrix)
    return "".join(f"{word} {row}{end}" for word, row in zip(words, rows, strict=True))


def binary_of(line_end: bytes = b"\n", count: int = len(WORDS)) -> bytes:
    rows = zip(WORDS, MATRIX, strict=True)
    body = b"".join(word.encode() + b" " + row.astype("<f4").tobytes() + line_end for word, row in rows)
    return f"{count} {DIMENSION}\n".encode() + body


def npy_of(matrix: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, matrix)
    return file.getvalue()


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_array(folder: Path, name: str, matrix: np.ndarray) -> Path:
    """Write an array with a vocabulary beside it."""
    write(folder / "a.vocab.txt", "".join(f"{word}\n" for word in WORDS))
    if name.endswith(".npy"):
        return write(folder / name, npy_of(matrix))
    save_file({"bias": np.zeros(3, np.float32), "embeddings": matrix}, folder / name)
    return folder / name


def is_near(vectors: WordVectors, matrix: np.ndarray = MATRIX) -> bool:
    return bool((np.abs(vectors.dense() - matrix) <= np.abs(matrix).max(axis=1, keepdims=True) / 253).all())
