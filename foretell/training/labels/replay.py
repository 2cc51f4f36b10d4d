"""Replay against forgetting, where the old examples are gone.

A model directory holds no training text. So the old classifier labels texts that are there, and a new one
learns from them beside the new examples:

* unlabelled texts of the user's, with the old model's probabilities as soft labels (distillation: Hinton,
  Vinyals and Dean 2015; learning without forgetting: Li and Hoiem 2016);
* made-up texts, which the old model labels too (pseudorehearsal: Robins 1995). One is a new text in which
  seven of ten words are replaced by words and n-grams drawn for an old label: p(n-gram | label) ∝ p(n-gram) ·
  p(label | n-gram). The last factor is the old model's answer to the n-gram alone. For the first, the
  frequency of words follows from their ids by Zipf's law. Without the words of new texts, a new label would
  be recognised by whole sentences instead of by what they say (docs/experiments.md).

A soft label is several examples of one text, each with a label and its probability as weight: the sum of
their losses is the cross-entropy with the soft label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from foretell.arrays import Float64s
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.split import text_key
from foretell.text.spacing import Spacing
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.ancestor import Ancestor, ids_of_keys

MIN_TEXTS, MAX_TEXTS = 200, 2_000
"""Made-up texts, at least and at most; between them as many as the old model had for training."""

MAX_UNLABELLED = 5_000
"""Unlabelled texts that are replayed, at most."""

MIN_PROBABILITY = 0.1
"""Labels with a lower probability are left out of a soft label."""

_MAX_NGRAMS = 20_000
"""N-grams to draw from: those with the largest weights."""

# Zipf–Mandelbrot: the frequency of the word of rank r is in proportion to 1 / (r + 2.7).
_MANDELBROT = 2.7
_NGRAM_SHARE = 0.5

_KEPT = 0.3
"""The share of the words of a new text that stay in a made-up one."""

Piece = list[str]
"""A word, or the words of an n-gram."""


def replayed_texts(
    ancestor: Ancestor, new: Sequence[str], unlabelled: Sequence[str], settings: LabelsSettings
) -> dict[str, Examples]:
    """Return made-up texts and the first unlabelled texts, with the soft labels of the old model."""
    first = unlabelled[:MAX_UNLABELLED]
    found = {"made_up_texts": _soft_examples(ancestor, made_up_texts(ancestor, new, settings))}
    return {**found, "unlabelled_texts": _soft_examples(ancestor, first)} if first else found


def _soft_examples(ancestor: Ancestor, texts: Sequence[str]) -> Examples:
    """Return examples with the old model's probabilities as soft labels."""
    probabilities = ancestor.runtime.predict_proba(texts)
    kept = probabilities >= MIN_PROBABILITY
    kept[np.arange(len(texts)), probabilities.argmax(axis=1)] = True
    shares = np.where(kept, probabilities, 0)
    shares /= shares.sum(axis=1, keepdims=True)
    of_text, of_label = np.nonzero(kept)
    return Examples(
        [texts[place] for place in of_text.tolist()],
        [ancestor.labels[place] for place in of_label.tolist()],
        weights=shares[of_text, of_label].astype(float).tolist(),
    )


def made_up_texts(ancestor: Ancestor, new: Sequence[str], settings: LabelsSettings) -> list[str]:
    """Return texts made up from the new ones, at least one, for each label by its share of the old data."""
    rng = np.random.default_rng(settings.seed)
    words = Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs
    pieces, prior = _pieces(ancestor)

    def as_text(piece: Piece) -> str:
        spacing = Spacing(ancestor.model.tokenizer.style)
        return "".join(map(spacing.piece, piece)) + spacing.end()

    answers = ancestor.runtime.predict_proba([as_text(piece) for piece in pieces])
    own, texts = set(map(text_key, new)), list[str]()
    for label, count in enumerate(_counts(ancestor)):
        likelihood = np.cumsum(prior * answers[:, label])
        for _ in range(count):
            template = words(new[int(rng.integers(len(new)))])[-settings.length :]
            texts.append(as_text(_replaced(template, pieces, likelihood / likelihood[-1], rng)))
    return [text for text in texts if text.strip() and text_key(text) not in own]


def _counts(ancestor: Ancestor) -> list[int]:
    """Return how many texts to make up for each label, in proportion to its share of the old data."""
    metrics = ancestor.model.metrics
    total = int(np.clip(int(metrics.get("texts") or 0), MIN_TEXTS, MAX_TEXTS))
    by_label = metrics.get("labels") or {}
    support = [float(by_label.get(label, {}).get("support") or 0) for label in ancestor.labels]
    shares = np.array(support) + 1
    counts: list[int] = np.ceil(total * shares / shares.sum()).astype(int).tolist()
    return counts


def _replaced(template: Sequence[str], pieces: Sequence[Piece], draw: Float64s, rng: Generator) -> Piece:
    """Return a text, given as its words, with most of them replaced by pieces.

    `draw` is the cumulative probability of each piece.
    """
    words: list[str] = []
    while len(words) < max(len(template), 1):
        if len(words) < len(template) and rng.random() < _KEPT:
            words.append(template[len(words)])
        else:
            words += pieces[min(int(np.searchsorted(draw, rng.random())), len(pieces) - 1)]
    return words


def _pieces(ancestor: Ancestor) -> tuple[list[Piece], Float64s]:
    """Return the words and n-grams that texts are made of, and how frequent each is, [piece].

    N-grams are those of two words or more with the largest weights in the linear model. How frequent one is,
    is not known. It is taken as the geometric mean of its words' frequencies.
    """
    tokenizer, linear = ancestor.model.tokenizer, ancestor.model.linear
    first, last = tokenizer.specials, tokenizer.bytes.start if tokenizer.is_open else tokenizer.size
    words = [[tokenizer.word(place)] for place in range(first, last)]
    prior = 1 / (np.arange(len(words)) + 1 + _MANDELBROT)
    prior /= prior.sum()
    if linear is None or tokenizer.is_open or not len(longer := np.flatnonzero(linear.keys >= linear.size)):
        return words, prior
    size = (linear.weights[longer] ** 2).sum(axis=1)
    longer = np.sort(longer[np.argsort(-size, kind="stable")[:_MAX_NGRAMS]])
    ngrams = [ids[ids >= 0].tolist() for ids in ids_of_keys(linear.keys[longer], linear.size)]
    ranks = [np.maximum(np.array(ids) - first + 1, 1) for ids in ngrams]
    frequencies = np.array([float(np.exp(-np.log(each + _MANDELBROT).mean())) for each in ranks])
    both = [(1 - _NGRAM_SHARE) * prior, _NGRAM_SHARE * frequencies / frequencies.sum()]
    return [*words, *([tokenizer.word(id) for id in ids] for ids in ngrams)], np.concatenate(both)
