"""Numbers and texts for people."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Control characters but tab and newline, the embeddings and isolates that reverse the text around
# them, and lone surrogates, which no terminal can show.
_UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
UNSAFE = re.compile(f"[{_UNSAFE}]")

FIRST_STRONG_ISOLATE = "\u2068"
POP_ISOLATE = "\u2069"
# An isolate that ends cannot reverse the text around it.
_ISOLATED = re.compile(f"{FIRST_STRONG_ISOLATE}[^{_UNSAFE}]*{POP_ISOLATE}")
_UNSAFE_OR_ISOLATED = re.compile(f"{_ISOLATED.pattern}|{UNSAFE.pattern}")
_FROM_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def percent(part: float) -> str:
    """Return 0.8505 as "85.05 %"."""
    return f"{100 * part:.2f} %"


def plain(value: object) -> str:
    """Return a setting as a user types it: on or off for a switch, 0 for 0.0."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def duration(seconds: float) -> str:
    """Return seconds as "7 s", "3 min 05 s" or "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


_LONG = 6
"""Letters from which a word may have two misspelled ones; a shorter word one."""


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that is `word` but for a misspelling; None: there is none."""
    import difflib

    for near in difflib.get_close_matches(word, list(names), n=1):
        blocks = difflib.SequenceMatcher(None, word, near).get_matching_blocks()
        misspelled = max(len(word), len(near)) - sum(block.size for block in blocks)
        if misspelled <= 1 + (len(word) >= _LONG):
            return near
    return None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return "did you mean best?" with the `nearest` of the names; "": there is none."""
    near = nearest(word, names)
    return "" if near is None else f"did you mean {near}?"


def number_of(count: int, noun: str) -> str:
    """Return "1 answer" or "1,200 answers"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return names with commas between them: the first ones where they are many.

    >>> listed("abcd", 2)
    'a, b and 2 more'
    """
    every = list(names)
    text = ", ".join(every[:most])
    if len(every) > most:
        text += f" and {len(every) - most:,} more"
    return text


def pairs(rows: Iterable[tuple[str, str]], indent: int = 2) -> str:
    """Return names and values, one pair a line, the values in one column."""
    every = list(rows)
    width = max((len(name) for name, _ in every), default=0)
    return "\n".join(f"{' ' * indent}{name:<{width}}  {value}".rstrip() for name, value in every)


def visible(text: str) -> str:
    """Return `text` with each control character replaced by one that can be seen; newline, tab and
    what is `isolated` stay.

    Texts, labels and file names may hold control sequences of terminals.
    """
    return _UNSAFE_OR_ISOLATED.sub(_picture, text)


def isolated(name: str) -> str:
    """Return a name for a sentence or a list, `visible`; in isolates (Unicode's UAX 9) where it is
    from right to left, so that it cannot move the number or the name after it.
    """
    shown = visible(name)
    outside = _ISOLATED.sub("", shown)
    if _FROM_RIGHT_TO_LEFT.isdisjoint(map(unicodedata.bidirectional, outside)):
        return shown
    return f"{FIRST_STRONG_ISOLATE}{UNSAFE.sub(_picture, name)}{POP_ISOLATE}"


def _picture(match: re.Match[str]) -> str:
    if len(match[0]) > 1:
        return match[0]
    code = ord(match[0])
    if code < 0x20:
        # U+2400 and following are pictures of the C0 controls: ␛ for escape.
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd"


def on_one_line(text: str) -> str:
    """Return `text` sanitised, with every run of white space as one space."""
    return visible(" ".join(text.split()))


def excerpt(text: str, width: int = 70) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text[: 4 * width].split())
    if len(line) <= width and len(text) <= 4 * width:
        return line
    return f"{line[: width - 1].rstrip()}…"


def megabytes(size: int) -> str:
    """Return a number of bytes as "3.4 MB", small ones as "43 kB"."""
    if size >= 1e6:
        return f"{size / 1e6:,.1f} MB"
    return f"{size / 1e3:,.0f} kB"
