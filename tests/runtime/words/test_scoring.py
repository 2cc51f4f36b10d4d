"""Scores, against their definition, however the text is cut."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.runtime.words import sampling
from foretell.runtime.words.predictor import WordsRuntime
from tests.runtime.words.definitions import log_probability, stream_of

LINES = ["the mind adapts , and converts .", "to zebra acting", "", "   ", "the obstacle to our purposes"]


def test_score_equals_the_slow_reference(lstm: WordsRuntime) -> None:
    score = lstm.score(LINES)
    kept = [line for line in LINES if line.strip()]
    ids = stream_of(lstm, kept)
    assert score.tokens == len(ids) - 1
    assert score.words == score.tokens - len(kept)
    assert score.unknown == 1
    assert score.characters == sum(len(line) + 1 for line in kept)
    assert score.log_probability == pytest.approx(log_probability(lstm, ids), rel=1e-5)
    assert score.perplexity == pytest.approx(np.exp(-score.log_probability / score.tokens))
    bits = -score.log_probability / np.log(2) / score.characters
    assert score.bits_per_character == pytest.approx(bits)
    assert lstm.score("\n".join(LINES)) == score
    assert lstm.score(f"{line}\r\n" for line in LINES) == score


def test_score_does_not_depend_on_how_the_text_is_cut(
    lstm: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LINES * 20
    whole = lstm.score(lines)
    for name, size in {
        "MAX_STEPS": 3,
        "LINES_AT_ONCE": 2,
        "CHARACTERS_AT_ONCE": 50,
        "MAX_PIECE": 11,
    }.items():
        monkeypatch.setattr(f"foretell.runtime.words.scoring.{name}", size)
        cut = lstm.score(lines)
        assert cut.log_probability == pytest.approx(whole.log_probability, rel=1e-5)
        assert (cut.tokens, cut.words, cut.characters, cut.unknown) == (
            whole.tokens,
            whole.words,
            whole.characters,
            whole.unknown,
        )


def test_score_takes_linear_time_in_constant_memory(lstm: WordsRuntime) -> None:
    def seconds(n: int) -> float:
        start = time.process_time()
        lstm.score(itertools.repeat(LINES[0], n))
        return time.process_time() - start

    def peak(n: int) -> int:
        tracemalloc.start()
        try:
            lstm.score(itertools.repeat(LINES[0], n))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    seconds(100)
    # Quadratic time would take 100 times as long.
    assert min(seconds(8000) for _ in range(2)) < 40 * max(min(seconds(800) for _ in range(3)), 0.01)
    # Lines are read 4,096 at a time. The ids of 10,000 more would take megabytes.
    assert peak(20_000) < peak(10_000) + 100_000


def test_score_of_nothing_is_an_error(lstm: WordsRuntime) -> None:
    with pytest.raises(DataError, match="0 words"):
        lstm.score(["", "  "])


def test_the_article_score_averages_over_windows(article_words: WordsRuntime) -> None:
    lines = ["the mind adapts and", "converts zebra its own purposes the obstacle"]
    score = article_words.score(lines)
    windows = [
        "the mind adapts and",
        "mind adapts and converts",
        "its own purposes the",
        "own purposes the obstacle",
    ]
    expected = 0.0
    for window in windows:
        *seen, last = article_words.tokenizer.encode(window)
        logits, _ = article_words.network.read(seen)
        expected += sampling.log_softmax(logits[0])[last]
    assert score.log_probability == pytest.approx(expected, rel=1e-5)
    assert (score.tokens, score.words, score.unknown) == (4, 11, 1)
    assert score.characters == len("and converts the obstacle ")
    with pytest.raises(DataError, match="3 words"):
        article_words.score(["the mind zebra"])
