"""The styles of splitting text: special ids, and the words of a text by each of two engines.

The Rust library of Hugging Face splits every text. Python's `re` splits plain texts, the most frequent kind,
three times as fast, and into the same words.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Literal

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from foretell.text.scripts import CHARACTER, EXTENDING, REGIONAL, UNSPACED

Style = Literal["white-space", "keras", "words", "subword", "char"]

OPEN: tuple[Style, ...] = ("subword", "char")
"""The styles with an open vocabulary: their tokens are all of a text, white space included, and a character
that is no token becomes the tokens of its UTF-8 bytes."""

UNKNOWN = "<unk>"

# No text can contain these as words of their style: white-space words have no space, Keras's filters remove
# < and >, the pattern of "words" splits <pad> into three tokens, and no subword has both signs and letters.
SPECIALS: dict[str, list[str]] = {
    "white-space": [],
    "keras": ["<pad>", "<start>", UNKNOWN, "<unused>"],
    "words": ["<pad>", UNKNOWN, "<eos>"],
    "subword": ["<pad>", UNKNOWN, "<eos>"],
    "char": ["<pad>", UNKNOWN, "<eos>"],
}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
"""The last tokens of an open vocabulary, in the form that the Hugging Face library replaces characters by."""
_WHITE_SPACE_UNKNOWN = " "

_KERAS_FILTERS = r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n ]+"""
# \s alone would miss \x1c-\x1f, where str.split splits.
_WHITE_SPACE = r"[\s\x1c-\x1f]+"
# The first branch keeps the Penn Treebank's literal <unk> in one piece.
_LATIN_WORDS = r"<unk>|\w+(?:['’]\w+)*|[^\w\s]"
# In a character class the Rust library's \w lacks these six, which are letters outside of one.
_MISSING = "\xb2\xb3\xb9\xbc-\xbe"


def _words_by_scripts(letters: str, symbol: str) -> str:
    """Return the pattern of "words": characters, words, flags, and symbols with what extends them."""
    return (
        f"<unk>|{CHARACTER}|{letters}+(?:['’]{letters}+)*|[{REGIONAL}]{{2}}"
        f"|{symbol}(?:[{EXTENDING}]|\u200d{symbol})*"
    )


_WORDS = _words_by_scripts(f"[[^\\W{UNSPACED}]{_MISSING}]", f"[^\\w\\s{_MISSING}]")
# Python's classes cannot be nested. Plain texts have none of the six.
_PLAIN_WORDS = _words_by_scripts(f"[^\\W{UNSPACED}]", r"[^\w\s]")

# One subword is a part of: letters, or signs, with the space before them; or one white space character.
# Bounded, so that a text without spaces takes linear time.
MAX_RUN = 32
"""Letters or signs of a run, at most. No subword is longer, but for a space and an ending after an
apostrophe."""
_SUBWORD_RUNS = f" ?\\w{{1,{MAX_RUN}}}(?:['’]\\w{{1,{MAX_RUN}}})?| ?[^\\w\\s{_MISSING}]{{1,{MAX_RUN}}}|\\s"

_LATIN = (
    "\x00-\x1b\x20-\x84\x86-\x9f\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf-\u012f\u0131-\u024f"
    "\u2010-\u2027\u2030-\u203e\u2041-\u2053\u2055-\u205e\u20ac"
)
_CHINESE_AND_JAPANESE = (
    "\u3000-\u3003\u3005-\u3011\u3014-\u301b\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uff01-\uff5e"
)

_ASCII_WORDS: dict[str, re.Pattern[str]] = {
    "white-space": re.compile(r"[^\s\x1c-\x1f]+", re.ASCII),
    "keras": re.compile(_KERAS_FILTERS.replace("[", "[^", 1)),
    "words": re.compile(r"<unk>|\w+(?:'\w+)*|[^\w\s]", re.ASCII),
}

# Beyond ASCII: characters that both engines and every Unicode version split and lower-case alike (Latin
# letters, curly quotes, dashes, the euro sign; Chinese and Japanese), and the pattern for texts of these
# alone, by style. Keras splits at ASCII only.
_PLAIN: dict[str, list[tuple[str, str]]] = {
    "keras": [("[\x00-\u024f\u2010-\u205e\u20ac]*", _ASCII_WORDS["keras"].pattern)],
    # The first pattern splits Latin texts into the same words as the second, and faster.
    "words": [(f"[{_LATIN}]*", _LATIN_WORDS), (f"[{_LATIN}{_CHINESE_AND_JAPANESE}]*", _PLAIN_WORDS)],
}

# Compiled when first used: programs that read English alone start sooner.
_compiled = functools.cache(re.compile)


def plain_words(text: str, style: Style, *, lowercase: bool) -> list[str] | None:
    """Return the words of a text of plain characters; None where the Rust library must split it."""
    if style in OPEN:
        return None
    pattern = _ASCII_WORDS[style]
    if not text.isascii():
        plain = _PLAIN.get(style, ())
        words = next((words for characters, words in plain if _compiled(characters).fullmatch(text)), None)
        if words is None:
            return None
        pattern = _compiled(words)
    return pattern.findall(text.lower() if lowercase else text)


def library_words(library: Tokenizer, text: str) -> list[str]:
    """Return the words of any text."""
    if library.normalizer is not None:
        text = library.normalizer.normalize_str(text)
    if library.pre_tokenizer is None:
        return list(text)
    return [word for word, _ in library.pre_tokenizer.pre_tokenize_str(text)]


def library_tokenizer(
    style: Style, lowercase: bool, words: list[str], merges: list[tuple[str, str]] | None = None
) -> Tokenizer:
    """Return a Hugging Face tokenizer; its ids are the style's specials, `words`, and perhaps the bytes.

    Args:
        style: the style.
        lowercase: convert letters to lower case first.
        words: the vocabulary.
        merges: of "subword": the pairs of tokens that are joined, the first to be joined first.
    """
    if style in OPEN:
        return _open_tokenizer(style, lowercase, [*SPECIALS[style], *words, *BYTES], merges or [])
    tokens = [*SPECIALS[style], *words]
    unknown = UNKNOWN
    if style == "white-space":
        tokens, unknown = [*tokens, _WHITE_SPACE_UNKNOWN], _WHITE_SPACE_UNKNOWN
    vocabulary = {token: i for i, token in enumerate(tokens)}
    library = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token=unknown))
    _set_normalizer(library, composes=style == "words", lowercase=lowercase)
    library.pre_tokenizer = _splitter(style)
    return library


def _open_tokenizer(
    style: Style, lowercase: bool, tokens: list[str], merges: list[tuple[str, str]]
) -> Tokenizer:
    """Return a tokenizer with an open vocabulary: byte-pair encoding, of "char" without any pair."""
    library = Tokenizer(open_model({token: i for i, token in enumerate(tokens)}, merges))
    _set_normalizer(library, composes=True, lowercase=lowercase)
    if style == "subword":
        library.pre_tokenizer = _splitter(style)
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return library


def open_model(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> models.BPE:
    """Return the model of a tokenizer with an open vocabulary."""
    return models.BPE(vocab=vocabulary, merges=merges, unk_token=UNKNOWN, byte_fallback=True)


def _set_normalizer(library: Tokenizer, *, composes: bool, lowercase: bool) -> None:
    steps: list[Any] = [normalizers.NFC()] if composes else []
    if lowercase:
        steps.append(normalizers.Lowercase())
    if steps:
        library.normalizer = normalizers.Sequence(steps)


def _splitter(style: Style) -> pre_tokenizers.PreTokenizer:
    if style == "subword":
        return pre_tokenizers.Split(Regex(_SUBWORD_RUNS), "isolated")
    if style == "words":
        return pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True)
    return pre_tokenizers.Split(Regex(_KERAS_FILTERS if style == "keras" else _WHITE_SPACE), "removed")


def style_of(library: Tokenizer) -> Style:
    """Return the style of a tokenizer, by the special ids that only it has.

    Raises:
        ValueError: `library_tokenizer` did not make it.
    """
    style = _style_of(library)
    if style != "char" and _state(library.pre_tokenizer) != _state(_splitter(style)):
        raise ValueError(f"rules of the style {style} that this version of foretell does not have")
    return style


def _style_of(library: Tokenizer) -> Style:
    if isinstance(library.model, models.BPE):
        return "char" if library.pre_tokenizer is None else "subword"
    if library.id_to_token(library.get_vocab_size() - 1) == _WHITE_SPACE_UNKNOWN:
        return "white-space"
    styles: tuple[Style, ...] = ("keras", "words")
    for style in styles:
        specials = SPECIALS[style]
        if [library.id_to_token(i) for i in range(len(specials))] == specials:
            return style
    raise ValueError("the vocabulary of another program")


def _state(splitter: pre_tokenizers.PreTokenizer) -> bytes:
    """Return a pre-tokenizer as JSON: its pattern and what is done with it."""
    state: bytes = splitter.__getstate__()
    return state
