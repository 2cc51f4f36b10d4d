"""A language model with a cache: the same numbers whichever way it is asked, and by old graphs too."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from foretell.errors import SettingsError, UsageError
from foretell.ngrams.cache import ContinuousCache
from foretell.runtime.words.cached import CachedNetwork
from foretell.runtime.words.networks import InterpolatedNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.surprise import score_words, total

SIZE = 7
CACHE = ContinuousCache(0.8, 0.6)
TEXT = "the mind adapts the obstacle to its own\nthe impediment , to zzz action\n\nthe mind adapts the mind"


@pytest.fixture(scope="module", params=["lstm", "interpolated"])
def runtime(request: pytest.FixtureRequest) -> WordsRuntime:
    """With a projection and without a Kneser–Ney model, and the other way round."""
    opened: WordsRuntime = request.getfixturevalue(request.param)
    return WordsRuntime(dataclasses.replace(opened.model, cache=CACHE))


def by_hand(runtime: WordsRuntime, ids: list[int]) -> np.ndarray:
    """The probability of each word after `ids`, from the model and the definition of the cache."""
    network = runtime.network
    lstm = network.network if isinstance(network, InterpolatedNetwork) else network
    zero = dict(zip(lstm._names, lstm.zero_state(), strict=True))
    (hidden,) = lstm._session.run(["hidden"], {**zero, "ids": np.array([ids])})
    logits, _ = network.read(ids)
    model = np.exp(logits[0].astype(float))
    model /= model.sum()
    cached = np.zeros(len(model))
    pairs = list(zip(hidden[0], ids[1:], strict=False))[-SIZE:]
    for h, word in pairs:
        cached[word] += math.exp(CACHE.theta * float(h @ hidden[0, -1]))
    weight = CACHE.weight * len(pairs) / (len(pairs) + 64)
    return (1 - weight) * model + weight * cached / max(cached.sum(), 1e-300)


def test_next_is_the_weighted_mean_of_model_and_cache(runtime: WordsRuntime) -> None:
    for text in ("", "the mind", TEXT):
        expected = by_hand(runtime, runtime._prompt_ids(text))
        for candidate in runtime.next(text, k=runtime.tokenizer.size, cache=SIZE):
            word = runtime.tokenizer.id(candidate.word)
            assert word is not None
            assert candidate.probability == pytest.approx(expected[word], rel=1e-4)


def test_a_word_just_used_is_more_probable(runtime: WordsRuntime) -> None:
    text = "obstacle obstacle obstacle"
    plain, cached = (
        {each.word: each.probability for each in runtime.next(text, 100, cache=cache)} for cache in (0, SIZE)
    )
    assert cached["obstacle"] > plain["obstacle"]


def test_score_and_each_word_agree_however_the_text_is_cut(
    runtime: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = TEXT.split("\n")
    whole = runtime.score(lines, cache=SIZE)
    ids = [2]
    for line in lines:
        ids += [*runtime.tokenizer.encode(line), 2] if line else []
    expected = sum(math.log(by_hand(runtime, ids[:at])[ids[at]]) for at in range(1, len(ids)))
    assert whole.log_probability == pytest.approx(expected, rel=1e-4)
    words = score_words(runtime, TEXT, cache=SIZE)
    assert total(words).log_probability == pytest.approx(expected, rel=1e-4)
    later = score_words(runtime, TEXT, cache=SIZE, start=40)
    for one, other in zip(later, words[-len(later) :], strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, rel=1e-4)
    monkeypatch.setattr("foretell.runtime.words.scoring.MAX_STEPS", 3)
    assert runtime.score(lines, cache=SIZE).log_probability == pytest.approx(expected, rel=1e-4)


def test_long_prompts_are_read_from_kept_states(
    runtime: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.runtime.words.cached.PROMPT_CHUNK", 4)
    network = runtime.network_for(SIZE)
    assert isinstance(network, CachedNetwork)
    ids = [2, *runtime.tokenizer.encode(TEXT.replace("\n", " "))]
    for length in (1, 4, 5, 8, 9, len(ids)):
        for _ in range(2):
            logps, _ = network.read(ids[:length])
            np.testing.assert_allclose(np.exp(logps[0]), by_hand(runtime, ids[:length]), atol=1e-5)


def test_completions_use_the_cache_and_end_as_without(runtime: WordsRuntime) -> None:
    for options in ({"temperature": 0}, {"seed": 5}):
        (written,) = runtime.continuations("the mind", 1, words=5, cache=SIZE, **options)
        ids = runtime._prompt_ids("the mind")
        for word in written.words:
            id = runtime.tokenizer.end_of_line if word.word == "<eos>" else runtime.tokenizer.id(word.word)
            assert id is not None
            assert word.log_probability == pytest.approx(math.log(by_hand(runtime, ids)[id]), rel=1e-3)
            ids.append(id)
    (begun,) = runtime.continuations("the mind ada", 1, words=1, unfinished=True, cache=SIZE, seed=1)
    assert begun.text == "pts"


def test_a_cache_out_of_range_is_an_error(lstm: WordsRuntime, article_words: WordsRuntime) -> None:
    for size in (-1, 10_001):
        with pytest.raises(SettingsError, match="10,000"):
            lstm.next("the mind", cache=size)
        with pytest.raises(SettingsError, match="10,000"):
            list(lstm.complete("the mind", cache=size))
        with pytest.raises(SettingsError, match="10,000"):
            lstm.score(["the mind"], cache=size)
    with pytest.raises(UsageError, match="article"):
        article_words.next("the mind adapts", cache=5)
