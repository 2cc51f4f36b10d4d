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
    SHORTEST,
    character_ngrams,
    end_of_character_keys,
    make_alphabet,
    normalized,
)
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.keys import keys_fit, ngram_keys
from tests.ngrams.definitions import SIZE, flat, held, key, texts_lists


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(1, 3))
def test_keys_and_positions_are_those_of_the_definition(texts, longest):
    ids, starts = flat(texts)
    by_length = list(ngram_keys(ids.astype(np.int64), starts, SIZE, longest))
    assert len(by_length) == longest
    found = {each for keys, _ in by_length for each in keys.tolist()}
    assert found == {each for text in texts for each in held(text, SIZE, longest)}
    for length, (keys, at) in enumerate(by_length, 1):
        assert [key(ids[place : place + length].tolist(), SIZE) for place in at] == keys.tolist()


def test_whether_keys_fit_in_63_bits():
    assert keys_fit(2_097_151, 3)
    assert not keys_fit(2_097_152, 3)
    assert keys_fit(2**63 - 1, 1)
    assert not keys_fit(2**63, 1)


@pytest.mark.parametrize("size", [1, 2, 2**62])
def test_ngrams_without_end_do_not_fit_and_cost_nothing_to_refuse(size):
    assert not keys_fit(size, 2**62)


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(1, 3), st.integers(1, 4))
def test_counting_finds_which_texts_hold_which_ngrams(texts, least, longest):
    ids, starts = flat(texts)
    counted = count_ngrams(ids, starts, SIZE, min_texts=least, longest=longest)
    expected = defaultdict(list)
    for place, text in enumerate(texts):
        for each in held(text, SIZE, longest):
            expected[each].append(place)
    expected = {each: where for each, where in expected.items() if len(where) >= least or each < SIZE}
    assert counted.keys.tolist() == sorted(expected)
    spans = zip(counted.starts, counted.starts[1:], strict=False)
    assert [counted.texts[a:b].tolist() for a, b in spans] == [expected[each] for each in sorted(expected)]
    assert counted.n_texts == len(texts)
    assert counted.n_words == sum(each < SIZE for each in expected)


@settings(deadline=None, max_examples=40)
@given(texts_lists, st.integers(0, 12))
def test_the_most_frequent_are_kept(texts, most):
    ids, starts = flat(texts)
    everything = count_ngrams(ids, starts, SIZE, min_texts=1)
    kept = count_ngrams(ids, starts, SIZE, min_texts=1, max_ngrams=most)
    order = sorted(zip(-np.diff(everything.starts), everything.keys.tolist(), strict=True))
    assert kept.keys.tolist() == sorted(each for _, each in order[:most])
    assert len(kept.texts) == kept.starts[-1] == -sum(count for count, _ in order[:most])


@pytest.mark.parametrize("bits", [63, 26, 20])
def test_counting_in_parts_does_not_show(monkeypatch, bits):
    rng = np.random.default_rng(1)
    texts = [rng.integers(0, 50, rng.integers(0, 30)).tolist() for _ in range(300)]
    # The fewer bits a number has, the more parts the range of the n-grams is cut into.
    monkeypatch.setattr("foretell.ngrams.counting.KEY_BITS", bits)
    counted = count_ngrams(*flat(texts), 50, min_texts=1)
    assert counted.keys.tolist() == sorted({each for text in texts for each in held(text, 50)})
    assert len(counted.texts) == sum(len(held(text, 50)) for text in texts)


def test_a_vocabulary_too_large_for_the_keys_is_refused():
    with pytest.raises(SettingsError, match="vocabulary"):
        count_ngrams(np.zeros(0, np.int32), np.zeros(1, np.int64), 1 << 21)


TEXTS = st.lists(st.text(alphabet="abÅß 很é\n\u0301İ", max_size=20), max_size=5)


def defined(text: str) -> Counter[str]:
    """Return the n-grams of a text, as scikit-learn's analyzer char_wb does but for whole short words."""
    found: Counter[str] = Counter()
    for word in unicodedata.normalize("NFC", text.lower()).split():
        padded = f" {word} "
        for n in range(SHORTEST, LONGEST + 1):
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
        expected = Counter({key_of_characters(ngram, letters): n for ngram, n in defined(text).items()})
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
