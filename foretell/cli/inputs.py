"""What the arguments of a command are: texts, files, folders, standard input, models; and their sizes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cli.options import TextInput
from foretell.cli.output import counted, counter, note
from foretell.errors import DataError, UsageError
from foretell.hub.client import is_address, parse
from foretell.readable import listed
from foretell.text.line_encoder import utf8_bytes

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.data.records import Record
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime

STDIN = "-"
_MAX_UNKNOWN = 10

# Longer arguments cannot be paths.
_MAX_PATH = 4096


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
    if path.suffix and len(argument.split()) == 1 and not path.is_dir():
        from foretell.data.formats import ENDINGS

        if path.suffix.lower() in (*ENDINGS, ".gz"):
            raise _no_such_file(argument)
    return False


def _no_such_file(argument: str) -> DataError:
    import difflib

    path = Path(argument)
    try:
        near = difflib.get_close_matches(path.name, [each.name for each in path.parent.iterdir()], n=1)
    except OSError:
        near = []
    guess = f"did you mean {path.with_name(near[0])}?" if near else "check the path"
    return DataError(
        expected="a file that exists",
        found="nothing",
        where=argument,
        fix=f"{guess} (--literal takes it as a text)",
    )


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


@contextmanager
def open_records(
    what: str, texts: Sequence[str], how: TextInput, *, literal: bool = False
) -> Iterator[Iterator[Record]]:
    """Open the records of the arguments; without any, of standard input.

    They are counted on stderr, and what is chosen or guessed while they are read is noted there, once.

    Args:
        what: the work, such as "classifying".
        texts, how, literal: see `read_records`.

    Raises:
        UsageError: no argument, and standard input is a terminal.
    """
    if not texts and sys.stdin.isatty():
        raise UsageError(expected="a text, a file or -", found="nothing", where="TEXT")
    notes: list[str] = []
    records = read_records(texts or (STDIN,), how, literal=literal, notes=notes)
    total, size_of = size_of_records(texts or (STDIN,), literal=literal)
    with counter(what, total, streams=True) as advance:
        yield _noted(counted(records, advance, size_of), notes)


def _noted(records: Iterable[Record], notes: list[str]) -> Iterator[Record]:
    shown = 0
    for record in records:
        show_notes(notes[shown:])
        shown = len(notes)
        yield record
    show_notes(notes[shown:])


def read_text(argument: str, *, literal: bool = False) -> str:
    """Return the one text that an argument gives: a file is read whole, without its last line end.

    An address on the Hub, which has many texts, is a text itself.

    Raises:
        DataError: a file that cannot be read.
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

    notes: list[str] = []
    with open_text(argument, notes=notes) as source:
        yield read_lines(source)
    show_notes(notes)


def show_notes(notes: Iterable[str]) -> None:
    """Write what was chosen or guessed while data was read to stderr."""
    for each in notes:
        note(each)


def local_model(model: str) -> str:
    """Return the directory of a model: of hf://owner/name the one in the cache, whose commit is shown.

    Raises:
        HubError: the Hub has no such model, or cannot be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not is_address(model):
        return model
    from foretell.hub.models import local_path

    return str(local_path(model, listener=lambda address: note(f"model: {address}")))


def name_of(model: str) -> str:
    """Return the name of a model: that of its directory, or of its repository on the Hub."""
    if is_address(model):
        return parse(model).repository.partition("/")[2]
    return Path(model).resolve().name


def open_model(model: str) -> Model:
    """Open and verify a model directory for either job."""
    from foretell.artifacts.directory import read_model

    return read_model(local_model(model))


def open_words(model: str) -> WordsRuntime:
    """Open a model directory that must be for words."""
    from foretell.runtime.words.predictor import WordsRuntime

    return WordsRuntime.open(local_model(model))


def open_labels(model: str) -> LabelsRuntime:
    """Open a model directory that must be for labels."""
    from foretell.runtime.labels.classifier import LabelsRuntime

    return LabelsRuntime.open(local_model(model))


_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")

# What a field of a JSON object takes beside its key and its value: ` "":"",`.
_JSON_FIELD = 7


def size_of_records(
    arguments: Sequence[str], *, literal: bool = False
) -> tuple[int | None, Callable[[Record], int]]:
    """Return how large the data is that the arguments of `read_records` give, and what measures a record.

    The total is None where it is unknown (standard input, a compressed file). A record's size in bytes is an
    estimate, a few per cent off: how the file writes it is not known.
    """
    sources = [argument for argument in arguments if names_source(argument, literal=literal)]
    if not sources:
        return len(arguments), lambda _: 1
    if len(arguments) == 1 and (rows := _parquet_rows(arguments[0])) is not None:
        return rows, lambda _: 1
    is_json = any(Path(source).suffix.lower() in _JSON_ENDINGS for source in sources)

    def size(record: Record) -> int:
        fields = record.fields.items()
        beside = sum(utf8_bytes(key) + _JSON_FIELD for key, _ in fields) if is_json else len(fields)
        return beside + sum(utf8_bytes(str(value)) for _, value in fields)

    return bytes_of(sources), size


def bytes_of(sources: Iterable[str]) -> int | None:
    """Return the bytes that the files and folders hold; None where one is not a plain file of known size."""
    total = 0
    for source in sources:
        path = Path(source)
        files = [path] if source != STDIN and path.is_file() else []
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
        # The bytes of compressed and binary files are no measure of the texts in them.
        if not files or any(file.suffix.lower() in (".gz", ".parquet", ".pq", ".xlsx") for file in files):
            return None
        total += sum(file.stat().st_size for file in files)
    return total


def _parquet_rows(source: str) -> int | None:
    if Path(source).suffix.lower() not in (".parquet", ".pq"):
        return None
    try:
        import polars as pl

        return int(pl.scan_parquet(source, glob=False).select(pl.len()).collect().item())
    except Exception:
        # What is wrong with the file is reported when it is read.
        return None


def note_unknown(runtime: WordsRuntime, text: str) -> None:
    """Note which words of a text a language model does not know, or that there are none."""
    tokenizer = runtime.tokenizer
    if not text.strip():
        note("the text is empty: these words begin a text")
    if tokenizer.is_open:
        return
    unknown = -1 if tokenizer.unknown is None else tokenizer.unknown
    spans = tokenizer.encode_with_offsets(text)
    words = list(dict.fromkeys(text[start:end] for i, start, end in spans if i == unknown))
    if words:
        note(f"unknown to the model: {listed(words, _MAX_UNKNOWN)}")
