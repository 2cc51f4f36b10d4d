"""What texts are made of: tokens, scripts and, in a table, columns."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from foretell.data.examples import Examples
from foretell.data.records import Record, label_of, text_of
from foretell.readable import isolated, listed

_MAX_CHARACTERS = 2_000_000
MAX_TEXTS = 10_000
"""Characters and texts up to which all texts are counted in tokens; of more, a random part of this
size.
"""
SEED = 0

_MAX_VOCABULARY = 1_000_000
NAMES_SHOWN = 12
"""Labels, columns or scripts that a row of a survey lists."""

Rows = list[tuple[str, str]]
"""Names and values, in display order."""

Splitter = Callable[[str], list[str]]


@dataclass(frozen=True)
class TokenLengths:
    """Lengths of texts in tokens, as a model of foretell reads them.

    Attributes:
        texts: texts that were counted: all of small data, else some drawn at random.
        median, p95, max: tokens in a text: median, 95th percentile, maximum.
        total: tokens of all texts; an estimate where not all were counted.
        distinct: different tokens of the counted texts, up to a million.
        distinct_is_whole: False where there may be more.
        counts: number of counted texts by number of tokens.
    """

    texts: int
    median: int
    p95: int
    max: int
    total: int
    distinct: int
    distinct_is_whole: bool
    counts: dict[int, int] = field(repr=False)

    def rows(self, unit: str, all_texts: int) -> Rows:
        """Return the counts as rows; `unit` is "text" or "line", of which there are `all_texts`."""
        total = f"{self.total:,}"
        lengths = f"median {self.median:,}, 95th percentile {self.p95:,}, maximum {self.max:,}"
        distinct = f"{self.distinct:,}"
        if not self.distinct_is_whole:
            distinct = f"more than {distinct}"
        if self.texts < all_texts:
            drawn = f" (of {self.texts:,} texts drawn at random)"
            total = f"about {total}"
            lengths += drawn
            distinct += drawn
        return [("tokens", total), (f"tokens in a {unit}", lengths), ("distinct tokens", distinct)]


def count_tokens(texts: Iterable[str], split: Splitter) -> TokenLengths:
    """Count the tokens of texts, in memory that does not grow with the number of texts."""
    by_length = Counter[int]()
    vocabulary = set[str]()
    for text in texts:
        tokens = split(text)
        by_length[len(tokens)] += 1
        if len(vocabulary) <= _MAX_VOCABULARY:
            vocabulary.update(tokens)
    lengths = np.array(sorted(by_length) or [0])
    counts = np.array([by_length[length] for length in lengths.tolist()])
    # The smallest length that at least this part of the texts does not exceed.
    seen = np.cumsum(counts)
    median, p95 = (int(lengths[np.searchsorted(seen, part * seen[-1])]) for part in (0.5, 0.95))
    return TokenLengths(
        texts=int(seen[-1]),
        median=median,
        p95=p95,
        max=int(lengths[-1]),
        total=int(lengths @ counts),
        distinct=min(len(vocabulary), _MAX_VOCABULARY),
        distinct_is_whole=len(vocabulary) <= _MAX_VOCABULARY,
        counts=dict(by_length),
    )


def lengths_of(texts: Sequence[str], split: Splitter) -> TokenLengths:
    """Count the tokens of texts, of much text those of a random part."""
    counted = texts
    if len(texts) > MAX_TEXTS or sum(map(len, texts)) > _MAX_CHARACTERS:
        order = np.random.default_rng(SEED).permutation(len(texts))
        characters = np.cumsum([len(texts[place]) for place in order])
        enough = int(np.searchsorted(characters, _MAX_CHARACTERS)) + 1
        counted = [texts[place] for place in order[: min(enough, MAX_TEXTS)].tolist()]
    found = count_tokens(counted, split)
    return replace(found, total=round(found.total / len(counted) * len(texts)))


def number_or_none(count: int) -> str:
    return f"{count:,}" if count else "none"


def dropped_rows(examples: Examples) -> Rows:
    """Return how many records were dropped, a row for each reason."""
    return [("dropped", f"{count:,} with {reason}") for reason, count in examples.dropped.items()]


def label_counts(examples: Examples) -> dict[str, int]:
    """Return to how many texts each label applies, the most frequent first."""
    counts: Mapping[str, int] = Counter(examples.labels)
    if examples.sets is not None:
        of_label = np.nansum(examples.sets.values, axis=0)
        counts = dict(zip(examples.sets.names, map(int, of_label), strict=True))
    return by_frequency(counts)


def by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts, the largest first; equal ones by the alphabet."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def counted(labels: Mapping[str, int]) -> str:
    """Return labels with their counts, the first ones where they are many."""
    return listed((f"{isolated(label)} {count:,}" for label, count in labels.items()), NAMES_SHOWN)


OTHER = "other letters"
# The name of a character begins with its script, but for these words.
_NO_SCRIPT = frozenset(
    {
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
    }
)


def script_shares(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of each script among the letters of texts, the largest first."""
    characters = Counter[str]()
    scripts = Counter[str]()
    for text in texts:
        characters.update(text)
    for character, count in characters.items():
        if character.isalpha():
            scripts[_script(character)] += count
    return {name: count / scripts.total() for name, count in by_frequency(scripts).items()}


def _script(letter: str) -> str:
    words = unicodedata.name(letter, OTHER).replace("FULLWIDTH ", "").replace("HALFWIDTH ", "")
    word = re.split(r"[ -]", words)[0]
    if word in _NO_SCRIPT:
        return OTHER
    if word in ("CJK", "IDEOGRAPHIC"):
        return "Han"
    return word.title()


@dataclass(frozen=True)
class ColumnCounts:
    """A column.

    Attributes:
        name: of the column.
        empty: cells without a value.
        distinct: different values.
        role: "text", "label" or "".
    """

    name: str
    empty: int
    distinct: int
    role: str


class ColumnCounter:
    """Counts the cells of records that pass through `watch`."""

    def __init__(self) -> None:
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        self._filled: Counter[str] = Counter()
        self._records = 0
        # The columns that had the text, or the label, in every record so far.
        self._texts: list[str] = []
        self._labels: list[str] = []

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        for self._records, record in enumerate(records, start=1):
            fields = record.fields
            for name, value in fields.items():
                cell = text_of(value)
                values = self._values[name]
                if cell and not cell.isspace():
                    self._filled[name] += 1
                    values.add(cell)
            if self._records == 1:
                self._texts = list(fields)
                self._labels = list(fields)
            self._texts = [name for name in self._texts if text_of(fields.get(name)) == record.text]
            self._labels = [
                name for name in self._labels if label_of(fields.get(name)) == record.label
            ]
            yield record

    @property
    def label(self) -> str | None:
        """The column that the labels come from; None: none has them all."""
        return next(iter(self._labels), None)

    def columns(self) -> tuple[ColumnCounts, ...]:
        """Return the counts of each column, in the order in which records have them."""
        roles = dict.fromkeys(self._labels[:1], "label") | dict.fromkeys(self._texts[:1], "text")
        return tuple(
            ColumnCounts(name, self._records - self._filled[name], len(values), roles.get(name, ""))
            for name, values in self._values.items()
        )
