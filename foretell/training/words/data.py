"""A corpus as one long row of token ids on disk, and the plan of how training walks over it."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from foretell.config import WordsSettings
from foretell.errors import DataError, RunError
from foretell.text.line_encoder import LineEncoder

if TYPE_CHECKING:
    from foretell.text.tokenizer import Tokenizer

Array = np.ndarray[Any, Any]

NONE = -1
"""The target of a step that takes no part."""

_BATCH_CHARACTERS = 1 << 20

MOST_HELD_OUT = 200_000
"""More held-out words take long to measure and tell nothing more."""
LEAST_HELD_OUT = 1_000
"""Fewer held-out words than this say more about chance than about the model."""


class TextCorpus(Protocol):
    """What training needs of a corpus: lines, as often as asked, and a digest of the content."""

    @property
    def name(self) -> str:
        """What the user called it."""

    def __iter__(self) -> Iterator[str]:
        """Yield the lines."""

    def digest(self) -> str:
        """Return the SHA-256 of the content."""


class TokenFile:
    """A row of token ids in a `.npy` file, read a piece at a time.

    Read, not mapped: the pages of a mapped gigabyte count as this process's memory, these do not.

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

    def read(self, start: int, count: int) -> Array:
        """Return `count` ids from `start`, int32; beyond the end it goes on at the beginning."""
        start %= len(self)
        pieces = []
        while count > 0:
            taken = min(count, len(self) - start)
            pieces.append(self._read(start, taken))
            start, count = 0, count - taken
        return np.concatenate(pieces).astype(np.int32)

    def _read(self, start: int, count: int) -> Array:
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
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            _write_header(file, dtype, 0)
            for batch in batches_of_lines(lines):
                ids = encoder.encode("\n".join(batch) + "\n")
                # A tokenizer without an unknown token answers -1: such a word is left out.
                ids = ids[ids >= 0].astype(dtype)
                count += len(ids)
                file.write(ids.tobytes())
            # NumPy leaves room in the header for a longer first axis, so the true length fits in its place.
            file.seek(0)
            _write_header(file, dtype, count)
        temporary.replace(path)
    except OSError as error:
        raise RunError(
            expected="room for the corpus as numbers", found=str(error), where=str(path.parent)
        ) from error
    return count


def _write_header(file: IO[bytes], dtype: np.dtype[Any], count: int) -> None:
    described = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": described, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)


@dataclass(frozen=True)
class Plan:
    """How one pass walks over `tokens` tokens: streams side by side, windows one after another.

    The streams start evenly apart; each is `length` tokens long and is read in windows of `window` words.
    They form a circle (after the last token comes the first), and each pass enters it at a point of its own:
    every token is predicted once in a pass, and no place is always the one where the state is empty.
    """

    tokens: int
    streams: int
    window: int

    @property
    def length(self) -> int:
        """Tokens of a stream (of the last ones, perhaps fewer)."""
        return math.ceil(self.tokens / self.streams)

    @property
    def windows(self) -> int:
        """Windows, that is training steps, of a pass."""
        return math.ceil(self.length / self.window)

    def batch(self, file: TokenFile, window: int, entry: int = 0) -> tuple[Array, Array]:
        """Return one window of every stream.

        Args:
            file: the tokens.
            window: which, from 0.
            entry: the token where the first stream starts.

        Returns:
            ids and targets, int32 [stream, step]; targets are NONE where a stream is over.
        """
        ids = np.zeros([self.streams, self.window], np.int32)
        targets = np.full_like(ids, NONE)
        for stream in range(self.streams):
            first = stream * self.length + window * self.window
            stop = min((stream + 1) * self.length, self.tokens)
            count = min(self.window, stop - first)
            if count > 0:
                row = file.read(entry + first, count + 1)
                ids[stream, :count], targets[stream, :count] = row[:-1], row[1:]
        return ids, targets

    def in_order(self, values: Array) -> Array:
        """Return the values of all windows, [stream, windows · step], as the tokens stand in the text."""
        return values[:, : self.length].reshape(-1)[: self.tokens]


def plan_for(tokens: int, settings: WordsSettings) -> Plan:
    """Return the plan for a part of the corpus: fewer streams where it is short, so that each has windows to
    carry its state through.

    Raises:
        DataError: it is shorter than one window.
    """
    if tokens <= settings.window:
        raise DataError(
            expected=f"more words than one window ({settings.window})",
            found=f"{tokens:,}",
            where="the corpus",
            fix="give more text, or a smaller --window",
        )
    enough = 4 * settings.window
    return Plan(tokens, max(1, min(settings.streams, tokens // enough)), settings.window)


def split_tokens(tokens: TokenFile, fraction: float) -> tuple[TokenFile, TokenFile | None]:
    """Return the tokens to learn from, and those at the end that are held out; None: too few to tell.

    Of a large corpus MOST_HELD_OUT are held out: they tell the perplexity to within a hundredth, and to
    measure a large vocabulary exactly on a million tokens would take longer than to learn from them.
    """
    held_out = min(int(len(tokens) * fraction), MOST_HELD_OUT)
    if held_out < LEAST_HELD_OUT:
        return tokens, None
    border = len(tokens) - held_out
    return tokens.part(0, border), tokens.part(border, len(tokens))
