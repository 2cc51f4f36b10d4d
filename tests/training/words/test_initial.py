"""The embeddings that a new language model starts from."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import math
from pathlib import Path

import numpy as np

from foretell.networks.words import LstmNetwork
from foretell.training.words import initial
from foretell.training.words.token_file import TokenFile
from tests.training.words.small import SMALL


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    """Twelve words in two groups, the next one mostly of the same group; and one that occurs
    once.
    """
    rng = np.random.default_rng(0)
    ids = np.repeat(rng.integers(0, 2, 400), 10) * 6 + rng.zipf(2, 4_000) % 6
    ids[7] = 12
    ids.astype(np.uint16).tofile(tmp_path / "t.uint16")
    return TokenFile(tmp_path / "t.uint16")


def test_words_with_similar_neighbours_have_similar_embeddings(tokens: TokenFile) -> None:
    network = LstmNetwork(SMALL, 14)
    before = network.embedding.embeddings.numpy()
    initial.initialise(network, tokens, math.inf)
    found = network.embedding.embeddings.numpy()
    np.testing.assert_array_equal(found[13], before[13])
    assert np.corrcoef(found[12], before[12])[0, 1] > 0.8
    unit = found[:12] / np.linalg.norm(found[:12], axis=1, keepdims=True)
    alike = unit @ unit.T
    group = np.arange(12) // 6
    same = group[:, None] == group
    assert alike[same].min() > alike[~same].max()


def test_of_a_large_vocabulary_the_rare_words_keep_their_embeddings(
    tokens: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial, "_MAX_INITIALISED", 6)
    network = LstmNetwork(SMALL, 14)
    before = network.embedding.embeddings.numpy()
    initial.initialise(network, tokens, math.inf)
    changed = (network.embedding.embeddings.numpy() != before).any(axis=1)
    assert changed.tolist() == [True] * 6 + [False] * 8


def test_a_continued_network_keeps_its_words_and_no_new_word_is_likelier_than_all() -> None:
    rng = np.random.default_rng(3)
    old, fresh = (
        {
            "embedding": rng.normal(0, 0.1, (n, 5)).astype(np.float32),
            "output/bias": rng.normal(size=n).astype(np.float32),
            "lstm": np.full(2, n),
        }
        for n in (40, 44)
    )
    found = initial.continued_weights(fresh, old)
    np.testing.assert_array_equal(found["lstm"], old["lstm"])
    for name in ("embedding", "output/bias"):
        assert len(found[name]) == 44
        np.testing.assert_array_equal(found[name][:40], old[name])
    assert (found["output/bias"][40:] < np.median(old["output/bias"])).all()
    np.testing.assert_allclose(
        found["embedding"][40:], [old["embedding"].mean(axis=0)] * 4, atol=0.1
    )
