from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from builders import decoded

from foretell.errors import DataError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words import sampling
from foretell.runtime.words.predictor import Endings, WordsRuntime
from foretell.text.styles import Style
from foretell.text.tokenizer import Tokenizer
from tests.runtime.words.definitions import PROMPT, logp_after

Words = Callable[..., WordsRuntime]


def text_of(runtime: WordsRuntime, prompt: str = PROMPT, **how: Any) -> str:
    return "".join(runtime.complete(prompt, **how))


@pytest.mark.parametrize("penalty", [1.0, 1.8])
def test_temperature_zero_is_greedy_and_carries_its_state(
    lstm: WordsRuntime, penalty: float
) -> None:
    tokenizer = lstm.tokenizer
    ids = [tokenizer.end_of_line, *tokenizer.encode(PROMPT)]
    start = len(ids)
    for _ in range(40):
        logp = sampling.penalize_repetition(logp_after(lstm, ids), np.array(ids), penalty)
        logp[[tokenizer.pad, tokenizer.unknown]] = -np.inf
        ids.append(int(logp.argmax()))
    whole = decoded(tokenizer, ids[1:])
    pieces = list(lstm.complete(PROMPT, words=40, temperature=0, repetition_penalty=penalty))
    assert len(pieces) == len(ids) - start
    assert PROMPT + "".join(pieces) == whole


def test_unknown_words_are_avoided_until_asked_for(lstm: WordsRuntime) -> None:
    many: dict[str, Any] = {"words": 400, "seed": 1, "temperature": 3.0}
    assert "<unk>" not in text_of(lstm, **many)
    assert "<unk>" in text_of(lstm, avoid_unknown=False, **many)
    assert "<pad>" not in text_of(lstm, avoid_unknown=False, **many)
    assert not {"<pad>", "<unk>"} & {each.word for each in lstm.next(PROMPT, k=1000)}
    joined = text_of(lstm, "the mind", temperature=0)
    assert text_of(lstm, "the mind ", temperature=0) == joined.lstrip(" ")


def test_the_article_reads_windows_of_three_known_words(article_words: WordsRuntime) -> None:
    assert article_words.next("the mind adapts") == article_words.next("unheard of the mind adapts")
    with pytest.raises(DataError, match=r"at least 3 words, found 2"):
        article_words.next("the mind")
    with pytest.raises(DataError, match="'zebra'"):
        article_words.complete("the mind zebra and converts")
    assert len(text_of(article_words, words=7).split()) == 7


def test_a_classifier_is_refused(any_labels: LabelsRuntime) -> None:
    with pytest.raises(UsageError, match="expected a model for words, found one for labels"):
        WordsRuntime(any_labels.path)


def test_each_further_word_takes_about_a_millisecond(words_model: Words) -> None:
    many = " ".join(f"w{i}" for i in range(10_000))
    runtime = words_model(text=many, units=256, embedding_size=256)

    def seconds() -> float:
        start = time.thread_time()
        text_of(runtime, "w1 w2", words=100, seed=1, top_k=40)
        return time.thread_time() - start

    assert min(seconds() for _ in range(10)) / 100 < 2e-3  # on slow machines, too


TEXT = "the obstacle then there theory don't can't caf\u00e9 mind may mail my <unk> , ."
OTHER = "我很高兴用Python。กากำลังกัน ก"


def endings(
    text: str = TEXT, style: Style = "words", *, lowercase: bool = False
) -> tuple[Endings, Tokenizer]:
    tokenizer = Tokenizer.train([text], style, lowercase=lowercase, vocabulary=100)
    return Endings(tokenizer), tokenizer


@pytest.mark.parametrize(
    ("how", "text", "before", "begun", "expected"),
    [
        ({}, "the obsta", "the ", "obsta", {"obstacle"}),
        ({}, "the", "", "the", {"the", "then", "there", "theory"}),
        ({}, "(the-obsta", "(the-", "obsta", {"obstacle"}),
        ({}, "I don'", "I ", "don'", {"don't"}),
        ({}, "cafe\u0301", "", "caf\u00e9", {"caf\u00e9"}),
        ({"lowercase": True}, "The OBSTA", "The ", "obsta", {"obstacle"}),
        ({"style": "white-space"}, "the <un", "the ", "<un", {"<unk>"}),
        # Nothing is unfinished.
        ({}, "", "", "", set()),
        ({}, "\U0001f642", "\U0001f642", "", set()),
        (
            {},
            "a" * 2000 + "-" * 2000 + "m",
            "a" * 2000 + "-" * 2000,
            "m",
            {"mind", "may", "mail", "my"},
        ),
        # A character of these scripts is a word: finished, unless the vocabulary has it with marks.
        ({"text": OTHER}, "我很高", "我很高", "", set()),
        ({"text": OTHER}, "กา ภาก", "กา ภา", "ก", {"ก", "กำ", "กั"}),
        ({"text": OTHER}, "用Py", "用", "Py", {"Python"}),
    ],
)
def test_a_text_is_parted_from_its_unfinished_word(
    how: dict[str, Any], text: str, before: str, begun: str, expected: set[str]
) -> None:
    known, tokenizer = endings(**how)
    found = known.split(text)
    assert found[:2] == (before, begun)
    assert {tokenizer.word(id) for id in found[2].tolist()} == expected


def test_next_weighs_the_endings_by_the_model(lstm: WordsRuntime) -> None:
    found = lstm.next("the mind a", k=10, unfinished=True)
    begun = {lstm.tokenizer.word(id) for id in range(3, lstm.tokenizer.size)}
    begun = {word for word in begun if word.startswith("a")}
    assert {candidate.word for candidate in found} == begun
    assert len(begun) > 2
    assert sum(candidate.probability for candidate in found) == pytest.approx(1)
    all_next = {each.word: each.probability for each in lstm.next("the mind ", k=1000)}
    total = sum(all_next[word] for word in begun)
    for candidate in found:
        assert candidate.probability == pytest.approx(all_next[candidate.word] / total, rel=1e-6)
    assert found == sorted(found, key=lambda candidate: -candidate.probability)
    assert len(lstm.next("the mind a", k=1, unfinished=True)) == 1


def test_complete_goes_on_within_the_word(lstm: WordsRuntime) -> None:
    pieces = list(lstm.complete("the obsta", unfinished=True, seed=1, words=4))
    assert (pieces[0], len(pieces)) == ("cle", 4)
    # A word that nothing begins with is finished.
    for text in ("the xyz", "the mind ", "the mind.", ""):
        whole = list(lstm.complete(text, unfinished=True, seed=1, words=3))
        assert whole == list(lstm.complete(text, seed=1, words=3))
    (found,) = lstm.continuations("the mind ob", unfinished=True, words=1)
    assert (found.text, found.words[0].word) == ("stacle", "obstacle")
    logits, _ = lstm.network.read([2, *lstm.tokenizer.encode("the mind")])
    logp = sampling.log_softmax(logits[0])
    assert found.log_probability == pytest.approx(logp[lstm.tokenizer.id("obstacle")], abs=1e-4)
