"""Several labels for each text: which apply, which do not, and which are unknown."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float32s
from foretell.data.decode import note
from foretell.data.examples import Examples
from foretell.data.records import Record, label_of
from foretell.errors import DataError
from foretell.label_types import LabelType, common_type, ordered

_NAMES_SHOWN = 20


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
        """Return the sets of texts whose labels are listed.

        Args:
            lists: the labels of each text; None: all are unknown.
            names: all labels.
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
        known = set(names)
        applies = (self.values == 1).any(axis=0)
        return [name for name, used in zip(self.names, applies, strict=True) if used and name not in known]

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
    if record.labels is not None:
        return record.labels
    if record.label is None:
        return None
    parts = (label_of(part) for part in record.label.split(separator))
    return tuple(dict.fromkeys(part for part in parts if part is not None))


def gather_sets(
    records: Iterable[Record],
    name: str,
    notes: list[str],
    separator: str,
    kept: Callable[[int, Record], object] | None = None,
) -> Examples:
    """Return the examples of records that may have several labels; arguments as for `examples.gather`.

    Records without a text, or whose labels are unknown, are dropped with a note.
    """
    texts: list[str] = []
    lists: list[tuple[str, ...]] = []
    dropped: Counter[str] = Counter()
    types: set[LabelType] = set()
    for number, record in enumerate(records, start=1):
        labels = names_in(record, separator)
        if not record.text.strip():
            dropped["an empty text"] += 1
        elif labels is None:
            dropped["unknown labels (an empty cell)"] += 1
        else:
            texts.append(record.text)
            lists.append(tuple(map(sys.intern, labels)))
            types.update([record.label_type] if labels else [])
            if kept is not None:
                kept(number, record)
    for reason, count in dropped.items():
        note(notes, f"{name}: dropped {count:,} record{'' if count == 1 else 's'} with {reason}")
    if without := sum(not labels for labels in lists):
        note(notes, f"{name}: {without:,} text{'' if without == 1 else 's'} to which no label applies")
    label_type = common_type(types) if types else "text"
    sets = LabelSets.of_lists(lists, ordered((label for labels in lists for label in labels), label_type))
    return examples_of(
        texts, sets, separator, name=name, notes=notes, dropped=dict(dropped), label_type=label_type
    )


def examples_of(texts: list[str], sets: LabelSets, separator: str, **more: object) -> Examples:
    """Return examples with several labels; `more` are further fields of `Examples`."""
    return Examples(texts, sets.joined(separator), sets=sets, **more)  # type: ignore[arg-type]


def check_known_labels(sets: LabelSets, names: Sequence[str], where: str) -> None:
    """Check that no label applies that is not among `names`.

    Raises:
        DataError: one does.
    """
    if unknown := sets.others(names):
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        raise DataError(
            expected=f"the labels {', '.join(names[:_NAMES_SHOWN])}{more}",
            found=", ".join(unknown[:_NAMES_SHOWN]),
            where=where,
        )
