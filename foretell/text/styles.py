"""The three styles of splitting text: special ids, and the words of a text by each of two engines.

The Rust library of Hugging Face splits every text. Python's `re` splits plain texts, the most frequent kind,
three times as fast, and into the same words.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

Style = Literal["white-space", "keras", "words"]

UNKNOWN = "<unk>"

# No text can contain these as words of their style: white-space words have no space, Keras's filters remove
# < and >, and the pattern of "words" splits <pad> into three tokens.
SPECIALS: dict[str, list[str]] = {
    "white-space": [],
    "keras": ["<pad>", "<start>", UNKNOWN, "<unused>"],
    "words": ["<pad>", UNKNOWN, "<eos>"],
}
_WHITE_SPACE_UNKNOWN = " "

_KERAS_FILTERS = r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n ]+"""
# \s alone would miss \x1c-\x1f, where str.split splits.
_WHITE_SPACE = r"[\s\x1c-\x1f]+"
# The first branch keeps the Penn Treebank's literal <unk> in one piece.
_WORDS = r"<unk>|\w+(?:['’]\w+)*|[^\w\s]"

_ASCII_WORDS: dict[str, re.Pattern[str]] = {
    "white-space": re.compile(r"[^\s\x1c-\x1f]+", re.ASCII),
    "keras": re.compile(_KERAS_FILTERS.replace("[", "[^", 1)),
    "words": re.compile(r"<unk>|\w+(?:'\w+)*|[^\w\s]", re.ASCII),
}

# Beyond ASCII: characters that both engines and every Unicode version split and lower-case alike (Latin
# letters, curly quotes, dashes, the euro sign), and the pattern for texts of these alone. Keras splits at
# ASCII only.
_PLAIN_WORDS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "keras": (re.compile("[\x00-\u024f\u2010-\u205e\u20ac]*"), _ASCII_WORDS["keras"]),
    "words": (
        re.compile(
            "[\x00-\x1b\x20-\x84\x86-\x9f\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf-\u012f\u0131-\u024f"
            "\u2010-\u2027\u2030-\u203e\u2041-\u2053\u2055-\u205e\u20ac]*"
        ),
        re.compile(_WORDS),
    ),
}


def plain_words(text: str, style: Style, *, lowercase: bool) -> list[str] | None:
    """Return the words of a text of plain characters; None where the Rust library must split it."""
    pattern = _ASCII_WORDS[style]
    if not text.isascii():
        characters, pattern = _PLAIN_WORDS.get(style, (None, pattern))
        if characters is None or not characters.fullmatch(text):
            return None
    return pattern.findall(text.lower() if lowercase else text)


def library_words(library: Tokenizer, text: str) -> list[str]:
    """Return the words of any text."""
    if library.normalizer is not None:
        text = library.normalizer.normalize_str(text)
    return [word for word, _ in library.pre_tokenizer.pre_tokenize_str(text)]


def library_tokenizer(style: Style, lowercase: bool, words: list[str]) -> Tokenizer:
    """Return a Hugging Face tokenizer; its ids are the style's specials, then `words`."""
    tokens = [*SPECIALS[style], *words]
    unknown = UNKNOWN
    if style == "white-space":
        tokens, unknown = [*tokens, _WHITE_SPACE_UNKNOWN], _WHITE_SPACE_UNKNOWN
    vocabulary = {token: i for i, token in enumerate(tokens)}
    library = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token=unknown))
    steps: list[Any] = [normalizers.NFC()] if style == "words" else []
    if lowercase:
        steps.append(normalizers.Lowercase())
    if steps:
        library.normalizer = normalizers.Sequence(steps)
    if style == "words":
        library.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True)
    else:
        pattern = _KERAS_FILTERS if style == "keras" else _WHITE_SPACE
        library.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "removed")
    return library


def style_of(library: Tokenizer) -> Style:
    """Return the style of a tokenizer, by the special ids that only it has.

    Raises:
        ValueError: `library_tokenizer` did not make it.
    """
    if library.id_to_token(library.get_vocab_size() - 1) == _WHITE_SPACE_UNKNOWN:
        return "white-space"
    styles: tuple[Style, ...] = ("keras", "words")
    for style in styles:
        specials = SPECIALS[style]
        if [library.id_to_token(i) for i in range(len(specials))] == specials:
            return style
    raise ValueError("the vocabulary of another program")
