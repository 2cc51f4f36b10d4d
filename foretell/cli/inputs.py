"""What the arguments of a command are: texts themselves, or names of files, folders or standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli.options import TextInput
from foretell.cli.output import note
from foretell.errors import DataError
from foretell.hub.client import is_address

if TYPE_CHECKING:
    from foretell.data.records import Record

STDIN = "-"

# Longer arguments cannot be paths.
_MAX_PATH = 4096
_FILE_ENDINGS = frozenset({
    ".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".ft", ".fasttext", ".txt",
    ".text",
    ".gz", ".xlsx", ".xls", ".ods",
})  # fmt: skip


def names_source(argument: str, *, literal: bool = False, folders: bool = True) -> bool:
    """Return whether an argument names something to read; otherwise it is a text itself.

    This is the rule of every command that takes a text or a file: "-" is standard input, an address `hf://…`
    is a data set on the Hub, and the path of an existing file is read. Everything else is a text, except that
    an argument which can only be meant as a file (no white space, and the ending of a data file) must exist.

    Args:
        argument: an argument of the command line.
        literal: whether the user said that all arguments are texts.
        folders: whether the path of an existing folder is read too.

    Raises:
        DataError: the argument can only be meant as a file, and there is none.
    """
    if literal:
        return False
    if argument == STDIN or is_address(argument):
        return True
    # An empty argument would be the path of the current folder.
    if not argument or len(argument) > _MAX_PATH or "\n" in argument or "\0" in argument:
        return False
    path = Path(argument)
    try:
        if path.is_file() or path.is_fifo() or (folders and path.is_dir()):
            return True
    except OSError:
        # A name that is too long for the file system.
        return False
    if path.suffix.lower() in _FILE_ENDINGS and len(argument.split()) == 1 and not path.is_dir():
        raise _no_such_file(argument)
    return False


def _no_such_file(argument: str) -> DataError:
    import difflib

    near = difflib.get_close_matches(Path(argument).name, _siblings(argument), n=1)
    guess = f"did you mean {Path(argument).with_name(near[0])}?" if near else "check the path"
    return DataError(
        expected="a file that exists",
        found="nothing",
        where=argument,
        fix=f"{guess} (--literal takes it as a text)",
    )


def _siblings(argument: str) -> list[str]:
    try:
        return [entry.name for entry in Path(argument).parent.iterdir()]
    except OSError:
        return []


def read_records(
    arguments: Iterable[str], how: TextInput, *, literal: bool = False, notes: list[str]
) -> Iterator[Record]:
    """Yield one record for each text that the arguments give, in order, while they are read.

    Args:
        arguments: texts, files, folders, or "-".
        how: which column holds the texts, and the format of the data.
        literal: whether all arguments are texts.
        notes: a list to which is added what was chosen or guessed.

    Raises:
        DataError: a source that cannot be read.
    """
    from foretell.data.records import Record

    for argument in arguments:
        if names_source(argument, literal=literal):
            from foretell.data.examples import iter_records

            yield from iter_records(argument, notes=notes, **how.how())
        else:
            yield Record(argument, None, {"text": argument})


def read_text(argument: str, *, literal: bool = False) -> str:
    """Return the one text that an argument gives: a file is read whole, without its last line end.

    An address on the Hub, which has many texts, is a text itself.

    Raises:
        DataError: a file that cannot be read.
    """
    if is_address(argument) or not names_source(argument, literal=literal, folders=False):
        return argument
    from foretell.data.decode import open_text

    with open_text(argument) as source:
        text = source.stream.read().removesuffix("\n")
    show_notes(source.notes)
    return text


@contextmanager
def open_lines(argument: str, *, literal: bool = False) -> Iterator[Iterator[str]]:
    """Open the one text that an argument gives, for reading line by line in constant memory.

    Raises:
        DataError: a file that cannot be read.
    """
    if not names_source(argument, literal=literal, folders=False):
        yield iter([argument])
        return
    from foretell.data.corpus import open_corpus, read_lines

    if is_address(argument):
        corpus = open_corpus(argument)
        yield iter(corpus)
        show_notes(corpus.notes)
        return
    from foretell.data.decode import open_text

    with open_text(argument) as source:
        yield read_lines(source)
    show_notes(source.notes)


class Notes(list[str]):
    """Notes that readers add while they read; each is shown once, as soon as it is known."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = 0

    def show_new(self) -> None:
        """Write the notes that were not shown yet to stderr."""
        if len(self) > self._shown:
            show_notes(self[self._shown :])
            self._shown = len(self)


def show_notes(notes: Iterable[str]) -> None:
    """Write what was chosen or guessed while data was read to stderr."""
    for each in notes:
        note(each)
