"""A language model with an n-gram model as a part of its answer: the same numbers whichever way asked."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.artifacts import manifest
from foretell.errors import ArtifactError
from foretell.runtime.words.networks import InterpolatedNetwork, LstmNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.sampling import log_softmax
from foretell.runtime.words.surprise import score_words, total

SHARES = (0.1, 0.3, 0.6, 0.8)


def ids_of(runtime: WordsRuntime) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, runtime.tokenizer.size - 1), min_size=1, max_size=200)


def by_hand(runtime: WordsRuntime, ids: list[int]) -> np.ndarray:
    """The probability of each word after `ids`, from the two models as they lie in the directory."""
    network = runtime.network
    assert isinstance(network, InterpolatedNetwork)
    logits, _ = network.network.read(ids)
    ngrams = runtime.model.kneser_ney
    assert ngrams is not None
    each = [ngrams.probabilities(np.array([*ids, word])) for word in range(ngrams.size)]
    share = SHARES[each[0][1][-1]]
    of_kneser_ney = np.array([probabilities[-1] for probabilities, _ in each])
    return (1 - share) * np.exp(log_softmax(logits[0])) + share * of_kneser_ney


def test_next_is_the_weighted_mean_of_both(interpolated: WordsRuntime) -> None:
    for text in ("", "the mind adapts", "the mind adapts the", "zzz the impediment", "a\nthe mind"):
        expected = by_hand(interpolated, interpolated._prompt_ids(text))
        found = interpolated.next(text, k=interpolated.tokenizer.size)
        assert len(found) == interpolated.tokenizer.size - 2
        for candidate in found:
            word = interpolated.tokenizer.id(candidate.word)
            assert word is not None
            assert candidate.probability == pytest.approx(expected[word], rel=1e-4)


def test_a_phrase_of_the_training_text_goes_on_as_it_went_there(interpolated: WordsRuntime) -> None:
    assert interpolated.next("its own purposes the obstacle", 1)[0].word == "to"
    network_alone = WordsRuntime(dataclasses.replace(interpolated.model, interpolation=None))
    assert isinstance(network_alone.network, LstmNetwork)
    assert network_alone.next("the mind", 1) != interpolated.next("the mind", 1)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_one_by_one_or_all_at_once_the_numbers_are_the_same(
    interpolated: WordsRuntime, data: st.DataObject
) -> None:
    network, ids = interpolated.network, data.draw(ids_of(interpolated))
    assert isinstance(network, InterpolatedNetwork)
    cut = data.draw(st.integers(0, len(ids)))
    logits, state = None, network.zero_state()
    if cut:
        logits, state = network.advance(np.array([ids[:cut]]), state)
    for word in ids[cut:]:
        logits, state = network.follow(np.array([word]), state)
        logits = logits[:, None]
    assert logits is not None
    read, after = network.read(ids)
    np.testing.assert_allclose(logits[:, -1], read, atol=1e-4)
    for one, other in zip(state, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(np.exp(read).sum(), 1, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_text_is_told_in_chunks_as_word_by_word(interpolated: WordsRuntime, data: st.DataObject) -> None:
    network, ids = interpolated.network, np.array([2, *data.draw(ids_of(interpolated))])
    assert isinstance(network, InterpolatedNetwork)
    cut = data.draw(st.integers(1, len(ids) - 1))
    first, state = network.score_later(ids[: cut + 1], network.zero_state())
    told = list(first())
    if cut < len(ids) - 1:
        rest, state = network.score_later(ids[cut:], state)
        told += list(rest())
    whole, _ = network.advance(ids[None, :-1], network.zero_state())
    expected = whole[0, np.arange(len(ids) - 1), ids[1:]]
    np.testing.assert_allclose(told, expected, atol=1e-4)


def test_score_surprise_and_next_agree(interpolated: WordsRuntime) -> None:
    text = "the mind adapts the obstacle to its own\nthe impediment , to zzz action\n\nthe mind"
    score = interpolated.score(text.split("\n"))
    words = score_words(interpolated, text, top=3)
    assert total(words).log_probability == pytest.approx(score.log_probability, rel=1e-4)
    for prompt, followed, word in zip(
        ["", "the", "the mind"], ["the", "mind", "adapts"], words, strict=False
    ):
        found = by_hand(interpolated, interpolated._prompt_ids(prompt))
        id = interpolated.tokenizer.id(followed)
        assert id is not None
        assert word.log_probability == pytest.approx(math.log(found[id]), rel=1e-3)
        assert word.top[0].probability == pytest.approx(found.max(), rel=1e-3)


def test_a_changed_n_gram_file_is_seen(interpolated: WordsRuntime, tmp_path: Path) -> None:
    path = Path(shutil.copytree(interpolated.path, tmp_path / "m"))
    content = bytearray((path / manifest.KNESER_NEY).read_bytes())
    content[-1] ^= 1
    (path / manifest.KNESER_NEY).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"kneser_ney\.safetensors"):
        WordsRuntime.open(path)
