"""Texts for measurements: generated ones of any size, and reviews cut from the samples."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

WORDS_PER_LINE = 20
REVIEW_WORDS = 200
# P(rank > r) = (1 + r / SHIFT) ** -TAIL: of 5 million words 100 make up 59 %, and 3 % are not among 20,000.
SHIFT, TAIL = 20, 0.5
_MAX_RANK = 1 << 62
_BLOCK_WORDS = 200_000


class TextSize(NamedTuple):
    """Of a generated text: bytes, words and distinct words."""

    bytes: int
    words: int
    distinct: int


def sample_words() -> list[str]:
    """Return the words of the reviews that ship with foretell, one review after another."""
    text = files("foretell.samples").joinpath("reviews.csv").read_text(encoding="utf-8")
    return [word for row in csv.DictReader(io.StringIO(text)) for word in row["text"].split()]


def reviews(count: int) -> list[str]:
    """Return `count` texts of exactly 200 words, cut from `sample_words` at different places."""
    words = sample_words()
    starts = [17 * i % (len(words) - REVIEW_WORDS) for i in range(count)]
    return [" ".join(words[start : start + REVIEW_WORDS]) for start in starts]


def zipf_text(count: int, *, words: int, seed: int = 1) -> str:
    """Return `count` words in lines of 20, drawn from `words` different ones by Zipf's law."""
    rng = np.random.default_rng(seed)
    vocabulary = np.array([_word(i) for i in range(words)])
    weights = 1.0 / (np.arange(words) + 2.7)
    return _lines(vocabulary[rng.choice(words, count, p=weights / weights.sum())].tolist())


def every_word(count: int) -> str:
    """Return the `count` different words that `zipf_text` draws from, each once, in lines of 20."""
    return _lines([_word(i) for i in range(count)])


def write_growing_text(path: Path, size: int, *, seed: int = 1) -> TextSize:
    """Write a text of about `size` bytes whose vocabulary grows: new words appear to its end.

    The words come from a Zipf-Mandelbrot law over unlimited ranks, so the number of distinct words grows with
    the length of the text to the power of 2/3 (Heaps' law).

    Returns:
        The size that was written.
    """
    rng = np.random.default_rng(seed)
    written = words = 0
    ranks: set[int] = set()
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            # The shortest word has two letters and a space.
            count = min(_BLOCK_WORDS, max(WORDS_PER_LINE, (size - written) // 3))
            uniform = 1.0 - rng.random(count)
            block = np.minimum(SHIFT * (uniform ** (-1 / TAIL) - 1), _MAX_RANK).astype(np.int64)
            ranks.update(np.unique(block).tolist())
            words += count
            written += file.write(_lines([_word(rank) for rank in block.tolist()]))
    return TextSize(written, words, len(ranks))


def _lines(words: list[str]) -> str:
    lines = (words[i : i + WORDS_PER_LINE] for i in range(0, len(words), WORDS_PER_LINE))
    return "".join(" ".join(line) + "\n" for line in lines)


@lru_cache(1 << 17)
def _word(i: int) -> str:
    """Return the i-th word: pronounceable, and the frequent ones short."""
    syllables = []
    while True:
        i, at = divmod(i, 70)
        syllables.append("bdfgklmnprstvz"[at % 14] + "aeiou"[at // 14])
        if i == 0:
            return "".join(syllables)
        i -= 1
