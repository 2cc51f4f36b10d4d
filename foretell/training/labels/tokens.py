"""Step 2 of a classifier's training: texts become token ids, with a vocabulary of the training
texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from foretell.arrays import Array, Float32s, Float64s, Int32s, Int64s, Mask
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.label_types import ordered
from foretell.data.split import Split
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Listener
from foretell.training.labels.balance import Balance
from foretell.training.labels.outside_vectors import OutsideVectors, vectors_for

# In a large corpus a word that occurs once carries no information; in a small one every word
# counts.
LINEAR_VOCABULARY = 200_000
"""Words of a linear model's vocabulary, at most."""

_LARGE_CORPUS_TEXTS = 5_000

Targets = Int32s
Soft = Float32s
Weights = Float64s


@dataclass(frozen=True, kw_only=True)
class TokenizedTexts:
    """Texts as token ids: text i is ids[starts[i]:starts[i + 1]]; int32 [token] and int64 [text +
    1].
    """

    ids: Int32s
    starts: Int64s

    def __len__(self) -> int:
        return len(self.starts) - 1

    def part(self, first: int, last: int) -> TokenizedTexts:
        """Return the texts from place `first` to before `last`."""
        starts = self.starts[first : last + 1]
        return TokenizedTexts(ids=self.ids[starts[0] : starts[-1]], starts=starts - starts[0])

    def select(self, rows: Mask) -> TokenizedTexts:
        """Return the texts where `rows` [text] is true."""
        lengths = np.diff(self.starts)
        return TokenizedTexts(
            ids=self.ids[np.repeat(rows, lengths)],
            starts=np.concatenate([[0], np.cumsum(lengths[rows])]),
        )

    def followed_by(self, others: TokenizedTexts) -> TokenizedTexts:
        starts = np.concatenate([self.starts, self.starts[-1] + others.starts[1:]])
        return TokenizedTexts(ids=np.concatenate([self.ids, others.ids]), starts=starts)


@dataclass(frozen=True, kw_only=True)
class LabelledTokens:
    """Tokenized texts with their labels.

    Attributes:
        targets: int32 [text], the place of each label among the sorted labels. Where texts may have
            several: float32 [text, label], 1, 0, or NaN where a label is unknown.
        weights: float64 [text], how much each text counts; None: 1 each.
        soft: float32 [text, label], pseudo-labels to learn instead of `targets`; None: learn
            `targets`.
    """

    texts: TokenizedTexts
    targets: Array
    weights: Weights | None = None
    soft: Soft | None = None

    @property
    def counts(self) -> Weights:
        """How much each text counts, [text]."""
        return np.ones(len(self.targets)) if self.weights is None else self.weights

    def select(self, rows: Mask) -> LabelledTokens:
        """Return the texts where `rows` [text] is true."""
        weights = None if self.weights is None else self.weights[rows]
        soft = None if self.soft is None else self.soft[rows]
        return LabelledTokens(
            texts=self.texts.select(rows), targets=self.targets[rows], weights=weights, soft=soft
        )


def one_hot(targets: Targets, n_labels: int) -> Soft:
    """Return the places of labels [text] as probabilities, float32 [text, label]."""
    # Not rows of a unit matrix: with 10,000 labels that has 400 MB.
    found = np.zeros((len(targets), n_labels), np.float32)
    found[np.arange(len(targets)), targets] = 1
    return found


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What every later step reads instead of texts.

    Attributes:
        tokenizer: its vocabulary is that of the training and the unlabelled texts.
        labels: sorted.
        all_texts: the training texts and then the unlabelled ones.
        vectors: word vectors from outside, or None.
        hints: words for labels, or None.
        balance: the class weights, which the weights of the texts include; None: there are none.
    """

    tokenizer: Tokenizer
    labels: list[str]
    train: LabelledTokens
    all_texts: TokenizedTexts
    valid: LabelledTokens | None
    vectors: OutsideVectors | None = None
    hints: LabelledTokens | None = None
    balance: Balance | None = None

    @property
    def unlabelled(self) -> TokenizedTexts:
        return self.all_texts.part(len(self.train.texts), len(self.all_texts))

    @property
    def hard(self) -> Soft:
        """The labels of the training texts as probabilities, float32 [text, label]."""
        return one_hot(self.train.targets, len(self.labels))

    def learned(self, soft: Soft) -> tuple[Soft, Weights]:
        """Return what a model learns of the first texts of `all_texts`: soft labels, and weights
        [text].

        `soft` [text, label] are the labels of the training texts, then pseudo-labels, which always
        count 1.
        """
        n = len(self.train.targets)
        weights = np.append(self.train.counts, np.ones(len(soft) - n))
        if self.balance is None:
            return soft, weights
        pseudo, of_pseudo = self.balance.of_soft(soft[n:], weights[n:])
        return np.concatenate([soft[:n], pseudo]), np.concatenate([weights[:n], of_pseudo])

    def lengths(self) -> dict[str, int]:
        """Return the tokens of the shortest and of the longest training text, unlabelled ones
        included.
        """
        lengths = np.diff(self.all_texts.starts) - (self.tokenizer.start is not None)
        return {"shortest_text": int(lengths.min()), "longest_text": int(lengths.max())}


def tokenize_split(
    split: Split, settings: LabelsSettings, continued: Model | None = None
) -> Tokens:
    """Learn the vocabulary of the training and unlabelled texts, and encode every part of the
    split.

    The words of a `continued` classifier keep their ids, and its labels stay.
    """
    labels = split.train.label_names
    known_words = None
    if continued is not None:
        labels = ordered([*labels, *(continued.labels or ())], split.train.label_type)
        known_words = continued.tokenizer
    given = None if split.has_only_hints else split.hints
    n_train = len(split.train)
    n = len(split.train) + len(split.unlabelled)
    more = () if given is None else given.texts
    tokenizer, texts = tokenize(
        [*split.train.texts, *split.unlabelled, *more], settings, known_words
    )
    tokens = Tokens(
        tokenizer=tokenizer,
        labels=labels,
        train=_labelled(split.train, texts.part(0, n_train), labels),
        all_texts=texts.part(0, n),
        valid=None if split.valid is None else encode_examples(split.valid, tokenizer, labels),
        hints=None if given is None else _labelled(given, texts.part(n, len(texts)), labels),
    )
    return _balanced(tokens) if settings.balance else tokens


def _balanced(tokens: Tokens) -> Tokens:
    """Return tokens whose texts have the class weights of the training texts."""
    balance = Balance.of(tokens.train.targets, tokens.train.weights, len(tokens.labels))

    def weighed(part: LabelledTokens) -> LabelledTokens:
        return replace(part, weights=part.counts * balance.weights[part.targets])

    valid = None if tokens.valid is None else weighed(tokens.valid)
    return replace(tokens, train=weighed(tokens.train), valid=valid, balance=balance)


def tokenize(
    texts: Sequence[str], settings: LabelsSettings, known: Tokenizer | None = None
) -> tuple[Tokenizer, TokenizedTexts]:
    """Learn the vocabulary of the texts and encode them.

    With a linear model the tokenizer has `LINEAR_VOCABULARY` words, of which the network reads the
    most frequent `vocabulary`; with an open vocabulary both read all `vocabulary` tokens. The ids
    of a `known` tokenizer keep their meaning, and new words follow as far as the vocabulary has
    room.
    """
    vocabulary = settings.vocabulary
    min_count = 1
    if settings.linear and not settings.has_open_vocabulary:
        vocabulary = max(vocabulary, LINEAR_VOCABULARY)
        min_count = 2 if len(texts) >= _LARGE_CORPUS_TEXTS else 1
    if known is not None:
        tokenizer = known.with_new_words(texts, vocabulary=vocabulary, min_count=min_count)
    else:
        tokenizer = Tokenizer.train(
            texts,
            settings.tokens,
            lowercase=settings.lowercase,
            vocabulary=vocabulary,
            min_count=min_count,
        )
    return tokenizer, _encoded(texts, tokenizer)


def encode_examples(
    examples: Examples, tokenizer: Tokenizer, labels: Sequence[str]
) -> LabelledTokens:
    """Encode texts with labels by an existing tokenizer."""
    return _labelled(examples, _encoded(examples.texts, tokenizer), labels)


def _encoded(texts: Sequence[str], tokenizer: Tokenizer) -> TokenizedTexts:
    parts: list[Int32s] = [np.zeros(0, np.int32)]
    lengths: list[int] = [0]
    # In chunks: lists of Python integers take nine times the memory of the array.
    for first in range(0, len(texts), 1024):
        chunk = tokenizer.encode_batch(texts[first : first + 1024])
        lengths += map(len, chunk)
        parts.append(np.array([token for ids in chunk for token in ids], np.int32))
    return TokenizedTexts(ids=np.concatenate(parts), starts=np.cumsum(lengths, dtype=np.int64))


def _labelled(examples: Examples, texts: TokenizedTexts, labels: Sequence[str]) -> LabelledTokens:
    sets = examples.sets
    weights = examples.weights
    targets: Array = targets_of(examples.labels, labels) if sets is None else sets.aligned(labels)
    counts = None if weights is None else np.array(weights, np.float64)
    return LabelledTokens(texts=texts, targets=targets, weights=counts)


def targets_of(names: Sequence[str], labels: Sequence[str]) -> Targets:
    """Return the place of each name [text] among the sorted labels."""
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[name] for name in names], np.int32)


def with_vectors(
    tokens: Tokens, split: Split, path_or_name: str | Path, listener: Listener
) -> Tokens:
    """Return the tokenized split with the vectors of a file, or of "glove", and a tokenizer with
    their words.

    The validation texts are encoded again: their words may be among the new ones.
    """
    tokenizer, vectors = vectors_for(tokens.tokenizer, path_or_name, listener)
    valid = None if split.valid is None else encode_examples(split.valid, tokenizer, tokens.labels)
    return replace(tokens, tokenizer=tokenizer, valid=valid, vectors=vectors)
