"""Language models whose tokens are parts of words: no text has an unknown word, and tokens are not
words.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from foretell.runtime.words.predictor import WordsRuntime
from foretell.text.tokenizer import Tokenizer
from tests.builders import TEXT
from tests.runtime.words.definitions import log_probability, stream_of

Words = Callable[..., WordsRuntime]
SPLIT = Tokenizer.without_words("words", lowercase=False).runs

LINES = ["the mind adapts , and", "the obstacle café 酒店 👩‍👩‍👧", " zebra  x", "   ", "don't"]


@pytest.fixture(scope="module", params=["subword", "char"])
def model(
    request: pytest.FixtureRequest, open_vocabulary: Callable[[str], WordsRuntime]
) -> WordsRuntime:
    return open_vocabulary(request.param)


@pytest.fixture(scope="module")
def subwords(words_model: Words) -> WordsRuntime:
    return words_model(tokens="subword", text=f"{TEXT}\n{TEXT}\nthe mind adapts")


def test_a_score_is_that_of_all_tokens(model: WordsRuntime) -> None:
    score = model.score(LINES)
    kept = [line for line in LINES if line.strip()]
    ids = stream_of(model, kept)
    assert score.tokens == len(ids) - 1
    assert score.unknown == 0
    assert score.log_probability == pytest.approx(log_probability(model, ids), rel=1e-5)
    # Words are those of the style "words", whatever the tokens are.
    assert score.words == sum(len(SPLIT(line)) for line in kept)
    assert score.bytes == sum(len(line.encode()) + 1 for line in kept)
    assert score.bits_per_byte == pytest.approx(-score.log_probability / math.log(2) / score.bytes)
    assert score.perplexity == pytest.approx(math.exp(-score.log_probability / score.tokens))


def test_next_tokens_are_neither_bytes_nor_specials(model: WordsRuntime) -> None:
    candidates = model.next("the mind", k=1000)
    words = [each.word for each in candidates]
    assert len(words) == model.tokenizer.size - 2 - 256
    assert not {"<pad>", "<unk>", "<0x41>"} & set(words)
    assert sum(each.probability for each in candidates) < 1


def test_after_a_space_subwords_begin_with_it(subwords: WordsRuntime) -> None:
    candidates = subwords.next("the mind ", k=1000)
    assert all(each.word.startswith(" ") for each in candidates)
    assert sum(each.probability for each in candidates) == pytest.approx(1)
    free = {each.word: each.probability for each in subwords.next("the mind", k=1000)}
    of_space = sum(p for word, p in free.items() if word.startswith(" "))
    for each in candidates:
        assert each.probability == pytest.approx(free[each.word] / of_space, rel=1e-4)


def test_an_unfinished_subword_is_ended(subwords: WordsRuntime) -> None:
    words = {each.word for each in subwords.next("to the m", k=1000, unfinished=True)}
    assert " mind" in words or any(word.startswith(" m") for word in words)
    assert all(word.startswith(" m") for word in words)
    # Without a longer subword the next token continues the word.
    assert len(subwords.next("to zqx", k=5, unfinished=True)) == 5
    written = "".join(subwords.complete("to the m", words=1, unfinished=True, seed=1))
    assert not written.startswith((" ", "m"))


@pytest.mark.parametrize("prompt", ["", "the mind", "the mind ", "the mind\n", "酒店 the"])
@pytest.mark.parametrize("words", [1, 4])
def test_words_are_counted_as_words(model: WordsRuntime, prompt: str, words: int) -> None:
    for seed in range(2):
        how = {"words": words, "seed": seed}
        (found,) = model.continuations(prompt, **how)
        assert len(SPLIT(found.text)) <= words
        is_cut = len(found.words) == words * 32
        assert is_cut or len(SPLIT(found.text)) == words
        assert found.finished == "length"
        assert "".join(model.complete(prompt, **how)) == found.text
        stop = found.text[len(found.text) // 2 :][:2] or " "
        stopped = "".join(model.complete(prompt, **how, stop=stop))
        assert stopped == found.text.partition(stop)[0]


def test_bytes_are_written_only_if_asked_for(model: WordsRuntime) -> None:
    names = [each.word for each in model.write("the", words=200, seed=2, max_tokens=150)]
    assert not [name for name in names if name.startswith("<0x")]
    names = [
        each.word
        for seed in range(2)
        for each in model.write("the", words=200, seed=seed, max_tokens=150, avoid_unknown=False)
    ]
    assert [name for name in names if name.startswith("<0x")]
