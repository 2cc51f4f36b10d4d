"""The surprise of each word: what a score is the sum of."""

from __future__ import annotations

import math

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.runtime.surprise import score_words
from foretell.runtime.words import WordsRuntime

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
