"""Scripts that put no spaces between words, and the characters that belong together in any script.

The ranges are listed here instead of named by script: Rust, Python and JavaScript then agree, whatever their
versions of Unicode. Source: Unicode 16, Scripts.txt; what belongs together follows Unicode Standard Annex #29
(extended grapheme clusters), with Khmer and Myanmar consonants written below another one added to it.
"""

from __future__ import annotations

import functools
import re

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
_MYANMAR = "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"

EAST_ASIAN = _HAN + _KANA
SOUTHEAST_ASIAN = _THAI_AND_LAO + _KHMER + _MYANMAR
UNSPACED = EAST_ASIAN + SOUTHEAST_ASIAN
"""The inside of a character class: letters and marks of the scripts that are split into characters."""

_MARKS = (
    "\u0300-\u036f\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d\u17b4-\u17d3\u17dd"
    "\u200c\u200d\u302a-\u302d\u3099\u309a\ua9e5\uaa7b-\uaa7d\ufe00-\ufe0f\uff9e\uff9f\U00016fe4\U000e0100-\U000e01ef"
)
# Khmer coeng and Myanmar virama: the consonant after it is written below the one before it.
_STACKING = "\u1039\u17d2"
_STACKED = (
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u1780-\u17b3"
)

CHARACTER = f"[{UNSPACED}](?:[{_STACKING}][{_STACKED}]|[{_MARKS}])*"
"""A regular expression, in the syntax that Rust, Python and JavaScript share: a character with its marks."""

EXTENDING = "\ufe00-\ufe0f\u20d0-\u20ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
"""The inside of a character class: what belongs to the symbol before it, as the skin tone of an emoji."""

REGIONAL = "\U0001f1e6-\U0001f1ff"
"""The inside of a character class: regional indicators, two of which are a flag."""

# Full-width punctuation contains its own white space. Format characters stand within words and emoji.
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
