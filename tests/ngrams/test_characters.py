"""Character n-grams within words, beside a slow definition."""

from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.ngrams.characters import (
    LONGEST,
    MAX_ALPHABET,
    SHORTEST,
    character_ngrams,
    end_of_character_keys,
    make_alphabet,
    normalized,
)

TEXTS = st.lists(st.text(alphabet="abÅß 很é\n\u0301İ", max_size=20), max_size=5)


def defined(text: str) -> Counter[str]:
    """Return the n-grams of a text, as scikit-learn's analyzer char_wb does but for whole short words."""
    found: Counter[str] = Counter()
    for word in unicodedata.normalize("NFC", text.lower()).split():
        padded = f" {word} "
        for n in range(SHORTEST, LONGEST + 1):
            found.update(padded[i : i + n] for i in range(len(padded) - n + 1))
    return found


def key(ngram: str, alphabet: list[str]) -> int:
    """Return the characters of an n-gram as the digits of one number."""
    number = alphabet.index(ngram[0])
    for character in ngram[1:]:
        number = len(alphabet) * (number + 1) + alphabet.index(character)
    return number


@settings(deadline=None)
@given(TEXTS)
def test_ngrams_are_those_of_the_definition(texts: list[str]) -> None:
    alphabet = make_alphabet(texts)
    letters = [chr(point) for point in alphabet]
    keys, owners = character_ngrams(texts, alphabet)
    for place, text in enumerate(texts):
        expected = Counter({key(ngram, letters): n for ngram, n in defined(text).items()})
        assert Counter(keys[owners == place].tolist()) == expected
    assert (keys < end_of_character_keys(len(alphabet))).all()


def test_ngrams_with_other_characters_are_left_out() -> None:
    alphabet = make_alphabet(["ab"])
    keys, _ = character_ngrams(["abxab"], alphabet)
    same, _ = character_ngrams(["ab"], alphabet)
    assert set(keys.tolist()) < set(same.tolist())


def test_an_alphabet_is_bounded_by_frequency_and_its_keys_fit_in_63_bits() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + MAX_ALPHABET + 500)))
    alphabet = make_alphabet([many, many[:MAX_ALPHABET]])
    assert len(alphabet) <= MAX_ALPHABET + 1
    assert chr(alphabet[0]) == " "
    assert end_of_character_keys(MAX_ALPHABET + 1) < 1 << 63


def test_case_and_composition_do_not_matter() -> None:
    assert normalized("E\u0301tat") == normalized("état")
    alphabet = make_alphabet(["état"])
    np.testing.assert_array_equal(
        character_ngrams(["E\u0301TAT"], alphabet)[0], character_ngrams(["état"], alphabet)[0]
    )
