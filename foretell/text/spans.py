"""Spans of tokens in a text that was converted before it was split, as spans of the text as it is written."""

from __future__ import annotations

Spans = list[tuple[int, int]]
"""(start, end) of each token, in code points."""


def spans_before_lowering(text: str, spans: Spans) -> Spans:
    """Convert spans of `text.lower()` to spans of `text`: a letter such as İ becomes two there."""
    origin = [i for i, letter in enumerate(text) for _ in letter.lower()]
    return [(origin[start], origin[end - 1] + 1) for start, end in spans]


def spans_before_composing(text: str, spans: Spans) -> Spans:
    """Extend spans to the combining accents after their letters, which NFC composed."""
    stretched = []
    for (start, end), limit in zip(spans, [*(start for start, _ in spans[1:]), len(text)], strict=True):
        # In this style every character that is not white space belongs to a word.
        while end < limit and not text[end].isspace():
            end += 1
        stretched.append((start, end))
    return stretched


def spans_in_a_row(spans: Spans, length: int) -> Spans:
    """Extend spans to follow one another from 0 to `length`; of several in one place the first has it."""
    row, at = [], 0
    ends = [*(start for start, _ in spans[1:]), length]
    for (_, end), following in zip(spans, ends, strict=False):
        row.append((at, max(at, end, following)))
        at = row[-1][1]
    return row
