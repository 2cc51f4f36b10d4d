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

No metric is measured on these texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float32s
from foretell.config import LabelsSettings
from foretell.data.text_keys import text_key
from foretell.text.spacing import Spacing
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.ancestor import Ancestor
from foretell.training.labels.corpus import Part
from foretell.training.labels.rows import soft_rows

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """Texts that the old model labels, and its probabilities [text, label] of its labels.

    Attributes:
        texts: made-up ones, then unlabelled ones.
        answers: float32 [text, label].
        labels: of the old model.
        counts: how many texts are of each kind, ready for JSON.
    """

    texts: Sequence[str]
    answers: Float32s
    labels: Sequence[str]
    counts: dict[str, int]

    def part(self, labels: Sequence[str]) -> Part:
        """Source: the texts with soft labels, among the labels of the new model."""
        answers = np.zeros((len(self.texts), len(labels)), np.float32)
        answers[:, [labels.index(label) for label in self.labels]] = self.answers
        return Part(texts=self.texts, rows=soft_rows(answers, smallest=MIN_PROBABILITY))


def replayed(
    ancestor: Ancestor, new: Sequence[str], unlabelled: Sequence[str], settings: LabelsSettings
) -> Replay:
    """Return made-up texts and the first unlabelled texts, with the answers of the old model."""
    made = made_up_texts(ancestor, new, settings)
    first = unlabelled[:MAX_UNLABELLED]
    texts = [*made, *first]
    counts = {"made_up_texts": len(set(made))}
    if first:
        counts["unlabelled_texts"] = len(set(first))
    answers = ancestor.runtime.predict_proba(texts)
    return Replay(texts=texts, answers=answers, labels=ancestor.labels, counts=counts)


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
