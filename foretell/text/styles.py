"""The styles of splitting text: special ids, and the words of a text by each of two engines.

The Rust library of Hugging Face splits every text. Python's `re` splits plain texts, the most
frequent kind, three times as fast, and into the same words.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

# Digits and punctuation of these scripts are left out: they are split as in other scripts.
_HAN = (
    "\u3005-\u3007\u3021-\u3029\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00016fe3\U00016fe4\U00020000-\U0003fffd"
)
_KANA = (
    "\u3031-\u3035\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\U0001aff0-\U0001affe\U0001b000-\U0001b167"
)
_THAI_AND_LAO = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ec6\u0ec8-\u0ece\u0edc-\u0edf"
_KHMER = "\u1780-\u17d3\u17d7\u17dc\u17dd"
_MYANMAR = (
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
)

EAST_ASIAN = _HAN + _KANA
SOUTHEAST_ASIAN = _THAI_AND_LAO + _KHMER + _MYANMAR
UNSPACED = EAST_ASIAN + SOUTHEAST_ASIAN
"""The inside of a character class: letters and marks of the scripts that are split into
characters.
"""

_MARKS = (
    "\u0300-\u036f\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d\u17b4-\u17d3\u17dd"
    "\u200c\u200d\u302a-\u302d\u3099\u309a\ua9e5\uaa7b-\uaa7d\ufe00-\ufe0f\uff9e\uff9f\U00016fe4\U000e0100-\U000e01ef"
)
# Khmer coeng and Myanmar virama: the consonant after it is written below the one before it.
_STACKING = "\u1039\u17d2"
_STACKED = (
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066"
    "\u106e-\u1070\u1075-\u1081\u1780-\u17b3"
)

CHARACTER = f"[{UNSPACED}](?:[{_STACKING}][{_STACKED}]|[{_MARKS}])*"
"""A regular expression, in the syntax that Rust, Python and JavaScript share: a character with its
marks.
"""

EXTENDING = "\ufe00-\ufe0f\u20d0-\u20ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
"""The inside of a character class: what belongs to the symbol before it, as the skin tone of an
emoji.
"""

REGIONAL = "\U0001f1e6-\U0001f1ff"
"""The inside of a character class: regional indicators, two of which are a flag."""

# Full-width punctuation contains its own white space. Format characters stand within words and
# emoji.
_JOINING_SIGNS = (
    "\u200b-\u200d\u2060\ufeff\u3001-\u3003\u3008-\u3020\u3030\u303d-\u303f\u30a0\u30fb\ufe30-\ufe4f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
JOINING = EAST_ASIAN + _JOINING_SIGNS
"""The inside of a character class: characters beside which no space stands."""

# Compiled when first used: programs that read English alone start sooner.
_compiled = functools.cache(re.compile)


def in_unspaced_script(word: str) -> bool:
    """Return whether a word begins with a character of a script without spaces between words."""
    return not word.isascii() and _is_in(word[0], UNSPACED)


def joined_without_space(before: str, after: str) -> bool:
    """Return whether no space stands between two words because of their scripts.

    There is none beside Chinese and Japanese characters and their punctuation, and none between two
    characters of the Southeast Asian scripts, which have spaces between phrases.
    """
    if not before or not after or (before.isascii() and after.isascii()):
        return False
    sides = (before[-1], after[0])
    return any(_is_in(side, JOINING) for side in sides) or all(
        _is_in(side, SOUTHEAST_ASIAN) for side in sides
    )


def _is_in(character: str, inside: str) -> bool:
    return _compiled(f"[{inside}]").match(character) is not None


Style = Literal["white-space", "keras", "words", "subword", "char"]

OPEN: tuple[Style, ...] = ("subword", "char")
"""The styles with an open vocabulary: their tokens are all of a text, white space included, and a
character that is no token becomes the tokens of its UTF-8 bytes."""

UNKNOWN = "<unk>"
END_OF_LINE = "<eos>"

# No text can contain these as words of their style: white-space words have no space, Keras's
# filters remove < and >, the pattern of "words" splits <pad> into three tokens, and no subword has
# both signs and letters.
SPECIALS: dict[str, list[str]] = {
    "white-space": [],
    "keras": ["<pad>", "<start>", UNKNOWN, "<unused>"],
    "words": ["<pad>", UNKNOWN, END_OF_LINE],
    "subword": ["<pad>", UNKNOWN, END_OF_LINE],
    "char": ["<pad>", UNKNOWN, END_OF_LINE],
}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
"""The last tokens of an open vocabulary, in the form that the Hugging Face library replaces
characters by.
"""
_WHITE_SPACE_UNKNOWN = " "

_KERAS_FILTERS = r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n ]+"""
# \s alone would miss \x1c-\x1f, where str.split splits.
_WHITE_SPACE = r"[\s\x1c-\x1f]+"
# In a character class the Rust library's \w lacks these six, which are letters outside of one.
_MISSING = "\xb2\xb3\xb9\xbc-\xbe"
_LETTER = f"[[^\\W{UNSPACED}]{_MISSING}]"
_SYMBOL = f"[^\\w\\s{_MISSING}]"
# The first branch keeps the Penn Treebank's literal <unk> in one piece. Then: characters, words,
# flags, and symbols with what extends them.
_WORDS = (
    f"<unk>|{CHARACTER}|{_LETTER}+(?:['’]{_LETTER}+)*|[{REGIONAL}]{{2}}"
    f"|{_SYMBOL}(?:[{EXTENDING}]|\u200d{_SYMBOL})*"
)

# One subword is a part of: letters, or signs, with the space before them; or one white space
# character. Bounded, so that a text without spaces takes linear time.
MAX_RUN = 32
"""Letters or signs of a run, at most. No subword is longer, but for a space and an ending after an
apostrophe."""
_SUBWORD_RUNS = f" ?\\w{{1,{MAX_RUN}}}(?:['’]\\w{{1,{MAX_RUN}}})?| ?{_SYMBOL}{{1,{MAX_RUN}}}|\\s"

# Of the library: what words and runs are, and what separates words.
_PATTERNS = {
    "words": _WORDS,
    "subword": _SUBWORD_RUNS,
    "keras": _KERAS_FILTERS,
    "white-space": _WHITE_SPACE,
}

_ASCII_WORDS: dict[str, re.Pattern[str]] = {
    "white-space": re.compile(r"[^\s\x1c-\x1f]+", re.ASCII),
    "keras": re.compile(_KERAS_FILTERS.replace("[", "[^", 1)),
    "words": re.compile(r"<unk>|\w+(?:'\w+)*|[^\w\s]", re.ASCII),
}

# Latin letters, curly quotes, dashes, the euro sign, Chinese and Japanese: what both engines and
# every version of Unicode split and lower-case alike; and the pattern of "words" for texts of these
# alone.
_PLAIN = (
    "[\x00-\x1b\x20-\x84\x86-\x9f\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf-\u012f\u0131-\u024f\u2010-\u2027"
    "\u2030-\u203e\u2041-\u2053\u2055-\u205e\u20ac\u3000-\u3003\u3005-\u3011\u3014-\u301b\u3041-\u3096"
    "\u309d-\u309f\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff3e\uff40-\uff5e]*"
)
_PLAIN_WORDS = f"<unk>|[{EAST_ASIAN}]|[^\\W{EAST_ASIAN}]+(?:['’][^\\W{EAST_ASIAN}]+)*|[^\\w\\s]"


def plain_words(text: str, style: Style, *, lowercase: bool) -> list[str] | None:
    """Return the words of a text of plain characters; None where the Rust library must split it."""
    if style in OPEN:
        return None
    pattern = _ASCII_WORDS[style]
    if not text.isascii():
        if style == "white-space" or not _compiled(_PLAIN).fullmatch(text):
            return None
        pattern = _compiled(_PLAIN_WORDS) if style == "words" else pattern
    return pattern.findall(text.lower() if lowercase else text)


def library_words(library: Tokenizer, text: str) -> list[str]:
    if library.normalizer is not None:
        text = library.normalizer.normalize_str(text)
    if library.pre_tokenizer is None:
        return list(text)
    return [word for word, _ in library.pre_tokenizer.pre_tokenize_str(text)]


def library_tokenizer(
    style: Style, lowercase: bool, words: list[str], merges: list[tuple[str, str]] | None = None
) -> Tokenizer:
    """Return a Hugging Face tokenizer; its ids are the style's specials, `words`, and perhaps the
    bytes.

    Args:
        style: the style.
        lowercase: convert letters to lower case first.
        words: the vocabulary.
        merges: of "subword": the pairs of tokens that are joined, the first to be joined first.
    """
    tokens = [*SPECIALS[style], *words]
    unknown = UNKNOWN
    if style in OPEN:
        tokens += BYTES
    elif style == "white-space":
        tokens.append(_WHITE_SPACE_UNKNOWN)
        unknown = _WHITE_SPACE_UNKNOWN
    vocabulary = {token: i for i, token in enumerate(tokens)}
    if style in OPEN:
        library = Tokenizer(open_model(vocabulary, merges or []))
        library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    else:
        library = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token=unknown))
    steps: list[normalizers.Normalizer] = []
    if style in ("words", *OPEN):
        steps.append(normalizers.NFC())
    if lowercase:
        steps.append(normalizers.Lowercase())
    if steps:
        library.normalizer = normalizers.Sequence(steps)
    if style != "char":
        behaviour = "isolated" if style == "subword" else "removed"
        library.pre_tokenizer = pre_tokenizers.Split(
            Regex(_PATTERNS[style]), behaviour, style == "words"
        )
    return library


def open_model(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> models.BPE:
    """Return the model of a tokenizer with an open vocabulary."""
    return models.BPE(vocab=vocabulary, merges=merges, unk_token=UNKNOWN, byte_fallback=True)


Spans = list[tuple[int, int]]
"""(start, end) of each token, in code points."""


def spans_before_lowering(text: str, spans: Spans) -> Spans:
    """Convert spans of `text.lower()` to spans of `text`: a letter such as İ becomes two there."""
    origin = [i for i, letter in enumerate(text) for _ in letter.lower()]
    return [(origin[start], origin[end - 1] + 1) for start, end in spans]


def spans_before_composing(text: str, spans: Spans) -> Spans:
    """Extend spans to the combining accents after their letters, which NFC composed."""
    stretched = []
    for (start, end), limit in zip(spans, _limits(spans, len(text)), strict=False):
        # In this style every character that is not white space belongs to a word.
        while end < limit and not text[end].isspace():
            end += 1
        stretched.append((start, end))
    return stretched


def spans_in_a_row(spans: Spans, length: int) -> Spans:
    """Extend spans to follow one another from 0 to `length`; of several in one place the first has
    it.
    """
    row = []
    at = 0
    for (_, end), following in zip(spans, _limits(spans, length), strict=False):
        row.append((at, max(at, end, following)))
        at = row[-1][1]
    return row


def _limits(spans: Spans, length: int) -> list[int]:
    """Return where the span after each one starts; a text without spans has one limit too."""
    return [*(start for start, _ in spans[1:]), length]
