"""The score of each word of a text: its log-probability after the words before it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import Logits, TokenIds
from foretell.runtime.words import sampling
from foretell.runtime.words.networks import ArticleNetwork, StreamNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.sampling import log_probabilities_of
from foretell.runtime.words.scoring import LOGITS_AT_ONCE, MAX_STEPS, Score, Tally, unknown_word
from foretell.runtime.words.writing import Candidate
from foretell.text.tokenizer import Span, Tokenizer, utf8_bytes, words_of

Scored = tuple[float | None, list[tuple[int, float]]]
"""The log-probability of a word (None: not predicted), and the most probable ids with their
probabilities.
"""


@dataclass(frozen=True, slots=True)
class WordScore:
    """The score of one word.

    Attributes:
        start, end: where it is: `text[start:end]`; empty for the end of a line.
        log_probability: natural logarithm of its probability, the negative surprisal; None where
            the model cannot predict it (article: unknown, or without three known words before it).
        known: whether it is in the vocabulary; an lstm predicts an unknown word as `<unk>`.
        characters: the code points that it counts for in bits per character: those since the word
            before it; the end of a line, or a line's last word where lines have no end, one more
            (article: its own and a space; 0 where it cannot be predicted).
        bytes: the same in bytes of UTF-8, the end of a line as one.
        spelled: bytes to spell an unknown word, and one for its end; 0 for a known one (article:
            0).
        tokens: predictions that it consists of: 1; more for a character in several bytes, of which
            this is the score together.
        top: the most probable words in its place, the most probable first.
    """

    start: int
    end: int
    log_probability: float | None
    known: bool
    characters: int
    bytes: int
    spelled: int
    tokens: int = 1
    top: tuple[Candidate, ...] = ()


def score_words(
    runtime: WordsRuntime, text: str, *, top: int = 0, start: int = 0, cache: int = 0
) -> list[WordScore]:
    """Return a score for each word and each end of a line of `text`, in order; `total` is their
    sum.

    With the tokens subword and char there is a score for each token, one for all tokens of one
    character.

    Args:
        runtime: the language model.
        text: the text.
        top: how many of the most probable words to return for each place.
        start: leave out words that begin before this code point. They are only read, which takes
            little time where the model has just read them.
        cache: words of the text in a continuous cache; 0: none.

    Raises:
        SettingsError: `cache` out of range.
        DataError: a word without an id, for an lstm with tokens split at white space.
    """
    network = runtime.network_for(cache)
    tokenizer = runtime.tokenizer
    spans = word_spans(tokenizer, text, last_ends=True)
    first = bisect_left(spans, start, key=lambda span: span[1])
    # Of a character in several tokens only the first has a span.
    while first < len(spans) and _continues(spans[first], tokenizer):
        first += 1
    unknown = tokenizer.unknown
    written: Iterable[tuple[str, int]]
    if isinstance(network, ArticleNetwork):
        scored = list(_after_windows(network, spans, top, first))
        # After an unknown word, which does not count, nothing is predicted.
        written = [
            ("" if logp is None else tokenizer.word(word), logp is not None)
            for (word, _, _), (logp, _) in zip(spans[first:], scored, strict=True)
        ]
        unknown = None
    else:
        check_known(spans, text)
        scored = list(_after_all(network, tokenizer, spans, top, first))
        written = _written(spans, text, first)
    scores: list[WordScore] = []
    for span, (logp, best), (covered, ends) in zip(spans[first:], scored, written, strict=True):
        word, begin, end = span
        spelled = 0
        if word == unknown:
            spelled = tokenizer.spelled_bytes(text[begin:end])
        score = WordScore(
            start=begin,
            end=end,
            log_probability=logp,
            known=word not in (-1, unknown),
            characters=len(covered) + ends,
            bytes=utf8_bytes(covered) + ends,
            spelled=spelled,
            top=tuple(Candidate(tokenizer.word(i), p) for i, p in best),
        )
        if scores and _continues(span, tokenizer):
            score = _joined(scores.pop(), score)
        scores.append(score)
    return scores


@dataclass(frozen=True)
class PromptWord:
    """A word of a prompt, as a completion has those that it writes.

    Attributes:
        text: the word with the white space before it; "\\n" for the end of a line.
        log_probability, likeliest: those of the `WordScore`; of a whole prompt None and none.
    """

    text: str
    log_probability: float | None = None
    likeliest: tuple[Candidate, ...] = ()


def prompt_words(
    runtime: WordsRuntime, prompt: str, *, top: int | None = None, cache: int = 0
) -> list[PromptWord]:
    """Return the words of a prompt with the scores of `score_words`; their texts joined are the
    prompt.

    Its last line goes on, so there is no end of it. `top` None: the prompt in one piece, without a
    score.
    """
    if top is None:
        return [PromptWord(prompt)]
    words = score_words(runtime, prompt, top=top, cache=cache)
    if not words:
        return [PromptWord(prompt)] if prompt else []
    last = words[-1]
    if last.start == last.end and not prompt.startswith("\n", last.end):
        words.pop()
    # The end of a line is its line break.
    ends = [max(word.end, word.start + 1) for word in words[:-1]]
    return [
        PromptWord(prompt[start:end], word.log_probability, word.top)
        for start, end, word in zip([0, *ends], [*ends, len(prompt)], words, strict=True)
    ]


def _continues(span: Span, tokenizer: Tokenizer) -> bool:
    """Return whether a token belongs to the character of the token before it."""
    token, start, end = span
    return tokenizer.is_open and start == end and token != tokenizer.end_of_line


def _joined(first: WordScore, more: WordScore) -> WordScore:
    """Return the score of two tokens of one character: only the first of them has a span."""
    assert first.log_probability is not None
    assert more.log_probability is not None
    return replace(
        first,
        log_probability=first.log_probability + more.log_probability,
        tokens=first.tokens + 1,
        characters=first.characters + more.characters,
        bytes=first.bytes + more.bytes,
    )


def total(words: Sequence[WordScore], text: str | None = None) -> Score:
    """Return the score of these words together; for all words of a text it is `runtime.score`.

    With an open vocabulary, whose tokens are not words, the text that they are of is needed.

    Raises:
        DataError: none of them could be predicted.
    """
    tally = Tally()
    tally.tokens = sum(word.tokens for word in words if word.log_probability is not None)
    tally.log_probability = math.fsum(word.log_probability or 0 for word in words)
    tally.words = sum(word.start < word.end for word in words)
    if text is not None:
        read = text[words[0].start :] if words else ""
        tally.words = len(words_of(read))
    tally.unknown = sum(not word.known for word in words)
    for name in ("characters", "bytes", "spelled"):
        setattr(tally, name, sum(getattr(word, name) for word in words))
    return tally.score()


def word_spans(tokenizer: Tokenizer, text: str, *, last_ends: bool) -> list[Span]:
    """Return the words of a text as a language model reads them, each line followed by its end.

    Blank lines are left out. Where the tokenizer has no end of line, line breaks are white space.
    With `last_ends` the last line has an end without a line break after it.
    """
    end_of_line = tokenizer.end_of_line
    if end_of_line is None:
        return tokenizer.encode_with_offsets(text)
    spans: list[Span] = []
    at = 0
    for line in text.split("\n"):
        stop = at + len(line)
        if line.strip():
            read = line.rstrip("\r") if tokenizer.is_open else line
            spans += [
                (id, at + start, at + end) for id, start, end in tokenizer.encode_with_offsets(read)
            ]
            if last_ends or stop < len(text):
                spans.append((end_of_line, stop, stop))
        at = stop + 1
    return spans


def check_known(spans: list[Span], text: str) -> None:
    """Raise DataError for the first word without an id."""
    for word, start, end in spans:
        if word < 0:
            raise unknown_word(f"'{text[start:end]:.60}'")


def _written(spans: list[Span], text: str, first: int) -> Iterator[tuple[str, int]]:
    """Yield what each word from the `first` on counts for: text since the one before, and ends of
    lines.
    """
    at = spans[first - 1][2] if first else 0
    for place in range(first, len(spans)):
        _, start, end = spans[place]
        # Lines without a word do not count.
        begin = max(at, text.rfind("\n", at, start) + 1)
        at = end
        if place + 1 == len(spans) or "\n" in text[end : spans[place + 1][1]]:
            line_break = text.find("\n", end)
            at = line_break if line_break >= 0 else len(text)
            yield text[begin:at].rstrip("\r"), 1
        else:
            yield text[begin:end], 0


def _after_all(
    network: StreamNetwork, tokenizer: Tokenizer, spans: list[Span], top: int, first: int
) -> Iterator[Scored]:
    """Yield the score of each word from the `first` on, after all words before it."""
    words = [word for word, _, _ in spans]
    if tokenizer.end_of_line is not None:
        words = [tokenizer.end_of_line, *words]
    elif first:
        first -= 1
    else:
        # The first word has no word before it.
        yield from [(None, [])] * min(1, len(words))
    ids = np.array(words, np.int64)
    state = network.read(words[:first])[1] if first else network.zero_state()
    steps = max(1, min(MAX_STEPS, LOGITS_AT_ONCE // tokenizer.size))
    for start in range(first, len(ids) - 1, steps):
        followed = ids[start + 1 : start + steps + 1]
        logits, state = network.advance(ids[None, start : start + len(followed)], state)
        yield from _scored(logits[0], followed, top)


def _after_windows(
    network: ArticleNetwork, spans: list[Span], top: int, first: int
) -> Iterator[Scored]:
    """Yield the score of each word from the `first` on, after its window; None where a word is
    unknown.
    """
    ids = np.array([word for word, _, _ in spans], np.int64)
    for place in range(first, len(ids)):
        window = ids[max(0, place - network.window) : place + 1]
        if len(window) <= network.window or (window < 0).any():
            yield None, []
        else:
            yield from _scored(network.advance(window[None, :-1]), window[-1:], top)


def _scored(logits: Logits, followed: TokenIds, top: int) -> Iterator[Scored]:
    """Yield the score of the word that followed, [row], by logits [row, word]."""
    logps = log_probabilities_of(logits, followed).tolist()
    for row, word, logp in zip(logits, followed, logps, strict=True):
        # logp - logit is the same constant for all words of a row.
        best = sampling.top_ids(row, top).tolist() if top else []
        yield logp, [(i, math.exp(float(row[i]) - float(row[word]) + logp)) for i in best]
