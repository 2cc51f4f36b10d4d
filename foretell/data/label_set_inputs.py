"""The `y` of an estimator whose texts may have several labels: a matrix of 0 and 1, or lists of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s
from foretell.data.label_sets import LabelSets
from foretell.data.records import as_list, is_missing
from foretell.errors import DataError
from foretell.label_types import LabelType, common_type, ordered, type_of


def has_several_labels(y: object) -> bool:
    """Return whether `y` has several labels for each text: a matrix, or lists, tuples or sets of labels."""
    shape = getattr(y, "shape", None)
    if shape is not None and len(shape) == 2:
        return bool(shape[1] != 1)
    if isinstance(y, str | bytes | Iterator) or not isinstance(y, Iterable):
        return False
    first = next((each for each in y if as_list(each) is not None or not is_missing(each)), None)
    return as_list(first) is not None


def sets_of(y: Any, names: Sequence[str] | None = None) -> tuple[LabelSets, LabelType]:
    """Return `y` as label sets, with the type of the labels.

    Args:
        y: a matrix [text, label] of 0 and 1 (NaN: unknown), as scikit-learn's `MultiLabelBinarizer` makes it:
            an array, a sparse matrix, a table whose columns are the labels, or lists of numbers. Or the
            labels of each text, as a list, tuple or set (None: unknown).
        names: the labels of a matrix without names; None: the numbers of its columns.

    Raises:
        DataError: other numbers than 0 and 1, or a matrix of another width than there are names.
    """
    matrix = _matrix(y)
    if matrix is None:
        return _of_lists(list(y))
    if hasattr(y, "columns"):
        listed = list(y.columns)
        return LabelSets([str(each) for each in listed], matrix), common_type(map(type_of, listed))
    if names is None:
        return LabelSets([str(place) for place in range(matrix.shape[1])], matrix), "integer"
    if len(names) != matrix.shape[1]:
        raise DataError(
            expected=f"a matrix with {len(names)} columns, one for each label",
            found=f"{matrix.shape[1]}",
            where="y",
        )
    return LabelSets(list(names), matrix), "text"


def _of_lists(given: list[Any]) -> tuple[LabelSets, LabelType]:
    lists: list[list[Any] | None] = []
    for place, each in enumerate(given):
        listed = as_list(each)
        if listed is None and not is_missing(each):
            raise DataError(
                expected="a list of labels for each text", found=f"{each!r:.60}", where=f"y[{place}]"
            )
        lists.append(listed)
    values = [value for listed in lists for value in listed or ()]
    label_type = common_type(map(type_of, values)) if values else "text"
    named = [None if listed is None else [str(value) for value in listed] for listed in lists]
    return LabelSets.of_lists(named, ordered(map(str, values), label_type)), label_type


def _matrix(y: Any) -> Float32s | None:
    """Return a matrix of 0, 1 and NaN; None: `y` has lists of labels."""
    values: Any = y
    if hasattr(y, "toarray"):
        values = y.toarray()
    elif hasattr(y, "columns") and hasattr(y, "to_numpy"):
        values = y.to_numpy()
    elif not hasattr(y, "shape"):
        values = _rows_of_numbers(y)
    elif np.ndim(y) != 2:
        return None
    if values is None:
        return None
    try:
        numbers = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        numbers = np.full((1, 1), 2, np.float32)
    if not (np.isnan(numbers) | (numbers == 0) | (numbers == 1)).all():
        raise DataError(
            expected="a matrix of 0 and 1 (NaN: unknown), a column for each label",
            found=f"other values, in an array of shape {np.shape(values)}",
            where="y",
            fix="give a list of the labels of each text",
        )
    return numbers


def _rows_of_numbers(y: Iterable[Any]) -> npt.NDArray[np.float64] | None:
    """Return lists of equally many 0 and 1 as a matrix; None: they are lists of labels."""
    rows = [as_list(each) for each in y]
    widths = {None if row is None else len(row) for row in rows}
    if len(widths) != 1 or None in widths or widths <= {0, 1}:
        return None
    numbers = all(isinstance(v, int | float | np.number | np.bool_) for row in rows for v in row or ())
    if not numbers or not {float(v) for row in rows for v in row or () if v == v} <= {0.0, 1.0}:
        return None
    return np.array(rows, np.float64)
