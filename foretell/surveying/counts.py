"""What texts are made of: tokens, scripts and, in a table, columns."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.data.checks import data_notes, is_single
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.records import Record, label_of, text_of
from foretell.data.split import Split, text_key

_MAX_VOCABULARY = 1_000_000
_MAX_CHARACTERS = 1 << 26
_NAMES_SHOWN = 12

Rows = list[tuple[str, str]]
"""Names and values, in display order."""

Splitter = Callable[[str], list[str]]


def _split_at_white_space(text: str) -> list[str]:
    return text.lower().split()


@dataclass(frozen=True)
class Survey:
    """Counts of a corpus or of examples, in the tokens of the caller's function.

    Attributes:
        name: of the corpus or the examples.
        tokens: number of tokens.
        rows: all counts.
        notes: notes and warnings, one sentence each.
    """

    name: str
    tokens: int
    rows: Rows
    notes: list[str]

    def lines(self) -> list[str]:
        """Return the rows, aligned, followed by the notes, as lines of plain text."""
        return [self.name, *aligned_rows(self.rows), *(f"  · {note}" for note in self.notes)]


class TokenCounter:
    """Lengths and vocabulary of records, in memory that does not grow with the number of records."""

    def __init__(self, split: Splitter) -> None:
        self._split = split
        self.lengths: Counter[int] = Counter()
        self.vocabulary: set[str] = set()
        self.is_whole = True
        self.single = 0
        self._characters = 0

    def add(self, texts: Iterable[str]) -> None:
        """Count some texts. The vocabulary grows up to a million tokens or 64 Mi characters."""
        for text in texts:
            tokens = self._split(text)
            self.lengths[len(tokens)] += 1
            self.single += is_single(text, tokens)
            if not self.is_whole:
                continue
            self.vocabulary.update(tokens)
            self._characters += len(text)
            self.is_whole = len(self.vocabulary) <= _MAX_VOCABULARY and self._characters <= _MAX_CHARACTERS

    def percentile(self, part: float) -> int:
        """Return the smallest length that at least `part` of the records do not exceed."""
        seen = 0
        for length in sorted(self.lengths):
            seen += self.lengths[length]
            if seen >= part * self.records:
                return length
        return 0

    @property
    def records(self) -> int:
        """The number of texts."""
        return self.lengths.total()

    @property
    def total(self) -> int:
        """The number of tokens."""
        return sum(length * count for length, count in self.lengths.items())

    def rows(self, unit: str) -> Rows:
        """Return the counts of tokens; `unit` is "texts" or "lines"."""
        median, p95, longest = self.percentile(0.5), self.percentile(0.95), max(self.lengths, default=0)
        more = "" if self.is_whole else "more than "
        return [
            ("tokens", f"{self.total:,}"),
            (
                f"tokens in a {unit.removesuffix('s')}",
                f"median {median:,}, 95th percentile {p95:,}, maximum {longest:,}",
            ),
            ("distinct tokens", f"{more}{min(len(self.vocabulary), _MAX_VOCABULARY):,}"),
        ]


def survey_examples(
    examples: Examples, split: Split | None = None, *, tokens: Splitter = _split_at_white_space
) -> Survey:
    """Survey examples, and their split if it is given.

    Args:
        examples: the texts with their labels.
        split: the training and validation texts.
        tokens: returns the tokens of a text; the default splits at white space and ignores case.
    """
    counts = TokenCounter(tokens)
    counts.add(examples.texts)
    labels = label_counts(examples)
    duplicates = len(examples) - len({text_key(text) for text in examples.texts})
    rows = [("texts", f"{counts.records:,}")]
    if split is not None and split.valid is not None:
        rows.append(("validation", f"{len(split.valid):,}"))
    rows += [(f"{len(labels)} labels", counted(labels)), *counts.rows("texts")]
    rows.append(("duplicates", f"{duplicates:,}" if duplicates else "none"))
    rows += [("dropped", f"{count:,} with {reason}") for reason, count in examples.dropped.items()]
    notes = [*examples.notes, *data_notes(examples, single=counts.single)]
    notes += [] if split is None else split.notes
    return Survey(examples.name, counts.total, rows, notes)


def survey_corpus(
    corpus: Corpus, *, tokens: Splitter = _split_at_white_space, lines: Iterable[str] | None = None
) -> Survey:
    """Survey a corpus in one pass and constant memory. Duplicates are not counted.

    Args:
        corpus: the text.
        tokens: as for `survey_examples`.
        lines: those that are counted; None: all.
    """
    counts = TokenCounter(tokens)
    counts.add(corpus if lines is None else lines)
    rows = [("lines", f"{counts.records:,}"), *counts.rows("lines")]
    return Survey(corpus.name, counts.total, rows, list(corpus.notes))


def label_counts(examples: Examples) -> dict[str, int]:
    """Return to how many texts each label applies, the most frequent first."""
    counts: Mapping[str, int] = Counter(examples.labels)
    if examples.sets is not None:
        counts = dict(zip(examples.sets.names, map(int, examples.sets.positives()), strict=True))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def aligned_rows(rows: Rows) -> list[str]:
    """Return rows as lines of plain text."""
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {value}" for name, value in rows]


def counted(labels: Mapping[str, int]) -> str:
    """Return labels with their counts, the first ones where they are many."""
    return listed(f"{label} {count:,}" for label, count in labels.items())


def listed(names: Iterable[str]) -> str:
    """Return names with commas between them, the first ones where they are many."""
    every = list(names)
    more = f" and {len(every) - _NAMES_SHOWN:,} more" if len(every) > _NAMES_SHOWN else ""
    return ", ".join(every[:_NAMES_SHOWN]) + more


OTHER = "other letters"
_LATIN = "Latin"
_END = 0x30000

# Blocks of Unicode 16 by script, from the first code point to the last: a script's letters and marks, with
# some signs that stand in its blocks. Letters elsewhere are counted as OTHER.
_BLOCKS: tuple[tuple[str, int, int], ...] = (
    (_LATIN, 0x41, 0x5A), (_LATIN, 0x61, 0x7A), (_LATIN, 0xAA, 0xAA), (_LATIN, 0xBA, 0xBA),
    (_LATIN, 0xC0, 0xD6), (_LATIN, 0xD8, 0xF6), (_LATIN, 0xF8, 0x24F), (_LATIN, 0x250, 0x2AF),
    (_LATIN, 0x1D00, 0x1DBF), (_LATIN, 0x1E00, 0x1EFF), (_LATIN, 0x2C60, 0x2C7F), (_LATIN, 0xA720, 0xA7FF),
    (_LATIN, 0xAB30, 0xAB6F), (_LATIN, 0xFF21, 0xFF3A), (_LATIN, 0xFF41, 0xFF5A),
    ("Greek", 0x370, 0x3FF), ("Greek", 0x1F00, 0x1FFF),
    ("Cyrillic", 0x400, 0x52F), ("Cyrillic", 0x1C80, 0x1C8F), ("Cyrillic", 0x2DE0, 0x2DFF),
    ("Cyrillic", 0xA640, 0xA69F),
    ("Armenian", 0x530, 0x58F), ("Hebrew", 0x590, 0x5FF), ("Hebrew", 0xFB1D, 0xFB4F),
    ("Arabic", 0x600, 0x6FF), ("Arabic", 0x750, 0x77F), ("Arabic", 0x860, 0x8FF), ("Arabic", 0xFB50, 0xFDFF),
    ("Arabic", 0xFE70, 0xFEFE),
    ("Syriac", 0x700, 0x74F), ("Thaana", 0x780, 0x7BF), ("N'Ko", 0x7C0, 0x7FF),
    ("Devanagari", 0x900, 0x97F), ("Devanagari", 0xA8E0, 0xA8FF),
    ("Bengali", 0x980, 0x9FF), ("Gurmukhi", 0xA00, 0xA7F), ("Gujarati", 0xA80, 0xAFF),
    ("Oriya", 0xB00, 0xB7F), ("Tamil", 0xB80, 0xBFF), ("Telugu", 0xC00, 0xC7F), ("Kannada", 0xC80, 0xCFF),
    ("Malayalam", 0xD00, 0xD7F), ("Sinhala", 0xD80, 0xDFF), ("Thai", 0xE00, 0xE7F), ("Lao", 0xE80, 0xEFF),
    ("Tibetan", 0xF00, 0xFFF), ("Myanmar", 0x1000, 0x109F), ("Georgian", 0x10A0, 0x10FF),
    ("Georgian", 0x1C90, 0x1CBF), ("Georgian", 0x2D00, 0x2D2F),
    ("Hangul", 0x1100, 0x11FF), ("Hangul", 0x3130, 0x318F), ("Hangul", 0xA960, 0xA97F),
    ("Hangul", 0xAC00, 0xD7FF), ("Ethiopic", 0x1200, 0x139F), ("Ethiopic", 0x2D80, 0x2DDF),
    ("Cherokee", 0x13A0, 0x13FF), ("Cherokee", 0xAB70, 0xABBF), ("Khmer", 0x1780, 0x17FF),
    ("Mongolian", 0x1800, 0x18AF),
    ("Hiragana", 0x3041, 0x309F), ("Katakana", 0x30A1, 0x30FF), ("Katakana", 0x31F0, 0x31FF),
    ("Katakana", 0xFF66, 0xFF9F),
    ("Han", 0x3005, 0x3007), ("Han", 0x3021, 0x3029), ("Han", 0x3400, 0x4DBF), ("Han", 0x4E00, 0x9FFF),
    ("Han", 0xF900, 0xFAFF), ("Han", 0x20000, 0x2FFFF),
    ("emoji and symbols", 0x2600, 0x27BF), ("emoji and symbols", 0x1F300, 0x1FAFF),
)  # fmt: skip
_NAMES = ("", *dict.fromkeys(name for name, _, _ in _BLOCKS))

_NO_LETTERS = bytes(code for code in range(0x80) if not chr(code).isalpha())
_AT_ONCE = 1 << 20


def script_shares(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of each script among the letters of texts, the largest first."""
    counts: Counter[str] = Counter()
    waiting: list[str] = []
    size = 0
    for text in texts:
        if text.isascii():
            counts[_LATIN] += len(text.encode("ascii").translate(None, _NO_LETTERS))
            continue
        waiting.append(text)
        size += len(text)
        if size >= _AT_ONCE:
            counts += _letters("".join(waiting))
            waiting, size = [], 0
    counts += _letters("".join(waiting))
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {name: count / counts.total() for name, count in order}


def _letters(text: str) -> Counter[str]:
    """Return the number of letters of each script."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    script_of = _table()[np.minimum(codes, _END)]
    counts = Counter(dict(zip(_NAMES, np.bincount(script_of, minlength=len(_NAMES)).tolist(), strict=True)))
    # What is in no block is mostly spaces, digits and punctuation: few kinds of characters.
    del counts[_NAMES[0]]
    rest, times = np.unique(codes[(script_of == 0) & (codes > 0x7F)], return_counts=True)
    is_letter = [chr(code).isalpha() for code in rest.tolist()]
    counts[OTHER] += int(times[is_letter].sum()) if len(rest) else 0
    return +counts


@functools.cache
def _table() -> npt.NDArray[np.uint8]:
    """Return the place in `_NAMES` of the script of each code point; the last entry is for all others."""
    table = np.zeros(_END + 1, np.uint8)
    for name, first, last in _BLOCKS:
        table[first : last + 1] = _NAMES.index(name)
    return table


MAX_DISTINCT = 1000
"""Different cells up to which they are counted."""


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """A column.

    Attributes:
        name: of the column.
        empty: cells without a value.
        distinct: different values, at most 1,000.
        distinct_is_whole: False where there are more.
        role: "text", "label" or "".
    """

    name: str
    empty: int
    distinct: int
    distinct_is_whole: bool
    role: str


class ColumnCounter:
    """Counts the cells of records that pass through `watch`."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._filled: defaultdict[str, int] = defaultdict(int)
        self._full: set[str] = set()
        self._records = 0
        # The columns that had the text, or the label, in every record so far; None: before the first one.
        self._texts: list[str] | None = None
        self._labels: list[str] | None = None

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records, and count their cells."""
        for record in records:
            self._records += 1
            fields = record.fields
            for name, value in fields.items():
                # This runs for every cell: a column that is counted, or has a text, costs one look-up.
                if name not in self._full or type(value) is not str or not value:
                    self._count(name, value if type(value) is str else text_of(value))
                else:
                    self._filled[name] += 1
            self._texts = _still(self._texts, fields, text_of, record.text)
            self._labels = _still(self._labels, fields, label_of, record.label)
            yield record

    @property
    def label(self) -> str | None:
        """The column that the labels come from; None: none has them all."""
        return self._labels[0] if self._labels else None

    def columns(self) -> tuple[ColumnCounts, ...]:
        """Return the counts of each column, in the order in which records have them."""
        text = self._texts[0] if self._texts else None
        return tuple(
            ColumnCounts(
                name,
                self._records - self._filled[name],
                min(len(values), MAX_DISTINCT),
                len(values) <= MAX_DISTINCT,
                "text" if name == text else "label" if name == self.label else "",
            )
            for name, values in self._values.items()
        )

    def _count(self, name: str, cell: str) -> None:
        values = self._values.get(name)
        if values is None:
            values = self._values[name] = set()
        if cell and not cell.isspace():
            self._filled[name] += 1
            values.add(cell)
            if len(values) > MAX_DISTINCT:
                self._full.add(name)


def _still(
    names: list[str] | None,
    fields: Mapping[str, object],
    read: Callable[[object], str | None],
    expected: str | None,
) -> list[str]:
    """Return which of the columns have `expected` in this record too."""
    if names is not None and len(names) == 1 and fields.get(names[0]) == expected:
        return names
    return [
        name
        for name in (fields if names is None else names)
        if name in fields and (fields[name] == expected or read(fields[name]) == expected)
    ]
