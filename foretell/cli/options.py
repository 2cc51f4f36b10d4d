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
    from foretell.data.records import Arguments, Part

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


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class TextInput:
    """Which texts a source of records holds.

    Attributes:
        text: Name the column with the texts, where it is not clear.
        input_format: Name the format of the data, where its name does not show it.
    """

    text: Annotated[str | None, Parameter(metavar="COLUMN")] = None
    input_format: InputFormat | None = None

    def arguments(self) -> Arguments:
        """Return how a command with these options spells them, for errors."""
        from foretell.data.records import Arguments

        return Arguments(text="--text {}", label=None, format="--input-format {}")


@Parameter(name="*", group=DATA)
@dataclass(frozen=True, kw_only=True)
class LabelledInput:
    """Which texts and labels a source of records holds.

    Attributes:
        text: Name the column with the texts, where it is not clear.
        label: Name the column with the labels, where it is not clear.
        input_format: Name the format of the data, where its name does not show it.
    """

    text: Annotated[str | None, Parameter(metavar="COLUMN")] = None
    label: Annotated[str | None, Parameter(metavar="COLUMN")] = None
    input_format: InputFormat | None = None

    def arguments(self) -> Arguments:
        """Return how a command with these options spells them, for errors."""
        from foretell.data.records import Arguments

        return Arguments(text="--text {}", label="--label {}", format="--input-format {}")

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

        return read_examples(
            source,
            text=self.text,
            label=self.label,
            format=self.input_format,
            part=part,
            arguments=self.arguments(),
            multi_label=multi_label,
        )


ANY_TEXTS = TextInput()
ANY_RECORDS = LabelledInput()
