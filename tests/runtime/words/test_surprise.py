"""The surprise of each word: what a score is the sum of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import score_words, total

TEXTS = [
    "the mind",
    "the mind adapts .\n\n  \nthe obstacle, to ünknown e\u0301 😀 acting\r\n",
    "the " * 700,
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_words_add_up_to_the_score(lstm: WordsRuntime, text: str) -> None:
    each, whole = score_words(lstm, text), lstm.score([text])
    total = sum(word.log_probability for word in each if word.log_probability is not None)
    assert total == pytest.approx(whole.log_probability, rel=1e-6)
    assert len(each) == whole.tokens
    assert sum(not word.known for word in each) == whole.unknown


def test_offsets_are_code_points_of_the_text(lstm: WordsRuntime) -> None:
    text = TEXTS[1]
    shown = [text[word.start : word.end] for word in score_words(lstm, text)]
    assert shown == [
        "the", "mind", "adapts", ".", "", "the", "obstacle", ",", "to", "ünknown", "e\u0301", "😀",
        "acting", "",
    ]  # fmt: skip


def test_the_likeliest_are_those_of_next(lstm: WordsRuntime) -> None:
    last = score_words(lstm, "the mind adapts", top=3)[2]
    after = lstm.next("the mind", k=3)
    allowed = [word for word in last.top if word.word != "<unk>"]
    assert allowed[0].word == after[0].word
    assert allowed[0].probability == pytest.approx(after[0].probability, abs=1e-6)
    assert [word.probability for word in last.top] == sorted((w.probability for w in last.top), reverse=True)
    assert score_words(lstm, "the mind")[0].top == ()


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


def test_an_empty_text_has_no_words(lstm: WordsRuntime) -> None:
    assert score_words(lstm, "") == []
    assert np.array([w.start for w in score_words(lstm, "\n\nthe")]).tolist() == [2, 5]


LINES = [*TEXTS, "\n\n a  b \r\n\r\nthe  mind\u2028way\n", "the", "\r\n the\r", "mind \n \n", "😀e\u0301"]


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("name", ["lstm", "article_words"])
def test_the_total_is_the_score(request: pytest.FixtureRequest, name: str, text: str) -> None:
    runtime: WordsRuntime = request.getfixturevalue(name)
    try:
        whole = runtime.score([text])
    except DataError:
        with pytest.raises(DataError):
            total(score_words(runtime, text))
        return
    found = total(score_words(runtime, text))
    assert found.log_probability == pytest.approx(whole.log_probability, rel=1e-6)
    assert found.bits_per_character == pytest.approx(whole.bits_per_character, rel=1e-6)
    assert found.perplexity == pytest.approx(whole.perplexity, rel=1e-6)
    counts = ("tokens", "words", "characters", "unknown")
    assert [getattr(found, each) for each in counts] == [getattr(whole, each) for each in counts]


def test_the_total_is_the_score_where_lines_have_no_end(words_model: type) -> None:
    runtime: WordsRuntime = words_model(tokens="white-space")
    text = " the  mind \r\n\nadapts\n and "
    whole, found = runtime.score([text]), total(score_words(runtime, text))
    assert (found.tokens, found.words, found.characters) == (whole.tokens, whole.words, whole.characters)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("the mind.\r\n😀e\u0301 ", max_size=60), st.integers(0, 61))
@pytest.mark.parametrize("name", ["lstm", "article_words"])
def test_a_score_may_begin_anywhere(request: pytest.FixtureRequest, name: str, text: str, start: int) -> None:
    runtime: WordsRuntime = request.getfixturevalue(name)
    whole = [word for word in score_words(runtime, text, top=1) if word.start >= start]
    part = score_words(runtime, text, top=1, start=start)
    assert [replace(word, log_probability=None, top=()) for word in part] == [
        replace(word, log_probability=None, top=()) for word in whole
    ]
    for one, other in zip(part, whole, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-6)
        assert [each.word for each in one.top] == [each.word for each in other.top]
        assert [each.probability for each in one.top] == pytest.approx(
            [each.probability for each in other.top], abs=1e-6
        )


def test_a_score_of_white_space_words_may_begin_anywhere(words_model: type) -> None:
    runtime: WordsRuntime = words_model(tokens="white-space")
    text = "the mind adapts and converts"
    whole = score_words(runtime, text)
    for start in range(len(text) + 2):
        found = [word.log_probability for word in score_words(runtime, text, start=start)]
        wanted = [word.log_probability for word in whole if word.start >= start]
        assert found == pytest.approx(wanted, abs=1e-6)
