"""Continuations: their ends, their log-probabilities, their seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import SettingsError
from foretell.runtime.words.completion import CompletionOptions
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.writing import Pieces, Sampled, WordCount, Writing, begun_at_end
from tests.runtime.words.definitions import PROMPT, logp_after, prompt_ids

Words = Callable[..., WordsRuntime]
WARM = settings(deadline=None, max_examples=10)


def test_log_probabilities_are_the_models_own(lstm: WordsRuntime) -> None:
    how = {"temperature": 0.3, "top_k": 5, "repetition_penalty": 1.5, "words": 8, "seed": 2}
    (found,) = lstm.continuations(PROMPT, alternatives=3, **how)
    ids = prompt_ids(lstm)
    for written in found.words:
        logp = logp_after(lstm, ids)
        id = lstm.tokenizer.id(written.word)
        assert id is not None
        assert written.log_probability == pytest.approx(logp[id], abs=1e-4)
        logp[[lstm.tokenizer.pad, lstm.tokenizer.unknown]] = -np.inf
        best = np.argsort(-logp, kind="stable")[:3].tolist()
        assert [c.word for c in written.likeliest] == [lstm.tokenizer.word(other) for other in best]
        for candidate, other in zip(written.likeliest, best, strict=True):
            assert candidate.probability == pytest.approx(math.exp(logp[other]), abs=1e-5)
        ids.append(id)
    assert found.log_probability == pytest.approx(sum(w.log_probability for w in found.words))


def test_each_sample_is_what_its_seed_gives(lstm: WordsRuntime) -> None:
    found = lstm.continuations(PROMPT, 4, seed=7, words=9)
    assert [each.text for each in found] == [
        "".join(lstm.complete(PROMPT, seed=seed, words=9)) for seed in (7, 8, 9, 10)
    ]
    assert found == lstm.continuations(PROMPT, 4, seed=7, words=9)
    assert len({each.text for each in lstm.continuations(PROMPT, 4, words=9)}) > 1


@WARM
@given(
    seed=st.integers(0, 99),
    how=st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.floats(0, 2),
            "top_k": st.integers(0, 5),
            "top_p": st.floats(0.1, 1),
            "min_p": st.floats(0, 0.5),
            "repetition_penalty": st.floats(1, 2),
            "stop": st.just(["mind"]),
            "avoid_unknown": st.booleans(),
            "unfinished": st.booleans(),
        },
    ),
)
def test_the_same_seed_gives_the_same_text_however_it_is_asked_for(
    lstm: WordsRuntime, seed: int, how: dict[str, Any]
) -> None:
    texts = {"".join(lstm.complete(PROMPT, seed=seed, words=6, **how)) for _ in range(2)}
    texts |= {each.text for each in lstm.continuations(PROMPT, 1, seed=seed, words=6, **how)}
    assert len(texts) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"words": 0},
        {"seed": -1},
        {"alternatives": -1},
        {"stop": ""},
        {"stop": ["fine", ""]},
        *({"temperature": value} for value in (-1, math.nan, math.inf)),
        *({"top_p": value} for value in (0, 1.5)),
        *({"min_p": value} for value in (-0.1, 2)),
        {"top_k": -1},
        {"repetition_penalty": 0},
    ],
)
def test_values_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong)).replace("_", "-")):
        CompletionOptions(**wrong)


STOPS = st.lists(st.text(" amnidthe.,\n", min_size=1, max_size=6), min_size=1, max_size=3)


@WARM
@given(ids=st.lists(st.integers(2, 18), max_size=20), stop=STOPS)
def test_a_stop_ends_the_text_where_the_first_of_them_begins(
    lstm: WordsRuntime, ids: list[int], stop: list[str]
) -> None:
    tokenizer = lstm.tokenizer
    pieces = [Pieces(tokenizer, [], "x") for _ in range(2)]
    whole = "".join(pieces[0].add(id) for id in ids)
    writing = Writing((Sampled(id, -1.0) for id in ids), pieces[1], tokenizer, stop)
    found = writing.whole()
    ends = [whole.find(each) for each in stop if each in whole]
    assert found.text == (whole[: min(ends)] if ends else whole)
    assert found.finished == ("stop" if ends else "length")
    assert "".join(word.text for word in found.words) == found.text
    assert [word.word for word in found.words] == [
        tokenizer.word(id) for id in ids[: len(found.words)]
    ]
    assert all(word.text for word in found.words)


def test_of_several_stops_the_first_in_the_text_counts_and_the_longest_beginning_waits(
    lstm: WordsRuntime,
) -> None:
    tokenizer = lstm.tokenizer
    sampled = [Sampled(id, -1.0) for id in tokenizer.encode("the mind")]
    writing = Writing(iter(sampled), Pieces(tokenizer, [], "x"), tokenizer, ["nd", "i"])
    assert writing.whole().text == "the m"
    assert begun_at_end("xaba", ["b", "abab"]) == 3


@WARM
@given(ids=st.lists(st.integers(2, 18), max_size=20), stop=STOPS)
def test_a_word_is_given_as_soon_as_no_stop_can_begin_in_it(
    lstm: WordsRuntime, ids: list[int], stop: list[str]
) -> None:
    pieces = Pieces(lstm.tokenizer, [], "x")
    read = [""]

    def chosen() -> Any:
        for id in ids:
            read.append(read[-1] + pieces.copy().add(id))
            yield Sampled(id, 0.0)

    def could_stop(text: str, before: int) -> bool:
        return any(
            each.startswith(text[start:])
            for each in stop
            for start in range(min(before, len(text)))
        )

    writing = Writing(chosen(), pieces, lstm.tokenizer, stop)
    for k, _ in enumerate(writing, 1):
        end = len(read[k])
        assert all(could_stop(text, end) for text in read[k:-1])
        has_ended = any(each in read[-1] for each in stop) or len(read) > len(ids)
        assert has_ended or not could_stop(read[-1], end)


def test_a_word_without_an_end_takes_time_that_grows_with_its_length() -> None:
    for before in ("", "(", "a,"):
        count = WordCount(5)
        began = time.process_time()
        assert not any(count.is_complete_before(piece) for piece in [before, *["ж"] * 6_000])
        assert time.process_time() - began < 10
