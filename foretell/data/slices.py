"""Examples with the values of one more column, to evaluate a model on each value's texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foretell.data.estimator_inputs import labels_of, texts_of
from foretell.data.examples import Examples, gather, iter_records, name_of, read_examples
from foretell.data.label_set_inputs import sets_of
from foretell.data.label_sets import examples_of
from foretell.data.options import PYTHON, Arguments, Part
from foretell.data.records import Record, text_of, values_of
from foretell.errors import DataError

MAX_VALUES = 200
EMPTY = "(empty)"
"""What an empty cell is called."""
_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column beside texts and labels.

    Attributes:
        name: of the column.
        values: the value of each text, as text; `EMPTY` where there is none.

    Raises:
        DataError: more than 200 different values.
    """

    name: str
    values: Sequence[str]

    def __post_init__(self) -> None:
        distinct = len(set(self.values))
        if distinct > MAX_VALUES:
            raise DataError(
                expected=f"a column with at most {MAX_VALUES} different values",
                found=f"{distinct:,}",
                where=f"the column '{self.name}'",
                fix="name a column that divides the texts into groups",
            )


def read_with_column(
    source: Any,
    column: str,
    *,
    text: str | None = None,
    label: str | None = None,
    part: Part = "test",
    format: str | None = None,
    arguments: Arguments = PYTHON,
    multi_label: str = "",
) -> tuple[Examples, Column]:
    """Read all examples of a source, with the value of `column` for each.

    Args:
        source, text, label, part, format, arguments, multi_label: as for `read_examples`.
        column: the name of a column.

    Raises:
        DataError: as for `read_examples`, no such column, or one with more than 200 different values.
    """
    values: list[str] = []
    notes: list[str] = []
    records = iter_records(
        source, text=text, label=label, format=format, need_label=True, part=part, notes=notes,
        arguments=arguments, several_labels=bool(multi_label),
    )  # fmt: skip
    name = name_of(source)

    def keep(_: int, record: Record) -> None:
        if column not in record.fields:
            raise DataError(
                expected=f"a column named '{column}'",
                found=f"the columns {', '.join(list(record.fields)[:_NAMES_SHOWN])}",
                where=name,
            )
        values.append(value_of(record.fields[column]))

    examples = gather(records, name, notes, keep, multi_label)
    return examples, Column(column, values)


def value_of(value: object) -> str:
    """Return a cell as the name of a group: without white space around it; `EMPTY` where it is missing."""
    return text_of(value).strip() or EMPTY


def evaluation_data(
    source: Any,
    y: Any,
    text: str | None,
    label: str | None,
    by: Any,
    *,
    multi_label: str = "",
    names: Sequence[str] = (),
) -> tuple[Examples, Column | None]:
    """Return what `TextClassifier.evaluate` was given: examples, and the column of `by`.

    Args:
        source: texts, or without `y` a source of records.
        y: the label of each text; None: the source has the labels.
        text, label: the names of columns.
        by: the name of a column of a source of records, or a value for each text; None: no column.
        multi_label: what separates the labels of a text; "": each text has one label.
        names: the labels of `y` where it is a matrix without names.

    Raises:
        DataError: as for `read_with_column`, or another number of values than of texts.
    """
    if y is None and isinstance(by, str):
        return read_with_column(source, by, text=text, label=label, multi_label=multi_label)
    if y is None:
        examples = read_examples(source, text=text, label=label, part="test", multi_label=multi_label)
    elif multi_label:
        sets, label_type = sets_of(y, names)
        examples = examples_of(texts_of(source), sets, multi_label, label_type=label_type)
    else:
        examples = Examples(texts_of(source), labels_of(y))
    if by is None:
        return examples, None
    if isinstance(by, str):
        raise DataError(
            expected="a value for each text",
            found=f"the name '{by}'",
            where="by",
            fix="give a list of values",
        )
    values = [value_of(value) for value in values_of(by)]
    if len(values) != len(examples):
        raise DataError(
            expected=f"{len(examples)} values, one for each text", found=str(len(values)), where="by"
        )
    return examples, Column(str(getattr(by, "name", None) or "by"), values)
