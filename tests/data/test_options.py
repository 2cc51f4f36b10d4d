"""What to read, and the arguments that errors name."""

from __future__ import annotations

from foretell.data.options import PYTHON, Arguments, ReadOptions


def test_arguments_are_spelled_as_the_interface_spells_them() -> None:
    command_line = Arguments(text="--text {}", format="--input {}", label=None)
    assert PYTHON.spell("text", "body") == "text='body'"
    assert command_line.spell("text", "body") == "--text body"
    assert command_line.spell("format", "csv") == "--input csv"
    assert command_line.spell("label", "team") is None


def test_without_an_argument_the_column_is_to_be_renamed() -> None:
    assert PYTHON.choose("label") == "name it with label='COLUMN'"
    assert Arguments(label=None).choose("label") == "rename the column to 'label'"


def test_columns_are_named_where_one_is() -> None:
    assert not ReadOptions().names_columns
    assert ReadOptions(label="team").names_columns
