"""A text as a row of token ids on disk, and the record by which a resumed run knows its files again."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import numpy.typing as npt

from foretell.artifacts.replacement import make_directories, replace_file, sync_directory
from foretell.errors import RunError
from foretell.hashes import sha256_of
from foretell.text.line_encoder import LineEncoder
from foretell.text.tokenizer import Tokenizer

_BATCH_CHARACTERS = 1 << 20


class TokenFile:
    """A row of token ids in a `.npy` file, read a piece at a time.

    It is read, not mapped into memory: the pages of a mapped file count as memory of the process.

    Use it as a context manager, or `close` it; its parts share its open file.

    Args:
        path: a one-dimensional uint16 or uint32 `.npy` file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        version = np.lib.format.read_magic(self._file)
        if version != (1, 0):
            self._file.close()
            raise RunError(expected="a token file", found=f".npy version {version}", where=str(path))
        shape, _, self.dtype = np.lib.format.read_array_header_1_0(self._file)
        self._data = self._file.tell()
        self._start, self._stop = 0, int(shape[0])

    def __len__(self) -> int:
        return self._stop - self._start

    def part(self, start: int, stop: int) -> TokenFile:
        """Return the tokens from `start` up to `stop` as a file of their own."""
        part = copy.copy(self)
        part._start, part._stop = self._start + start, self._start + stop
        return part

    def read(self, start: int, count: int) -> npt.NDArray[np.int32]:
        """Return `count` ids from `start`, int32 [id]; the first token follows the last."""
        start %= len(self)
        pieces = []
        while count > 0:
            taken = min(count, len(self) - start)
            pieces.append(self._read(start, taken))
            start, count = 0, count - taken
        return np.concatenate(pieces).astype(np.int32)

    def _read(self, start: int, count: int) -> npt.NDArray[np.unsignedinteger]:
        width = self.dtype.itemsize
        where = self._data + (self._start + start) * width
        return np.frombuffer(os.pread(self._file.fileno(), count * width, where), self.dtype)

    def close(self) -> None:
        """Close the file, for its parts too."""
        self._file.close()

    def __enter__(self) -> TokenFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def batches_of_lines(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists of lines of about a million characters."""
    batch: list[str] = []
    characters = 0
    for line in lines:
        batch.append(line)
        characters += len(line)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def write_tokens(path: Path, lines: Iterable[str], tokenizer: Tokenizer) -> int:
    """Encode a corpus into a token file, each line followed by the end-of-line token; constant memory.

    Returns:
        How many tokens were written.

    Raises:
        RunError: the disk is full.
    """
    dtype = np.dtype(np.uint16 if tokenizer.size <= 1 << 16 else np.uint32)
    encoder = LineEncoder(tokenizer)
    temporary = path.with_suffix(".tmp")
    count = 0
    try:
        make_directories(path.parent)
        with temporary.open("wb") as file:
            _write_header(file, dtype, 0)
            for batch in batches_of_lines(lines):
                ids = encoder.encode("\n".join(batch) + "\n")
                # -1 stands for a word that a tokenizer without an unknown token does not have: left out.
                ids = ids[ids >= 0].astype(dtype)
                count += len(ids)
                file.write(ids.tobytes())
            # NumPy's header has room for a longer first axis, so the true length fits in the same place.
            file.seek(0)
            _write_header(file, dtype, count)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise no_space(path, error) from error
    return count


def no_space(path: Path, error: OSError) -> RunError:
    return RunError(
        expected="disk space for the corpus as token ids",
        found=str(error),
        where=str(path.parent),
        fix="make room there, then resume",
    )


def _write_header(file: IO[bytes], dtype: np.dtype[np.generic], count: int) -> None:
    described = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": described, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)


def record(path: Path) -> None:
    """Write the size and SHA-256 of a file that is on disk, beside it.

    A file whose record is missing or differs is derived from the corpus anew.

    Raises:
        OSError: it cannot be read or written.
    """
    replace_file(_record_of(path), json.dumps(_entry(path)).encode())


def is_recorded(path: Path) -> bool:
    """Return whether a file is there and as it was when `record` was called."""
    try:
        entry = json.loads(_record_of(path).read_bytes())
        return bool(entry == _entry(path))
    except (OSError, ValueError):
        return False


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")


def _entry(path: Path) -> dict[str, object]:
    return {"size": path.stat().st_size, "sha256": sha256_of(path)}
