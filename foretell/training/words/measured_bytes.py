"""The bytes of the text that a language model is measured on, for its bits per byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foretell.metrics import bits_per_byte
from foretell.text.line_encoder import LineEncoder, spelled_bytes, utf8_bytes
from foretell.text.tokenizer import Tokenizer
from foretell.training.words.data import TokenFile, TokenizedCorpus

_TOKENS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class MeasuredBytes:
    """The size of a text in three units.

    Attributes:
        tokens: its tokens, ends of lines included.
        text: its bytes in UTF-8, an end of line as one.
        spelled: bytes to spell its unknown words, see `foretell.metrics.bits_per_byte`.
    """

    tokens: int
    text: float
    spelled: float

    def bits_per_byte(self, mean_log_probability: float) -> float:
        """Return bits per byte by the mean log-probability of a token, in nats."""
        return bits_per_byte(mean_log_probability * self.tokens, self.text, self.spelled)


def measured_bytes(
    tokens: TokenizedCorpus, corpus: Iterable[str], valid: Iterable[str] | None
) -> MeasuredBytes | None:
    """Return the size of the validation text, or without one of the part of the training text that is
    measured.

    Token ids do not tell the bytes of unknown words and white space, so the lines are read again. Of a line
    that is only in part validation text the bytes are divided as its tokens.

    Args:
        tokens: the corpus as token ids.
        corpus: the lines of the text.
        valid: those of the user's own validation text.

    Returns:
        The size; None where the tokenizer has no end of line, so that lines are not found again.
    """
    end = tokens.tokenizer.end_of_line
    if end is None:
        return None
    if valid is not None:
        return _size(
            valid, tokens.tokenizer, _Place(0, 0), None if tokens.valid is None else len(tokens.valid)
        )
    if tokens.valid is None:
        return _size(corpus, tokens.tokenizer, _Place(0, 0), len(tokens.measured))
    return _size(corpus, tokens.tokenizer, _end_of(tokens.train, end), len(tokens.valid))


class _Place(NamedTuple):
    """A place in a text: whole lines before it, and tokens of its line before it."""

    lines: int
    tokens: int


def _end_of(tokens: TokenFile, end_of_line: int) -> _Place:
    lines = in_line = 0
    for start in range(0, len(tokens), _TOKENS_AT_ONCE):
        ids = tokens.read(start, min(_TOKENS_AT_ONCE, len(tokens) - start))
        ends = np.flatnonzero(ids == end_of_line)
        lines += len(ends)
        in_line = len(ids) - 1 - int(ends[-1]) if len(ends) else in_line + len(ids)
    return _Place(lines, in_line)


def _size(lines: Iterable[str], tokenizer: Tokenizer, start: _Place, n_tokens: int | None) -> MeasuredBytes:
    """Return the size of the text from a place on, of so many tokens; None: of all."""
    encoder = LineEncoder(tokenizer)
    tokens = 0
    text = spelled = 0.0
    for number, line in enumerate(_split(lines)):
        if number < start.lines:
            continue
        in_line = len(encoder.encode(line + "\n"))
        first = start.tokens if number == start.lines else 0
        taken = in_line - first if n_tokens is None else min(in_line - first, n_tokens - tokens)
        tokens += taken
        text += (utf8_bytes(line) + 1) * taken / in_line
        spelled += spelled_bytes(tokenizer, line) * taken / in_line
        if tokens == n_tokens:
            break
    return MeasuredBytes(tokens, text, spelled)


def _split(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield from line.split("\n")
