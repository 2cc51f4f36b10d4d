"""All texts of a training, each with its source, and the rows that come with them.

The texts with rows come first, source by source, then those without labels. A text knows its
source, and with it whether it may be held out, and whether it may be measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from pathlib import Path

import numpy as np

from foretell.arrays import Array, Integers, Mask
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Listener
from foretell.training.labels.balance import Balance
from foretell.training.labels.outside_vectors import OutsideVectors, vectors_for
from foretell.training.labels.rows import Rows, hard_rows, joined_rows
from foretell.training.labels.tokens import TokenizedTexts, encode, targets_of, tokenize


class Origin(IntEnum):
    """Where a text and its rows come from."""

    LABELS = 0
    """Texts that people have labelled; they may be held out and measured on."""
    REPLAY = 1
    """Texts that the classifier to continue has labelled; they may be held out, not measured."""
    ANSWERS = 2
    """Texts that a teacher has labelled; always in training."""
    HINTS = 3
    """Words for labels; always in training."""
    UNLABELLED = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Texts of one origin, and their rows, whose places begin at 0."""

    texts: Sequence[str]
    rows: Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Measuring:
    """Labelled texts that nothing is learned from and nothing decided on: a validation set."""

    texts: Sequence[str]
    tokenized: TokenizedTexts
    rows: Rows
    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelsCorpus:
    """The texts of a training, as they are written and tokenized.

    Attributes:
        tokenizer: its vocabulary is that of the texts.
        labels: sorted.
        texts: as they are written.
        tokenized: the same as token ids.
        origin: int8 [text], an `Origin` each, ascending.
        rows: of the texts that come with labels, whoever gave them.
        valid: a validation set that was given; None: there is none.
        vectors: word vectors from outside, or None.
        balance: the class weights, which the weights of the rows include; None: there are none.
    """

    tokenizer: Tokenizer
    labels: list[str]
    texts: Sequence[str]
    tokenized: TokenizedTexts
    origin: Array
    rows: Rows
    valid: Measuring | None = None
    vectors: OutsideVectors | None = None
    balance: Balance | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def n_given(self) -> int:
        """Number of texts that come with rows."""
        return int(np.searchsorted(self.origin, Origin.UNLABELLED))

    @property
    def can_be_held_out(self) -> Mask:
        """The texts that may be held out, bool [text]."""
        return self.origin <= Origin.REPLAY

    @property
    def unlabelled(self) -> TokenizedTexts:
        return self.tokenized.part(self.n_given, len(self))

    def texts_at(self, places: Integers) -> list[str]:
        """Return the texts at some places, as they are written."""
        return [self.texts[place] for place in places.tolist()]

    def rows_of(self, *origins: Origin) -> Rows:
        """Return the rows of the texts of some origins."""
        return self.rows.select(np.isin(self.origin[self.rows.text], origins))

    @cached_property
    def labelled_rows(self) -> Rows:
        """The rows of all labelled texts, whoever labelled them."""
        return self.rows_of(Origin.LABELS, Origin.REPLAY, Origin.ANSWERS)

    def labelled(self, inside: Mask) -> Rows:
        """Source: the rows of the labelled texts `inside` [text]."""
        return self.labelled_rows.of_texts(inside)

    def hinted(self, _: Mask) -> Rows:
        """Source: the rows of the hints, the same for every fold."""
        return self.rows_of(Origin.HINTS)

    def lengths(self) -> dict[str, int]:
        """Return the tokens of the shortest and of the longest text."""
        lengths = np.diff(self.tokenized.starts) - (self.tokenizer.start is not None)
        return {"shortest_text": int(lengths.min()), "longest_text": int(lengths.max())}


def part_of(examples: Examples, labels: Sequence[str]) -> Part:
    """Source: labelled texts, or hints, with the labels that they were given."""
    sets = examples.sets
    targets: Array = targets_of(examples.labels, labels) if sets is None else sets.aligned(labels)
    weights = np.ones(len(examples))
    if examples.weights is not None:
        weights = np.array(examples.weights, np.float64)
    return Part(texts=examples.texts, rows=hard_rows(targets, weights, len(labels)))


def make_corpus(
    parts: Mapping[Origin, Part],
    unlabelled: Sequence[str],
    labels: Sequence[str],
    settings: LabelsSettings,
    *,
    valid: Examples | None = None,
    continued: Model | None = None,
) -> LabelsCorpus:
    """Learn the vocabulary of the texts, and encode them.

    Args:
        parts: the texts of each origin that come with rows.
        unlabelled: texts without labels.
        labels: of the classifier, sorted.
        settings: of the classifier.
        valid: a validation set, or None.
        continued: a classifier whose words keep their ids; None: there is none.
    """
    texts = list[str]()
    origin = list[int]()
    rows = list[Rows]()
    for each in sorted(parts):
        part = parts[each]
        rows.append(part.rows.moved(len(texts)))
        texts += part.texts
        origin += [each] * len(part.texts)
    texts += unlabelled
    origin += [Origin.UNLABELLED] * len(unlabelled)
    tokenizer, tokenized = tokenize(
        texts, settings, None if continued is None else continued.tokenizer
    )
    corpus = LabelsCorpus(
        tokenizer=tokenizer,
        labels=list(labels),
        texts=texts,
        tokenized=tokenized,
        origin=np.array(origin, np.int8),
        rows=joined_rows(rows),
    )
    corpus = replace(corpus, valid=_measuring(corpus, valid))
    if not settings.balance:
        return corpus
    # The class weights are those of the labelled texts.
    labelled = corpus.rows_of(Origin.LABELS)
    balance = Balance.of(labelled.label, labelled.weight * labelled.target, len(labels))
    return replace(corpus, rows=balance.of_rows(corpus.rows), balance=balance)


def _measuring(corpus: LabelsCorpus, valid: Examples | None) -> Measuring | None:
    if valid is None or not len(valid):
        return None
    return Measuring(
        texts=valid.texts,
        tokenized=encode(valid.texts, corpus.tokenizer),
        rows=part_of(valid, corpus.labels).rows,
        name=valid.name,
    )


def with_vectors(
    corpus: LabelsCorpus, path_or_name: str | Path, listener: Listener
) -> LabelsCorpus:
    """Return the texts with the vectors of a file, or of "glove", and a tokenizer with their words.

    The validation texts are encoded again: their words may be among the new ones.
    """
    tokenizer, vectors = vectors_for(corpus.tokenizer, path_or_name, listener)
    valid = corpus.valid
    if valid is not None:
        valid = replace(valid, tokenized=encode(valid.texts, tokenizer))
    return replace(corpus, tokenizer=tokenizer, valid=valid, vectors=vectors)
