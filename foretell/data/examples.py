"""Examples: texts with labels, from a file of any format or from Python; unlabelled texts; label
hints.
"""

from __future__ import annotations

import itertools
import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Unpack

from foretell.data import named
from foretell.data.decode import STDIN, existing, note
from foretell.data.formats import read_source
from foretell.data.label_sets import LabelSets, names_in
from foretell.data.label_types import LabelType, common_type, label_name, ordered, type_of
from foretell.data.memory import MemoryWatch
from foretell.data.record_source import RecordSource
from foretell.data.records import (
    Part,
    Reading,
    ReadOptions,
    Record,
    spelled,
    text_of,
    value_at,
)
from foretell.data.several import several_files
from foretell.data.text_keys import text_key
from foretell.errors import DataError
from foretell.hub.client import data_files, is_address
from foretell.readable import listed, number_of

MAX_VALUES = 200
EMPTY = "(empty)"
"""What an empty cell of a column to compare by is called."""
_HINTS = "label hints"

HubFiles = tuple[str, list[Path]]
"""The address of a data set on the Hub with its commit hash, and its files in the cache."""


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
        sets: the labels of each text, where a text may have several; `labels` then has them joined.
            None: each text has one label.
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
            raise DataError(f"{len(self.texts)} labels, one for each text", len(self.labels))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def label_names(self) -> list[str]:
        """The distinct labels, sorted as their type is."""
        return ordered(self.labels, self.label_type) if self.sets is None else self.sets.names

    @cached_property
    def keys(self) -> list[bytes]:
        """A digest of each text that is the same for texts which differ only in case and white
        space.
        """
        return [text_key(text) for text in self.texts]

    def select(self, places: Iterable[int], name: str | None = None) -> Examples:
        """Return the examples at `places`, without notes."""
        chosen = list(places)
        return Examples(
            [self.texts[place] for place in chosen],
            [self.labels[place] for place in chosen],
            name=name or self.name,
            label_type=self.label_type,
            weights=None if self.weights is None else [self.weights[place] for place in chosen],
            sets=None if self.sets is None else self.sets.select(chosen),
        )


@dataclass(frozen=True)
class Column:
    """A column beside texts and labels, to measure the texts of each of its values.

    Attributes:
        name: of the column.
        values: the value of each text, as text; `EMPTY` where there is none.

    Raises:
        DataError: more than 200 different values.
    """

    name: str
    values: Sequence[str]

    def __post_init__(self) -> None:
        if (distinct := len(set(self.values))) > MAX_VALUES:
            raise DataError(
                f"a column with at most {MAX_VALUES} values",
                f"{distinct:,}",
                where=f"the column '{self.name}'",
                fix="name a column that divides the texts into groups",
            )


def iter_records(
    source: object,
    *,
    need_label: bool = False,
    notes: list[str] | None = None,
    **how: Unpack[Reading],
) -> Iterator[Record]:
    """Read records one by one, in constant memory, in the order of the source.

    Args:
        source: a file, "-" for standard input, a folder with one folder for each label, a named
            set, a data set on the Hub (`hf://owner/name[@revision][#split]`); a table that
            `frame_records` reads; or what `sequence_records` reads.
        need_label: whether the records must have labels. If not, a plain file is one text a line.
        notes: a list to which notes are added.
        how: see `ReadOptions`. `part` says which part of a named set, or of a folder that
            holds `train` and `test`.

    Raises:
        DataError: the source cannot be read, or its columns are not clear.
        UsageError: there is no such format, or an address on the Hub is none.
        HubError: the Hub cannot be reached, or has no such data set for this user.
        MissingExtraError: the format needs a package that is not installed.
    """
    notes = [] if notes is None else notes
    options = ReadOptions(need_label=need_label, **how)
    if not isinstance(source, (str, Path)):
        # A prediction from a file starts faster without this import.
        from foretell.data.frames import frame_records, has_columns, sequence_records

        if has_columns(source):
            return frame_records(source, options, notes)
        return sequence_records(source, options)
    name = str(source)
    if options.format is None and name in named.NAMED_EXAMPLES:
        return _named_records(name, options.part or "train", notes)
    if is_address(source):
        return hub_records(hub_files(name, options.part, notes), options, notes)
    path = source if name == STDIN else existing(source, named.NAMED_EXAMPLES)
    return read_source(RecordSource(path, options, notes))


def _named_records(name: str, part: Part, notes: list[str]) -> Iterator[Record]:
    if name == "reviews":
        options = ReadOptions(text="text", label="label")
        return read_source(RecordSource(named.sample("reviews.csv"), options, notes))
    if part == "valid":
        raise DataError("a part of imdb: train or test", "valid", where=name)
    return iter(named.imdb(part, notes=notes))


def hub_files(address: str, part: Part | None, notes: list[str]) -> HubFiles:
    """Download the files of a data set on the Hub (see `data_files`); a note has the commit."""
    files = data_files(address, part)
    size = sum(path.stat().st_size for path in files[1])
    note(notes, f"data set: {files[0]} ({size / 1e6:,.1f} MB)")
    return files


def hub_records(files: HubFiles, options: ReadOptions, notes: list[str]) -> Iterator[Record]:
    """Yield the records of the files of a split, in their order."""
    address, paths = files
    for path in paths:
        source = RecordSource(path, options, notes)
        # The files of a split are one source for the user.
        source.name = source.short = address
        yield from read_source(source)


def read_examples(source: object, **how: Unpack[Reading]) -> Examples:
    """Read all examples of a source; drop records without a text or a label, with a note.

    Of a table whose column of parts (`split`) divides it one part is read. The column `weight` has
    the weights.

    Args:
        source: as for `iter_records`, or `Examples`, which are returned unchanged, or several
            files: a list of paths, or a pattern such as "data/*.csv".
        how: see `ReadOptions`. Without `part` it is "train".

    Raises:
        DataError: as for `iter_records`, or no labels at all; or the column `split` has other parts
            than that one.
    """
    if isinstance(source, Examples):
        return source
    return _divided(source, how).examples(how["part"])


def read_training(source: object, **how: Unpack[Reading]) -> tuple[Examples, Examples | None]:
    """Read the examples for training, as `read_examples`, and those for validation, where the
    column `split` has some.
    """
    if isinstance(source, Examples):
        return source, None
    how["part"] = "train"
    divided = _divided(source, how)
    train = divided.examples("train", "valid")
    valid = divided.parts.get("valid")
    if valid is None or len(divided.parts) == 1:
        return train, None
    return train, replace(valid.examples([]), name=f"{train.name}, validation")


def read_with_column(
    source: object, column: str, **how: Unpack[Reading]
) -> tuple[Examples, Column]:
    """Read all examples of a source, with the value of `column` for each.

    Args:
        source, how: as for `read_examples`. Without `part` it is "test".
        column: the name of a column.

    Raises:
        DataError: as for `read_examples`, no such column, or one with more than 200 different
            values.
    """
    how.setdefault("part", "test")
    divided = _divided(source, how, column)
    part = how["part"]
    return divided.examples(part), Column(column, divided.part(part).values)


def value_of(value: object) -> str:
    """Return a cell as the name of a group: without white space around it; `EMPTY` where it is
    missing.
    """
    return text_of(value).strip() or EMPTY


def gather(
    records: Iterable[Record], name: str, notes: list[str], separator: str = ""
) -> tuple[Examples, list[int]]:
    """Return the examples of records, and the number of the record of each, from 1.

    Records without a text or a label are dropped, with a note. With the `separator` of the labels
    of a text, records whose labels are unknown are dropped; those to which none applies are kept.
    """
    gathered = _Gathered(name, separator)
    for number, record in enumerate(records, start=1):
        gathered.add(number, record)
    return gathered.examples(notes), list(gathered.numbers)


def _divided(source: object, how: Reading, column: str | None = None) -> _Divided:
    """Read the examples of each part of a source, with the values of a column."""
    notes: list[str] = []
    how.setdefault("part", "train")
    name, records = labelled_records(source, notes, how)
    separator = how.get("multi_label", "")
    parts = defaultdict[Part | None, _Gathered](lambda: _Gathered(name, separator, column))
    for number, record in enumerate(records, start=1):
        parts[record.part].add(number, record)
    return _Divided(name, notes, parts, how.get("split") or "split")


def labelled_records(
    source: object, notes: list[str], how: Reading
) -> tuple[str, Iterator[Record]]:
    """Return the name and the records of a source with labels, which may be several files."""
    files = several_files(source)
    if files is None:
        return name_of(source), iter_records(source, need_label=True, notes=notes, **how)
    return number_of(len(files), "file"), _records_of_files(files, notes, how)


def _records_of_files(
    files: Sequence[str | Path], notes: list[str], how: Reading
) -> Iterator[Record]:
    """Yield the records of several files with the same columns, in order; a note counts them.

    Raises:
        DataError: the columns of a file are not those of the first one, and not both columns were
            named.
    """
    first: set[str] = set()
    count = 0
    is_named = how.get("text") and how.get("label")
    for file in files:
        columns: set[str] = set()
        for record in iter_records(file, need_label=True, notes=notes, **how):
            columns.update(record.fields)
            count += 1
            yield record
        first = first or columns
        if columns and columns != first and not is_named:
            raise DataError(
                f"the columns of {files[0]}, {listed(sorted(first))}",
                listed(sorted(columns)),
                where=file,
                fix="name the columns with text and label (--text, --label)",
            )
    note(notes, f"read {number_of(len(files), 'file')} with {number_of(count, 'record')}")


@dataclass(frozen=True)
class _Divided:
    """The examples of a source by their part, which a `column` names; of one without it there is
    one part.
    """

    name: str
    notes: list[str]
    parts: defaultdict[Part | None, _Gathered]
    column: str

    def part(self, part: Part | None) -> _Gathered:
        """Return what was gathered of a part, or of the only one that there is."""
        if len(self.parts) == 1:
            (part,) = self.parts
        if self.parts and part not in self.parts:
            raise DataError(
                f"records of the part {part} in the column '{self.column}'",
                self._counts(),
                where=self.name,
                fix=f"name a file of that part, or read all records: {spelled('split', '')}",
            )
        return self.parts[part]

    def examples(self, part: Part | None, *others: Part) -> Examples:
        """Return the examples of a part; a note counts all, and names those that are not `others`
        either.
        """
        chosen = self.part(part)
        if len(self.parts) > 1:
            left_out = [str(each) for each in self.parts if each not in (part, *others)]
            fate = f"; left out: {listed(left_out)}" if left_out else ""
            note(self.notes, f"{self.name}: {self._counts()} by the column '{self.column}'{fate}")
        return chosen.examples(self.notes)

    def _counts(self) -> str:
        return listed(f"{each.count:,} {part}" for part, each in self.parts.items())


class _Gathered:
    """The examples of a part, while records are read.

    Attributes:
        count: the records so far.
        numbers: the number of the record of each example.
        values: the value of each example in a column that was asked for.
    """

    def __init__(self, name: str, separator: str, column: str | None = None) -> None:
        self.count = 0
        self.numbers = array("q")
        self.values: list[str] = []
        self._name = name
        self._separator = separator
        self._column = column
        self._texts: list[str] = []
        self._memory = MemoryWatch(name)
        self._labels: list[tuple[str, ...]] = []
        self._weights: list[float | None] = []
        self._types: set[LabelType] = set()
        self._dropped = Counter[str]()

    def add(self, number: int, record: Record) -> None:
        """Add a record, or count it as dropped."""
        self.count += 1
        labels = self._labels_of(record)
        if not record.text.strip():
            self._dropped["an empty text"] += 1
        elif labels is None:
            which = "unknown labels" if self._separator else "no label"
            self._dropped[f"{which} (empty, NaN, NA, N/A or null)"] += 1
        else:
            self.numbers.append(number)
            self._texts.append(record.text)
            self._memory.kept(record.text)
            # Labels repeat: one string for each saves memory.
            self._labels.append(tuple(map(sys.intern, labels)))
            self._weights.append(record.weight)
            if labels:
                self._types.add(record.label_type)
            if self._column is not None:
                self.values.append(self._value(record, self._column))

    def _labels_of(self, record: Record) -> tuple[str, ...] | None:
        if self._separator:
            return names_in(record, self._separator)
        return None if record.label is None else (record.label,)

    def _value(self, record: Record, column: str) -> str:
        value = value_at(record.fields, column)
        if value is None and column not in record.fields:
            raise DataError(
                f"a column named '{column}'",
                f"the columns {listed(record.fields)}",
                where=self._name,
            )
        return value_of(value)

    def examples(self, notes: list[str]) -> Examples:
        """Return the examples, and add notes on what was dropped."""
        for reason, count in self._dropped.items():
            note(notes, f"{self._name}: dropped {number_of(count, 'record')} with {reason}")
        label_type = common_type(self._types)
        sets = None
        if self._separator:
            sets = self._sets(label_type, notes)
            labels = sets.joined(self._separator)
        else:
            labels = [label for (label,) in self._labels]
        weights = self._given_weights()
        return Examples(
            self._texts, labels, notes, self._name, self._dropped, weights, label_type, sets
        )

    def _sets(self, label_type: LabelType, notes: list[str]) -> LabelSets:
        without = sum(not labels for labels in self._labels)
        if without:
            texts = number_of(without, "text")
            note(notes, f"{self._name}: {texts} to which no label applies")
        if self._labels and max(map(len, self._labels)) < 2:
            found = f"no text has several labels: {self._separator!r} is in none of them"
            note(notes, f"{self._name}: {found}")
        names = ordered(itertools.chain.from_iterable(self._labels), label_type)
        return LabelSets.of_lists(self._labels, names)

    def _given_weights(self) -> list[float] | None:
        """Return the weight of each example; None: no record has one."""
        if all(weight is None for weight in self._weights):
            return None
        weights = [1.0 if weight is None else weight for weight in self._weights]
        if not any(weights):
            raise DataError("weights that are not all 0", "0 for each", where=self._name)
        return weights


def name_of(source: object) -> str:
    if isinstance(source, (str, Path)):
        if str(source) == STDIN:
            return "standard input"
        return str(source) if is_address(source) else Path(source).name or str(source)
    from foretell.data.frames import has_columns

    return type(source).__name__ if has_columns(source) else "examples"


def unlabelled_texts(
    source: object,
    *,
    text: str | Sequence[str] | None = None,
    notes: list[str] | None = None,
) -> list[str]:
    """Return texts without their labels, if they have any; without empty ones.

    Args:
        source: a `Path`, or a string that names a file, a folder or a named set, in any format of
            examples (plain text: one text a line); or a table, a Series or an iterable of texts, as
            for `iter_records`. "imdb" means its unlabelled and its training reviews, never its test
            reviews.
        text: the text column of a table, or several; None: chosen where it is clear.
        notes: a list to which notes are added.

    Raises:
        DataError: no texts, something that is no text, or a source that cannot be read.
    """
    records: Iterator[Record]
    if isinstance(source, str) and source == "imdb":
        parts: tuple[named.ImdbPart, ...] = ("unsup", "train")
        records = itertools.chain.from_iterable(named.imdb(part, notes=notes) for part in parts)
    else:
        # Labels, which may be several, are not looked at.
        records = iter_records(source, text=text, part="train", notes=notes, multi_label=";")
    where = str(source) if isinstance(source, str | Path) else "unlabelled"
    memory = MemoryWatch(where)
    texts = []
    for record in records:
        if record.text.strip():
            texts.append(record.text)
            memory.kept(record.text)
    if not texts:
        raise DataError("texts without labels", "none that is not empty", where=where)
    return texts


def read_label_hints(source: str | Path | Mapping[object, object]) -> Examples:
    """Return a few words for each label as examples.

    >>> read_label_hints({"pos": ["good", "great"], "neg": "bad awful"}).texts
    ['good great', 'bad awful']

    Args:
        source: a file with labels and words, in any format of texts with labels, a label in one
            record or more; or a mapping from each label to its words, a string or several.

    Raises:
        DataError: no file that can be read, something other than words, or one label only.
    """
    if isinstance(source, Mapping):
        texts = [_words(words, label) for label, words in source.items()]
        kind = common_type(map(type_of, source))
        hints = Examples(texts, list(map(label_name, source)), name=_HINTS, label_type=kind)
    else:
        hints = replace(read_examples(source), name=_HINTS)
    if len(hints.label_names) < 2:
        found = f"only '{hints.label_names[0]}'" if len(hints) else "none"
        raise DataError("words for two labels or more", found, where=_HINTS)
    return hints


def _words(words: object, label: object) -> str:
    several = [words] if isinstance(words, str) else words
    if isinstance(several, list | tuple) and all(isinstance(word, str) for word in several):
        joined = " ".join(several)
        if joined.strip():
            return joined
    raise DataError(
        "words: a string, or a list of strings", f"{words!r:.60}", where=f"{_HINTS}, '{label}'"
    )
