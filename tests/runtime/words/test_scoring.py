"""The score of a text beside a slow reference, and those of its words."""

from __future__ import annotations

import itertools
import math
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.runtime.words import sampling
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import score_words, total
from tests.runtime.words.definitions import log_probability, stream_of

LINES = [
    "the mind adapts , and converts .",
    "to zebra acting",
    "",
    "   ",
    "the obstacle to our purposes",
]


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
    with pytest.raises(DataError, match="0 words"):
        lstm.score(["", "  "])


def test_what_was_read_before_changes_the_score_of_a_line(lstm: WordsRuntime) -> None:
    first, second = LINES[0], LINES[1]
    alone = lstm.score(first).log_probability + lstm.score(second).log_probability
    assert lstm.score([first, second]).log_probability != pytest.approx(alone, abs=1e-4)


def test_score_does_not_depend_on_how_the_text_is_cut(
    lstm: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.replace(" ", gap) for line in LINES * 7 for gap in " \t\u3000"]
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
        for count in ("tokens", "words", "characters", "unknown"):
            assert getattr(cut, count) == getattr(whole, count)


def test_score_takes_linear_time_in_constant_memory(lstm: WordsRuntime) -> None:
    def seconds(n: int) -> float:
        start = time.thread_time()
        lstm.score(itertools.repeat(LINES[0], n))
        return time.thread_time() - start

    def peak(n: int) -> int:
        tracemalloc.start()
        try:
            lstm.score(itertools.repeat(LINES[0], n))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    seconds(100)
    # Quadratic time would take 100 times as long.
    few = min(seconds(400) for _ in range(3))
    assert min(seconds(4000) for _ in range(3)) < 40 * few
    # Lines are read 4,096 at a time. The ids of 8,000 more would take megabytes.
    assert peak(16_000) < peak(8_000) + 100_000


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


def test_the_article_scores_words_after_three_known_ones(article_words: WordsRuntime) -> None:
    text = "the mind adapts and converts nosuchword to its own purposes the"
    each = score_words(article_words, text, top=1)
    shown = [word.log_probability is not None for word in each]
    assert shown == [False] * 3 + [True] * 2 + [False] * 4 + [True] * 2
    assert not each[5].known
    likeliest = article_words.next("the mind adapts", k=1)[0]
    assert each[3].top[0].probability == pytest.approx(likeliest.probability, abs=1e-6)
    total = sum(word.log_probability for word in each if word.log_probability is not None)
    assert total == pytest.approx(article_words.score([text]).log_probability, rel=1e-6)
    assert [w.log_probability for w in score_words(article_words, "the mind")] == [None, None]


def test_words_without_an_id_are_refused(words_model: type) -> None:
    runtime: WordsRuntime = words_model(tokens="white-space")
    each = score_words(runtime, "the mind adapts")
    assert each[0].log_probability is None
    assert math.fsum(w.log_probability or 0 for w in each) == pytest.approx(
        runtime.score(["the mind adapts"]).log_probability, rel=1e-6
    )
    with pytest.raises(DataError, match="nosuchword"):
        score_words(runtime, "the nosuchword")


ODD_LINES = [
    "the mind",
    "the mind adapts .\n\n  \nthe obstacle, to ünknown e\u0301 😀 acting\r\n",
    "the " * 700,
    "\n\n a  b \r\n\r\nthe  mind\u2028way\n",
    "the",
    "\r\n the\r",
    "mind \n \n",
    "😀e\u0301",
    "the mind adapts , and\nthe obstacle café 酒店 👩\u200d👩\u200d👧\n zebra  x\n   \ndon't",
]


@pytest.mark.parametrize("text", ODD_LINES)
def test_the_total_is_the_score(any_words: WordsRuntime, text: str) -> None:
    try:
        whole = any_words.score([text])
    except DataError:
        with pytest.raises(DataError):
            total(score_words(any_words, text))
        return
    each = score_words(any_words, text)
    found = total(each, text if any_words.tokenizer.is_open else None)
    for metric in ("log_probability", "bits_per_character", "bits_per_byte", "perplexity"):
        assert getattr(found, metric) == pytest.approx(getattr(whole, metric), rel=1e-4), metric
    for count in ("tokens", "words", "characters", "bytes", "unknown"):
        assert getattr(found, count) == getattr(whole, count), count
    # Only ends of lines are empty.
    empty = [score.start for score in each if score.start == score.end]
    assert all(text[start : start + 1] in ("", "\r", "\n") for start in empty)


@settings(max_examples=15, deadline=None)
@given(st.text("the mind.\r\n😀e\u0301 ", max_size=60), st.integers(0, 61))
@pytest.mark.parametrize("any_words", ["lstm", "article_words"], indirect=True)
def test_a_score_may_begin_anywhere(any_words: WordsRuntime, text: str, start: int) -> None:
    whole = [word for word in score_words(any_words, text, top=1) if word.start >= start]
    part = score_words(any_words, text, top=1, start=start)
    assert [replace(word, log_probability=None, top=()) for word in part] == [
        replace(word, log_probability=None, top=()) for word in whole
    ]
    for one, other in zip(part, whole, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-6)
        assert [each.word for each in one.top] == [each.word for each in other.top]
        probabilities = [each.probability for each in other.top]
        assert [each.probability for each in one.top] == pytest.approx(probabilities, abs=1e-6)


def test_bits_are_of_a_character_also_where_it_has_several_bytes(lstm: WordsRuntime) -> None:
    score = lstm.score("öbstäcle the mind")
    assert score.bytes == score.characters + 2
    bits = -score.log_probability / np.log(2)
    assert score.bits_per_character * score.characters == pytest.approx(bits)
