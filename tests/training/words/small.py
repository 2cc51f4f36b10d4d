"""A small language model to train in tests: settings, corpora, and the call with its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.training.options import TrainOptions
from foretell.training.words.train import train_words

SMALL = WordsSettings(
    embedding_size=8,
    units=8,
    window=10,
    streams=4,
    dropout=0.3,
    learning_rate=5.0,
    epochs=2,
    min_steps=1,
    valid_fraction=0.3,
    patience=2,
)


def trained(corpus: Corpus, settings: WordsSettings, out: Path, **options: Any) -> Model:
    """Train a language model; the options are those of `train_words` and of `TrainOptions`."""
    given = {
        name: options.pop(name) for name in ("valid", "workers", "continued") if name in options
    }
    return train_words(corpus, settings, TrainOptions(out=out, **options), **given)


def noisy_corpus(seed: int = 0, words: int = 4_000) -> Corpus:
    rng = np.random.default_rng(seed)
    drawn = [f"w{int(k)}" for k in rng.zipf(1.5, words) % 60]
    return Corpus.from_texts([" ".join(drawn[k : k + 20]) for k in range(0, words, 20)])


def phrases() -> Corpus:
    """Three sentences at random, and words at random between them: n-grams and a network both learn
    some.
    """
    rng = np.random.default_rng(3)
    sentences = (
        "the mind adapts to all that stands in its way",
        "what stands in the way",
        "becomes the way",
    )
    lines = []
    for _ in range(500):
        words = " ".join(f"w{int(k)}" for k in rng.zipf(1.5, 6) % 60)
        lines.append(f"{words} {sentences[rng.integers(3)]}")
    return Corpus.from_texts(lines)
