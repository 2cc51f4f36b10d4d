"""A survey of the data before training: records, labels, lengths, duplicates, dropped records, warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from foretell.data.checks import data_notes, is_single
from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.split import Split, text_key

_MAX_VOCABULARY = 1_000_000
_MAX_CHARACTERS = 1 << 26
_LABELS_SHOWN = 12

Splitter = Callable[[str], list[str]]


def _split_at_white_space(text: str) -> list[str]:
    return text.lower().split()


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Counts of a corpus or of examples, in the tokens of the caller's function.

    Attributes:
        name: of the corpus or the examples.
        unit: of `records`: "texts" or "lines".
        records: number of texts or lines.
        tokens: number of tokens in all records.
        median_tokens, p95_tokens, max_tokens: tokens in one record: median, 95th percentile, maximum.
        vocabulary: number of distinct tokens.
        vocabulary_is_whole: False where counting stopped, at a million tokens or 64 Mi characters.
        labels: number of records of each label, the most frequent first; empty for a corpus.
        valid: number of validation texts.
        duplicates: records equal to an earlier one but for case and white space; None where not counted.
        dropped: number of records that were dropped, by reason.
        notes: other notes and warnings, one sentence each.
    """

    name: str
    unit: str
    records: int
    tokens: int
    median_tokens: int
    p95_tokens: int
    max_tokens: int
    vocabulary: int
    vocabulary_is_whole: bool = True
    labels: dict[str, int] = field(default_factory=dict)
    valid: int = 0
    duplicates: int | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str]]:
        """Return the counts as pairs of a name and a value, in display order, without the notes."""
        rows = [(self.unit, f"{self.records:,}")]
        if self.valid:
            rows.append(("validation", f"{self.valid:,}"))
        if self.labels:
            rows.append((f"{len(self.labels)} labels", self._labels()))
        rows.append(("tokens", f"{self.tokens:,}"))
        lengths = (
            f"median {self.median_tokens:,}, 95th percentile {self.p95_tokens:,}, maximum {self.max_tokens:,}"
        )
        rows.append(("tokens in a " + self.unit.removesuffix("s"), lengths))
        more = "" if self.vocabulary_is_whole else "more than "
        rows.append(("distinct tokens", f"{more}{self.vocabulary:,}"))
        if self.duplicates is not None:
            rows.append(("duplicates", f"{self.duplicates:,}" if self.duplicates else "none"))
        rows += [("dropped", f"{count:,} with {reason}") for reason, count in self.dropped.items()]
        return rows

    def lines(self) -> list[str]:
        """Return the rows, aligned, followed by the notes, as lines of plain text."""
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return [
            self.name,
            *(f"  {name:<{width}}  {value}" for name, value in rows),
            *(f"  · {note}" for note in self.notes),
        ]

    def _labels(self) -> str:
        shown = list(self.labels.items())[:_LABELS_SHOWN]
        more = len(self.labels) - len(shown)
        text = ", ".join(f"{label} {count:,}" for label, count in shown)
        return f"{text} and {more} more" if more else text


class TokenCounter:
    """Lengths and vocabulary of records, in memory that does not grow with the number of records."""

    def __init__(self, split: Splitter) -> None:
        self._split = split
        self.lengths: Counter[int] = Counter()
        self.vocabulary: set[str] = set()
        self.whole = True
        self.single = 0
        self._characters = 0

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            tokens = self._split(text)
            self.lengths[len(tokens)] += 1
            self.single += is_single(text, tokens)
            if not self.whole:
                continue
            self.vocabulary.update(tokens)
            self._characters += len(text)
            self.whole = len(self.vocabulary) <= _MAX_VOCABULARY and self._characters <= _MAX_CHARACTERS

    def percentile(self, part: float) -> int:
        """Return the smallest length that at least `part` of the records do not exceed."""
        needed = part * self.records
        seen = 0
        for length in sorted(self.lengths):
            seen += self.lengths[length]
            if seen >= needed:
                return length
        return 0

    @property
    def records(self) -> int:
        return self.lengths.total()

    def survey(self, name: str, unit: str, **more: object) -> Survey:
        values: dict[str, object] = {
            "records": self.records,
            "tokens": sum(length * count for length, count in self.lengths.items()),
            "median_tokens": self.percentile(0.5),
            "p95_tokens": self.percentile(0.95),
            "max_tokens": max(self.lengths, default=0),
            "vocabulary": min(len(self.vocabulary), _MAX_VOCABULARY),
            "vocabulary_is_whole": self.whole,
        }
        return Survey(name=name, unit=unit, **values, **more)  # type: ignore[arg-type]


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
    counted = Counter(examples.labels)
    if examples.sets is not None:
        counted = Counter(dict(zip(examples.sets.names, map(int, examples.sets.positives()), strict=True)))
    labels = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    notes = data_notes(examples, single=counts.single)
    return counts.survey(
        examples.name,
        "texts",
        labels=labels,
        valid=0 if split is None or split.valid is None else len(split.valid),
        duplicates=len(examples) - len({text_key(text) for text in examples.texts}),
        dropped=examples.dropped,
        notes=[*examples.notes, *notes, *(() if split is None else split.notes)],
    )


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
    return counts.survey(corpus.name, "lines", notes=list(corpus.notes))
