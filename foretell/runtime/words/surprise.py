"""How likely each word of a text was after the words before it: what a score is the sum of."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.errors import DataError
from foretell.runtime.words import sampling
from foretell.runtime.words.networks import ArticleNetwork, Floats, Integers, StreamNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.sampling import log_probabilities_of
from foretell.runtime.words.scoring import LOGITS_AT_ONCE, MOST_STEPS, Score, Tally
from foretell.runtime.words.writing import Candidate
from foretell.text.tokenizer import Tokenizer

Placed = tuple[int, int, int]
"""A word's id and where it stands in the text: (id, start, end), in code points."""


@dataclass(frozen=True, slots=True)
class WordScore:
    """How likely one word was.

    Attributes:
        start, end: where it stands: `text[start:end]`; empty for the end of a line.
        log_probability: natural logarithm of its probability, -surprise; None where the model cannot tell
            (article: without three known words before it, or itself unknown).
        known: whether it is in the vocabulary; an lstm predicts an unknown word as `<unk>`.
        characters: the code points that it stands for: those since the word before it; the end of a line, or
            a line's last word where lines have no end, one more (article: its own and a space; 0 where the
            model cannot tell).
        top: the likeliest words in its place, the likeliest first.
    """

    start: int
    end: int
    log_probability: float | None
    known: bool
    characters: int
    top: tuple[Candidate, ...] = ()


def score_words(runtime: WordsRuntime, text: str, *, top: int = 0, start: int = 0) -> list[WordScore]:
    """Return a score for each word and each line's end of `text`, in order.

    Together they are the score of the text: see `total`.

    Args:
        runtime: the words model.
        text: the text.
        top: so many likeliest words in each place, too.
        start: leave out words that begin before this code point: they are only read, which takes little time
            where the model has just read them.

    Raises:
        DataError: a word that an lstm's tokenizer has no id for (split at white space).
    """
    network, tokenizer = runtime._network, runtime.tokenizer
    is_article = isinstance(network, ArticleNetwork)
    placed = placed_words(tokenizer, text, last_ends=True)
    first = bisect_left(placed, start, key=lambda each: each[1])
    if isinstance(network, ArticleNetwork):
        found = _after_windows(network, placed, top, first)
        shares: Iterator[int] = (len(tokenizer.word(word)) + 1 for word, _, _ in placed[first:])
    else:
        check_known(placed, text)
        found = _after_all(network, tokenizer, placed, top, first)
        shares = _shares(placed, text, first)
    return [
        WordScore(
            start=begin,
            end=end,
            log_probability=logp,
            known=word not in (-1, tokenizer.unknown),
            characters=0 if is_article and logp is None else characters,
            top=tuple(Candidate(tokenizer.word(i), p) for i, p in likeliest),
        )
        for (word, begin, end), (logp, likeliest), characters in zip(
            placed[first:], found, shares, strict=True
        )
    ]


def total(words: Sequence[WordScore]) -> Score:
    """Return the score that these words make up: for those of a whole text what `runtime.score` gives.

    Raises:
        DataError: none of them could be predicted.
    """
    told = [word.log_probability for word in words if word.log_probability is not None]
    tally = Tally()
    tally.tokens, tally.log_probability = len(told), math.fsum(told)
    tally.words = sum(word.start < word.end for word in words)
    tally.unknown = sum(not word.known for word in words)
    tally.characters = sum(word.characters for word in words)
    return tally.score()


def placed_words(tokenizer: Tokenizer, text: str, *, last_ends: bool) -> list[Placed]:
    """Return the words of a text as a language model reads them, each line followed by its end.

    Args:
        tokenizer: gives the words; where it has no end of line, lines mean nothing.
        text: the text; blank lines are left out.
        last_ends: the last line ends, too, whether or not a line break follows.
    """
    end_of_line = tokenizer.end_of_line
    if end_of_line is None:
        return tokenizer.encode_with_offsets(text)
    placed: list[Placed] = []
    at = 0
    for line in text.split("\n"):
        stop = at + len(line)
        ends = last_ends or stop < len(text)
        if line.strip():
            placed += [
                (word, at + start, at + end) for word, start, end in tokenizer.encode_with_offsets(line)
            ]
            if ends:
                placed.append((end_of_line, stop, stop))
        at = stop + 1
    return placed


def check_known(placed: list[Placed], text: str) -> None:
    """Refuse words without an id.

    Raises:
        DataError: naming the first of them.
    """
    for word, start, end in placed:
        if word < 0:
            raise DataError(
                expected="words that the model knows: split at white space, it has none for unknown words",
                found=f"'{text[start:end]}'",
                fix="train with --tokens words",
            )


Found = tuple[float | None, list[tuple[int, float]]]


def _shares(placed: list[Placed], text: str, first: int) -> Iterator[int]:
    """Yield the code points that each word from the `first` on stands for: see `WordScore.characters`."""
    at = placed[first - 1][2] if first else 0
    for place in range(first, len(placed)):
        _, start, end = placed[place]
        # Lines without a word count nothing.
        begin = max(at, text.rfind("\n", at, start) + 1)
        at = end
        if place + 1 == len(placed) or "\n" in text[end : placed[place + 1][1]]:
            found = text.find("\n", end)
            at = found if found >= 0 else len(text)
            yield len(text[begin:at].rstrip("\r")) + 1
        else:
            yield end - begin


def _after_all(
    network: StreamNetwork, tokenizer: Tokenizer, placed: list[Placed], top: int, first: int
) -> Iterator[Found]:
    """Yield (log-probability, likeliest words) of each word from the `first` on after all before it."""
    words = [word for word, _, _ in placed]
    if tokenizer.end_of_line is not None:
        words = [tokenizer.end_of_line, *words]
    elif first:
        first -= 1
    else:
        # Nothing stands before the first word that it could follow from.
        yield from [(None, [])] * min(1, len(words))
    ids = np.array(words, np.int64)
    state = network.read(words[:first])[1] if first else network.zero_state()
    steps = max(1, min(MOST_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    for start in range(first, len(ids) - 1, steps):
        followed = ids[start + 1 : start + steps + 1]
        logits, state = network.advance(ids[None, start : start + len(followed)], state)
        yield from _found(logits[0], followed, top)


def _after_windows(network: ArticleNetwork, placed: list[Placed], top: int, first: int) -> Iterator[Found]:
    """Yield (log-probability, likeliest words) of each word from the `first` on, after known ones alone."""
    ids = np.array([word for word, _, _ in placed], np.int64)
    for place in range(first, len(ids)):
        window = ids[max(0, place - network.window) : place + 1]
        if len(window) <= network.window or (window < 0).any():
            yield None, []
        else:
            yield from _found(network.advance(window[None, :-1]), window[-1:], top)


def _found(logits: Floats, followed: Integers, top: int) -> Iterator[Found]:
    """Yield what logits [row, word] say of the word that followed in each row."""
    logps = log_probabilities_of(logits, followed).tolist()
    for row, word, logp in zip(logits, followed, logps, strict=True):
        # All words of a row share what the logits are lowered by, and that of one of them is known.
        best = sampling.likeliest(row, top).tolist() if top else []
        yield logp, [(i, math.exp(float(row[i]) - float(row[word]) + logp)) for i in best]
