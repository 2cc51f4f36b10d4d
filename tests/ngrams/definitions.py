"""N-grams of texts and their keys, by their definition."""

from __future__ import annotations

from hypothesis import strategies as st

SIZE = 7


texts_lists = st.lists(st.lists(st.integers(-1, SIZE + 1), max_size=12), max_size=9)


def key(ngram, size):
    """Return the key of an n-gram: shorter n-grams first, then the ids as the digits of a
    number.
    """
    before = sum(size**n for n in range(1, len(ngram)))
    return before + sum(word * size**place for place, word in enumerate(reversed(ngram)))


def occurrences(text, size, longest=3):
    """Yield every (start, stop) whose words are all known: 0 is padding, 1 is unknown."""
    for n in range(1, longest + 1):
        for start in range(len(text) - n + 1):
            if all(2 <= word < size for word in text[start : start + n]):
                yield start, start + n


def held(text, size, longest=3):
    """Return the keys of the distinct n-grams of a text."""
    return {key(text[a:b], size) for a, b in occurrences(text, size, longest)}
