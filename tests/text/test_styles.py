"""The words of each style: Python's `re` finds those of the Rust library."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foretell.text.spacing import Spacing
from foretell.text.styles import (
    CHARACTER,
    SOUTHEAST_ASIAN,
    Style,
    in_unspaced_script,
    library_tokenizer,
    library_words,
    plain_words,
)
from tests.text.texts import HARD, trained

# Hypothesis seldom draws long texts of one script.
PLAIN = [
    st.characters(max_codepoint=last, exclude_categories=["Cs"]) for last in (0x7F, 0x24F, 0x20AC)
]
PLAIN += [
    st.characters(min_codepoint=0x3000, max_codepoint=0x30FF),
    st.sampled_from("我 的ー々〇Ａ，。')"),
]
ANY = st.one_of(HARD, *(st.text(letters, max_size=30) for letters in (st.characters(), *PLAIN)))


@pytest.mark.parametrize("style", ["white-space", "keras", "words"])
@pytest.mark.parametrize("lowercase", [False, True])
@given(ANY)
@example("Vögel’s <unk> don't 1€")
@example("我今天很高兴，用Python。日本語のメール")
@example(" ".join(f"a{chr(i)}b" for i in range(0xFF61)))
def test_python_finds_the_words_of_the_library(style: Style, lowercase: bool, text: str) -> None:
    library = library_tokenizer(style, lowercase, ["a"])
    text = re.sub("[\ud800-\udfff]", "", text)
    if style == "keras" and lowercase:
        # Keras lower-cases by Python, before the text is split.
        text = text.lower()
    found = plain_words(text, style, lowercase=lowercase)
    assert found is None or found == library_words(library, text)
    # German, Chinese and Japanese are split by Python.
    is_plain = re.fullmatch("[ -~ÄÖÜäöüßéà’–€]*|[ -~一-龥ぁ-ゖァ-ヺー、。，（）]*", text)
    assert found is not None or not is_plain or style != "words"


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
    tokenizer = trained([text], "words")
    assert tokenizer.runs(text) == words.split(" ")
    spans = tokenizer.encode_with_offsets(text)
    assert [text[start:end] for _, start, end in spans] == words.split(" ")
    assert [id for id, _, _ in spans] == tokenizer.encode(text)


def test_characters_of_these_scripts_are_letters_and_their_marks_stay_with_them() -> None:
    base = {
        "\u0e00": "ก",
        "\u1000": "က",
        "\ua9e0": "က",
        "\uaa60": "က",
        "\u1780": "ក",
        "\u3000": "か",
    }
    n_marks = 0
    for letter in filter(in_unspaced_script, map(chr, range(0x40000))):
        category = unicodedata.category(letter)
        # 〇 and the Hangzhou numerals are letters (Nl).
        assert category in ("Lo", "Lm", "Mn", "Mc", "Nl", "Cn"), hex(ord(letter))
        if category.startswith("M") and letter < "\U00020000":
            first = base[max(start for start in base if start <= letter)]
            assert re.fullmatch(CHARACTER, first + letter), hex(ord(letter))
            n_marks += 1
    assert n_marks > 80


@given(st.lists(st.sampled_from(list("aé的はカกม，。!（あ1")), max_size=12))
def test_no_space_stands_between_these_characters(words: list[str]) -> None:
    text = "".join(map(Spacing("words").piece, words))
    assert text.replace(" ", "") == "".join(words)
    assert not re.search(
        f"[{SOUTHEAST_ASIAN}] [{SOUTHEAST_ASIAN}]|[的はカあ，。（] | [的はカあ，。（]", text
    )
