"""The words of each style: Python's `re` finds those of the Rust library."""

from typing import get_args

import pytest

from foretell.text.styles import (
    OPEN,
    SPECIALS,
    Style,
    library_tokenizer,
    library_words,
    plain_words,
    style_of,
)

STYLES = get_args(Style)


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


@pytest.mark.parametrize("style", [style for style in STYLES if style not in OPEN])
def test_ascii_words_are_those_of_the_library(style):
    text = "".join(map(chr, range(128))) + " don't 'tis <unk>x a_b 1.5 x''y <pad> \x1c \x0b"
    library = library_tokenizer(style, False, ["a"])
    assert plain_words(text, style, lowercase=False) == library_words(library, text)


@pytest.mark.parametrize("style", STYLES)
def test_a_tokenizer_has_the_specials_of_its_style_first_and_is_recognised_by_them(style):
    library = library_tokenizer(style, True, ["b", "a"])
    assert style_of(library) == style
    assert [library.id_to_token(i) for i in range(len(SPECIALS[style]) + 2)] == [*SPECIALS[style], "b", "a"]


def test_the_vocabulary_of_another_program_is_refused():
    library = library_tokenizer("words", False, ["a"])
    with pytest.raises(ValueError, match="another program"):
        style_of(type(library)(library.model.__class__(vocab={"a": 0, "b": 1}, unk_token="a")))
