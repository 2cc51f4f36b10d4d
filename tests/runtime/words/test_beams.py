"""Beam search, compared with every continuation there is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from foretell.errors import SettingsError
from foretell.runtime.words.networks import LstmNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.writing import Pieces
from tests.runtime.words.definitions import PROMPT, log_probability, logp_after, prompt_ids

Words = Callable[..., WordsRuntime]


def expected_beams(runtime: WordsRuntime, words: int, penalty: float, stop: str) -> list[tuple[float, str]]:
    """Score every continuation there is, each ended by the stop where it has it."""
    tokenizer, prompt = runtime.tokenizer, prompt_ids(runtime)
    allowed = [id for id in range(tokenizer.size) if id not in (tokenizer.pad, tokenizer.unknown)]
    found: dict[tuple[int, ...], tuple[float, str]] = {}
    for ids in itertools.product(allowed, repeat=words):
        pieces, text, score = Pieces(tokenizer, prompt, PROMPT), "", 0.0
        for n, id in enumerate(ids, 1):
            score += logp_after(runtime, [*prompt, *ids[: n - 1]])[id]
            text += pieces.add(id)
            if stop in text or n == words:
                found[ids[:n]] = (score / n**penalty, text.partition(stop)[0])
                break
    return sorted(found.values(), key=lambda each: -each[0])


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5, -1.0])
def test_beams_of_different_lengths_are_compared_by_the_length_penalty(
    words_model: Words, penalty: float
) -> None:
    runtime = words_model(vocabulary=3)
    stop = runtime.tokenizer.word(4)
    expected = expected_beams(runtime, 3, penalty, stop)
    found = runtime.continuations(PROMPT, 5, beams=64, words=3, length_penalty=penalty, stop=stop)
    assert [each.text for each in found] == [text for _, text in expected[:5]]
    ranks = [each.log_probability / len(each.words) ** penalty for each in found if each.finished == "length"]
    assert ranks == pytest.approx(sorted(ranks, reverse=True))


@pytest.mark.parametrize(("penalty", "is_early"), [(-1.0, True), (0.0, True), (1.0, False), (3.0, False)])
@pytest.mark.parametrize("beams", [2, 3, 6])
def test_the_search_ends_as_soon_as_nothing_better_can_come(
    words_model: Words, monkeypatch: pytest.MonkeyPatch, beams: int, penalty: float, is_early: bool
) -> None:
    runtime = words_model(vocabulary=3)
    # A word that is probable enough to end beams before they have all their words.
    how: dict[str, Any] = {"beams": beams, "length_penalty": penalty, "stop": runtime.tokenizer.word(5)}
    steps = 0
    follow = LstmNetwork.follow

    def counted(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return follow(*arguments)

    monkeypatch.setattr(LstmNetwork, "follow", counted)
    found = runtime.continuations(PROMPT, words=12, **how)
    # With a penalty on short beams a longer one may still become the best.
    assert steps <= 5 if is_early else steps == 11
    monkeypatch.setattr("foretell.runtime.words.beams._is_settled", lambda *_: False)
    steps = 0
    assert runtime.continuations(PROMPT, words=12, **how) == found
    assert steps == 11


def test_the_best_beams_come_first_and_are_different(lstm: WordsRuntime) -> None:
    found = lstm.continuations(PROMPT, 4, beams=6, words=5)
    scores = [each.log_probability for each in found]
    assert scores == sorted(scores, reverse=True)
    assert len({each.text for each in found}) == 4
    assert found[0].text == "".join(lstm.complete(PROMPT, beams=6, words=5))
    with pytest.raises(SettingsError, match="n: expected at least 1, and no more than the 3 beams, found 4"):
        lstm.continuations(PROMPT, 4, beams=3)
    with pytest.raises(SettingsError, match="n: expected at least 1, found 0"):
        lstm.continuations(PROMPT, 0)


def test_enough_beams_find_the_likeliest_continuation_of_all(words_model: Words) -> None:
    runtime = words_model(vocabulary=3)
    tokenizer = runtime.tokenizer
    prompt = [tokenizer.end_of_line, *tokenizer.encode(PROMPT)]
    allowed = [word for word in range(tokenizer.size) if word not in (tokenizer.pad, tokenizer.unknown)]
    best = max(
        itertools.product(allowed, repeat=3),
        key=lambda words: log_probability(runtime, [*prompt, *words], len(prompt)),
    )
    found = "".join(runtime.complete(PROMPT, beams=len(allowed) ** 3, words=3))
    assert found.split() == tokenizer.decode(best).split()
    assert "".join(runtime.complete(PROMPT, beams=4, words=6)) == "".join(
        runtime.complete(PROMPT, beams=4, words=6, seed=9)
    )
