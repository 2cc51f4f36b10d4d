"""The network with the Kneser–Ney model and the cache, and states that are kept: the same
numbers.
"""

from __future__ import annotations

import dataclasses
import math
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import SettingsError, UsageError
from foretell.ngrams.cache import ContinuousCache
from foretell.runtime.session import Session
from foretell.runtime.words import networks as word_networks
from foretell.runtime.words.cached import CachedNetwork
from foretell.runtime.words.networks import MAX_STATES, InterpolatedNetwork, LstmNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.sampling import log_softmax
from foretell.runtime.words.surprise import score_words, total

SHARES = (0.1, 0.3, 0.6, 0.8)
SIZE = 7
CACHE = ContinuousCache(0.8, 0.6)
TEXT = (
    "the mind adapts the obstacle to its own\nthe impediment , to zzz action\n\nthe mind "
    "adapts the mind"
)


def ids_of(runtime: WordsRuntime) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, runtime.tokenizer.size - 1), min_size=1, max_size=200)


@pytest.fixture(scope="module", params=["lstm", "interpolated"])
def runtime(request: pytest.FixtureRequest) -> WordsRuntime:
    """With a projection and without a Kneser–Ney model, and the other way round; both with a
    cache.
    """
    opened: WordsRuntime = request.getfixturevalue(request.param)
    return WordsRuntime(dataclasses.replace(opened.model, cache=CACHE))


def by_hand(runtime: WordsRuntime, ids: list[int], size: int = 0) -> np.ndarray:
    """The probability of each word after `ids`, by the definitions of the parts; `size`: of the
    cache.
    """
    network = runtime.network
    lstm = network.network if isinstance(network, InterpolatedNetwork) else network
    zero = dict(zip(lstm._names, lstm.zero_state()[1:], strict=True))
    logits, (hidden,) = lstm._session.run(["logits", "hidden"], {**zero, "ids": np.array([ids])})
    found = np.exp(log_softmax(logits[0, -1].astype(float)))
    if (ngrams := runtime.model.kneser_ney) is not None:
        each = [ngrams.probabilities(np.array([*ids, word])) for word in range(ngrams.size)]
        share = SHARES[each[0][1][-1]]
        found = (1 - share) * found + share * np.array(
            [probabilities[-1] for probabilities, _ in each]
        )
    cached = np.zeros(len(found))
    pairs = list(zip(hidden, ids[1:], strict=False))[-size:] if size else []
    for h, word in pairs:
        cached[word] += math.exp(CACHE.theta * float(h @ hidden[-1]))
    weight = CACHE.weight * len(pairs) / (len(pairs) + 64)
    return (1 - weight) * found + weight * cached / max(cached.sum(), 1e-300)


@pytest.mark.parametrize("size", [0, SIZE])
def test_next_is_the_weighted_mean_of_both(runtime: WordsRuntime, size: int) -> None:
    """Of network and Kneser–Ney model, and of these and the cache."""
    for text in (
        "",
        "the mind adapts",
        "the mind adapts the",
        "zzz the impediment",
        "a\nthe mind",
        TEXT,
    ):
        expected = by_hand(runtime, runtime._prompt_ids(text), size)
        found = runtime.next(text, k=runtime.tokenizer.size, cache=size)
        ids = [runtime.tokenizer.id(candidate.word) for candidate in found]
        assert sorted(ids) == sorted({*range(runtime.tokenizer.size)} - {runtime.tokenizer.pad, 1})
        np.testing.assert_allclose([each.probability for each in found], expected[ids], rtol=1e-4)
        assert found == sorted(found, key=lambda candidate: -candidate.probability)


@pytest.mark.parametrize("size", [0, SIZE])
def test_score_surprise_and_next_agree(
    runtime: WordsRuntime, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the text is cut."""
    lines = TEXT.split("\n")
    ids = [2]
    for line in lines:
        ids += [*runtime.tokenizer.encode(line), 2] if line else []
    each = [by_hand(runtime, ids[:at], size) for at in range(1, len(ids))]
    expected = sum(math.log(found[id]) for found, id in zip(each, ids[1:], strict=True))
    assert runtime.score(lines, cache=size).log_probability == pytest.approx(expected, rel=1e-4)
    words = score_words(runtime, TEXT, top=3, cache=size)
    assert total(words).log_probability == pytest.approx(expected, rel=1e-4)
    assert words[0].top[0].probability == pytest.approx(each[0].max(), rel=1e-3)
    later = score_words(runtime, TEXT, cache=size, start=40)
    for one, other in zip(later, words[-len(later) :], strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, rel=1e-4)
    monkeypatch.setattr("foretell.runtime.words.scoring.MAX_STEPS", 3)
    assert runtime.score(lines, cache=size).log_probability == pytest.approx(expected, rel=1e-4)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_one_by_one_or_all_at_once_the_numbers_are_the_same(
    interpolated: WordsRuntime, data: st.DataObject
) -> None:
    network = interpolated.network
    ids = data.draw(ids_of(interpolated))
    assert isinstance(network, InterpolatedNetwork)
    cut = data.draw(st.integers(0, len(ids)))
    logits = None
    state = network.zero_state()
    if cut:
        logits, state = network.advance(np.array([ids[:cut]]), state)
    for word in ids[cut:]:
        logits, state = network.follow(np.array([word]), state)
        logits = logits[:, None]
    assert logits is not None
    read, after = network.read(ids)
    np.testing.assert_allclose(logits[:, -1], read, atol=1e-4)
    for one, other in zip(state[1:], after[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(np.exp(read).sum(), 1, atol=1e-4)
    # Scored in two chunks.
    text = np.array([2, *ids])
    scored = []
    state = network.zero_state()
    for chunk in (text[: cut + 1], text[cut:]):
        if len(chunk) > 1:
            later, state = network.score_later(chunk, state)
            scored += list(later())
    whole, _ = network.advance(text[None, :-1], network.zero_state())
    np.testing.assert_allclose(scored, whole[0, np.arange(len(ids)), text[1:]], atol=1e-4)


CHUNK = 4
SLOW = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

Edits = list[tuple[int, list[int]]]


class Counting:
    """A session that counts the steps it reads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs = session.inputs
        self.outputs = session.outputs
        self.steps = 0

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
        self.steps += inputs["ids"].shape[1]
        return self._session.run(outputs, inputs)


@pytest.fixture
def counting(lstm: WordsRuntime) -> Counting:
    return Counting(lstm.network._session)


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_networks, "PROMPT_CHUNK", CHUNK)


def _same(one: LstmNetwork, ids: list[int]) -> bool:
    """Whether a network reads as one does that has read nothing before."""
    (logits, state), (fresh, after) = one.read(ids), LstmNetwork(one._session).read(ids)
    return all(
        np.array_equal(*each) for each in zip((logits, *state), (fresh, *after), strict=True)
    )


@pytest.mark.usefixtures("short_chunks")
@SLOW
@given(
    st.lists(st.tuples(st.integers(0, 60), st.lists(st.integers(3, 15), max_size=14)), max_size=12)
)
def test_what_was_read_before_changes_no_number(lstm: WordsRuntime, edits: Edits) -> None:
    """Each text is the one before, cut somewhere and gone on with."""
    network = LstmNetwork(lstm.network._session)
    ids = [2]
    for cut, more in edits:
        ids = [*ids[: max(1, cut)], *more]
        assert _same(network, ids)
        assert len(network.states) <= MAX_STATES


def test_a_text_that_goes_on_is_read_from_there(counting: Counting) -> None:
    network = LstmNetwork(counting)
    draw = random.Random(7)
    ids = draw.choices(range(3, 15), k=2000)
    network.read(ids)
    assert counting.steps == 2000
    for more in range(1, 300):
        counting.steps = 0
        ids.append(draw.randrange(3, 15))
        network.read(ids)
        # What a chunk may hold, and the word that has just filled it.
        assert counting.steps <= word_networks.PROMPT_CHUNK + 1, more
    # One word less, as for an unfinished one, is no other text.
    counting.steps = 0
    network.read(ids[:-1])
    assert counting.steps <= word_networks.PROMPT_CHUNK


def test_few_states_are_kept_however_much_is_read(counting: Counting) -> None:
    network = LstmNetwork(counting)
    draw = random.Random(7)
    for _ in range(2 * MAX_STATES):
        network.read(draw.choices(range(3, 15), k=300))
    assert len(network.states) == MAX_STATES
    held = [part.nbytes for state in network.states._states.values() for part in state]
    # h and c of two layers of 8 units, and nothing behind them.
    assert sum(held) == MAX_STATES * 4 * 8 * 4
    assert all(part.base is None for state in network.states._states.values() for part in state)
    assert {len(key) for key in network.states._states} == {16}


@pytest.mark.usefixtures("short_chunks")
def test_several_threads_may_read_at_once(
    lstm: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More texts than states, so that each thread keeps dropping what others are about to find."""
    network = LstmNetwork(lstm.network._session)
    draw = random.Random(7)
    monkeypatch.setattr(word_networks, "MAX_STATES", 3)
    texts = [draw.choices(range(3, 15), k=30) for _ in range(6)]
    wanted = [LstmNetwork(network._session).read(text)[0] for text in texts]
    begin = threading.Barrier(6)

    def read(at: int) -> bool:
        begin.wait(10)
        return all(np.array_equal(network.read(texts[at])[0], wanted[at]) for _ in range(60))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(read, range(6)))
    assert len(network.states) <= 3


def test_long_prompts_are_read_in_chunks_and_a_cache_has_a_bound(
    runtime: WordsRuntime, article_words: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.runtime.words.cached.PROMPT_CHUNK", 4)
    network = runtime.network_for(SIZE)
    assert isinstance(network, CachedNetwork)
    ids = [2, *runtime.tokenizer.encode(TEXT.replace("\n", " "))]
    for length in (1, 4, 5, 8, 9, len(ids)):
        logps, state = network.read(ids[:length])
        # What nothing was read into takes no memory.
        assert state[0].shape[1] == state[1].shape[1] <= min(length, SIZE) + 1
        np.testing.assert_allclose(
            np.exp(logps[0]), by_hand(runtime, ids[:length], SIZE), atol=1e-5
        )
    for size in (-1, 10_001):
        with pytest.raises(SettingsError, match="10,000"):
            runtime.network_for(size)
    with pytest.raises(UsageError, match="article"):
        article_words.network_for(5)


def test_completions_use_the_cache_and_end_as_without(runtime: WordsRuntime) -> None:
    for options in ({"temperature": 0}, {"seed": 5}):
        (written,) = runtime.continuations("the mind", 1, words=5, cache=SIZE, **options)
        ids = runtime._prompt_ids("the mind")
        for word in written.words:
            id = (
                runtime.tokenizer.end_of_line
                if word.word == "<eos>"
                else runtime.tokenizer.id(word.word)
            )
            assert id is not None
            expected = math.log(by_hand(runtime, ids, SIZE)[id])
            assert word.log_probability == pytest.approx(expected, rel=1e-3)
            ids.append(id)
    (begun,) = runtime.continuations(
        "the mind ada", 1, words=1, unfinished=True, cache=SIZE, seed=1
    )
    assert begun.text == "pts"
