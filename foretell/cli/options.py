"""Options that several commands share; and their values: flag, environment, --config, or
default.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

from cyclopts import ArgumentCollection, Group, Parameter, Token
from cyclopts.validators import Number

from foretell.cli.output import Format
from foretell.errors import UsageError

if TYPE_CHECKING:
    Name = str
    from cyclopts import App

    from foretell.data.examples import Examples
    from foretell.data.records import Part, Reading
else:
    # A name stays text; shells complete the names of files where a value may be a path.
    Name = str | Path

DATA = Group("Data", sort_key=3)
OUTPUT = Group("Output", sort_key=4)
RARE = " (more)"
"""How the name of a group ends whose options only `--help-all` shows."""


def rare(group: Group) -> Group:
    """Return the group for the less common options of `group`; `--help-all` lists them after the
    others.
    """
    return Group(group.name + RARE, sort_key=group.sort_key)


def expect(is_so: bool, expected: str, found: str, fix: str = "", where: str = "") -> None:
    """Raise `UsageError` unless something is as it is expected of the arguments."""
    if not is_so:
        raise UsageError(expected, found, fix=fix, where=where)


InputFormat = Literal["text", "csv", "tsv", "jsonl", "json", "parquet", "excel", "fasttext"]
Texts = Annotated[tuple[Name, ...], Parameter(name="TEXT...")]
Count = Annotated[int, Parameter(validator=Number(gte=0))]
Several = Annotated[tuple[Name, ...], Parameter(show_default=False)]
"""An option that may be given several times."""

Literally = Annotated[
    bool,
    Parameter(
        name="--literal",
        group=DATA,
        help="Take every argument as a text, also where a file has this name.",
    ),
]
"""The flag of the commands that take texts or files; see `foretell.cli.inputs`."""

Cache = Annotated[
    int,
    Parameter(
        name="--cache",
        help="Make words of the last N words of the text more probable (0: off; at most "
        "10,000; 500 suits "
        "most texts): a continuous cache. Only for models for words, except those of the "
        "preset article.",
    ),
]
"""The option of the commands that predict words; see `foretell.ngrams.cache`."""


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How the answer is written to stdout.

    Attributes:
        format: Write text (for people), jsonl (one JSON object a line) or csv, which has an
            apostrophe before texts that a spreadsheet would run as a formula.
        json: Short for --format jsonl.
    """

    format: Format = "text"
    json: bool = False

    def chosen(self) -> Format:
        """Return the format that was asked for."""
        is_one = not self.json or self.format != "csv"
        expect(is_one, "one output format", "--json and --format csv", "leave one of them out")
        return "jsonl" if self.json else self.format


AS_TEXT = OutputOptions()
ColumnName = Annotated[str | None, Parameter(metavar="COLUMN")]
ColumnNames = Annotated[tuple[str, ...], Parameter(metavar="COLUMN", show_default=False)]


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class TextInput:
    """Which texts a source of records holds. The names are those of `Reading`.

    Attributes:
        text: Name the column with the texts, where it is not clear. Given several times, the texts
            of these columns are joined. In JSON, ticket.text is the member text of ticket.
        format: Name the format of the data, where its name does not show it.
        header_row: Read the names of the columns from row N of a table, where a title stands above
            it.
        sheet: Read this sheet of a spreadsheet, instead of the first with records.
    """

    text: ColumnNames = ()
    format: Annotated[InputFormat | None, Parameter(name="--input-format")] = None
    header_row: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    sheet: Annotated[str | None, Parameter(metavar="NAME")] = None

    def how(self) -> Reading:
        """Return the options of reading where labels, which may be several, are not looked at."""
        return cast("Reading", {**asdict(self), "multi_label": ";"})


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class LabelledInput(TextInput):
    """Which texts and labels a source of records holds.

    Attributes:
        label: Name the column with the labels, where it is not clear.
        split: Name the column that divides the data (train, valid, test). Default: one called
            split, whose cells are such names. '' reads all rows alike.
        weight: Name the column with the weight of each text in training. Default: one called
            weight, whose cells are numbers. '' weighs all texts alike.
    """

    label: ColumnName = None
    split: ColumnName = None
    weight: ColumnName = None

    def read(
        self, source: str, *, part: Part, multi_label: str = "", columns: Sequence[str] = ()
    ) -> Examples:
        """Read the texts and labels of a source.

        Args:
            source: a file, a folder, "-" for standard input, or a named set.
            part: of a source that is divided into parts.
            multi_label: what separates the labels of a text; "": each text has one.
            columns: the text columns that the model has joined.
        """
        from foretell.data.examples import read_examples

        how: Reading = {
            **self.how(),
            "part": part,
            "multi_label": multi_label,
            "text_columns": columns,
        }
        return read_examples(source, **how)


ANY_TEXTS = TextInput()
ANY_RECORDS = LabelledInput()

_WRITTEN = ("--out", "--html", "--export")
_HOME = re.compile(r"~[\w.-]*[/\\]")

# Folders of the full data sets and of downloads: they are not the values of --data and --cache.
_RESERVED = frozenset({"FORETELL_DATA", "FORETELL_CACHE"})


def from_environment(_: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value that of its FORETELL_* variable: FORETELL_UNITS is
    --units.
    """
    for argument in _options(arguments):
        variable = f"FORETELL_{argument.name.lstrip('-').upper().replace('-', '_')}"
        # FORETELL_FOLDS is the setting of a training; evaluate --folds asks for several trainings.
        is_free = variable not in _RESERVED and (commands, variable) != (
            ("evaluate",),
            "FORETELL_FOLDS",
        )
        if variable in os.environ and is_free and not argument.tokens:
            argument.append(
                Token(keyword=variable, value=os.environ[variable], source="environment")
            )


def from_toml(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value that of the file which --config names.

    Keys are the names of the flags, with - or _.
    """
    options = _options(arguments)
    config = next((each for each in options if each.name == "--config"), None)
    if config is None or not config.tokens:
        return
    import tomllib

    from cyclopts.config import Dict

    path = Path(config.tokens[-1].value)
    options.remove(config)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise UsageError("a TOML file", found, where=path, fix="check --config") from error
    for name in reversed(commands):
        # Without them cyclopts leaves out keys that are commands too, such as label.
        values = {name: values}
    Dict(values, source=str(path))(app, commands, options)


def expand_home(_: App, __: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Replace `~/` at the beginning of a path: a shell does so only outside quotes.

    A text may begin with it too, so what is read has to exist there.
    """
    for argument in arguments:
        types = _types(argument.hint)
        if Path not in types:
            continue
        is_written = argument.name in _WRITTEN or str not in types
        for place, token in enumerate(argument.tokens):
            path = Path(token.value).expanduser() if _HOME.match(token.value) else None
            if path is not None and (is_written or path.exists()):
                argument.tokens[place] = token.evolve(value=str(path))


def _types(hint: object) -> set[object]:
    """Return a type and those in it: of `tuple[str | Path, ...]` also `str` and `Path`."""
    return {hint}.union(*map(_types, get_args(hint)))


def check_whole(_: App, __: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse what is no whole number where one belongs; cyclopts alone would round 1.5."""
    for argument in arguments:
        for token in argument.tokens if int in (argument.hint, *get_args(argument.hint)) else ():
            is_whole = re.fullmatch(r"\s*[-+]?\d+\s*", token.value) is not None
            expect(
                is_whole, "a whole number", repr(token.value), where=token.keyword or argument.name
            )


def check_other_files(_: App, __: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse to write into a file that another argument of the command names."""
    named = [(argument.name, token.value) for argument in arguments for token in argument.tokens]
    written = [(name, path) for name, path in named if name in _WRITTEN]
    for (name, path), (other, value) in itertools.product(written, named):
        if other not in (name, "--label", "--text", "--sheet", "--by", "--split", "--weight"):
            is_same = other in _WRITTEN and Path(path).absolute() == Path(value).absolute()
            with contextlib.suppress(OSError, ValueError):  # where one is no file yet, or a text
                is_same |= Path(path).is_file() and Path(path).samefile(value)
            expect(
                not is_same,
                f"another file than that of {other}",
                path,
                "choose another name",
                where=name,
            )


def _options(arguments: ArgumentCollection) -> ArgumentCollection:
    """The options: not the positional arguments, nor the dataclasses that hold the flags."""
    return ArgumentCollection(  # type: ignore[no-untyped-call]
        a
        for a in arguments
        if a.parse and a.index is None and a.name.startswith("--") and not a.children
    )
