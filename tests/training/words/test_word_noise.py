"""Words of a training are replaced as often, and by the words, that the paper's equations say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from foretell.training.words.data import NONE, Plan, TokenFile
from foretell.training.words.word_noise import WordNoise

# 0 is always followed by 1; 1 by 2, 3, 4 and 5 in turn; each of those by 0.
TEXT = [token for k in range(40) for token in (0, 1, 2 + k % 4)]


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenFile]:
    np.save(tmp_path / "t.npy", np.array([*TEXT, 0], np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        yield file


def windows(tokens: TokenFile) -> tuple[np.ndarray, np.ndarray]:
    return Plan(len(TEXT), 4, 30).batch(tokens, 0)


def test_a_word_is_replaced_as_often_as_the_word_before_it_has_followers(tokens: TokenFile) -> None:
    ids, targets = windows(tokens)
    noise = WordNoise(tokens, 6, rate=0.95, seed=1)
    draws = [noise(ids, targets, step)[1] for step in range(2000)]
    # One follower of 40 occurrences, four of 40, and one of 10 each.
    for word, rate in ((0, 0.95 / 40), (1, 0.95 * 4 / 40), (2, 0.95 / 10)):
        rows = ids == word
        # What replaces a word may be the same word: one of nine pairs ends in 1, and in 2, but four in 0.
        same = {0: 1 / 9, 1: 1 / 9, 2: 4 / 9}[word]
        changed = np.mean([(drawn != targets)[rows] for drawn in draws])
        assert changed == pytest.approx(rate * (1 - same), rel=0.1)


def test_what_replaces_it_follows_many_words(tokens: TokenFile) -> None:
    ids, targets = windows(tokens)
    noise = WordNoise(tokens, 7, rate=0.95, seed=1)
    after_1 = np.concatenate([noise(ids, targets, step)[1][ids == 1] for step in range(2000)])
    replaced = after_1[after_1 < 2]
    # 0 follows four words, 1 one word; 6 follows none.
    assert (replaced == 0).mean() == pytest.approx(4 / 5, abs=0.03)
    assert 6 not in after_1


def test_a_word_is_replaced_where_it_is_read_and_where_it_is_predicted(tokens: TokenFile) -> None:
    ids, targets = windows(tokens)
    targets[:, -5:] = NONE
    before = ids.copy(), targets.copy()
    noise = WordNoise(tokens, 6, rate=0.95, seed=2)
    changed = 0
    for step in range(200):
        new_ids, new_targets = noise(ids, targets, step)
        assert (new_targets[:, -5:] == NONE).all()
        assert (new_ids[:, 0] == ids[:, 0]).all()
        predicted = targets[:, :-1] != NONE
        assert (new_ids[:, 1:] == new_targets[:, :-1])[predicted].all()
        changed += int((new_targets != targets).sum())
        again = noise(ids, targets, step)
        assert (again[0] == new_ids).all()
        assert (again[1] == new_targets).all()
    assert changed
    assert (ids == before[0]).all()
    assert (targets == before[1]).all()


def test_a_word_that_was_not_counted_is_as_rare_as_words_are(
    tokens: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.training.words.word_noise.MAX_COUNTED", 2)
    noise = WordNoise(tokens, 6, rate=0.5, seed=1)
    ids = np.full((100, 100), 4, np.int32)
    new_ids, targets = noise(ids, ids.copy(), 0)
    # Only the pair 0, 1 was counted: 1 replaces a half of the words.
    assert set(np.unique(targets)) == {1, 4}
    assert (targets == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert new_ids.dtype == targets.dtype == np.int32
