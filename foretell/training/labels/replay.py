"""Replay against forgetting, where the old examples are gone.

A model directory holds no training text. So the old classifier labels texts that are there, and a
new one learns from them beside the new examples:

* unlabelled texts of the user's, with the old model's probabilities as soft labels (distillation:
  Hinton, Vinyals and Dean 2015; learning without forgetting: Li and Hoiem 2016);
* made-up texts, which the old model labels too (pseudorehearsal: Robins 1995). One is a new text in
  which three of four words are replaced by words drawn for an old label: p(word | label) ∝ p(word)
  p(label | word). The last factor is the old model's answer to the word alone; the first follows
  from the word's id by Zipf's law. Without the words of new texts, a new label would be recognised
  by whole sentences instead of by what they say (docs/experiments.md).

A soft label is several examples of one text, each with a label and its probability as weight: the
sum of their losses is the cross-entropy with the soft label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.split import text_key
from foretell.text.spacing import Spacing
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.ancestor import Ancestor

MIN_TEXTS = 200
MAX_TEXTS = 2_000
"""Made-up texts, at least and at most; between them as many as the old model had for training."""

MAX_UNLABELLED = 5_000
"""Unlabelled texts that are replayed, at most."""

MIN_PROBABILITY = 0.1
"""Labels with a lower probability are left out of a soft label."""

# Zipf–Mandelbrot: the frequency of the word of rank r is in proportion to 1 / (r + 2.7).
_MANDELBROT = 2.7

_KEPT = 0.25
"""The share of the words of a new text that stay in a made-up one."""


def replayed_texts(
    ancestor: Ancestor, new: Sequence[str], unlabelled: Sequence[str], settings: LabelsSettings
) -> dict[str, Examples]:
    """Return made-up texts and the first unlabelled texts, with the soft labels of the old
    model.
    """
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
    """Return texts made up from the new ones, at least one, for each label by its share of the old
    data.
    """
    rng = np.random.default_rng(settings.seed)
    known = ancestor.model.tokenizer
    words = Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs
    own = set(map(text_key, new))
    texts = list[str]()
    last = known.bytes.start if known.is_open else known.size
    vocabulary = [known.word(place) for place in range(known.specials, last)]
    frequency = 1 / (np.arange(len(vocabulary)) + 1 + _MANDELBROT)

    def as_text(words: Sequence[str]) -> str:
        spacing = Spacing(known.style)
        return "".join(map(spacing.piece, words)) + spacing.end()

    answers = ancestor.runtime.predict_proba([as_text([word]) for word in vocabulary])
    for label, count in enumerate(_counts(ancestor)):
        likelihood = np.cumsum(frequency * answers[:, label])
        for _ in range(count):
            template = words(new[int(rng.integers(len(new)))])[-settings.length :] or [""]
            drawn = np.searchsorted(likelihood, likelihood[-1] * rng.random(len(template))).tolist()
            kept = rng.random(len(template)) < _KEPT
            pairs = zip(template, drawn, kept.tolist(), strict=True)
            texts.append(
                as_text([word if stays else vocabulary[place] for word, place, stays in pairs])
            )
    return [text for text in texts if text.strip() and text_key(text) not in own]


def _counts(ancestor: Ancestor) -> list[int]:
    """Return how many texts to make up for each label, in proportion to its share of the old
    data.
    """
    metrics = ancestor.model.metrics
    total = int(np.clip(int(metrics.get("texts") or 0), MIN_TEXTS, MAX_TEXTS))
    by_label = metrics.get("labels") or {}
    support = [float(by_label.get(label, {}).get("support") or 0) for label in ancestor.labels]
    shares = np.array(support) + 1
    counts: list[int] = np.ceil(total * shares / shares.sum()).astype(int).tolist()
    return counts
