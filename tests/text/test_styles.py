"""The words of each style: Python's `re` finds those of the Rust library."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.text.spacing import Spacing
from foretell.text.styles import (
    CHARACTER,
    SOUTHEAST_ASIAN,
    UNSPACED,
    in_unspaced_script,
    library_tokenizer,
    library_words,
    plain_words,
)
from foretell.text.tokenizer import Tokenizer


@pytest.mark.parametrize("style", ["keras", "words"])
@pytest.mark.parametrize("lowercase", [False, True])
def test_python_finds_the_words_of_the_library_around_every_plain_character(style, lowercase):
    library = library_tokenizer(style, lowercase, ["a"])
    letters = [chr(i) for i in (*range(0x2600),) if not 0xD800 <= i < 0xE000]
    plain = 0
    for letter in letters:
        inside = f"a{letter}B é{letter}{letter} don{letter}t 1{letter}2"
        text = f"{inside} {letter} {letter.swapcase()} 'a{letter}' '{letter}'"
        if style == "keras" and lowercase:
            # Keras lower-cases by Python, before the text is split.
            text = text.lower()
        found = plain_words(text, style, lowercase=lowercase)
        if found is not None:
            plain += 1
            assert found == library_words(library, text), hex(ord(letter))
    # Latin letters, dashes, quotes: enough for most texts of the West.
    assert plain > 550


# Text, and its words.
SPLIT = [
    ("我今天很高兴，用Python。", "我 今 天 很 高 兴 ， 用 Python 。"),
    ("日本語のメール", "日 本 語 の メ ー ル"),
    ("葛\U000e0100城 ｶﾞﾝ", "葛\U000e0100 城 ｶﾞ ﾝ"),
    ("ภาษาไทยน้ำ ปี๒๕๖๓", "ภ า ษ า ไ ท ย น้ำ ปี ๒๕๖๓"),
    ("မြန်မာ င်္ဂ", "မြ န် မာ င်္ဂ"),
    ("👩‍👩‍👧‍👦👍🏽🇩🇪🇫🇷 ❤️love 1️⃣", "👩‍👩‍👧‍👦 👍🏽 🇩🇪 🇫🇷 ❤️ love 1️⃣"),
    ("नमस्ते, مرحبا don’t İstanbul", "नमस्ते , مرحبا don’t İstanbul"),
    ("\u0e31ก\u0e31", "\u0e31 ก\u0e31"),
    ("<unk>好³x", "<unk> 好 ³x"),
]


@pytest.mark.parametrize(("text", "words"), SPLIT)
def test_words(text: str, words: str) -> None:
    tokenizer = Tokenizer.train([text], "words", lowercase=False, vocabulary=100)
    assert tokenizer.words(text) == words.split(" ")
    spans = tokenizer.encode_with_offsets(text)
    assert [text[start:end] for _, start, end in spans] == words.split(" ")
    assert [id for id, _, _ in spans] == tokenizer.encode(text)


def test_every_mark_of_these_scripts_stays_with_the_character_before_it() -> None:
    base = {"\u0e00": "ก", "\u1000": "က", "\ua9e0": "က", "\uaa60": "က", "\u1780": "ក", "\u3000": "か"}
    n_marks = 0
    for code in range(0x20000):
        letter = chr(code)
        if re.match(f"[{UNSPACED}]", letter) and unicodedata.category(letter).startswith("M"):
            first = base[max(start for start in base if start <= letter)]
            assert re.fullmatch(CHARACTER, first + letter), hex(code)
            n_marks += 1
    assert n_marks > 80


def test_no_digit_and_no_punctuation_mark_is_a_character_of_its_own_script() -> None:
    for code in range(0x40000):
        if in_unspaced_script(chr(code)):
            # 〇 and the Hangzhou numerals are letters (Nl).
            assert unicodedata.category(chr(code)) in ("Lo", "Lm", "Mn", "Mc", "Nl", "Cn"), hex(code)


@given(st.lists(st.sampled_from(list("aé的はカกม，。!（あ1")), max_size=12))
def test_no_space_stands_between_these_characters(words: list[str]) -> None:
    text = "".join(map(Spacing("words").piece, words))
    assert text.replace(" ", "") == "".join(words)
    assert not re.search(f"[{SOUTHEAST_ASIAN}] [{SOUTHEAST_ASIAN}]|[的はカあ，。（] | [的はカあ，。（]", text)
