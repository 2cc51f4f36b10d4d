"""The score of a text: log-probability, perplexity, bits per character and per byte, for text of
any size.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from foretell.arrays import LogProbabilities, TokenIds, in_parts
from foretell.errors import DataError
from foretell.metrics import bits_per_byte
from foretell.runtime.words.networks import ArticleNetwork, State, StreamNetwork
from foretell.runtime.words.sampling import log_probabilities_of
from foretell.text.tokenizer import Tokenizer, utf8_bytes, words_of

# Bounds on the memory; none of them changes a number.
LOGITS_AT_ONCE = 4_000_000
MAX_STEPS = 256
LINES_AT_ONCE = 4096
CHARACTERS_AT_ONCE = 1 << 20
MAX_PIECE = 1 << 16

NO_PREDICTION = "a text with at least one word that the model can predict"
"""What is expected of a text that has no score."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """The probability of a text under a language model.

    Attributes:
        tokens: number of predictions: each token and the end of each line (article: each word after
            a window of known words).
        words: words of the text; punctuation marks count where the tokenizer makes words of them.
            With the tokens subword and char: as the style "words" splits the text.
        characters: code points predicted, plus one for the end of each line (article: for the space
            before each word).
        bytes: the same in bytes of UTF-8, the end of a line as one.
        unknown: words that are not in the vocabulary. An lstm predicts them as `<unk>`; the
            article's network cannot, so windows with one are left out. With the tokens subword and
            char there are none.
        log_probability: natural logarithm of the probability of all predictions together.
        perplexity: exp(-log_probability / tokens): per token, so it can be compared between models
            with the same tokens only.
        bits_per_character: -log2 probability / characters.
        bits_per_byte: (-log2 probability + the cost of spelling unknown words) / bytes, which can
            be compared between models with any tokens. A word that is predicted as `<unk>` is not
            yet known: it costs 8 bits more for each of its bytes and 8 for its end, as if all bytes
            were equally probable.
    """

    tokens: int
    words: int
    characters: int
    bytes: int
    unknown: int
    log_probability: float
    perplexity: float
    bits_per_character: float
    bits_per_byte: float

    @classmethod
    def together(cls, scores: Sequence[Score]) -> Score:
        """Return the score of several texts, each of which was scored on its own.

        Raises:
            DataError: there is none.
        """
        tally = Tally()
        for score in scores:
            for name in ("tokens", "words", "characters", "bytes", "unknown", "log_probability"):
                setattr(tally, name, getattr(tally, name) + getattr(score, name))
            tally.spelled += round(
                score.bits_per_byte * score.bytes / 8 + score.log_probability / math.log(256)
            )
        return tally.score()


class Tally:
    """The sums that a score is computed from."""

    def __init__(self) -> None:
        self.tokens = self.words = self.characters = self.bytes = self.unknown = self.spelled = 0
        self.log_probability = 0.0

    def add(self, log_probabilities: LogProbabilities) -> None:
        """Add predictions by the log-probability [prediction] of the actual next word."""
        self.tokens += len(log_probabilities)
        self.log_probability += float(log_probabilities.sum(dtype=np.float64))

    def score(self) -> Score:
        """Return the score; raise DataError where there was no prediction."""
        if not self.tokens:
            raise DataError(
                NO_PREDICTION,
                f"{self.words} words, {self.unknown} of them not in the vocabulary",
                fix="give a longer text, or one similar to the training text",
            )
        loss = -self.log_probability / self.tokens
        return Score(
            tokens=self.tokens,
            words=self.words,
            characters=self.characters,
            bytes=self.bytes,
            unknown=self.unknown,
            log_probability=self.log_probability,
            perplexity=math.exp(loss) if loss < 700 else math.inf,
            bits_per_character=-self.log_probability / math.log(2) / self.characters,
            bits_per_byte=bits_per_byte(self.log_probability, self.bytes, self.spelled),
        )


def score_lstm(
    network: StreamNetwork,
    tokenizer: Tokenizer,
    lines: Iterable[str],
    *,
    threads: int,
    watch: Callable[[TokenIds, State], None] | None = None,
) -> Score:
    """Score lines as one stream that starts after an end of line; the state is carried from chunk
    to chunk.

    Blank lines are skipped, as in training. Time is linear in the text, memory constant. This
    thread tokenizes and runs the network, chunk after chunk; the softmax of a chunk, which takes
    about as long with a small network, runs on the other threads. `watch` is called with each chunk
    and the state after it.
    """
    tally = Tally()
    state = network.zero_state()
    waiting: deque[Future[LogProbabilities]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for chunk in _chunks(_counted(tokenizer, lines, tally), tokenizer):
            log_probabilities, state = network.score_later(chunk, state)
            waiting.append(pool.submit(log_probabilities))
            if watch is not None:
                watch(chunk, state)
            while len(waiting) > threads:
                tally.add(waiting.popleft().result())
        for future in waiting:
            tally.add(future.result())
    return tally.score()


def _chunks(stream: Iterable[TokenIds], tokenizer: Tokenizer) -> Iterator[TokenIds]:
    """Cut a stream into chunks [step + 1]: the first id of each is the last of the one before."""
    steps = max(1, min(MAX_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    end = tokenizer.end_of_line
    left: TokenIds = np.array([] if end is None else [end], np.int64)
    for ids in stream:
        if (ids < 0).any():
            raise unknown_word("another word")
        left = np.concatenate([left, ids])
        start = 0
        while len(left) - start > steps:
            yield left[start : start + steps + 1]
            start += steps
        left = left[start:]
    if len(left) > 1:
        yield left


def score_article(network: ArticleNetwork, tokenizer: Tokenizer, lines: Iterable[str]) -> Score:
    """Score the word after each window of a text; its lines are one stream of words."""
    tally = Tally()
    words = [tokenizer.word(word) for word in range(tokenizer.size)]
    lengths = np.array([*map(len, words)])
    of_bytes = np.array([*map(utf8_bytes, words)])
    size = network.window + 1
    batch = max(1, min(MAX_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    waiting: TokenIds = np.array([], np.int64)
    for _, _, ids in _stream(tokenizer, lines, " "):
        tally.words += len(ids)
        tally.unknown += _n_unknown(tokenizer, ids)
        waiting = np.concatenate([waiting, ids])
        if len(waiting) < size:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(waiting, size)
        windows = windows[(windows >= 0).all(axis=1)]
        for part in in_parts(windows, batch):
            tally.add(log_probabilities_of(network.advance(part[:, :-1]), part[:, -1]))
            tally.characters += int(lengths[part[:, -1]].sum()) + len(part)
            tally.bytes += int(of_bytes[part[:, -1]].sum()) + len(part)
        waiting = waiting[-network.window :]
    return tally.score()


def unknown_word(found: str) -> DataError:
    return DataError(
        "words of the vocabulary: tokens split at white space have no unknown word",
        found,
        fix="train with --tokens words",
    )


def _counted(tokenizer: Tokenizer, lines: Iterable[str], tally: Tally) -> Iterator[TokenIds]:
    """Yield ids [token] of the text, with the ends of its lines, and add its counts to `tally`."""
    for texts, n_lines, ids in _stream(tokenizer, lines, "\n"):
        if tokenizer.is_open:
            tally.words += sum(len(words_of(text)) for text in texts)
        else:
            tally.words += len(ids)
            tally.words -= n_lines * (tokenizer.end_of_line is not None)
        tally.characters += sum(map(len, texts)) + n_lines
        tally.bytes += sum(map(utf8_bytes, texts)) + n_lines
        if n_unknown := _n_unknown(tokenizer, ids):
            tally.unknown += n_unknown
            tally.spelled += sum(map(tokenizer.spelled_bytes, texts))
        yield ids


def _n_unknown(tokenizer: Tokenizer, ids: TokenIds) -> int:
    unknown = -1 if tokenizer.unknown is None else tokenizer.unknown
    return int((ids == unknown).sum())


def _stream(
    tokenizer: Tokenizer, lines: Iterable[str], line_end: str
) -> Iterator[tuple[list[str], int, TokenIds]]:
    """Yield pieces of a text, how many of them end a line, and their ids [token], -1 for a word
    without one.
    """
    between = "" if tokenizer.is_open else " "
    for texts, ended in _batches(lines):
        ends = (line_end if is_last else between for is_last in ended)
        text = "".join(chain.from_iterable(zip(texts, ends, strict=True)))
        yield texts, sum(ended), tokenizer.encode_lines(text)


def _batches(lines: Iterable[str]) -> Iterator[tuple[list[str], list[bool]]]:
    """Group lines for encoding: the texts, and whether each is the end of its line."""
    texts: list[str] = []
    ended: list[bool] = []
    characters = 0
    for text, ends in chain.from_iterable(map(_pieces, lines)):
        texts.append(text)
        ended.append(ends)
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE or len(texts) >= LINES_AT_ONCE:
            yield texts, ended
            texts = []
            ended = []
            characters = 0
    if texts:
        yield texts, ended


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines that are not blank, long ones in pieces, and whether each piece is a line's
    last.
    """
    for line in text.split("\n"):
        line = line.rstrip("\r")
        start = 0
        while len(line) - start > MAX_PIECE:
            before_last_word, *more = line[start + 1 : start + MAX_PIECE].rsplit(None, 1) or [""]
            stop = start + 1 + len(before_last_word) if more else start + MAX_PIECE
            yield line[start:stop], False
            start = stop
        if start or line.strip():
            yield line[start:], True
