"""Several labels for each text: which apply, which do not, and which are unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np

from foretell.arrays import Array, Float32s, Int32s
from foretell.data.label_types import LabelType, common_type, label_name, ordered, type_of
from foretell.data.records import Record, as_list, is_missing, label_of, values_of
from foretell.errors import DataError


@dataclass(frozen=True, eq=False)
class LabelSets:
    """The labels of some texts.

    Attributes:
        names: the labels, in the order of the columns.
        values: float32 [text, label]: 1 where the label applies, 0 where it does not, NaN: unknown.
    """

    names: list[str]
    values: Float32s

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[str] | None], names: Sequence[str]) -> LabelSets:
        """Return the sets of texts whose labels are listed, of all `names`; None: they are
        unknown.
        """
        place = {name: i for i, name in enumerate(names)}
        values = np.zeros((len(lists), len(names)), np.float32)
        for row, given in zip(values, lists, strict=True):
            if given is None:
                row[:] = np.nan
            else:
                row[[place[name] for name in given]] = 1
        return cls(list(names), values)

    def select(self, places: Sequence[int]) -> LabelSets:
        return LabelSets(self.names, self.values[np.asarray(places, np.int64)])

    def aligned(self, names: Sequence[str]) -> Float32s:
        """Return the values [text, label] of other labels: those that are not here apply to no
        text.
        """
        place = {name: i for i, name in enumerate(self.names)}
        padded = np.pad(self.values, ((0, 0), (0, 1)))
        return padded.take(np.array([place.get(name, -1) for name in names], np.int64), axis=1)

    def used(self) -> list[str]:
        """Return the labels that apply to a text here."""
        return [self.names[place] for place in np.flatnonzero((self.values == 1).any(axis=0))]

    def joined(self, separator: str) -> list[str]:
        """Return the labels that apply to each text, with a separator between them."""
        rows = (np.flatnonzero(row == 1) for row in self.values)
        return [separator.join(self.names[place] for place in row) for row in rows]


def names_in(record: Record, separator: str) -> tuple[str, ...] | None:
    """Return the labels of a record without repetitions; () where none applies, None where that is
    unknown.

    A list has them as it is; text is divided at the separator. A cell that holds only separators
    has none.
    """
    if record.labels is not None or record.label is None:
        return record.labels
    parts = (label_of(part) for part in record.label.split(separator))
    return tuple(dict.fromkeys(part for part in parts if part is not None))


def label_rows(y: Any, multi_label: str) -> tuple[Array | list[object], list[object] | None]:
    """Return what was given as labels, as a matrix [text, label] or a list of what each text has.

    That is a label, or a list of labels. A matrix may have names of its columns, which are returned
    too. One column is a matrix only with a separator `multi_label`, and otherwise a label for each
    text.
    """
    names = None
    found = y
    if hasattr(y, "columns") and hasattr(y, "to_numpy"):
        names = list(y.columns)
        found = y.to_numpy()
    elif hasattr(y, "toarray"):
        # SciPy's sparse matrices have this method.
        found = y.toarray()
    shape: tuple[int, ...] = tuple(getattr(found, "shape", (0,)))
    if len(shape) == 2 and (shape[1] != 1 or multi_label):
        return np.asarray(found), names
    if isinstance(y, str | bytes) or not isinstance(found, Iterable) or len(shape) > 2:
        what = f"one {type(y).__name__}" if len(shape) == 1 else f"an array of shape {shape}"
        raise DataError("one label for each text", what, where="y")
    values = np.asarray(found)[:, 0] if len(shape) == 2 else values_of(found)
    return list(map(_of_text, values)), None


def _of_text(value: object) -> object:
    """Return what a text has: a label, or a list of labels."""
    plain = value.value if isinstance(value, Enum) else value
    labels = as_list(plain)
    return plain if labels is None else labels


def sets_of(
    rows: Array | list[object], names: Sequence[object] | None
) -> tuple[LabelSets, LabelType]:
    """Return label sets, with the type of the labels, which are `names` or the numbers of the
    columns.

    `rows` are a matrix [text, label] of 0 and 1 (NaN: unknown), as scikit-learn's
    `MultiLabelBinarizer` makes it, or lists with its numbers; or a list of labels for each text
    (None: unknown).
    """
    if isinstance(rows, list) and not _are_numbers(rows, names or ("0", "1")):
        return _of_lists(rows)
    try:
        cells = np.asarray(rows)
        if cells.dtype == object:
            known = [[math.nan if is_missing(value) else value for value in row] for row in cells]
            cells = np.asarray(known)
        matrix = np.asarray(cells, np.float32)
    except (TypeError, ValueError):
        matrix = np.full((1, 1), 2, np.float32)
    if not (np.isnan(matrix) | (matrix == 0) | (matrix == 1)).all():
        expected = "a matrix of 0 and 1 (NaN: unknown), a column for each label"
        raise DataError(expected, "other values", where="y", fix="give lists of labels")
    columns = range(matrix.shape[1]) if names is None else names
    if len(set(columns)) != matrix.shape[1]:
        expected = f"a matrix with {len(set(columns))} columns, one for each label"
        raise DataError(expected, f"{matrix.shape[1]}", where="y")
    return LabelSets(list(map(label_name, columns)), matrix), common_type(map(type_of, columns))


def _are_numbers(rows: list[object], names: Sequence[object]) -> bool:
    """Whether these are lists of equally many 0 and 1, two or more."""
    lists = [row for row in rows if isinstance(row, list)]
    if len(lists) < len(rows) or len(set(map(len, lists))) != 1 or len(lists[0]) < 2:
        return False
    cells = chain.from_iterable(lists)
    are = all(isinstance(cell, Real) and (cell in (0, 1) or is_missing(cell)) for cell in cells)
    is_named = {"0", "1"} <= {*map(label_name, names)}
    if are and is_named and {*map(tuple, lists)} <= {(0, 1), (1, 0)}:
        raise DataError(
            "a matrix of 0 and 1, or lists of labels",
            "lists that may be either",
            where="y",
            fix="give np.array(y), or the labels as text",
        )
    return are


def _of_lists(rows: list[object]) -> tuple[LabelSets, LabelType]:
    lists = [_labels_in(row, f"y[{place}]") for place, row in enumerate(rows)]
    label_type = common_type(type_of(value) for labels in lists for value in labels or ())
    named = [None if labels is None else list(map(label_name, labels)) for labels in lists]
    names = ordered((name for own in named for name in own or ()), label_type)
    return LabelSets.of_lists(named, names), label_type


def _labels_in(row: object, where: str) -> list[object] | None:
    """Return the labels of a text, of which an empty string is none; None: they are unknown."""
    if not isinstance(row, list) and is_missing(row):
        return None
    if not isinstance(row, list) or any(map(is_missing, row)):
        raise DataError("a list of labels for each text", f"{row!r:.60}", where=where)
    return [label for label in row if str(label) != ""]


def parts_of_groups(
    groups: Sequence[Sequence[int]], values: Float32s, shares: Sequence[float], seed: int
) -> Int32s:
    """Divide texts with several labels into parts, so that each label keeps its share in every
    part.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011, "On the Stratification of
    Multi-Label Data"): the texts of the rarest label are divided first, and each goes where most
    texts of that label are still wanted. The places in a group stay together; `values` are [text,
    label], `shares` of each part.

    Returns:
        The part of each text, [text], from 0; -1 for a text of no group.
    """
    of_group = np.stack(
        [np.nansum(values[list(group)], axis=0) for group in groups]
    )  # [group, label]
    sizes = np.array([len(group) for group in groups], np.float64)
    wanted = np.outer(shares, of_group.sum(axis=0))  # [part, label]
    room = np.array(shares) * sizes.sum()  # [part]
    order = np.random.default_rng(seed).permutation(len(groups))
    part_of = np.full(len(groups), -1, np.int32)

    def put(group: int, part: int) -> None:
        part_of[group] = part
        wanted[part] -= of_group[group]
        room[part] -= sizes[group]

    left = (of_group > 0).sum(axis=0)
    while left.max(initial=0) > 0:
        label = int(np.where(left > 0, left, np.iinfo(left.dtype).max).argmin())
        for group in order[(part_of[order] < 0) & (of_group[order, label] > 0)]:
            # Among equally wanted parts the one with more room, and then the first.
            put(group, int(np.lexsort((-room, -np.round(wanted[:, label], 9)))[0]))
            left -= of_group[group] > 0
    for group in order[part_of[order] < 0]:
        put(group, int(room.argmax()))
    result = np.full(len(values), -1, np.int32)
    for group, part in zip(groups, part_of, strict=True):
        result[list(group)] = part
    return result
