"""The rules by which another language can split texts exactly as foretell's tokenizer does.

The tokenizer's regular expressions use `\\w` and `\\s`, whose characters depend on an engine's version of
Unicode. The characters that they match here are therefore listed.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys

from tokenizers import Regex, pre_tokenizers

from foretell.text import styles
from foretell.text.styles import MAX_RUN
from foretell.text.tokenizer import Tokenizer

_SURROGATES = range(0xD800, 0xE000)
_SCRIPTS = {
    "character": styles.CHARACTER,
    "unspaced": styles.UNSPACED,
    "extending": styles.EXTENDING,
    "regional": styles.REGIONAL,
    "joining": styles.JOINING,
    "southeast_asian": styles.SOUTHEAST_ASIAN,
}
"""The parts of `foretell.text.styles`: `character` is a pattern, the others are insides of classes."""


def token_rules(tokenizer: Tokenizer) -> dict[str, object]:
    """Return the rules of a tokenizer, ready for JSON.

    `letters` and `spaces` are the insides of a character class of JavaScript's regular expressions with the
    flag u: the characters that `\\w` and `\\s` match in foretell's tokenizer. `scripts` has the other parts
    of its pattern, and the characters that determine the spaces of a written text; None where the tokenizer
    does not split by scripts. `first_byte` is the id of the byte 0, after which the other bytes follow; None
    where the vocabulary is not open. `max_run` is the length of the longest run of letters or signs of
    "subword".
    """
    return {
        "style": tokenizer.style,
        "lowercase": lowercases(tokenizer),
        "size": tokenizer.size,
        "pad": tokenizer.pad,
        "start": tokenizer.start,
        "unknown": tokenizer.unknown,
        "end_of_line": tokenizer.end_of_line,
        "first_byte": tokenizer.bytes.start if tokenizer.is_open else None,
        "max_run": MAX_RUN,
        "letters": _class_of(r"\w+"),
        "spaces": _class_of(r"\s+"),
        "scripts": _SCRIPTS if tokenizer.style == "words" else None,
    }


def lowercases(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer converts letters to lower case."""
    return "Lowercase" in json.dumps(json.loads(tokenizer.to_json())["normalizer"])


@functools.cache
def _class_of(pattern: str) -> str:
    """Return the characters that a pattern of the tokenizers library matches, as ranges \\u{…}-\\u{…}."""
    text = "".join(chr(code) for code in range(sys.maxunicode + 1) if code not in _SURROGATES)
    # "removed" with `invert` keeps what the pattern matches, in the order of the code points.
    runs = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(text)
    codes = [ord(character) for run, _ in runs for character in run]
    ranges = []
    for _, group in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        members = [code for _, code in group]
        ranges.append(f"\\u{{{members[0]:x}}}-\\u{{{members[-1]:x}}}")
    return "".join(ranges)
