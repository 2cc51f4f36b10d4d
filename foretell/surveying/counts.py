"""What texts are made of: tokens, scripts and, in a table, columns."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

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
_AT_ONCE = 1 << 20

# The name of a character begins with its script, but for these words.
_WIDTHS = frozenset({"FULLWIDTH", "HALFWIDTH"})
_NO_SCRIPT = frozenset(
    [
        "ANGSTROM",
        "BLACK",
        "COMBINING",
        "DOUBLE",
        "FEMININE",
        "KELVIN",
        "MASCULINE",
        "MATHEMATICAL",
        "MICRO",
        "MODIFIER",
        "OHM",
        "SCRIPT",
    ]
)
_HAN = frozenset({"CJK", "IDEOGRAPHIC"})


def script_shares(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of each script among the letters and marks of texts, the largest first."""
    counts = np.zeros(sys.maxunicode + 1, np.int64)
    waiting: list[str] = []
    size = 0
    for text in chain(texts, [None]):
        if text is not None:
            waiting.append(text)
            size += len(text)
        if text is None or size >= _AT_ONCE:
            codes = np.frombuffer("".join(waiting).encode("utf-32-le", "surrogatepass"), np.uint32)
            counts += np.bincount(codes, minlength=len(counts))
            waiting, size = [], 0
    found: Counter[str] = Counter()
    for code in np.flatnonzero(counts).tolist():
        if script := _script(chr(code)):
            found[script] += int(counts[code])
    order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {name: count / found.total() for name, count in order}


def _script(character: str) -> str:
    """Return the script of a letter or mark; "": it is neither."""
    category = unicodedata.category(character)
    if category == "So" and character >= "\u2600":
        return "emoji and symbols"
    words = re.split(r"[ -]", unicodedata.name(character, ""))
    word = words[1] if words[0] in _WIDTHS else words[0]
    if category[0] not in "LM" or not word or word == "VARIATION":
        return ""
    if word in _NO_SCRIPT:
        return OTHER if category[0] == "L" else ""
    return "Han" if word in _HAN else word.title()


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
