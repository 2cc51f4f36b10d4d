"""A corpus: plain text from files, folders, standard input or Python, which can be read several
times.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, cast

from foretell.data import named
from foretell.data.decode import STDIN, existing, note, open_bytes, open_text
from foretell.data.examples import hub_files, hub_records, iter_records
from foretell.data.formats import TABLES
from foretell.data.records import Part, ReadOptions
from foretell.errors import DataError
from foretell.hub.client import is_address
from foretell.readable import listed, number_of

MAX_LINE = 1 << 20
"""Maximum characters of a line; a longer one is cut at white space, so that it needs little
memory.
"""
_OPEN_FILES = Path("/proc/self/fd")
_Part = Literal["train", "test"]
_HIDDEN = re.compile(r"/\.")
_ENDINGS = (".txt", ".text", ".md", ".markdown", ".rst", ".gz", ".bz2")


class Corpus:
    """Lines of text that can be read several times, each time in constant memory.

    Iterating gives the lines in order, without line ends and without empty lines.

    >>> list(Corpus.from_texts(["The obstacle", "is the way"]))
    ['The obstacle', 'is the way']

    Attributes:
        name: for messages.
        notes: what was guessed or left out, one sentence each; complete after the first pass.
    """

    def __init__(self, name: str, read: Callable[[], Iterator[str]], notes: list[str]) -> None:
        self.name = name
        self.notes = notes
        self._read = read
        self._digest: str | None = None

    @classmethod
    def from_texts(
        cls, texts: object, name: str = "texts", *, text: str | None = None, part: Part = "train"
    ) -> Corpus:
        """Make a corpus of one text, or of texts or a table that `iter_records` reads.

        A list is kept; anything else is written to a temporary file.

        Raises:
            DataError: something that is not a string, no text at all, or no clear column.
        """
        notes: list[str] = []
        given = [texts] if isinstance(texts, str) else texts
        # Labels, which may be several, are not looked at.
        records = iter_records(given, notes=notes, text=text, part=part, multi_label=";")
        lines = _lines(record.text for record in records)
        if not isinstance(given, (list, tuple)):
            return _spooled(name, (f"{line}\n".encode() for line in lines), notes)
        if not (kept := list(lines)):
            raise DataError("texts", "none that is not empty", where=name)
        return cls(name, lambda: iter(kept), notes)

    def __iter__(self) -> Iterator[str]:
        # A generator keeps the corpus, and with it a temporary file.
        yield from self._read()

    def digest(self) -> str:
        """Return the SHA-256 of the lines in UTF-8, each with a line end. The first call reads them
        all.
        """
        if self._digest is None:
            hasher = hashlib.sha256()
            for line in self:
                hasher.update(line.encode("utf-8") + b"\n")
            self._digest = hasher.hexdigest()
        return self._digest


def open_corpus(
    sources: str | Path | Corpus | Iterable[str | Path],
    *,
    part: _Part = "train",
    text: str | None = None,
) -> Corpus:
    """Open a corpus.

    Args:
        sources: one source or several, which are read in this order. A source is a file, a folder
            (every file of text below it, in the order of their paths), "-" for standard input, or a
            named corpus: "meditations" or "imdb". A file of such a name is written "./imdb". An
            address `hf://owner/name[@revision][#split]` is the text column of a data set on the
            Hub. For texts in memory see `Corpus.from_texts`.
        part: of "imdb": "train" (its training and its unlabelled reviews) or "test" (its test
            reviews).
        text: the column of a table with the texts; None: a file is plain text.

    Raises:
        DataError: a source is missing, cannot be read, is empty or holds no text. While iterating:
            bytes that cannot be decoded, with their position.
    """
    if isinstance(sources, Corpus):
        return sources
    given: list[str | Path] = [sources] if isinstance(sources, (str, Path)) else list(sources)
    if not given:
        raise DataError("a file, a folder or a named corpus", "none")
    notes: list[str] = []
    parts = [_open_one(source, notes, part, text) for source in given]
    if len(parts) == 1:
        return parts[0]
    name = f"{parts[0].name} and {len(parts) - 1} more"
    return Corpus(name, lambda: (line for each in parts for line in each), notes)


def corpus_of(source: object, text: str | None = None, *, part: Part = "train") -> Corpus:
    """Open what a caller in Python gave as text.

    Args:
        source: as for `open_corpus`, where paths in a list are `Path` objects; or texts, as for
            `Corpus.from_texts`.
        text: the text column of a table; None: chosen where it is clear.
        part: of data sets with parts. A named corpus has none for validation: it is its test part.

    Raises:
        DataError: as `open_corpus` and `Corpus.from_texts`.
    """
    are_paths = isinstance(source, list | tuple) and any(isinstance(item, Path) for item in source)
    if isinstance(source, str | Path | Corpus) or are_paths:
        paths = cast("str | Path | Corpus | list[Path]", source)
        return open_corpus(paths, part="train" if part == "train" else "test", text=text)
    return Corpus.from_texts(source, text=text, part=part)


def _open_one(source: str | Path, notes: list[str], part: _Part, text: str | None) -> Corpus:
    if isinstance(source, str) and source in named.NAMED:
        return Corpus(source, lambda: _named_lines(source, notes, part), notes)
    if str(source) == STDIN:
        raw = open_bytes(source)
        return _spooled("standard input", iter(lambda: raw.read(MAX_LINE), b""), notes)
    if is_address(source):
        files = hub_files(str(source), part, notes)
        options = ReadOptions(text=text)
        return Corpus(
            files[0], lambda: _lines(r.text for r in hub_records(files, options, notes)), notes
        )
    path = existing(source, named.NAMED)
    files_below = _files_below(path, notes) if path.is_dir() else [path]
    open_bytes(files_below[0]).close()
    if path.suffix.lower() in TABLES:
        if text is not None:
            read = Corpus.from_texts(path, path.name, text=text)
            notes.extend(read.notes)
            return read
        what = f"{path.name} is a table, and is read as plain text with its column names"
        note(
            notes,
            f"{what}: save its texts as a .txt, or train a classifier with: foretell train labels",
        )
    return Corpus(path.name or str(path), lambda: _file_lines(files_below, notes, str(path)), notes)


def _spooled(name: str, content: Iterable[bytes], notes: list[str]) -> Corpus:
    """Return the corpus of what can be read only once, in a temporary file that is removed with
    it.

    On Linux the file has no name: nothing is left of a process that is killed.
    """
    with ExitStack() as stack:
        file = tempfile.NamedTemporaryFile(prefix="foretell-", suffix=".txt", delete=False)  # noqa: SIM115
        path = Path(file.name)
        stack.callback(path.unlink, missing_ok=True)
        if _OPEN_FILES.is_dir():
            path.unlink()
            path = _OPEN_FILES / str(file.fileno())
        stack.callback(file.close)
        corpus = Corpus(name, lambda: _file_lines([path], notes, name, name), notes)
        weakref.finalize(corpus, stack.pop_all().close)
        file.writelines(content)
        file.flush()
        if not file.tell():
            raise DataError("texts", "an iterable without any", where=name)
    return corpus


def _named_lines(name: str, notes: list[str], part: str) -> Iterator[str]:
    if name == "meditations":
        yield from _file_lines([named.sample("meditations.txt")], notes, name)
        return
    parts: tuple[named.ImdbPart, ...] = ("train", "unsup") if part == "train" else ("test",)
    for each in parts:
        yield from _lines(record.text for record in named.imdb(each, notes=notes))


def _files_below(folder: Path, notes: list[str]) -> list[Path]:
    """Return the files of text below a folder; a note names those that are left out."""
    found = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and file.stat().st_size
        and not _HIDDEN.search(f"/{file.relative_to(folder).as_posix()}")
    ]
    files = [file for file in found if file.suffix.lower() in _ENDINGS and _is_text(file)]
    others = [str(file.relative_to(folder)) for file in sorted({*found} - {*files})]
    if not files:
        raise DataError(
            f"files of text ({', '.join(_ENDINGS)})",
            listed(others, 5) or "none below the folder",
            where=folder,
            fix="name the files themselves",
        )
    if others:
        left_out = f"left out {number_of(len(others), 'file')} that are not plain text"
        note(notes, f"{folder.name}: {left_out}: {listed(others, 5)}")
    return files


def _is_text(file: Path) -> bool:
    """Whether a file begins as text; an archive does not."""
    try:
        with open_text(file) as source:
            source.read(1)
    except DataError:
        return False
    return True


def _file_lines(
    files: Iterable[Path], notes: list[str], where: str, name: str | None = None
) -> Iterator[str]:
    """Read the lines of files one after the other; `where` and `name` stand for them in errors and
    notes.
    """
    is_empty = True
    for file in files:
        with open_text(file, notes=notes, name=name) as source:
            for line in read_lines(source):
                is_empty = False
                yield line
    if is_empty:
        raise DataError("text", "nothing but white space", where=where)


def read_lines(source: io.TextIOBase) -> Iterator[str]:
    """Read the lines of a source without empty ones; a line longer than `MAX_LINE` is cut at white
    space.
    """
    line = ""
    while more := source.readline(MAX_LINE + 1 - len(line)):
        line += more
        rest = ""
        if len(line) > MAX_LINE and not line.endswith("\n"):
            space = max(line.rfind(" ", 1, MAX_LINE), line.rfind("\t", 1, MAX_LINE))
            end = space if space > 0 else MAX_LINE
            line, rest = line[:end], line[end:]
        if not line.isspace():
            yield line.removesuffix("\n")
        line = rest
    if line and not line.isspace():
        yield line


def _lines(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from read_lines(io.StringIO(text, newline=None))
