"""A text as a row of token ids on disk."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from foretell.text.line_encoder import LineEncoder
from foretell.text.tokenizer import Tokenizer
from foretell.training.sealed import sealing

_BATCH_CHARACTERS = 1 << 20


class TokenFile:
    """A row of token ids in a file, read a piece at a time.

    It is read, not mapped into memory: the pages of a mapped file count as memory of the process.

    Use it as a context manager; its parts share its open file.

    Args:
        path: ids one after another, of the type that the file's ending names: uint16 or uint32.
    """

    def __init__(self, path: Path) -> None:
        self.dtype = np.dtype(path.suffix.removeprefix("."))
        self._file = path.open("rb")
        self._start, self._stop = 0, path.stat().st_size // self.dtype.itemsize

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
        content = os.pread(self._file.fileno(), count * width, (self._start + start) * width)
        return np.frombuffer(content, self.dtype)

    def __enter__(self) -> TokenFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def write_tokens(folder: Path, stem: str, lines: Iterable[str], tokenizer: Tokenizer) -> None:
    """Encode a text into a sealed token file, each line followed by the end-of-line token; constant memory.

    Raises:
        RunError: the disk is full.
    """
    kind = "uint16" if tokenizer.size <= 1 << 16 else "uint32"
    encoder = LineEncoder(tokenizer)
    with sealing(folder, stem, kind, "the corpus as token ids") as path, path.open("wb") as file:
        for batch in _batches(lines):
            ids = encoder.encode("\n".join(batch) + "\n")
            # -1 stands for a word that a tokenizer without an unknown token does not have: left out.
            file.write(ids[ids >= 0].astype(kind).tobytes())


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
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
