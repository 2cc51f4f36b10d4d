"""What the arguments of a command are: texts, files, folders, standard input, models."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli.options import TextInput, expect
from foretell.cli.output import counted, note, show_notes
from foretell.errors import DataError
from foretell.hub.client import address_of, is_address, parse

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.data.records import Reading, Record

STDIN = "-"

# Longer arguments cannot be paths.
_MAX_PATH = 4096


def names_source(argument: str, *, literal: bool = False, folders: bool = True) -> bool:
    """Return whether an argument names something to read; otherwise it is a text itself.

    This is the rule of every command that takes a text or a file: "-" is standard input, an address
    `hf://…` is a data set on the Hub, and the path of an existing file is read. Everything else is
    a text, except that an argument which can only be meant as a file (no white space, and the
    ending of a data file) must exist.

    Args:
        argument: an argument of the command line.
        literal: whether the user said that all arguments are texts.
        folders: whether the path of an existing folder is read too.
    """
    if literal:
        return False
    if argument == STDIN or is_address(argument):
        return True
    # An empty argument would be the path of the current folder.
    if not argument or len(argument) > _MAX_PATH or not {"\n", "\0"}.isdisjoint(argument):
        return False
    path = Path(argument)
    try:
        if path.is_file() or path.is_fifo() or (folders and path.is_dir()):
            return True
    except OSError:
        # A name that is too long for the file system.
        return False
    if path.suffix and len(argument.split()) == 1 and not path.is_dir():
        _check_no_file(argument)
    return False


def _check_no_file(argument: str) -> None:
    """Raise DataError for the name of a file that is not there."""
    from foretell.data.decode import existing
    from foretell.data.formats import ENDINGS

    if not argument.lower().endswith((*ENDINGS, ".gz")):
        return
    try:
        existing(argument)
    except DataError as error:
        raise DataError(
            error.expected,
            error.found,
            where=argument,
            fix=f"{error.fix} (--literal takes it as a text)",
        ) from None


def one_source(names: Sequence[str]) -> object:
    """Return what a command reads: a single source by its name, several as a list of paths, which
    is read as one source.
    """
    if len(names) == 1:
        return names[0]
    return [each if is_address(each) else Path(each) for each in names]


def read_records(
    what: str,
    texts: Sequence[str],
    how: TextInput,
    *,
    literal: bool = False,
    columns: Sequence[str] = (),
) -> Iterator[Record]:
    """Yield one record for each text that the arguments give, in order, while they are read.

    They are counted on stderr, and what is chosen or guessed while they are read is noted there,
    once.

    Args:
        what: the work, such as "classifying".
        texts: texts, files, folders, or "-"; none: standard input.
        how: which column holds the texts, and the format of the data.
        literal: whether all arguments are texts.
        columns: the text columns that the model has joined.
    """
    expect(bool(texts) or not sys.stdin.isatty(), "a text, a file or -", "nothing", where="TEXT")
    notes: list[str] = []
    shown = 0
    reading: Reading = {**how.how(), "text_columns": columns}
    records = _records(texts or (STDIN,), reading, literal, notes)
    for record in counted(records, what, streams=True):
        show_notes(notes[shown:])
        shown = len(notes)
        yield record
    show_notes(notes[shown:])


def _records(
    texts: Sequence[str], reading: Reading, literal: bool, notes: list[str]
) -> Iterator[Record]:
    from foretell.data.records import Record

    for argument in texts:
        if names_source(argument, literal=literal):
            from foretell.data.examples import iter_records

            yield from iter_records(argument, notes=notes, **reading)
        else:
            yield Record(argument, None, {"text": argument})


def read_text(argument: str, *, literal: bool = False) -> str:
    """Return the one text that an argument gives: a file is read whole, without its last line end.

    An address on the Hub, which has many texts, is a text itself.
    """
    if is_address(argument) or not names_source(argument, literal=literal, folders=False):
        return argument
    from foretell.data.decode import open_text

    notes: list[str] = []
    with open_text(argument, notes=notes) as source:
        text = source.read().removesuffix("\n")
    show_notes(notes)
    return text


@contextmanager
def open_lines(argument: str, *, literal: bool = False) -> Iterator[Iterator[str]]:
    """Open the one text that an argument gives, for reading line by line in constant memory."""
    if not names_source(argument, literal=literal, folders=False):
        yield iter([argument])
        return
    from foretell.data.corpus import open_corpus, read_lines
    from foretell.data.decode import open_text

    notes: list[str] = []
    if is_address(argument):
        corpus = open_corpus(argument)
        notes = corpus.notes
        yield iter(corpus)
    else:
        with open_text(argument, notes=notes) as source:
            yield read_lines(source)
    show_notes(notes)


def local_model(model: str) -> str:
    """Return the directory of a model: of hf://owner/name the one in the cache, whose commit is
    shown.
    """
    if not is_address(model):
        return model
    from foretell.hub.models import local_path

    folder = str(local_path(model))
    note(f"model: {address_of(folder)}")
    return folder


def name_of(model: str) -> str:
    """Return the name of a model: that of its directory, or of its repository on the Hub."""
    if is_address(model):
        return parse(model).repository.partition("/")[2]
    return Path(model).resolve().name


def open_model(model: str) -> Model:
    """Open and verify a model directory for either job."""
    from foretell.artifacts.directory import read_model

    return read_model(local_model(model))
