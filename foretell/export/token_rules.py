"""What another language must know to split texts as our tokenizer does.

The regular expressions of our tokenizer say `\\w` and `\\s`, and engines know several editions of Unicode:
so the characters that these mean here are listed.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from typing import Any

from tokenizers import Regex, pre_tokenizers

from foretell.text.tokenizer import Tokenizer

_SURROGATES = range(0xD800, 0xE000)


def token_rules(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the rules of a tokenizer, ready for JSON.

    `letters` and `spaces` are the insides of a character class of JavaScript's regular expressions with the
    flag u: what `\\w` and `\\s` are to our tokenizer.
    """
    return {
        "style": tokenizer.style,
        "lowercase": lowercases(tokenizer),
        "size": tokenizer.size,
        "pad": tokenizer.pad,
        "start": tokenizer.start,
        "unknown": tokenizer.unknown,
        "end_of_line": tokenizer.end_of_line,
        "letters": _class_of(r"\w+"),
        "spaces": _class_of(r"\s+"),
    }


def lowercases(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer folds letters to lower case."""
    return "Lowercase" in json.dumps(json.loads(tokenizer.to_json())["normalizer"])


@functools.cache
def _class_of(pattern: str) -> str:
    """Return the characters that a pattern of the tokenizers library matches, as ranges \\u{…}-\\u{…}."""
    text = "".join(chr(code) for code in range(sys.maxunicode + 1) if code not in _SURROGATES)
    # Removes what the pattern does not match; the text is in the order of its characters.
    runs = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(text)
    codes = [ord(character) for run, _ in runs for character in run]
    ranges = []
    for _, group in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        members = [code for _, code in group]
        ranges.append(f"\\u{{{members[0]:x}}}-\\u{{{members[-1]:x}}}")
    return "".join(ranges)
