"""A file, or standard input, as the readers of the formats see it: bytes, lines, and what to read
of them.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from foretell.data.decode import STDIN, note, open_bytes, place, text_stream
from foretell.data.records import MAX_RECORD, ReadOptions, check_size
from foretell.errors import DataError

_START = 1 << 12
_PEEKED = 1 << 16
_COPIED = 1 << 20
_MAX_COPY = 1 << 32
"""Maximum bytes of a temporary copy."""


class RecordSource:
    """A file or standard input that is being read; a context manager, which closes what was opened.

    Nothing is opened before it is needed. A source is read once, as bytes or as text.

    Attributes:
        path: the path, or "-" for standard input.
        name: the path for messages.
        short: the last part of the name, for notes.
        options: what to read.
        notes: notes for the user, to which a reader adds.
    """

    def __init__(self, path: str | Path, options: ReadOptions, notes: list[str]) -> None:
        self.path = path
        self.name = place(path)
        self.short = self.name.replace("\\", "/").rsplit("/", 1)[-1]
        self.options = options
        self.notes = notes
        self._open = contextlib.ExitStack()

    def __enter__(self) -> RecordSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def is_folder(self) -> bool:
        return isinstance(self.path, Path) and self.path.is_dir()

    @cached_property
    def start(self) -> bytes:
        """The first bytes, up to 4 KiB; none of a folder."""
        return b"" if self.is_folder else self._raw.peek(_START)[:_START]

    @cached_property
    def first_line(self) -> str:
        """The first line with its line end, up to 64 Ki characters of it; DataError: there is
        none.
        """
        line = self._text.readline(_PEEKED)
        if not line:
            raise DataError("records", "nothing: it is empty", where=self.name)
        return line

    def file(self) -> Path:
        """Return a file with the bytes; of a compressed file or a stream a temporary copy."""
        if str(self.path) != STDIN and self._raw.seekable():
            return Path(self.path)
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="foretell-"))
        copy = Path(folder) / "copy"
        with copy.open("wb") as out:
            while chunk := self._raw.read(_COPIED):
                out.write(chunk)
                if out.tell() > _MAX_COPY:
                    raise DataError(
                        f"at most {_MAX_COPY >> 30} GiB, unpacked",
                        "more",
                        where=self.name,
                        fix="unpack it yourself",
                    )
        return copy

    def size(self) -> int:
        """Return how many bytes there are, packed as they are; 0 of a stream."""
        return 0 if str(self.path) == STDIN else Path(self.path).stat().st_size

    def lines(self) -> Iterator[str]:
        """Return the lines of text as they are, with their line ends."""
        line = self.first_line
        if not line.endswith(("\n", "\r")):
            line += self._text.readline(MAX_RECORD)
        while line:
            check_size(len(line), self.name)
            yield line
            line = self._text.readline(MAX_RECORD + 1)

    def plain_lines(self) -> Iterator[str]:
        """Return the lines of text without their line ends."""
        return (line.rstrip("\r\n") for line in self.lines())

    def whole(self) -> str:
        """Return the text as one record."""
        text = self.first_line + self._text.read(MAX_RECORD)
        check_size(len(text), self.name)
        return text

    def add_note(self, text: str) -> None:
        note(self.notes, f"{self.short}: {text}")

    @cached_property
    def _raw(self) -> io.BufferedReader:
        raw = open_bytes(self.path)
        if str(self.path) != STDIN:
            self._open.enter_context(raw)
        return raw

    @cached_property
    def _text(self) -> io.TextIOWrapper:
        # CSV has line ends inside a field that must stay as they are.
        return text_stream(self._raw, self.name, self.notes, newline="")
