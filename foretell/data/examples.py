"""Examples: texts with labels, from a file of any format or from Python objects."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.data import named
from foretell.data.decode import STDIN, existing, note
from foretell.data.delimited import csv_records
from foretell.data.formats import Format, format_named, format_of
from foretell.data.hub_records import hub_records
from foretell.data.options import PYTHON, Arguments, Part, ReadOptions
from foretell.data.records import Record
from foretell.data.source import Source
from foretell.errors import DataError
from foretell.hf.address import is_address
from foretell.label_types import LabelType, common_type, ordered

if TYPE_CHECKING:
    from foretell.data.label_sets import LabelSets

__all__ = ["Examples", "Part", "Record", "iter_records", "read_examples"]


@dataclass(frozen=True)
class Examples:
    """Texts with labels.

    >>> Examples(["good", "bad"], ["pos", "neg"]).label_names
    ['neg', 'pos']

    Attributes:
        texts: the texts, none of them empty.
        labels: the label of each.
        notes: what was chosen, dropped or guessed while reading, one sentence each.
        name: for messages.
        dropped: the number of records that were dropped, by reason.
        weights: how much each text counts in training; None: 1 each.
        label_type: the type of the values that the labels stand for.
        sets: the labels of each text, where a text may have several; `labels` then has them joined. None:
            each text has one label.
    """

    texts: list[str]
    labels: list[str]
    notes: list[str] = field(default_factory=list)
    name: str = "examples"
    dropped: dict[str, int] = field(default_factory=dict)
    weights: list[float] | None = None
    label_type: LabelType = "text"
    sets: LabelSets | None = None

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise DataError(
                expected=f"{len(self.texts)} labels, one for each text", found=str(len(self.labels))
            )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def label_names(self) -> list[str]:
        """The distinct labels, sorted as their type is."""
        return self.sets.names if self.sets is not None else ordered(self.labels, self.label_type)

    def select(self, places: Iterable[int], name: str | None = None) -> Examples:
        """Return the examples at `places`, without notes."""
        chosen = list(places)
        return Examples(
            [self.texts[place] for place in chosen],
            [self.labels[place] for place in chosen],
            name=name or self.name,
            weights=None if self.weights is None else [self.weights[place] for place in chosen],
            label_type=self.label_type,
            sets=None if self.sets is None else self.sets.select(chosen),
        )


def iter_records(
    source: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    format: str | None = None,
    need_label: bool = False,
    part: Part | None = None,
    notes: list[str] | None = None,
    arguments: Arguments = PYTHON,
    several_labels: bool = False,
) -> Iterator[Record]:
    """Read records one by one, in constant memory, in the order of the source.

    Args:
        source: a file, "-" for standard input, a folder with one folder for each label, a named set, a data
            set on the Hub (`hf://owner/name[@revision][#split]`); a table that `frame_records` reads; or what
            `sequence_records` reads.
        text: the name of the text column; None: chosen where it is clear.
        label: the name of the label column; None: chosen where it is clear.
        format: the name of a format (`foretell.data.formats.FORMATS`); None: by the name's ending, or else by
            the content.
        need_label: whether the records must have labels. If not, a plain file is one text a line.
        part: which part of a named set, of a DatasetDict, or of a folder that holds `train` and `test`.
        notes: a list to which notes are added.
        arguments: how the caller's interface spells its arguments, for errors.
        several_labels: whether a text may have several labels, so that a list of them is no error.

    Raises:
        DataError: the source cannot be read, or its columns are not clear.
        UsageError: there is no such format, or an address on the Hub is none.
        HubError: the Hub cannot be reached, or has no such data set for this user.
        MissingExtraError: the format needs a package that is not installed.
    """
    notes = [] if notes is None else notes
    options = ReadOptions(
        text=text, label=label, need_label=need_label, part=part, arguments=arguments,
        several_labels=several_labels,
    )  # fmt: skip
    if not isinstance(source, (str, Path)):
        return _python_records(source, options, notes)
    if str(source) in named.NAMED_EXAMPLES and format is None:
        return _named_records(str(source), part or "train", notes)
    if str(source) in named.NAMED and format is None:
        raise DataError(
            expected="examples with labels", found=f"the corpus '{source}'", where=str(source),
            fix=f"name a file, or one of {', '.join(sorted(named.NAMED_EXAMPLES))}",
        )  # fmt: skip
    chosen = None if format is None else format_named(format)
    if is_address(source):
        return hub_records(str(source), options, notes, chosen)
    path = source if str(source) == STDIN else existing(source, named.NAMED_EXAMPLES)
    return _file_records(Source(path, options, notes), chosen)


def read_examples(
    source: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    part: Part = "train",
    format: str | None = None,
    arguments: Arguments = PYTHON,
    multi_label: str = "",
) -> Examples:
    """Read all examples of a source; drop records without a text or a label, with a note.

    Args:
        source: as for `iter_records`, or `Examples`, which are returned unchanged.
        text, label, format, arguments: as for `iter_records`.
        part: of a source with several parts: "train", "valid" or "test".
        multi_label: what separates the labels of a text; "": each text has one label.

    Raises:
        DataError: as for `iter_records`, or no labels at all.
    """
    if isinstance(source, Examples):
        return source
    notes: list[str] = []
    records = iter_records(
        source, text=text, label=label, format=format, need_label=True, part=part, notes=notes,
        arguments=arguments, several_labels=bool(multi_label),
    )  # fmt: skip
    return gather(records, name_of(source), notes, separator=multi_label)


def gather(
    records: Iterable[Record],
    name: str,
    notes: list[str],
    kept: Callable[[int, Record], object] | None = None,
    separator: str = "",
) -> Examples:
    """Return the examples of records; drop records without a text or a label, with a note.

    Args:
        records: in the order of the source.
        name: of the source.
        notes: those that the reader of the records adds to.
        kept: is called with the number (from 1) and the record of each example.
        separator: of the labels of a text; "": each text has one label.
    """
    if separator:
        from foretell.data.label_sets import gather_sets

        return gather_sets(records, name, notes, separator, kept)
    texts: list[str] = []
    labels: list[str] = []
    dropped: Counter[str] = Counter()
    types: set[LabelType] = set()
    for number, record in enumerate(records, start=1):
        if not record.text.strip():
            dropped["an empty text"] += 1
        elif record.label is None:
            dropped["no label (empty or NaN)"] += 1
        else:
            texts.append(record.text)
            # Labels repeat: one string for each saves memory.
            labels.append(sys.intern(record.label))
            types.add(record.label_type)
            if kept is not None:
                kept(number, record)
    for reason, count in dropped.items():
        note(notes, f"{name}: dropped {count:,} record{'' if count == 1 else 's'} with {reason}")
    label_type = common_type(types) if types else "text"
    return Examples(texts, labels, notes, name, dict(dropped), label_type=label_type)


def _python_records(source: Any, options: ReadOptions, notes: list[str]) -> Iterator[Record]:
    # A prediction from a file starts faster without these imports.
    from foretell.data.frames import frame_records, has_columns
    from foretell.data.sequences import sequence_records

    return frame_records(source, options, notes) if has_columns(source) else sequence_records(source, options)


def name_of(source: Any) -> str:
    """Return the name of a source, for messages."""
    if isinstance(source, (str, Path)):
        if str(source) == STDIN:
            return "standard input"
        return str(source) if is_address(source) else Path(source).name or str(source)
    from foretell.data.frames import has_columns

    return type(source).__name__ if has_columns(source) else "examples"


def _named_records(name: str, part: Part, notes: list[str]) -> Iterator[Record]:
    if name == "reviews":
        with named.sample("reviews.csv") as path, Source(path, _REVIEWS, notes) as source:
            yield from csv_records(source)
        return
    if part == "valid":
        raise DataError(expected="a part of imdb: train or test", found="valid", where=name)
    reviews = named.imdb(part, notes=notes)
    for text, label in zip(reviews.texts, reviews.labels, strict=True):
        yield Record(text, label, {"text": text, "label": label})


_REVIEWS = ReadOptions(text="text", label="label", need_label=True)


def _file_records(source: Source, chosen: Format | None) -> Iterator[Record]:
    with source:
        yield from (chosen or format_of(source)).read(source)
