"""Several labels for each text: which apply, which do not, and which are unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Array, Float32s
from foretell.data.label_types import LabelType, common_type, ordered, type_of
from foretell.data.records import Record, as_list, is_missing, label_of
from foretell.errors import DataError
from foretell.readable import listed


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
        """Return the sets of texts whose labels are listed, of all `names`; None: they are unknown."""
        place = {name: i for i, name in enumerate(names)}
        values = np.zeros((len(lists), len(names)), np.float32)
        for row, given in zip(values, lists, strict=True):
            if given is None:
                row[:] = np.nan
            else:
                row[[place[name] for name in given]] = 1
        return cls(list(names), values)

    def select(self, places: Sequence[int]) -> LabelSets:
        """Return the sets of the texts at `places`."""
        return LabelSets(self.names, self.values[np.asarray(places, np.int64)])

    def aligned(self, names: Sequence[str]) -> Float32s:
        """Return the values [text, label] of other labels: those that are not here apply to no text."""
        place = {name: i for i, name in enumerate(self.names)}
        values = np.zeros((len(self.values), len(names)), np.float32)
        for column, name in enumerate(names):
            if name in place:
                values[:, column] = self.values[:, place[name]]
        return values

    def others(self, names: Sequence[str]) -> list[str]:
        """Return the labels that apply to a text here and are not among `names`."""
        applies = (self.values == 1).any(axis=0)
        return [name for name, used in zip(self.names, applies, strict=True) if used and name not in names]

    def positives(self) -> Float32s:
        """Return how many texts each label applies to, [label]."""
        counts: Float32s = np.nansum(self.values, axis=0)
        return counts

    def joined(self, separator: str) -> list[str]:
        """Return the labels that apply to each text, with a separator between them."""
        rows = (np.flatnonzero(row == 1) for row in self.values)
        return [separator.join(self.names[place] for place in row) for row in rows]


def names_in(record: Record, separator: str) -> tuple[str, ...] | None:
    """Return the labels of a record without repetitions; () where none applies, None where that is unknown.

    A list has them as it is; text is divided at the separator. A cell that holds only separators has none.
    """
    if record.labels is not None or record.label is None:
        return record.labels
    parts = (label_of(part) for part in record.label.split(separator))
    return tuple(dict.fromkeys(part for part in parts if part is not None))


def check_known_labels(sets: LabelSets, names: Sequence[str], where: str) -> None:
    """Raise DataError where a label applies that is not among `names`."""
    if unknown := sets.others(names):
        raise DataError(expected=f"the labels {listed(names)}", found=listed(unknown), where=where)


def has_several_labels(y: object) -> bool:
    """Return whether `y` has several labels for each text: a matrix, or lists, tuples or sets of labels."""
    shape = getattr(y, "shape", None)
    if shape is not None and len(shape) == 2:
        return bool(shape[1] != 1)
    if isinstance(y, str | bytes | Iterator) or not isinstance(y, Iterable):
        return False
    first = next((each for each in y if as_list(each) is not None or not is_missing(each)), None)
    return as_list(first) is not None


def sets_of(y: object, names: Sequence[str] | None = None) -> tuple[LabelSets, LabelType]:
    """Return `y` as label sets, with the type of the labels.

    Args:
        y: a matrix [text, label] of 0 and 1 (NaN: unknown), as scikit-learn's `MultiLabelBinarizer` makes it:
            an array, a sparse matrix, a table whose columns are the labels, or lists of numbers. Or the
            labels of each text, as a list, tuple or set (None: unknown).
        names: the labels of a matrix without names; None: the numbers of its columns.
    """
    matrix = _matrix(y)
    if matrix is None:
        return _of_lists(list(y) if isinstance(y, Iterable) else [y])
    if hasattr(y, "columns"):
        return LabelSets([str(each) for each in y.columns], matrix), common_type(map(type_of, y.columns))
    width = matrix.shape[1]
    if names is None:
        return LabelSets([str(place) for place in range(width)], matrix), "integer"
    if len(names) != width:
        expected = f"a matrix with {len(names)} columns, one for each label"
        raise DataError(expected=expected, found=f"{width}", where="y")
    return LabelSets(list(names), matrix), "text"


def _of_lists(given: Sequence[object]) -> tuple[LabelSets, LabelType]:
    lists = list(map(as_list, given))
    for place, (each, own) in enumerate(zip(given, lists, strict=True)):
        if own is None and not is_missing(each):
            found = f"{each!r:.60}"
            raise DataError(expected="a list of labels for each text", found=found, where=f"y[{place}]")
    label_type = common_type(type_of(value) for own in lists for value in own or ())
    named = [None if own is None else list(map(str, own)) for own in lists]
    names = ordered((name for own in named for name in own or ()), label_type)
    return LabelSets.of_lists(named, names), label_type


def _matrix(y: object) -> Float32s | None:
    """Return a matrix of 0, 1 and NaN; None: `y` has lists of labels."""
    values: Any = None
    if hasattr(y, "toarray"):
        values = y.toarray()
    elif hasattr(y, "columns") and hasattr(y, "to_numpy"):
        values = y.to_numpy()
    elif not hasattr(y, "shape"):
        values = _rows_of_numbers(y)
    elif np.ndim(np.asarray(y)) == 2:
        values = y
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


def _rows_of_numbers(y: object) -> Array | None:
    """Return lists of equally many 0 and 1 as a matrix; None: they are lists of labels."""
    try:
        rows = np.array([as_list(each) for each in y] if isinstance(y, Iterable) else y)
    except ValueError:  # lists of different lengths
        return None
    is_matrix = rows.ndim == 2 and rows.shape[1] > 1 and rows.dtype.kind in "biuf"
    return rows if is_matrix and np.isin(rows[rows == rows], (0, 1)).all() else None


def parts_of_groups(
    groups: Sequence[Sequence[int]], values: Float32s, shares: Sequence[float], seed: int
) -> npt.NDArray[np.int32]:
    """Divide texts with several labels into parts, so that each label keeps its share in every part.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011, "On the Stratification of Multi-Label
    Data"): the texts of the rarest label are divided first, and each goes where most texts of that label are
    still wanted. The places in a group stay together; `values` are [text, label], `shares` of each part.

    Returns:
        The part of each text, [text], from 0; -1 for a text of no group.
    """
    of_group = np.stack([np.nansum(values[list(group)], axis=0) for group in groups])  # [group, label]
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
