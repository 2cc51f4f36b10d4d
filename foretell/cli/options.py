"""Options that several commands share: input, output, numbers and switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter, Token

from foretell.cli.output import Format
from foretell.errors import UsageError

if TYPE_CHECKING:
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
