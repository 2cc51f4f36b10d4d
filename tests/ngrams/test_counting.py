"""Keys of n-grams, of words and of characters, and which texts hold them."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import SettingsError
from foretell.ngrams.characters import (
    LONGEST,
    MAX_ALPHABET,
    character_ngrams,
    make_alphabet,
)
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.keys import end_of_keys, flat, keys_fit, ngram_keys
from tests.ngrams.definitions import SIZE, held, key, occurrences, texts_lists


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(1, 3))
def test_keys_are_those_of_the_definition(texts, longest):
    ids, starts = flat(texts)
    keys, of_text = ngram_keys(ids, starts, SIZE, longest)
    found = sorted(zip(of_text.tolist(), keys.tolist(), strict=True))
    assert found == sorted(
        (place, key(text[a:b], SIZE))
        for place, text in enumerate(texts)
        for a, b in occurrences(text, SIZE, longest)
    )


def test_whether_keys_fit_in_63_bits():
    assert keys_fit(2_097_151, 3)
    assert not keys_fit(2_097_152, 3)
    assert keys_fit(2**63 - 1, 1)
    assert not keys_fit(2**63, 1)
    # N-grams without end cost nothing to refuse.
    assert not any(keys_fit(size, 2**62) for size in (1, 2, 2**62))
    with pytest.raises(SettingsError, match="vocabulary"):
        count_ngrams(np.zeros(0, np.int32), np.zeros(1, np.int64), 1 << 21)


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(1, 3), st.integers(1, 4))
def test_counting_finds_which_texts_hold_which_ngrams(texts, least, longest):
    ids, starts = flat(texts)
    counted = count_ngrams(ids, starts, SIZE, min_texts=least, longest=longest)
    expected = defaultdict(list)
    for place, text in enumerate(texts):
        for each in held(text, SIZE, longest):
            expected[each].append(place)
    expected = {
        each: where for each, where in expected.items() if len(where) >= least or each < SIZE
    }
    assert counted.keys.tolist() == sorted(expected)
    spans = zip(counted.starts, counted.starts[1:], strict=False)
    assert [counted.texts[a:b].tolist() for a, b in spans] == [
        expected[each] for each in sorted(expected)
    ]
    assert counted.n_texts == len(texts)
    assert counted.fewest.tolist() == [1 if each < SIZE else least for each in sorted(expected)]


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(0, 12))
def test_the_most_frequent_are_kept(texts, most):
    ids, starts = flat(texts)
    everything = count_ngrams(ids, starts, SIZE, min_texts=1)
    kept = count_ngrams(ids, starts, SIZE, min_texts=1, max_ngrams=most)
    order = sorted(zip(-np.diff(everything.starts), everything.keys.tolist(), strict=True))
    assert kept.keys.tolist() == sorted(each for _, each in order[:most])
    assert len(kept.texts) == kept.starts[-1] == -sum(count for count, _ in order[:most])
    fewest = -order[:most][-1][0] if 0 < most < len(order) else 1
    assert set(kept.fewest.tolist()) <= {fewest}


@pytest.mark.parametrize("bits", [63, 20])
def test_keys_that_leave_no_room_for_positions_are_counted_alike(monkeypatch, bits):
    rng = np.random.default_rng(1)
    texts = [rng.integers(0, 50, rng.integers(0, 30)).tolist() for _ in range(300)]
    monkeypatch.setattr("foretell.ngrams.counting.KEY_BITS", bits)
    counted = count_ngrams(*flat(texts), 50, min_texts=1)
    assert counted.keys.tolist() == sorted({each for text in texts for each in held(text, 50)})
    assert len(counted.texts) == sum(len(held(text, 50)) for text in texts)


TEXTS = st.lists(st.text(alphabet="abÅß 很é\n\u0301İ", max_size=20), max_size=5)


def defined(text: str) -> Counter[str]:
    """Return the n-grams of a text, as scikit-learn's analyzer char_wb does but for whole short
    words.
    """
    found: Counter[str] = Counter()
    for word in unicodedata.normalize("NFC", text.lower()).split():
        padded = f" {word} "
        for n in range(2, LONGEST + 1):
            found.update(padded[i : i + n] for i in range(len(padded) - n + 1))
    return found


def key_of_characters(ngram: str, alphabet: list[str]) -> int:
    """Return the characters of an n-gram as the digits of one number."""
    number = alphabet.index(ngram[0])
    for character in ngram[1:]:
        number = len(alphabet) * (number + 1) + alphabet.index(character)
    return number


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_ngrams_are_those_of_the_definition(texts: list[str]) -> None:
    alphabet = make_alphabet(texts)
    letters = [chr(point) for point in alphabet]
    keys, owners = character_ngrams(texts, alphabet)
    for place, text in enumerate(texts):
        expected = Counter(
            {key_of_characters(ngram, letters): n for ngram, n in defined(text).items()}
        )
        assert Counter(keys[owners == place].tolist()) == expected
    assert (keys < end_of_keys(len(alphabet), LONGEST)).all()


def test_an_alphabet_is_bounded_by_frequency_and_its_keys_fit_in_63_bits() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + MAX_ALPHABET + 500)))
    alphabet = make_alphabet([many, many[:MAX_ALPHABET]])
    assert len(alphabet) <= MAX_ALPHABET + 1
    assert chr(alphabet[0]) == " "
    assert keys_fit(MAX_ALPHABET + 1, LONGEST)
