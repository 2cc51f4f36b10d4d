"""What was found, on one screen, before training: records, labels, lengths, duplicates, what was dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from foretell.data.corpus import Corpus
from foretell.data.examples import Examples
from foretell.data.split import Split, text_key
from foretell.errors import DataError

_MOST_WORDS = 1_000_000
_MOST_CHARACTERS = 1 << 26
_LABELS_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a corpus or examples hold. Words are what stands between white space, in lower case.

    Attributes:
        name: of the corpus or examples.
        unit: what a record is: "texts" or "lines".
        records: how many there are.
        words: how many there are in all.
        median_words, p95_words, max_words: words in a record: the middle, 95th percentile, longest.
        vocabulary: distinct words.
        vocabulary_is_whole: False where counting stopped, at a million words or 64 Mi characters.
        labels: how many records each label has, most first; empty for a corpus.
        held_out: records held out.
        duplicates: records that repeat an earlier one (white space and case folded); None where not counted.
        leaks: texts that would have been on both sides of the split, and were kept to one.
        dropped: records left out, by reason.
        notes: everything else worth saying.
    """

    name: str
    unit: str
    records: int
    words: int
    median_words: int
    p95_words: int
    max_words: int
    vocabulary: int
    vocabulary_is_whole: bool = True
    labels: dict[str, int] = field(default_factory=dict)
    held_out: int = 0
    duplicates: int | None = None
    leaks: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str]]:
        """Return pairs of a name and a value, in the order to show them, without the notes."""
        rows = [(self.unit, f"{self.records:,}")]
        if self.held_out:
            rows.append(("held out", f"{self.held_out:,} ({self.held_out / self.records:.1%})"))
        if self.labels:
            rows.append((f"{len(self.labels)} labels", self._labels()))
        rows.append(("words", f"{self.words:,}"))
        lengths = f"median {self.median_words:,}, 95 % up to {self.p95_words:,}, longest {self.max_words:,}"
        rows.append(("words in a " + self.unit.removesuffix("s"), lengths))
        more = "" if self.vocabulary_is_whole else "more than "
        rows.append(("distinct words", f"{more}{self.vocabulary:,}"))
        if self.duplicates is not None:
            rows.append(("duplicates", f"{self.duplicates:,}" if self.duplicates else "none"))
        rows += [("dropped", f"{count:,} with {reason}") for reason, count in self.dropped.items()]
        return rows

    def lines(self) -> list[str]:
        """Return the rows, aligned, and then the notes, as lines of plain text."""
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return [
            self.name,
            *(f"  {name:<{width}}  {value}" for name, value in rows),
            *(f"  · {said}" for said in self.notes),
        ]

    def _labels(self) -> str:
        shown = list(self.labels.items())[:_LABELS_SHOWN]
        more = len(self.labels) - len(shown)
        text = ", ".join(f"{label} {count:,}" for label, count in shown)
        return f"{text} and {more} more" if more else text


class _Counts:
    """Lengths and vocabulary of records, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self.lengths: Counter[int] = Counter()
        self.vocabulary: set[str] = set()
        self.whole = True
        self._characters = 0

    def add(self, texts: Iterable[str]) -> None:
        for text in texts:
            if not self.whole:
                self.lengths[len(text.split())] += 1
                continue
            words = text.lower().split()
            self.lengths[len(words)] += 1
            self.vocabulary.update(words)
            self._characters += len(text)
            self.whole = len(self.vocabulary) <= _MOST_WORDS and self._characters <= _MOST_CHARACTERS

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
            "words": sum(length * count for length, count in self.lengths.items()),
            "median_words": self.percentile(0.5),
            "p95_words": self.percentile(0.95),
            "max_words": max(self.lengths, default=0),
            "vocabulary": min(len(self.vocabulary), _MOST_WORDS),
            "vocabulary_is_whole": self.whole,
        }
        return Survey(name=name, unit=unit, **values, **more)  # type: ignore[arg-type]


def survey_examples(examples: Examples, split: Split | None = None) -> Survey:
    """Survey examples, and how they were split if they were."""
    counts = _Counts()
    counts.add(examples.texts)
    labels = dict(sorted(Counter(examples.labels).items(), key=lambda item: (-item[1], item[0])))
    return counts.survey(
        examples.name,
        "texts",
        labels=labels,
        held_out=0 if split is None else len(split.held_out),
        duplicates=len(examples) - len({text_key(text) for text in examples.texts}),
        leaks=0 if split is None else split.leaks,
        dropped=examples.dropped,
        notes=[*examples.notes, *([] if split is None else split.notes)],
    )


def survey_corpus(corpus: Corpus) -> Survey:
    """Survey a corpus in one pass and constant memory. Duplicates are not counted."""
    counts = _Counts()
    counts.add(corpus)
    return counts.survey(corpus.name, "lines", notes=list(corpus.notes))


def check_learnable(examples: Examples) -> None:
    """Check that there is something to learn to tell apart.

    Raises:
        DataError: no texts, one label only, or a different label for every text.
    """
    if not len(examples):
        reasons = ", ".join(f"{count:,} dropped with {reason}" for reason, count in examples.dropped.items())
        raise DataError(
            expected="texts with labels",
            found=f"none ({reasons})" if reasons else "none",
            where=examples.name,
        )
    names = examples.label_names
    if len(names) < 2:
        raise DataError(
            expected="two labels or more to tell apart",
            found=f"only '{names[0]}', {len(examples):,} times",
            where=examples.name,
            fix="add texts with another label, or name the right column with --label COLUMN",
        )
    if len(names) == len(examples) and len(names) > 2:
        raise DataError(
            expected="labels that more than one text has",
            found=f"{len(names):,} different labels for {len(examples):,} texts",
            where=examples.name,
            fix="name the right column with --label COLUMN",
        )
