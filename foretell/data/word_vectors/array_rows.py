"""Word vectors as one array [word, dimension] of a .npy or .safetensors file, with a vocabulary beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from foretell.arrays import Array
from foretell.data.word_vectors.selection import Selection
from foretell.data.word_vectors.text_rows import check_dimension
from foretell.errors import DataError

NPY = b"\x93NUMPY"

_BLOCK = 4096
_MAX_HEADER = 100_000_000
_FLOATS = {"F16": "float16", "F32": "float32", "F64": "float64"}
# Where a file has several matrices: model2vec, then what PyTorch and others call it.
_NAMES = ("embeddings", "vectors", "embedding.weight", "embeddings.weight", "weight")


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix on disk.

    Attributes:
        rows: how many.
        dimension: length of each.
        read: returns the rows from the first number to before the second, as an array [row, dimension].
            It opens the file anew: the pages of a mapped file count as this process's memory until it is
            closed.
    """

    rows: int
    dimension: int
    read: Callable[[int, int], Array]


def is_safetensors(start: bytes) -> bool:
    """Return whether a file begins as safetensors do: the length of the header, then the header, JSON."""
    return int.from_bytes(start[:8], "little") < _MAX_HEADER and start[8:9] == b"{"


def read_npy_rows(path: Path, words: Iterable[str], vocabulary: Path, selection: Selection) -> int:
    """Read the rows of a .npy file and return their dimension.

    Args:
        path: the file.
        words: the word of each row.
        vocabulary: where the words are from, for errors.
        selection: takes the rows.

    Raises:
        DataError: no matrix of floating-point numbers, a damaged file, or another number of words.
    """
    array = _mapped(path)
    _check(array.shape, array.dtype.name, path)
    rows, dimension = array.shape
    del array
    matrix = Matrix(rows, dimension, read=lambda start, end: np.array(_mapped(path)[start:end]))
    return _take(matrix, words, vocabulary, selection, path)


def read_safetensors_rows(path: Path, words: Iterable[str], vocabulary: Path, selection: Selection) -> int:
    """Read the rows of the only matrix, or the one named "embeddings"; otherwise as `read_npy_rows`."""
    with _opened(path) as file:
        rows, dimension = _matrix_of(file, path).get_shape()
    return _take(Matrix(rows, dimension, partial(_rows_of, path)), words, vocabulary, selection, path)


def _mapped(path: Path) -> Array:
    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # The parser of the header raises errors of many kinds, even tokenize's.
        raise _damaged("a NumPy array of numbers", error, path) from error
    if not isinstance(array, np.memmap):
        array.close()
        raise _damaged("a NumPy array of numbers", "an archive (.npz)", path)
    return array


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        file: Any = safe_open(path, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise _damaged("a safetensors file", error, path) from error
    with file:
        yield file


def _rows_of(path: Path, start: int, end: int) -> Array:
    with _opened(path) as file:
        return np.asarray(_matrix_of(file, path)[start:end])


def _matrix_of(file: Any, path: Path) -> Any:
    tensors = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    matrices = [name for name, tensor in tensors.items() if len(tensor.get_shape()) == 2]
    named = [name for name in _NAMES if name in matrices]
    if len(matrices) != 1 and not named:
        shapes = ", ".join(f"{name} {tensor.get_shape()}" for name, tensor in sorted(tensors.items())[:5])
        raise DataError(
            expected="one matrix, or one with the name 'embeddings'",
            found=f"{len(matrices)} among the tensors {shapes or '(none)'}",
            where=str(path),
            fix="write the vectors to a file of their own",
        )
    tensor = tensors[(named or matrices)[0]]
    _check(tensor.get_shape(), _FLOATS.get(tensor.get_dtype(), tensor.get_dtype()), path)
    return tensor


def _check(shape: Iterable[int], dtype: str, path: Path) -> None:
    shape = tuple(shape)
    if dtype not in _FLOATS.values():
        raise DataError(
            expected=f"numbers of the type {', '.join(_FLOATS.values())}",
            found=dtype,
            where=str(path),
            fix="convert them to float32",
        )
    if len(shape) != 2:
        raise DataError(
            expected="a matrix [word, dimension]",
            found=f"an array of the shape {list(shape)}",
            where=str(path),
        )
    check_dimension(shape[1], path)


def _take(matrix: Matrix, words: Iterable[str], vocabulary: Path, selection: Selection, path: Path) -> int:
    """Add the rows to the selection block by block; skip blocks of which no row is kept."""
    remaining = iter(words)
    for start in range(0, matrix.rows, _BLOCK):
        size = min(_BLOCK, matrix.rows - start)
        names = list(islice(remaining, size))
        if len(names) < size:
            raise _other_length(matrix.rows, f"{start + len(names):,}", vocabulary)
        taken = [(i, name) for i, name in enumerate(names) if selection.takes(name)]
        if not taken:
            continue
        # A copy of the rows that are kept: a view would hold the whole block in memory.
        kept = matrix.read(start, start + size)[[i for i, _ in taken]]
        for (i, name), vector in zip(taken, kept, strict=True):
            selection.add(name, vector, (path, "row", start + i + 1))
    if next(remaining, None) is not None:
        raise _other_length(matrix.rows, f"more than {matrix.rows:,}", vocabulary)
    return matrix.dimension


def _other_length(rows: int, count: str, vocabulary: Path) -> DataError:
    return DataError(
        expected=f"{rows:,} words, one for each row of the vectors",
        found=count,
        where=str(vocabulary),
        fix="use the vocabulary that was written with the vectors",
    )


def _damaged(expected: str, error: object, path: Path) -> DataError:
    return DataError(
        expected=expected,
        found=f"a damaged or different file ({error!s:.80})",
        where=str(path),
        fix="download or write it again",
    )
