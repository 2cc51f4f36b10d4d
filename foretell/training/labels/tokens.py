"""Step 2 of a classifier's training: texts become token ids, with a vocabulary of the training texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell.arrays import Array
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.label_types import ordered
from foretell.data.split import Split
from foretell.data.word_vectors import read_word_vectors
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Listener, Note
from foretell.training.labels.balance import Balance
from foretell.training.labels.outside_vectors import OutsideVectors
from foretell.training.labels.tokenized import LabelledTokens, Soft, Targets, TokenizedTexts, Weights, one_hot

# In a large corpus a word that occurs once carries no information; in a small one every word counts.
_LARGE_CORPUS_TEXTS = 5_000


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What every later step reads instead of texts.

    Attributes:
        tokenizer: its vocabulary is that of the training and the unlabelled texts.
        labels: the sorted labels.
        train: the training texts.
        all_texts: the training texts and then the unlabelled ones.
        valid: the validation texts, or None.
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
        """The unlabelled texts."""
        return self.all_texts.part(len(self.train.texts), len(self.all_texts))

    @property
    def hard(self) -> Soft:
        """The labels of the training texts as probabilities, float32 [text, label]."""
        soft = self.train.soft
        return one_hot(self.train.targets, len(self.labels)) if soft is None else soft

    def learned(self, soft: Soft) -> tuple[Soft, Weights]:
        """Return what a model learns of the first texts of `all_texts`: soft labels, and weights [text].

        `soft` [text, label] are the labels of the training texts, then pseudo-labels, which always count 1.
        """
        n = len(self.train.targets)
        weights = np.append(self.train.counts, np.ones(len(soft) - n))
        if self.balance is None:
            return soft, weights
        pseudo, of_pseudo = self.balance.of_soft(soft[n:], weights[n:])
        return np.concatenate([soft[:n], pseudo]), np.concatenate([weights[:n], of_pseudo])

    def lengths(self) -> dict[str, int]:
        """Return the tokens of the shortest and of the longest training text, unlabelled ones included."""
        lengths = np.diff(self.all_texts.starts) - (self.tokenizer.start is not None)
        return {"shortest_text": int(lengths.min()), "longest_text": int(lengths.max())}


def tokenize_split(split: Split, settings: LabelsSettings, continued: Model | None = None) -> Tokens:
    """Learn the vocabulary of the training and unlabelled texts, and encode every part of the split.

    The words of a `continued` classifier keep their ids, and its labels stay.
    """
    labels = split.train.label_names
    if continued is not None:
        labels = ordered([*labels, *(continued.labels or ())], split.train.label_type)
    known_words = None if continued is None else continued.tokenizer
    given = None if split.has_only_hints else split.hints
    n = len(split.train) + len(split.unlabelled)
    more = () if given is None else given.texts
    tokenizer, texts = tokenize([*split.train.texts, *split.unlabelled, *more], settings, known_words)
    all_texts, hints = texts.part(0, n), None
    if given is not None:
        hints = LabelledTokens(texts=texts.part(n, len(texts)), targets=targets_of(given.labels, labels))
    train = LabelledTokens(
        texts=all_texts.part(0, len(split.train)),
        targets=_targets(split.train, labels),
        weights=_weights(split.train),
        soft=None if split.train.soft is None else split.train.soft.values,
    )
    valid = None if split.valid is None else encode_examples(split.valid, tokenizer, labels)
    tokens = Tokens(
        tokenizer=tokenizer, labels=labels, train=train, all_texts=all_texts, valid=valid, hints=hints
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

    With a linear model the tokenizer has `linear_vocabulary` words, of which the network reads the most
    frequent `vocabulary`. With an open vocabulary both read all `vocabulary` tokens.

    With a `known` tokenizer its ids keep their meaning, and new words follow as far as the vocabulary has
    room. One with an open vocabulary stays as it is, since it knows every word.
    """
    vocabulary, min_count = settings.vocabulary, settings.min_count
    if settings.linear and not settings.has_open_vocabulary:
        vocabulary = max(vocabulary, settings.linear_vocabulary)
        min_count = max(min_count, 2 if len(texts) >= _LARGE_CORPUS_TEXTS else 1)
    if known is not None:
        tokenizer = known.with_new_words(texts, vocabulary=vocabulary, min_count=min_count)
        return tokenizer, _encoded(texts, tokenizer)
    tokenizer, ids, starts = Tokenizer.train_encoded(
        texts, settings.tokens, lowercase=settings.lowercase, vocabulary=vocabulary, min_count=min_count
    )
    return tokenizer, TokenizedTexts(ids=ids, starts=starts)


def encode_examples(examples: Examples, tokenizer: Tokenizer, labels: Sequence[str]) -> LabelledTokens:
    """Encode texts with labels by an existing tokenizer."""
    texts = _encoded(examples.texts, tokenizer)
    return LabelledTokens(texts=texts, targets=_targets(examples, labels), weights=_weights(examples))


def _encoded(texts: Sequence[str], tokenizer: Tokenizer) -> TokenizedTexts:
    parts: list[npt.NDArray[np.int32]] = [np.zeros(0, np.int32)]
    lengths: list[int] = [0]
    # In chunks: lists of Python integers take nine times the memory of the array.
    for first in range(0, len(texts), 1024):
        chunk = tokenizer.encode_batch(texts[first : first + 1024])
        lengths += map(len, chunk)
        parts.append(np.array([token for ids in chunk for token in ids], np.int32))
    return TokenizedTexts(ids=np.concatenate(parts), starts=np.cumsum(lengths, dtype=np.int64))


def _targets(examples: Examples, labels: Sequence[str]) -> Array:
    return targets_of(examples.labels, labels) if examples.sets is None else examples.sets.aligned(labels)


def _weights(examples: Examples) -> Weights | None:
    return None if examples.weights is None else np.array(examples.weights, np.float64)


def targets_of(names: Sequence[str], labels: Sequence[str]) -> Targets:
    """Return the place of each name [text] among the sorted labels."""
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[name] for name in names], np.int32)


def with_vectors(tokens: Tokens, split: Split, path_or_name: str | Path, listener: Listener) -> Tokens:
    """Return the tokenized split with the vectors of a file, or of "glove", and a tokenizer with their words.

    The validation texts are encoded again: their words may be among the new ones. The listener is called with
    notes on what was read. Raises as `read_word_vectors` does.
    """
    old = tokens.tokenizer
    words = [old.word(id) for id in range(old.specials, old.size)]
    vectors = read_word_vectors(path_or_name, words=words)
    tokenizer = old.extended(vectors.words)
    everything = [*words, *(tokenizer.word(id) for id in range(old.size, tokenizer.size))]
    of_words, is_known = vectors.rows_of(everything)
    found = [()] * old.specials + [vectors.places(word) for word in everything]
    none = np.zeros((old.specials, vectors.dimension), np.float32)
    n_known = int(is_known[: len(words)].sum())
    metrics = {
        "name": vectors.name,
        "sha256": vectors.sha256,
        "licence": vectors.licence,
        "dimension": vectors.dimension,
        "words": len(words),
        "known_words": n_known,
        "more_words": tokenizer.size - old.size,
    }
    for note in vectors.notes:
        listener(Note(text=note))
    text = f"word vectors ({vectors.name}): of {n_known:,} of {len(words):,} words of the texts"
    listener(Note(text=f"{text}, and of {metrics['more_words']:,} others"))
    return replace(
        tokens,
        tokenizer=tokenizer,
        valid=None if split.valid is None else encode_examples(split.valid, tokenizer, tokens.labels),
        vectors=OutsideVectors(
            rows=np.concatenate([none, of_words]),
            known=np.concatenate([np.zeros(old.specials, np.bool_), is_known]),
            places=np.array([places[0] if places else len(vectors.words) for places in found], np.float64),
            n_words=old.size,
            metrics=metrics,
        ),
    )
