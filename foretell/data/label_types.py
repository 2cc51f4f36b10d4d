"""The type of a model's labels: names are text, and each stands for a value of the type that the
data had.

A model directory stores names and the type. `classes_`, answers in Python and JSON have the values,
in the order of their type: 9 comes before 10. Labels from CSV and spreadsheets, and dates, are
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import numpy as np

from foretell.arrays import Array

LabelType = Literal["text", "integer", "number", "boolean"]

Label = str | int | float | bool
"""What a name stands for, of Python's own types."""

LABEL_TYPES: tuple[LabelType, ...] = get_args(LabelType)

_OF_KIND: dict[str, LabelType] = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
_DTYPES: dict[LabelType, str] = {"integer": "int64", "number": "float64", "boolean": "bool"}


def type_of(value: object) -> LabelType:
    """Return the type of one label, as a record or an array has it. A whole float counts as an
    integer.
    """
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | np.integer):
        return "integer"
    if isinstance(value, float | np.floating):
        return "integer" if float(value).is_integer() else "number"
    return "text"


def label_name(label: object, known: Sequence[str] = ()) -> str:
    """Return the name of a label: a whole number has no fraction, unless a `known` name has one."""
    if isinstance(label, float | np.floating) and label.is_integer() and str(label) not in known:
        return str(int(label))
    return str(label)


def common_type(types: Iterable[LabelType]) -> LabelType:
    """Return the type of labels of several types; "text" where they have none in common."""
    found = set(types)
    if len(found) == 1:
        return found.pop()
    return "number" if found == {"integer", "number"} else "text"


def dtype_type(values: Array) -> LabelType:
    return _OF_KIND.get(values.dtype.kind, "text")


def values_of_names(names: Sequence[str], label_type: LabelType) -> list[Label]:
    """Return the values that names stand for, as Python's types; raise ValueError for one of
    another type.
    """
    if label_type == "text":
        return list(names)
    if label_type == "boolean":
        if not {*names} <= {"True", "False"}:
            raise ValueError("labels that are no booleans")
        return [name == "True" for name in names]
    return [int(name) if label_type == "integer" else float(name) for name in names]


def classes_of_names(names: Sequence[str], label_type: LabelType) -> Array:
    """Return the values that names stand for, as an array [label]."""
    values = values_of_names(names, label_type)
    try:
        return np.array(values, _DTYPES.get(label_type))
    except OverflowError:
        return np.array(values, object)


def ordered(names: Iterable[str], label_type: LabelType) -> list[str]:
    """Return distinct names in the order of `classes_`: that of the values they stand for.

    Raises:
        ValueError: a name of another type, or two of the same value.
    """
    distinct = sorted(set(names))
    if label_type == "text":
        return distinct
    values = values_of_names(distinct, label_type)
    if len(set(values)) != len(values):
        raise ValueError("two labels of the same value")
    return [name for _, name in sorted(zip(values, distinct, strict=True))]


def json_value(label: object) -> Label:
    """Return a label as JSON can hold it."""
    return label if isinstance(label, Label) else str(label)
