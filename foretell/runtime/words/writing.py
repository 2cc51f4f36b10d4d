"""Sampled words as text: the piece that each word adds, with its white space, up to a stop."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal, NamedTuple

from foretell.text.spacing import Spacing
from foretell.text.tokenizer import Tokenizer, words_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible next word, or with the tokens subword and char a possible next token.

    Attributes:
        word: the word or token as the vocabulary has it; `<eos>` is the end of a line.
        probability: 0 to 1, over the whole vocabulary (of an unfinished word: over the words that
            begin with it).
    """

    word: str
    probability: float


@dataclass(frozen=True, slots=True)
class Written:
    """One word of a continuation; with the tokens subword and char one token.

    Attributes:
        word: the word or token as the vocabulary has it.
        text: the text that it adds: the word with the white space before it, "\\n" for the end of a
            line; of a word that the prompt had begun, the rest; of a word in which a stop begins,
            the part before it.
        log_probability: of the whole word, in nats, before temperature, filters and penalties.
        likeliest: the most probable words in its place, as many as `alternatives`, the most
            probable first.
    """

    word: str
    text: str
    log_probability: float
    likeliest: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Continuation:
    """A whole continuation.

    Attributes:
        text: the continuation without the prompt.
        words: its words; their texts joined are `text`.
        log_probability: of all its words together, in nats.
        finished: "stop" where a stop ended it, "length" where it has as many words as requested.
    """

    text: str
    words: tuple[Written, ...]
    log_probability: float
    finished: Literal["stop", "length"]


class Sampled(NamedTuple):
    """A word id that was sampled, its log-probability, and the most probable ids, each with its
    probability.
    """

    id: int
    log_probability: float
    likeliest: tuple[tuple[int, float], ...] = ()


class Pieces:
    """Returns the piece of text that each further id adds. A copy serves another continuation.

    The ids of the prompt affect the spaces (an open quotation mark); after white space at the end
    of its text no space is added. `begun` are the letters of the first word that the prompt already
    has.
    """

    def __init__(
        self, tokenizer: Tokenizer, prompt: Iterable[int], text: str, begun: str = ""
    ) -> None:
        self._tokenizer = tokenizer
        self._spacing = Spacing(tokenizer.style)
        for id in prompt:
            self._spacing.piece(self._visible(id))
        self._spaced = bool(begun) or not text or text[-1].isspace()
        self._begun = len(begun)

    def add(self, id: int) -> str:
        piece = self._spacing.piece(self._visible(id))
        if self._spaced:
            written = piece if self._tokenizer.is_open else piece.lstrip(" ")
            piece = written[self._begun :]
            self._spaced = False
            self._begun = 0
        return piece

    def copy(self) -> Pieces:
        other = copy.copy(self)
        other._spacing = copy.deepcopy(self._spacing)
        return other

    def _visible(self, id: int) -> str:
        return "\n" if id == self._tokenizer.end_of_line else self._tokenizer.word(id)


class Writing(Iterator[Written]):
    """A continuation in progress: an iterator over its words, each given as soon as no stop can
    begin in it.

    It ends with the sampled words, before the first of the texts `stop`, or, where a word may have
    several tokens, after so many `words`.

    Attributes:
        finished: "" while the continuation is in progress, then "stop" or "length", as in
            `Continuation`.
    """

    def __init__(
        self,
        sampled: Iterable[Sampled],
        pieces: Pieces,
        tokenizer: Tokenizer,
        stop: Sequence[str],
        words: int | None = None,
    ) -> None:
        self.finished: Literal["", "stop", "length"] = ""
        self._word = tokenizer.word
        written: Iterator[tuple[Sampled, str]]
        written = ((word, pieces.add(word.id)) for word in sampled)
        if words is not None:
            count = WordCount(words)
            written = takewhile(lambda item: not count.is_complete_before(item[1]), written)
        self._words = self._until(written, stop)

    def __next__(self) -> Written:
        return next(self._words)

    def whole(self) -> Continuation:
        """Complete the continuation and return it."""
        words = tuple(self)
        text = "".join(word.text for word in words)
        assert self.finished
        return Continuation(text, words, sum(word.log_probability for word in words), self.finished)

    def _until(
        self, sampled: Iterable[tuple[Sampled, str]], stop: Sequence[str]
    ) -> Iterator[Written]:
        waiting: list[Written] = []
        for word, piece in sampled:
            waiting.append(self._written(word, piece))
            if not stop:
                yield waiting.pop()
                continue
            text = "".join(written.text for written in waiting)
            if ends := [at for stop_text in stop if (at := text.find(stop_text)) >= 0]:
                self.finished = "stop"
                yield from _up_to(waiting, min(ends))
                return
            # Characters in which no stop can begin.
            safe = len(text) - begun_at_end(text, stop)
            while waiting and len(waiting[0].text) <= safe:
                safe -= len(waiting[0].text)
                yield waiting.pop(0)
        self.finished = "length"
        yield from waiting

    def _written(self, sampled: Sampled, text: str) -> Written:
        likeliest = tuple(Candidate(self._word(id), p) for id, p in sampled.likeliest)
        return Written(self._word(sampled.id), text, sampled.log_probability, likeliest)


def begun_at_end(text: str, stop: Sequence[str]) -> int:
    """Return how many characters at the end of `text` may be the beginning of one of `stop`."""
    lengths = range(min(len(text), max(map(len, stop)) - 1), 0, -1)
    return next(
        (n for n in lengths if any(stop_text.startswith(text[-n:]) for stop_text in stop)), 0
    )


def _up_to(words: list[Written], end: int) -> Iterator[Written]:
    """Yield the words of the first `end` characters, the last one cut."""
    for word in words:
        if end <= 0:
            return
        yield replace(word, text=word.text[:end])
        end -= len(word.text)


MAX_TOKENS_A_WORD = 32
"""A continuation of n words ends after n times as many tokens, also within a word."""

# Words at the end of a run without spaces that a further token may still change, and one is not
# counted before.
_MAX_WORDS_OPEN = 8
_MAX_WORD_READ = 1_000


@dataclass
class WordCount:
    """Counts words as the style "words" splits them, of text that comes in pieces and may have so
    many.
    """

    words_left: int
    _run: str = ""

    def is_complete_before(self, piece: str) -> bool:
        """Add a piece of text; return whether the text before had all its words.

        The piece then begins another word, or follows the last one with white space.
        """
        if piece[:1].isspace():
            self.words_left -= len(words_of(self._run))
            self._run = ""
            if self.words_left <= 0:
                return True
        self._run += piece
        words = words_of(self._run)
        if len(self._run) > 2 * _MAX_WORD_READ and len(words[-1]) > _MAX_WORD_READ:
            # However long the last word is, it is one: split for each piece, it would take
            # quadratic time.
            self._run = "".join([*words[:-1], words[-1][-_MAX_WORD_READ:]])
        if len(words) > _MAX_WORDS_OPEN:
            n_closed = len(words) - _MAX_WORDS_OPEN // 2
            self.words_left -= n_closed
            words = words[n_closed:]
            self._run = "".join(words)
        return len(words) > self.words_left
