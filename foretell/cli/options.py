"""Options that several commands share; and their values: flag, environment, --config, or default."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Argument, ArgumentCollection, Group, Parameter, Token

from foretell.cli.output import Format
from foretell.errors import UsageError
from foretell.readable import did_you_mean

if TYPE_CHECKING:
    from cyclopts import App

    from foretell.data.examples import Examples
    from foretell.data.records import Arguments, Part, Reading

DATA = Group("Data", sort_key=3)
OUTPUT = Group("Output", sort_key=4)
RARE = " (more)"
"""How the name of a group ends whose options only `--help-all` shows."""


def rare(group: Group) -> Group:
    """Return the group for the less common options of `group`; `--help-all` lists them after the others."""
    return Group(group.name + RARE, sort_key=group.sort_key)


InputFormat = Literal["text", "csv", "tsv", "jsonl", "json", "parquet", "excel", "fasttext"]
Switch = Annotated[bool, Parameter(negative=())]
"""A flag without a value and without a `--no-` form."""

Literally = Annotated[bool, Parameter(name="--literal", negative=(), group=DATA)]
"""The flag of the commands that take texts or files; see `foretell.cli.inputs`."""


def whole_number(hint: object, tokens: Sequence[Token]) -> int:
    """Convert an option to an int; cyclopts alone would round 1.5."""
    del hint
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f'unable to convert "{tokens[0].value}" into a whole number') from None


Whole = Annotated[int, Parameter(converter=whole_number)]
Cache = Annotated[Whole, Parameter(name="--cache", metavar="N")]
"""The option of the commands that predict words; see `foretell.ngrams.cache`."""


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Output:
    """How the answer is written to stdout.

    Attributes:
        format: Write text (for people), jsonl (one JSON object a line), csv, or csv-raw. csv puts an
            apostrophe before texts that a spreadsheet would run as a formula; csv-raw does not.
        json: Short for --format jsonl.
    """

    format: Format = "text"
    json: Switch = False

    def chosen(self) -> Format:
        """Return the format that was asked for.

        Raises:
            UsageError: --json and another --format than jsonl.
        """
        if not self.json:
            return self.format
        if self.format not in ("text", "jsonl"):
            raise UsageError(
                expected="one output format",
                found=f"--json and --format {self.format}",
                fix="leave one of them out",
            )
        return "jsonl"


AS_TEXT = Output()
ColumnName = Annotated[str | None, Parameter(metavar="COLUMN")]
HeaderRow = Annotated[Annotated[int, Parameter(converter=whole_number)] | None, Parameter(metavar="N")]
SheetName = Annotated[str | None, Parameter(metavar="NAME")]


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class TextInput:
    """Which texts a source of records holds.

    Attributes:
        text: Name the column with the texts, where it is not clear.
        input_format: Name the format of the data, where its name does not show it.
        header_row: Read the names of the columns from row N of a table, where a title stands above it.
        sheet: Read this sheet of a spreadsheet, instead of the first with records.
    """

    text: ColumnName = None
    input_format: InputFormat | None = None
    header_row: HeaderRow = None
    sheet: SheetName = None

    def arguments(self) -> Arguments:
        """Return how a command with these options spells them, for errors."""
        return _arguments(None)

    def how(self) -> Reading:
        """Return the options of reading."""
        return _reading(self, _arguments(None))


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class LabelledInput:
    """Which texts and labels a source of records holds.

    Attributes:
        text: Name the column with the texts, where it is not clear.
        label: Name the column with the labels, where it is not clear.
        input_format: Name the format of the data, where its name does not show it.
        header_row: Read the names of the columns from row N of a table, where a title stands above it.
        sheet: Read this sheet of a spreadsheet, instead of the first with records.
    """

    text: ColumnName = None
    label: ColumnName = None
    input_format: InputFormat | None = None
    header_row: HeaderRow = None
    sheet: SheetName = None

    def arguments(self) -> Arguments:
        """Return how a command with these options spells them, for errors."""
        return _arguments("--label {}")

    def how(self, *, multi_label: str = "") -> Reading:
        """Return the options of reading; `multi_label` is what separates the labels of a text."""
        reading = _reading(self, self.arguments())
        reading["label"], reading["multi_label"] = self.label, multi_label
        return reading

    def read(self, source: str, *, part: Part, multi_label: str = "") -> Examples:
        """Read the texts and labels of a source.

        Args:
            source: a file, a folder, "-" for standard input, or a named set.
            part: of a source that is divided into parts.
            multi_label: what separates the labels of a text; "": each text has one.

        Raises:
            DataError: the source cannot be read, or its columns are not clear.
        """
        from foretell.data.examples import read_examples

        how = self.how(multi_label=multi_label)
        how["part"] = part
        return read_examples(source, **how)


def _arguments(label: str | None) -> Arguments:
    """Return how the command line spells arguments; `label` is that of the label column."""
    from foretell.data.records import Arguments

    return Arguments(
        text="--text {}", label=label, format="--input-format {}", header_row="--header-row {}",
        sheet="--sheet {}",
    )  # fmt: skip


def _reading(given: TextInput | LabelledInput, arguments: Arguments) -> Reading:
    """Return the options of reading; UsageError: --header-row below 1."""
    if given.header_row is not None and given.header_row < 1:
        raise UsageError(expected="1 or more", found=str(given.header_row), where="--header-row")
    return {
        "text": given.text, "format": given.input_format, "header_row": given.header_row,
        "sheet": given.sheet, "arguments": arguments,
    }  # fmt: skip


ANY_TEXTS = TextInput()
ANY_RECORDS = LabelledInput()
PREFIX = "FORETELL_"

# Folders of the full data sets and of downloads: they are not the values of --data and --cache.
_RESERVED = frozenset({"FORETELL_DATA", "FORETELL_CACHE"})

# FORETELL_FOLDS is the setting of a training; here the flag asks for several trainings.
_FLAG_ONLY = frozenset({("evaluate", "folds")})


def from_environment(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value that of its FORETELL_* variable: FORETELL_UNITS is --units."""
    del app
    for argument in _options(arguments):
        name = argument.name.lstrip("-")
        if (" ".join(commands), name) in _FLAG_ONLY:
            continue
        variable = PREFIX + name.upper().replace("-", "_")
        if variable in os.environ and variable not in _RESERVED and not argument.tokens:
            argument.append(Token(keyword=variable, value=os.environ[variable], source="environment"))


def from_toml(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value that of the file which --config names.

    Keys are the names of the flags, with - or _.

    Raises:
        UsageError: no such file, not TOML, or a key that is no option of this command.
    """
    del app
    known = {argument.name.lstrip("-"): argument for argument in _options(arguments)}
    config = known.pop("config", None)
    if config is None or not config.tokens:
        return
    path = Path(config.tokens[-1].value)
    command = " ".join(commands)
    for key, value in _read_toml(path).items():
        name = key.replace("_", "-")
        if name not in known:
            raise _unknown_key(key, path, command, sorted(known))
        if isinstance(value, dict | list):
            raise UsageError(expected="one value", found=f"{value!r}", where=f"{path}, {key}")
        if not known[name].tokens:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            known[name].append(Token(keyword=f"{path}, {key}", value=text, source=str(path)))


def _options(arguments: ArgumentCollection) -> Iterator[Argument]:
    """The options: not the positional arguments, nor the dataclasses that hold the flags."""
    return (
        a for a in arguments if a.parse and a.index is None and a.name.startswith("--") and not a.children
    )


def _read_toml(path: Path) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        found = "too many levels" if isinstance(error, RecursionError) else str(error)
        raise UsageError(expected="a TOML file", found=found, where=str(path)) from error
    except OSError as error:
        raise UsageError(
            expected="a TOML file", found=error.strerror or str(error), where=str(path), fix="check --config"
        ) from error


def _unknown_key(key: str, path: Path, command: str, known: list[str]) -> UsageError:
    fix = did_you_mean(key.replace("_", "-"), known) or f"see foretell {command} --help-all"
    return UsageError(expected=f"an option of foretell {command}", found=f"'{key}'", where=str(path), fix=fix)
