"""A text as a row of token ids on disk."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from foretell.arrays import Int32s
from foretell.text.tokenizer import Tokenizer

_BATCH_CHARACTERS = 1 << 20


class TokenFile:
    """A row of token ids in a file, read a piece at a time.

    It is read, not mapped into memory: the pages of a mapped file count as memory of the process.

    Args:
        path: ids one after another, of the type that the file's ending names: uint16 or uint32.
    """

    def __init__(self, path: Path) -> None:
        self._dtype = np.dtype(path.suffix.removeprefix("."))
        self._file = path.open("rb", buffering=0)
        self._start, self._stop = 0, path.stat().st_size // self._dtype.itemsize
        self._whole: TokenFile | None = None
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._stop - self._start

    def part(self, start: int, stop: int) -> TokenFile:
        """Return the tokens from `start` up to `stop` as a file of their own."""
        part = copy.copy(self)
        # Which keeps the file open that both read.
        part._whole = self if self._whole is None else self._whole
        part._start, part._stop = self._start + start, self._start + stop
        return part

    def read(self, start: int, count: int) -> Int32s:
        """Return `count` ids from `start`, int32 [id]; the first token follows the last."""
        start = start % len(self)
        width = self._dtype.itemsize
        pieces = []
        while count > 0:
            taken = min(count, len(self) - start)
            self._file.seek((self._start + start) * width)
            pieces.append(np.frombuffer(self._file.read(taken * width), self._dtype))
            start = 0
            count = count - taken
        return np.concatenate(pieces).astype(np.int32)


def kind_for(tokenizer: Tokenizer) -> str:
    """Return the type of the ids of a tokenizer, which is the ending of their file: uint16 or
    uint32.
    """
    return "uint16" if tokenizer.size <= 1 << 16 else "uint32"


def write_tokens(lines: Iterable[str], tokenizer: Tokenizer, path: Path) -> None:
    """Write the ids of a text to a file, each line followed by the end-of-line token; in constant
    memory.
    """
    with path.open("wb") as file:
        for batch in _batches(lines):
            ids = tokenizer.encode_lines("\n".join(batch) + "\n")
            # -1 stands for a word that a tokenizer without an unknown token does not have: left
            # out.
            file.write(ids[ids >= 0].astype(kind_for(tokenizer)).tobytes())


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists of lines of about a million characters."""
    batch: list[str] = []
    characters = 0
    for line in lines:
        batch.append(line)
        characters += len(line)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch = []
            characters = 0
    if batch:
        yield batch
