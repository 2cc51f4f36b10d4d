"""Texts of any size, made up: words in the frequencies of a natural language, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_BLOCK = 32 << 20
_WORDS_PER_LINE = 20


def zipf_text(count: int, *, words: int, seed: int = 1) -> str:
    """Return `count` words in lines of 20, drawn from `words` different ones by Zipf's law."""
    rng = np.random.default_rng(seed)
    vocabulary = np.array([_word(i) for i in range(words)])
    weights = 1.0 / (np.arange(words) + 2.7)
    drawn = vocabulary[rng.choice(words, count, p=weights / weights.sum())]
    lines = [drawn[i : i + _WORDS_PER_LINE] for i in range(0, count, _WORDS_PER_LINE)]
    return "\n".join(" ".join(line) for line in lines) + "\n"


def every_word(count: int) -> str:
    """Return the `count` different words that `zipf_text` draws from, each once, in lines of 20."""
    words = [_word(i) for i in range(count)]
    return (
        "\n".join(" ".join(words[i : i + _WORDS_PER_LINE]) for i in range(0, count, _WORDS_PER_LINE)) + "\n"
    )


def _word(i: int) -> str:
    """Return the i-th word: pronounceable, and the frequent ones short."""
    syllables = []
    while True:
        i, at = divmod(i, 70)
        syllables.append("bdfgklmnprstvz"[at % 14] + "aeiou"[at // 14])
        if i == 0:
            return "".join(syllables)
        i -= 1


def write_text(path: Path, size: int) -> None:
    """Write a file of about `size` bytes: one block again and again, its lines in a new order each time."""
    lines = zipf_text(_BLOCK // 5, words=50_000).splitlines(keepends=True)
    rng = np.random.default_rng(2)
    written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            for i in rng.permutation(len(lines)):
                written += file.write(lines[i])
                if written >= size:
                    break
