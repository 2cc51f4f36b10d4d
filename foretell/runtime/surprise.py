"""How likely each word of a text was after the words before it: what a score is the sum of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foretell.errors import DataError
from foretell.runtime import sampling
from foretell.runtime.scoring import LOGITS_AT_ONCE, MOST_STEPS, log_probabilities_of
from foretell.runtime.word_networks import ArticleNetwork, Floats, Integers, LstmNetwork
from foretell.runtime.words import WordsRuntime
from foretell.runtime.writing import Candidate
from foretell.tokenizer import Tokenizer

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
        top: the likeliest words in its place, the likeliest first.
    """

    start: int
    end: int
    log_probability: float | None
    known: bool
    top: tuple[Candidate, ...] = ()


def score_words(runtime: WordsRuntime, text: str, *, top: int = 0) -> list[WordScore]:
    """Return a score for each word and each line's end of `text`, in order.

    The log-probabilities add up to the `log_probability` of `runtime.score(text)`.

    Args:
        runtime: the words model.
        text: the text.
        top: so many likeliest words in each place, too.

    Raises:
        DataError: a word that an lstm's tokenizer has no id for (split at white space).
    """
    network, tokenizer = runtime._network, runtime.tokenizer
    placed = placed_words(tokenizer, text, last_ends=True)
    if isinstance(network, ArticleNetwork):
        found = _after_windows(network, placed, top)
    else:
        check_known(placed, text)
        found = _after_all(network, tokenizer, placed, top)
    return [
        WordScore(
            start,
            end,
            logp,
            word not in (-1, tokenizer.unknown),
            tuple(Candidate(tokenizer.word(i), p) for i, p in likeliest),
        )
        for (word, start, end), (logp, likeliest) in zip(placed, found, strict=True)
    ]


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


def _after_all(network: LstmNetwork, tokenizer: Tokenizer, placed: list[Placed], top: int) -> Iterator[Found]:
    """Yield (log-probability, likeliest words) of each word after all words before it."""
    words = [word for word, _, _ in placed]
    if tokenizer.end_of_line is None:
        # Nothing stands before the first word that it could follow from.
        yield from [(None, [])] * min(1, len(words))
    else:
        words = [tokenizer.end_of_line, *words]
    ids, state = np.array(words, np.int64), network.zero_state()
    steps = max(1, min(MOST_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    for start in range(0, len(ids) - 1, steps):
        followed = ids[start + 1 : start + steps + 1]
        logits, state = network.advance(ids[None, start : start + len(followed)], state)
        yield from _found(logits[0], followed, top)


def _after_windows(network: ArticleNetwork, placed: list[Placed], top: int) -> Iterator[Found]:
    """Yield (log-probability, likeliest words) of each word after a window of known ones."""
    ids = np.array([word for word, _, _ in placed], np.int64)
    size = network.window + 1
    yield from [(None, [])] * min(network.window, len(ids))
    if len(ids) < size:
        return
    for window in np.lib.stride_tricks.sliding_window_view(ids, size):
        if (window < 0).any():
            yield None, []
        else:
            yield from _found(network.advance(window[None, :-1]), window[-1:], top)


def _found(logits: Floats, followed: Integers, top: int) -> Iterator[Found]:
    """Yield what logits [row, word] say of the word that followed in each row."""
    logps = log_probabilities_of(logits, followed).tolist()
    for row, logp in zip(logits, logps, strict=True):
        best = []
        if top:
            all_words = sampling.log_softmax(row)
            best = [(int(i), float(np.exp(all_words[i]))) for i in sampling.likeliest(all_words, top)]
        yield logp, best
