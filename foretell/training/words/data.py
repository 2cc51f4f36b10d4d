"""A corpus as token ids for training and validation: the order in which it is read, and its size in
bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foretell.arrays import Float32s, Int32s
from foretell.artifacts.model import Model
from foretell.artifacts.stored_tokenizer import stored_tokenizer
from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import DataError
from foretell.readable import number_of
from foretell.runtime.seen import noting_seen
from foretell.text.tokenizer import Tokenizer, utf8_bytes
from foretell.training.budget import InTime
from foretell.training.checkpoints import sealed, sealing
from foretell.training.run import Run
from foretell.training.words.token_file import TokenFile, kind_for, write_tokens

NONE = -1
"""The target of a position that is left out of the loss."""

_TIME_SHARE = 1 / 8
"""The part of the time left that counting the words, or encoding a text, may take."""

MAX_VALID = 200_000
"""More validation words take long to measure and hardly make the perplexity more precise."""
MAX_MEASURED = 100_000
"""Without validation text so many training tokens are measured, at most."""
SUGGESTED = 5_000
"""Validation words on which the suggestions of the next word are measured at the end of a
training.
"""
MIN_VALID = 1_000
"""With fewer validation words the perplexity depends on chance too much to choose an epoch by
it.
"""

_TOKENS_AT_ONCE = 1 << 20


class ReadingOrder(NamedTuple):
    """The order of one pass over `tokens` tokens: streams side by side, windows one after another.

    The streams start evenly apart; each is `length` tokens long and is read in windows of `window`
    tokens. They form a circle (after the last token comes the first), and each pass enters it at
    another token: every token is predicted once in a pass, and the empty state falls on other
    tokens in each pass.
    """

    tokens: int
    streams: int
    window: int

    @property
    def length(self) -> int:
        """Tokens of a stream (of the last ones, perhaps fewer)."""
        return math.ceil(self.tokens / self.streams)

    @property
    def windows(self) -> int:
        """Windows, that is training steps, of a pass."""
        return math.ceil(self.length / self.window)

    def passes(self, settings: WordsSettings, given: Collection[str]) -> int:
        """Return the passes of an epoch: several over a small corpus, which is not learned in fewer
        steps.

        Epochs that the user gave are that many passes, unless a minimum of steps was given too.
        """
        if "epochs" in given and "min_steps" not in given:
            return 1
        return max(1, math.ceil(settings.min_steps / (self.windows * settings.epochs)))

    def notes(self, settings: WordsSettings, passes: int) -> list[str]:
        """Return what differs from the settings because the corpus is small."""
        changes = []
        if self.streams < settings.streams:
            changes.append(f"{number_of(self.streams, 'stream')} instead of {settings.streams}")
        if passes > 1:
            changes.append(f"{passes} passes over it in each epoch")
        return [f"a small corpus: {', '.join(changes)}"] if changes else []

    def batch(self, file: TokenFile, window: int, entry: int = 0) -> tuple[Int32s, Int32s]:
        """Return ids and targets of one window of every stream, int32 [stream, step].

        Targets are NONE after the end of a stream; `entry` is the token where the first stream
        starts.
        """
        ids = np.zeros([self.streams, self.window], np.int32)
        targets = np.full_like(ids, NONE)
        for stream in range(self.streams):
            first = stream * self.length + window * self.window
            stop = min((stream + 1) * self.length, self.tokens)
            count = min(self.window, stop - first)
            if count > 0:
                row = file.read(entry + first, count + 1)
                ids[stream, :count], targets[stream, :count] = row[:-1], row[1:]
        return ids, targets

    def in_order(self, values: Float32s) -> Float32s:
        """Return values of all windows, [stream, windows · step, …], in the order of the text,
        [token, …].
        """
        return values[:, : self.length].reshape(-1, *values.shape[2:])[: self.tokens]


def reading_order(tokens: int, settings: WordsSettings) -> ReadingOrder:
    """Return the order for `tokens` tokens: a short text has fewer streams, so that each has
    several windows to carry its state through; one that is shorter than a window is a DataError.
    """
    if tokens <= settings.window:
        raise _too_short("words", settings.window, tokens, "the corpus", "more text")
    enough = 4 * settings.window
    streams = max(1, min(settings.streams, tokens // enough))
    return ReadingOrder(tokens, streams, settings.window)


def _too_short(unit: str, window: int, found: int, where: str, fix: str) -> DataError:
    return DataError(
        f"more {unit} than one window ({window})",
        f"{found:,}",
        where=where,
        fix=f"give {fix}, or a smaller window",
    )


class TokenizedCorpus(NamedTuple):
    """A corpus as token ids, for training and for validation.

    Attributes:
        tokenizer: its vocabulary is that of the training text.
        train: the training text.
        valid: the validation text, longer than one window; None: training has no validation.
        old: text of the model to continue that the training does not read, longer than one window,
            or None.
        max_measured: without validation text, the training tokens that are measured, at most.
    """

    tokenizer: Tokenizer
    train: TokenFile
    valid: TokenFile | None
    old: TokenFile | None = None
    max_measured: int = MAX_MEASURED

    @property
    def measured(self) -> TokenFile:
        """Return what the metrics are measured on: the validation text, or the start of the
        training text.
        """
        if self.valid is not None:
            return self.valid
        return self.train.part(0, min(len(self.train), self.max_measured))

    def measured_to(self, count: int) -> TokenizedCorpus:
        """Return the same corpus, of which only the first `count` tokens of `measured` are
        measured.
        """
        if self.valid is None:
            return self._replace(max_measured=min(count, self.max_measured))
        return self._replace(valid=self.valid.part(0, min(count, len(self.valid))))


def tokenized(
    run: Run,
    corpus: Corpus,
    valid: Corpus | None,
    settings: WordsSettings,
    before: Model | None,
    old: Corpus | None,
) -> TokenizedCorpus:
    """Return the corpus as token ids, from the cache of a resumed run as far as it has them.

    The vocabulary is cached, then each text. An interruption repeats the part in progress, which
    takes about a minute for a corpus of a gigabyte. With a time limit each part takes at most an
    eighth of the time that is left; what is not read by then is left out. The ids of the
    model `before`, which is continued, keep their meaning. `old` is old text, to measure what is
    forgotten.

    Raises:
        DataError: fewer than two different words, or a validation text no longer than one window.
        RunError: the disk is full.
    """
    tokenizer = _tokenizer(run, corpus, settings, before)
    tokens = _encoded(run, "tokens", corpus, tokenizer)
    if settings.follows_article:
        return TokenizedCorpus(tokenizer, tokens, None)
    if valid is None:
        return TokenizedCorpus(tokenizer, *split_tokens(tokens, settings.valid_fraction))
    of_valid = _encoded(run, "valid", valid, tokenizer)
    if len(of_valid) <= settings.window:
        unit = f"validation {unit_of(tokenizer)}"
        raise _too_short(unit, settings.window, len(of_valid), valid.name, "more validation text")
    of_old = None
    if old is not None:
        of_old = _encoded(run, "old", old, tokenizer)
        if len(of_old) <= settings.window:
            of_old = None
    return TokenizedCorpus(tokenizer, tokens, of_valid, of_old)


def unit_of(tokenizer: Tokenizer) -> str:
    """Return what is counted in notes: a token of an open vocabulary is not called a word."""
    return "tokens" if tokenizer.is_open else "words"


def split_tokens(tokens: TokenFile, fraction: float) -> tuple[TokenFile, TokenFile | None]:
    """Return the training tokens and, from the end, the validation tokens; None: there would be too
    few.

    Of a large corpus MAX_VALID are used for validation: they determine the perplexity to within a
    hundredth, and to measure a large vocabulary exactly on a million tokens would take longer than
    the training on them.
    """
    count = min(int(len(tokens) * fraction), MAX_VALID)
    if count < MIN_VALID:
        return tokens, None
    border = len(tokens) - count
    return tokens.part(0, border), tokens.part(border, len(tokens))


def _tokenizer(
    run: Run, corpus: Corpus, settings: WordsSettings, before: Model | None
) -> Tokenizer:
    """Return the tokenizer of the cache; if there is no whole one, the words are counted."""

    def write(lines: InTime, path: Path) -> None:
        size = settings.vocabulary
        if before is None:
            tokenizer = Tokenizer.train(
                lines, settings.tokens, lowercase=settings.lowercase, vocabulary=size
            )
        else:
            tokenizer = before.tokenizer.with_new_words(lines, vocabulary=size)
            n_new = tokenizer.size - before.tokenizer.size
            run.note(f"{n_new:,} new words; those of the model keep their places")
        if tokenizer.size < 2:
            raise DataError("a corpus of different words", "fewer than two", where=corpus.name)
        path.write_text(tokenizer.to_json(), encoding="utf-8")

    cut = f"the vocabulary is that of the first {{}} lines of {corpus.name}"
    path = _cached(run, "tokenizer.json", corpus, "counting the words of the corpus", cut, write)
    return stored_tokenizer(path.read_text(encoding="utf-8"), settings)


def _encoded(run: Run, stem: str, corpus: Corpus, tokenizer: Tokenizer) -> TokenFile:
    """Return a text of the cache as token ids; if there is no whole one, the corpus is encoded."""
    text = f"encoding {corpus.name} with a vocabulary of {tokenizer.size:,} {unit_of(tokenizer)}"
    cut = f"only the first {{}} lines of {corpus.name} are used"
    name = f"{stem}.{kind_for(tokenizer)}"
    return TokenFile(
        _cached(
            run,
            name,
            corpus,
            text,
            cut,
            lambda lines, path: write_tokens(noting_seen(lines, run.folder), tokenizer, path),
        )
    )


def _cached(
    run: Run, name: str, corpus: Corpus, text: str, cut: str, write: Callable[[InTime, Path], None]
) -> Path:
    """Return a file of the cache; if there is no whole one, `write` makes it of the lines of a
    corpus.

    `text` is the note for that, `cut` the one where the time limit left out the lines after the
    first {}.
    """
    stem, _, ending = name.partition(".")
    if (path := sealed(run.cache, stem)) is not None:
        return path
    run.note(text)
    lines = InTime(corpus, run.budget, run.budget.share(_TIME_SHARE))
    with sealing(run.cache, stem, ending, "the cached text") as new:
        write(lines, new)
    if lines.is_cut:
        run.note(f"the time limit is short: {cut.format(f'{lines.count:,}')}")
    return next(run.cache.glob(f"{stem}.*"))


@dataclass
class MeasuredBytes:
    """The size of the text that is measured, in three units.

    Attributes:
        tokens: its tokens, ends of lines included.
        text: its bytes in UTF-8, an end of line as one.
        spelled: bytes to spell its unknown words, see `foretell.metrics.bits_per_byte`.
        lines: its first lines, with `SUGGESTED` tokens or more.
    """

    tokens: int = 0
    text: float = 0.0
    spelled: float = 0.0
    lines: list[str] = field(default_factory=list)


def measured_bytes(
    tokens: TokenizedCorpus, texts: Iterable[str], *, are_valid: bool
) -> MeasuredBytes | None:
    """Return the size of what is measured; None: the tokenizer has no end of line, to find lines
    again by.

    Token ids do not hold the bytes of unknown words and white space, so the texts are read again:
    the validation text, or the corpus whose end it is. Of a line that is only in part measured the
    bytes are divided as its tokens.
    """
    tokenizer = tokens.tokenizer
    if tokenizer.end_of_line is None:
        return None
    lines_before = tokens_before = 0
    if tokens.valid is not None and not are_valid:
        lines_before, tokens_before = _end_of(tokens.train, tokenizer.end_of_line)
    size = MeasuredBytes()
    wanted = len(tokens.measured)
    lines = chain.from_iterable(text.split("\n") for text in texts)
    for line in islice(lines, lines_before, None):
        in_line = len(tokenizer.encode_lines(line + "\n"))
        taken = min(in_line - tokens_before, wanted - size.tokens)
        tokens_before = 0
        if size.tokens < SUGGESTED:
            size.lines.append(line)
        size.tokens += taken
        size.text += (utf8_bytes(line) + 1) * taken / in_line
        size.spelled += tokenizer.spelled_bytes(line) * taken / in_line
        if size.tokens == wanted:
            break
    return size


def _end_of(tokens: TokenFile, end_of_line: int) -> tuple[int, int]:
    """Return how many lines end in a text, and how many tokens stand after the last of them."""
    lines = in_line = 0
    for start in range(0, len(tokens), _TOKENS_AT_ONCE):
        ids = tokens.read(start, min(_TOKENS_AT_ONCE, len(tokens) - start))
        ends = np.flatnonzero(ids == end_of_line)
        lines += len(ends)
        in_line += len(ids)
        if len(ends):
            in_line = len(ids) - 1 - int(ends[-1])
    return lines, in_line
