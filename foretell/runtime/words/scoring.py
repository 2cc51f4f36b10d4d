"""How likely a text is: log-probability, perplexity and bits per character, of text of any size."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from foretell.errors import DataError
from foretell.runtime.words.networks import ArticleNetwork, Floats, Integers, StreamNetwork
from foretell.runtime.words.sampling import log_probabilities_of
from foretell.text.line_encoder import LineEncoder
from foretell.text.tokenizer import Tokenizer

# Bounds on what is held at once; none of them changes a number.
LOGITS_AT_ONCE = 4_000_000
MOST_STEPS = 256
LINES_AT_ONCE = 4096
CHARACTERS_AT_ONCE = 1 << 20
LONGEST_PIECE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Score:
    """How likely a language model finds a text.

    Attributes:
        tokens: predictions made: each word and each line's end (article: each word after a known window).
        words: words in the text; punctuation marks count where the tokenizer takes them as words.
        characters: code points predicted, one more for each line's end (article: for the space before
            each word).
        unknown: words that are not in the vocabulary. An lstm predicts them as `<unk>`; the article's network
            cannot, so windows that touch one are left out.
        log_probability: natural logarithm of the probability of all predictions together.
        perplexity: exp(-log_probability / tokens).
        bits_per_character: -log2 probability / characters.
    """

    tokens: int
    words: int
    characters: int
    unknown: int
    log_probability: float
    perplexity: float
    bits_per_character: float


class Tally:
    """The counts of a score while it is being made."""

    def __init__(self) -> None:
        self.tokens = self.words = self.characters = self.unknown = 0
        self.log_probability = 0.0

    def add(self, log_probabilities: Floats) -> None:
        """Count predictions by the log-probabilities [prediction] of what really followed."""
        self.tokens += len(log_probabilities)
        self.log_probability += float(log_probabilities.sum(dtype=np.float64))

    def score(self) -> Score:
        """Return the finished score.

        Raises:
            DataError: nothing was predicted.
        """
        if not self.tokens:
            raise DataError(
                expected="text that the model can predict at least one word of",
                found=f"{self.words} words, {self.unknown} of them unknown to the model",
                fix="give a longer text, or one like what the model was trained on",
            )
        loss = -self.log_probability / self.tokens
        return Score(
            tokens=self.tokens,
            words=self.words,
            characters=self.characters,
            unknown=self.unknown,
            log_probability=self.log_probability,
            perplexity=math.exp(loss) if loss < 700 else math.inf,
            bits_per_character=-self.log_probability / math.log(2) / self.characters,
        )


def score_lstm(network: StreamNetwork, tokenizer: Tokenizer, lines: Iterable[str], *, threads: int) -> Score:
    """Score lines as one stream that starts after an end of line, the state carried from chunk to chunk.

    Blank lines are skipped, as training skips them. Time is linear in the text, memory constant. This thread
    tokenizes and runs the network, which must go chunk by chunk; the softmax of a chunk, which costs about
    as much with a small network, is left to the others.
    """
    tally = Tally()
    state = network.zero_state()
    waiting: deque[Future[Floats]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for chunk in _chunks(_stream(tokenizer, lines, tally, ends=True), tokenizer):
            told, state = network.tell(chunk, state)
            waiting.append(pool.submit(told))
            while len(waiting) > threads:
                tally.add(waiting.popleft().result())
        for future in waiting:
            tally.add(future.result())
    return tally.score()


def _chunks(stream: Iterable[Integers], tokenizer: Tokenizer) -> Iterator[Integers]:
    """Cut a stream into chunks [step + 1]: the first id of each is the last of the one before."""
    steps = max(1, min(MOST_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    end = tokenizer.end_of_line
    left = np.array([] if end is None else [end], np.int64)
    for ids in stream:
        _check_known(ids)
        left = np.concatenate([left, ids])
        start = 0
        while len(left) - start > steps:
            yield left[start : start + steps + 1]
            start += steps
        left = left[start:]
    if len(left) > 1:
        yield left


def score_article(network: ArticleNetwork, tokenizer: Tokenizer, lines: Iterable[str]) -> Score:
    """Score the word after each window of the text, whose lines are one stream of words."""
    tally = Tally()
    lengths = np.array([len(tokenizer.word(word)) for word in range(tokenizer.size)])
    size = network.window + 1
    batch = max(1, min(MOST_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    waiting = np.array([], np.int64)
    for ids in _stream(tokenizer, lines, tally, ends=False):
        waiting = np.concatenate([waiting, ids])
        if len(waiting) < size:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(waiting, size)
        windows = windows[(windows >= 0).all(axis=1)]
        for start in range(0, len(windows), batch):
            part = windows[start : start + batch]
            tally.add(log_probabilities_of(network.advance(part[:, :-1]), part[:, -1]))
            tally.characters += int(lengths[part[:, -1]].sum()) + len(part)
        waiting = waiting[-network.window :]
    return tally.score()


def _check_known(ids: Integers) -> None:
    if (ids < 0).any():
        raise DataError(
            expected="words that the model knows: split at white space, it has none for unknown words",
            found="a word that it does not know",
            fix="train with --tokens words",
        )


def _stream(tokenizer: Tokenizer, lines: Iterable[str], tally: Tally, *, ends: bool) -> Iterator[Integers]:
    """Yield ids [token] of the text and count them.

    Args:
        tokenizer: gives the ids; -1 stays for a word that it has none for.
        lines: the text.
        tally: counts words, unknown words and, with `ends`, characters.
        ends: lines matter: each is followed by an end of line, where the tokenizer has one.
    """
    encoder = LineEncoder(tokenizer)
    unknown = -1 if tokenizer.unknown is None else tokenizer.unknown
    for texts, ended in _batches(lines):
        ids = encoder.encode("".join(chain.from_iterable(zip(texts, _breaks(ended, ends), strict=True))))
        tally.words += len(ids)
        if ends:
            tally.characters += sum(map(len, texts)) + sum(ended)
            if tokenizer.end_of_line is not None:
                tally.words -= sum(ended)
        tally.unknown += int((ids == unknown).sum())
        yield ids


def _breaks(ended: list[bool], ends: bool) -> Iterator[str]:
    """Yield what stands after each text."""
    return ("\n" if ends and is_last else " " for is_last in ended)


def _batches(lines: Iterable[str]) -> Iterator[tuple[list[str], list[bool]]]:
    """Group lines for encoding: the texts, and whether each ends its line."""
    texts: list[str] = []
    ended: list[bool] = []
    held = 0
    for text, ends in chain.from_iterable(map(_pieces, lines)):
        texts.append(text)
        ended.append(ends)
        held += len(text)
        if held >= CHARACTERS_AT_ONCE or len(texts) >= LINES_AT_ONCE:
            yield texts, ended
            texts, ended, held = [], [], 0
    if texts:
        yield texts, ended


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of `text` that are not blank, very long ones in pieces; True: a line's last piece."""
    for line in text.split("\n"):
        line = line.rstrip("\r")
        start = 0
        while len(line) - start > LONGEST_PIECE:
            stop = line.rfind(" ", start + 1, start + LONGEST_PIECE)
            stop = stop if stop > 0 else start + LONGEST_PIECE
            yield line[start:stop], False
            start = stop
        if start or line.strip():
            yield line[start:], True
